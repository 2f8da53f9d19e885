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
use std::net::{IpAddr, Ipv4Addr};

impl Memory {
    /// A known station says that it holds an address.
    pub(crate) fn hold(&mut self, segment: Segment, ip: IpAddr, word: &HolderClaim) -> ClaimOutcome {
        let holders_max = self.limits.holders_max;
        let key = (segment, ip);
        let verdict =
            self.tables.bindings.update(&key, |binding, known| binding::weigh(binding, known, word, holders_max));
        match verdict {
            Some(ClaimOutcome::Moved(how, previous)) => self.pass(segment, ip, word.mac, how, previous),
            Some(verdict) => verdict,
            None => self.bind(segment, ip, word),
        }
    }

    pub(crate) fn pass(
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
        self.give(segment, ip, to);
        self.tables.asked.update(&(segment, ip), |asked, _| (asked::forget_holder(asked), ()));
        ClaimOutcome::Moved(how, previous)
    }

    pub(crate) fn bind(&mut self, segment: Segment, ip: IpAddr, word: &HolderClaim) -> ClaimOutcome {
        if self.history && self.would_be_oldest(segment, ip, word) {
            return ClaimOutcome::Kept;
        }
        let oldest = self.tables.bindings.make_room();
        self.drop_bindings(oldest);
        self.tables.bindings.insert(Binding { segment, ip, holders: vec![binding::holder(word)] }, Vec::new());
        self.give(segment, ip, word.mac);
        self.adopt(segment, ip, word.mac);
        ClaimOutcome::Bound
    }

    /// A capture file read again brings back addresses that a full station lost; they are no news.
    pub(crate) fn would_be_oldest(&self, segment: Segment, ip: IpAddr, word: &HolderClaim) -> bool {
        let Some(held) = self.tables.stations.note(&(segment, word.mac)).filter(|_| ip.is_ipv6()) else { return false };
        let seen = |ip: &IpAddr| self.tables.bindings.get(&(segment, *ip)).map(|binding| binding.last_seen());
        let six = || held.iter().filter(|ip| ip.is_ipv6());
        six().count() >= self.limits.bindings_per_station_max && six().filter_map(seen).all(|seen| word.at <= seen)
    }

    /// The station holds one more address; IPv6 addresses over its limit go, the one unseen for longest first.
    pub(crate) fn give(&mut self, segment: Segment, ip: IpAddr, mac: Mac) {
        let Some(held) = self.tables.stations.note_mut(&(segment, mac)) else { return };
        held.insert(ip);
        let six = held.iter().rev().take_while(|ip| ip.is_ipv6());
        if ip.is_ipv4() || six.count() <= self.limits.bindings_per_station_max.max(1) {
            return;
        }
        let others = held.iter().filter(|other| other.is_ipv6() && **other != ip);
        let age = |ip: &&IpAddr| (self.tables.bindings.get(&(segment, **ip)).map(TableRow::last_seen), **ip);
        if let Some(&oldest) = others.min_by_key(age) {
            let gone = self.tables.bindings.remove(&(segment, oldest));
            self.drop_bindings(gone.into_iter().collect());
        }
    }

    /// A server promised an address to a station.
    pub(crate) fn grant(&mut self, lease: Lease) {
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

    /// A station gave its lease back.
    pub(crate) fn release(&mut self, segment: Segment, ip: Ipv4Addr, mac: Mac, at: Timestamp) {
        self.tables.leases.update(&(segment, ip), |lease, known_until| {
            let known = known_until.is_some_and(|until| at <= until);
            if known || lease.mac != mac || lease.until.is_some_and(|until| until <= at) {
                return (RowChange::Same, ());
            }
            lease.until = Some(at);
            (RowChange::Changed, ())
        });
    }

    /// The lease that lets `mac` hold `ip` at `at`.
    pub(crate) fn lease(&self, segment: Segment, ip: IpAddr, mac: Mac, at: Timestamp) -> Option<&Lease> {
        let IpAddr::V4(ip) = ip else { return None };
        let unexpired = |lease: &&Lease| lease.mac == mac && lease.until.is_none_or(|until| at < until);
        self.tables.leases.get(&(segment, ip)).filter(unexpired)
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

    pub(crate) fn drop_bindings(&mut self, bindings: Vec<(Binding, Vec<RestoredHolder>)>) {
        self.count(bindings.len());
        for (binding, _) in bindings {
            if let Some(held) = self.tables.stations.note_mut(&(binding.segment, binding.holders[0].mac)) {
                held.remove(&binding.ip);
            }
            // What was asked about an address that is forgotten would make it somebody else's.
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

    /// An address that is known only by its machine's word that it is managed there is nobody's before somebody holds
    /// it: whoever does takes nothing from anybody.
    pub(crate) fn unmention(&mut self, segment: Segment, ip: IpAddr, by: Mac) {
        let Some(holder) = self.holder(segment, ip) else { return };
        let is_word = holder.sources.iter().all(Source::is_mention);
        if holder.mac == by || !is_word {
            return;
        }
        let speaker = holder.mac;
        self.tables.bindings.remove(&(segment, ip));
        if let Some(held) = self.tables.stations.note_mut(&(segment, speaker)) {
            held.remove(&ip);
        }
    }
}
