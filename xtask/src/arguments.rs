//! The words of a command line. They are read by the command's own description in [`commands`](crate::commands), so
//! that xtask and the program that it starts cannot understand them differently.

use std::ffi::OsString;
use std::fmt::Write as _;

use anyhow::{Context as _, bail};

use crate::commands::{COMMANDS, Command, Takes};

/// What a command was given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Names of flags and options, and the value of the latter.
    options: Vec<(&'static str, String)>,
    word: Option<String>,
    rest: Vec<OsString>,
}

impl Arguments {
    /// Reads what this process was given, as the command of that name.
    pub fn of_process(command: &str) -> anyhow::Result<Self> {
        let command = find(command).context("this program is no command of xtask")?;
        Self::read(command, std::env::args_os().skip(1))
    }

    /// Reads the words after the command.
    pub fn read(command: &Command, words: impl IntoIterator<Item = OsString>) -> anyhow::Result<Self> {
        let mut read = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if command.takes.iter().any(|takes| matches!(takes, Takes::Rest(..))) {
                read.rest.push(word);
                read.rest.extend(words.by_ref());
                break;
            }
            let word = text(word)?;
            if word.starts_with('-') {
                let (name, value) = match word.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (word.as_str(), None),
                };
                let option = command.takes.iter().find_map(|takes| takes.as_option(name));
                let Some((name, takes_value)) = option else { bail!("unknown option {name}{}", see(command)) };
                let value = match (takes_value, value) {
                    (true, Some(value)) => value,
                    (true, None) => text(words.next().with_context(|| format!("{name} needs a value"))?)?,
                    (false, None) => String::new(),
                    (false, Some(_)) => bail!("{name} takes no value"),
                };
                read.options.push((name, value));
            } else {
                let allowed = command.takes.iter().find_map(|takes| match takes {
                    Takes::Word(_, _, allowed) => Some(*allowed),
                    _ => None,
                });
                let is_allowed = |allowed: &[(&str, &str)]| allowed.iter().any(|(name, _)| *name == word);
                match allowed {
                    Some(allowed) if read.word.is_none() && (allowed.is_empty() || is_allowed(allowed)) => {
                        read.word = Some(word);
                    }
                    _ => bail!("unexpected word {word}{}", see(command)),
                }
            }
        }
        Ok(read)
    }

    /// Whether a flag is there.
    pub fn has(&self, flag: &str) -> bool {
        self.options.iter().any(|(name, _)| *name == flag)
    }

    /// An option's value; the last one when it is there more than once.
    pub fn value(&self, option: &str) -> Option<&str> {
        self.options.iter().rfind(|(name, _)| *name == option).map(|(_, value)| value.as_str())
    }

    /// An option's value as a number.
    pub fn number(&self, option: &str) -> anyhow::Result<Option<u64>> {
        let parse = |value: &str| value.parse().with_context(|| format!("{option} {value}: not a number"));
        self.value(option).map(parse).transpose()
    }

    /// The word without a dash.
    pub fn word(&self) -> Option<&str> {
        self.word.as_deref()
    }

    /// Everything after the command, where it takes all of it.
    pub fn rest(&self) -> &[OsString] {
        &self.rest
    }
}

/// The command of that name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// All commands, one a line.
pub fn overview() -> String {
    let mut text =
        "Builds, checks, shows and measures the sensor\n\nUsage: cargo xtask <COMMAND>\n\nCommands:\n".to_owned();
    for command in &COMMANDS {
        let _ = writeln!(text, "  {:12}{}", command.name, command.about);
    }
    text + "\n`cargo xtask <COMMAND> --help` says what a command takes.\n"
}

/// What a command does and takes.
pub fn help(command: &Command) -> String {
    let mut text = format!("{}\n\nUsage: cargo xtask {}", command.about, command.name);
    for takes in command.takes {
        let _ = match takes {
            Takes::Flag(name, _) => write!(text, " [{name}]"),
            Takes::Value(name, value, _) => write!(text, " [{name} <{value}>]"),
            Takes::Word(name, ..) => write!(text, " [{name}]"),
            Takes::Rest(name, _) => write!(text, " [{name}]..."),
        };
    }
    text.push('\n');
    for takes in command.takes {
        let _ = match takes {
            Takes::Flag(name, about) => writeln!(text, "\n  {name}\n      {about}"),
            Takes::Value(name, value, about) => writeln!(text, "\n  {name} <{value}>\n      {about}"),
            Takes::Word(name, about, _) | Takes::Rest(name, about) => writeln!(text, "\n  {name}\n      {about}"),
        };
        if let Takes::Word(_, _, allowed) = takes {
            for (name, about) in *allowed {
                let _ = writeln!(text, "        {name:8}{about}");
            }
        }
    }
    text
}

impl Takes {
    /// The option's name and whether it takes a value, when this is the option of that name.
    fn as_option(&self, wanted: &str) -> Option<(&'static str, bool)> {
        match *self {
            Self::Flag(name, _) if name == wanted => Some((name, false)),
            Self::Value(name, ..) if name == wanted => Some((name, true)),
            _ => None,
        }
    }
}

fn text(word: OsString) -> anyhow::Result<String> {
    word.into_string().map_err(|word| anyhow::anyhow!("{} is not UTF-8", word.display()))
}

fn see(command: &Command) -> String {
    format!("; see `cargo xtask {} --help`", command.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, String> {
        let mut words = line.split_whitespace();
        let command = find(words.next().unwrap_or_default()).ok_or("no such command")?;
        Arguments::read(command, words.map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_values_and_words() {
        let given = read("peers /captures --only dhcp --only=arp").unwrap_or_default();
        assert_eq!((given.word(), given.value("--only")), (Some("/captures"), Some("arp")));
        let given = read("week --seed 7 --all").unwrap_or_default();
        assert_eq!(
            (given.number("--seed").ok(), given.has("--all"), given.has("--seeds")),
            (Some(Some(7)), true, false)
        );
        assert_eq!(read("bench kernel").unwrap_or_default().word(), Some("kernel"));
        assert_eq!(read("run --mirror eth1").unwrap_or_default().rest(), ["--mirror", "eth1"]);
        assert!(read("week --seed x").unwrap_or_default().number("--seed").is_err());
    }

    #[test]
    fn what_a_command_does_not_take_is_refused() {
        for (line, word) in [
            ("week --sed 7", "unknown option --sed"),
            ("week 7", "unexpected word 7"),
            ("week --seed", "--seed needs a value"),
            ("week --all=yes", "--all takes no value"),
            ("bench kernels", "unexpected word kernels"),
            ("bench kernel live", "unexpected word live"),
        ] {
            let error = read(line).err().unwrap_or_default();
            assert!(error.contains(word), "{line}: {error}");
        }
    }

    #[test]
    fn every_command_has_a_help_text_with_all_it_takes() {
        for command in &COMMANDS {
            assert!(overview().contains(command.about), "{}", command.name);
            let text = help(command);
            for takes in command.takes {
                let (Takes::Flag(name, about)
                | Takes::Value(name, _, about)
                | Takes::Word(name, about, _)
                | Takes::Rest(name, about)) = takes;
                assert!(text.contains(name) && text.contains(about), "{text}");
            }
        }
    }
}
