//! Where the sensor writes: the database, logs, a syslog server, the screen.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer};

use crate::config::choice;
use crate::config::error::ConfigError;
use crate::config::keys::{Value, keys};
use crate::config::machine::default_db;
use crate::export::contract::EventSink;
use crate::export::syslog::form::Format;
use crate::export::syslog::{self, Syslog};

keys! {
    flags
    /// Where the sensor writes.
    #[command(next_help_heading = "Output")]
    pub OutputKeys {
        /// The database [default: $STATE_DIRECTORY/sensor.db, else /var/lib/sensor/sensor.db for root, else
        /// $XDG_STATE_HOME/sensor/sensor.db]
        #[arg(long, value_name = "FILE", env = "SENSOR_DB")]
        db: PathBuf,
        /// Append events as JSON Lines to FILE, or write them to standard output with '-'
        #[arg(long, value_name = "FILE", env = "SENSOR_EVENTS")]
        events: PathBuf,
        /// Append every sighting as JSON Lines to FILE, or write them to standard output with '-'
        #[arg(long, value_name = "FILE", env = "SENSOR_SIGHTINGS")]
        sightings: PathBuf,
        /// Send events to a syslog server: unix:/dev/log, udp:HOST:PORT or tcp:HOST:PORT; an empty text: to none
        #[arg(long, value_name = "ADDRESS", env = "SENSOR_SYSLOG")]
        syslog: String,
        /// The form of syslog messages: rfc5424 or arpwatch
        #[arg(long, value_name = "FORM", env = "SENSOR_SYSLOG_FORMAT")]
        syslog_format: SyslogArg = "rfc5424",
    }
}

/// The form of syslog messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SyslogArg {
    /// RFC 5424, every field as structured data
    Rfc5424,
    /// arpwatch's own line, for the kinds of event that arpwatch knows
    Arpwatch,
}

/// Where lines are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, appended to.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

/// What is printed on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// The inventory as CSV, at the end (replay, scan).
    Csv,
    /// JSON: events and status lines as they come (run), or the inventory at the end (replay, scan).
    Json,
    /// Nothing: a log is written there, or systemd reads it.
    Quiet,
    /// Lines for a person.
    Text,
}

/// Where `sensor run` writes.
#[derive(Debug)]
pub struct Output {
    /// The database.
    pub db: PathBuf,
    /// Where to write events besides the journal.
    pub events: Option<Target>,
    /// Where to write sightings.
    pub sightings: Option<Target>,
    /// Where to send events besides.
    pub sinks: Vec<Box<dyn EventSink>>,
    /// What is printed on standard output.
    pub screen: Screen,
}

impl Output {
    /// From its keys; `wanted`: what was asked for on standard output.
    pub(super) fn new(keys: OutputKeys, wanted: Option<Screen>) -> Result<Self, ConfigError> {
        let sinks = keys.sinks()?;
        let (events, sightings) = (keys.events.map(Target::new), keys.sightings.map(Target::new));
        let screen = Screen::beside([&events, &sightings], wanted)?;
        Ok(Self { db: keys.db.unwrap_or_else(default_db), events, sightings, sinks, screen })
    }
}

impl OutputKeys {
    /// The sinks that keys turn on, besides `events`: a line each. None of them opens anything before it is asked to.
    pub(super) fn sinks(&self) -> Result<Vec<Box<dyn EventSink>>, ConfigError> {
        let mut sinks: Vec<Box<dyn EventSink>> = Vec::new();
        if let Some(address) = self.syslog_server()? {
            sinks.push(Box::new(Syslog::new(address, self.syslog_format().format())));
        }
        Ok(sinks)
    }

    /// The syslog server to send events to.
    fn syslog_server(&self) -> Result<Option<syslog::Address>, ConfigError> {
        // An empty variable or key switches off what the file has.
        let address = self.syslog.as_deref().filter(|address| !address.is_empty());
        let wrong = |text: &str| ConfigError::Peer {
            setting: "syslog",
            value: text.escape_debug().to_string(),
            example: "unix:/dev/log, udp:192.168.1.9:514 or tcp:[2001:db8::1]:601",
        };
        address.map(|text| text.parse().map_err(|()| wrong(text))).transpose()
    }
}

impl Target {
    /// From a path; `-` is standard output.
    pub(super) fn new(path: PathBuf) -> Self {
        if path == Path::new("-") { Self::Stdout } else { Self::File(path) }
    }
}

impl Screen {
    /// What is left of standard output by the logs; `wanted`: what was asked for.
    pub(super) fn beside(logs: [&Option<Target>; 2], wanted: Option<Self>) -> Result<Self, ConfigError> {
        let taken = logs.into_iter().filter(|log| **log == Some(Target::Stdout)).count();
        match (taken, wanted) {
            (2, _) => Err(ConfigError::TwoOnStdout),
            (1, _) => Ok(Self::Quiet),
            (_, Some(Self::Json)) => Ok(Self::Json),
            // Under systemd standard output is the journal, which has the events already, with their fields.
            _ if std::env::var_os("JOURNAL_STREAM").is_some() => Ok(Self::Quiet),
            (_, wanted) => Ok(wanted.unwrap_or(Self::Text)),
        }
    }
}

impl SyslogArg {
    fn format(self) -> Format {
        match self {
            Self::Rfc5424 => Format::Rfc5424,
            Self::Arpwatch => Format::Arpwatch,
        }
    }
}

impl Value for SyslogArg {
    const KIND: &'static str = "text";
}

impl FromStr for SyslogArg {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        ValueEnum::from_str(word, false)
    }
}

impl<'de> Deserialize<'de> for SyslogArg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        choice::read("syslog_format", deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_syslog(text: &str, expected: &str) {
        let keys = OutputKeys { syslog: Some(text.to_owned()), ..OutputKeys::default() };
        assert_eq!(keys.syslog_server().map_or_else(|error| error.to_string(), |to| format!("{to:?}")), expected);
    }

    #[test]
    fn syslog_servers() {
        let not = |text: &str| {
            format!(
                "syslog: '{text}' is not an address; write it like unix:/dev/log, udp:192.168.1.9:514 or \
                 tcp:[2001:db8::1]:601"
            )
        };
        check_syslog("", "None");
        check_syslog("unix:/dev/log", "Some(Unix(\"/dev/log\"))");
        check_syslog("/dev/log", "Some(Unix(\"/dev/log\"))");
        check_syslog("udp:192.0.2.1:514", "Some(Udp(\"192.0.2.1:514\"))");
        check_syslog("tcp:log.example:601", "Some(Tcp(\"log.example:601\"))");
        check_syslog("tcp:[2001:db8::1]:601", "Some(Tcp(\"[2001:db8::1]:601\"))");
        for text in
            ["log", "udp:log", "tcp:2001:db8::1:601", "udp::514", "udp:log:0", "udp:log:x", "unix:log", "tls:a:1"]
        {
            check_syslog(text, &not(text));
        }
    }

    #[test]
    fn one_log_takes_standard_output_and_two_cannot_share_it() {
        let (stdout, none) = (Some(Target::new("-".into())), None);
        assert_eq!(Screen::beside([&stdout, &none], Some(Screen::Json)).ok(), Some(Screen::Quiet));
        assert_eq!(Screen::beside([&none, &none], Some(Screen::Json)).ok(), Some(Screen::Json));
        assert!(matches!(Screen::beside([&stdout, &stdout], None), Err(ConfigError::TwoOnStdout)));
    }
}
