//! The planner's own clock. It agrees with the wall clock until that is set; then it neither jumps nor goes back, so
//! that a step of the wall clock makes no host look silent, fills no bucket and delays nothing.

use std::time::Duration;

use crate::types::Timestamp;

/// Monotonic time, kept beside the wall clock's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Monotonic {
    wall: Timestamp,
    monotonic: Timestamp,
}

/// How late a caller may be without being taken for a step of the clock.
const LATE: Duration = Duration::from_secs(10);
/// The wall clock may seem to go back by this much without having been set: two threads read it.
const JITTER: Duration = Duration::from_secs(1);

impl Monotonic {
    /// Starts with both clocks at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { wall: now, monotonic: now }
    }

    /// The monotonic time, as of the last call of `advance`.
    pub fn now(&self) -> Timestamp {
        self.monotonic
    }

    /// The wall clock, as of the last call of `advance`.
    pub fn wall(&self) -> Timestamp {
        self.wall
    }

    /// Takes in the wall clock. `wake` is when the caller had been asked to come: time that seems to have passed long
    /// after it does not count (the clock was set, or the machine slept and heard nothing).
    pub fn advance(&mut self, now: Timestamp, wake: Timestamp) {
        if now < self.wall && self.wall.since(now) <= JITTER {
            return;
        }
        let passed = now.since(self.wall);
        let counted = passed.min(wake.since(self.monotonic).saturating_add(LATE));
        self.wall = now;
        self.monotonic = self.monotonic.after(counted);
    }

    /// The wall clock's time of a monotonic one, as seen at `now`.
    pub fn to_wall(self, at: Timestamp, now: Timestamp) -> Timestamp {
        self.wall.min(now).after(at.since(self.monotonic))
    }
}
