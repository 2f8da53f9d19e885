//! Counters of probes and their answers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a prober since its start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Probes that were sent.
    pub asked_total: AtomicU64,
    /// Answers received through the prober's sockets.
    pub answered_total: AtomicU64,
    /// Probes that are queued or in progress.
    pub open: AtomicU64,
    /// Probes that could not be sent: no speaker on the segment, or a system error.
    pub failed_total: AtomicU64,
}

/// Snapshot of [`Counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountsSnapshot {
    /// Probes that were sent.
    pub asked_total: u64,
    /// Answers received through the prober's sockets.
    pub answered_total: u64,
    /// Probes that could not be sent.
    pub failed_total: u64,
}

impl Counts {
    /// The current values.
    pub fn read(&self) -> CountsSnapshot {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CountsSnapshot {
            asked_total: read(&self.asked_total),
            answered_total: read(&self.answered_total),
            failed_total: read(&self.failed_total),
        }
    }
}
