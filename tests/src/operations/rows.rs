//! What must hold of the correlator's rows: limits, and how rows refer to each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use sensor_core::inventory::model::evidence::Evidence;
use sensor_core::inventory::model::role::Neighbour;
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::types::Mac;

use super::sightings::OWN;

/// Tiny, so that everything is evicted now and then.
pub(super) const LIMITS: Limits = Limits {
    hosts_max: 3,
    bindings_max: 5,
    bindings_per_station_max: 2,
    holders_max: 2,
    names_max: 2,
    services_max: 1,
    prints_max: 1,
    leases_max: 2,
    roles_max: 2,
    told_max: 2,
    asked_max: 2,
    ports_max: 2,
    joins_max: 2,
    neighbours_max: 2,
    disputes_max: 1,
};

/// Rows by key, without the moments that only ride along with other changes.
pub(super) fn written(rows: &Rows) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for row in &rows.hosts {
        let names: Vec<_> = row.names.iter().map(|name| (&name.name, name.source)).collect();
        let services: Vec<_> = row.services.iter().map(|s| (&s.instance, s.port, s.closed)).collect();
        let value = format!(
            "{:?}",
            (
                row.first_seen,
                row.announced,
                row.here_since,
                row.gone_since,
                names,
                services,
                &row.dhcp,
                &row.prints,
                &row.roles
            )
        );
        out.insert(format!("host {:?}", row.id), value);
    }
    for row in &rows.stations {
        let value = format!("{:?}", (row.host, row.first_seen, &row.sources));
        out.insert(format!("station {:?}", (row.segment, row.mac)), value);
    }
    for row in &rows.bindings {
        let holders: Vec<_> =
            row.holders.iter().map(|holder| (holder.mac, holder.first_seen, &holder.sources)).collect();
        out.insert(format!("binding {:?}", (row.segment, row.ip)), format!("{holders:?}"));
    }
    for row in &rows.leases {
        out.insert(format!("lease {:?}", (row.segment, row.ip)), format!("{row:?}"));
    }
    for row in &rows.roles {
        let value = format!("{:?}", (row.mac, row.first_seen, &row.prefixes));
        out.insert(format!("role {:?}", (row.segment, row.role, row.ip)), value);
    }
    for row in &rows.told {
        let key = (row.segment, row.oddity, row.ip, row.mac, row.frame_mac);
        out.insert(format!("told {key:?}"), format!("{:?}", row.first_seen));
    }
    for row in &rows.asked {
        let names: Vec<_> = row.names.iter().map(|name| (&name.name, name.source)).collect();
        let ports: Vec<_> = row.ports.iter().map(|port| (port.port, port.closed, port.misses, &port.banner)).collect();
        let value = format!(
            "{:?}",
            (row.host, row.first_seen, &row.sources, &row.reverse_dns, names, ports, &row.closed_ports, &row.snmp)
        );
        out.insert(format!("asked {:?}", (row.segment, row.ip)), value);
    }
    for row in &rows.joins {
        out.insert(format!("join {:?}", (row.segment, row.mac)), format!("{row:?}"));
    }
    for row in &rows.neighbours {
        let row = Neighbour { last_seen: row.first_seen, ..row.clone() };
        out.insert(format!("neighbour {:?}", (row.segment, row.id)), format!("{row:?}"));
    }
    out
}

pub(super) fn check_limits(rows: &Rows) {
    assert!(rows.hosts.len() <= LIMITS.hosts_max && rows.stations.len() <= LIMITS.hosts_max);
    assert!(rows.bindings.len() <= LIMITS.bindings_max);
    assert!(rows.leases.len() <= LIMITS.leases_max);
    assert!(rows.roles.len() <= LIMITS.roles_max);
    assert!(rows.told.len() <= LIMITS.told_max);
    assert!(rows.asked.len() <= LIMITS.asked_max);
    assert!(rows.neighbours.len() <= LIMITS.neighbours_max);
    assert!(rows.joins.len() <= LIMITS.joins_max);
    for asked in &rows.asked {
        assert!(asked.ports.len() <= LIMITS.ports_max && asked.closed_ports.len() <= LIMITS.ports_max);
        assert!(asked.ports.is_sorted_by_key(|open| open.port) && asked.closed_ports.is_sorted());
    }
    for host in &rows.hosts {
        assert!(host.services.len() <= LIMITS.services_max);
        assert!(host.prints.is_sorted() && host.prints.len() <= LIMITS.prints_max * Evidence::NAMES.len());
        for name in &host.names {
            let of_source = host.names.iter().filter(|other| other.source == name.source);
            assert!(of_source.count() <= LIMITS.names_max);
        }
        assert!(host.roles.values().all(|evidence| (1..=8).contains(&evidence.len())));
    }
    for station in &rows.stations {
        let holds = |ip: IpAddr, mac: Mac| ip.is_ipv6() && mac == station.mac;
        let here = rows.bindings.iter().filter(|binding| binding.segment == station.segment);
        let six = here.filter(|binding| holds(binding.ip, binding.holders[0].mac)).count();
        assert!(six <= LIMITS.bindings_per_station_max);
    }
}

pub(super) fn check_relations(rows: &Rows) {
    let hosts: BTreeSet<_> = rows.hosts.iter().map(|host| host.id).collect();
    let housed: BTreeSet<_> = rows.stations.iter().map(|station| station.host).collect();
    let distant: BTreeSet<_> = rows.asked.iter().filter_map(|asked| asked.host).collect();
    let known: BTreeSet<_> = housed.union(&distant).copied().collect();
    assert_eq!(hosts, known, "every station and every distant address has its host, every host one of them");
    assert!(housed.is_disjoint(&distant), "a host has stations or is distant");
    let stations: BTreeSet<_> = rows.stations.iter().map(|station| (station.segment, station.mac)).collect();
    assert!(stations.iter().all(|(_, mac)| mac.is_station() && *mac != OWN));
    for binding in &rows.bindings {
        assert!(stations.contains(&(binding.segment, binding.holders[0].mac)), "the present holder is known");
        assert!(binding.holders.len() <= LIMITS.holders_max);
        let macs: BTreeSet<_> = binding.holders.iter().map(|holder| holder.mac).collect();
        assert_eq!(macs.len(), binding.holders.len(), "a station stands once in a history");
        assert!(binding.holders.iter().all(|holder| holder.first_seen <= holder.last_seen));
    }
    assert!(rows.hosts.iter().all(|host| host.id.0 != 0 && host.first_seen <= host.last_seen));
    assert!(rows.stations.iter().all(|station| station.first_seen <= station.last_seen));
}
