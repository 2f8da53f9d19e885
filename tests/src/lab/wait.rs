//! Waiting until something happens, with a deadline that is long enough for a slow machine.

use std::time::{Duration, Instant};

use super::interrupt;

/// Longer than anything here takes on a machine that is not stuck.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Calls `look` until it returns something. An error, Ctrl-C or the deadline ends it; `what` says what was waited for.
pub fn until<T>(what: &str, mut look: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        anyhow::ensure!(!interrupt::happened(), "interrupted while waiting for {what}");
        anyhow::ensure!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}
