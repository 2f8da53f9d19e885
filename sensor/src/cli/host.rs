//! `sensor host`

use clap::{Args, Subcommand};

use crate::cli::db::DbArg;

/// `sensor host`
#[derive(Debug, Args)]
pub struct HostArgs {
    #[command(subcommand)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub command: HostCommand,
}

/// What to show or change of a host.
#[derive(Debug, Subcommand)]
pub enum HostCommand {
    /// Its stations and addresses, and by what evidence they are one host
    Show {
        /// Its id, MAC, address or name
        host: String,
        #[command(flatten)]
        #[allow(missing_docs, reason = "documented at its type")]
        db: DbArg,
    },
    /// Say that two hosts are one machine
    Join {
        /// One host: id, MAC, address or name
        host: String,
        /// The other host
        other: String,
        #[command(flatten)]
        #[allow(missing_docs, reason = "documented at its type")]
        db: DbArg,
    },
    /// Say that a station does not belong to this host, now and from now on
    Split {
        /// The host: id, MAC, address or name
        host: String,
        /// The station's MAC
        mac: String,
        #[command(flatten)]
        #[allow(missing_docs, reason = "documented at its type")]
        db: DbArg,
    },
}
