//! From frames to events, shared by `sensor run`, `scan` and `replay`, with the setup from configuration and database.

/// Turns frames into events.
pub mod intake;
/// Opens vendor lists, rules and output files.
pub mod open;
/// Restores the judge from the database, and converts mutes.
pub mod policy;
/// An event in the forms for the database and for the sinks.
pub mod prepared;
/// Records of the addresses that a database holds.
pub mod records;
/// The interfaces that send probes, and the rules for what they may probe.
pub mod speakers;
