//! What leaves the sensor: records, sinks, tables.
//!
//! A new sink is one file and one variant of [`Sink`]. It must: open nothing that it was not given the name of; say in
//! `check`, in a sentence an operator can act on, why it could not work; answer within seconds or with an error (each has a
//! thread of its own and is tried again, so an event may come twice but with one id); treat every text as hostile.

use foldhash::quality::RandomState;

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

/// What each host seems to be.
pub mod guess;
/// Sentences.
pub mod message;

/// Texts that every sink must survive.
#[cfg(test)]
pub mod hostile;
/// The kinds of events in the manual.
#[cfg(test)]
mod taxonomy;

/// The contract of a sink.
pub mod sink;

/// The JSON Schema (draft 2020-12) of an [`record::address::AddressRecord`].
pub const ADDRESS_SCHEMA: &str = include_str!("schema/address.schema.json");

/// The JSON Schema (draft 2020-12) of an [`EventRecord`].
pub const EVENT_SCHEMA: &str = include_str!("schema/event.schema.json");

/// By a hash with a secret, as the standard library's is, that takes a fraction of its time.
type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
type HashSet<K> = std::collections::HashSet<K, RandomState>;
