//! `sensor doctor`

use clap::Args;

use crate::cli::db::DbArg;

/// `sensor doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// An interface to look at. May be given several times [default: the interface of the default route]
    #[arg(short, long, value_name = "IFACE", env = "SENSOR_INTERFACE", value_delimiter = ',')]
    pub interface: Vec<String>,
    /// Listen to this mirror port for a while, and say what it shows and what it does not
    #[arg(long, value_name = "IFACE")]
    pub mirror: Option<String>,
    /// How long to listen to the mirror port; Ctrl-C ends it early [default: 30s]
    #[arg(long = "for", value_name = "SPAN", requires = "mirror")]
    pub span: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
