//! Simulates weeks of an office network, one a seed, and prints for each what was reported of the planted incidents,
//! what was reported without a cause, and what arpwatch's rules would have mailed for the same frames.

use anyhow::bail;
use sensor_core::inventory::event::Severity;
use sensor_tests::simulation::week::sensor_week::{Week, live};
use sensor_tests::simulation::week::verdict::{Verdict, judge};

use xtask::arguments::Arguments;

/// Weeks when none are named.
const SEEDS: u64 = 10;
/// False events of severity `notice` or higher that a week may have.
const FALSE_MAX: usize = 2;

fn main() -> anyhow::Result<()> {
    let given = Arguments::of_process("week")?;
    let prints_all = given.has("--all");
    let seeds = match given.number("--seed")? {
        Some(seed) => seed..seed + 1,
        None => 0..given.number("--seeds")?.unwrap_or(SEEDS),
    };
    println!(
        "| seed | sightings | hosts | told / planted | false: notice, warning, alert | MACs rotated: told, wrong, not \
         told | kept for the record | arpwatch's mails: of these, others | seconds |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut failed = Vec::new();
    for seed in seeds {
        let week = live(seed);
        let verdict = judge(&week);
        println!("{}", row(&week, &verdict));
        let lines = verdict.faults.iter().chain(verdict.false_lines.iter().filter(|_| prints_all));
        lines.for_each(|line| eprintln!("seed {seed}: {line}"));
        if !prints_all {
            verdict.false_stories.iter().for_each(|(story, count)| eprintln!("seed {seed}: false: {count} x {story}"));
        }
        if !verdict.faults.is_empty() || verdict.false_lines.len() > FALSE_MAX {
            failed.push(seed.to_string());
        }
    }
    if !failed.is_empty() {
        bail!("some weeks were not reported correctly: seeds {}; --seed N --all shows one", failed.join(", "));
    }
    Ok(())
}

fn row(week: &Week, verdict: &Verdict) -> String {
    let false_events = |severity| verdict.false_events.get(&severity).copied().unwrap_or(0);
    let [right, wrong, missed, _] = verdict.rotations;
    let [planted, others] = verdict.arpwatch;
    format!(
        "| {} | {} | {} | {} / {} | {}, {}, {} | {right}, {wrong}, {missed} | {} | {planted}, {others} | {:.1} |",
        week.seed,
        week.sightings,
        week.machines(),
        verdict.told,
        verdict.planted,
        false_events(Severity::Notice),
        false_events(Severity::Warning),
        false_events(Severity::Alert),
        verdict.recorded,
        week.took.as_secs_f64(),
    )
}
