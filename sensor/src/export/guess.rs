//! What each host seems to be, guessed from all that the inventory knows of it. Guesses are made when records are written
//! and are not saved, so that better rules apply to hosts that were seen earlier too.

use std::net::IpAddr;

use crate::export::hashed::HashMap;
use crate::vendor::Vendors;
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::fingerprint::clue::{clues, is_telling};
use sensor_core::inventory::fingerprint::guess::Guess;
use sensor_core::inventory::model::address::Asked;
use sensor_core::inventory::model::host::{Host, HostId};
use sensor_core::inventory::model::role::Role;
use sensor_core::inventory::model::rows::View;
use sensor_core::types::{Mac, Segment};

/// The guesses by host; hosts for which there is none are left out.
pub(super) fn guesses(rows: &View<'_>, vendors: &Vendors, fingerprints: &Fingerprints) -> HashMap<HostId, Guess> {
    let stations: HashMap<(Segment, Mac), HostId> =
        rows.stations.iter().map(|station| ((station.segment, station.mac), station.host)).collect();
    let holders: HashMap<(Segment, IpAddr), HostId> = rows
        .bindings
        .iter()
        .filter_map(|binding| {
            let mac = binding.holders.first()?.mac;
            Some(((binding.segment, binding.ip), *stations.get(&(binding.segment, mac))?))
        })
        .collect();
    let host_of = |row: &Asked| holders.get(&(row.segment, row.ip)).copied().or(row.host);
    // In the rows' order for each host.
    let telling = rows.asked.iter().copied().filter(|row| is_telling(row));
    let mut asked: Vec<(HostId, &Asked)> = telling.filter_map(|row| Some((host_of(row)?, row))).collect();
    asked.sort_by_key(|(host, _)| *host);
    let mut roles: HashMap<HostId, Vec<Role>> = HashMap::default();
    for row in &rows.roles {
        let host = stations.get(&(row.segment, row.mac)).copied();
        host.into_iter().for_each(|host| roles.entry(host).or_default().push(row.role));
    }
    let mut names: HashMap<HostId, &str> = HashMap::default();
    for station in &rows.stations {
        names.extend(vendors.lookup(station.mac).map(|vendor| (station.host, vendor)));
    }
    let guess = |host: &&Host| {
        let of = asked.partition_point(|(id, _)| *id < host.id)..asked.partition_point(|(id, _)| *id <= host.id);
        let of = asked[of].iter().map(|(_, row)| *row);
        let played = roles.get(&host.id).map(Vec::as_slice).unwrap_or_default();
        let guess = fingerprints.guess(&clues(host, of, played, names.get(&host.id).copied()));
        (guess != Guess::default()).then_some((host.id, guess))
    };
    rows.hosts.iter().filter_map(guess).collect()
}
