//! The configuration of `sensor watch`.

#![allow(rustdoc::broken_intra_doc_links, reason = "the text of a key is its help, where brackets are no links")]

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::alert::{Alert, alerts, wrong};
use crate::config::error::ConfigError;
use crate::config::file::File;
use crate::config::filter::Filter;
use crate::config::machine::default_watch_state;
use crate::config::parse::{parse_when, suggest};
use sensor_core::types::Timestamp;

/// `sensor watch`
#[derive(Debug, Default, Args)]
pub struct WatchArgs {
    /// What to do instead of watching.
    #[command(subcommand)]
    pub command: Option<WatchCommand>,
    /// Read the lines of `journalctl -o json` from standard input instead of following the journal
    #[arg(value_name = "-", value_parser = ["-"])]
    pub source: Option<String>,
    /// The configuration file with the [[alert]] tables [default: /etc/sensor/sensor.toml where it exists]
    #[arg(long, value_name = "FILE", env = "SENSOR_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// Only this kind, such as new-host. May be given several times
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Only events at least so severe: info, notice, warning, alert
    #[arg(long, value_name = "SEVERITY")]
    pub severity: Option<String>,
    /// Only this segment, such as eth1 or eth1.30. May be given several times
    #[arg(long, value_name = "SEGMENT", value_delimiter = ',')]
    pub segment: Vec<String>,
    /// Only this host: its id, an address, a prefix, a MAC or a name. May be given several times
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub host: Vec<String>,
    /// The file that keeps the place in the journal, and what is still to be delivered [default:
    /// $STATE_DIRECTORY/watch.json, else /var/lib/sensor-watch/watch.json for root, else $XDG_STATE_HOME/sensor/watch.json;
    /// without alerts: none]
    #[arg(long, value_name = "FILE", env = "SENSOR_WATCH_STATE")]
    pub state: Option<PathBuf>,
    /// Where to begin when no place is kept yet: 15m, 2h, 7d, or a time such as 2026-11-21T08:00:00Z [default: now]
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// The folder of the journal, where it is not this machine's own
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Without alerts: print events as JSON Lines
    #[arg(long)]
    pub json: bool,
}

/// What `sensor watch` does besides watching.
#[derive(Debug, Subcommand)]
pub enum WatchCommand {
    /// Send one made-up event through an alert, and say how it went
    Test(WatchTestArgs),
}

/// `sensor watch test`
#[derive(Debug, Args)]
pub struct WatchTestArgs {
    /// The alert's name
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// What `sensor watch` is to do.
#[derive(Debug)]
pub struct Watch {
    /// What to do with the alerts.
    pub task: Task,
    /// What holds for all alerts, and for printing.
    pub filter: Filter,
    /// The alerts; without any, events are printed.
    pub alerts: Vec<Alert>,
    /// The file for the place in the journal and for pending events; none when there are no alerts and none was named.
    pub state: Option<PathBuf>,
    /// Where to begin when no place is kept.
    pub since: Timestamp,
    /// The journal's folder, where it is not this machine's own.
    pub journal: Option<PathBuf>,
    /// Events are printed as JSON Lines.
    pub json: bool,
}

/// What to do with the alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Follow the journal.
    Follow,
    /// Read standard input to its end.
    Read,
    /// As these, but only say what would be done.
    Rehearse {
        /// Standard input instead of the journal.
        stdin: bool,
    },
    /// Send one made-up event through the alert of this name.
    Test(String),
}

impl Watch {
    /// From flags and the file that they or the default name. `now`: where a first watch begins.
    pub fn new(args: WatchArgs, now: Timestamp) -> Result<Self, ConfigError> {
        let alerts = alerts(File::find(args.config.as_deref())?.alerts)?;
        let stdin = args.source.is_some();
        let task = match args.command {
            Some(WatchCommand::Test(test)) => {
                if !alerts.iter().any(|alert| alert.name == test.name) {
                    let hint = suggest(&test.name, alerts.iter().map(|alert| alert.name.as_str()));
                    return Err(wrong(&test.name, format!("the configuration file has no alert of this name{hint}")));
                }
                Task::Test(test.name)
            }
            None if args.dry_run => Task::Rehearse { stdin },
            None if stdin => Task::Read,
            None => Task::Follow,
        };
        let is_named = args.state.is_some() || std::env::var_os("STATE_DIRECTORY").is_some();
        let keeps = matches!(task, Task::Follow | Task::Read) && (is_named || !alerts.is_empty());
        Ok(Self {
            task,
            filter: Filter::new(args.kind, args.severity.as_deref(), args.segment, &args.host)?,
            alerts,
            state: keeps.then(|| args.state.unwrap_or_else(default_watch_state)),
            since: args.since.as_deref().map(|when| parse_when(when, now)).transpose()?.unwrap_or(now),
            journal: args.journal,
            json: args.json,
        })
    }
}
