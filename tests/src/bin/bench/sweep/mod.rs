//! Sweeps by the sensor and by other programs: the same namespaces and the same crowd, one after the other; what each
//! found is compared with the hosts that are there. `SENSOR_BINARY` names another sensor to measure.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use ipnet::Ipv4Net;
use sensor_tests::binary::sensor_binary;
use sensor_tests::bpf::require_root;
use sensor_tests::lab::crowd::{Crowd, Kind, Way};
use xtask::cargo::target_folder;
use xtask::packages;

use self::counted::{Counted, count};
use self::runs::{Density, Runs, SHORT_ROUNDS};
use self::table::Cell;
use self::tools::{Family, Tool, Whose};
use crate::measure::measure;

/// What was sent, and to whom.
mod counted;
/// A program's runs.
mod runs;
/// The figures in Markdown.
mod table;
/// The programs and their command lines.
mod tools;

/// A program that takes longer is stopped, and the table says so.
const LIMIT_S: &str = "60";
/// What is still on its way after a program's end, such as the answers to its last packets.
const SETTLE: Duration = Duration::from_millis(50);
/// Sizes on which every program runs.
const SIZES: [&str; 3] = ["10.66.0.0/24", "10.66.0.0/22", "10.66.0.0/20"];
/// The size on which only the sensor runs.
const LARGE: &str = "10.66.0.0/16";

pub(crate) fn run() -> anyhow::Result<String> {
    anyhow::ensure!(require_root(), "the sweep bench builds network namespaces: run it as root");
    packages::install(&[
        "arp-scan",
        "fping",
        "iproute2",
        "iputils-ping",
        "masscan",
        "nmap",
        "time",
        "util-linux",
        "zmap",
    ])?;
    let folder = target_folder().join("bench");
    std::fs::create_dir_all(&folder)?;
    let ours = installed(&sensor_binary(), &folder)?;
    let mut text = table::HEAD.to_owned();
    let mut goals = String::new();
    for way in [Way::Link, Way::Router] {
        for (size, is_large) in SIZES.map(|size| (size, false)).into_iter().chain([(LARGE, true)]) {
            for density in [Density::Dense, Density::Sparse] {
                let crowd = build(size.parse()?, way, density)?;
                let families: &[Family] = if way == Way::Link { &[Family::Arp] } else { &[Family::Icmp, Family::Tcp] };
                for family in families {
                    let mut tools = tools::tools(*family, &ours, &crowd)?;
                    tools.retain(|tool| !is_large || tool.whose == Whose::OursOpened);
                    let runs = run_all(tools, *family, &crowd, &folder)?;
                    let cell =
                        Cell { family: *family, size: crowd.prefix, density, members: &crowd.members, runs: &runs };
                    let table = cell.table();
                    // It takes minutes, so each table is shown at once.
                    eprintln!("{table}");
                    text += &table;
                    goals += &cell.goals();
                }
            }
        }
    }
    Ok(text + table::GOALS_HEAD + &goals)
}

/// A copy of the program, as the other programs are copies: a file that a linker wrote lies in the page cache in single
/// pages, which costs each start a tenth of a short sweep.
fn installed(ours: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let copy = folder.join("sensor");
    // Removed first: a running program cannot be overwritten.
    let _ = std::fs::remove_file(&copy);
    std::fs::copy(ours, &copy).with_context(|| format!("{} cannot be copied", ours.display()))?;
    Ok(copy)
}

fn build(prefix: Ipv4Net, way: Way, density: Density) -> anyhow::Result<Crowd> {
    let crowd = Crowd::build(prefix, way, |ip| {
        (density == Density::Dense || u32::from(ip).is_multiple_of(8)).then_some(Kind::Full)
    })?;
    // The next hop is resolved before the first run is measured.
    let first = crowd.members.keys().next().context("the crowd is empty")?;
    crowd.prober.sh(&format!("ping -q -c 1 -W 3 {first} >/dev/null"))?;
    Ok(crowd)
}

/// All programs in turn, round by round, so that other load on the machine affects all of them alike.
fn run_all(tools: Vec<Tool>, family: Family, crowd: &Crowd, folder: &Path) -> anyhow::Result<Vec<Runs>> {
    let empty =
        |tool| Runs { tool, turns: Vec::new(), found: BTreeSet::new(), counted: Counted::default(), failure: None };
    let mut all: Vec<Runs> = tools.into_iter().map(empty).collect();
    for round in 0..SHORT_ROUNDS {
        for runs in &mut all {
            if runs.failure.is_some() || round >= runs.rounds() {
                continue;
            }
            if crowd.prefix.prefix_len() < runs.tool.shortest_prefix {
                runs.failure = Some("not run on this size: it takes too long".to_owned());
            } else if let Err(error) = run_once(runs, family, crowd, folder) {
                eprintln!("{} on {}: {error:#}", runs.tool.name, crowd.prefix);
                runs.failure = Some(format!("{error:#}"));
            }
        }
    }
    Ok(all)
}

fn run_once(runs: &mut Runs, family: Family, crowd: &Crowd, folder: &Path) -> anyhow::Result<()> {
    let (said, complained) = (folder.join("sweep.out"), folder.join("sweep.err"));
    let peak = folder.join("sweep.peak");
    let tap = crowd.tap()?;
    // A child's peak memory begins with that of the process that forked it: GNU time is small, this process is not.
    let mut command = crowd.prober.command("timeout");
    command
        .args([LIMIT_S, "/usr/bin/time", "-q", "-f", "%M", "-o"])
        .arg(&peak)
        .args(&runs.tool.words)
        .env("PATH", PATH)
        .current_dir(folder);
    command.stdin(Stdio::null()).stdout(File::create(&said)?).stderr(File::create(&complained)?);
    let murmur = runs.tool.needs_traffic.then(|| crowd.murmur().spawn()).transpose()?;
    let measured = measure(&mut command);
    if let Some(mut murmur) = murmur {
        murmur.kill()?;
        murmur.wait()?;
    }
    let (mut turn, status) = measured?;
    std::thread::sleep(SETTLE);
    anyhow::ensure!(status.code() != Some(124), "stopped after {LIMIT_S} s");
    let silent_fails = runs.tool.fails_for_silent && status.code() == Some(1);
    if !status.success() && !silent_fails {
        let words = std::fs::read_to_string(&complained).unwrap_or_default();
        anyhow::bail!("{status}: {}", words.lines().find(|line| !line.trim().is_empty()).unwrap_or_default());
    }
    turn.rss_kib = std::fs::read_to_string(&peak)?.trim().parse().context("peak memory")?;
    let mut found = (runs.tool.hits)(&std::fs::read_to_string(&said)?)?;
    found.remove(&crowd.prober_address());
    let counted = count(&tap.frames()?, family, crowd)?;
    if runs.turns.is_empty() || found.len() < runs.found.len() {
        runs.found = found;
    }
    if counted.silent > runs.counted.silent || runs.turns.is_empty() {
        runs.counted = counted;
    }
    runs.turns.push(turn);
    Ok(())
}

/// The administrator's folders too: zmap and arp-scan live there.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
