//! What happens in a run: who is there, what they do and when, and what must be reported of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::planner::policy::Policy;
use sensor_core::types::Mac;

use super::machine::{Machine, Word};

/// Four hours in a network, and the truth about them.
#[derive(Clone, Debug)]
pub struct Script {
    /// The seed.
    pub seed: u64,
    /// All machines, also those that come later.
    pub machines: Vec<Machine>,
    /// What happens, in order: milliseconds since the begin.
    pub happenings: Vec<(u64, Happening)>,
    /// What may be asked.
    pub policy: Policy,
    /// The stories.
    pub stories: Vec<Story>,
}

/// One story's truth.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// Its name.
    pub name: &'static str,
    /// Its addresses, which no other story has.
    pub ips: BTreeSet<IpAddr>,
    /// Its stations, which no other story has.
    pub macs: BTreeSet<Mac>,
    /// The events that must be reported, in order.
    pub told: Vec<Told>,
    /// Which MAC must hold an address in the end.
    pub holders: BTreeMap<IpAddr, Mac>,
    /// How often an address is described.
    pub described: BTreeMap<IpAddr, RangeInclusive<usize>>,
}

/// What identifies an event within its story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub kind: Kind,
    /// The station; none where it is behind a router.
    pub mac: Option<Mac>,
    /// Why.
    pub reason: Option<Reason>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Frames are lost until then (milliseconds since the begin), and the sensor knows it.
    Deaf(u64),
    /// A machine is plugged in.
    Join(usize),
    /// A machine is unplugged.
    Leave(usize),
    /// A service of a machine starts or stops.
    Serve(usize, u16, bool),
    /// A machine sends something unasked.
    Say(usize, Word),
    /// The sensor is stopped (cleanly, or else by a crash), and started so many milliseconds later.
    Restart(bool, u64),
    /// From now on a machine answers plain questions about another's address.
    Vouch(usize, IpAddr),
}
