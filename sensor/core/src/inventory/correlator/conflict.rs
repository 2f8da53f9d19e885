//! Two stations that want one address: an address check that is answered, a lease that is declined, an address that a DHCP
//! server leased to one station while another one uses it. A conflict of two stations is reported once, whatever shows it,
//! and again only after a day without it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::inventory::correlator::dispute::MANY;
use crate::inventory::correlator::state::{Conflicts, Correlator, Details};
use crate::inventory::event::{Detail, Event, Kind, Reason};
use crate::inventory::memory::binding::PreviousHolder;
use crate::inventory::model::address::Holder;
use crate::inventory::model::host::{Host, HostRole};
use crate::inventory::model::oddity::{Oddity, ReportedOddity};
use crate::inventory::model::prefix;
use crate::inventory::model::source::Source;
use crate::inventory::sighting::arp::ArpOperation;
use crate::inventory::sighting::dhcp::DhcpClaim;
use crate::inventory::sighting::ndp::NdpClaim;
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Mac, Segment, Timestamp};

/// An answer to a check comes within this time (RFC 5227, section 1.1: three probes, two seconds apart at most; RFC 4862,
/// section 5.1: one second).
const ANSWER: Duration = Duration::from_secs(3);
/// A station that checks this many addresses within [`TRACKING`] does not want them: it tracks hosts.
const TRACKED: usize = 4;
/// As [`TRACKED`], for IPv6, where a station takes several addresses at once.
const TRACKED_SIX: usize = 16;
const TRACKING: Duration = Duration::from_secs(600);
/// An answered check waits for this long to be reported: by then a station that tracks hosts has checked the next address.
const PATIENCE: Duration = Duration::from_secs(10);
/// A station that was heard with an address within this time uses it.
const IN_USE: Duration = Duration::from_secs(1800);
/// A station may use its address for this long after its lease has ended.
const LATE: Duration = Duration::from_secs(60);
/// A conflict is over when nothing was heard of it for this long.
const OVER: Duration = Duration::from_hours(24);
/// Most checks, checkers, defences and leased addresses that are kept, of each.
const KEPT_MAX: usize = 256;

impl Correlator {
    /// Notes questions whether anybody holds an address, and answers to them.
    pub(super) fn watch_conflict(&mut self, s: &Sighting, events: &mut Vec<Event>) {
        let Some(ip) = s.ip.filter(|ip| prefix::is_holdable(*ip) && s.mac == s.frame_mac) else { return };
        match &s.claim {
            Claim::Arp(claim) if claim.operation == ArpOperation::ConflictCheck => self.note_check(s, ip),
            Claim::Arp(claim) => {
                if matches!(claim.operation, ArpOperation::Gratuitous | ArpOperation::Reply) {
                    self.note_answer(s, ip, claim.asked, events);
                }
                if claim.operation != ArpOperation::PresenceCheck {
                    self.note_use(s, ip, events);
                }
            }
            Claim::Ndp(NdpClaim::Dad) => self.note_check(s, ip),
            Claim::Ndp(NdpClaim::Advert { asked, .. }) => self.note_answer(s, ip, *asked, events),
            _ => {}
        }
    }

    /// A station asks whether anybody holds an address.
    fn note_check(&mut self, s: &Sighting, ip: IpAddr) {
        let Conflicts { checks, assigning, checkers, .. } = &mut self.conflicts;
        let is_same = |check: &Sighting| (check.segment, check.ip, check.mac) == (s.segment, s.ip, s.mac);
        checks.retain(|check| !is_same(check) && is_within(check.at, s.at, ANSWER));
        assigning.retain(|check| !is_same(check));
        if checks.len() + assigning.len() < KEPT_MAX {
            let kept = if ip.is_ipv6() { assigning } else { checks };
            kept.push(s.clone());
        }
        let key = (s.segment, s.mac);
        if !checkers.contains_key(&key) && checkers.len() >= KEPT_MAX {
            let last = |checked: &Vec<(Timestamp, IpAddr)>| checked.last().map(|(at, _)| *at);
            let oldest = checkers.iter().min_by_key(|(_, checked)| last(checked)).map(|(key, _)| *key);
            oldest.map(|oldest| checkers.remove(&oldest));
        }
        let checked = checkers.entry(key).or_default();
        checked.retain(|(at, other)| *other != ip && is_within(*at, s.at, TRACKING));
        checked.push((s.at, ip));
        if checked.len() > TRACKED_SIX {
            checked.remove(0);
        }
    }

    /// A station says that it holds an address; that may answer another station's check.
    fn note_answer(&mut self, s: &Sighting, ip: IpAddr, asked: bool, events: &mut Vec<Event>) {
        let is_answered = |check: &Sighting| {
            (check.segment, check.ip) == (s.segment, s.ip) && check.mac != s.mac && is_within(check.at, s.at, ANSWER)
        };
        let Conflicts { checks, assigning, .. } = &mut self.conflicts;
        let kept = if ip.is_ipv6() { &mut *assigning } else { checks };
        let Some(found) = kept.iter().position(|check| !asked && is_answered(check)) else { return };
        let check = if ip.is_ipv6() { assigning.swap_remove(found) } else { kept[found].clone() };
        if self.are_one(s, check.mac)
            || self.answers_for_others(s.segment, ip, s.mac, s.at)
            || self.only_asks(&check, ip)
        {
            return;
        }
        let is_known = |(other, ..): &(Sighting, Mac, Timestamp)| {
            (other.segment, other.ip, other.mac) == (check.segment, check.ip, check.mac)
        };
        if self.memory.lease(s.segment, ip, check.mac, s.at).is_some() {
            self.emit_defence(&check, s.mac, s.at, events);
        } else if self.conflicts.defences.len() < KEPT_MAX && !self.conflicts.defences.iter().any(is_known) {
            self.conflicts.defences.push((check, s.mac, s.at));
        }
    }

    /// An IPv6 address that was checked and that nobody defended is assigned (RFC 4862, section 5.4); without `now` all are.
    pub(super) fn settle_checks(&mut self, now: Option<Timestamp>, events: &mut Vec<Event>) {
        let waits = |check: &Sighting| now.is_some_and(|now| is_within(check.at, now, ANSWER));
        if self.conflicts.assigning.iter().all(waits) {
            return;
        }
        let (wait, due): (_, Vec<_>) = std::mem::take(&mut self.conflicts.assigning).into_iter().partition(waits);
        self.conflicts.assigning = wait;
        for check in due {
            // A limit may have evicted the station meanwhile.
            let is_known = self.memory.known_since(check.segment, check.mac).is_some();
            if let Some(ip) = check.ip.filter(|ip| is_known && self.memory.holder(check.segment, *ip).is_none()) {
                self.hint(&check, ip, Source::Ndp, events);
            }
        }
    }

    /// Reports the defences that have waited long enough; without `now` all of them.
    pub(super) fn settle_defences(&mut self, now: Option<Timestamp>, events: &mut Vec<Event>) {
        if self.conflicts.defences.is_empty() {
            return;
        }
        let waits = |at: Timestamp| now.is_some_and(|now| is_within(at, now, PATIENCE));
        let (wait, due) = std::mem::take(&mut self.conflicts.defences).into_iter().partition(|(.., at)| waits(*at));
        self.conflicts.defences = wait;
        for (check, defender, at) in due {
            if !check.ip.is_some_and(|ip| self.only_asks(&check, ip)) {
                self.emit_defence(&check, defender, at, events);
            }
        }
    }

    fn emit_defence(&mut self, check: &Sighting, defender: Mac, at: Timestamp, events: &mut Vec<Event>) {
        let after_ms = u64::try_from(at.since(check.at).as_millis()).unwrap_or(u64::MAX);
        let s = Sighting { at, ..check.clone() };
        self.emit_conflict(&s, Some(defender), Reason::Defended, vec![("after_ms", Detail::Number(after_ms))], events);
    }

    /// A client declines the address that it was offered.
    pub(super) fn emit_declined(&mut self, s: &Sighting, claim: &DhcpClaim, events: &mut Vec<Event>) {
        let Some(ip) = claim.requested_ip.filter(|ip| prefix::is_holdable(IpAddr::V4(*ip))) else { return };
        self.memory.release_lease(s.segment, ip, s.mac, s.at);
        self.memory.drop_promise(s.segment, ip.into(), s.mac);
        let s = Sighting { ip: Some(ip.into()), ..s.clone() };
        let holder = self.memory.holder(s.segment, ip.into()).map(|holder| holder.mac).filter(|mac| *mac != s.mac);
        self.emit_conflict(&s, holder, Reason::Declined, of_server(claim.server), events);
    }

    /// The station that used an address before it was leased to another goes on using it. Without that it may have left.
    fn note_use(&mut self, s: &Sighting, ip: IpAddr, events: &mut Vec<Event>) {
        let is_his = |(given, user, _): &(Sighting, Mac, Details)| {
            (given.segment, given.ip, *user) == (s.segment, s.ip, s.mac) && s.at > given.at
        };
        let Some(found) = self.conflicts.given.iter().position(is_his) else { return };
        let (given, user, details) = self.conflicts.given.swap_remove(found);
        // If the client has claimed the address by now, the move was reported.
        let is_holder = self.memory.holder(s.segment, ip).is_some_and(|holder| holder.mac == user);
        if is_holder && is_within(given.at, s.at, IN_USE) {
            self.emit_conflict(&Sighting { at: s.at, ..given }, Some(user), Reason::Leased, details, events);
        }
    }

    /// A server leases an address that another station, which has no lease of it, was heard with lately.
    pub(super) fn watch_lease(&mut self, s: &Sighting, claim: &DhcpClaim, ip: Ipv4Addr) {
        let address = IpAddr::V4(ip);
        let Some(holder) = self.memory.holder(s.segment, address) else { return };
        let is_used = !holder.sources.is_disjoint(Source::Arp | Source::ArpProbe);
        let is_fresh = holder.first_seen < s.at && s.at.since(holder.last_seen) <= IN_USE;
        let (user, last_seen) = (holder.mac, holder.last_seen);
        let is_known_to_move =
            self.memory.ever_held(s.segment, address, s.mac) || self.disputes.contains_key(&(s.segment, address));
        if !is_used
            || !is_fresh
            || is_known_to_move
            || self.are_one(s, user)
            || self.answers_for_others(s.segment, address, user, s.at)
            || self.may_have_lease(s, ip, user, last_seen)
            || self.conflicts.bridged.contains(&(s.segment, s.mac, user))
        {
            return;
        }
        let s = Sighting { ip: Some(address), ..s.clone() };
        let mut details = vec![("previous_age_s", Detail::Number(s.at.since(last_seen).as_secs()))];
        details.extend(of_server(claim.server));
        let given = &mut self.conflicts.given;
        given.retain(|(other, ..)| is_within(other.at, s.at, IN_USE) && (other.segment, other.ip) != (s.segment, s.ip));
        if given.len() < KEPT_MAX {
            given.push((s, user, details));
        }
    }

    /// Whether the user of an address may have it by a lease that has not ended or was not heard, or may be the client itself
    /// with another MAC.
    fn may_have_lease(&self, s: &Sighting, ip: Ipv4Addr, user: Mac, last_seen: Timestamp) -> bool {
        if let Some(lease) = self.memory.last_lease(s.segment, ip).filter(|lease| lease.mac == user) {
            return lease.until.is_none_or(|until| s.at < until || last_seen.since(until) <= LATE);
        }
        let facts = |mac: Mac| self.memory.host_of(s.segment, mac).and_then(|host: &Host| host.dhcp.as_ref());
        let Some(of_user) = facts(user) else { return false };
        let is_same = facts(s.mac).is_some_and(|of_client| {
            !of_user.client_id.is_empty() && of_user.client_id == of_client.client_id
                || of_user.hostname.is_some() && of_user.hostname == of_client.hostname
        });
        is_same || of_user.server.is_none()
    }

    /// A client asks a DHCP server through another station's frames.
    pub(super) fn note_bridged(&mut self, s: &Sighting) {
        let key = (s.segment, s.mac, s.frame_mac);
        let bridged = &mut self.conflicts.bridged;
        if s.mac != s.frame_mac && !bridged.contains(&key) {
            if bridged.len() >= KEPT_MAX {
                bridged.pop_front();
            }
            bridged.push_back(key);
        }
    }

    /// Whether a station holds an address by nothing but a lease of the last minutes.
    pub(super) fn is_only_promised(&self, s: &Sighting, ip: IpAddr, holder: Mac) -> bool {
        let is_promise = |held: &Holder| {
            held.mac == holder && held.sources.iter().all(|source| source == Source::Dhcp) && {
                is_within(held.last_seen, s.at, IN_USE)
            }
        };
        self.memory.holders(s.segment, ip).iter().any(is_promise) && !self.are_one(s, holder)
    }

    /// An address that a server has just leased to one station is claimed by another one that uses it: a conflict, not a move.
    /// Whether that is so.
    pub(super) fn emit_promised(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        previous: &PreviousHolder,
        events: &mut Vec<Event>,
    ) -> bool {
        if self.memory.lease(s.segment, ip, s.mac, s.at).is_some() || !self.is_only_promised(s, ip, previous.mac) {
            return false;
        }
        // A client bridge speaks for the device behind it, for which it asked.
        if self.conflicts.bridged.contains(&(s.segment, previous.mac, s.mac)) {
            let event = Event { ip: Some(ip), ..self.about_host(Kind::NewAddress, s.at, s.segment, s.mac) };
            self.push(event, events);
            return true;
        }
        let given = Sighting { ip: Some(ip), mac: previous.mac, frame_mac: previous.mac, ..s.clone() };
        let lease = self.memory.lease(s.segment, ip, previous.mac, s.at);
        let mut details = vec![("previous_age_s", Detail::Number(0))];
        details.extend(of_server(lease.and_then(|lease| lease.server)));
        self.emit_conflict(&given, Some(s.mac), Reason::Leased, details, events);
        true
    }

    /// An address passes back from a station that has a lease of it, and was heard with it lately, to one that has none.
    pub(super) fn emit_given_back(
        &mut self,
        s: &Sighting,
        ip: IpAddr,
        previous: &PreviousHolder,
        events: &mut Vec<Event>,
    ) {
        let lease = |mac| self.memory.lease(s.segment, ip, mac, s.at);
        let Some(of_client) = lease(previous.mac).filter(|_| lease(s.mac).is_none()) else { return };
        let is_used = s.at.since(previous.last_seen) <= IN_USE && previous.last_seen >= of_client.at;
        let is_proxy = self.is_sleep_proxy(s, s.mac) || self.is_sleep_proxy(s, previous.mac);
        if !is_used || is_proxy || self.are_one(s, previous.mac) || self.answers_for_others(s.segment, ip, s.mac, s.at)
        {
            return;
        }
        let details = of_server(of_client.server);
        let given = Sighting { ip: Some(ip), mac: previous.mac, frame_mac: previous.mac, ..s.clone() };
        self.emit_conflict(&given, Some(s.mac), Reason::Leased, details, events);
    }

    /// Whether a station answers for others (proxy ARP, RFC 1027): one that holds many addresses, or forwards. Not where the
    /// address is a gateway's.
    fn answers_for_others(&self, segment: Segment, ip: IpAddr, mac: Mac, at: Timestamp) -> bool {
        let is_many = ip.is_ipv4() && self.memory.ipv4_count(segment, mac) >= MANY;
        (is_many || self.routes_for_others(segment, mac, at)) && !self.is_dear(segment, ip)
    }

    /// Whether the sender of a check does not want the address: a switch or an access point, a DHCP server before it leases the
    /// address, a station that checks many; one that held the address before, for which a proxy answered while it slept; one
    /// that looks for its gateway, or has another lease, and asks from 0.0.0.0 because it does not use its own address yet.
    fn only_asks(&self, check: &Sighting, ip: IpAddr) -> bool {
        let checked = self.conflicts.checkers.get(&(check.segment, check.mac)).map_or(0, Vec::len);
        let tracked = if ip.is_ipv4() { TRACKED } else { TRACKED_SIX };
        let roles = self.memory.host_of(check.segment, check.mac).map(|host| &host.roles);
        let asks = [HostRole::AccessPoint, HostRole::DhcpServer, HostRole::Switch];
        let is_known = |held: &Holder| held.mac == check.mac && held.sources.iter().any(|by| by != Source::Dhcp);
        let looks_for = || {
            let is_new = || self.memory.was_just_leased(check.segment, check.mac, check.at, ip);
            ip.is_ipv4() && (self.is_gateway(check.segment, ip) || is_new())
        };
        checked >= tracked
            || looks_for()
            || asks.iter().any(|role| roles.is_some_and(|roles| roles.contains_key(role)))
            || self.memory.holders(check.segment, ip).iter().any(is_known)
    }

    /// `s.mac` wants the address that `other` has: a conflict, unless it is reported already.
    fn emit_conflict(
        &mut self,
        s: &Sighting,
        other: Option<Mac>,
        reason: Reason,
        details: Vec<(&'static str, Detail)>,
        events: &mut Vec<Event>,
    ) {
        let Some(ip) = s.ip else { return };
        if self.is_new_conflict(s.segment, ip, [s.mac, other.unwrap_or(Mac::ZERO)], s.at) {
            let event = self.about_host(Kind::IpConflict, s.at, s.segment, s.mac);
            let event = Event { ip: Some(ip), old_mac: other, reason: Some(reason), details, ..event };
            self.push(event, events);
        }
    }

    /// Whether a conflict of the two stations about this address was reported and is not over: that the address passes back is
    /// then part of it.
    pub(super) fn is_known_conflict(&self, s: &Sighting, ip: IpAddr, other: Mac) -> bool {
        let (mac, frame_mac) = (s.mac.min(other), s.mac.max(other));
        let oddity = Oddity::IpConflict;
        let told = ReportedOddity { segment: s.segment, oddity, ip, mac, frame_mac, first_seen: s.at, last_seen: s.at };
        self.memory.oddity_last_seen(&told).is_some_and(|at| s.at.since(at) < OVER)
    }

    /// Notes a conflict of two stations; whether it has to be reported.
    pub(super) fn is_new_conflict(&mut self, segment: Segment, ip: IpAddr, macs: [Mac; 2], at: Timestamp) -> bool {
        let (mac, frame_mac) = (macs[0].min(macs[1]), macs[0].max(macs[1]));
        let oddity = Oddity::IpConflict;
        self.memory.is_new_oddity_after(
            ReportedOddity { segment, oddity, ip, mac, frame_mac, first_seen: at, last_seen: at },
            OVER,
        )
    }
}

fn of_server(server: Option<Ipv4Addr>) -> Vec<(&'static str, Detail)> {
    server.into_iter().map(|server| ("dhcp_server", Detail::Text(server.to_string()))).collect()
}

/// Whether two moments are no further apart than `span`.
fn is_within(one: Timestamp, other: Timestamp, span: Duration) -> bool {
    one.since(other) <= span && other.since(one) <= span
}
