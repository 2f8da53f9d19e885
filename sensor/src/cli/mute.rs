//! `sensor mute`

use clap::Args;

use crate::cli::db::DbArg;

/// `sensor mute`
#[derive(Debug, Args)]
pub struct MuteArgs {
    /// A host (MAC, address, network, id or name), a segment such as eth1.30, or a kind of event such as new-host
    #[arg(value_name = "HOST|SEGMENT|KIND", required_unless_present_any = ["list", "end"], requires = "span")]
    pub target: Option<String>,
    /// For how long, such as 30m, 2h or 7d
    #[arg(long = "for", value_name = "SPAN", requires = "target")]
    pub span: Option<String>,
    /// Why, for those who read the list
    #[arg(long, value_name = "TEXT", requires = "target")]
    pub reason: Option<String>,
    /// List what is muted now
    #[arg(long, conflicts_with_all = ["target", "end"])]
    pub list: bool,
    /// End the mute of this number, as --list shows it
    #[arg(long, value_name = "ID", conflicts_with = "target")]
    pub end: Option<u64>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
}
