//! The command line: one file a command's arguments. Those of `run`, `scan`, `replay` and `watch` stand in `config/`, beside
//! what they mean.

use clap::{Parser, Subcommand};

use crate::cli::db::DbArgs;
use crate::cli::doctor::DoctorArgs;
use crate::cli::events::EventsArgs;
use crate::cli::export::ExportArgs;
use crate::cli::host::HostArgs;
use crate::cli::hosts::HostsArgs;
use crate::cli::later::Later;
use crate::cli::mute::MuteArgs;
use crate::cli::status::StatusArgs;
use crate::config::replay::ReplayArgs;
use crate::config::run::RunArgs;
use crate::config::scan::ScanArgs;
use crate::config::watch::WatchArgs;

/// `sensor db`, and the option that names the database.
pub mod db;
/// `sensor doctor`
pub mod doctor;
/// `sensor events`
pub mod events;
/// `sensor export`
pub mod export;
/// `sensor host`
pub mod host;
/// `sensor hosts`
pub mod hosts;
/// Arguments that are made known only when their command was given.
pub mod later;
/// `sensor mute`
pub mod mute;
/// `sensor status`
pub mod status;

/// Finds out who is on the network, what is new, what changed its MAC, and who pretends to be somebody else.
#[derive(Debug, Parser)]
#[command(name = "sensor", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Listen on the network, and keep and report what is found
    Run(Later<Box<RunArgs>>),
    /// Read capture files (pcap, pcapng, .gz; '-' is standard input) as if their frames were heard now
    Replay(Later<ReplayArgs>),
    /// Probe networks and addresses once, and show who answers [default: the attached network]
    Scan(Later<Box<ScanArgs>>),
    /// Show the hosts as a table
    Hosts(Later<HostsArgs>),
    /// Show the events
    Events(Later<EventsArgs>),
    /// Export the inventory for reports and programs: one record per address
    Export(Later<ExportArgs>),
    /// Show who a host is and why, and say which stations belong together
    Host(Later<HostArgs>),
    /// Do not report events of a host, segment or kind for a while; they are kept
    Mute(Later<MuteArgs>),
    /// Show the running sensor's ports, and every frame that it counted or lost
    Status(Later<StatusArgs>),
    /// Check what this machine can do and what is missing, with the command that corrects it
    Doctor(Later<DoctorArgs>),
    /// Follow the journal, and act on events: commands, webhooks, mail
    Watch(Later<WatchArgs>),
    /// Check the database
    Db(Later<DbArgs>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn clap_finds_no_fault_in_the_command_line() {
        let mut command = Cli::command();
        command.build();
        command.debug_assert();
    }

    #[test]
    fn every_option_is_explained_in_one_sentence() {
        let mut command = Cli::command();
        command.build();
        for command in command.get_subcommands() {
            assert!(
                command.get_about().is_some_and(|about| !about.to_string().contains('\n')),
                "{}",
                command.get_name()
            );
            for arg in command.get_arguments() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.len() > 4 && !help.contains('\n'), "{} {}: '{help}'", command.get_name(), arg.get_id());
            }
        }
    }
}
