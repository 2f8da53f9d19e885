//! Seeded networks: what the correlator tells and knows equals the truth. `SENSOR_SIM_SEED=N` repeats one.

use sensor_tests::simulation::{known, lan, live, told};

/// How many seeds a plain test run tries.
const SEEDS: u64 = 300;

#[test]
fn inventory_and_events_equal_the_truth() {
    match std::env::var("SENSOR_SIM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => check(seed),
        None => (0..SEEDS).for_each(check),
    }
}

fn check(seed: u64) {
    let lan = lan(seed);
    let (events, rows) = live(&lan);
    let told = told(&events);
    for (station, expected) in &lan.told {
        assert_eq!(told.get(station), Some(expected), "events of {station:?}; repeat with SENSOR_SIM_SEED={seed}");
    }
    let invented: Vec<_> = told.iter().filter(|(station, _)| !lan.told.contains_key(station)).collect();
    assert!(invented.is_empty(), "told of nobody: {invented:?}; repeat with SENSOR_SIM_SEED={seed}");
    assert_eq!(known(&rows), lan.known, "inventory; repeat with SENSOR_SIM_SEED={seed}");
    assert!(rows.hosts.iter().all(|host| host.announced), "SENSOR_SIM_SEED={seed}");
    assert!(events.windows(2).all(|pair| pair[0].id < pair[1].id), "ids rise; SENSOR_SIM_SEED={seed}");
}
