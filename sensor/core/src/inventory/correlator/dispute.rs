//! An address is claimed by another MAC. Both stations are asked whether they hold it, and for a few seconds their claims
//! wait. A feud (two stations that both hold on to an address) is reported once, however long it goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::correlator::state::{CLOCK_STEP_MIN, Correlator, Details, Dispute, Feud, HolderCheck, Verdict};
use crate::inventory::event::{Detail, Event, Kind, Reason};
use crate::inventory::memory::binding::{HolderClaim, Weight};
use crate::inventory::model::oddity::{Oddity, ReportedOddity};
use crate::inventory::model::source::Source;
use crate::inventory::sighting::arp::ArpOperation;
use crate::inventory::sighting::ndp::NdpClaim;
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Class, Mac, Segment, Timestamp};

/// Most claims that wait behind one that is being explained. More of them would be the two stations alternating.
const LATER_MAX: usize = 8;
/// Most claims of one station that are asked about at a time.
const BY_STATION_MAX: usize = 256;
/// What an old station sent before it heard of the claim may be heard for so long after it.
const CROSSING: Duration = Duration::from_secs(1);
/// A feud is over when one side was silent for this long.
const FEUD: Duration = Duration::from_secs(600);
/// A station that holds this many IPv4 addresses answers for others (a router with proxy ARP, or one that hosts them).
pub(super) const MANY: usize = 4;

impl Correlator {
    /// Neither station may be asked: the verdict is reached by what is known.
    pub fn refuse_check(&mut self, check: &HolderCheck, events: &mut Vec<Event>) {
        self.join_checks.retain(|join| (join.segment, join.ip) != (check.segment, check.ip));
        self.decide((check.segment, check.ip), false, events);
    }

    /// When the next verdict is due.
    pub(super) fn next_verdict(&self) -> Option<Timestamp> {
        self.disputes.values().map(|dispute| dispute.due).min()
    }

    /// Reaches the verdicts that are due; without `now` all of them.
    pub(super) fn decide_due(&mut self, now: Option<Timestamp>, events: &mut Vec<Event>) {
        let is_due = |dispute: &Dispute| {
            now.is_none_or(|now| dispute.due <= now || dispute.sighting.at > now.after(CLOCK_STEP_MIN))
        };
        let due: Vec<_> = self.disputes.iter().filter(|(_, dispute)| is_due(dispute)).map(|(key, _)| *key).collect();
        for key in due {
            if now.is_none() || !self.ask_again(key) {
                self.decide(key, true, events);
            }
        }
    }

    /// Whether a claim has to wait, or belongs to a known feud; if not, it may move the address.
    pub(super) fn is_disputed(&mut self, s: &Sighting, ip: IpAddr, source: Source, events: &mut Vec<Event>) -> bool {
        let key = (s.segment, ip);
        if self.disputes.contains_key(&key) {
            self.hear_in_dispute(key, s, source, events);
            return true;
        }
        if self.is_in_feud(key, s) {
            return true;
        }
        self.begin_dispute(s, ip, source, events)
    }

    fn begin_dispute(&mut self, s: &Sighting, ip: IpAddr, source: Source, events: &mut Vec<Event>) -> bool {
        let Some(explain) = self.settings.explain else { return false };
        let (segment, new) = (s.segment, s.mac);
        let Some(old) = self.memory.holder(segment, ip).map(|holder| holder.mac) else { return false };
        if old == new || self.is_only_promised(s, ip, old) {
            return false;
        }
        let is_dear = self.is_dear(segment, ip);
        // A router answers for its own address with either MAC, and asking would not show more.
        if !is_dear && self.is_router_and_its_group(s, old) {
            return false;
        }
        // The holder keeps what cannot be asked about.
        if !is_dear && !self.make_room_for(s, events) {
            return true;
        }
        // It may have waited behind other claims until now. After a step of the clock that says nothing.
        let waited_max = explain.saturating_mul(LATER_MAX as u32 + 1);
        let since = if self.verdict_at.since(s.at) <= waited_max { s.at.max(self.verdict_at) } else { s.at };
        let dispute = Dispute {
            sighting: s.clone(),
            source,
            old,
            asked_at: s.at,
            due: since.after(explain),
            old_answered: false,
            new_answered: false,
            old_spoke: false,
            later: Vec::new(),
            served: None,
            was_repeated: false,
            was_taken_back: false,
        };
        self.disputes.insert((segment, ip), dispute);
        self.checks.push(HolderCheck { segment, ip, holders: [old, new] });
        true
    }

    /// Whether one more claim of a station can be asked about. Who claims so many at once that others would have to wait is
    /// reported, and waits itself.
    fn make_room_for(&mut self, s: &Sighting, events: &mut Vec<Event>) -> bool {
        let own = self.disputes.values().filter(|dispute| dispute.sighting.mac == s.mac).count();
        if own >= BY_STATION_MAX {
            self.flood(s.segment, s.mac, Class::Arp, s.at, events);
            return false;
        }
        if self.disputes.len() < self.limits.disputes_max {
            return true;
        }
        let mut by_station: BTreeMap<Mac, usize> = BTreeMap::new();
        for dispute in self.disputes.values() {
            *by_station.entry(dispute.sighting.mac).or_default() += 1;
        }
        let most = by_station.into_iter().max_by_key(|(_, count)| *count);
        let Some((greedy, _)) = most.filter(|(_, count)| *count > own + 1) else { return false };
        let is_greedy = |(key, dispute): &(&(Segment, IpAddr), &Dispute)| {
            dispute.sighting.mac == greedy && !self.is_dear(key.0, key.1)
        };
        let displaced = self.disputes.iter().filter(is_greedy).map(|(key, _)| *key).next_back();
        displaced.is_some_and(|key| self.disputes.remove(&key).is_some())
    }

    fn hear_in_dispute(&mut self, key: (Segment, IpAddr), s: &Sighting, source: Source, events: &mut Vec<Event>) {
        let Some(dispute) = self.disputes.get_mut(&key) else { return };
        if matches!(source, Source::ArpProbe | Source::NdpProbe) {
            dispute.old_answered |= s.mac == dispute.old;
            dispute.new_answered |= s.mac == dispute.sighting.mac;
            if !(dispute.old_answered && dispute.new_answered) {
                return;
            }
            let (sighting, old) = (dispute.sighting.clone(), dispute.old);
            // Routers that change over may both answer for a moment.
            if !self.is_failover(&sighting, key.1, old) {
                self.decide(key, true, events);
            }
            return;
        }
        let is_old = s.mac == dispute.old;
        // An answer that comes twice, as a mirror port copies it, is no claim.
        let answers_us = is_answer_to(&self.settings.own_macs, s);
        if answers_us && (is_old || s.mac == dispute.sighting.mac) {
            return;
        }
        dispute.was_taken_back |=
            is_old && !dispute.old_answered && s.at.since(dispute.sighting.at) > CROSSING && dispute.new_answered;
        dispute.old_spoke |= is_old && s.at > dispute.asked_at;
        let last = dispute.later.last().map_or(dispute.sighting.mac, |(later, _)| later.mac);
        if last != s.mac && dispute.later.len() < LATER_MAX {
            dispute.later.push((s.clone(), source));
        }
    }

    /// Asks a second time where the old station is there and a group of routers may be changing over: a router that hands over
    /// answers for a moment more, and then no longer. Whether it does.
    fn ask_again(&mut self, key: (Segment, IpAddr)) -> bool {
        let (Some(explain), Some(dispute)) = (self.settings.explain, self.disputes.get(&key)) else { return false };
        let (segment, ip) = key;
        let is_there = dispute.old_answered || dispute.old_spoke;
        if dispute.was_repeated || !is_there || !self.is_failover(&dispute.sighting, ip, dispute.old) {
            return false;
        }
        let Some(dispute) = self.disputes.get_mut(&key) else { return false };
        (dispute.old_answered, dispute.new_answered, dispute.old_spoke) = (false, false, false);
        (dispute.was_repeated, dispute.asked_at) = (true, dispute.due);
        dispute.due = dispute.due.after(explain);
        let holders = [dispute.old, dispute.sighting.mac];
        self.checks.push(HolderCheck { segment, ip, holders });
        true
    }

    /// A frame shows that a station speaks by an address that is disputed.
    pub(super) fn hear_speak(&mut self, s: &Sighting, ip: IpAddr) {
        if let Some(dispute) = self.disputes.get_mut(&(s.segment, ip)) {
            // Frames that were on their way say nothing.
            dispute.old_spoke |= s.mac == dispute.old && s.at.since(dispute.asked_at) > CROSSING;
        }
    }

    /// Keeps a DHCP server's answer until it is decided whether its station takes over the server's address.
    pub(super) fn keep_for_verdict(&mut self, s: &Sighting, server: IpAddr, details: &Details) -> bool {
        let dispute = self.disputes.get_mut(&(s.segment, server));
        let Some(dispute) = dispute.filter(|dispute| dispute.sighting.mac == s.frame_mac) else { return false };
        dispute.served.get_or_insert_with(|| (s.clone(), details.clone()));
        true
    }

    fn is_in_feud(&mut self, key: (Segment, IpAddr), s: &Sighting) -> bool {
        let Some(feud) = self.feuds.get_mut(&key) else { return false };
        let Some(side) = feud.macs.iter().position(|mac| *mac == s.mac) else { return false };
        feud.last[side] = feud.last[side].max(s.at);
        let is_over = s.at.since(feud.last[1 - side]) > FEUD;
        if is_over {
            self.feuds.remove(&key);
            return false;
        }
        let macs = feud.macs;
        self.memory.is_new_oddity_after(feud_row(key, macs, s.at), FEUD);
        // The holder's claims refresh the binding as before.
        self.memory.holder(key.0, key.1).is_some_and(|holder| holder.mac != s.mac)
    }

    fn decide(&mut self, key: (Segment, IpAddr), was_asked: bool, events: &mut Vec<Event>) {
        let Some(dispute) = self.disputes.remove(&key) else { return };
        // A claim that waited behind this one has all the time for its own answers.
        self.verdict_at = self.verdict_at.max(dispute.due);
        let (segment, ip) = key;
        let Dispute { sighting, source, old, old_answered, new_answered, old_spoke, later, served, .. } = dispute;
        // The address was handed over within a group of routers, and back: it is where it was.
        let is_member = self.spoke_of_old(segment, sighting.mac, sighting.at);
        let was_handed_back = dispute.was_taken_back || is_member && old_answered && !new_answered;
        let is_back = was_handed_back && self.is_failover(&sighting, ip, old);
        if was_asked && !old_answered && !old_spoke {
            self.join_by_address(segment, ip, old, sighting.mac);
        }
        // Whoever answers, or speaks on by the address, has not given it away, whatever is said for the newcomer.
        // A router answers for its own address also with the MAC of its group.
        let is_there = (old_answered || old_spoke) && !self.is_router_and_its_group(&sighting, old);
        let is_dear = self.is_dear(segment, ip);
        let is_one = || self.is_one_host(segment, old, sighting.mac) && !is_dear;
        let excuse = match is_there {
            true => None,
            false => self.excuse(&sighting, ip, old, was_asked).or_else(|| is_one().then_some(Reason::Failover)),
        };
        // A lease counts where little depends on the address.
        let is_leased = !is_dear && self.memory.lease(segment, ip, sighting.mac, sighting.at).is_some();
        let new_addresses = self.memory.ipv4_count(segment, sighting.mac);
        let reason = match (old_answered, new_answered) {
            (true, false) if is_leased => Reason::Leased,
            (_, true) if new_addresses >= MANY && !is_dear => Reason::ProxyArp,
            (true, false) => Reason::SpoofSuspected,
            _ if is_there && is_leased => Reason::Leased,
            _ if is_there => Reason::Conflict,
            (true, true) => Reason::Conflict,
            (false, true) => Reason::Replaced,
            (false, false) => Reason::Unknown,
        };
        let mut details = Vec::new();
        if was_asked {
            let answer = |answered| Detail::Text(if answered { "yes" } else { "no" }.to_owned());
            details = vec![
                ("old_answered", answer(old_answered)),
                ("new_answered", answer(new_answered)),
                ("new_addresses", Detail::Number(new_addresses as u64)),
            ];
        }
        if is_back {
            self.hear(&sighting, sighting.mac, source);
        } else if is_there {
            // The address stays with the station that is there. The other one contends with it at every question.
            self.remember_feud(key, [old, sighting.mac], sighting.at);
            let is_conflict = matches!(reason, Reason::Conflict | Reason::Leased);
            let kind = if is_conflict { Kind::IpConflict } else { Kind::ChangedMac };
            if kind == Kind::ChangedMac || self.is_new_conflict(segment, ip, [old, sighting.mac], sighting.at) {
                self.hear(&sighting, sighting.mac, source);
                let mut event = self.moved_event(kind, &sighting, ip, old);
                let severity = event.severity;
                self.give_reason(&mut event, reason);
                event.severity = event.severity.max(severity);
                event.details.extend(details);
                self.push(event, events);
            }
        } else {
            // A limit may have evicted the station while its claim waited.
            self.hear(&sighting, sighting.mac, source);
            self.verdict = Some(Verdict { reason, excuse, details });
            self.weigh_undisputed(&sighting, ip, source, Weight::Claim, events);
            self.verdict = None;
        }
        if let Some((answer, details)) = served {
            self.serve(&answer, ip, None, details, events);
        }
        for (later, source) in later {
            self.hear(&later, later.mac, source);
            self.weigh(&later, ip, source, Weight::Claim, events);
        }
        self.memory.merge_changed();
    }

    fn remember_feud(&mut self, key: (Segment, IpAddr), macs: [Mac; 2], at: Timestamp) {
        if self.feuds.len() >= self.limits.disputes_max
            && let Some(oldest) = self.feuds.iter().min_by_key(|(_, feud)| feud.last.iter().max()).map(|(key, _)| *key)
        {
            self.feuds.remove(&oldest);
        }
        self.memory.is_new_oddity_after(feud_row(key, macs, at), FEUD);
        self.feuds.insert(key, Feud { macs, last: [at; 2] });
    }

    /// An event about an address that passes, or would pass, from `old` to the sighting's station.
    fn moved_event(&self, kind: Kind, s: &Sighting, ip: IpAddr, old: Mac) -> Event {
        let mut event = self.about_host(kind, s.at, s.segment, s.mac);
        event.ip = Some(ip);
        event.old_mac = Some(old);
        let last_seen = self.memory.holder(s.segment, ip).map_or(s.at, |holder| holder.last_seen);
        event.details.push(("previous_age_s", Detail::Number(s.at.since(last_seen).as_secs())));
        event
    }

    pub(super) fn give_reason(&self, event: &mut Event, reason: Reason) {
        event.reason = Some(reason);
        event.confidence = reason.confidence();
        event.severity = reason.severity();
    }
}

/// Whether it is an answer that was sent to one of these stations alone.
fn is_answer_to(own: &BTreeSet<Mac>, s: &Sighting) -> bool {
    match &s.claim {
        Claim::Arp(claim) => claim.operation == ArpOperation::Reply && own.contains(&claim.to),
        Claim::Ndp(NdpClaim::Advert { solicited: true, to, .. }) => own.contains(to),
        _ => false,
    }
}

/// A feud as it is saved.
fn feud_row((segment, ip): (Segment, IpAddr), [mac, frame_mac]: [Mac; 2], at: Timestamp) -> ReportedOddity {
    ReportedOddity { segment, oddity: Oddity::Feud, ip, mac, frame_mac, first_seen: at, last_seen: at }
}

/// The sighting as a claim of its address.
pub(super) fn holder_claim(s: &Sighting, source: Source, weight: Weight) -> HolderClaim {
    HolderClaim { mac: s.mac, at: s.at, source, weight }
}
