//! The option that names the database, and `sensor db`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The database.
#[derive(Debug, Default, Args)]
pub struct DbArg {
    /// The database [default: $STATE_DIRECTORY/sensor.db, else /var/lib/sensor/sensor.db for root, else
    /// $XDG_STATE_HOME/sensor/sensor.db]
    #[arg(long = "db", value_name = "FILE", env = "SENSOR_DB")]
    pub path: Option<PathBuf>,
}

/// `sensor db`
#[derive(Debug, Args)]
pub struct DbArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: DbCommand,
}

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Read all of it and say whether it is whole
    Check(DbArg),
}
