//! Stations, and the hosts that they belong to: how they become known, are looked up, and go.

use std::collections::BTreeSet;
use std::net::IpAddr;

use enumset::EnumSet;

use crate::inventory::memory::host::empty_host;
use crate::inventory::memory::state::{Memory, Returned};
use crate::inventory::memory::table::{RowChange, see};
use crate::inventory::model::address::best_address;
use crate::inventory::model::host::{Host, HostId, Station};
use crate::inventory::model::identity::host_id;
use crate::inventory::model::source::Source;
use crate::types::{Mac, Segment, Timestamp};

impl Memory {
    /// A station was heard: it and its host are known from now on. Returns the host.
    pub(crate) fn hear(&mut self, segment: Segment, mac: Mac, source: Source, at: Timestamp) -> HostId {
        let seen = self.tables.stations.update(&(segment, mac), |station, _| {
            let learned = RowChange::changed_if(station.sources.insert(source));
            (learned.max(see(&mut station.first_seen, &mut station.last_seen, at)), station.host)
        });
        match seen {
            Some(id) => self.see_host(id, at),
            None => {
                let own = self.admit(segment, mac, source, at);
                self.join_base_station(segment, mac, own)
            }
        }
    }

    /// A host was seen at `at`; it is gone no more.
    pub(super) fn see_host(&mut self, id: HostId, at: Timestamp) -> HostId {
        let waited = self.tables.hosts.update(&id, |host, _| {
            let before = host.first_seen;
            let mut mark = see(&mut host.first_seen, &mut host.last_seen, at);
            let gone_since = host.gone_since.take_if(|since| at > *since);
            if gone_since.is_some() {
                host.here_since = at;
                mark = RowChange::Changed;
            }
            (mark, ((!host.announced && host.first_seen != before).then_some(before), gone_since))
        });
        if let Some((_, Some(gone_since))) = waited {
            self.returned.push(Returned { host: id, at, gone_since });
        }
        if let Some((Some(before), _)) = waited {
            self.pending.remove(&(before, id));
            self.pending.insert((at, id));
        }
        id
    }

    /// Adds a station that is not known, as a host of its own.
    fn admit(&mut self, segment: Segment, mac: Mac, source: Source, at: Timestamp) -> HostId {
        if self.tables.hosts.is_full() {
            let oldest = self.tables.hosts.make_room();
            self.drop_hosts(oldest);
        }
        // Where hosts have several stations, the stations' table fills first.
        if self.tables.stations.is_full() {
            self.drop_oldest_station();
        }
        let id = host_id(segment, mac);
        let station = Station { segment, mac, host: id, first_seen: at, last_seen: at, sources: source.into() };
        self.tables.stations.insert(station, BTreeSet::new());
        match self.tables.hosts.note_mut(&id) {
            Some(macs) => {
                macs.insert(mac);
                self.see_host(id, at)
            }
            None => {
                self.tables.hosts.insert(empty_host(id, segment, at, at), [mac].into());
                self.pending.insert((at, id));
                id
            }
        }
    }

    /// The host of a station.
    pub(crate) fn host_of(&self, segment: Segment, mac: Mac) -> Option<&Host> {
        self.tables.hosts.get(&self.tables.stations.get(&(segment, mac))?.host)
    }

    /// Since when a station is known.
    pub(crate) fn known_since(&self, segment: Segment, mac: Mac) -> Option<Timestamp> {
        self.tables.stations.get(&(segment, mac)).map(|station| station.first_seen)
    }

    /// A host.
    pub(crate) fn host(&self, id: HostId) -> Option<&Host> {
        self.tables.hosts.get(&id)
    }

    /// The first host, by its number, for which `holds` is true.
    pub(crate) fn find_host(&self, holds: impl Fn(&Host) -> bool) -> Option<&Host> {
        self.tables.hosts.find(holds)
    }

    /// Changes a host. What changed may show that it is the same machine as another.
    pub(crate) fn update_host<T>(&mut self, id: HostId, change: impl FnOnce(&mut Host) -> (RowChange, T)) -> Option<T> {
        let changed = self.tables.hosts.update(&id, |host, _| {
            let (mark, answer) = change(host);
            (mark, (mark, answer))
        });
        let (mark, answer) = changed?;
        if mark == RowChange::Changed {
            self.merges.touch(id);
        }
        Some(answer)
    }

    /// The host that an address belongs to: of its holder, or the one that is known by the address only.
    pub(crate) fn host_at(&self, segment: Segment, ip: IpAddr) -> Option<&Host> {
        match self.holder(segment, ip) {
            Some(holder) => self.host_of(segment, holder.mac),
            None => self.tables.hosts.get(&self.tables.asked.get(&(segment, ip))?.host?),
        }
    }

    /// Marks a host as gone; whether it was not marked before.
    pub(crate) fn mark_gone(&mut self, id: HostId, at: Timestamp) -> bool {
        let lost = self.tables.hosts.update(&id, |host, _| {
            let is_new = host.gone_since.is_none();
            host.gone_since.get_or_insert(at);
            (RowChange::changed_if(is_new), is_new)
        });
        lost == Some(true)
    }

    /// Hosts that were gone and were heard again since the last call.
    pub(crate) fn take_returned(&mut self) -> Vec<Returned> {
        std::mem::take(&mut self.returned)
    }

    /// The address to know a host by: that of a host behind a router, else the best that its stations hold.
    pub(crate) fn best_address(&self, id: HostId) -> Option<IpAddr> {
        if let Some(ip) = self.distant.get(&id) {
            return Some(*ip);
        }
        let segment = self.tables.hosts.get(&id)?.segment;
        let held = |mac: &Mac| self.tables.stations.note(&(segment, *mac)).into_iter().flatten();
        best_address(self.tables.hosts.note(&id)?.iter().flat_map(held).copied())
    }

    /// The best of the addresses that one station holds.
    pub(crate) fn best_address_of(&self, segment: Segment, mac: Mac) -> Option<IpAddr> {
        best_address(self.held_by(segment, mac))
    }

    /// The addresses that a station holds.
    pub(crate) fn held_by(&self, segment: Segment, mac: Mac) -> impl Iterator<Item = IpAddr> + '_ {
        self.tables.stations.note(&(segment, mac)).into_iter().flatten().copied()
    }

    /// The addresses that a host's stations hold.
    pub(crate) fn addresses_of(&self, id: HostId) -> impl Iterator<Item = IpAddr> + '_ {
        let segment = self.tables.hosts.get(&id).map(|host| host.segment);
        let stations = self.tables.hosts.note(&id).into_iter().flatten();
        let held = stations.filter_map(move |mac| self.tables.stations.note(&(segment?, *mac)));
        held.flatten().copied()
    }

    /// The MACs of a host's stations, in order.
    pub(crate) fn macs_of(&self, id: HostId) -> impl Iterator<Item = Mac> + '_ {
        self.tables.hosts.note(&id).into_iter().flatten().copied()
    }

    /// The lowest MAC of a host's stations; `None` when it is known by an address only.
    pub(crate) fn first_mac(&self, id: HostId) -> Option<Mac> {
        self.tables.hosts.note(&id)?.first().copied()
    }

    /// Whether one of the host's stations held `ip` at `at` already: a capture file read again knows later addresses too.
    pub(crate) fn holds(&self, id: HostId, ip: IpAddr, at: Timestamp) -> bool {
        let present = |host: &Host| self.tables.bindings.get(&(host.segment, ip)).map(|binding| &binding.holders[0]);
        let macs = self.tables.hosts.note(&id);
        self.tables
            .hosts
            .get(&id)
            .and_then(present)
            .is_some_and(|holder| holder.first_seen <= at && macs.is_some_and(|macs| macs.contains(&holder.mac)))
    }

    /// Forgets what belonged to hosts that were removed: their stations, with the addresses that these hold.
    pub(super) fn drop_hosts(&mut self, hosts: Vec<(Host, BTreeSet<Mac>)>) {
        self.count(hosts.len());
        for (host, macs) in hosts {
            self.pending.remove(&(host.first_seen, host.id));
            self.known_until.remove(&host.id);
            self.merges.forget(host.segment, host.id);
            if let Some(ip) = self.distant.remove(&host.id) {
                let gone = usize::from(self.tables.asked.remove(&(host.segment, ip)).is_some());
                self.count(gone);
            }
            for mac in macs {
                self.drop_station(host.segment, mac);
            }
        }
    }

    /// Removes a station, and the addresses that it holds.
    fn drop_station(&mut self, segment: Segment, mac: Mac) {
        let Some((_, held)) = self.tables.stations.remove(&(segment, mac)) else { return };
        self.drop_join(segment, mac);
        let gone = held.iter().filter(|ip| self.tables.bindings.remove(&(segment, **ip)).is_some()).count();
        let asked = held.iter().filter(|ip| self.tables.asked.remove(&(segment, **ip)).is_some()).count();
        self.count(gone + asked + 1);
    }

    /// The protocols by which a station was heard.
    pub(crate) fn sources(&self, segment: Segment, mac: Mac) -> Option<EnumSet<Source>> {
        self.tables.stations.get(&(segment, mac)).map(|station| station.sources)
    }

    /// Removes the station unseen for longest, and its host where that was the last one.
    fn drop_oldest_station(&mut self) {
        let Some((id, mac)) = self.tables.stations.oldest().map(|station| (station.host, station.mac)) else { return };
        let is_last = self.tables.hosts.note(&id).is_none_or(|macs| macs.len() <= 1);
        if is_last {
            if let Some(host) = self.tables.hosts.remove(&id) {
                self.drop_hosts(vec![host]);
            }
            return;
        }
        if let Some(macs) = self.tables.hosts.note_mut(&id) {
            macs.remove(&mac);
        }
        if let Some(segment) = self.tables.hosts.get(&id).map(|host| host.segment) {
            self.drop_station(segment, mac);
        }
    }
}
