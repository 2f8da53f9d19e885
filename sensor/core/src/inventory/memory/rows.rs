//! What a store and an exporter take from the tables: changes, presence, snapshots and views.

use crate::inventory::memory::table::Row;
use crate::inventory::memory::{Memory, owned};
use crate::inventory::model::rows::{Changes, Presence, Removed, Rows, View};

impl Memory {
    /// Rows that changed since the last call.
    pub(crate) fn take_changes(&mut self) -> Changes {
        Changes {
            rows: Rows {
                hosts: self.hosts.take_changed(),
                stations: self.stations.take_changed(),
                bindings: self.bindings.take_changed(),
                leases: self.leases.take_changed(),
                roles: self.roles.take_changed(),
                told: self.told.take_changed(),
                asked: self.asked.take_changed(),
                neighbours: self.neighbours.take_changed(),
                joins: self.joins.take_changed(),
            },
            removed: Removed {
                hosts: self.hosts.take_removed(),
                stations: self.stations.take_removed(),
                bindings: self.bindings.take_removed(),
                leases: self.leases.take_removed(),
                roles: self.roles.take_removed(),
                told: self.told.take_removed(),
                asked: self.asked.take_removed(),
                neighbours: self.neighbours.take_removed(),
                joins: self.joins.take_removed(),
            },
        }
    }

    /// Rows that were only seen again since the last call.
    pub(crate) fn take_presence(&mut self) -> Vec<Presence> {
        let mut seen = Vec::new();
        for key in self.bindings.take_touched() {
            seen.extend(self.bindings.get(&key).map(|row| Presence::Binding(row.segment, row.ip, row.last_seen())));
        }
        for key in self.hosts.take_touched() {
            seen.extend(self.hosts.get(&key).map(|row| Presence::Host(row.id, row.last_seen)));
        }
        for key in self.stations.take_touched() {
            seen.extend(self.stations.get(&key).map(|row| Presence::Station(row.segment, row.mac, row.last_seen)));
        }
        seen
    }

    /// Everything known, by key.
    pub(crate) fn snapshot(&self) -> Rows {
        Rows {
            hosts: owned(self.hosts.rows()),
            stations: owned(self.stations.rows()),
            bindings: owned(self.bindings.rows()),
            leases: owned(self.leases.rows()),
            roles: owned(self.roles.rows()),
            told: owned(self.told.rows()),
            asked: owned(self.asked.rows()),
            neighbours: owned(self.neighbours.rows()),
            joins: owned(self.joins.rows()),
        }
    }

    /// What records are made of.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            hosts: self.hosts.values(),
            stations: self.stations.rows(),
            bindings: self.bindings.rows(),
            roles: self.roles.rows(),
            asked: self.asked.rows(),
            neighbours: self.neighbours.rows(),
        }
    }

    /// From now on nobody asks for changes: none are kept.
    pub(crate) fn save_nothing(&mut self) {
        self.hosts.save_nothing();
        self.stations.save_nothing();
        self.bindings.save_nothing();
        self.leases.save_nothing();
        self.roles.save_nothing();
        self.told.save_nothing();
        self.asked.save_nothing();
        self.neighbours.save_nothing();
        self.joins.save_nothing();
    }
}
