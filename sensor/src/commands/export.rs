//! `sensor export`: the addresses that the database holds, as CSV, JSON or JSON Lines, and the schema of these records.

use std::io::{self, Write};
use std::path::Path;

use crate::cli::export::{ExportArgs, ExportForm};
use crate::clock::Clock;
use crate::export;
use crate::pipeline::records::records;
use crate::terminal::failure::Failure;
use crate::terminal::screen;

/// `sensor export`
pub fn export(args: &ExportArgs, clock: &Clock) -> Result<(), Failure> {
    let records = match args.form {
        ExportForm::Schema => Vec::new(),
        ExportForm::Records(_) => records(args.db.path.as_deref(), args.oui.as_deref(), args.since.as_deref(), clock)?,
    };
    let write = |out: &mut dyn Write| match args.form {
        ExportForm::Schema => out.write_all(export::ADDRESS_SCHEMA.as_bytes()),
        ExportForm::Records(format) => (format.write)(&records, out),
    };
    match &args.output {
        None => screen::print(write),
        Some(path) => {
            let what = format!("{} cannot be written", path.display());
            replace_file(path, write).map_err(Failure::system(what))
        }
    }
}

/// Writes a file beside `path` and renames it, so that a program that reads reports never sees half of one.
fn replace_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let partial = path.with_file_name(name);
    let written = (|| {
        let mut out = io::BufWriter::new(std::fs::File::create(&partial)?);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&partial, path)
    })();
    if written.is_err() {
        // A half-written file is of no use. It may be gone already.
        drop(std::fs::remove_file(&partial));
    }
    written
}
