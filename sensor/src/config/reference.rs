//! The reference of all configuration keys in the manual, made of the structs that the keys are read into.

use std::fmt::Write as _;

use clap::{Args, Command};

use crate::config::alert::AlertKeys;
use crate::config::keys::{Key, Keys};
use crate::config::mail::MailKeys;
use crate::config::network::{NetworkKeys, SettingsKeys};
use crate::config::policy::{PolicyKeys, RuleKeys};
use crate::config::run::RunArgs;
use crate::config::tunnel::TunnelKeys;
use crate::config::webhook::WebhookKeys;
use crate::config::{capture, inventory, output, probing};

/// Where the reference begins in `docs/configuration.md`; it ends at [`END`].
pub const BEGIN: &str = "<!-- generated: configuration -->\n";
/// Where the reference ends.
pub const END: &str = "<!-- end -->\n";

/// A table of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its heading in Markdown, such as `` `[[network]]` ``.
    pub title: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// Its keys.
    pub keys: Vec<Entry>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// The type of its value.
    pub kind: &'static str,
    /// The unit of its value; empty: none, or the text says it.
    pub unit: &'static str,
    /// What holds where the key is not given; empty: nothing.
    pub default: String,
    /// Its flags, such as `-i` and `--interface`.
    pub flags: Vec<String>,
    /// Its environment variable.
    pub env: Option<String>,
    /// What it does.
    pub text: String,
}

/// All keys of the configuration file, table by table.
pub fn reference() -> Vec<Section> {
    let general = [
        capture::CaptureKeys::KEYS,
        output::OutputKeys::KEYS,
        inventory::InventoryKeys::KEYS,
        probing::ProbingKeys::KEYS,
        SettingsKeys::KEYS,
    ];
    let flags = RunArgs::augment_args(Command::new("sensor"));
    let mut network = entries(&[NetworkKeys::KEYS], None);
    for entry in network.iter_mut().filter(|entry| entry.name == "prefix") {
        // A network without further keys may be named by a flag.
        (entry.flags, entry.env) = flag(&flags, "network");
    }
    // What holds for every network may be set for one.
    network.extend(
        entries(&[SettingsKeys::KEYS], None)
            .into_iter()
            .map(|entry| Entry { default: "the general one".to_owned(), ..entry }),
    );
    vec![
        Section { title: "General", about: "These stand before all tables.", keys: entries(&general, Some(&flags)) },
        Section {
            title: "`[[network]]`",
            about: "Addresses that live here; senders from elsewhere are bogons. Several tables may be given.",
            keys: network,
        },
        Section {
            title: "`[[tunnel]]`",
            about: "Who may send frames in tunnels: these, and the other ends of this machine's own tunnel interfaces. Up to 32 \
                    sources in all tables together; see [VLANs and tunnels](mirror-ports.md#vlans-and-tunnels).",
            keys: entries(&[TunnelKeys::KEYS], None),
        },
        Section {
            title: "`[policy]`",
            about: "Which events are reported, and how loudly.",
            keys: entries(&[PolicyKeys::KEYS], None),
        },
        Section {
            title: "`[[policy.rule]]`",
            about: "A rule holds when all of its conditions hold; an absent condition always holds. It needs `severity` or \
                    `mute`.",
            keys: entries(&[RuleKeys::KEYS], None),
        },
        Section {
            title: "`[[alert]]`",
            about: "Exactly one of `command`, `webhook` and `mail`. At most 64 alerts.",
            keys: entries(&[AlertKeys::KEYS, WebhookKeys::KEYS], None),
        },
        Section {
            title: "`mail`",
            about: "The mail of an alert: `mail = {to = [\"ops@example.org\"]}`.",
            keys: entries(&[MailKeys::KEYS], None),
        },
    ]
}

/// The reference in Markdown: a table for each section.
pub fn markdown() -> String {
    let mut out = String::new();
    for Section { title, about, keys } in reference() {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n### {title}\n\n{about}\n\n");
        out += "| key | type | unit | default | flag | variable | meaning |\n|---|---|---|---|---|---|---|\n";
        for Entry { name, kind, unit, default, flags, env, text } in keys {
            let flags = flags.iter().map(|flag| format!("`{flag}`")).collect::<Vec<_>>().join(", ");
            let env = env.map(|env| format!("`{env}`")).unwrap_or_default();
            let text = text.replace('|', "\\|");
            let _ = writeln!(out, "| `{name}` | {kind} | {unit} | {default} | {flags} | {env} | {text} |");
        }
    }
    out.push('\n');
    out
}

fn entries(parts: &[&[Key]], command: Option<&Command>) -> Vec<Entry> {
    let entry = |key: &Key| {
        let (flags, env) = command.map(|command| flag(command, key.name)).unwrap_or_default();
        let (text, default) = match key.about.trim().split_once(" [default: ") {
            Some((text, default)) => (text, default.trim_end_matches(']').to_owned()),
            None => (key.about.trim(), key.default.map(|default| format!("`{default}`")).unwrap_or_default()),
        };
        Entry { name: key.name, kind: key.kind, unit: unit(key.name), default, flags, env, text: text.to_owned() }
    };
    parts.iter().copied().flatten().map(entry).collect()
}

/// The flags and the variable of an argument.
fn flag(command: &Command, id: &str) -> (Vec<String>, Option<String>) {
    let arg = command.get_arguments().find(|arg| arg.get_id() == id);
    let short = arg.and_then(|arg| arg.get_short()).map(|short| format!("-{short}"));
    let long = arg.and_then(|arg| arg.get_long()).map(|long| format!("--{long}"));
    let env = arg.and_then(|arg| arg.get_env()).map(|env| env.to_string_lossy().into_owned());
    (short.into_iter().chain(long).collect(), env)
}

/// The unit that a key's name ends in.
fn unit(name: &str) -> &'static str {
    match name.rsplit_once('_') {
        Some((_, "s")) => "seconds",
        Some((_, "ms")) => "milliseconds",
        Some((_, "h")) => "hours",
        Some((_, "bytes")) => "bytes",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn the_manual_has_this_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        let manual = std::fs::read_to_string(path).unwrap();
        let (before, rest) = manual.split_once(BEGIN).unwrap();
        let (found, after) = rest.split_once(END).unwrap();
        if std::env::var_os("SENSOR_UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(path, format!("{before}{BEGIN}{}{END}{after}", markdown())).unwrap();
            return;
        }
        assert_eq!(found, markdown(), "`SENSOR_UPDATE=1 cargo test -p sensor reference` writes it anew");
    }

    #[test]
    fn every_key_is_explained_once() {
        for Section { title, keys, .. } in reference() {
            let mut names: Vec<_> = keys.iter().map(|key| key.name).collect();
            for Entry { name, text, default, .. } in &keys {
                assert!(text.len() > 10 && !text.ends_with('.') && !text.contains('\n'), "{title} {name}: '{text}'");
                assert!(!default.contains(['[', ']', '\n']), "{title} {name}: '{default}'");
            }
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), keys.len(), "{title}: each key once");
        }
    }

    #[test]
    fn every_general_key_has_a_flag_and_a_variable_of_its_name() {
        for Entry { name, flags, env, .. } in &reference()[0].keys {
            assert!(!flags.is_empty(), "{name}");
            // Two are older than the rule.
            let expected = match *name {
                "ports" => "SENSOR_TCP_SAMPLE_PORTS".to_owned(),
                "resolve" => "SENSOR_NO_RESOLVE".to_owned(),
                _ => format!("SENSOR_{}", name.to_ascii_uppercase()),
            };
            assert_eq!(env.as_deref(), Some(expected.as_str()));
        }
    }

    #[test]
    fn every_default_is_a_value_of_its_type() {
        let general = crate::config::general::General::default();
        assert_eq!(general.capture.options().unwrap().ring_bytes, 4_194_304);
        assert!(general.output.sinks().unwrap().is_empty());
        assert_eq!(general.inventory.learning_s(), 600);
        assert_eq!(general.probing.rate(), 20);
        assert!(general.settings.resolve());
    }
}
