//! What leaves the sensor: records, sinks for events, formats for the inventory, the sightings log.
//!
//! A new format of `sensor export` is a file, its module, and a line in [`EXPORT_FORMATS`]; a new sink is told of in
//! `contract.rs`.

use std::io::{self, Write};

use crate::export::record::address::AddressRecord;

/// The journal's catalog.
pub mod catalog;
/// The contract of a sink.
pub mod contract;
/// Spreadsheets.
pub mod csv;
/// Unsafe characters are written as their numbers.
pub mod escape;
/// Each host's guess.
mod guess;
/// Hash tables of this room.
mod hashed;
/// Texts that every sink must survive.
#[cfg(test)]
mod hostile;
/// Events to journald.
pub mod journal;
/// JSON exports.
pub mod json;
/// JSON Lines to a file or standard output.
pub mod lines;
/// An event as a sentence.
pub mod message;
/// The written forms.
pub mod record;
/// Events on the screen.
mod screen;
/// The sightings log.
pub mod sightings;
/// Events to syslog servers.
pub mod syslog;
/// Tables for a person.
pub mod table;

/// The kinds of events in the manual.
#[cfg(test)]
mod taxonomy;

/// A format of `sensor export`.
#[derive(Clone, Copy, Debug)]
pub struct ExportFormat {
    /// The name of its option, without dashes.
    pub name: &'static str,
    /// What its option says in the help.
    pub help: &'static str,
    /// Writes the records. Fails when the output does.
    pub write: fn(&[AddressRecord], &mut dyn Write) -> io::Result<()>,
}

/// Every format, in the order of the help.
pub const EXPORT_FORMATS: [ExportFormat; 3] = [
    ExportFormat { name: "json", help: "A JSON array", write: |records, out| json::write_array(records, out) },
    ExportFormat {
        name: "jsonl",
        help: "JSON Lines: one record a line",
        write: |records, out| json::write_lines(records, out),
    },
    ExportFormat { name: "csv", help: "CSV with a heading line", write: |records, out| csv::write_csv(records, out) },
];

/// The JSON Schema (draft 2020-12) of an [`record::address::AddressRecord`].
pub const ADDRESS_SCHEMA: &str = include_str!("schema/address.schema.json");

/// The JSON Schema (draft 2020-12) of an [`record::event::EventRecord`].
pub const EVENT_SCHEMA: &str = include_str!("schema/event.schema.json");
