//! The tables together, and what must hold between them: every station has its host, every binding's present holder
//! is a known station, hosts not yet told wait in order of their first sighting. No event is made here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use foldhash::quality::RandomState;

use crate::inventory::memory::binding::Known;
use crate::inventory::memory::limits::Limits;
use crate::inventory::memory::table::{Mark, Row, Table, see};
use crate::inventory::model::address::{Asked, Binding, Lease};
use crate::inventory::model::host::{Host, HostId, Station};
use crate::inventory::model::identity::host_id;
use crate::inventory::model::join::Join;
use crate::inventory::model::oddity::{Oddity, Told};
use crate::inventory::model::role::{Neighbour, Role, RoleHolder};
use crate::inventory::model::rows::Rows;
use crate::inventory::model::source::Source;
use crate::types::{Mac, Segment, Timestamp};

/// What is too old to be kept.
pub mod expiry;
/// Switches' ports, and several stations of one machine.
pub mod neighbours;

/// Who holds an address.
pub mod binding;
/// What a host says of itself.
pub mod host;
/// What probes know of an address.
pub mod asked;
/// How much is kept.
pub mod limits;
/// What tells that two hosts are one.
pub mod kinship;
/// A bounded table.
pub mod table;
/// Hosts that turn out to be one machine.
pub mod merge;
/// Oddities that are told again after a while, and the roles that they are judged by.
pub mod oddities;

/// Who holds an address: bindings, leases and their history.
pub mod addresses;
/// What addresses answered to probes.
pub mod answers;
/// What a store and an exporter take from the tables: changes, presence, snapshots and views.
pub mod rows;

/// A host that was gone and was heard again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Returned {
    /// Which.
    pub(super) host: HostId,
    /// When it was heard again.
    pub(super) at: Timestamp,
    /// When it was told to be gone.
    pub(super) gone_since: Timestamp,
}

/// Everything known.
#[derive(Debug)]
pub(crate) struct Memory {
    limits: Limits,
    /// Beside each host: its stations' MACs.
    hosts: Table<Host, BTreeSet<Mac>>,
    /// Beside each station: the addresses that it holds at present.
    stations: Table<Station, BTreeSet<IpAddr>>,
    /// Beside each binding: what is known of it since before a capture file was read (`Settings::history`).
    bindings: Table<Binding, Vec<Known>>,
    /// Beside each lease: up to when it is known since before a capture file was read.
    leases: Table<Lease, Option<Timestamp>>,
    roles: Table<RoleHolder, ()>,
    told: Table<Told, ()>,
    /// Beside each row: its place in `homeless`, while it has one.
    asked: Table<Asked, Option<Timestamp>>,
    neighbours: Table<Neighbour, ()>,
    joins: Table<Join, ()>,
    kin: merge::Kin,
    expiry: expiry::Expiry,
    /// When the neighbours' words end, the first first.
    expiries: BTreeSet<(Timestamp, (Segment, u64))>,
    /// Addresses that answered and have neither a known station nor a host, by `first_seen`: they may still get one. A
    /// sweep's answers come many at a time, and few leave before their time has come.
    homeless: BTreeMap<Timestamp, Vec<(Segment, IpAddr)>>,
    /// Hosts that are known by an address of their segment only, and which.
    distant: HashMap<HostId, IpAddr, RandomState>,
    /// Hosts that were gone and were heard again, not told yet.
    returned: Vec<Returned>,
    /// Hosts whose `new-host` is not told yet, by first sighting.
    pending: BTreeSet<(Timestamp, HostId)>,
    /// With `Settings::history`: the hosts' `last_seen` as restored.
    known_until: HashMap<HostId, Timestamp, RandomState>,
    history: bool,
    evictions_total: u64,
}

impl Memory {
    /// Restores saved rows. Rows that contradict the others are dropped, rows over a limit are evicted.
    pub(super) fn restore(rows: Rows, limits: Limits, history: bool) -> Self {
        let mut memory = Self {
            limits,
            hosts: Table::new(limits.hosts_max),
            stations: Table::new(limits.hosts_max),
            bindings: Table::new(limits.bindings_max),
            leases: Table::new(limits.leases_max),
            roles: Table::new(limits.roles_max),
            told: Table::new(limits.told_max),
            asked: Table::new(limits.asked_max),
            neighbours: Table::new(limits.neighbours_max),
            joins: Table::new(limits.joins_max),
            kin: merge::Kin::default(),
            expiry: expiry::Expiry::default(),
            expiries: BTreeSet::new(),
            homeless: BTreeMap::new(),
            distant: HashMap::default(),
            returned: Vec::new(),
            pending: BTreeSet::new(),
            known_until: HashMap::default(),
            history,
            evictions_total: 0,
        };
        memory.fill(rows);
        let over = memory.hosts.fit();
        memory.drop_hosts(over);
        let over = memory.bindings.fit();
        memory.drop_bindings(over);
        let over = memory.leases.fit().len() + memory.roles.fit().len() + memory.told.fit().len();
        memory.count(over);
        let over = memory.asked.fit();
        memory.drop_asked(over);
        let over = memory.neighbours.fit();
        memory.drop_neighbours(over);
        let over = memory.joins.fit().len();
        memory.count(over);
        memory.restore_kin();
        memory
    }

    fn fill(&mut self, rows: Rows) {
        for host in rows.hosts {
            if !host.announced {
                self.pending.insert((host.first_seen, host.id));
            }
            if self.history {
                self.known_until.insert(host.id, host.last_seen);
            }
            self.hosts.restore(host, BTreeSet::new());
        }
        for station in rows.stations {
            match self.hosts.note_mut(&station.host) {
                Some(macs) => {
                    macs.insert(station.mac);
                    self.stations.restore(station, BTreeSet::new());
                }
                None => self.stations.refuse(station.key()),
            }
        }
        let answering: BTreeSet<HostId> = rows.asked.iter().filter_map(|asked| asked.host).collect();
        for id in self.hosts.keys() {
            if !answering.contains(&id)
                && self.hosts.note(&id).is_some_and(BTreeSet::is_empty)
                && let Some((host, _)) = self.hosts.remove(&id)
            {
                self.pending.remove(&(host.first_seen, id));
            }
        }
        for mut binding in rows.bindings {
            binding.holders.truncate(self.limits.holders_max.max(1));
            let present = binding.holders.first().map(|holder| (binding.segment, holder.mac));
            match present.and_then(|station| self.stations.note_mut(&station)) {
                Some(held) => {
                    held.insert(binding.ip);
                    let known = if self.history { known(&binding) } else { Vec::new() };
                    self.bindings.restore(binding, known);
                }
                None => self.bindings.refuse(binding.key()),
            }
        }
        for lease in rows.leases {
            let known_until = self.history.then_some(lease.at);
            self.leases.restore(lease, known_until);
        }
        rows.roles.into_iter().for_each(|role| self.roles.restore(role, ()));
        rows.told.into_iter().for_each(|told| self.told.restore(told, ()));
        for mut asked in rows.asked {
            asked.host = asked.host.filter(|id| self.hosts.get(id).is_some());
            let (key, first_seen) = (asked.key(), asked.first_seen);
            let is_homeless = asked.host.is_none() && !asked.sources.is_empty() && self.bindings.get(&key).is_none();
            self.distant.extend(asked.host.map(|id| (id, asked.ip)));
            self.asked.restore(asked, None);
            if is_homeless {
                self.let_wait(key, first_seen);
            }
        }
        rows.neighbours.into_iter().for_each(|neighbour| self.restore_neighbour(neighbour));
        for join in rows.joins {
            match self.stations.get(&join.key()) {
                Some(_) => self.joins.restore(join, ()),
                None => self.joins.refuse(join.key()),
            }
        }
    }

    /// A station was heard: it and its host are known from now on.
    pub(super) fn hear(&mut self, segment: Segment, mac: Mac, source: Source, at: Timestamp) -> HostId {
        let seen = self.stations.update(&(segment, mac), |station, _| {
            let learned = Mark::changed_if(station.sources.insert(source));
            (learned.max(see(&mut station.first_seen, &mut station.last_seen, at)), station.host)
        });
        match seen {
            Some(id) => self.see_host(id, at),
            None => {
                let own = self.admit(segment, mac, source, at);
                self.join_base(segment, mac, own)
            }
        }
    }

    fn see_host(&mut self, id: HostId, at: Timestamp) -> HostId {
        let waited = self.hosts.update(&id, |host, _| {
            let before = host.first_seen;
            let mut mark = see(&mut host.first_seen, &mut host.last_seen, at);
            let gone_since = host.gone_since.take_if(|since| at > *since);
            if gone_since.is_some() {
                host.here_since = at;
                mark = Mark::Changed;
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

    fn admit(&mut self, segment: Segment, mac: Mac, source: Source, at: Timestamp) -> HostId {
        if self.hosts.is_full() {
            let oldest = self.hosts.make_room();
            self.drop_hosts(oldest);
        }
        // Hosts of several stations may fill the one table and not the other.
        if self.stations.is_full() {
            self.drop_oldest_station();
        }
        let id = host_id(segment, mac);
        let station = Station { segment, mac, host: id, first_seen: at, last_seen: at, sources: source.into() };
        self.stations.insert(station, BTreeSet::new());
        match self.hosts.note_mut(&id) {
            Some(macs) => {
                macs.insert(mac);
                self.see_host(id, at)
            }
            None => {
                self.hosts.insert(empty_host(id, segment, at, at), [mac].into());
                self.pending.insert((at, id));
                id
            }
        }
    }

    /// The host of a station.
    pub(super) fn host_of(&self, segment: Segment, mac: Mac) -> Option<&Host> {
        self.hosts.get(&self.stations.get(&(segment, mac))?.host)
    }

    /// A host.
    pub(super) fn host(&self, id: HostId) -> Option<&Host> {
        self.hosts.get(&id)
    }

    /// Changes a host.
    pub(super) fn update_host<T>(&mut self, id: HostId, change: impl FnOnce(&mut Host) -> (Mark, T)) -> Option<T> {
        let changed = self.hosts.update(&id, |host, _| {
            let (mark, answer) = change(host);
            (mark, (mark, answer))
        });
        let (mark, answer) = changed?;
        if mark == Mark::Changed {
            self.kin.touch(id);
        }
        Some(answer)
    }

    /// Whether the host was known since before a capture file was read, up to `at` or later.
    pub(super) fn is_known_history(&self, id: HostId, at: Timestamp) -> bool {
        self.known_until.get(&id).is_some_and(|&until| at <= until)
    }

    /// The hosts that wait to be told and for which `due(first_seen)` holds at either end of the queue, in order.
    pub(super) fn due(&self, seen_until: Option<Timestamp>, seen_after: Timestamp) -> Vec<HostId> {
        let past = self.pending.iter().take_while(|(first, _)| seen_until.is_some_and(|until| *first <= until));
        let mut due: Vec<_> = past.copied().collect();
        let ahead = self.pending.iter().rev().take_while(|(first, _)| *first > seen_after);
        due.extend(ahead.filter(|(first, _)| seen_until.is_none_or(|until| *first > until)).copied());
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// The first sighting of what waits longest to be told: a host, an address that answered, a station joined to a host.
    pub(super) fn first_waiting(&self) -> Option<Timestamp> {
        let pending = self.pending.first().map(|(first_seen, _)| *first_seen);
        let homeless = self.homeless.first_key_value().map(|(at, _)| *at);
        [pending, homeless, self.first_untold()].into_iter().flatten().min()
    }

    /// Every host that waits, in order.
    pub(super) fn pending(&self) -> Vec<HostId> {
        self.pending.iter().map(|&(_, id)| id).collect()
    }

    /// Marks a host as told; its best address and that one's MAC, or its first. `None` when it was told already.
    pub(super) fn announce(&mut self, id: HostId) -> Option<(Mac, Option<IpAddr>)> {
        let first_seen = self.hosts.update(&id, |host, _| {
            let first = (!host.announced).then_some(host.first_seen);
            host.announced = true;
            (Mark::changed_if(first.is_some()), first)
        })??;
        self.pending.remove(&(first_seen, id));
        let first = *self.hosts.note(&id)?.first()?;
        let (segment, ip) = (self.hosts.get(&id)?.segment, self.best_address(id));
        let holder = ip.and_then(|ip| self.holder(segment, ip)).map(|holder| holder.mac);
        Some((holder.unwrap_or(first), ip))
    }

    /// The address to know a host by: IPv4, then global IPv6, then link-local; the lowest among equals.
    pub(super) fn best_address(&self, id: HostId) -> Option<IpAddr> {
        if let Some(ip) = self.distant.get(&id) {
            return Some(*ip);
        }
        let segment = self.hosts.get(&id)?.segment;
        let held = |mac: &Mac| self.stations.note(&(segment, *mac)).into_iter().flatten();
        self.hosts.note(&id)?.iter().flat_map(held).min_by_key(|ip| (reach(ip), **ip)).copied()
    }

    /// The best of the addresses that one station holds.
    pub(super) fn best_address_of(&self, segment: Segment, mac: Mac) -> Option<IpAddr> {
        self.stations.note(&(segment, mac)).into_iter().flatten().min_by_key(|ip| (reach(ip), **ip)).copied()
    }

    /// The addresses that a host's stations hold.
    pub(super) fn addresses_of(&self, id: HostId) -> impl Iterator<Item = IpAddr> + '_ {
        let segment = self.hosts.get(&id).map(|host| host.segment);
        let stations = self.hosts.note(&id).into_iter().flatten();
        let held = stations.filter_map(move |mac| self.stations.note(&(segment?, *mac)));
        held.flatten().copied()
    }

    /// The first of a host's stations; none when it is known by an address only.
    pub(super) fn first_mac(&self, id: HostId) -> Option<Mac> {
        self.hosts.note(&id)?.first().copied()
    }

    /// Whether one of the host's stations held `ip` at `at` already: a capture file read again knows later addresses too.
    pub(super) fn holds(&self, id: HostId, ip: IpAddr, at: Timestamp) -> bool {
        let present = |host: &Host| self.bindings.get(&(host.segment, ip)).map(|binding| &binding.holders[0]);
        let macs = self.hosts.note(&id);
        self.hosts
            .get(&id)
            .and_then(present)
            .is_some_and(|holder| holder.first_seen <= at && macs.is_some_and(|macs| macs.contains(&holder.mac)))
    }

    /// A role was played; whether for the first time.
    pub(super) fn play(&mut self, holder: RoleHolder) -> bool {
        let known = self.roles.update(&holder.key(), |known, ()| {
            let mut mark = see(&mut known.first_seen, &mut known.last_seen, holder.last_seen);
            if (known.mac, &known.prefixes, &known.router) != (holder.mac, &holder.prefixes, &holder.router) {
                known.mac = holder.mac;
                known.prefixes.clone_from(&holder.prefixes);
                known.router.clone_from(&holder.router);
                mark = Mark::Changed;
            }
            (mark, ())
        });
        if known.is_none() {
            let over = self.roles.make_room().len();
            self.count(over);
            self.roles.insert(holder, ());
        }
        known.is_none()
    }

    /// Whether the address is known to play the role.
    pub(super) fn plays(&self, segment: Segment, role: Role, ip: IpAddr) -> bool {
        self.roles.get(&(segment, role, ip)).is_some()
    }

    /// An oddity was seen; whether for the first time.
    pub(super) fn is_odd_anew(&mut self, told: Told) -> bool {
        let at = told.last_seen;
        let known =
            self.told.update(&told.key(), |known, ()| (see(&mut known.first_seen, &mut known.last_seen, at), ()));
        if known.is_none() {
            let over = self.told.make_room().len();
            self.count(over);
            self.told.insert(told, ());
        }
        known.is_none()
    }

    /// The host that an address belongs to: of its holder, or the one that is known by the address only.
    pub(super) fn host_at(&self, segment: Segment, ip: IpAddr) -> Option<&Host> {
        match self.holder(segment, ip) {
            Some(holder) => self.host_of(segment, holder.mac),
            None => self.hosts.get(&self.asked.get(&(segment, ip))?.host?),
        }
    }

    /// Marks a host as gone; whether it was not before.
    pub(super) fn lose(&mut self, id: HostId, at: Timestamp) -> bool {
        let lost = self.hosts.update(&id, |host, _| {
            let is_new = host.gone_since.is_none();
            host.gone_since.get_or_insert(at);
            (Mark::changed_if(is_new), is_new)
        });
        lost == Some(true)
    }

    /// Hosts that were gone and were heard since the last call.
    pub(super) fn take_returned(&mut self) -> Vec<Returned> {
        std::mem::take(&mut self.returned)
    }

    /// Rows evicted by limits since the start.
    pub(super) fn evictions_total(&self) -> u64 {
        self.evictions_total
    }

    /// A host that goes takes its stations with it, and a station the addresses that it holds.
    fn drop_hosts(&mut self, hosts: Vec<(Host, BTreeSet<Mac>)>) {
        self.count(hosts.len());
        for (host, macs) in hosts {
            self.pending.remove(&(host.first_seen, host.id));
            self.known_until.remove(&host.id);
            self.kin.forget(host.segment, host.id);
            if let Some(ip) = self.distant.remove(&host.id) {
                let gone = usize::from(self.asked.remove(&(host.segment, ip)).is_some());
                self.count(gone);
            }
            for mac in macs {
                self.drop_station(host.segment, mac);
            }
        }
    }

    /// A station that goes takes the addresses that it holds with it.
    fn drop_station(&mut self, segment: Segment, mac: Mac) {
        let Some((_, held)) = self.stations.remove(&(segment, mac)) else { return };
        self.forget_join(segment, mac);
        let gone = held.iter().filter(|ip| self.bindings.remove(&(segment, **ip)).is_some()).count();
        let asked = held.iter().filter(|ip| self.asked.remove(&(segment, **ip)).is_some()).count();
        self.count(gone + asked + 1);
    }

    fn count(&mut self, evicted: usize) {
        self.evictions_total += u64::try_from(evicted).expect("a count of rows in memory fits 64 bits");
    }
}

/// A host of which nothing is known but that it was there.
pub(crate) fn empty_host(id: HostId, segment: Segment, first_seen: Timestamp, last_seen: Timestamp) -> Host {
    Host {
        id,
        segment,
        first_seen,
        last_seen,
        announced: false,
        here_since: first_seen,
        gone_since: None,
        names: Vec::new(),
        services: Vec::new(),
        dhcp: None,
        roles: BTreeMap::new(),
        prints: Vec::new(),
    }
}

pub(crate) fn known(binding: &Binding) -> Vec<Known> {
    let known =
        |h: &crate::inventory::model::address::Holder| Known { mac: h.mac, from: h.first_seen, until: h.last_seen };
    binding.holders.iter().map(known).collect()
}

fn reach(ip: &IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 0,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 2,
        IpAddr::V6(_) => 1,
    }
}

impl Row for Host {
    type Key = HostId;
    const HAS_PRESENCE: bool = true;

    fn key(&self) -> HostId {
        self.id
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

impl Row for Station {
    type Key = (Segment, Mac);
    const HAS_PRESENCE: bool = true;

    fn key(&self) -> Self::Key {
        (self.segment, self.mac)
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

impl Row for Binding {
    type Key = (Segment, IpAddr);
    const HAS_PRESENCE: bool = true;

    fn key(&self) -> Self::Key {
        (self.segment, self.ip)
    }

    fn last_seen(&self) -> Timestamp {
        self.holders[0].last_seen
    }
}

impl Row for Lease {
    type Key = (Segment, Ipv4Addr);
    const HAS_PRESENCE: bool = false;

    fn key(&self) -> Self::Key {
        (self.segment, self.ip)
    }

    fn last_seen(&self) -> Timestamp {
        self.at
    }
}

impl Row for RoleHolder {
    type Key = (Segment, Role, IpAddr);
    const HAS_PRESENCE: bool = false;

    fn key(&self) -> Self::Key {
        (self.segment, self.role, self.ip)
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

impl Row for Told {
    type Key = (Segment, Oddity, IpAddr, Mac, Mac);
    const HAS_PRESENCE: bool = false;

    fn key(&self) -> Self::Key {
        (self.segment, self.oddity, self.ip, self.mac, self.frame_mac)
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

impl Row for Asked {
    type Key = (Segment, IpAddr);
    const HAS_PRESENCE: bool = false;

    fn key(&self) -> Self::Key {
        (self.segment, self.ip)
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

impl Row for Neighbour {
    type Key = (Segment, u64);
    const HAS_PRESENCE: bool = false;

    fn key(&self) -> Self::Key {
        (self.segment, self.id)
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

pub(crate) fn owned<R: Clone>(rows: Vec<&R>) -> Vec<R> {
    rows.into_iter().cloned().collect()
}
