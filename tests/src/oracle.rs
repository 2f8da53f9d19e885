//! An independent decoder's answers to captures that nobody here made, and how the sensor's compare.
//! Modules in reading order.

/// What the independent decoder says that a capture holds.
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
/// The table that people read.
pub mod table;
