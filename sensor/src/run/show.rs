//! `sensor hosts`, `events`, `export`, `db`: what the database holds, for people and programs. Nothing is written to it.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::failure::Failure;
use crate::cli::{DbArgs, DbCommand, EventsArgs, ExportArgs, HostsArgs};
use crate::clock::Clock;
use crate::config::{ConfigError, default_db, parse_when, suggest};
use crate::export::record::{AddressRecord, EventRecord, address_records, rfc3339};
use crate::export::{self, screen};
use crate::inventory::event::Kind;
use crate::store::{self, EventFilter, Reader, StoredEvent};
use crate::types::Timestamp;
use crate::vendor::Vendors;

/// `sensor hosts`
pub fn hosts(args: &HostsArgs, clock: &Clock) -> Result<(), Failure> {
    let mut records = records(args.db.path.as_deref(), args.oui.as_deref(), args.since.as_deref(), clock)?;
    if let Some(segment) = &args.segment {
        records.retain(|record| record.segment == *segment);
    }
    let mut out = screen::stdout();
    let written = match args.json {
        true => export::json::write_lines(&mut out, &records),
        false => export::table::write_hosts(&mut out, &records, screen::paint()),
    };
    printed(written)
}

/// `sensor export`
pub fn export(args: &ExportArgs, clock: &Clock) -> Result<(), Failure> {
    let records = match args.format.schema {
        true => Vec::new(),
        false => records(args.db.path.as_deref(), args.oui.as_deref(), args.since.as_deref(), clock)?,
    };
    let write = |out: &mut dyn Write| match &args.format {
        format if format.schema => out.write_all(export::ADDRESS_SCHEMA.as_bytes()),
        format if format.csv => export::csv::write(out, &records),
        format if format.jsonl => export::json::write_lines(out, &records),
        _ => export::json::write_array(out, &records),
    };
    match &args.output {
        None => printed(write(&mut screen::stdout())),
        Some(path) => {
            let what = format!("{} cannot be written", path.display());
            export::replace_file(path, write).map_err(Failure::system(what))
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
    store::check(&path)?;
    printed(writeln!(screen::stdout(), "{}: whole", path.display()))
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
    let vendors = Vendors::open(oui)?;
    let mut records = address_records(&open(db)?.rows()?, &vendors);
    if let Some(since) = since.map(rfc3339) {
        // Times are written with a fixed width, so that their texts sort as they do.
        records.retain(|record| record.last_seen >= since);
    }
    Ok(records)
}

fn print_events(events: &[StoredEvent], json: bool) -> io::Result<()> {
    let mut out = screen::stdout();
    for event in events {
        match (json, EventRecord::from_json(&event.record)) {
            (false, Some(record)) => export::table::write_event(&mut out, &record, screen::paint())?,
            _ => writeln!(out, "{}", event.record)?,
        }
    }
    out.flush()
}

fn printed(written: io::Result<()>) -> Result<(), Failure> {
    written.or_else(screen::closed_is_fine).map_err(Failure::system("standard output"))
}
