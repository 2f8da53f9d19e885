//! What leaves the sensor: records, sinks, tables.
//!
//! A new sink is one file and one variant of [`Sink`]. It must: open nothing that it was not given the name of; say in
//! `check`, in a sentence an operator can act on, why it could not work; answer within seconds or with an error (each has a
//! thread of its own and is tried again, so an event may come twice but with one id); treat every text as hostile.

use std::io::{self, Write as _};

use foldhash::quality::RandomState;
use record::EventRecord;

/// Spreadsheets.
pub mod csv;
/// Nothing unsafe leaves.
pub mod escape;
/// journald.
pub mod journal;
/// JSON exports.
pub mod json;
/// JSON Lines.
pub mod lines;
/// The written forms.
pub mod record;
/// The sightings log.
pub mod sightings;
/// Syslog servers.
pub mod syslog;
/// Tables.
pub mod table;
/// What the documents say of events.
pub mod taxonomy;

/// What each host seems to be.
mod guess;
/// Sentences.
mod message;

/// Texts that every sink must survive.
#[cfg(test)]
mod hostile;

/// The JSON Schema (draft 2020-12) of an [`record::AddressRecord`].
pub const ADDRESS_SCHEMA: &str = include_str!("schema/address.schema.json");

/// The JSON Schema (draft 2020-12) of an [`EventRecord`].
pub const EVENT_SCHEMA: &str = include_str!("schema/event.schema.json");

/// By a hash with a secret, as the standard library's is, that takes a fraction of its time.
type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
type HashSet<K> = std::collections::HashSet<K, RandomState>;

/// Where events are told.
#[derive(Debug)]
pub enum Sink {
    /// journald.
    Journal(journal::Journal),
    /// A file or standard output.
    Lines(lines::Lines),
    /// A person at standard output.
    Screen(table::Paint),
    /// A syslog server.
    Syslog(syslog::Syslog),
}

impl Sink {
    /// Whether events can be told now; asked once at the start.
    pub fn check(&self) -> io::Result<()> {
        match self {
            Self::Journal(journal) => journal.check(),
            Self::Lines(_) | Self::Screen(_) => Ok(()),
            Self::Syslog(syslog) => syslog.check(),
        }
    }

    /// Tells one event; `json` is the record's line, and local time is `utc_offset_s` seconds east of UTC. An error: not
    /// told, try again later. `BrokenPipe`: the reader of standard output is gone, which is no error of ours.
    pub fn publish(&mut self, record: &EventRecord, json: &str, utc_offset_s: i32) -> io::Result<()> {
        match self {
            Self::Journal(journal) => journal.publish(record, json),
            Self::Lines(lines) => {
                // An event is told or tried again, never dropped.
                if lines.is_full() {
                    lines.flush()?;
                }
                lines.push(json);
                Ok(())
            }
            Self::Screen(paint) => {
                let mut out = io::BufWriter::new(io::stdout().lock());
                table::write_event(record, *paint, &mut out).and_then(|()| out.flush())
            }
            Self::Syslog(syslog) => syslog.publish(record, utc_offset_s),
        }
    }

    /// Ends a batch: what was published is written.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Journal(_) | Self::Screen(_) => Ok(()),
            Self::Lines(lines) => lines.flush(),
            Self::Syslog(syslog) => syslog.flush(),
        }
    }

    /// Whether what was published before an error still counts: it is told, or waits in the sink. Otherwise all of the
    /// batch is to be told again.
    pub fn keeps(&self) -> bool {
        match self {
            Self::Journal(_) | Self::Lines(_) | Self::Screen(_) => true,
            Self::Syslog(syslog) => !syslog.is_stream(),
        }
    }

    /// Adds a line that is no event, where lines are told.
    pub fn remark(&mut self, json: &str) -> io::Result<()> {
        match self {
            Self::Lines(lines) => {
                lines.push(json);
                lines.flush()
            }
            Self::Journal(_) | Self::Screen(_) | Self::Syslog(_) => Ok(()),
        }
    }

    /// Opens files anew, after a log rotation.
    pub fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::Journal(_) | Self::Screen(_) | Self::Syslog(_) => Ok(()),
            Self::Lines(lines) => lines.reopen(),
        }
    }

    /// For messages to the operator, and for what is remembered of it.
    pub fn name(&self) -> String {
        match self {
            Self::Journal(_) => journal::NAME.to_owned(),
            Self::Lines(lines) => lines.name(),
            Self::Screen(_) => "screen".to_owned(),
            Self::Syslog(syslog) => syslog.name(),
        }
    }
}
