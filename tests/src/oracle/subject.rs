//! The sensor's binary, run on one capture: its output, and whether a second run gives the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::Context;

/// What the sensor wrote.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The sightings log.
    pub sightings: String,
    /// The events.
    pub events: String,
    /// Rules about the run itself, and how each was broken; empty where it was not.
    pub rules: BTreeMap<&'static str, Vec<String>>,
}

/// Every run ends with one of the expected exit codes.
pub const ENDS_WELL: &str = "ends well";
/// A second replay writes byte-identical events.
pub const SAME_EVENTS: &str = "same events";
/// A second replay into the same database reports nothing.
pub const NO_NEWS: &str = "no news";
/// A second replay into the same database leaves the inventory as it is.
pub const SAME_INVENTORY: &str = "same inventory";

/// Exit codes of a replay: read, unreadable, read up to where the file was cut.
const FINE: [i32; 3] = [0, 4, 5];

/// Replays a capture: into a new database, nowhere, and into the database again.
pub fn replay(binary: &Path, capture: &Path) -> anyhow::Result<Told> {
    let scratch = tempfile::tempdir()?;
    let at = |name: &str| scratch.path().join(name);
    let run = |words: &[&Path]| -> anyhow::Result<Output> {
        let mut command = Command::new(binary);
        command.args(words).current_dir(scratch.path()).env_clear();
        command.output().with_context(|| format!("{} cannot be started", binary.display()))
    };
    let read = |name: &str| String::from_utf8_lossy(&std::fs::read(at(name)).unwrap_or_default()).into_owned();
    let [replay, export, json, db] = ["replay", "export", "--json", "--db"].map(Path::new);
    let [sightings, events] = ["--sightings", "--events"].map(Path::new);
    let [database, log, first, second, third] =
        ["sensor.db", "sightings.jsonl", "first.jsonl", "second.jsonl", "third.jsonl"].map(at);

    let runs = [
        run(&[replay, capture, db, &database, sightings, &log, events, &first])?,
        run(&[replay, capture, events, &second])?,
    ];
    let inventory = run(&[export, json, db, &database])?;
    let again = run(&[replay, capture, db, &database, events, &third])?;
    let inventory_again = run(&[export, json, db, &database])?;

    let mut told = Told { sightings: read("sightings.jsonl"), events: read("first.jsonl"), ..Told::default() };
    let ends_well: Vec<String> = runs.iter().chain([&again]).filter_map(bad_end).collect();
    told.rules.insert(ENDS_WELL, ends_well);
    told.rules.insert(SAME_EVENTS, first_difference(&told.events, &read("second.jsonl")));
    told.rules.insert(NO_NEWS, read("third.jsonl").lines().take(1).map(str::to_owned).collect());
    let [before, after] =
        [inventory, inventory_again].map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    told.rules.insert(SAME_INVENTORY, first_difference(&before, &after));
    Ok(told)
}

fn bad_end(output: &Output) -> Option<String> {
    if output.status.code().is_some_and(|code| FINE.contains(&code)) {
        return None;
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Some(format!("{}: {}", output.status, words.lines().last().unwrap_or("without a word")))
}

fn first_difference(left: &str, right: &str) -> Vec<String> {
    if left == right {
        return Vec::new();
    }
    let at = left.lines().zip(right.lines()).take_while(|(left, right)| left == right).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("nothing").to_owned();
    vec![format!("line {}: first {}, then {}", at + 1, line(left), line(right))]
}
