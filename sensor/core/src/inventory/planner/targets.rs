//! The targets, and the addresses that are shunned because a station that is never asked was heard with them. Bounded.

use std::collections::HashMap;
use std::time::Duration;

use crate::inventory::planner::address::Address;
use crate::inventory::planner::target::Target;
use crate::types::{Mac, Segment, Timestamp};

/// All targets.
#[derive(Debug, Default)]
pub(super) struct Targets {
    targets: HashMap<Address, Target>,
    /// IPv6 addresses of a station.
    of_station: HashMap<(Segment, Mac), Vec<Address>>,
    /// Since when an address was last heard with a station that is never asked.
    shunned: HashMap<Address, Timestamp>,
}

/// Targets at most.
const TARGETS_MAX: usize = 65_536;
/// Targets that leave at once when there are too many, so that a flood pays a small price each.
const LEAVE: usize = 1024;
/// IPv6 targets of one station: privacy addresses stop here.
const PER_STATION_MAX: usize = 64;
/// Shunned addresses at most.
const SHUNNED_MAX: usize = 65_536;
/// An address is shunned for so long after it was last heard with such a station, however others claim it meanwhile.
const SHUNNED: Duration = Duration::from_secs(24 * 3600);

impl Targets {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// No more without others leaving.
    pub fn is_full(&self) -> bool {
        self.targets.len() >= TARGETS_MAX
    }

    /// Whether the address is one.
    pub fn contains(&self, address: &Address) -> bool {
        self.targets.contains_key(address)
    }

    /// One of them.
    pub fn get(&self, address: &Address) -> Option<&Target> {
        self.targets.get(address)
    }

    /// One of them, to be changed.
    pub fn get_mut(&mut self, address: &Address) -> Option<&mut Target> {
        self.targets.get_mut(address)
    }

    /// All of them, in order.
    pub fn addresses(&self) -> Vec<Address> {
        let mut all: Vec<_> = self.targets.keys().copied().collect();
        all.sort_unstable();
        all
    }

    /// Adds one, whose station is not set yet.
    pub fn insert(&mut self, address: Address, target: Target) {
        self.targets.insert(address, target);
    }

    /// Takes one out.
    pub fn remove(&mut self, address: &Address) -> Option<Target> {
        let target = self.targets.remove(address)?;
        self.unlink(address, target.mac);
        Some(target)
    }

    /// Who has to leave before another comes: the ones unheard longest.
    pub fn make_room(&self) -> Vec<Address> {
        if !self.is_full() {
            return Vec::new();
        }
        let mut all: Vec<_> = self.targets.iter().map(|(address, target)| (target.heard, *address)).collect();
        let leave = LEAVE.min(all.len());
        all.select_nth_unstable(leave - 1);
        all.truncate(leave);
        all.sort_unstable();
        all.into_iter().map(|(_, address)| address).collect()
    }

    /// The station that holds an address now; gives the addresses of the station that are one too many.
    pub fn set_mac(&mut self, address: &Address, mac: Option<Mac>) -> Option<Address> {
        let target = self.targets.get_mut(address)?;
        let old = std::mem::replace(&mut target.mac, mac);
        if old == mac || address.ip.is_ipv4() {
            return None;
        }
        self.unlink(address, old);
        let held = self.of_station.entry((address.segment, mac?)).or_default();
        held.push(*address);
        if held.len() <= PER_STATION_MAX {
            return None;
        }
        let heard = |address: &Address| self.targets.get(address).map(|target| target.heard);
        held.iter().copied().filter(|held| held != address).min_by_key(|address| (heard(address), *address))
    }

    fn unlink(&mut self, address: &Address, mac: Option<Mac>) {
        let Some(mac) = mac.filter(|_| address.ip.is_ipv6()) else { return };
        if let Some(held) = self.of_station.get_mut(&(address.segment, mac)) {
            held.retain(|held| held != address);
            if held.is_empty() {
                self.of_station.remove(&(address.segment, mac));
            }
        }
    }

    /// Notes that a station that is never asked was heard with the address.
    pub fn shun(&mut self, address: Address, now: Timestamp) {
        if self.shunned.len() >= SHUNNED_MAX && !self.shunned.contains_key(&address) {
            let mut all: Vec<_> = self.shunned.iter().map(|(address, heard)| (*heard, *address)).collect();
            all.select_nth_unstable(LEAVE);
            all[..LEAVE].iter().for_each(|(_, address)| {
                self.shunned.remove(address);
            });
        }
        self.shunned.insert(address, now);
    }

    /// Whether the address is shunned.
    pub fn is_shunned(&self, address: &Address, now: Timestamp) -> bool {
        self.shunned.get(address).is_some_and(|heard| now.since(*heard) < SHUNNED)
    }
}
