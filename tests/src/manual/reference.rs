//! What the program has, read from its code: commands and options (clap), configuration keys (their own list), and the names
//! that occur in its sources.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, CommandFactory as _};
use sensor::cli::Cli;
use sensor::config::reference::Section;

use crate::bpf::root;

/// Every command that has arguments of its own, by its full name: `sensor host show`.
pub fn commands() -> Vec<(String, Command)> {
    let mut root = Cli::command();
    root.build();
    let mut commands = Vec::new();
    collect("sensor", &root, &mut commands);
    commands
}

fn collect(name: &str, command: &Command, commands: &mut Vec<(String, Command)>) {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name = format!("{name} {}", sub.get_name());
        commands.push((name.clone(), sub.clone()));
        collect(&name, sub, commands);
    }
}

/// The options of a command, without `--help`.
pub fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
}

/// `-i` and `--interface` of every command.
pub fn flags() -> BTreeSet<String> {
    let mut flags = BTreeSet::from(["--help", "-h", "--version", "-V"].map(str::to_owned));
    for (_, command) in commands() {
        for option in options(&command) {
            flags.extend(option.get_short().map(|short| format!("-{short}")));
            flags.extend(option.get_long().map(|long| format!("--{long}")));
        }
    }
    flags
}

/// The environment variables of options.
pub fn variables() -> BTreeSet<String> {
    let commands = commands();
    let options = commands.iter().flat_map(|(_, command)| options(command));
    options.filter_map(|option| Some(option.get_env()?.to_str().unwrap().to_owned())).collect()
}

/// The chapter of commands: a section a command.
pub fn chapter() -> String {
    let mut out = String::new();
    for (name, command) in commands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        write!(out, "\n## {name}\n\n{}\n", about.trim_end_matches('.')).unwrap();
        if command.get_subcommands().any(|sub| sub.get_name() != "help") {
            let subs = command.get_subcommands().map(Command::get_name).filter(|sub| *sub != "help");
            writeln!(out, "\nCommands: {}", subs.map(|sub| format!("`{sub}`")).collect::<Vec<_>>().join(", ")).unwrap();
        }
        let mut rows = options(&command).map(row).peekable();
        if rows.peek().is_some() {
            out.push_str("\n| option | value | variable | meaning |\n|---|---|---|---|\n");
            rows.for_each(|row| out.push_str(&row));
        }
    }
    out.push('\n');
    out
}

fn row(arg: &Arg) -> String {
    let code = |text: String| format!("`{}`", text.replace('|', "\\|"));
    let names = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string);
    let value = names.map(code).collect::<Vec<_>>().join(" ");
    let short = arg.get_short().map(|short| code(format!("-{short}")));
    let long = arg.get_long().map(|long| code(format!("--{long}")));
    let mut option = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let mut value = if takes_value { value } else { String::new() };
    if arg.is_positional() {
        // It stands where it stands, and has no name but its value's.
        (option, value) = (value, String::new());
    }
    let variable = arg.get_env().map(|env| code(env.to_str().unwrap().to_owned())).unwrap_or_default();
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
    let known = arg.get_possible_values();
    if takes_value && !known.is_empty() && !arg.is_positional() {
        let values = known.iter().map(|value| {
            let about = value.get_help().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("`{}`{about}", value.get_name())
        });
        help = format!("{help}: {}", values.collect::<Vec<_>>().join(", "));
    }
    format!("| {option} | {value} | {variable} | {help} |\n")
}

/// The keys of the configuration file, by the heading of their table in the manual.
pub fn keys() -> BTreeMap<String, BTreeSet<String>> {
    let section = |section: Section| {
        let keys = section.keys.into_iter().map(|key| key.name.to_owned()).collect();
        (section.title.to_owned(), keys)
    };
    let mut keys: BTreeMap<String, BTreeSet<String>> =
        sensor::config::reference::reference().into_iter().map(section).collect();
    keys.insert("SNMP credentials".to_owned(), credentials());
    keys
}

/// The keys of the file of SNMP credentials. Read from the source, because the struct is the prober's own.
fn credentials() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("sensor/src/probe/snmp.rs")).unwrap();
    let structs = structs_of(&text).into_iter().map(|(_, fields)| fields);
    structs.max_by_key(BTreeSet::len).unwrap()
}

/// The structs that serde fills, with their fields.
fn structs_of(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut structs = Vec::new();
    let mut derives = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.starts_with("#[derive(") {
            derives = line.contains("Deserialize");
        } else if let Some((_, after)) = line.split_once("struct ").filter(|_| derives && line.ends_with('{')) {
            let name = after.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned();
            let body = lines.by_ref().take_while(|line| line.trim() != "}");
            structs.push((name, body.filter_map(field).collect()));
            derives = false;
        } else if line.starts_with("enum ") || line.contains(" enum ") {
            derives = false;
        }
    }
    structs
}

/// `pub(super) name: Type,`
fn field(line: &str) -> Option<String> {
    let line = line.trim();
    if line.starts_with("//") || line.starts_with('#') {
        return None;
    }
    let name = line.split_once(": ")?.0.split_whitespace().next_back()?;
    Some(name.trim_start_matches("r#").to_owned())
}

/// Every word of the program's sources that could be a name in a text: `snake_case` and `kebab-case`.
pub fn words() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for (_, text) in sources() {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        words.extend(text.split(|c: char| !is_part(c)).filter(|word| word.len() > 1).map(str::to_owned));
    }
    words
}

/// The sensor's sources, and its data: rules and schemas.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("sensor"), root().join("sensor-ebpf/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_code = path.extension().is_some_and(|end| ["rs", "txt", "json"].iter().any(|known| end == *known));
            if path.is_dir() && !path.ends_with("docs") && !path.ends_with("target") {
                folders.push(path);
            } else if is_code {
                files.push((path.clone(), std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_structs_that_serde_fills() {
        let text = "#[derive(Debug, Deserialize)]\n#[serde(default)]\npub struct Keys {\n    /// It: this.\n    \
            #[serde(rename = \"x\")]\n    pub(super) a_b: Option<u8>,\n    r#type: Vec<String>,\n}\n#[derive(Debug)]\n\
            struct Other {\n    c: u8,\n}\n#[derive(Deserialize)]\nenum Word {\n    D(u8),\n}\nstruct Last {\n    e: u8,\n}\n";
        let expected = BTreeSet::from(["a_b".to_owned(), "type".to_owned()]);
        assert_eq!(structs_of(text), [("Keys".to_owned(), expected)]);
    }

    #[test]
    fn commands_have_their_options() {
        let commands = commands();
        let run = &commands.iter().find(|(name, _)| name == "sensor run").unwrap().1;
        assert!(options(run).any(|option| option.get_long() == Some("mirror")));
        assert!(commands.iter().any(|(name, _)| name == "sensor host split"));
    }
}
