//! `sensor hosts`, `events`, `export`, `db`: what the database holds, for people and programs. Nothing is written to it.

use crate::export;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::cli::db::{DbArgs, DbCommand};
use crate::cli::events::EventsArgs;
use crate::cli::export::ExportArgs;
use crate::cli::hosts::HostsArgs;
use crate::clock::Clock;
use crate::config::error::ConfigError;
use crate::config::machine::default_db;
use crate::config::parse::{parse_when, suggest};
use crate::export::record::address::AddressRecord;
use crate::export::record::of_rows::address_records;
use crate::export::{csv, json, table};
use crate::pipeline::intake::Told;
use crate::store;
use crate::store::batch::StoredEvent;
use crate::store::reader::{EventFilter, Reader};
use crate::terminal::failure::Failure;
use crate::terminal::screen;
use sensor_core::inventory::event::Kind;
use sensor_core::types::Timestamp;

/// `sensor hosts`
pub fn hosts(args: &HostsArgs, clock: &Clock) -> Result<(), Failure> {
    let mut records = records(args.db.path.as_deref(), args.oui.as_deref(), args.since.as_deref(), clock)?;
    if let Some(segment) = &args.segment {
        records.retain(|record| record.segment == *segment);
    }
    printed(|mut out| match args.json {
        true => json::write_lines(&records, &mut out),
        false => table::write_hosts(&records, screen::paint(), out),
    })
}

/// `sensor export`
pub fn export(args: &ExportArgs, clock: &Clock) -> Result<(), Failure> {
    let records = match args.format.schema {
        true => Vec::new(),
        false => records(args.db.path.as_deref(), args.oui.as_deref(), args.since.as_deref(), clock)?,
    };
    let write = |mut out: &mut dyn Write| match &args.format {
        format if format.schema => out.write_all(export::ADDRESS_SCHEMA.as_bytes()),
        format if format.csv => csv::write_csv(&records, &mut out),
        format if format.jsonl => json::write_lines(&records, &mut out),
        _ => json::write_array(&records, &mut out),
    };
    match &args.output {
        None => printed(write),
        Some(path) => {
            let what = format!("{} cannot be written", path.display());
            replace_file(path, write).map_err(Failure::system(what))
        }
    }
}

/// `sensor events`
pub fn events(args: &EventsArgs, clock: &Clock) -> Result<(), Failure> {
    if let Some(kind) = args.kind.iter().find(|kind| Kind::parse(kind).is_none()) {
        let suggestion = suggest(kind, Kind::ALL.map(Kind::name));
        return Err(ConfigError::Kind { value: kind.escape_debug().to_string(), suggestion }.into());
    }
    let reader = open(args.db.path.as_deref())?;
    let mut filter = EventFilter {
        since: args.since.as_deref().map(|when| parse_when(when, clock.now())).transpose()?,
        kinds: args.kind.clone(),
        segment: args.segment.clone(),
        ..EventFilter::default()
    };
    loop {
        filter.limit = Some(EVENTS_PER_READ);
        let events = reader.events(&filter)?;
        let more = events.len() as u32 == EVENTS_PER_READ;
        filter.after_id = events.last().map(|event| event.id).or(filter.after_id);
        match print_events(&events, args.json) {
            Ok(()) => {}
            // The reader has gone: so does the follower.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(Failure::system("standard output")(error)),
        }
        if !more && !args.follow {
            return Ok(());
        }
        if !more {
            std::thread::sleep(FOLLOW_EVERY);
        }
    }
}

/// `sensor db`
pub fn db(args: &DbArgs) -> Result<(), Failure> {
    let DbCommand::Check(db) = &args.command;
    let path = db.path.clone().unwrap_or_else(default_db);
    store::reader::check(&path)?;
    printed(|out| writeln!(out, "{}: whole", path.display()))
}

const EVENTS_PER_READ: u32 = 1000;
/// How soon a follower sees news; each look is one indexed read.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

fn open(path: Option<&Path>) -> Result<Reader, Failure> {
    Ok(Reader::open(&path.map_or_else(default_db, Path::to_owned))?)
}

fn records(
    db: Option<&Path>,
    oui: Option<&Path>,
    since: Option<&str>,
    clock: &Clock,
) -> Result<Vec<AddressRecord>, Failure> {
    let since: Option<Timestamp> = since.map(|when| parse_when(when, clock.now())).transpose()?;
    let vendors = crate::pipeline::open::open_vendors(oui)?;
    let reader = open(db)?;
    let fingerprints = crate::pipeline::open::stored_fingerprints(&reader.rules()?);
    let mut records = address_records(&reader.rows()?.view(), &vendors, &fingerprints);
    if let Some(since) = since {
        records.retain(|record| parse_when(&record.last_seen, since).is_ok_and(|seen| seen >= since));
    }
    Ok(records)
}

fn print_events(events: &[StoredEvent], json: bool) -> io::Result<()> {
    let mut out = screen::stdout();
    for event in events {
        match (json, Told::from_store(event.clone())) {
            (false, Ok(told)) => table::write_event(&told.record, screen::paint(), &mut out)?,
            (true, Ok(told)) => writeln!(out, "{}", told.stored.record)?,
            (_, Err(_)) => writeln!(out, "{}", event.record)?,
        }
    }
    out.flush()
}

fn printed(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    screen::print(write).map_err(Failure::system("standard output"))
}

/// Writes beside `path` and renames, so that a reader of reports never sees half of one.
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
        // The half-written file is of no use; that it may be gone already does not matter.
        drop(std::fs::remove_file(&partial));
    }
    written
}
