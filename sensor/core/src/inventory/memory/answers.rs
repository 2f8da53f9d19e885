//! What addresses answered to probes.

use crate::inventory::memory::asked;
use crate::inventory::memory::host::empty_host;
use crate::inventory::memory::state::Memory;
use crate::inventory::memory::table::{RowChange, see};
use crate::inventory::model::address::Asked;
use crate::inventory::model::host::{Host, HostId};
use crate::inventory::model::identity::distant_host_id;
use crate::inventory::model::row::TableRow;
use crate::inventory::model::source::Source;
use crate::types::{Mac, Segment, Timestamp};
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::net::IpAddr;

impl Memory {
    /// An address answered a probe: its row is known from now on, and the station that holds it was seen.
    pub(crate) fn answer<T>(
        &mut self,
        segment: Segment,
        ip: IpAddr,
        source: Source,
        at: Timestamp,
        change: impl FnOnce(&mut Asked) -> (RowChange, T),
    ) -> Option<T> {
        let key = (segment, ip);
        self.know_asked(key, at);
        let known = self.tables.asked.update(&key, |asked, waits_since| {
            let learned =
                RowChange::changed_if(asked.sources.insert(source) | asked.silent_at.take_if(|s| *s < at).is_some());
            let seen = see(&mut asked.first_seen, &mut asked.last_seen, at);
            let (mark, answer) = change(asked);
            (mark.max(learned).max(seen), (asked.host, asked.first_seen, *waits_since, answer))
        });
        let (own_host, first_seen, waits_since, answer) = known?;
        let holder = self.tables.bindings.update(&key, |binding, _| {
            let holder = &mut binding.holders[0];
            // An answer from before the holder's time may have come from the holder before.
            let at = at.max(holder.first_seen);
            (see(&mut holder.first_seen, &mut holder.last_seen, at), holder.mac)
        });
        match holder.map_or(own_host, |mac| self.tables.stations.get(&(segment, mac)).map(|station| station.host)) {
            Some(host) => {
                self.see_host(host, at);
            }
            None if waits_since == Some(first_seen) => {}
            None => {
                self.stop_waiting(key, waits_since);
                self.let_wait(key, first_seen);
            }
        }
        Some(answer)
    }

    /// An address that answered waits for a station.
    pub(super) fn let_wait(&mut self, key: (Segment, IpAddr), first_seen: Timestamp) {
        self.homeless.entry(first_seen).or_default().push(key);
        if let Some(waits_since) = self.tables.asked.note_mut(&key) {
            *waits_since = Some(first_seen);
        }
    }

    /// An address waits no more.
    fn stop_waiting(&mut self, key: (Segment, IpAddr), since: Option<Timestamp>) {
        let Some(since) = since else { return };
        if let Entry::Occupied(mut waiting) = self.homeless.entry(since) {
            waiting.get_mut().retain(|other| *other != key);
            if waiting.get().is_empty() {
                waiting.remove();
            }
        }
    }

    /// Changes what is known of an address that did not answer itself, such as the name that a name server gave for it.
    pub(crate) fn update_asked<T>(
        &mut self,
        segment: Segment,
        ip: IpAddr,
        at: Timestamp,
        change: impl FnOnce(&mut Asked) -> (RowChange, T),
    ) -> Option<T> {
        self.know_asked((segment, ip), at);
        self.tables.asked.update(&(segment, ip), |asked, _| change(asked))
    }

    /// Adds a row for an address that has none.
    fn know_asked(&mut self, key: (Segment, IpAddr), at: Timestamp) {
        if self.tables.asked.get(&key).is_none() {
            let over = self.tables.asked.make_room();
            self.drop_asked(over);
            self.tables.asked.insert(asked::unknown(key.0, key.1, at), None);
        }
    }

    /// What probes know of an address.
    pub(crate) fn asked(&self, segment: Segment, ip: IpAddr) -> Option<&Asked> {
        self.tables.asked.get(&(segment, ip))
    }

    /// Addresses that first answered until `until` and still have no station become hosts of their own; returned in order.
    pub(crate) fn settle_homeless(&mut self, until: Timestamp) -> Vec<(Timestamp, Segment, IpAddr, HostId)> {
        let mut settled = Vec::new();
        while let Some(due) = self.homeless.first_entry().filter(|due| *due.key() <= until) {
            let (first_seen, waiting) = due.remove_entry();
            settled.reserve(waiting.len());
            for (segment, ip) in waiting {
                settled.extend(self.settle(segment, ip, first_seen).map(|id| (first_seen, segment, ip, id)));
            }
        }
        settled
    }

    /// An address waits no more; it becomes a host of its own if it has no station.
    fn settle(&mut self, segment: Segment, ip: IpAddr, first_seen: Timestamp) -> Option<HostId> {
        let has_station = self.tables.bindings.get(&(segment, ip)).is_some();
        let id = distant_host_id(segment, ip);
        let last_seen = self.tables.asked.update(&(segment, ip), |asked, waits_since| {
            *waits_since = None;
            let is_new = !has_station && asked.host.is_none();
            if is_new {
                asked.host = Some(id);
            }
            (RowChange::changed_if(is_new), is_new.then_some(asked.last_seen))
        });
        let last_seen = last_seen.flatten()?;
        let over = self.tables.hosts.make_room();
        self.drop_hosts(over);
        let host = Host { announced: true, ..empty_host(id, segment, first_seen, last_seen) };
        self.tables.hosts.insert(host, BTreeSet::new());
        self.distant.insert(id, ip);
        Some(id)
    }

    /// The station of a host that was known by its address only has become known: both are one host, which was reported
    /// already.
    pub(super) fn adopt(&mut self, segment: Segment, ip: IpAddr, mac: Mac) {
        let asked = self.tables.asked.update(&(segment, ip), |asked, waits_since| {
            let distant = asked.host.take();
            (RowChange::changed_if(distant.is_some()), (distant, waits_since.take()))
        });
        let Some((distant, waits_since)) = asked else { return };
        self.stop_waiting((segment, ip), waits_since);
        let Some(distant) = distant else { return };
        self.distant.remove(&distant);
        self.merges.forget(segment, distant);
        let Some(distant) = self.tables.hosts.remove(&distant) else { return };
        let Some(id) = self.tables.stations.get(&(segment, mac)).map(|station| station.host) else { return };
        let waited = self.tables.hosts.update(&id, |host, _| {
            let waited = (!host.announced).then_some(host.first_seen);
            host.announced = true;
            host.first_seen = host.first_seen.min(distant.0.first_seen);
            (RowChange::Changed, waited)
        });
        if let Some(Some(first_seen)) = waited {
            self.pending.remove(&(first_seen, id));
        }
    }

    /// A host was heard again: that it left probes unanswered before says nothing any more.
    pub(crate) fn break_silence(&mut self, id: HostId) {
        let Some(segment) = self.tables.hosts.get(&id).map(|host| host.segment) else { return };
        let held = |mac: &Mac| self.tables.stations.note(&(segment, *mac)).into_iter().flatten().copied();
        let addresses: Vec<IpAddr> = self.tables.hosts.note(&id).into_iter().flatten().flat_map(held).collect();
        for ip in addresses {
            self.tables
                .asked
                .update(&(segment, ip), |asked, _| (RowChange::changed_if(asked.silent_at.take().is_some()), ()));
        }
    }

    /// Forgets what belonged to rows that were removed.
    pub(super) fn drop_asked(&mut self, rows: Vec<(Asked, Option<Timestamp>)>) {
        self.count(rows.len());
        for (asked, waits_since) in rows {
            self.stop_waiting(asked.key(), waits_since);
            if let Some(id) = asked.host {
                self.distant.remove(&id);
                self.merges.forget(asked.segment, id);
                self.tables.hosts.remove(&id);
            }
        }
    }
}
