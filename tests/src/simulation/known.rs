//! What must be known of a network in the end: the inventory's essence, as rows say it and as the stories write it down.

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

/// The inventory's essence. What is known of a host stands at each of its stations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Holders of each address, most recent first.
    pub holders: BTreeMap<(Segment, IpAddr), Vec<Mac>>,
    /// First and last word of each station.
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
    /// What each host is taken for, where it is: operating system and kind.
    pub guesses: BTreeMap<Place, Guess>,
    /// Ports of machines that speak on a segment.
    pub ports: BTreeSet<Port>,
    /// Who plays which role.
    pub roles: BTreeSet<(Segment, Role, IpAddr, Mac)>,
}

/// A service's essence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Its name.
    pub instance: String,
    /// Its port.
    pub port: u16,
    /// Withdrawn.
    pub closed: bool,
}

/// Operating system and kind.
pub type Guess = (Option<String>, Option<String>);

/// The essence of a port that speaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Its station.
    pub place: Place,
    /// By which protocol.
    pub source: Source,
    /// Whose it is.
    pub chassis: String,
    /// Which it is.
    pub port: String,
    /// What its machine is called.
    pub name: Option<String>,
    /// Its machine is a switch.
    pub bridges: bool,
    /// It took its word back, or did not renew it.
    pub gone: bool,
}

/// Rows in the form in which the truth is written.
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
