//! `sensor events`: the events that the database holds, and with `--follow` those that come.

use std::io::{self, Write};
use std::time::Duration;

use crate::cli::events::EventsArgs;
use crate::clock::Clock;
use crate::config::error::ConfigError;
use crate::config::machine::default_db;
use crate::config::parse::{parse_when, suggest};
use crate::export::table;
use crate::pipeline::prepared::PreparedEvent;
use crate::store::batch::StoredEvent;
use crate::store::reader::{EventFilter, Reader};
use crate::terminal::failure::Failure;
use crate::terminal::screen;
use sensor_core::inventory::event::Kind;

/// Events that are read and printed together.
const EVENTS_PER_READ: u32 = 1000;
/// How often `--follow` looks for new events; each look is one indexed read.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// `sensor events`
pub fn events(args: &EventsArgs, clock: &Clock) -> Result<(), Failure> {
    if let Some(kind) = args.kind.iter().find(|kind| Kind::parse(kind).is_none()) {
        let suggestion = suggest(kind, Kind::ALL.map(Kind::name));
        return Err(ConfigError::Kind { value: kind.escape_debug().to_string(), suggestion }.into());
    }
    let reader = Reader::open(&args.db.path.clone().unwrap_or_else(default_db))?;
    let mut filter = EventFilter {
        since: args.since.as_deref().map(|when| parse_when(when, clock.now())).transpose()?,
        kinds: args.kind.clone(),
        segment: args.segment.clone(),
        ..EventFilter::default()
    };
    loop {
        filter.limit = Some(EVENTS_PER_READ);
        let events = reader.events(&filter)?;
        let has_more = events.len() as u32 == EVENTS_PER_READ;
        filter.after_id = events.last().map(|event| event.id).or(filter.after_id);
        match print(&events, args.json) {
            Ok(()) => {}
            // The reader closed the pipe: nobody follows any more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(Failure::system("standard output cannot be written")(error)),
        }
        if !has_more && !args.follow {
            return Ok(());
        }
        if !has_more {
            std::thread::sleep(FOLLOW_EVERY);
        }
    }
}

fn print(events: &[StoredEvent], is_json: bool) -> io::Result<()> {
    let mut out = screen::stdout();
    for event in events {
        match (is_json, PreparedEvent::from_store(event.clone())) {
            (false, Ok(event)) => table::write_event(&event.record, screen::paint(), &mut out)?,
            (true, Ok(event)) => writeln!(out, "{}", event.stored.record)?,
            // What cannot be read as a record is shown as it is.
            (_, Err(_)) => writeln!(out, "{}", event.record)?,
        }
    }
    out.flush()
}
