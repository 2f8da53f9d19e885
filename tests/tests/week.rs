//! A week of an office network in a minute: what must be told is told once, and hardly anything else.
//! `SENSOR_SIM_SEED=N` repeats one seed.

use sensor_tests::simulation::week::{judge, live};

#[test]
fn what_is_planted_in_a_week_is_told_and_hardly_anything_else() {
    let seed = std::env::var("SENSOR_SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let week = live(seed);
    let verdict = judge(&week);
    println!("{:?}: {} sightings, {} hosts, {} probes", week.took, week.sightings, week.machines(), week.probes);
    println!("{verdict:#?}");
}
