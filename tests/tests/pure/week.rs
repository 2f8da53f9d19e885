//! A simulated week of an office network: its incidents are reported once, and hardly anything else is.
//! `SENSOR_SIM_SEED=N` simulates another one; `cargo xtask week` ten.

use std::net::Ipv4Addr;

use sensor_core::inventory::sighting::arp::{ArpClaim, ArpOperation};
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::Mac;
use sensor_tests::simulation::week::arpwatch::{Arpwatch, Line};
use sensor_tests::simulation::week::calendar::{START, segment};
use sensor_tests::simulation::week::sensor_week::live;
use sensor_tests::simulation::week::verdict::judge;

/// False events of severity `notice` or higher that a week may have.
const FALSE_MAX: usize = 2;
/// The least number of events that must be reported.
const PLANTED_MIN: usize = 40;

#[test]
fn the_incidents_of_a_week_are_reported_once_and_hardly_anything_else() {
    let seed = std::env::var("SENSOR_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let week = live(seed);
    let verdict = judge(&week);
    println!("{:?}: {} sightings, {} machines, {} probes", week.took, week.sightings, week.machines(), week.probes);
    println!("{verdict:#?}");
    assert!(verdict.planted >= PLANTED_MIN && week.machines() >= 500);
    assert!(week.world.mirror.lost > 0 && week.world.mirror.doubled > 0 && !week.rotations().is_empty());
    let false_many = verdict.false_lines.len() > FALSE_MAX;
    assert!(verdict.faults.is_empty(), "{:#?}; repeat with SENSOR_SIM_SEED={seed}", verdict.faults);
    assert!(!false_many, "{:#?}; repeat with SENSOR_SIM_SEED={seed}", verdict.false_lines);
}

#[test]
fn arpwatch_counts_by_its_own_rules() {
    let mut arpwatch = Arpwatch::new("10.0.0.0/24".parse().unwrap());
    let mac = |last| Mac([0, 0x14, 0x22, 0, 0, last]);
    let mut hear = |ip: [u8; 4], operation, frame_mac, mac| {
        let claim = Claim::Arp(ArpClaim { operation, target: Ipv4Addr::UNSPECIFIED, asked: false, to: Mac::ZERO });
        let ip = Some(Ipv4Addr::from(ip).into());
        arpwatch.hear(1, &Sighting { at: START, segment: segment(), frame_mac, mac, ip, claim });
    };
    hear([10, 0, 0, 9], ArpOperation::ConflictCheck, mac(1), mac(1));
    hear([192, 168, 0, 9], ArpOperation::Request, mac(1), mac(1));
    hear([10, 0, 0, 9], ArpOperation::Reply, mac(2), mac(1));
    for last in [1, 1, 2, 1, 3, 2] {
        hear([10, 0, 0, 9], ArpOperation::Request, mac(last), mac(last));
    }
    let lines: Vec<Line> = arpwatch.lines.iter().map(|(_, _, line)| *line).collect();
    let expected =
        [Line::Bogon, Line::Mismatch, Line::NewStation, Line::Changed, Line::FlipFlop, Line::Changed, Line::Reused];
    assert_eq!(lines, expected);
}
