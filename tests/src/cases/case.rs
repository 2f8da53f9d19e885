//! A case: what lies in its folder, and what of it does not hold.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::evaluate::evaluate;
use super::expression::Expression;
use super::outcome::Outcome;
use super::parse::parse;
use super::value::Value;

/// A capture, and what must be true of its replay.
#[derive(Debug)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    /// The capture.
    pub input: PathBuf,
    /// More arguments of the replay.
    pub arguments: Vec<String>,
    /// What must hold, in the order of the lines.
    pub checks: Vec<Check>,
}

/// One line of `expect`.
#[derive(Debug)]
pub struct Check {
    /// The line's number, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What it says, or why it cannot be read.
    pub expression: anyhow::Result<Expression>,
}

/// The folders that hold a case, by their names. A folder without `expect` is one too: reading it fails.
pub fn folders(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(root).with_context(|| format!("{}: cannot be read", root.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

impl Case {
    /// Reads a folder. A line that cannot be read is a check that fails.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(folder.join("expect")).with_context(|| format!("{name}: expect"))?;
        let (mut arguments, mut checks) = (Vec::new(), Vec::new());
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            match text.strip_prefix("args:") {
                Some(words) => {
                    arguments.extend(words_of(words, folder).with_context(|| format!("{name}: line {line}: {text}"))?);
                }
                None => checks.push(Check { line, text: text.to_owned(), expression: parse(text) }),
            }
        }
        ensure!(!checks.is_empty(), "{name}: nothing is checked");
        Ok(Self { input: input(folder).with_context(|| name.clone())?, name, arguments, checks })
    }

    /// Replays the capture and says what does not hold, one line a check.
    pub fn faults(&self, sensor: &Path) -> Vec<String> {
        match self.replay(sensor) {
            Ok(outcome) => self.checks.iter().filter_map(|check| check.fault(&self.name, &outcome)).collect(),
            Err(error) => vec![format!("{}: {error:#}", self.name)],
        }
    }

    fn replay(&self, sensor: &Path) -> anyhow::Result<Outcome> {
        let scratch = tempfile::tempdir()?;
        let told = scratch.path().join("events.jsonl");
        let mut command = Command::new(sensor);
        command.arg("replay").arg(&self.input).arg("--json").arg("--events").arg(&told).args(&self.arguments);
        let done = command.env_remove("JOURNAL_STREAM").stdin(Stdio::null()).output().context("the sensor")?;
        let out = String::from_utf8_lossy(&done.stderr).into_owned();
        let records: Vec<serde_json::Value> = serde_json::from_slice(&done.stdout)
            .with_context(|| format!("no records on standard output ({}): {}", done.status, out.trim()))?;
        // A run that ends early writes no events.
        let told = if told.exists() { std::fs::read_to_string(&told)? } else { String::new() };
        let events: Result<Vec<serde_json::Value>, _> = told.lines().map(serde_json::from_str).collect();
        Ok(Outcome {
            events: events.context("an event is no JSON")?.iter().map(Value::from).collect(),
            records: records.iter().map(Value::from).collect(),
            out,
            code: done.status.code(),
        })
    }
}

impl Check {
    /// What is said when it does not hold.
    pub fn fault(&self, case: &str, outcome: &Outcome) -> Option<String> {
        let reason = match self.expression.as_ref().map(|expression| evaluate(expression, outcome)) {
            Ok(Ok(value)) if value.is_true() => return None,
            Ok(Ok(_)) => "does not hold".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(error) => format!("cannot be read: {error:#}"),
        };
        Some(format!("{case}: line {}: {}: {reason}", self.line, self.text))
    }
}

/// The capture of a case: the first of the files that are called `input`.
fn input(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("input.") {
            inputs.push(entry.path());
        }
    }
    inputs.into_iter().min().context("there is no file `input.*`")
}

/// The words of an `args:` line.
fn words_of(text: &str, folder: &Path) -> anyhow::Result<Vec<String>> {
    ensure!(!text.contains(['"', '\'', '\\', '#']), "quotes, backslashes and comments are not understood in arguments");
    let folder = folder.to_string_lossy();
    Ok(text.split_whitespace().map(|word| word.replace("{case}", &folder)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn read(expect: &str) -> anyhow::Result<Case> {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a-case");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("input.pcap"), "").unwrap();
        std::fs::write(folder.join("expect"), expect).unwrap();
        Case::read(&folder)
    }

    fn check_refused(expect: &str, reason: &str) {
        assert_eq!(format!("{:#}", read(expect).unwrap_err()), reason);
    }

    #[test]
    fn a_case_has_comments_arguments_and_checks() {
        let case = read("# Why\n\nargs: --a {case}/b\n  n() == 0\n\"# no comment\" not in out\n").unwrap();
        assert!(case.arguments[0] == "--a" && case.arguments[1].ends_with("a-case/b"), "{:?}", case.arguments);
        assert_eq!(case.checks.iter().map(|check| check.line).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(case.input.file_name().unwrap(), "input.pcap");
    }

    #[test]
    fn a_case_that_says_nothing_is_a_fault() {
        check_refused("# n() == 0\nargs: --a\n", "a-case: nothing is checked");
        check_refused("", "a-case: nothing is checked");
    }

    #[test]
    fn arguments_with_quotes_are_a_fault() {
        check_refused(
            "n() == 0\nargs: --a 'b'\n",
            "a-case: line 2: args: --a 'b': quotes, backslashes and comments are not understood in arguments",
        );
    }

    #[test]
    fn a_check_says_why_it_fails() {
        let outcome = Outcome { events: Vec::new(), records: Vec::new(), out: String::new(), code: Some(0) };
        let case = read("n() == 0\nn() == 1\n\n1 in 2\nm() == 0\nn(\n").unwrap();
        let faults: Vec<String> = case.checks.iter().filter_map(|check| check.fault("a-case", &outcome)).collect();
        assert_eq!(
            faults,
            [
                "a-case: line 2: n() == 1: does not hold",
                "a-case: line 4: 1 in 2: whether a number is in a number cannot be asked",
                "a-case: line 5: m() == 0: cannot be read: there is no function `m`",
                "a-case: line 6: n(: cannot be read: the line's end instead of a name",
            ]
        );
    }
}
