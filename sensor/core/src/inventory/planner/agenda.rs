//! The queues in which targets wait: for a moment, or for their turn in their network. Each waits in one only.

use std::collections::BTreeSet;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::target::{Urgency, Wait};
use crate::types::Timestamp;

/// All waiting targets.
#[derive(Debug)]
pub(super) struct Agenda {
    timers: BTreeSet<(Timestamp, SegmentAddress)>,
    /// By network and urgency; the target that waits longest is first.
    turns: Vec<[BTreeSet<(Timestamp, SegmentAddress)>; 4]>,
}

impl Agenda {
    /// Empty queues, for so many networks.
    pub fn new(networks: usize) -> Self {
        Self { timers: BTreeSet::new(), turns: (0..networks).map(|_| Default::default()).collect() }
    }

    /// Moves a target from what it waits for (`wait`) to something else (`to`).
    pub fn put(&mut self, address: SegmentAddress, network: usize, wait: &mut Wait, to: Wait) {
        match *wait {
            Wait::Nowhere => {}
            Wait::Turn(urgency, since) => {
                self.turns[network][urgency as usize].remove(&(since, address));
            }
            Wait::Until(at) => {
                self.timers.remove(&(at, address));
            }
        }
        match to {
            Wait::Nowhere => {}
            Wait::Turn(urgency, since) => {
                self.turns[network][urgency as usize].insert((since, address));
            }
            Wait::Until(at) => {
                self.timers.insert((at, address));
            }
        }
        *wait = to;
    }

    /// The earliest moment that a target waits for, and the target.
    pub fn first_timer(&self) -> Option<(Timestamp, SegmentAddress)> {
        self.timers.first().copied()
    }

    /// Which target of an urgency has its turn next: the one that waits longest, of the networks that are open.
    pub fn first_turn(&self, urgency: Urgency, is_open: impl Fn(usize) -> bool) -> Option<SegmentAddress> {
        let open = self.turns.iter().enumerate().filter(|(network, _)| is_open(*network));
        open.filter_map(|(_, queues)| queues[urgency as usize].first()).min().map(|(_, address)| *address)
    }

    /// Whether any target waits for a turn.
    pub fn has_turns(&self) -> bool {
        self.turns.iter().flatten().any(|queue| !queue.is_empty())
    }
}
