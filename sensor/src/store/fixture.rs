//! What the tests of this room share: a folder, values from a seed, and a model of what saving does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use enumset::EnumSet;
use ipnet::IpNet;

use crate::store::batch::{Batch, Saved, StoredEvent};
use crate::store::writer::Writer;
use sensor_core::inventory::model::address::{Asked, Binding, Holder, Lease, OpenPort, SnmpFacts};
use sensor_core::inventory::model::evidence::Evidence;
use sensor_core::inventory::model::host::{DhcpFacts, Host, HostId, HostRole, Name, Print, Service, Station};
use sensor_core::inventory::model::join::Join;
use sensor_core::inventory::model::join::JoinEvidence;
use sensor_core::inventory::model::oddity::{Oddity, ReportedOddity};
use sensor_core::inventory::model::role::{Neighbour, Role, RoleHolder, RouterFacts};
use sensor_core::inventory::model::rows::{Changes, Presence, Removed, Rows};
use sensor_core::inventory::model::source::Source;
use sensor_core::types::{Iface, Mac, Segment, Timestamp, Vlans};

/// When the tests' databases are made.
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A folder of one test, removed at its end.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("sensor-store-{}-{number}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The writer of `db` in this folder.
    pub(super) fn open(&self) -> (Writer, Saved) {
        Writer::open(&self.file("db"), NOW).unwrap()
    }

    /// All events that are on disk.
    pub(super) fn events(&self) -> Vec<StoredEvent> {
        crate::store::reader::Reader::open(&self.file("db"))
            .unwrap()
            .events(&crate::store::reader::EventFilter::default())
            .unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A batch of these rows.
pub(super) fn batch_of(rows: Rows) -> Batch {
    Batch { changes: Changes { rows, removed: Removed::default() }, ..Batch::default() }
}

/// A batch of events with these ids, that many seconds after the epoch.
pub(super) fn events(ids: impl IntoIterator<Item = u64>) -> Batch {
    Batch { events: ids.into_iter().map(event).collect(), ..Batch::default() }
}

/// The event of an id: odd ones are of `new-host`, even ones of `flip-flop` without a host.
pub(super) fn event(id: u64) -> StoredEvent {
    let odd = id % 2 == 1;
    StoredEvent {
        id,
        at: Timestamp::from_secs(id.cast_signed()),
        kind: if odd { "new-host" } else { "flip-flop" }.to_owned(),
        severity: "info".to_owned(),
        segment: odd.then(|| "eth1.30".to_owned()),
        host: odd.then_some(u64::MAX - id),
        record: format!("{{\"id\":{id}}}"),
        cause: odd.then(|| format!("new-host {id}")),
        muted: None,
        count: 1,
        last_at: None,
    }
}

/// A segment by number.
pub(super) fn segment(number: u16) -> Segment {
    Segment::tagged(Iface::new("eth1").unwrap(), Vlans::new([number / 2, number]))
}

/// A network of `count` hosts at one moment, each with an IPv4, a link-local and a global address.
pub(super) fn network(count: u16) -> Rows {
    let mut rows = Rows::default();
    for number in 0..count {
        let [high, low] = number.to_be_bytes();
        let mac = Mac([2, 0, 0, 0, high, low]);
        // As spread over 64 bits as a hash.
        let id = HostId(Random(number.into()).next());
        let sources = Source::Arp | Source::Ndp;
        rows.hosts.push(Host {
            id,
            segment: segment(0),
            first_seen: NOW,
            last_seen: NOW,
            announced: true,
            here_since: NOW,
            gone_since: None,
            names: Vec::new(),
            services: Vec::new(),
            dhcp: None,
            roles: BTreeMap::new(),
            prints: Vec::new(),
        });
        rows.stations.push(Station { segment: segment(0), mac, host: id, first_seen: NOW, last_seen: NOW, sources });
        let addresses: [IpAddr; 3] = [
            Ipv4Addr::new(10, 0, high, low).into(),
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, number).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0xff, 0xfe00, number).into(),
        ];
        rows.bindings.extend(addresses.map(|ip| Binding {
            segment: segment(0),
            ip,
            holders: vec![Holder { mac, first_seen: NOW, last_seen: NOW, sources }],
        }));
    }
    rows
}

/// Everything in `rows` was seen at `at`.
pub(super) fn seen(rows: &Rows, at: Timestamp) -> Batch {
    let hosts = rows.hosts.iter().map(|host| Presence::Host(host.id, at));
    let stations = rows.stations.iter().map(|station| Presence::Station(station.segment, station.mac, at));
    let bindings = rows.bindings.iter().map(|binding| Presence::Binding(binding.segment, binding.ip, at));
    Batch { presence: hosts.chain(stations).chain(bindings).collect(), ..Batch::default() }
}

/// What saving a batch must do to the rows, said in memory.
pub(super) fn apply(model: &mut Rows, batch: &Batch) {
    let Changes { rows, removed } = batch.changes.clone();
    merge(&mut model.hosts, rows.hosts, &removed.hosts, |host| host.id);
    merge(&mut model.stations, rows.stations, &removed.stations, |station| (station.segment, station.mac));
    merge(&mut model.bindings, rows.bindings, &removed.bindings, |binding| (binding.segment, binding.ip));
    merge(&mut model.leases, rows.leases, &removed.leases, |lease| (lease.segment, lease.ip));
    merge(&mut model.roles, rows.roles, &removed.roles, |role| (role.segment, role.role, role.ip));
    merge(&mut model.told, rows.told, &removed.told, |told| {
        (told.segment, told.oddity, told.ip, told.mac, told.frame_mac)
    });
    merge(&mut model.asked, rows.asked, &removed.asked, |asked| (asked.segment, asked.ip));
    merge(&mut model.neighbours, rows.neighbours, &removed.neighbours, |row| (row.segment, row.id));
    merge(&mut model.joins, rows.joins, &removed.joins, |row| (row.segment, row.mac));
    for presence in &batch.presence {
        let seen = match *presence {
            Presence::Binding(segment, ip, at) => {
                let binding = model.bindings.iter_mut().find(|row| (row.segment, row.ip) == (segment, ip));
                binding.map(|row| (&mut row.holders[0].last_seen, at))
            }
            Presence::Host(id, at) => {
                model.hosts.iter_mut().find(|row| row.id == id).map(|row| (&mut row.last_seen, at))
            }
            Presence::Station(segment, mac, at) => {
                let station = model.stations.iter_mut().find(|row| (row.segment, row.mac) == (segment, mac));
                station.map(|row| (&mut row.last_seen, at))
            }
        };
        if let Some((last_seen, at)) = seen {
            *last_seen = at;
        }
    }
}

fn merge<T, K: Ord>(rows: &mut Vec<T>, new: Vec<T>, removed: &[K], key: impl Fn(&T) -> K) {
    rows.retain(|row| !removed.contains(&key(row)) && !new.iter().any(|new| key(new) == key(row)));
    rows.extend(new);
}

/// The rows in the order of their keys, to compare.
pub(super) fn sorted(mut rows: Rows) -> Rows {
    rows.hosts.sort_by_key(|host| host.id);
    rows.stations.sort_by_key(|station| (station.segment, station.mac));
    rows.bindings.sort_by_key(|binding| (binding.segment, binding.ip));
    rows.leases.sort_by_key(|lease| (lease.segment, lease.ip));
    rows.roles.sort_by_key(|role| (role.segment, role.role, role.ip));
    rows.told.sort_by_key(|told| (told.segment, told.oddity, told.ip, told.mac, told.frame_mac));
    rows.asked.sort_by_key(|asked| (asked.segment, asked.ip));
    rows.neighbours.sort_by_key(|row| (row.segment, row.id));
    rows.joins.sort_by_key(|row| (row.segment, row.mac));
    rows
}

/// Values from a seed (splitmix64). Keys come from small ranges, so that rows meet; the rest takes all it can.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A batch of everything but events.
    pub(super) fn batch(&mut self) -> Batch {
        Batch {
            changes: Changes { rows: self.rows(), removed: self.removed() },
            presence: self.some(|random| match random.next() % 3 {
                0 => Presence::Binding(random.segment(), random.ip(), random.at()),
                1 => Presence::Host(random.host_id(), random.at()),
                _ => Presence::Station(random.segment(), random.mac(), random.at()),
            }),
            ..Batch::default()
        }
    }

    fn rows(&mut self) -> Rows {
        let mut rows = Rows::default();
        let new = Rows {
            hosts: self.some(Self::host),
            stations: self.some(Self::station),
            bindings: self.some(Self::binding),
            leases: self.some(Self::lease),
            roles: self.some(Self::role),
            told: self.some(Self::told),
            asked: self.some(Self::asked),
            neighbours: self.some(Self::neighbour),
            joins: self.some(Self::join),
        };
        // One after another, so that a key is in the batch once.
        new.hosts.into_iter().for_each(|row| merge(&mut rows.hosts, vec![row], &[], |host| host.id));
        new.stations
            .into_iter()
            .for_each(|row| merge(&mut rows.stations, vec![row], &[], |row| (row.segment, row.mac)));
        new.bindings.into_iter().for_each(|row| merge(&mut rows.bindings, vec![row], &[], |row| (row.segment, row.ip)));
        new.leases.into_iter().for_each(|row| merge(&mut rows.leases, vec![row], &[], |row| (row.segment, row.ip)));
        new.roles
            .into_iter()
            .for_each(|row| merge(&mut rows.roles, vec![row], &[], |row| (row.segment, row.role, row.ip)));
        new.asked.into_iter().for_each(|row| merge(&mut rows.asked, vec![row], &[], |row| (row.segment, row.ip)));
        new.neighbours
            .into_iter()
            .for_each(|row| merge(&mut rows.neighbours, vec![row], &[], |row| (row.segment, row.id)));
        new.joins.into_iter().for_each(|row| merge(&mut rows.joins, vec![row], &[], |row| (row.segment, row.mac)));
        new.told.into_iter().for_each(|row| {
            merge(&mut rows.told, vec![row], &[], |row| (row.segment, row.oddity, row.ip, row.mac, row.frame_mac));
        });
        rows
    }

    fn removed(&mut self) -> Removed {
        Removed {
            hosts: self.some(Self::host_id),
            stations: self.some(|random| (random.segment(), random.mac())),
            bindings: self.some(|random| (random.segment(), random.ip())),
            leases: self.some(|random| (random.segment(), random.ipv4())),
            roles: self.some(|random| (random.segment(), random.role_kind(), random.ip())),
            told: self.some(|random| (random.segment(), random.oddity(), random.ip(), random.mac(), random.mac())),
            asked: self.some(|random| (random.segment(), random.ip())),
            neighbours: self.some(|random| (random.segment(), random.host_id().0)),
            joins: self.some(|random| (random.segment(), random.mac())),
        }
    }

    fn host(&mut self) -> Host {
        Host {
            id: self.host_id(),
            segment: self.segment(),
            first_seen: self.at(),
            last_seen: self.at(),
            announced: self.coin(),
            here_since: self.at(),
            gone_since: self.coin().then(|| self.at()),
            names: self.some(|random| Name {
                name: random.text(),
                source: random.source(),
                first_seen: random.at(),
                last_seen: random.at(),
            }),
            services: self.some(|random| Service {
                port: random.next() as u16,
                protocol: if random.coin() { "tcp" } else { "udp" },
                instance: random.text(),
                source: random.source(),
                closed: random.coin(),
                first_seen: random.at(),
                last_seen: random.at(),
            }),
            dhcp: self.coin().then(|| {
                Box::new(DhcpFacts {
                    hostname: self.coin().then(|| self.text()),
                    vendor_class: self.coin().then(|| self.text()),
                    parameters: self.some(|random| random.next() as u8),
                    client_id: self.some(|random| random.next() as u8),
                    server: self.coin().then(|| self.ipv4()),
                    lease_until: self.coin().then(|| self.at()),
                })
            }),
            prints: self.prints(),
            roles: self
                .some(|random| {
                    let role = HostRole::ALL[(random.next() % 3) as usize];
                    (role, [random.text(), random.text()].into())
                })
                .into_iter()
                .collect(),
        }
    }

    fn join(&mut self) -> Join {
        Join {
            segment: self.segment(),
            mac: self.mac(),
            host: self.host_id(),
            apart: self.coin(),
            old_mac: self.mac(),
            evidence: self
                .some(|random| JoinEvidence::ALL[(random.next() % JoinEvidence::ALL.len() as u64) as usize])
                .into_iter()
                .collect(),
            at: self.at(),
            told: self.coin(),
            here: self.coin(),
            turns: self.next() as u8,
            turned_at: self.at(),
        }
    }

    fn neighbour(&mut self) -> Neighbour {
        Neighbour {
            segment: self.segment(),
            id: self.host_id().0,
            source: self.source(),
            unit: self.coin().then(|| self.next()),
            mac: self.mac(),
            chassis: self.text(),
            port: self.text(),
            name: self.coin().then(|| self.text()),
            port_description: self.coin().then(|| self.text()),
            bridges: self.coin(),
            ttl_s: self.next() as u16,
            gone: self.coin(),
            first_seen: self.at(),
            last_seen: self.at(),
        }
    }

    fn prints(&mut self) -> Vec<Print> {
        let prints = self.some(|random| {
            let sorts = Evidence::NAMES;
            let at = random.next() as usize % sorts.len();
            Print { evidence: sorts[at].0, value: random.text() }
        });
        prints.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn station(&mut self) -> Station {
        Station {
            segment: self.segment(),
            mac: self.mac(),
            host: self.host_id(),
            first_seen: self.at(),
            last_seen: self.at(),
            sources: self.some(Self::source).into_iter().collect(),
        }
    }

    fn binding(&mut self) -> Binding {
        let mut holders = vec![self.holder()];
        holders.extend(self.some(Self::holder));
        Binding { segment: self.segment(), ip: self.ip(), holders }
    }

    fn holder(&mut self) -> Holder {
        Holder {
            mac: self.mac(),
            first_seen: self.at(),
            last_seen: self.at(),
            sources: self.some(Self::source).into_iter().collect(),
        }
    }

    fn lease(&mut self) -> Lease {
        Lease {
            segment: self.segment(),
            ip: self.ipv4(),
            mac: self.mac(),
            server: self.coin().then(|| self.ipv4()),
            at: self.at(),
            until: self.coin().then(|| self.at()),
        }
    }

    fn role(&mut self) -> RoleHolder {
        RoleHolder {
            segment: self.segment(),
            role: self.role_kind(),
            ip: self.ip(),
            mac: self.mac(),
            first_seen: self.at(),
            last_seen: self.at(),
            prefixes: self.some(|random| IpNet::new(random.ip(), (random.next() % 33) as u8).unwrap()),
            router: self.coin().then(|| RouterFacts {
                lifetime_s: self.next() as u16,
                managed: self.coin(),
                other: self.coin(),
                rdnss: self.some(|random| Ipv6Addr::from_bits(random.next().into())),
                dnssl: self.some(Self::text),
            }),
        }
    }

    fn told(&mut self) -> ReportedOddity {
        ReportedOddity {
            segment: self.segment(),
            oddity: self.oddity(),
            ip: self.ip(),
            mac: self.mac(),
            frame_mac: self.mac(),
            first_seen: self.at(),
            last_seen: self.at(),
        }
    }

    fn asked(&mut self) -> Asked {
        let mut ports = self.some(|random| OpenPort {
            port: random.next() as u16,
            closed: random.coin(),
            misses: random.next() as u8,
            banner: random.coin().then(|| random.text()),
            first_seen: random.at(),
            last_seen: random.at(),
        });
        ports.sort_by_key(|open| open.port);
        ports.dedup_by_key(|open| open.port);
        Asked {
            segment: self.segment(),
            ip: self.ip(),
            host: self.coin().then(|| self.host_id()),
            first_seen: self.at(),
            last_seen: self.at(),
            sources: self.some(Self::source).into_iter().collect(),
            silent_at: self.coin().then(|| self.at()),
            rtt_us: self.coin().then(|| self.next() as u32),
            reverse_dns: self.coin().then(|| self.text()),
            names: self.some(|random| Name {
                name: random.text(),
                source: random.source(),
                first_seen: random.at(),
                last_seen: random.at(),
            }),
            ports,
            closed_ports: self.some(|random| random.next() as u16),
            snmp: self.coin().then(|| {
                Box::new(SnmpFacts {
                    name: self.coin().then(|| self.text()),
                    description: self.coin().then(|| self.text()),
                    object_id: self.coin().then(|| self.text()),
                })
            }),
        }
    }

    fn some<T>(&mut self, mut value: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.next() % 6).map(|_| value(self)).collect()
    }

    fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    fn at(&mut self) -> Timestamp {
        Timestamp::from_nanos(self.next().cast_signed())
    }

    fn segment(&mut self) -> Segment {
        segment((self.next() % 3) as u16)
    }

    fn mac(&mut self) -> Mac {
        Mac([2, 0, 0, 0, 0, (self.next() % 4) as u8])
    }

    fn ipv4(&mut self) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, (self.next() % 4) as u8)
    }

    fn ip(&mut self) -> IpAddr {
        if self.coin() { self.ipv4().into() } else { Ipv6Addr::from_bits((self.next() % 4).into()).into() }
    }

    fn host_id(&mut self) -> HostId {
        HostId([0, 1, u64::MAX, 1 << 63, (1 << 63) - 1][(self.next() % 5) as usize])
    }

    fn source(&mut self) -> Source {
        let all: Vec<Source> = EnumSet::all().iter().collect();
        all[(self.next() % all.len() as u64) as usize]
    }

    fn role_kind(&mut self) -> Role {
        if self.coin() { Role::Router } else { Role::DhcpServer }
    }

    fn oddity(&mut self) -> Oddity {
        Oddity::ALL[(self.next() % Oddity::ALL.len() as u64) as usize]
    }

    fn text(&mut self) -> String {
        ["", "printer", "\\x1b[2J", "büro 日本", "nul\0inside", "'; DROP TABLE hosts"][(self.next() % 6) as usize]
            .to_owned()
    }
}
