//! `sensor db`: looks after the database.

use crate::cli::db::{DbArgs, DbCommand};
use crate::config::machine::default_db;
use crate::store::reader;
use crate::terminal::failure::Failure;
use crate::terminal::screen;

/// `sensor db`
pub fn db(args: &DbArgs) -> Result<(), Failure> {
    let DbCommand::Check(db) = &args.command;
    let path = db.path.clone().unwrap_or_else(default_db);
    reader::check(&path)?;
    screen::print(|out| writeln!(out, "{}: whole", path.display()))
}
