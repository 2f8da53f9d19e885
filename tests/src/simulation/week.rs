//! A week of an office network with 500 hosts, and the truth about it. Every machine lives its own day (`hosts.rs`,
//! `days.rs`), says what such machines say (`words.rs`, `talk.rs`) through a mirror that doubles and loses frames
//! (`mirror.rs`), and answers what it is asked; among them things happen that must be told (`incidents.rs`). Planner and
//! correlator work at one desk, as in `sensor run`, on a clock that is not real (`sensor_week.rs`). What they tell is held
//! against what was planted (`verdict.rs`), and beside them arpwatch's rules hear the same frames (`arpwatch.rs`).

use sensor_core::types::{Iface, Segment, Timestamp, Vlans};

/// arpwatch's rules, counted.
pub mod arpwatch;
/// What machines do by day and by night.
mod days;
/// The DHCP server.
mod dhcp;
/// Kinds of machines.
pub mod hosts;
/// What is planted, and what must be told of it.
pub mod incidents;
/// The port at which the sensor listens.
mod mirror;
/// The sensor among them.
pub mod sensor_week;
/// What machines say and answer.
mod talk;
/// What came of it.
pub mod verdict;
/// Single sightings.
mod words;
/// Time passes.
mod world;

pub use sensor_week::{Week, live};
pub use verdict::{Verdict, judge};

/// Monday, 2026-01-05, midnight UTC.
pub const START: Timestamp = Timestamp::from_secs(1_767_571_200);
/// Days that are simulated.
pub const DAYS: u64 = 7;
/// How long new hosts are for the record only: everybody who lives here comes on Monday.
pub const LEARNING_MS: u64 = DAY;

/// Milliseconds of a second.
pub const SECOND: u64 = 1000;
/// Milliseconds of a minute.
pub const MINUTE: u64 = 60 * SECOND;
/// Milliseconds of an hour.
pub const HOUR: u64 = 60 * MINUTE;
/// Milliseconds of a day.
pub const DAY: u64 = 24 * HOUR;

/// The one segment.
pub fn segment() -> Segment {
    Segment::tagged(Iface::new("eth1").expect("a short name"), Vlans::default())
}

/// A moment of the week.
pub fn at(ms: u64) -> Timestamp {
    START.after(std::time::Duration::from_millis(ms))
}
