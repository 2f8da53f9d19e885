//! The memory as it was saved. Rows that contradict others are dropped, rows over a limit are evicted.

use std::collections::BTreeSet;
use std::mem::take;

use crate::inventory::memory::binding;
use crate::inventory::memory::state::Memory;
use crate::inventory::model::address::{Asked, Binding};
use crate::inventory::model::host::{Host, HostId, Station};
use crate::inventory::model::row::TableRow;
use crate::inventory::model::rows::{Limits, Rows};

impl Memory {
    /// Restores saved rows.
    pub(crate) fn restore(mut rows: Rows, limits: Limits, history: bool) -> Self {
        let mut memory = Self::new(limits, history);
        // A host without a station is known by an address that answers, or was damaged.
        let answering: BTreeSet<HostId> = rows.asked.iter().filter_map(|asked| asked.host).collect();
        take(&mut rows.hosts).into_iter().for_each(|host| memory.restore_host(host));
        take(&mut rows.stations).into_iter().for_each(|station| memory.restore_station(station));
        memory.drop_empty_hosts(&answering);
        take(&mut rows.bindings).into_iter().for_each(|binding| memory.restore_binding(binding));
        for lease in take(&mut rows.leases) {
            let known_until = history.then_some(lease.at);
            memory.tables.leases.restore(lease, known_until);
        }
        take(&mut rows.asked).into_iter().for_each(|asked| memory.restore_asked(asked));
        take(&mut rows.neighbours).into_iter().for_each(|neighbour| memory.restore_neighbour(neighbour));
        for join in take(&mut rows.joins) {
            match memory.tables.stations.get(&join.key()) {
                Some(_) => memory.tables.joins.restore(join, ()),
                None => memory.tables.joins.refuse(join.key()),
            }
        }
        // What is left needs no such care.
        memory.tables.restore(rows);
        memory.fit();
        memory.restore_merge_index();
        memory
    }

    fn restore_host(&mut self, host: Host) {
        if !host.announced {
            self.pending.insert((host.first_seen, host.id));
        }
        if self.history {
            self.known_until.insert(host.id, host.last_seen);
        }
        self.tables.hosts.restore(host, BTreeSet::new());
    }

    fn restore_station(&mut self, station: Station) {
        match self.tables.hosts.note_mut(&station.host) {
            Some(macs) => {
                macs.insert(station.mac);
                self.tables.stations.restore(station, BTreeSet::new());
            }
            None => self.tables.stations.refuse(station.key()),
        }
    }

    fn drop_empty_hosts(&mut self, answering: &BTreeSet<HostId>) {
        for id in self.tables.hosts.keys() {
            if !answering.contains(&id)
                && self.tables.hosts.note(&id).is_some_and(BTreeSet::is_empty)
                && let Some((host, _)) = self.tables.hosts.remove(&id)
            {
                self.pending.remove(&(host.first_seen, id));
            }
        }
    }

    fn restore_binding(&mut self, mut binding: Binding) {
        binding.holders.truncate(self.limits.holders_max.max(1));
        let present = binding.holders.first().map(|holder| (binding.segment, holder.mac));
        match present.and_then(|station| self.tables.stations.note_mut(&station)) {
            Some(held) => {
                held.insert(binding.ip);
                let restored = if self.history { binding::restored_holders(&binding) } else { Vec::new() };
                self.tables.bindings.restore(binding, restored);
            }
            None => self.tables.bindings.refuse(binding.key()),
        }
    }

    fn restore_asked(&mut self, mut asked: Asked) {
        asked.host = asked.host.filter(|id| self.tables.hosts.get(id).is_some());
        let (key, first_seen) = (asked.key(), asked.first_seen);
        let has_holder = self.tables.bindings.get(&key).is_some();
        let is_homeless = asked.host.is_none() && !asked.sources.is_empty() && !has_holder;
        self.distant.extend(asked.host.map(|id| (id, asked.ip)));
        self.tables.asked.restore(asked, None);
        if is_homeless {
            self.let_wait(key, first_seen);
        }
    }

    /// Evicts what is over the limits, which may be lower than when the rows were saved.
    fn fit(&mut self) {
        let over = self.tables.hosts.fit();
        self.drop_hosts(over);
        let over = self.tables.bindings.fit();
        self.drop_bindings(over);
        let over = self.tables.asked.fit();
        self.drop_asked(over);
        let over = self.tables.neighbours.fit();
        self.drop_neighbours(over);
        let over = self.tables.joins.fit().len() + self.tables.fit_independent();
        self.count(over);
    }
}
