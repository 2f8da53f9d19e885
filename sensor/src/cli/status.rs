//! `sensor status`

use clap::Args;

use crate::cli::db::DbArg;

/// `sensor status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
