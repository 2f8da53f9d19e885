//! What was not seen for so long that it says nothing of today: temporary IPv6 addresses, old IPv4 addresses, and hosts
//! that change their MAC and will not come back with this one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::memory::state::Memory;
use crate::inventory::model::row::TableRow;
use crate::types::{Mac, Timestamp};

/// An IPv6 address lasts a week unseen: RFC 8981, section 3.8, has temporary ones last a day, and two at most.
const IPV6_UNSEEN: Duration = Duration::from_hours(7 * 24);
/// An IPv4 address lasts half a year unseen, as arpwatch's "new activity" does.
const IPV4_UNSEEN: Duration = Duration::from_hours(180 * 24);
/// A host all of whose MACs are changing ones lasts a month unseen.
const RANDOM_UNSEEN: Duration = Duration::from_hours(30 * 24);

impl Memory {
    /// Forgets what is too old, once an hour. What a capture file tells is of its own time, and none of it is too old.
    pub(crate) fn forget_old(&mut self, now: Timestamp) {
        if self.history || !self.expiry.is_due(now) {
            return;
        }
        let unseen = |last_seen: Timestamp| now.since(last_seen);
        let old: Vec<_> = self.tables.bindings.rows_where(|binding| {
            let limit = if matches!(binding.ip, IpAddr::V6(_)) { IPV6_UNSEEN } else { IPV4_UNSEEN };
            unseen(binding.last_seen()) > limit
        });
        let old = old.into_iter().filter_map(|key| self.tables.bindings.remove(&key)).collect();
        self.drop_bindings(old);
        let gone = self.tables.hosts.rows_where(|host| unseen(host.last_seen) > RANDOM_UNSEEN);
        let changes_mac = |macs: &BTreeSet<Mac>| !macs.is_empty() && macs.iter().all(|mac| mac.is_random());
        let gone: Vec<_> = gone.into_iter().filter(|id| self.tables.hosts.note(id).is_some_and(changes_mac)).collect();
        let gone = gone.into_iter().filter_map(|id| self.tables.hosts.remove(&id)).collect();
        self.drop_hosts(gone);
    }
}
