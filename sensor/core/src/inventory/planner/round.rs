//! A presence round: is a host that was not heard for long still there? It is asked by each technique that can show it,
//! three times. Nobody is called gone for one lost answer.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::planner::permit::has;
use crate::inventory::planner::policy::Network;
use crate::inventory::planner::probe::{PRESENCE, Technique};
use crate::types::Timestamp;

/// A presence round of one target.
#[derive(Clone, Debug)]
pub(super) struct Round {
    /// When it began.
    pub begun: Timestamp,
    /// The same on the wall clock.
    pub begun_wall: Timestamp,
    /// Questions sent or left out.
    pub step: usize,
    /// Techniques by which a question was really sent.
    pub sent: BTreeSet<Technique>,
    /// When the last question was sent.
    pub last_sent: Timestamp,
    /// Its end was found late and was put off once, because answers might have lain unread.
    pub is_extended: bool,
}

/// Seconds after a round's begin at which each technique is tried.
const ATTEMPTS_S: [u64; 3] = [0, 2, 5];
/// How long a round waits for the last answer.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// The shortest round.
const ROUND_MIN: Duration = Duration::from_secs(8);
/// A round that stood still for longer begins anew.
const INTERRUPTED: Duration = Duration::from_secs(60);

impl Round {
    /// Begins now, `wall` on the wall clock.
    pub fn new(now: Timestamp, wall: Timestamp) -> Self {
        Self { begun: now, begun_wall: wall, step: 0, sent: BTreeSet::new(), last_sent: now, is_extended: false }
    }

    /// Whether it could not go on for long (quiet hours, an empty bucket): what was asked first proves nothing any
    /// more.
    pub fn is_interrupted(&self, now: Timestamp) -> bool {
        self.step > 0 && now.since(self.last_sent) > INTERRUPTED
    }

    /// Whether it has questions left, where `ways` can be used.
    pub fn is_left(&self, ways: &[Technique]) -> bool {
        self.step < ATTEMPTS_S.len() * ways.len().max(1)
    }

    /// The technique of its next question, and which attempt that is, from 0; `None` when it has no more.
    pub fn next_way(&self, ways: &[Technique]) -> Option<(Technique, usize)> {
        let attempt = self.step.checked_div(ways.len())?;
        (attempt < ATTEMPTS_S.len()).then(|| (ways[self.step % ways.len()], attempt))
    }

    /// When its next question is due, or its end.
    pub fn due_at(&self, ways: &[Technique]) -> Timestamp {
        let attempt = ATTEMPTS_S.get(self.step / ways.len().max(1));
        attempt.map_or_else(|| self.end(), |s| self.begun.after(Duration::from_secs(*s)))
    }

    /// When it is over, once its last question was sent.
    fn end(&self) -> Timestamp {
        self.begun.after(ROUND_MIN).max(self.last_sent.after(ANSWER_WAIT))
    }
}

/// Techniques that can show whether an address is in use, where the network has them. TCP is for hosts that ARP cannot
/// reach, or that drop pings; a neighbour by IPv6 always answers NDP.
pub(super) fn presence_ways(network: &Network, ip: IpAddr, has_ports: bool) -> Vec<Technique> {
    let can_show = |technique: &Technique| match technique {
        Technique::Tcp => has_ports && (!network.attached || ip.is_ipv4()),
        technique => technique.info().family.has(ip) && (network.attached || !technique.info().link_only),
    };
    PRESENCE.into_iter().filter(|technique| can_show(technique) && has(network, *technique)).collect()
}

/// What a whole round costs a host, in packets.
pub(super) fn round_cost(ways: &[Technique]) -> u32 {
    let attempts = u32::try_from(ATTEMPTS_S.len()).unwrap_or(u32::MAX);
    attempts * ways.iter().map(|way| way.info().cost.host).sum::<u32>()
}
