//! The pure core: messages become sightings, the correlator turns sightings into events. No clock, socket, file,
//! thread or task lives here; time is an argument.

/// What is known, in the form in which it is saved, restored and exported.
pub mod model;
/// What was heard: one fact each.
pub mod sighting;
/// Events: what is reported, with which details.
pub mod event;
/// What a host is, concluded from what it shows.
pub mod fingerprint;
/// The tables together, bounded.
mod memory;
/// From sightings to events: which rule applies.
pub mod correlator;
/// Which events are reported, and how severe they are.
pub mod judge;
/// Whether, whom, when and how to ask.
pub mod planner;
/// How well the sensor hears.
pub mod hearing;
/// Correlator and planner together.
pub mod core;
