//! Limit on the number of open connections, within the limit on file descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Descriptors reserved for the rest of the process.
const RESERVED: u64 = 64;
/// Minimum number of permits, even under a very low limit; connections then wait and retry.
const PERMITS_MIN: usize = 8;

/// Permits to open one connection each.
#[derive(Debug)]
pub struct Permits {
    semaphore: Semaphore,
    size: usize,
    shortage_total: AtomicU64,
}

impl Permits {
    /// Permits for `wanted` connections, or for fewer if the limit on descriptors (`RLIMIT_NOFILE`) is too low, but for
    /// at least 8. The limit is raised as far as needed and allowed.
    pub fn new(wanted: usize) -> Self {
        let needed = (wanted as u64).saturating_add(RESERVED);
        Self::within(wanted, raise_limit(needed).saturating_sub(RESERVED))
    }

    fn within(wanted: usize, room: u64) -> Self {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let size = wanted.min(room).clamp(PERMITS_MIN, Semaphore::MAX_PERMITS);
        Self { semaphore: Semaphore::new(size), size, shortage_total: AtomicU64::new(0) }
    }

    /// Permits for `size` connections, whatever the limit.
    #[cfg(test)]
    pub(super) fn for_test(size: usize) -> Self {
        Self::within(size, u64::MAX)
    }

    /// Number of permits.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How often a connection had to wait because this machine was short of descriptors, ports or memory.
    pub fn shortage_total(&self) -> u64 {
        self.shortage_total.load(Ordering::Relaxed)
    }

    pub(super) async fn take(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed; a connection without a permit would only risk a retry.
        self.semaphore.acquire().await.ok()
    }

    pub(super) fn count_shortage(&self) {
        self.shortage_total.fetch_add(1, Ordering::Relaxed);
    }
}

/// Raises the soft limit on descriptors to `needed`, within the hard limit. Returns the new limit.
fn raise_limit(needed: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    // `None` means unlimited.
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= needed {
        return current;
    }
    let raised = limit.maximum.map_or(needed, |maximum| needed.min(maximum));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }) {
        Ok(()) => raised,
        Err(_) => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let size = |wanted, room| Permits::within(wanted, room).size();
        assert_eq!(size(100, 1000), 100);
        assert_eq!(size(2000, 1000), 1000);
        assert_eq!(size(2000, 0), PERMITS_MIN);
        assert_eq!(size(0, 1000), PERMITS_MIN);
        assert_eq!(size(usize::MAX, u64::MAX), Semaphore::MAX_PERMITS);
    }

    #[test]
    fn permits_fit_the_limit() {
        let permits = Permits::new(100);
        assert!(permits.size() as u64 + RESERVED <= raise_limit(0) || permits.size() == PERMITS_MIN);
    }
}
