//! From a frame to events, for `run`, `scan` and `replay` alike.

/// From the database to the judge, and back.
pub mod policy;
/// From a frame to events.
pub mod intake;
/// Who may ask whom.
pub mod speakers;

/// Opens what the pipeline needs besides the database: vendors, fingerprints, logs.
pub mod open;
