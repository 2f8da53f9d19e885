//! The other addresses and MACs of an event's host, bounded. Those that are known for longest are kept: what somebody makes up
//! in the host's name pushes nothing out.

use std::net::IpAddr;

use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::Event;
use crate::inventory::event::whole::{Other, Whole};
use crate::types::{Mac, Timestamp};

/// Addresses and MACs that an event keeps, of each.
const KEPT_MAX: usize = 64;
/// Addresses of a station that are looked at, for each of its events: a proxy may answer for a whole network.
const LOOKED_AT_MAX: usize = 256;

impl Correlator {
    /// What an event's host has beside what the event names.
    pub fn whole(&self, event: &Event) -> Whole {
        let is_dear = event.segment.zip(event.ip).is_some_and(|(segment, ip)| self.is_dear(segment, ip));
        let Some(host) = event.host.and_then(|id| self.memory.host(id)) else {
            return Whole { is_dear, ..Whole::default() };
        };
        let (mut macs, mut ips) = (Vec::new(), Vec::new());
        for mac in self.memory.macs_of(host.id) {
            let is_own = event.mac.is_none_or(|own| own == mac);
            let is_proven =
                is_own || event.mac.is_some_and(|own| self.is_one_machine(host.segment, own, mac, event.at));
            if event.mac != Some(mac) {
                macs.push((self.memory.known_since(host.segment, mac), Other { it: mac, is_proven }));
            }
            let held = self.memory.held_by(host.segment, mac).take(LOOKED_AT_MAX).filter(|ip| event.ip != Some(*ip));
            let since = |ip| self.memory.holder(host.segment, ip).map(|holder| holder.first_seen);
            ips.extend(held.map(|ip| ((ip.is_ipv6(), since(ip)), Other { it: ip, is_proven })));
        }
        Whole {
            macs: longest_known::<_, Mac>(macs),
            ips: longest_known::<(bool, Option<Timestamp>), IpAddr>(ips),
            is_dear,
        }
    }
}

/// Those with the least keys, in order.
fn longest_known<K: Ord, T: Ord + Copy>(mut all: Vec<(K, Other<T>)>) -> Vec<Other<T>> {
    if all.len() > KEPT_MAX {
        all.sort_by(|(a, one), (b, other)| (a, one.it).cmp(&(b, other.it)));
        all.truncate(KEPT_MAX);
    }
    let mut kept: Vec<_> = all.into_iter().map(|(_, other)| other).collect();
    kept.sort_by_key(|other| other.it);
    kept
}
