//! How many packets each technique sent.

use std::sync::atomic::{AtomicU64, Ordering};

/// What became of questions.
#[derive(Debug, Default)]
pub struct Counts {
    /// Questions that were sent.
    pub asked_total: AtomicU64,
    /// Answers that came through sockets.
    pub answered_total: AtomicU64,
    /// Questions that were taken and are not done with.
    pub open: AtomicU64,
    /// Questions that could not be sent: no voice there, or the system refused.
    pub failed_total: AtomicU64,
}

/// [`Counts`] at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountsSnapshot {
    /// Questions that were sent.
    pub asked_total: u64,
    /// Answers that came through sockets.
    pub answered_total: u64,
    /// Questions that could not be sent.
    pub failed_total: u64,
}

impl Counts {
    /// The counts as they are now.
    pub fn read(&self) -> CountsSnapshot {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CountsSnapshot {
            asked_total: read(&self.asked_total),
            answered_total: read(&self.answered_total),
            failed_total: read(&self.failed_total),
        }
    }
}
