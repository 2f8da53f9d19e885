//! A station says that it holds an address, or a protocol hints at it: the binding is weighed, and a move is reported with
//! its reason.

use std::net::IpAddr;

use crate::inventory::correlator::belief::is_established;
use crate::inventory::correlator::dispute;
use crate::inventory::correlator::related::is_same_balancer;
use crate::inventory::correlator::state::{Correlator, Verdict};
use crate::inventory::event::{Detail, Event, Kind, Reason, Severity};
use crate::inventory::memory::binding::{ClaimOutcome, MoveKind, PreviousHolder, Weight};
use crate::inventory::model::address::Holder;
use crate::inventory::model::prefix;
use crate::inventory::model::source::Source;
use crate::inventory::sighting::Sighting;
use crate::types::{Mac, Timestamp};

impl Correlator {
    /// A station was heard.
    pub(super) fn hear(&mut self, s: &Sighting, mac: Mac, source: Source) {
        if mac.is_station() && !self.is_own_mac(mac) {
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
        // A balancer's stations answer by turns, also before its first hello was heard.
        let is_fresh = |since: Timestamp| !is_established(since, s.at);
        let is_balanced = |holder: &Holder| {
            is_same_balancer(holder.mac, s.mac) && (is_fresh(holder.first_seen) || self.is_failover(s, ip, holder.mac))
        };
        let holder = self.memory.holder(s.segment, ip).filter(|holder| holder.mac != s.mac);
        if holder.is_some_and(is_balanced) {
            return;
        }
        if holder.is_some() && weight == Weight::Claim && !self.is_dear(s.segment, ip) {
            self.memory.drop_traffic_binding(s.segment, ip);
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
        // What explains a move is judged by how things were before it.
        let holder = self.memory.holder(s.segment, ip).map(|holder| holder.mac).filter(|holder| *holder != s.mac);
        let verdict = self.verdict.take();
        let excuse = match &verdict {
            Some(verdict) => verdict.excuse,
            None => holder.filter(|_| weight == Weight::Claim).and_then(|old| self.excuse(s, ip, old, false)),
        };
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
            ClaimOutcome::Moved(how, previous) => {
                self.emit_move(s, ip, how, &previous, (excuse, verdict), events);
            }
        }
    }

    fn emit_move(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        how: MoveKind,
        previous: &PreviousHolder,
        (excuse, verdict): (Option<Reason>, Option<Verdict>),
        events: &mut Vec<Event>,
    ) {
        let is_within = !self.is_dear(s.segment, ip)
            && (self.is_one_machine(s.segment, previous.mac, s.mac, s.at)
                || excuse.is_some() && self.is_one_host(s.segment, previous.mac, s.mac));
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
        if kind != Kind::ChangedMac {
            self.emit_given_back(s, ip, previous, events);
        }
        let goes_on = || self.is_known_conflict(s, ip, previous.mac);
        match (excuse, verdict) {
            (Some(reason), verdict) => {
                self.give_reason(&mut event, reason);
                // It passes for a known reason: nobody has to look.
                event.severity = Severity::Info;
                event.details.extend(verdict.map(|verdict| verdict.details).unwrap_or_default());
                event.details.extend(self.of_excuse(s, ip, reason));
            }
            (None, Some(verdict)) if kind == Kind::ChangedMac || verdict.reason != Reason::Unknown => {
                self.give_reason(&mut event, verdict.reason);
                event.details.extend(verdict.details);
            }
            (None, _) if kind == Kind::ChangedMac => self.give_reason(&mut event, Reason::Unknown),
            // The two stations' conflict was reported, and this is a part of it.
            (None, _) if goes_on() => {
                self.give_reason(&mut event, Reason::Conflict);
                event.severity = Severity::Info;
            }
            (None, _) => {}
        }
        self.push(event, events);
    }
}
