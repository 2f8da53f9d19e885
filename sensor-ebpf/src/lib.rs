//! The frame classifier and the tables of the XDP program (repeat gate, presence, policing, scans): one source for the
//! kernel and for user space. No unsafe code, no dependency, no allocation.
#![no_std]
#![forbid(unsafe_code)]

// Reading order.
/// What kernel and user space agree on: classes, ring records, counters.
pub mod abi;
/// How a frame is read.
pub mod packet;
/// What the classifier found in a frame.
pub mod found;
/// The classifier: what a frame is.
pub mod classify;
/// The mixing function of the tables.
mod hash;
/// The watched prefixes and the sensor's own addresses.
pub mod watched;
/// Presence: which stations sent any frame.
pub mod presence;
/// The repeat gate: which claims are repeats.
pub mod gate;
/// Messages that are compared as a whole.
pub mod message;
/// Scan detection: which stations ask for very many targets.
pub mod scan;
/// Policing: each station's share of the records.
pub mod police;
