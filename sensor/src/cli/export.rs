//! `sensor export`

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::cli::db::DbArg;
use crate::export::{EXPORT_FORMATS, ExportFormat};

/// `sensor export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub db: DbArg,
    #[command(flatten)]
    #[allow(missing_docs, reason = "documented at its type")]
    pub form: ExportForm,
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

/// The form of an export: an option a format, and one for the schema.
#[derive(Clone, Copy, Debug)]
pub enum ExportForm {
    /// The records in a format.
    Records(ExportFormat),
    /// The JSON Schema that every record obeys.
    Schema,
}

const SCHEMA: &str = "schema";

impl Args for ExportForm {
    fn augment_args(command: Command) -> Command {
        let flag =
            |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help).action(ArgAction::SetTrue);
        let schema = flag(SCHEMA, "The JSON Schema that every record obeys");
        let flags: Vec<Arg> =
            EXPORT_FORMATS.iter().map(|format| flag(format.name, format.help)).chain([schema]).collect();
        let group = ArgGroup::new("form").args(flags.iter().map(Arg::get_id)).required(true);
        command.args(flags).group(group)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ExportForm {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let format = EXPORT_FORMATS.into_iter().find(|format| matches.get_flag(format.name));
        let schema = matches.get_flag(SCHEMA).then_some(Self::Schema);
        format.map(Self::Records).or(schema).ok_or_else(|| Error::new(ErrorKind::MissingRequiredArgument))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
