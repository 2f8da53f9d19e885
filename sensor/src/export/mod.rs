//! What leaves the sensor: records, sinks, tables.
//!
//! A new sink is one file and one variant of [`Sink`]. It must: open nothing that it was not given the name of; say in
//! `check`, in a sentence an operator can act on, why it could not work; never wait in `publish` (`WouldBlock` makes the
//! caller try the same event again later, so an event may come twice but with one id); treat every text as hostile.

use std::io;

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
/// Tables.
pub mod table;

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

/// Where events are told.
#[derive(Debug)]
pub enum Sink {
    /// journald.
    Journal(journal::Journal),
    /// A file or standard output.
    Lines(lines::Lines),
}

impl Sink {
    /// Whether events can be told now; asked once at the start.
    pub fn check(&self) -> io::Result<()> {
        match self {
            Self::Journal(journal) => journal.check(),
            Self::Lines(_) => Ok(()),
        }
    }

    /// Tells one event; `json` is the record's line. `WouldBlock`: try again later. `BrokenPipe`: the reader of standard
    /// output is gone, which is no error of ours.
    pub fn publish(&mut self, record: &EventRecord, json: &str) -> io::Result<()> {
        match self {
            Self::Journal(journal) => journal.publish(record),
            Self::Lines(lines) => {
                // An event is told or tried again, never dropped.
                if lines.is_full() {
                    lines.flush()?;
                }
                lines.push(json);
                Ok(())
            }
        }
    }

    /// Ends a batch: what was published is written.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Journal(_) => Ok(()),
            Self::Lines(lines) => lines.flush(),
        }
    }

    /// Opens files anew, after a log rotation.
    pub fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::Journal(_) => Ok(()),
            Self::Lines(lines) => lines.reopen(),
        }
    }

    /// For messages to the operator.
    pub fn name(&self) -> String {
        match self {
            Self::Journal(_) => "journal".to_owned(),
            Self::Lines(lines) => lines.name(),
        }
    }
}
