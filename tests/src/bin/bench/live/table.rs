//! The figures in Markdown, and whether the sensor reaches the project's goals.

use std::fmt::Write as _;

use super::figures::{Figures, LEARN, TURN, TURNS};
use super::receiver::{How, PRADS, Receiver};

/// Of the rate of a bare program.
const RATE_GOAL: f64 = 0.9;
/// Of the CPU time of prads for as many frames.
const CPU_GOAL: f64 = 0.1;

pub(super) fn render(receivers: &[Receiver], all: &[Vec<Figures>]) -> String {
    let nothing = all.first().map_or(f64::NAN, |runs| rate(runs, |run| &run.per_s));
    let mut text = format!(
        "## Live: frames a second that a port takes\n\nFrames of {} bytes (DHCP {}), {} hosts, more than the port can \
         take: medians of {} turns of {} ms in {} runs, after {} s in which the hosts are met. The sensor and its bare \
         program take turns, and what the sensor's process does in the bare program's is added to its own. CPU is that of \
         the receiver's process, in milliseconds for a million frames that it saw (the port took, where it does not \
         say), in the run where it used least: with the time in which hosts are met, and without. Seen and lost are \
         frames of the last run as the program says them.\n\n\
         | receiver | frames/s | times nothing | times bare | CPU ms/M | CPU ms/M, hosts met | taken | seen | lost |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        bench_sender::FRAME_LEN,
        bench_sender::DHCP_LEN,
        bench_sender::HOSTS,
        TURNS,
        TURN.as_millis(),
        all.first().map_or(0, Vec::len),
        LEARN.as_secs()
    );
    for (receiver, runs) in receivers.iter().zip(all) {
        let Some(last) = runs.last() else { continue };
        if let Some(bare) = &receiver.bare {
            let per_s = rate(runs, |run| &run.bare_per_s);
            let _ = writeln!(text, "| {} | {per_s:.0} | {:.2} | | | | | | |", bare.name, per_s / nothing);
        }
        let per_s = rate(runs, |run| &run.per_s);
        let times_bare = receiver.bare.as_ref().map(|_| format!("{:.2}", times_bare(runs)));
        let has_process = matches!(receiver.how, How::Sensor(..) | How::Peer(_));
        let cpu = |value: f64| if has_process { format!("{value:.1}") } else { String::new() };
        let (seen, lost) = last.said.map_or_else(Default::default, |(seen, lost)| (seen.to_string(), lost.to_string()));
        let _ = writeln!(
            text,
            "| {} | {per_s:.0} | {:.2} | {} | {} | {} | {} | {seen} | {lost} |",
            receiver.name,
            per_s / nothing,
            times_bare.unwrap_or_default(),
            cpu(least(runs, whole_cpu)),
            cpu(least(runs, steady_cpu)),
            last.taken,
        );
    }
    text += "\n### Goals\n\n| receiver | goal | ours | limit | kept |\n|---|---|--:|--:|---|\n";
    let prads = receivers.iter().zip(all).find(|(receiver, _)| receiver.name == PRADS).map(|(_, runs)| runs);
    for (receiver, runs) in receivers.iter().zip(all).filter(|(receiver, _)| receiver.bare.is_some()) {
        let ratio = times_bare(runs);
        let mut line = |goal: &str, ours: f64, limit: f64, is_kept: bool| {
            let kept = if is_kept { "yes" } else { "**no**" };
            let _ = writeln!(text, "| {} | {goal} | {ours:.3} | {limit:.3} | {kept} |", receiver.name);
        };
        line("rate, times bare, at least", ratio, RATE_GOAL, ratio >= RATE_GOAL);
        if let Some(prads) = prads {
            let ratio = least(runs, whole_cpu) / least(prads, whole_cpu);
            line("CPU a frame, times prads, less than", ratio, CPU_GOAL, ratio < CPU_GOAL);
        }
    }
    text
}

fn rate(runs: &[Figures], turns: impl Fn(&Figures) -> &[f64]) -> f64 {
    median(&runs.iter().flat_map(|run| turns(run).iter().copied()).collect::<Vec<_>>())
}

/// The median of the ratios of each turn to the one before. CPU time that the sensor's process took during the bare
/// program's turns is credited to the bare program and charged to the sensor.
fn times_bare(runs: &[Figures]) -> f64 {
    let turns = runs.iter().flat_map(|run| {
        let charge = (1.0 - run.elsewhere) / (1.0 + run.elsewhere);
        run.per_s.iter().zip(&run.bare_per_s).map(move |(ours, bare)| ours / bare * charge)
    });
    median(&turns.collect::<Vec<_>>())
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The minimum: other load on the machine only ever adds.
fn least(runs: &[Figures], figure: fn(&Figures) -> f64) -> f64 {
    runs.iter().map(figure).fold(f64::INFINITY, f64::min)
}

fn whole_cpu(figures: &Figures) -> f64 {
    figures.cpu_s * 1e9 / (figures.taken as f64 * seen(figures))
}

fn steady_cpu(figures: &Figures) -> f64 {
    figures.steady_cpu_s * 1e9 / (figures.steady as f64 * seen(figures))
}

/// The share of the frames that the program saw: lost frames cost it nothing. Frames that a filter leaves out are no
/// loss.
fn seen(figures: &Figures) -> f64 {
    match figures.said {
        Some((seen, lost)) if lost > 0 => seen as f64 / (seen + lost) as f64,
        _ => 1.0,
    }
}
