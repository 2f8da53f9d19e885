//! What was not seen for so long that it says nothing of today: temporary IPv6 addresses, old IPv4 addresses, and hosts
//! that change their MAC and will not come back with this one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::memory::Memory;
use crate::inventory::memory::table::Row;
use crate::types::{Mac, Timestamp};

/// An IPv6 address lasts a week unseen: RFC 8981, section 3.8, has temporary ones last a day, and two at most.
const IPV6_UNSEEN: Duration = Duration::from_hours(7 * 24);
/// An IPv4 address lasts half a year unseen, as arpwatch's "new activity" does.
const IPV4_UNSEEN: Duration = Duration::from_hours(180 * 24);
/// A host all of whose MACs are changing ones lasts a month unseen.
const RANDOM_UNSEEN: Duration = Duration::from_hours(30 * 24);
/// How often it is looked.
const EVERY: Duration = Duration::from_hours(1);

/// When it is looked again.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    /// The last time that was heard of, and when to look; none yet after a start.
    clock: Option<(Timestamp, Timestamp)>,
}

impl Expiry {
    /// Whether to look now. A clock that was set makes nothing older than it is: it is waited for an hour after every leap.
    fn is_due(&mut self, now: Timestamp) -> bool {
        let (last, due) = self.clock.unwrap_or((now, now.after(EVERY)));
        let leapt = now < last || now.since(last) > EVERY;
        let is_due = !leapt && now >= due;
        let due = if leapt || is_due { now.after(EVERY) } else { due };
        self.clock = Some((now, due));
        is_due
    }
}

impl Memory {
    /// Forgets what is too old, once an hour. What a capture file tells is of its own time, and none of it is too old.
    pub(crate) fn forget_old(&mut self, now: Timestamp) {
        if self.history || !self.expiry.is_due(now) {
            return;
        }
        let unseen = |last_seen: Timestamp| now.since(last_seen);
        let old: Vec<_> = self.bindings.rows_where(|binding| {
            let limit = if matches!(binding.ip, IpAddr::V6(_)) { IPV6_UNSEEN } else { IPV4_UNSEEN };
            unseen(binding.last_seen()) > limit
        });
        let old = old.into_iter().filter_map(|key| self.bindings.remove(&key)).collect();
        self.drop_bindings(old);
        let gone = self.hosts.rows_where(|host| unseen(host.last_seen) > RANDOM_UNSEEN);
        let changes_mac = |macs: &BTreeSet<Mac>| !macs.is_empty() && macs.iter().all(|mac| mac.is_random());
        let gone: Vec<_> = gone.into_iter().filter(|id| self.hosts.note(id).is_some_and(changes_mac)).collect();
        let gone = gone.into_iter().filter_map(|id| self.hosts.remove(&id)).collect();
        self.drop_hosts(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_leaps_makes_nothing_old() {
        let mut expiry = Expiry::default();
        let mut check =
            |at_s: i64, expected: bool| assert_eq!(expiry.is_due(Timestamp::from_secs(at_s)), expected, "{at_s}");
        check(0, false);
        check(1800, false);
        check(3600, true);
        check(3601, false);
        // Set forward by a year, back, and then it runs on.
        check(31_536_000, false);
        check(3700, false);
        check(5000, false);
        check(7300, true);
    }
}
