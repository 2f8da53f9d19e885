//! Addresses that are not asked because a station on the `never_probe` list was heard with them. A question to an IP
//! address reaches whoever holds it, so a list of MACs only works when the addresses of those stations are remembered.
//! Bounded.

use std::collections::HashMap;
use std::time::Duration;

use crate::inventory::planner::address::SegmentAddress;
use crate::types::Timestamp;

/// The excluded addresses.
#[derive(Debug, Default)]
pub(super) struct Excluded {
    /// When each address was last heard with a station that is never asked.
    heard: HashMap<SegmentAddress, Timestamp>,
}

/// Excluded addresses at most.
const EXCLUDED_MAX: usize = 65_536;
/// Addresses that are forgotten at once when there are too many: those heard longest ago.
const FORGOTTEN: usize = 1024;
/// An address stays excluded for this long after it was last heard with such a station, whoever else claims it
/// meanwhile.
const EXCLUDED_FOR: Duration = Duration::from_secs(24 * 3600);

impl Excluded {
    /// Notes that a station that is never asked was heard with the address.
    pub fn insert(&mut self, address: SegmentAddress, now: Timestamp) {
        if self.heard.len() >= EXCLUDED_MAX && !self.heard.contains_key(&address) {
            let mut all: Vec<_> = self.heard.iter().map(|(address, heard)| (*heard, *address)).collect();
            all.select_nth_unstable(FORGOTTEN);
            all[..FORGOTTEN].iter().for_each(|(_, address)| {
                self.heard.remove(address);
            });
        }
        self.heard.insert(address, now);
    }

    /// Whether the address is excluded.
    pub fn contains(&self, address: &SegmentAddress, now: Timestamp) -> bool {
        self.heard.get(address).is_some_and(|heard| now.since(*heard) < EXCLUDED_FOR)
    }
}
