//! `sensor events`

use clap::Args;

use crate::cli::db::DbArg;
use sensor_core::inventory::event::Kind;

/// `sensor events`
#[derive(Debug, Args)]
pub struct EventsArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    /// Go on printing events as they come
    #[arg(short, long)]
    pub follow: bool,
    /// Only events since then: 15m, 2h, 7d, or a time such as 2026-11-21T08:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only this kind of event.
    #[arg(long, value_name = "KIND", value_delimiter = ',', help = kinds())]
    pub kind: Vec<String>,
    /// Only this segment, such as eth1 or eth1.30
    #[arg(long, value_name = "SEGMENT")]
    pub segment: Option<String>,
    /// Print JSON Lines
    #[arg(long)]
    pub json: bool,
}

fn kinds() -> String {
    format!("Only this kind of event. May be given several times. Kinds: {}", Kind::ALL.map(Kind::name).join(", "))
}
