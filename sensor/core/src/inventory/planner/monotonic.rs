//! The planner's own time. It equals the wall clock's until that is set: then it neither jumps with it nor goes back, so
//! that a step of the clock makes nobody silent, fills no bucket and delays nothing.

use std::time::Duration;

use crate::types::Timestamp;

/// Steady time beside the wall clock's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steady {
    wall: Timestamp,
    steady: Timestamp,
}

/// How late a caller may come and be believed that so much time has passed.
const LATE: Duration = Duration::from_secs(10);
/// The wall clock may go back by this much (two readers of it) without having been set.
const JITTER: Duration = Duration::from_secs(1);

impl Steady {
    /// Both are the same at first.
    pub fn new(now: Timestamp) -> Self {
        Self { wall: now, steady: now }
    }

    /// The planner's time.
    pub fn now(&self) -> Timestamp {
        self.steady
    }

    /// The wall clock when it was last told.
    pub fn wall(&self) -> Timestamp {
        self.wall
    }

    /// Takes in the wall clock. `wake` is when the caller had promised to come: time that passed long after it is not
    /// believed (the clock was set, or the machine slept and heard nothing).
    pub fn advance(&mut self, now: Timestamp, wake: Timestamp) {
        if now < self.wall && self.wall.since(now) <= JITTER {
            return;
        }
        let stride = now.since(self.wall);
        let believed = stride.min(wake.since(self.steady).saturating_add(LATE));
        self.wall = now;
        self.steady = self.steady.after(believed);
    }

    /// The wall clock's time of a steady one, as seen at `now`.
    pub fn to_wall(self, steady: Timestamp, now: Timestamp) -> Timestamp {
        self.wall.min(now).after(steady.since(self.steady))
    }
}
