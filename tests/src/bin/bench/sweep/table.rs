//! The figures of a sweep in Markdown, and whether the sensor reaches the project's goals.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sensor_tests::lab::crowd::Kind;

use super::runs::{Density, Runs};
use super::tools::{Family, Whose};
use crate::measure::{Turn, median};

/// What stands before the first table.
pub(super) const HEAD: &str = "## Sweeps beside peers\n\n\
    Median of three rounds, of 31 where a run takes less than 0.05 s; a peer at its defaults runs once. Packets are \
    counted on the wire, of the run that sent most, without the ARP that comes before ICMP and TCP; hosts are those of \
    the run that found fewest. Ratios are to the best tuned peer that found everybody, in each figure.\n";

/// What stands before the goals.
pub(super) const GOALS_HEAD: &str = "\n### Goals\n\n| sweep | goal | ours | limit | kept |\n|---|---|---:|---:|---|\n";

/// All programs on one network.
pub(super) struct Cell<'a> {
    pub(super) family: Family,
    pub(super) size: Ipv4Net,
    pub(super) density: Density,
    pub(super) members: &'a BTreeMap<Ipv4Addr, Kind>,
    pub(super) runs: &'a [Runs],
}

/// One tool's line in numbers.
struct Figures {
    found: usize,
    wall_s: f64,
    cpu_s: f64,
    rss_mib: f64,
    per_silent: f64,
}

impl Cell<'_> {
    /// The table of this network.
    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "\n### {}, {}: {} hosts\n\n| | found | false | packets a silent address | packets a host | packets in the \
             busiest second | wall s | CPU s | MiB | × wall | × CPU |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
            self.title(),
            self.density.name(),
            self.members.len()
        );
        let (wall, cpu) = (self.best_tuned(|figures| figures.wall_s), self.best_tuned(|figures| figures.cpu_s));
        for runs in self.runs {
            let Some(figures) = self.figures(runs) else {
                let why = runs.failure.as_deref().unwrap_or("not run");
                let _ = writeln!(text, "| {} | {} |||||||||", runs.tool.name, why.replace('|', "/"));
                continue;
            };
            let wrong = runs.found.iter().filter(|ip| !self.members.contains_key(ip)).count();
            let ratio = |own: f64, best: Option<f64>| best.map_or(String::new(), |best| format!("{:.2}", own / best));
            let _ = writeln!(
                text,
                "| {} | {} | {wrong} | {:.2} | {:.2} | {} | {:.3} | {:.3} | {:.1} | {} | {} |",
                runs.tool.name,
                self.share(figures.found),
                figures.per_silent,
                runs.counted.answering as f64 / self.members.len() as f64,
                runs.counted.peak_per_s,
                figures.wall_s,
                figures.cpu_s,
                figures.rss_mib,
                ratio(figures.wall_s, wall),
                ratio(figures.cpu_s, cpu),
            );
        }
        text
    }

    /// The project's goals, a line each.
    pub(super) fn goals(&self) -> String {
        let mut text = String::new();
        let mut line = |goal: &str, ours: Option<f64>, limit: Option<f64>, is_kept: fn(f64, f64) -> bool| {
            let (Some(ours), Some(limit)) = (ours, limit) else { return };
            let kept = if is_kept(ours, limit) { "yes" } else { "**no**" };
            let title = self.title();
            let _ = writeln!(text, "| {title}, {} | {goal} | {ours:.3} | {limit:.3} | {kept} |", self.density.name());
        };
        let at_most = |ours: f64, limit: f64| ours <= limit;
        let (own, opened) = (self.of(Whose::Ours), self.of(Whose::OursOpened));
        if opened.is_none() {
            let _ = writeln!(text, "| {}, {} | a figure of ours | none || **no** |", self.title(), self.density.name());
            return text;
        }
        let found = |figures: &Option<Figures>| figures.as_ref().map(|figures| figures.found as f64);
        // Where no other program runs, all hosts.
        let most = self.peers(|_| true).into_iter().map(|(_, figures)| figures.found).max();
        let most = Some(most.unwrap_or(self.members.len()) as f64);
        line("hosts found, at least", found(&own), most, |ours, limit| ours >= limit);
        line("hosts found, opened up, at least", found(&opened), most, |ours, limit| ours >= limit);
        let opened = opened.as_ref();
        if self.density == Density::Sparse {
            let limit = self.fastest_tuned().map(|figures| figures.per_silent);
            line(
                "packets a silent address, opened up, as the fastest tuned peer",
                opened.map(|figures| figures.per_silent),
                limit,
                at_most,
            );
        }
        line("wall s, opened up", opened.map(|it| it.wall_s), self.best_tuned(|it| it.wall_s), at_most);
        line("CPU s, opened up", opened.map(|it| it.cpu_s), self.best_tuned(|it| it.cpu_s), at_most);
        for (peer, times) in [("nmap", 2.0), ("arp-scan", 4.0)] {
            for (name, figures) in self.peers(|whose| whose == Whose::PeerDefault) {
                let own = own.as_ref().map(|own| own.wall_s);
                if name.starts_with(peer) {
                    line(&format!("wall s, {times} times below {name}"), own, Some(figures.wall_s / times), at_most);
                }
            }
        }
        text
    }

    fn title(&self) -> String {
        format!("{} /{}", self.family.name(), self.size.prefix_len())
    }

    fn of(&self, whose: Whose) -> Option<Figures> {
        self.runs.iter().find(|runs| runs.tool.whose == whose).and_then(|runs| self.figures(runs))
    }

    fn peers(&self, is_meant: fn(Whose) -> bool) -> Vec<(&'static str, Figures)> {
        let peers = self.runs.iter().filter(|runs| matches!(runs.tool.whose, Whose::PeerDefault | Whose::PeerTuned));
        let meant = peers.filter(|runs| is_meant(runs.tool.whose));
        meant.filter_map(|runs| Some((runs.tool.name, self.figures(runs)?))).collect()
    }

    /// The smallest figure of the tuned programs that found every host.
    fn best_tuned(&self, figure: fn(&Figures) -> f64) -> Option<f64> {
        self.tuned().iter().map(figure).min_by(f64::total_cmp)
    }

    fn fastest_tuned(&self) -> Option<Figures> {
        self.tuned().into_iter().min_by(|a, b| a.wall_s.total_cmp(&b.wall_s))
    }

    /// The tuned programs that found every host, or else those that found most: a program that misses hosts is no
    /// reference.
    fn tuned(&self) -> Vec<Figures> {
        let tuned = self.peers(|whose| whose == Whose::PeerTuned);
        let most = tuned.iter().map(|(_, figures)| figures.found).max().unwrap_or(0);
        tuned.into_iter().map(|(_, figures)| figures).filter(|figures| figures.found == most).collect()
    }

    fn figures(&self, runs: &Runs) -> Option<Figures> {
        if runs.failure.is_some() || runs.turns.is_empty() {
            return None;
        }
        let mut turns: Vec<Turn> = runs.turns.clone();
        let middle = median(&mut turns);
        let peak = turns.iter().map(|turn| turn.rss_kib).max().unwrap_or(0);
        // On a link one of the addresses is the prober's own.
        let own = usize::from(self.family == Family::Arp);
        let silent = self.size.hosts().count().saturating_sub(self.members.len() + own).max(1);
        Some(Figures {
            found: runs.found.iter().filter(|ip| self.members.contains_key(ip)).count(),
            wall_s: middle.wall_s,
            cpu_s: middle.cpu_s,
            rss_mib: peak as f64 / 1024.0,
            per_silent: if self.density == Density::Sparse { runs.counted.silent as f64 / silent as f64 } else { 0.0 },
        })
    }

    /// `all`, or how many of how many hosts were found.
    fn share(&self, found: usize) -> String {
        let all = self.members.len();
        if found == all { "all".to_owned() } else { format!("**{found}** of {all}") }
    }
}
