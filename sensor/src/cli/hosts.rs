//! `sensor hosts`

use std::path::PathBuf;

use clap::Args;

use crate::cli::db::DbArg;

/// `sensor hosts`
#[derive(Debug, Args)]
pub struct HostsArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    /// Only this segment, such as eth1 or eth1.30
    #[arg(long, value_name = "SEGMENT")]
    pub segment: Option<String>,
    /// Only what was seen since then: 15m, 2h, 7d, or a time such as 2026-11-21T08:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Print JSON Lines instead of a table
    #[arg(long)]
    pub json: bool,
    /// A newer list of vendors: IEEE's oui.csv, mam.csv, oui36.csv, or all of them in one file
    #[arg(long, value_name = "FILE", env = "SENSOR_OUI")]
    pub oui: Option<PathBuf>,
}
