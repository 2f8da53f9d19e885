//! What was not seen for so long that it is forgotten: temporary IPv6 addresses, old IPv4 addresses, and hosts that change
//! their MAC and will not come back with this one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::memory::state::Memory;
use crate::inventory::model::row::TableRow;
use crate::types::{Mac, Timestamp};

/// An unseen IPv6 address is kept for a week: temporary ones are used for a day or two (RFC 8981, section 3.8).
const IPV6_UNSEEN: Duration = Duration::from_hours(7 * 24);
/// An unseen IPv4 address is kept for half a year, after which arpwatch reports "new activity".
const IPV4_UNSEEN: Duration = Duration::from_hours(180 * 24);
/// An unseen host all of whose MACs are random ones is kept for a month.
const RANDOM_UNSEEN: Duration = Duration::from_hours(30 * 24);

impl Memory {
    /// Forgets what is too old, once an hour. Not while a capture file is read: all of it is of the file's own time.
    pub(crate) fn forget_old(&mut self, now: Timestamp) {
        if self.history || !self.expiry.is_due(now) {
            return;
        }
        let unseen = |last_seen: Timestamp| now.since(last_seen);
        let old: Vec<_> = self.tables.bindings.keys_where(|binding| {
            let limit = if matches!(binding.ip, IpAddr::V6(_)) { IPV6_UNSEEN } else { IPV4_UNSEEN };
            unseen(binding.last_seen()) > limit
        });
        let old = old.into_iter().filter_map(|key| self.tables.bindings.remove(&key)).collect();
        self.drop_bindings(old);
        let gone = self.tables.hosts.keys_where(|host| unseen(host.last_seen) > RANDOM_UNSEEN);
        let changes_mac = |macs: &BTreeSet<Mac>| !macs.is_empty() && macs.iter().all(|mac| mac.is_random());
        let gone: Vec<_> = gone.into_iter().filter(|id| self.tables.hosts.note(id).is_some_and(changes_mac)).collect();
        let gone = gone.into_iter().filter_map(|id| self.tables.hosts.remove(&id)).collect();
        self.drop_hosts(gone);
    }
}
