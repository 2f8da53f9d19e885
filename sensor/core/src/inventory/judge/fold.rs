//! Repeats: one event for each fold key, with a count and the time of the last repeat. Bounded: when there are too
//! many, the quarter that was not repeated for longest is forgotten, and what is forgotten is reported anew.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::inventory::event::{Event, Severity};
use crate::types::Timestamp;

/// An event's repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// The id of the event that they repeat.
    pub id: u64,
    /// How often it happened, the first time included: 2 or more.
    pub count: u64,
    /// When it happened last.
    pub last_at: Timestamp,
}

/// A kept event that may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its fold key, by which repeats are recognised.
    pub cause: String,
    /// Its id.
    pub id: u64,
    /// When it happened first.
    pub at: Timestamp,
    /// When it happened last.
    pub last_at: Timestamp,
    /// How often it happened, the first time included.
    pub count: u64,
    /// The severity with which it was reported.
    pub severity: Severity,
    /// Whether it was muted.
    pub muted: bool,
}

/// Events that are remembered at most.
pub(super) const CAUSES_MAX: usize = 16_384;
/// What goes on for longer than this is reported again.
const FOLD_MAX: Duration = Duration::from_hours(24);

#[derive(Debug, Default)]
pub(super) struct Folds {
    causes: BTreeMap<String, Past>,
}

impl Folds {
    /// From what was stored. Of several events with one key the newest counts.
    pub(super) fn restore(past: Vec<Past>) -> Self {
        let mut folds = Self::default();
        for past in past {
            let is_newer = folds.causes.get(&past.cause).is_none_or(|known| known.id < past.id);
            if is_newer {
                folds.insert(past);
            }
        }
        folds
    }

    /// Counts a repeat; `None` when the event is to be kept: it then counts as the first of its repeats.
    pub(super) fn add(&mut self, cause: &str, event: &Event, muted: bool, window: Duration) -> Option<Fold> {
        let at = event.at;
        if let Some(past) = self.causes.get_mut(cause) {
            let is_near = distance(past.last_at, at) <= window && distance(past.at, at) < FOLD_MAX;
            let is_worse = event.severity > past.severity || past.muted && !muted;
            if !window.is_zero() && is_near && !is_worse {
                past.count += 1;
                past.last_at = past.last_at.max(at);
                return Some(Fold { id: past.id, count: past.count, last_at: past.last_at });
            }
        }
        let (id, severity) = (event.id, event.severity);
        self.insert(Past { cause: cause.to_owned(), id, at, last_at: at, count: 1, severity, muted });
        None
    }

    fn insert(&mut self, past: Past) {
        if self.causes.len() >= CAUSES_MAX && !self.causes.contains_key(&past.cause) {
            self.forget();
        }
        self.causes.insert(past.cause.clone(), past);
    }

    /// Forgets many at once, so that each new event of a flood costs little.
    fn forget(&mut self) {
        let mut ages: Vec<(Timestamp, u64)> = self.causes.values().map(|past| (past.last_at, past.id)).collect();
        let (_, &mut last, _) = ages.select_nth_unstable(CAUSES_MAX / 4);
        self.causes.retain(|_, past| (past.last_at, past.id) > last);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.causes.len()
    }
}

/// The time between two moments, whichever is first.
fn distance(a: Timestamp, b: Timestamp) -> Duration {
    a.since(b).max(b.since(a))
}
