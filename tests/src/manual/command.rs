//! Command lines that the manual shows, taken apart, and how each is tried.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser as _;
use sensor::cli::Cli;
use xtask::arguments::Arguments;

use super::page::{Fence, Page};
use crate::bpf::root;

/// A command line and what the manual shows below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its page and line, for messages.
    pub at: String,
    /// As it is typed.
    pub line: String,
    /// What is shown below it, whole lines.
    pub output: String,
}

/// How a line is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It runs and ends by itself.
    Ends,
    /// It goes on until it is told to stop, after it did what it is for.
    GoesOn(Work),
    /// It is not run, for this reason; what it names is checked.
    Checked(&'static str),
}

/// What a command that goes on is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// It looks at a mirror port.
    Doctor,
    /// It prints events as they are kept.
    Events,
    /// It listens to a port.
    Listen,
    /// It follows the journal.
    Watch,
}

/// The command lines of a fence: every line of `sh`, and what stands behind `$ ` in `text` and `console`.
pub fn shown(page: &Page, fence: &Fence) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for (number, line) in (fence.first..).zip(&fence.lines) {
        let command = match fence.info.as_str() {
            "sh" => Some(line.trim()).filter(|line| !line.is_empty() && !line.starts_with('#')),
            "console" | "text" => line.strip_prefix("$ "),
            _ => None,
        };
        match (command, all.last_mut()) {
            (Some(line), _) => all.push(Shown { at: page.at(number), line: line.to_owned(), output: String::new() }),
            (None, Some(last)) => {
                last.output.push_str(line);
                last.output.push('\n');
            }
            (None, None) => {}
        }
    }
    all
}

/// The programs of a line with their arguments, as a shell would start them; `sudo` and what sets variables is left out.
pub fn programs(line: &str) -> Vec<Vec<String>> {
    let mut programs = vec![Vec::new()];
    for word in words(line) {
        match word.as_str() {
            "|" => programs.push(Vec::new()),
            _ => programs[..].last_mut().into_iter().for_each(|program| program.push(word.clone())),
        }
    }
    for program in &mut programs {
        while program.first().is_some_and(|word| word == "sudo" || word.contains('=')) {
            program.remove(0);
        }
    }
    programs
}

/// Words by blanks and quotes; a `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut is_word, mut quote) = (String::new(), false, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => word.push(c),
            (None, '\'' | '"') => (quote, is_word) = (Some(c), true),
            (None, '#') if !is_word => break,
            (None, ' ') => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            (None, _) => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

/// How the line is tried; an error when nobody has said so.
pub fn trial(line: &str) -> Result<Trial, String> {
    let programs = programs(line);
    // Of a pipeline ours says how: it reads what the others print, or is read by them.
    let ours = programs.iter().find(|program| program.first().is_some_and(|word| word == "sensor"));
    let Some(program) = ours.or(programs.last()) else { return Err("no command".to_owned()) };
    let word = |place: usize| program.get(place).map_or("", String::as_str);
    let has = |words: &[&str]| program.iter().any(|word| words.contains(&word.as_str()));
    Ok(match (word(0), word(1)) {
        ("sensor", "run") => Trial::GoesOn(Work::Listen),
        ("sensor", "events") if has(&["--follow", "-f"]) => Trial::GoesOn(Work::Events),
        ("sensor", "watch") if !has(&["test", "-"]) => Trial::GoesOn(Work::Watch),
        ("sensor", "doctor") if has(&["--mirror"]) => Trial::GoesOn(Work::Doctor),
        ("sensor" | "ethtool" | "ip", _) => Trial::Ends,
        ("journalctl", "--update-catalog" | "-u") => Trial::Checked("systemd runs the service, and keeps its catalog"),
        ("journalctl", _) => Trial::Ends,
        ("cargo", "xtask") => Trial::Checked("it builds the program, or works for minutes"),
        ("systemctl", _) => Trial::Checked("systemd runs the service"),
        ("install" | "setcap", _) => Trial::Checked("it changes the machine"),
        (other, _) => return Err(format!("nobody has said how '{other}' is tried")),
    })
}

/// Every `sensor` of the line has arguments that it understands.
pub fn parse(line: &str) -> Result<(), String> {
    parse_but(line, &[])
}

/// As [`parse`], of a command in the middle of a sentence: what it needs besides may be left out.
pub fn parse_mention(line: &str) -> Result<(), String> {
    use clap::error::ErrorKind::{
        DisplayHelpOnMissingArgumentOrSubcommand as Help, MissingRequiredArgument, MissingSubcommand,
    };
    parse_but(line, &[Help, MissingRequiredArgument, MissingSubcommand])
}

fn parse_but(line: &str, allowed: &[clap::error::ErrorKind]) -> Result<(), String> {
    for program in programs(line).iter().filter(|program| program.first().is_some_and(|word| word == "sensor")) {
        match Cli::try_parse_from(program) {
            Ok(_) => {}
            Err(error) if !error.use_stderr() || allowed.contains(&error.kind()) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// What a line that is not run names exists: subcommands, units, files of the repository, capabilities.
pub fn check(line: &str) -> Result<(), String> {
    for program in programs(line) {
        let word = |place: usize| program.get(place).map_or("", String::as_str);
        match (word(0), word(1)) {
            ("cargo", "xtask") => is_xtask(&program[2..])?,
            ("journalctl", "--update-catalog") => {}
            ("journalctl", _) => is_unit(word(2))?,
            ("systemctl", verb) => {
                let known = ["disable", "enable", "reload", "restart", "start", "status", "stop"];
                if !known.contains(&verb) {
                    return Err(format!("systemctl has no {verb}"));
                }
                is_unit(program.iter().skip(2).find(|word| !word.starts_with('-')).map_or("", String::as_str))?;
            }
            // Files that are built are not there yet; a folder has no source.
            ("install", _) => {
                for file in program.iter().filter(|word| word.starts_with("systemd/")) {
                    exists(file)?;
                }
            }
            ("setcap", capabilities) => are_capabilities(capabilities)?,
            (other, _) => return Err(format!("nobody has said how '{other}' is checked")),
        }
    }
    Ok(())
}

/// The command is there and takes these words; what it hands on is the sensor's to understand.
fn is_xtask(words: &[String]) -> Result<(), String> {
    let (name, words) = words.split_first().ok_or("xtask without a command")?;
    let command = xtask::arguments::find(name).ok_or_else(|| format!("xtask has no command '{name}'"))?;
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let given = Arguments::read(command, words).map_err(|error| error.to_string())?;
    let handed_on: Vec<&str> = given.rest().iter().filter_map(|word| word.to_str()).collect();
    if handed_on.is_empty() { Ok(()) } else { parse(&format!("sensor {name} {}", handed_on.join(" "))) }
}

fn is_unit(name: &str) -> Result<(), String> {
    exists(&format!("systemd/{}.service", name.trim_end_matches(".service")))
}

fn exists(path: &str) -> Result<(), String> {
    if root().join(path).exists() { Ok(()) } else { Err(format!("{path} does not exist")) }
}

/// `cap_bpf,cap_net_raw+ep`: the same as the unit's.
fn are_capabilities(text: &str) -> Result<(), String> {
    let unit = std::fs::read_to_string(root().join("systemd/sensor.service")).map_err(|error| error.to_string())?;
    let list = unit.lines().find_map(|line| line.strip_prefix("AmbientCapabilities=")).unwrap_or_default();
    let mut expected: Vec<String> = list.split(' ').map(str::to_lowercase).collect();
    let mut found: Vec<String> = text.trim_end_matches("+ep").split(',').map(str::to_owned).collect();
    expected.sort();
    found.sort();
    if found == expected { Ok(()) } else { Err(format!("the unit has {expected:?}")) }
}

/// The file of a page, whose folder a relative link starts from.
pub fn target(page: &Page, link: &str) -> PathBuf {
    let folder = page.path.parent().unwrap_or(std::path::Path::new(""));
    root().join(folder).join(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let expected: Vec<Vec<String>> = vec![
            ["journalctl", "-o", "json"].map(str::to_owned).to_vec(),
            ["sensor", "mute", "x y", "-"].map(str::to_owned).to_vec(),
        ];
        assert_eq!(programs("A=1 journalctl -o json | sudo sensor mute \"x y\" - # why"), expected);
    }

    #[test]
    fn a_wrong_flag_is_found() {
        assert!(parse("sudo sensor run --mirror eth1").is_ok());
        assert!(parse("sensor run --mirrer eth1").is_err());
        assert!(parse("cat x | sensor replay - --jsn").is_err());
        assert!(check("cargo xtask run").is_ok());
        assert!(check("cargo xtask rum").is_err());
        assert!(check("cargo xtask bench kernal").is_err());
        assert!(check("cargo xtask run --mirrer eth1").is_err());
        assert!(check("sudo systemctl enable --now sensor").is_ok());
        assert!(check("sudo systemctl enable --now sensr").is_err());
        assert!(trial("rm -rf x").is_err());
    }

    #[test]
    fn a_line_has_the_output_below_it() {
        let page = Page { path: "x.md".into(), text: "```text\n$ sensor hosts\na\n\nb\n$ pwd\n```\n".to_owned() };
        let shown = shown(&page, &page.fences()[0]);
        let lines: Vec<_> = shown.iter().map(|shown| (shown.line.as_str(), shown.output.as_str())).collect();
        assert_eq!(lines, [("sensor hosts", "a\n\nb\n"), ("pwd", "")]);
        assert_eq!(shown[1].at, "x.md, line 6");
    }
}
