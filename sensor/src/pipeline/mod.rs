//! From a frame to events, for `sensor run`, `scan` and `replay` alike, and what that needs from configuration and database.

/// From a frame to events.
pub mod intake;
/// Opens what the pipeline needs besides the database: vendors, rules, files for lines.
pub mod open;
/// Which events are told: what the judge is restored from, and what is stored of mutes.
pub mod policy;
/// An event as it leaves: for the database and for the sinks.
pub mod prepared;
/// Records of the addresses that a database holds.
pub mod records;
/// The interfaces that send questions, and the rules for what they may ask.
pub mod speakers;
