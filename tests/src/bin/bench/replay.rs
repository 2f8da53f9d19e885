//! Reading a million frames: the sensor beside other programs on the same file, whole processes, best and median of
//! several runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use sensor_tests::binary::sensor_binary;
use xtask::cargo::target_folder;
use xtask::packages;

use crate::measure::{Turn, measure, median};
use crate::{stages, traffic};

const TURNS: usize = 7;

/// One program on the file.
struct Runner {
    name: &'static str,
    command: Vec<String>,
    turns: Vec<Turn>,
}

/// The table, as Markdown.
pub(crate) fn run() -> anyhow::Result<String> {
    packages::install(&["tcpdump", "p0f", "prads", "tshark"])?;
    let sensor = sensor_binary();
    let folder = target_folder().join("bench");
    std::fs::create_dir_all(&folder)?;
    let capture = folder.join("office.pcap");
    traffic::write(&capture).context("the capture cannot be written")?;
    let mut runners = runners(&sensor, &capture, &folder);
    for turn in 0..TURNS {
        for runner in &mut runners {
            // The slow ones are there for scale only.
            if turn < 3 || !matches!(runner.name, "tshark" | "prads") {
                runner.turns.push(run_once(&runner.command)?);
            }
        }
    }
    let mut text = render(&mut runners, capture.metadata()?.len());
    text += "\nWhere its time goes, on the same file, best of five:\n\n";
    text += &stages::table(&capture)?;
    Ok(text)
}

fn runners(sensor: &Path, capture: &Path, folder: &Path) -> Vec<Runner> {
    let file = capture.to_string_lossy().into_owned();
    let ours = sensor.to_string_lossy().into_owned();
    let scratch: PathBuf = folder.join("prads.log");
    let runner = |name, words: &[&str]| Runner {
        name,
        command: words.iter().map(|&word| word.to_owned()).collect(),
        turns: Vec::new(),
    };
    let filter = "arp or port 67 or port 5353";
    vec![
        runner("sensor replay --json", &[&ours, "replay", &file, "--json"]),
        runner("tcpdump, decoding", &["tcpdump", "-nr", &file, filter]),
        runner("tcpdump, copying", &["tcpdump", "-nr", &file, "-w", "/dev/null", filter]),
        runner("p0f", &["p0f", "-r", &file]),
        runner("prads", &["prads", "-r", &file, "-l", &scratch.to_string_lossy()]),
        runner("tshark", &["tshark", "-nr", &file, "-Y", "arp or dhcp or mdns"]),
    ]
}

fn run_once(words: &[String]) -> anyhow::Result<Turn> {
    let [program, arguments @ ..] = words else { bail!("an empty command") };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let (turn, status) = measure(&mut command)?;
    anyhow::ensure!(status.success(), "{program}: {status}");
    Ok(turn)
}

fn render(runners: &mut [Runner], bytes: u64) -> String {
    let floor = median(&mut runners[1].turns);
    let mut text = format!(
        "### Reading a capture of {} frames ({} MB, {} hosts)\n\n| program | best, s | median, s | CPU, s | memory, MiB | times tcpdump |\n|---|--:|--:|--:|--:|--:|\n",
        traffic::FRAMES,
        bytes / 1_000_000,
        traffic::HOSTS
    );
    for runner in runners {
        let best = runner.turns.iter().map(|turn| turn.wall_s).fold(f64::INFINITY, f64::min);
        let middle = median(&mut runner.turns);
        text += &format!(
            "| {} | {best:.2} | {:.2} | {:.2} | {:.0} | {:.2} |\n",
            runner.name,
            middle.wall_s,
            middle.cpu_s,
            middle.rss_kib as f64 / 1024.0,
            middle.wall_s / floor.wall_s
        );
    }
    text
}
