//! The targets: the addresses that the planner looks after, bounded, and which of them belong to one station.

use std::collections::HashMap;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::target::Target;
use crate::types::{Mac, Segment};

/// All targets.
#[derive(Debug, Default)]
pub(super) struct Targets {
    targets: HashMap<SegmentAddress, Target>,
    /// The IPv6 targets of each station.
    of_station: HashMap<(Segment, Mac), Vec<SegmentAddress>>,
}

/// Targets at most.
const TARGETS_MAX: usize = 65_536;
/// Targets that are dropped at once when there are too many, so that each new one of a flood costs little.
const LEAVE: usize = 1024;
/// IPv6 targets of one station at most: hosts may have very many privacy addresses (RFC 8981).
const PER_STATION_MAX: usize = 64;

impl Targets {
    /// How many targets there are.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether no more fit unless others are dropped.
    pub fn is_full(&self) -> bool {
        self.targets.len() >= TARGETS_MAX
    }

    /// Whether the address is a target.
    pub fn contains(&self, address: &SegmentAddress) -> bool {
        self.targets.contains_key(address)
    }

    /// The target of an address.
    pub fn get(&self, address: &SegmentAddress) -> Option<&Target> {
        self.targets.get(address)
    }

    /// The target of an address, to be changed.
    pub fn get_mut(&mut self, address: &SegmentAddress) -> Option<&mut Target> {
        self.targets.get_mut(address)
    }

    /// All addresses, in order.
    pub fn addresses(&self) -> Vec<SegmentAddress> {
        let mut all: Vec<_> = self.targets.keys().copied().collect();
        all.sort_unstable();
        all
    }

    /// Adds a target, whose station is not set yet.
    pub fn insert(&mut self, address: SegmentAddress, target: Target) {
        self.targets.insert(address, target);
    }

    /// Removes a target.
    pub fn remove(&mut self, address: &SegmentAddress) -> Option<Target> {
        let target = self.targets.remove(address)?;
        self.unlink(address, target.mac);
        Some(target)
    }

    /// The targets that have to be dropped before another one fits: those heard longest ago.
    pub fn make_room(&self) -> Vec<SegmentAddress> {
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

    /// Sets the station that holds an address; gives the station's address that is one too many, where there is one.
    pub fn set_mac(&mut self, address: &SegmentAddress, mac: Option<Mac>) -> Option<SegmentAddress> {
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
        let heard = |address: &SegmentAddress| self.targets.get(address).map(|target| target.heard);
        held.iter().copied().filter(|held| held != address).min_by_key(|address| (heard(address), *address))
    }

    fn unlink(&mut self, address: &SegmentAddress, mac: Option<Mac>) {
        let Some(mac) = mac.filter(|_| address.ip.is_ipv6()) else { return };
        if let Some(held) = self.of_station.get_mut(&(address.segment, mac)) {
            held.retain(|held| held != address);
            if held.is_empty() {
                self.of_station.remove(&(address.segment, mac));
            }
        }
    }
}
