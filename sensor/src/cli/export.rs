//! `sensor export`

use std::path::PathBuf;

use clap::Args;

use crate::cli::db::DbArg;

/// `sensor export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub format: ExportFormat,
    /// Write to FILE, which is replaced as a whole when all is written [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only what was seen since then: 15m, 2h, 7d, or a time such as 2026-11-21T08:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// A newer list of vendors: IEEE's oui.csv, mam.csv, oui36.csv, or all of them in one file
    #[arg(long, value_name = "FILE", env = "SENSOR_OUI")]
    pub oui: Option<PathBuf>,
}

/// The form of an export.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ExportFormat {
    /// A JSON array
    #[arg(long)]
    pub json: bool,
    /// JSON Lines: one record a line
    #[arg(long)]
    pub jsonl: bool,
    /// CSV with a heading line
    #[arg(long)]
    pub csv: bool,
    /// The JSON Schema that every record obeys
    #[arg(long)]
    pub schema: bool,
}
