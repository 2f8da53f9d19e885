//! The pure core: messages become sightings, the correlator turns sightings into events. No clock, socket, file,
//! thread or task lives here; time is an argument.

/// From sightings to events.
pub mod correlator;
/// What is told.
pub mod event;
/// How much is kept.
pub mod limits;
/// One fact.
pub mod sighting;
/// What is known.
pub mod state;
