//! Rate limit on the messages about a port: one line of each kind a minute, and a count of the suppressed ones.

use std::time::Duration;

use tokio::time::Instant;

/// Minimum interval between two lines of one kind.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Kinds of messages, each with its own rate limit.
#[derive(Clone, Copy, Debug)]
pub(super) enum LineKind {
    Attach,
    Carrier,
    Down,
    Active,
    Name,
    Removed,
    AfterBlind,
}

/// When a line of each kind was last logged, and how many lines were suppressed.
#[derive(Debug, Default)]
pub(super) struct LineLimiter {
    logged_at: [Option<Instant>; 7],
    held_back: u32,
    held_back_at: Option<Instant>,
}

impl LineLimiter {
    /// Whether a line of this kind may be logged now; counts it as suppressed otherwise.
    pub(super) fn may_log(&mut self, kind: LineKind, now: Instant) -> bool {
        let logged_at = &mut self.logged_at[kind as usize];
        if logged_at.is_some_and(|at| now.duration_since(at) < LINE_EVERY) {
            self.held_back = self.held_back.saturating_add(1);
            self.held_back_at.get_or_insert(now);
            return false;
        }
        *logged_at = Some(now);
        true
    }

    /// The number of suppressed lines, at most once a minute.
    pub(super) fn held_back(&mut self, now: Instant) -> Option<u32> {
        let first = self.held_back_at.filter(|at| now.duration_since(*at) >= LINE_EVERY)?;
        debug_assert!(first <= now);
        self.held_back_at = None;
        Some(std::mem::take(&mut self.held_back))
    }
}
