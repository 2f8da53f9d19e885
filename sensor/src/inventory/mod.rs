//! The pure core: messages become sightings, the correlator turns sightings into events. No clock, socket, file,
//! thread or task lives here; time is an argument.

/// What probes know of an address.
mod asked;
/// Who holds an address.
mod binding;
/// From sightings to events: which rule applies.
pub mod correlator;
/// Correlator and planner together.
pub mod desk;
/// What is told.
pub mod event;
/// What a host is, by what it shows.
pub mod fingerprint;
/// What a host says of itself.
mod host;
/// A host's number.
pub mod identity;
/// Which events are told.
pub mod judge;
/// What tells that two hosts are one.
pub mod kinship;
/// How much is kept.
pub mod limits;
/// The tables together.
mod memory;
/// Whether, whom, when and how to ask.
pub mod planner;
/// What may be asked.
pub mod policy;
/// What is asked.
pub mod probe;
/// Which addresses can be neighbours.
mod prefix;
/// One fact.
pub mod sighting;
/// What is known.
pub mod state;
/// A bounded table.
mod table;
