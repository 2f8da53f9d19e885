//! What the journal's thread and the alerts' threads know of each other.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::watch::spool::Position;
use crate::watch::state::AlertProgress;

/// What the journal's thread and the alerts' threads know of each other.
#[derive(Debug, Default)]
pub struct SharedBoard {
    board: Mutex<Board>,
    changed: Condvar,
}

/// What is shared.
#[derive(Debug, Default)]
pub struct Board {
    /// The spool is written up to here.
    pub end: Position,
    /// What lies before this was removed from the spool.
    pub floor: Position,
    /// How far each alert has come.
    pub alerts: BTreeMap<String, AlertProgress>,
    /// Some of the progress is not on disk.
    pub is_dirty: bool,
    /// No more events will come: workers end when all is delivered.
    pub is_closing: bool,
}

impl SharedBoard {
    /// Locks the board; to be held for as short a time as possible.
    pub fn board(&self) -> MutexGuard<'_, Board> {
        // Each change is a single assignment, so a thread that panicked left it whole.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the board and wakes the workers.
    pub fn change(&self, change: impl FnOnce(&mut Board)) {
        change(&mut self.board());
        self.changed.notify_all();
    }

    /// Waits for a change of the board, for at most `timeout`.
    pub fn wait(&self, board: MutexGuard<'_, Board>, timeout: Duration) {
        drop(self.changed.wait_timeout(board, timeout));
    }
}
