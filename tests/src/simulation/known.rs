//! What must be known of a network in the end: the main facts of the inventory, taken from rows or written by the
//! stories.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::LazyLock;

use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::fingerprint::clue::clues;
use sensor_core::inventory::model::host::{HostId, HostRole};
use sensor_core::inventory::model::role::Role;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::inventory::model::source::Source;
use sensor_core::types::{Mac, Segment, Timestamp};

/// A station on its segment.
pub type Place = (Segment, Mac);

/// The main facts of an inventory. What is known of a host is listed for each of its stations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Holders of each address, most recent first.
    pub holders: BTreeMap<(Segment, IpAddr), Vec<Mac>>,
    /// When each station was heard first and last.
    pub stations: BTreeMap<Place, (Timestamp, Timestamp)>,
    /// Stations that are one machine; every other station is a host by itself.
    pub machines: BTreeSet<BTreeSet<Place>>,
    /// Names of each host, most recent first within a source.
    pub names: BTreeMap<Place, BTreeMap<Source, Vec<String>>>,
    /// Services of each host.
    pub services: BTreeMap<Place, BTreeSet<Service>>,
    /// Ports from which each host was heard to answer: transport, number, by what.
    pub answered: BTreeMap<Place, BTreeSet<(&'static str, u16, Source)>>,
    /// What each host is for.
    pub host_roles: BTreeMap<Place, BTreeSet<HostRole>>,
    /// The guess for each host that has one: operating system and kind.
    pub guesses: BTreeMap<Place, Guess>,
    /// Switch ports that announce themselves on a segment.
    pub ports: BTreeSet<Port>,
    /// Which addresses and stations have which role.
    pub roles: BTreeSet<(Segment, Role, IpAddr, Mac)>,
}

/// The main facts of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Its name.
    pub instance: String,
    /// Its port.
    pub port: u16,
    /// Whether it was withdrawn.
    pub closed: bool,
}

/// Operating system and kind.
pub type Guess = (Option<String>, Option<String>);

/// The main facts of a switch port that announces itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Its station.
    pub place: Place,
    /// The protocol of the announcement.
    pub source: Source,
    /// The chassis that it belongs to.
    pub chassis: String,
    /// The port's own name.
    pub port: String,
    /// The name of its machine.
    pub name: Option<String>,
    /// Whether its machine is a switch.
    pub bridges: bool,
    /// Whether its announcement was withdrawn or has expired.
    pub gone: bool,
}

/// The main facts of these rows.
pub fn known(rows: &Rows) -> Known {
    let mut known = Known::default();
    let mut stations: BTreeMap<HostId, BTreeSet<Place>> = BTreeMap::new();
    for station in &rows.stations {
        stations.entry(station.host).or_default().insert((station.segment, station.mac));
        known.stations.insert((station.segment, station.mac), (station.first_seen, station.last_seen));
    }
    known.machines = stations.values().filter(|stations| stations.len() > 1).cloned().collect();
    for host in &rows.hosts {
        let here = &stations[&host.id];
        let played = rows.roles.iter().filter(|played| here.contains(&(played.segment, played.mac)));
        let played: Vec<Role> = played.map(|played| played.role).collect();
        let guess = PRINTS.guess(&clues(host, std::iter::empty(), &played, None));
        let guess = [guess.os, guess.kind].map(|verdict| verdict.map(|verdict| verdict.name));
        for station in here.iter().copied() {
            for name in &host.names {
                let names = known.names.entry(station).or_default().entry(name.source).or_default();
                names.push(name.name.clone());
            }
            for service in &host.services {
                let (instance, port, closed) = (service.instance.clone(), service.port, service.closed);
                // A port that is heard without being announced has no instance.
                if instance.is_empty() {
                    let answered = known.answered.entry(station).or_default();
                    answered.insert((service.protocol, port, service.source));
                } else {
                    let services = known.services.entry(station).or_default();
                    services.insert(Service { instance, port, closed });
                }
            }
            if !host.roles.is_empty() {
                known.host_roles.insert(station, host.roles.keys().copied().collect());
            }
            if let [os, kind] = &guess
                && (os.is_some() || kind.is_some())
            {
                known.guesses.insert(station, (os.clone(), kind.clone()));
            }
        }
    }
    for binding in &rows.bindings {
        let macs = binding.holders.iter().map(|holder| holder.mac).collect();
        known.holders.insert((binding.segment, binding.ip), macs);
    }
    known.ports.extend(rows.neighbours.iter().map(|neighbour| Port {
        place: (neighbour.segment, neighbour.mac),
        source: neighbour.source,
        chassis: neighbour.chassis.clone(),
        port: neighbour.port.clone(),
        name: neighbour.name.clone(),
        bridges: neighbour.bridges,
        gone: neighbour.gone,
    }));
    known.roles.extend(rows.roles.iter().map(|role| (role.segment, role.role, role.ip, role.mac)));
    known
}

static PRINTS: LazyLock<Fingerprints> = LazyLock::new(Fingerprints::builtin);
