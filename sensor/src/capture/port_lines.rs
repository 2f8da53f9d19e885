//! How often a port may say something: one line of each kind a minute, and how many were held back.

use std::time::Duration;

use tokio::time::Instant;

/// A line of one kind is said at most this often.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Kinds of lines.
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

/// When a line of each kind was said last, and how many were held back since any was.
#[derive(Debug, Default)]
pub(super) struct LineLimiter {
    logged_at: [Option<Instant>; 7],
    held_back: u32,
    held_back_at: Option<Instant>,
}

impl LineLimiter {
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

    /// How many lines were held back, once a minute.
    pub(super) fn held_back(&mut self, now: Instant) -> Option<u32> {
        let first = self.held_back_at.filter(|at| now.duration_since(*at) >= LINE_EVERY)?;
        debug_assert!(first <= now);
        self.held_back_at = None;
        Some(std::mem::take(&mut self.held_back))
    }
}
