//! What leaves the sensor: records, sinks for events, formats for the inventory, the sightings log.

/// The journal's catalog.
pub mod catalog;
/// The contract of a sink.
pub mod contract;
/// Spreadsheets.
pub mod csv;
/// Unsafe characters are written as their numbers.
pub mod escape;
/// The formats of `sensor export`.
pub mod exporter;
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
/// The sinks.
pub mod sink;
/// Events to syslog servers.
pub mod syslog;
/// Tables for a person.
pub mod table;

/// The kinds of events in the manual.
#[cfg(test)]
mod taxonomy;

/// The JSON Schema (draft 2020-12) of an [`record::address::AddressRecord`].
pub const ADDRESS_SCHEMA: &str = include_str!("schema/address.schema.json");

/// The JSON Schema (draft 2020-12) of an [`record::event::EventRecord`].
pub const EVENT_SCHEMA: &str = include_str!("schema/event.schema.json");
