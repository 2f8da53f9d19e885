//! The times of the week, and its segment.

use std::time::Duration;

use sensor_core::types::{Iface, Segment, Timestamp, Vlans};

/// Monday, 2026-01-05, midnight UTC.
pub const START: Timestamp = Timestamp::from_secs(1_767_571_200);
/// Days that are simulated.
pub const DAYS: u64 = 7;
/// How long new hosts are of severity `info`: all residents come on Monday.
pub const LEARNING_MS: u64 = DAY;

/// Milliseconds of a second.
pub const SECOND: u64 = 1000;
/// Milliseconds of a minute.
pub const MINUTE: u64 = 60 * SECOND;
/// Milliseconds of an hour.
pub const HOUR: u64 = 60 * MINUTE;
/// Milliseconds of a day.
pub const DAY: u64 = 24 * HOUR;

/// The segment of the office.
pub fn segment() -> Segment {
    Segment::tagged(Iface::new("eth1").expect("a short name"), Vlans::default())
}

/// A moment of the week.
pub fn at(ms: u64) -> Timestamp {
    START.after(Duration::from_millis(ms))
}
