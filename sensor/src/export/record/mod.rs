//! The only written form of what the sensor knows and emits. Changing a type of the core cannot change it by accident.

/// The exported record of an address.
pub mod address;
/// The exported record of an event.
pub mod event;
/// From an event to its record.
pub mod of_event;
/// From the tables to the records of addresses.
pub mod of_rows;
/// The written forms of a record's parts.
mod parts;
/// How single values are written.
pub mod text;
