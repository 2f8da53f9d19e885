//! A station says that it holds an address, or a protocol hints at it: the binding is weighed, and a move is reported with
//! its reason.

use std::net::IpAddr;

use crate::inventory::correlator::dispute;
use crate::inventory::correlator::related::is_same_balancer;
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::{Detail, Event, Kind, Reason, Severity};
use crate::inventory::memory::binding::{ClaimOutcome, MoveKind, PreviousHolder, Weight};
use crate::inventory::model::prefix;
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::types::Mac;

impl Correlator {
    /// A station was heard.
    pub(super) fn hear(&mut self, s: &Sighting, mac: Mac, source: Source) {
        if mac.is_station() {
            self.memory.hear(s.segment, mac, source, s.at);
        }
    }

    /// DHCP, mDNS and the like hint at who holds an address. A foreign address lies behind a router, whatever they say.
    pub(super) fn hint(&mut self, s: &Sighting, ip: IpAddr, source: Source, events: &mut Vec<Event>) {
        if !prefix::is_foreign(&self.settings.prefixes, s.segment, ip) {
            self.weigh(s, ip, source, Weight::Hint, events);
        }
    }

    /// Weighs a claim or a hint against the binding of its address; a claim that another station contests may have to wait.
    pub(super) fn weigh(&mut self, s: &Sighting, ip: IpAddr, source: Source, weight: Weight, events: &mut Vec<Event>) {
        if !source.is_mention() && !self.is_own_mention(s, ip, source) {
            self.memory.drop_mention(s.segment, ip, s.mac);
        }
        let holder = self.memory.holder(s.segment, ip).map(|holder| holder.mac);
        if holder.is_some_and(|holder| holder != s.mac && is_same_balancer(holder, s.mac)) {
            return;
        }
        let is_held_back = weight == Weight::Claim && self.is_disputed(s, ip, source, events);
        if prefix::is_holdable(ip) && !is_held_back {
            self.weigh_undisputed(s, ip, source, weight, events);
        }
    }

    /// Weighs a claim that no other station contests, or whose verdict has been reached.
    pub(super) fn weigh_undisputed(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        source: Source,
        weight: Weight,
        events: &mut Vec<Event>,
    ) {
        // The address was known as the machine's management address, by the announcement of one of its ports.
        let is_mentioned = self.is_own_mention(s, ip, source);
        if is_mentioned {
            self.memory.drop_mention(s.segment, ip, s.mac);
        }
        // Looked up before the address is bound: a host that was known by the address only, and was reported, may become this one.
        let host = self.memory.host_of(s.segment, s.mac).map(|host| (host.id, host.announced));
        let outcome = self.memory.claim_address(s.segment, ip, &dispute::holder_claim(s, source, weight));
        if outcome == ClaimOutcome::Kept {
            return;
        }
        self.assign_roles(s.segment, ip);
        let Some((id, was_announced)) = host else { return };
        if !was_announced && ip.is_ipv4() {
            self.announce_at(id, s.at, events);
        }
        let is_unreported = self.memory.join_of(s.segment, s.mac).is_some_and(|join| !join.told);
        if is_unreported && ip.is_ipv4() {
            self.emit_rotation(s.segment, s.mac, s.at, events);
        }
        match outcome {
            ClaimOutcome::Bound if was_announced && !is_unreported && !is_mentioned && !self.is_one_more(id, ip) => {
                let event = Event { ip: Some(ip), ..self.about_host(Kind::NewAddress, s.at, s.segment, s.mac) };
                self.push(event, events);
            }
            ClaimOutcome::Bound | ClaimOutcome::Kept => {}
            ClaimOutcome::Moved(_, previous) if self.emit_promised(s, ip, &previous, events) => {}
            ClaimOutcome::Moved(how, previous) => self.emit_move(s, ip, how, &previous, events),
        }
    }

    fn emit_move(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        how: MoveKind,
        previous: &PreviousHolder,
        events: &mut Vec<Event>,
    ) {
        let is_within = self.is_one_host(s.segment, previous.mac, s.mac);
        let kind = match how {
            MoveKind::Back => Kind::FlipFlop,
            MoveKind::New => Kind::ChangedMac,
            MoveKind::Older => Kind::ReusedMac,
        };
        let mut event = self.about_host(kind, s.at, s.segment, s.mac);
        event.ip = Some(ip);
        event.old_mac = Some(previous.mac);
        event.details.push(("previous_age_s", Detail::Number(s.at.since(previous.last_seen).as_secs())));
        if is_within {
            self.emit_move_within(s, previous.mac, event, events);
            return;
        }
        let explained = self.explained_turn(s, ip, previous.mac);
        if kind == Kind::ChangedMac {
            let (reason, evidence) = self.reason_of_move(s, ip, previous.mac);
            self.give_reason(&mut event, reason);
            event.details.extend(evidence);
        } else {
            self.emit_given_back(s, ip, previous, events);
            let goes_on = self.is_known_conflict(s, ip, previous.mac).then_some(Reason::Conflict);
            // It passes back for a known reason: nobody has to look.
            if let Some(reason) = explained.or(goes_on) {
                self.give_reason(&mut event, reason);
                event.severity = Severity::Info;
            }
        }
        // A sleep proxy holds the address while its host sleeps: nobody has to look.
        if explained == Some(Reason::ProxyArp) {
            event.severity = Severity::Info;
        }
        self.push(event, events);
    }
}
