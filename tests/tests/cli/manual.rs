//! README and manual against the program: every option, configuration key and kind of event is in the manual, whatever it
//! names exists, every link leads somewhere, and every command line that is shown works.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use clap::Parser as _;
use sensor::cli::{Cli, Command as Subcommand};
use sensor::config::error::ConfigError;
use sensor::config::run::Run;
use sensor::config::watch::Watch;
use sensor::export::{ADDRESS_SCHEMA, EVENT_SCHEMA};
use sensor::probe::snmp::Credentials;
use sensor_core::inventory::event::{Kind, Reason, Severity};
use sensor_core::types::Timestamp;
use sensor_tests::binary::sensor_binary;
use sensor_tests::bpf::root;
use sensor_tests::lab;
use sensor_tests::manual::command::{self, Shown, Trial, Work};
use sensor_tests::manual::machine::{CAPTURE, Machine};
use sensor_tests::manual::page::{Fence, Page, is_update, manual};
use sensor_tests::manual::reference;
use serde_json::Value;
use tempfile::TempDir;

const README_BYTES_MAX: usize = 12_288;

#[test]
fn the_readme_is_short_and_has_the_two_commands() {
    let readme = Page::read("README.md");
    assert!(readme.text.len() <= README_BYTES_MAX, "{} bytes; move facts to the manual", readme.text.len());
    for command in ["cargo xtask run", "cargo xtask test"] {
        assert!(readme.text.contains(command), "{command}");
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut count = 0;
    for page in manual().into_iter().chain([Page::read("ARCHITECTURE.md")]) {
        for (line, link) in page.links() {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let path = if file.is_empty() { root().join(&page.path) } else { command::target(&page, file) };
            assert!(path.exists(), "{}: {link}: no such file", page.at(line));
            if !anchor.is_empty() {
                let headings = Page::read(&path).headings();
                let is_there = headings.iter().any(|heading| heading.anchor == anchor);
                assert!(is_there, "{}: {link}: no such heading", page.at(line));
            }
            count += 1;
        }
    }
    assert!(count > 40, "the links were found: {count}");
}

#[test]
fn the_index_lists_every_chapter() {
    let index = Page::read("sensor/docs/README.md");
    let links: BTreeSet<String> = index.links().into_iter().map(|(_, link)| link).collect();
    for page in manual().iter().filter(|page| page.path.starts_with("sensor/docs")) {
        let name = page.path.file_name().unwrap().to_str().unwrap();
        assert!(name == "README.md" || links.contains(name), "{name}");
    }
}

#[test]
fn the_chapter_of_commands_is_what_the_command_line_says() {
    let mut page = Page::read("sensor/docs/commands.md");
    let chapter = reference::chapter();
    if is_update() {
        page.set_generated("commands", &chapter);
        page.write();
    }
    let how = "`SENSOR_UPDATE=1 cargo test -p sensor-tests --test cli manual` makes it anew";
    assert_eq!(page.generated("commands"), chapter, "{how}");
}

#[test]
fn every_option_and_variable_that_is_named_exists() {
    let (flags, variables, words) = (reference::flags(), reference::variables(), reference::words());
    let mut count = 0;
    for page in manual() {
        for (line, span) in page.spans() {
            let first = span.split_whitespace().next().unwrap_or_default();
            if is_flag(first) {
                for flag in span.split_whitespace().filter(|word| is_flag(word)) {
                    assert!(flags.contains(flag), "{}: no command has {flag}", page.at(line));
                    count += 1;
                }
            }
            if span.starts_with("cargo xtask ") {
                command::check(&span).unwrap_or_else(|error| panic!("{}: {span}: {error}", page.at(line)));
            }
            if first == "sensor" {
                command::parse_mention(&span).unwrap_or_else(|error| panic!("{}: {span}: {error}", page.at(line)));
            }
            let variable = span.split('=').next().unwrap();
            let is_variable =
                variable.len() > 7 && variable.bytes().all(|b| b.is_ascii_uppercase() || b"_0123456789".contains(&b));
            if variable.starts_with("SENSOR_") && is_variable {
                assert!(words.contains(variable), "{}: nothing reads or writes {variable}", page.at(line));
            }
        }
    }
    assert!(count > 100, "the options were found: {count}");
    let reference = Page::read("sensor/docs/configuration.md").text;
    for variable in variables {
        assert!(reference.contains(&format!("`{variable}`")), "{variable} is not in the chapter on configuration");
    }
}

/// `-i` or `--interface`; not `-wal`, and no list of its own.
fn is_flag(word: &str) -> bool {
    match word.strip_prefix("--") {
        Some(name) => !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
        None => word.len() == 2 && word.starts_with('-') && word.as_bytes()[1].is_ascii_alphabetic(),
    }
}

/// The tables of keys: key to its row, by the heading above.
fn key_tables() -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let mut tables: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let mut is_keys = false;
    for (heading, _, cells) in Page::read("sensor/docs/configuration.md").rows() {
        match cells[0].strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) {
            None => is_keys = cells[0] == "key",
            Some(key) if is_keys => drop(tables.entry(heading).or_default().insert(key.to_owned(), cells)),
            Some(_) => {}
        }
    }
    tables
}

#[test]
fn every_configuration_key_is_in_the_manual_and_every_one_there_exists() {
    let shown = key_tables().into_iter().map(|(heading, table)| (heading, table.into_keys().collect()));
    let (shown, keys): (BTreeMap<String, BTreeSet<String>>, _) = (shown.collect(), reference::keys());
    assert!(keys.values().map(BTreeSet::len).sum::<usize>() > 80, "the keys were found: {keys:#?}");
    assert_eq!(shown, keys);
}

/// Flags and variables beside the keys are those of `sensor run`.
#[test]
fn keys_have_their_flags_and_variables() {
    let commands = reference::commands();
    let run = &commands.iter().find(|(name, _)| name == "sensor run").unwrap().1;
    let tables = key_tables();
    let rows = tables.values().flat_map(BTreeMap::values).filter(|cells| cells.len() == 7 && !cells[4].is_empty());
    let mut seen = BTreeSet::new();
    for cells in rows {
        let long = cells[4].split('`').find_map(|word| word.strip_prefix("--")).unwrap();
        let option = reference::options(run).find(|option| option.get_long() == Some(long));
        let option = option.unwrap_or_else(|| panic!("{}: `sensor run` has no --{long}", cells[0]));
        let variable = option.get_env().map(|env| format!("`{}`", env.to_str().unwrap())).unwrap_or_default();
        assert_eq!(cells[5], variable, "{}", cells[0]);
        seen.insert(long.to_owned());
    }
    // What is only typed: where the file is, and what happens on the screen.
    let typed = ["config", "json"];
    for long in reference::options(run).filter_map(|option| option.get_long()).filter(|long| !typed.contains(long)) {
        assert!(seen.contains(long), "--{long} is no key's flag in the chapter on configuration");
    }
}

/// Words with `_` or `-` in code are names: of keys, kinds, fields, details, protocols. Each stands in the sources. Where the
/// text says what a name is, it is held to that.
#[test]
fn every_name_in_code_exists() {
    let words = reference::words();
    let keys: BTreeSet<String> = key_tables().into_values().flat_map(BTreeMap::into_keys).collect();
    let mut count = 0;
    for page in manual() {
        for (line, span) in page.spans() {
            let is_name = |text: &str| {
                text.starts_with(|c: char| c.is_ascii_lowercase())
                    && text.chars().all(|c| {
                        c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.' | '*' | '+')
                    })
                    && text.contains(['_', '-'])
            };
            for part in Some(&span).filter(|span| is_name(span)).into_iter().flat_map(|span| span.split(['.', '+'])) {
                let word = part.trim_end_matches('*');
                let is_known =
                    words.contains(word) || words.iter().any(|known| part.ends_with('*') && known.starts_with(word));
                assert!(is_known || ELSEWHERE.contains(&word), "{}: nothing is called `{span}`", page.at(line));
                count += 1;
            }
            let is_value =
                |text: &str| text.starts_with(['"', '\'', '[', '{', 't', 'f']) || text.parse::<u64>().is_ok();
            if let Some((key, _)) = span.split_once(" = ").filter(|(_, value)| is_value(value)) {
                assert!(keys.contains(key), "{}: there is no key {key}", page.at(line));
            }
        }
        // "(key `name`)"
        for after in page.text.split("key `").skip(1) {
            let key = after.split('`').next().unwrap();
            assert!(keys.contains(key), "{}: there is no key {key}", page.path.display());
        }
    }
    assert!(count > 200, "the names were found: {count}");
}

/// Names of others, and those that the program puts together.
const ELSEWHERE: [&str; 6] = ["chassis_subtype", "mac_oui", "oui-data", "port_subtype", "sensor-ebpf", "sensor-watch"];

#[test]
fn every_kind_field_and_word_of_events_is_in_the_manual() {
    let chapter = Page::read("sensor/docs/events.md");
    let headings: BTreeSet<String> = chapter.headings().into_iter().map(|heading| heading.text).collect();
    for kind in Kind::ALL {
        assert!(headings.contains(kind.name()), "{}", kind.name());
    }
    let spans: BTreeSet<String> = chapter.spans().into_iter().map(|(_, span)| span).collect();
    for word in Reason::ALL.map(Reason::name).into_iter().chain(Severity::ALL.map(Severity::name)) {
        assert!(spans.contains(word), "{word}");
    }
    has_properties(&chapter, EVENT_SCHEMA);
    has_properties(&Page::read("sensor/docs/export-and-schema.md"), ADDRESS_SCHEMA);
}

/// The page's tables have every property of the schema.
fn has_properties(page: &Page, schema: &str) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let cells: String = page.rows().into_iter().flat_map(|(_, _, cells)| cells).collect();
    for name in schema["properties"].as_object().unwrap().keys() {
        assert!(cells.contains(&format!("`{name}`")), "{}: {name}", page.path.display());
    }
}

#[test]
fn every_command_line_is_understood() {
    let mut count = 0;
    for (page, fence) in fences() {
        for shown in command::shown(&page, &fence) {
            command::parse(&shown.line).unwrap_or_else(|error| panic!("{}: {}: {error}", shown.at, shown.line));
            command::trial(&shown.line).unwrap_or_else(|error| panic!("{}: {}: {error}", shown.at, shown.line));
            count += 1;
        }
    }
    assert!(count > 40, "the command lines were found: {count}");
}

#[test]
fn every_fence_is_of_a_kind_that_is_tried() {
    let known = ["console", "json", "rules", "sh", "text", "toml"];
    for (page, fence) in fences() {
        let at = page.at(fence.first);
        assert!(known.contains(&fence.info.as_str()), "{at}: nothing tries '{}'", fence.info);
        if fence.info == "json" {
            let text = fence.lines.join("\n");
            serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{at}: {error}"));
        }
    }
}

fn fences() -> Vec<(Page, Fence)> {
    let of_page = |page: Page| page.fences().into_iter().map(move |fence| (page.clone(), fence)).collect::<Vec<_>>();
    manual().into_iter().flat_map(of_page).collect()
}

/// Each file shown means something to those who read such files: `sensor run`, `sensor watch`, the SNMP prober.
#[test]
fn every_configuration_file_is_understood() {
    let folder = TempDir::new().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("known"), "00:11:22:33:44:55\n").unwrap();
    std::fs::write(place("soc"), "a secret\n").unwrap();
    let here = format!("{}/", folder.path().display());
    let mut count = 0;
    for (page, fence) in fences().into_iter().filter(|(_, fence)| fence.info == "toml") {
        let text = fence
            .lines
            .join("\n")
            .replace("/etc/sensor/", &here)
            .replace("/run/credentials/sensor-watch.service/", &here);
        let (file, at) = (place("file.toml"), page.at(fence.first));
        std::fs::write(&file, &text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        if text.contains("[[snmp]]") {
            Credentials::load(&file).unwrap_or_else(|error| panic!("{at}: {error}"));
        } else {
            run_and_watch(&file).unwrap_or_else(|error| panic!("{at}: {error}"));
        }
        count += 1;
    }
    assert!(count >= 6, "the files were found: {count}");
}

fn run_and_watch(file: &Path) -> Result<(), ConfigError> {
    let parsed = |words: &[&str]| Cli::try_parse_from(words).unwrap().command;
    let path = file.to_str().unwrap();
    if let Subcommand::Run(args) = parsed(&["sensor", "run", "-i", "lo", "--config", path]) {
        Run::new(*args.0)?;
    }
    if let Subcommand::Watch(args) = parsed(&["sensor", "watch", "--config", path]) {
        Watch::new(args.0, Timestamp::from_secs(1))?;
    }
    Ok(())
}

#[test]
fn the_rules_that_are_shown_are_taken() {
    let folder = TempDir::new().unwrap();
    for (page, fence) in fences().into_iter().filter(|(_, fence)| fence.info == "rules") {
        let file = folder.path().join("rules.txt");
        std::fs::write(&file, fence.lines.join("\n") + "\n").unwrap();
        let mut sensor = Command::new(sensor_binary());
        let capture = root().join("tests/data/captures/dhcp.pcap");
        let output = sensor.arg("replay").arg(capture).arg("--fingerprints").arg(file).output().unwrap();
        assert!(output.status.success(), "{}: {}", page.at(fence.first), String::from_utf8_lossy(&output.stderr));
    }
}

/// What is shown below a command in a `console` block is what it prints, to the letter: it reads a capture, or a database
/// that was made of it.
#[test]
fn what_is_shown_is_what_is_printed() {
    let mut count = 0;
    for mut page in manual() {
        let folder = TempDir::new().unwrap();
        let shell = |line: &str| {
            let bin = sensor_binary();
            let path = format!("{}:{}", bin.parent().unwrap().display(), std::env::var("PATH").unwrap());
            let mut command = Command::new("sh");
            for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SENSOR_")) {
                command.env_remove(name);
            }
            command.args(["-c", line]).env("PATH", path).env_remove("JOURNAL_STREAM").current_dir(folder.path());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        std::os::unix::fs::symlink(root().join("tests"), folder.path().join("tests")).unwrap();
        let consoles: Vec<Fence> = page.fences().into_iter().filter(|fence| fence.info == "console").collect();
        let shown: Vec<Shown> = consoles.iter().flat_map(|fence| command::shown(&page, fence)).collect();
        if !shown.iter().any(|shown| shown.line.contains("--db office.db") && shown.line.contains("replay")) {
            shell(&format!("sensor replay {CAPTURE} --learning 0 --db office.db"));
        }
        for Shown { at, line, output } in shown {
            let printed = shell(&line);
            if is_update() {
                let (before, after) = (format!("$ {line}\n{output}"), format!("$ {line}\n{printed}"));
                page.text = page.text.replacen(&before, &after, 1);
            } else {
                assert_eq!(output, printed, "{at}: {line}; SENSOR_UPDATE=1 shows what is printed");
            }
            count += 1;
        }
        if is_update() && count > 0 {
            page.write();
        }
    }
    assert!(count > 3, "the blocks were found: {count}");
}

/// Every other command line does on a machine what its chapter says. What is not run is named with its reason.
#[test]
fn every_command_line_works() {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let lines: Vec<Shown> = fences()
        .into_iter()
        .filter(|(_, fence)| fence.info != "console")
        .flat_map(|(page, fence)| command::shown(&page, &fence))
        .collect();
    for shown in &lines {
        if let Trial::Checked(why) = command::trial(&shown.line).unwrap() {
            command::check(&shown.line).unwrap_or_else(|error| panic!("{}: {}: {error}", shown.at, shown.line));
            println!("not run: {}: {why}", shown.line);
            *kinds.entry("checked").or_default() += 1;
        }
    }
    if !lab::possible() || !lab::has_journald() {
        return;
    }
    let mut machine = Machine::new().unwrap();
    let mut seen = BTreeSet::new();
    // What two chapters show alike works alike.
    for Shown { at, line, output } in lines.iter().filter(|shown| seen.insert(&shown.line)) {
        match command::trial(line).unwrap() {
            Trial::Checked(_) => {}
            Trial::Ends => {
                let outcome = machine.run(line).unwrap();
                let code = outcome.status.code();
                // What the doctor finds is the machine's business.
                let is_right = code == Some(0) || line.contains("doctor") && matches!(code, Some(3 | 4));
                assert!(is_right, "{at}: {line}: {outcome:?}");
                *kinds.entry("run").or_default() += 1;
            }
            Trial::GoesOn(work) => {
                let outcome = match work {
                    Work::Listen if !output.is_empty() => machine.perform(line, output).unwrap(),
                    _ => machine.follow(line, work).unwrap(),
                };
                // A follower has no end of its own: SIGTERM ends it.
                let is_right = outcome.status.success() || matches!(work, Work::Events | Work::Watch);
                assert!(is_right, "{at}: {line}: {outcome:?}");
                *kinds.entry("run until stopped").or_default() += 1;
            }
        }
    }
    println!("{kinds:?}");
}
