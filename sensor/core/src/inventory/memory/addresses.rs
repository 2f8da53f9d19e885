//! Who holds an address: bindings, leases and their history.

use crate::inventory::memory::asked;
use crate::inventory::memory::binding;
use crate::inventory::memory::binding::{ClaimOutcome, HolderClaim, MoveKind, PreviousHolder};
use crate::inventory::memory::state::Memory;
use crate::inventory::memory::table::RowChange;
use crate::inventory::model::address::{Binding, Holder, Lease, RestoredHolder};
use crate::inventory::model::row::TableRow;
use crate::inventory::model::source::Source;
use crate::types::{Mac, Segment, Timestamp};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A client settles within this time after its lease.
const JUST: Duration = Duration::from_secs(10);

impl Memory {
    /// A known station claims an address, or a protocol hints that it holds it; what that did to the binding.
    pub(crate) fn claim_address(&mut self, segment: Segment, ip: IpAddr, claim: &HolderClaim) -> ClaimOutcome {
        let holders_max = self.limits.holders_max;
        let key = (segment, ip);
        let outcome =
            self.tables.bindings.update(&key, |binding, known| binding::weigh(binding, known, claim, holders_max));
        match outcome {
            Some(ClaimOutcome::Moved(how, previous)) => self.move_address(segment, ip, claim.mac, how, previous),
            Some(outcome) => outcome,
            None => self.bind(segment, ip, claim),
        }
    }

    /// An address passed from its holder to `to`.
    fn move_address(
        &mut self,
        segment: Segment,
        ip: IpAddr,
        to: Mac,
        how: MoveKind,
        previous: PreviousHolder,
    ) -> ClaimOutcome {
        if let Some(held) = self.tables.stations.note_mut(&(segment, previous.mac)) {
            held.remove(&ip);
        }
        self.add_address(segment, ip, to);
        self.tables.asked.update(&(segment, ip), |asked, _| (asked::forget_holder(asked), ()));
        ClaimOutcome::Moved(how, previous)
    }

    /// Binds an address that nobody held.
    fn bind(&mut self, segment: Segment, ip: IpAddr, claim: &HolderClaim) -> ClaimOutcome {
        if self.history && self.would_be_oldest(segment, ip, claim) {
            return ClaimOutcome::Kept;
        }
        let oldest = self.tables.bindings.make_room();
        self.drop_bindings(oldest);
        self.tables.bindings.insert(Binding { segment, ip, holders: vec![binding::holder(claim)] }, Vec::new());
        self.add_address(segment, ip, claim.mac);
        self.adopt(segment, ip, claim.mac);
        ClaimOutcome::Bound
    }

    /// Whether the station has no room and would lose this address first. A capture file that is read again brings back
    /// addresses that were evicted so; they are no news.
    fn would_be_oldest(&self, segment: Segment, ip: IpAddr, claim: &HolderClaim) -> bool {
        let Some(held) = self.tables.stations.note(&(segment, claim.mac)).filter(|_| ip.is_ipv6()) else {
            return false;
        };
        let seen = |ip: &IpAddr| self.tables.bindings.get(&(segment, *ip)).map(|binding| binding.last_seen());
        let six = || held.iter().filter(|ip| ip.is_ipv6());
        six().count() >= self.limits.bindings_per_station_max && six().filter_map(seen).all(|seen| claim.at <= seen)
    }

    /// Notes that the station holds one more address. Of its IPv6 addresses the one unseen for longest goes when there are
    /// too many.
    fn add_address(&mut self, segment: Segment, ip: IpAddr, mac: Mac) {
        let Some(held) = self.tables.stations.note_mut(&(segment, mac)) else { return };
        held.insert(ip);
        let six = held.iter().rev().take_while(|ip| ip.is_ipv6());
        if ip.is_ipv4() || six.count() <= self.limits.bindings_per_station_max.max(1) {
            return;
        }
        let others = held.iter().filter(|other| other.is_ipv6() && **other != ip);
        let age = |ip: &&IpAddr| (self.tables.bindings.get(&(segment, **ip)).map(TableRow::last_seen), **ip);
        if let Some(&oldest) = others.min_by_key(age) {
            self.drop_binding(segment, oldest);
        }
    }

    /// A DHCP server leased an address to a station.
    pub(crate) fn grant_lease(&mut self, lease: Lease) {
        let renewed = self.tables.leases.update(&lease.key(), |known, known_until| {
            if known_until.is_some_and(|until| lease.at <= until) {
                return (RowChange::Same, ());
            }
            let mark = RowChange::changed_if(*known != lease);
            *known = lease.clone();
            (mark, ())
        });
        if renewed.is_none() {
            let over = self.tables.leases.make_room().len();
            self.count(over);
            self.tables.leases.insert(lease, None);
        }
    }

    /// A station released its lease.
    pub(crate) fn release_lease(&mut self, segment: Segment, ip: Ipv4Addr, mac: Mac, at: Timestamp) {
        self.tables.leases.update(&(segment, ip), |lease, known_until| {
            let known = known_until.is_some_and(|until| at <= until);
            if known || lease.mac != mac || lease.until.is_some_and(|until| until <= at) {
                return (RowChange::Same, ());
            }
            lease.until = Some(at);
            (RowChange::Changed, ())
        });
    }

    /// The lease by which `mac` may hold `ip` at `at`.
    pub(crate) fn lease(&self, segment: Segment, ip: IpAddr, mac: Mac, at: Timestamp) -> Option<&Lease> {
        let IpAddr::V4(ip) = ip else { return None };
        let unexpired = |lease: &&Lease| lease.mac == mac && lease.until.is_none_or(|until| at < until);
        self.tables.leases.get(&(segment, ip)).filter(unexpired)
    }

    /// Whether a station was given another address than `ip` by a lease just now.
    pub(crate) fn was_just_leased(&self, segment: Segment, mac: Mac, at: Timestamp, ip: IpAddr) -> bool {
        let is_new = |lease: &Lease| at.since(lease.at) < JUST;
        self.held_by(segment, mac).any(|held| held != ip && self.lease(segment, held, mac, at).is_some_and(is_new))
    }

    /// The station that holds an address at present.
    pub(crate) fn holder(&self, segment: Segment, ip: IpAddr) -> Option<&Holder> {
        self.tables.bindings.get(&(segment, ip)).map(|binding| &binding.holders[0])
    }

    /// Whether the station ever held the address, as far as remembered.
    pub(crate) fn ever_held(&self, segment: Segment, ip: IpAddr, mac: Mac) -> bool {
        self.tables.bindings.get(&(segment, ip)).is_some_and(|binding| binding.holders.iter().any(|h| h.mac == mac))
    }

    /// How many IPv4 addresses a station holds at present.
    pub(crate) fn ipv4_count(&self, segment: Segment, mac: Mac) -> usize {
        self.tables.stations.note(&(segment, mac)).map_or(0, |held| held.iter().take_while(|ip| ip.is_ipv4()).count())
    }

    /// In how many IPv4 networks, counted as /24, a station holds addresses at present.
    pub(crate) fn ipv4_networks(&self, segment: Segment, mac: Mac) -> usize {
        let nets = self.held_by(segment, mac).filter_map(|ip| match ip {
            IpAddr::V4(ip) => Some(ip.to_bits() >> 8),
            IpAddr::V6(_) => None,
        });
        nets.collect::<BTreeSet<_>>().len()
    }

    /// Removes a binding, and forgets what belonged to it.
    fn drop_binding(&mut self, segment: Segment, ip: IpAddr) {
        let gone = self.tables.bindings.remove(&(segment, ip));
        self.drop_bindings(gone.into_iter().collect());
    }

    /// Forgets what belonged to bindings that were removed.
    pub(super) fn drop_bindings(&mut self, bindings: Vec<(Binding, Vec<RestoredHolder>)>) {
        self.count(bindings.len());
        for (binding, _) in bindings {
            if let Some(held) = self.tables.stations.note_mut(&(binding.segment, binding.holders[0].mac)) {
                held.remove(&binding.ip);
            }
            // What probes found out would be taken for the next holder's.
            let gone = usize::from(self.tables.asked.remove(&binding.key()).is_some());
            self.count(gone);
        }
    }

    /// Who holds an address and who held it before, most recent first.
    pub(crate) fn holders(&self, segment: Segment, ip: IpAddr) -> &[Holder] {
        self.tables.bindings.get(&(segment, ip)).map_or(&[], |binding: &Binding| &binding.holders)
    }

    /// The last lease of an address, ended or not.
    pub(crate) fn last_lease(&self, segment: Segment, ip: Ipv4Addr) -> Option<&Lease> {
        self.tables.leases.get(&(segment, ip))
    }

    /// Takes an address from a station that was only seen to send from it, while it claims another one: what it sent may have
    /// been another one's, which claims it now.
    pub(crate) fn drop_traffic_binding(&mut self, segment: Segment, ip: IpAddr) {
        let Some(holder) = self.holder(segment, ip).filter(|held| held.sources == Source::Traffic) else { return };
        let claims = |other: IpAddr| {
            let held = self.holder(segment, other).filter(|_| other != ip && other.is_ipv4() == ip.is_ipv4());
            held.is_some_and(|held| held.sources.contains(Source::Arp) || held.sources.contains(Source::Ndp))
        };
        if self.held_by(segment, holder.mac).any(claims) {
            self.drop_binding(segment, ip);
        }
    }

    /// A station gives back an address that was only promised to it.
    pub(crate) fn drop_promise(&mut self, segment: Segment, ip: IpAddr, mac: Mac) {
        let is_promise = |held: &Holder| held.mac == mac && held.sources == Source::Dhcp;
        if self.holder(segment, ip).is_some_and(is_promise) && self.holders(segment, ip).len() == 1 {
            self.drop_binding(segment, ip);
        }
    }

    /// `by` holds an address. A binding that rests on nothing but another station's mention of its management address is
    /// dropped: then the address does not pass from one station to another.
    pub(crate) fn drop_mention(&mut self, segment: Segment, ip: IpAddr, by: Mac) {
        let Some(holder) = self.holder(segment, ip) else { return };
        let is_mention = holder.sources.iter().all(Source::is_mention);
        if holder.mac == by || !is_mention {
            return;
        }
        let speaker = holder.mac;
        self.tables.bindings.remove(&(segment, ip));
        if let Some(held) = self.tables.stations.note_mut(&(segment, speaker)) {
            held.remove(&ip);
        }
    }
}
