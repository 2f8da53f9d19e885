//! Where targets wait: for a moment, or for their turn in their network. Each waits in one place only.

use std::collections::BTreeSet;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::target::{Class, Wait};
use crate::types::Timestamp;

/// All waiting targets.
#[derive(Debug)]
pub(super) struct Agenda {
    timers: BTreeSet<(Timestamp, SegmentAddress)>,
    /// By network and class; who waits longest is first.
    turns: Vec<[BTreeSet<(Timestamp, SegmentAddress)>; 4]>,
}

impl Agenda {
    /// For so many networks.
    pub fn new(networks: usize) -> Self {
        Self { timers: BTreeSet::new(), turns: (0..networks).map(|_| Default::default()).collect() }
    }

    /// Moves a target from where it waits to where it shall.
    pub fn put(&mut self, address: SegmentAddress, network: usize, wait: &mut Wait, to: Wait) {
        match *wait {
            Wait::Nowhere => {}
            Wait::Turn(class, since) => {
                self.turns[network][class as usize].remove(&(since, address));
            }
            Wait::Until(at) => {
                self.timers.remove(&(at, address));
            }
        }
        match to {
            Wait::Nowhere => {}
            Wait::Turn(class, since) => {
                self.turns[network][class as usize].insert((since, address));
            }
            Wait::Until(at) => {
                self.timers.insert((at, address));
            }
        }
        *wait = to;
    }

    /// The earliest moment that anybody waits for.
    pub fn first_timer(&self) -> Option<(Timestamp, SegmentAddress)> {
        self.timers.first().copied()
    }

    /// Whose turn it is in a class: who waits longest, networks told not to be open left out.
    pub fn first_turn(&self, class: Class, is_open: impl Fn(usize) -> bool) -> Option<SegmentAddress> {
        let open = self.turns.iter().enumerate().filter(|(network, _)| is_open(*network));
        open.filter_map(|(_, classes)| classes[class as usize].first()).min().map(|(_, address)| *address)
    }

    /// Whether anybody waits for a turn.
    pub fn has_turns(&self) -> bool {
        self.turns.iter().flatten().any(|class| !class.is_empty())
    }
}
