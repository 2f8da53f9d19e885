//! The answers of an independent decoder to captures from public sources, and how the sensor's compare.
//! Modules in reading order.

/// Where the captures are.
pub mod captures;
/// What the independent decoder finds in a capture.
pub mod answer;
/// Facts: one spelling for both sides.
pub mod fact;
/// The sensor, run on a capture.
pub mod subject;
/// The sensor's sightings and events as facts.
pub mod ours;
/// What is found, missed and extra, per kind.
pub mod comparison;
/// Differences that are understood.
pub mod explained;
/// The table of results.
pub mod table;
