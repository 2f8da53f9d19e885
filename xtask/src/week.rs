//! Lives through a week of a simulated office for ten seeds, and prints what was told of what was planted, what was told of
//! nothing, and what arpwatch's rules would have mailed for the same frames.

use anyhow::bail;
use sensor_core::inventory::event::Severity;
use sensor_tests::simulation::week::{Verdict, Week, judge, live};

/// The subcommand's arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Seeds, from 0 on
    #[arg(long, value_name = "N", default_value_t = 10)]
    seeds: u64,
    /// Only this seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print each fault and each false event, not only the stories they belong to
    #[arg(long)]
    all: bool,
}

/// False events of severity `notice` or more that a week may have.
const FALSE_MAX: usize = 2;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let seeds = args.seed.map_or(0..args.seeds, |seed| seed..seed + 1);
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
        let lines = verdict.faults.iter().chain(verdict.false_lines.iter().filter(|_| args.all));
        lines.for_each(|line| eprintln!("seed {seed}: {line}"));
        if !args.all {
            verdict.false_stories.iter().for_each(|(story, count)| eprintln!("seed {seed}: false: {count} x {story}"));
        }
        if !verdict.faults.is_empty() || verdict.false_lines.len() > FALSE_MAX {
            failed.push(seed.to_string());
        }
    }
    if !failed.is_empty() {
        bail!("not every week was told as it was: seeds {}; --seed N --all shows one", failed.join(", "));
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
