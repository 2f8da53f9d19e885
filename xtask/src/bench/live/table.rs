//! The figures in Markdown, and how ours stand against what this project set itself.

use std::fmt::Write as _;

use super::receiver::{How, PRADS, Receiver};
use super::{Figures, LEARN, MEASURE};

/// Of the rate of a bare program.
const RATE_GOAL: f64 = 0.9;
/// Of the CPU time of prads for as many frames.
const CPU_GOAL: f64 = 0.1;

pub(super) fn render(receivers: &[Receiver], all: &[Vec<Figures>]) -> String {
    let lines: Vec<(&Receiver, Figures)> =
        receivers.iter().zip(all).map(|(receiver, runs)| (receiver, best(runs))).collect();
    let of = |name: &str| lines.iter().find(|(receiver, _)| receiver.name == name).map(|(_, figures)| *figures);
    let nothing = lines.first().map_or(f64::NAN, |(_, figures)| figures.per_s);
    let mut text = format!(
        "## Live: frames a second that a port takes\n\nFrames of {} bytes (DHCP {}), {} hosts, more than the port can \
         take, best of {} runs of {} s after {} s in which the hosts are met. CPU is that of the receiver's process, in \
         milliseconds for a million frames that it saw (the port took, where it does not say), in the run where it used \
         least: with the time in which hosts are met, and without. Seen and lost are frames of the best run as the program says them.\n\n\
         | receiver | frames/s | times nothing | times bare | CPU ms/M | CPU ms/M, hosts met | taken | seen | lost |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        bench_sender::FRAME_LEN,
        bench_sender::DHCP_LEN,
        bench_sender::HOSTS,
        all.first().map_or(0, Vec::len),
        MEASURE.as_secs(),
        LEARN.as_secs()
    );
    for ((receiver, figures), runs) in lines.iter().zip(all) {
        let times_bare = receiver.bare.and_then(of).map(|bare| format!("{:.2}", figures.per_s / bare.per_s));
        let has_process = matches!(receiver.how, How::Sensor(..) | How::Peer(_));
        let cpu = |value: f64| if has_process { format!("{value:.1}") } else { String::new() };
        let (seen, lost) =
            figures.said.map_or_else(Default::default, |(seen, lost)| (seen.to_string(), lost.to_string()));
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.2} | {} | {} | {} | {} | {seen} | {lost} |",
            receiver.name,
            figures.per_s,
            figures.per_s / nothing,
            times_bare.unwrap_or_default(),
            cpu(least(runs, whole_cpu)),
            cpu(least(runs, steady_cpu)),
            figures.taken,
        );
    }
    text += "\n### Goals\n\n| receiver | goal | ours | limit | kept |\n|---|---|--:|--:|---|\n";
    let prads = receivers.iter().zip(all).find(|(receiver, _)| receiver.name == PRADS).map(|(_, runs)| runs);
    for ((receiver, figures), runs) in lines.iter().zip(all) {
        let Some(bare) = receiver.bare.and_then(of) else { continue };
        let ratio = figures.per_s / bare.per_s;
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

fn best(runs: &[Figures]) -> Figures {
    runs.iter().copied().max_by(|a, b| a.per_s.total_cmp(&b.per_s)).unwrap_or_default()
}

/// What else runs on the machine only ever adds.
fn least(runs: &[Figures], figure: fn(&Figures) -> f64) -> f64 {
    runs.iter().map(figure).fold(f64::INFINITY, f64::min)
}

fn whole_cpu(figures: &Figures) -> f64 {
    figures.cpu_s * 1e9 / (figures.taken as f64 * seen(figures))
}

fn steady_cpu(figures: &Figures) -> f64 {
    figures.steady_cpu_s * 1e9 / (figures.steady as f64 * seen(figures))
}

/// The share of the frames that the program saw: what it lost has cost it nothing. A filter is no loss.
fn seen(figures: &Figures) -> f64 {
    match figures.said {
        Some((seen, lost)) if lost > 0 => seen as f64 / (seen + lost) as f64,
        _ => 1.0,
    }
}
