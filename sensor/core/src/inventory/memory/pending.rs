//! Hosts that are not reported yet: they wait for an address, and for evidence that they are known already.

use std::net::IpAddr;

use crate::inventory::memory::state::Memory;
use crate::inventory::memory::table::RowChange;
use crate::inventory::model::host::HostId;
use crate::types::{Mac, Timestamp};

impl Memory {
    /// The hosts that wait to be reported and were first seen until `seen_until` or after `seen_after`, in order.
    pub(crate) fn due(&self, seen_until: Option<Timestamp>, seen_after: Timestamp) -> Vec<HostId> {
        let past = self.pending.iter().take_while(|(first, _)| seen_until.is_some_and(|until| *first <= until));
        let mut due: Vec<_> = past.copied().collect();
        let ahead = self.pending.iter().rev().take_while(|(first, _)| *first > seen_after);
        due.extend(ahead.filter(|(first, _)| seen_until.is_none_or(|until| *first > until)).copied());
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// The first sighting of what has waited longest to be reported: a host, an address that answered, a joined station.
    pub(crate) fn first_waiting(&self) -> Option<Timestamp> {
        let pending = self.pending.first().map(|(first_seen, _)| *first_seen);
        let homeless = self.homeless.first_key_value().map(|(at, _)| *at);
        [pending, homeless, self.first_unreported_join()].into_iter().flatten().min()
    }

    /// Every host that waits to be reported, in order.
    pub(crate) fn pending(&self) -> Vec<HostId> {
        self.pending.iter().map(|&(_, id)| id).collect()
    }

    /// Marks a host as reported. Returns the MAC that holds its best address (its first MAC where it has none) and that
    /// address; `None` when it was reported already.
    pub(crate) fn announce(&mut self, id: HostId) -> Option<(Mac, Option<IpAddr>)> {
        let first_seen = self.tables.hosts.update(&id, |host, _| {
            let first = (!host.announced).then_some(host.first_seen);
            host.announced = true;
            (RowChange::changed_if(first.is_some()), first)
        })??;
        self.pending.remove(&(first_seen, id));
        let first = *self.tables.hosts.note(&id)?.first()?;
        let (segment, ip) = (self.tables.hosts.get(&id)?.segment, self.best_address(id));
        let holder = ip.and_then(|ip| self.holder(segment, ip)).map(|holder| holder.mac);
        Some((holder.unwrap_or(first), ip))
    }

    /// Whether the host was known since before a capture file was read, up to `at` or later.
    pub(crate) fn is_known_history(&self, id: HostId, at: Timestamp) -> bool {
        self.known_until.get(&id).is_some_and(|&until| at <= until)
    }
}
