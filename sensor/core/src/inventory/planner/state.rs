//! The planner's state, and what its parts do with it: its clock, its targets, when it has work next.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::agenda::Agenda;
use crate::inventory::planner::background::Background;
use crate::inventory::planner::bucket::{Bucket, HostBuckets};
use crate::inventory::planner::check::ConflictCheck;
use crate::inventory::planner::monotonic::Monotonic;
use crate::inventory::planner::permit::Permit;
use crate::inventory::planner::policy::{Network, Policy};
use crate::inventory::planner::probe::{Question, Technique};
use crate::inventory::planner::servers;
use crate::inventory::planner::servers::ServerSearch;
use crate::inventory::planner::target::{Inquiry, Target, Wait};
use crate::inventory::planner::targets::Targets;
use crate::types::{Segment, Timestamp};

/// The planner. Its verbs are in `verbs.rs`.
#[derive(Debug)]
pub struct Planner {
    pub(super) permit: Permit,
    pub(super) key: u64,
    pub(super) clock: Monotonic,
    pub(super) targets: Targets,
    pub(super) agenda: Agenda,
    pub(super) checks: BTreeMap<SegmentAddress, ConflictCheck>,
    pub(super) sensor: Bucket,
    pub(super) networks: Vec<Bucket>,
    pub(super) hosts: HostBuckets,
    pub(super) sweeps: Vec<Background>,
    pub(super) searches: Vec<ServerSearch>,
    /// Networks that were in the policy before, the last first.
    pub(super) left_networks: Vec<LeftNetwork>,
    pub(super) silences: Vec<Silence>,
    pub(super) answers: AnswerCounts,
    /// Until when not everything was heard, on the monotonic clock.
    pub(super) deaf_until: Option<Timestamp>,
    /// When work that is due now can go on, if room or packets were missing for it.
    pub(super) resume_at: Option<Timestamp>,
}

/// A network that may not be asked any more, with its bucket and its sweep. An interface may lose its addresses for a
/// moment only: its networks then go on where they were.
#[derive(Debug)]
pub(super) struct LeftNetwork {
    pub(super) network: Network,
    pub(super) bucket: Bucket,
    pub(super) sweep: Option<Background>,
}

/// A presence round that ended without an answer: nothing at all was heard of the address since it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The segment on which the host lives.
    pub segment: Segment,
    /// The address that was asked.
    pub ip: IpAddr,
    /// The techniques by which it was asked, two or more.
    pub techniques: BTreeSet<Technique>,
    /// When the round began, on the wall clock.
    pub since: Timestamp,
    /// The network's setting: a host that was not heard for this long, and does not answer, is gone.
    pub gone_after: Duration,
}

/// Counts of answers, by how they stand to the sensor's questions. Replies to questions of others that are heard on the
/// wire count as unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnswerCounts {
    /// In time, and the first to their question.
    pub in_time: u64,
    /// To a question that was answered before.
    pub duplicate: u64,
    /// Later than five seconds after their question.
    pub late: u64,
    /// To no question of the sensor's: forged, or meant for others.
    pub unasked: u64,
}

/// `plan` wants to be called this often even without work, so that a step of the wall clock is noticed soon.
const REST_MAX: Duration = Duration::from_secs(600);

impl Planner {
    /// A planner without targets. Order and jitter come from `key`: the same key and the same inputs give the same
    /// probes.
    pub fn new(policy: Policy, key: u64, now: Timestamp) -> Self {
        let permit = Permit::new(policy);
        let policy = permit.policy();
        let mut searches = Vec::new();
        servers::renew(&mut searches, &permit, key, now);
        Self {
            key,
            clock: Monotonic::new(now),
            targets: Targets::default(),
            agenda: Agenda::new(policy.networks.len()),
            checks: BTreeMap::new(),
            sensor: Bucket::per_second(policy.rate_per_s),
            networks: buckets(policy),
            hosts: HostBuckets::per_hour(policy.host_per_hour),
            sweeps: sweeps(&permit, key, now),
            searches,
            left_networks: Vec::new(),
            silences: Vec::new(),
            answers: AnswerCounts::default(),
            deaf_until: None,
            resume_at: None,
            permit,
        }
    }

    /// Local time is this far east of UTC, in seconds: quiet hours are local.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        self.permit.set_utc_offset_s(seconds);
    }

    /// Presence rounds that ended without an answer since the last call.
    pub fn take_silences(&mut self) -> Vec<Silence> {
        std::mem::take(&mut self.silences)
    }

    /// When `plan` has work next; a moment in the past means now.
    pub fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        self.wake(now).map(|wake| self.clock.to_wall(wake, now))
    }

    /// Counts of answers since the start.
    pub fn answers(&self) -> AnswerCounts {
        self.answers
    }

    /// How many addresses are looked after.
    pub fn targets(&self) -> usize {
        self.targets.len()
    }

    /// Advances the monotonic clock to the wall clock's `now`.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let wake = self.wake(self.clock.wall()).unwrap_or(self.clock.now().after(REST_MAX));
        self.clock.advance(now, wake);
    }

    /// When there is work next, in monotonic time. In quiet hours only rounds may end.
    fn wake(&self, wall: Timestamp) -> Option<Timestamp> {
        let timer = self.agenda.first_timer().map(|(at, _)| at);
        let sweep = self.sweeps.iter().map(|sweep| sweep.next_at).min();
        let search = self.searches.iter().filter_map(ServerSearch::due).min();
        let sweep = [sweep, search].into_iter().flatten().min();
        let check = self.checks.iter().map(|(address, check)| check.wake_at(address.ip)).min();
        let rest = self.clock.now().after(REST_MAX);
        if self.permit.is_quiet(wall) {
            let has_work = self.agenda.has_turns() || sweep.is_some() || check.is_some();
            let end = has_work.then(|| self.clock.now().after(self.permit.quiet_end(wall).since(wall)));
            return [timer, end].into_iter().flatten().min().map(|wake| wake.min(rest));
        }
        // A check or a sweep that waits for packets cannot go on before they are there.
        let resume = self.resume_at;
        let held = |at: Timestamp| resume.filter(|resume| at <= self.clock.now() && *resume > at).unwrap_or(at);
        let work = [timer, resume, sweep.map(held), check.map(held)].into_iter().flatten().min();
        work.map(|wake| wake.min(rest))
    }

    /// The index of the network under whose rules the address may be asked, where it may be.
    pub(super) fn network_of(&self, address: SegmentAddress) -> Option<usize> {
        self.permit.allows_address(address, None, self.clock.now()).ok()
    }

    /// Adds a target, which waits for `wait`.
    pub(super) fn insert(&mut self, address: SegmentAddress, mut target: Target, wait: Wait) {
        let mac = target.mac.take();
        let index = target.network;
        self.agenda.put(address, index, &mut target.wait, wait);
        self.targets.insert(address, target);
        let over = self.targets.set_mac(&address, mac);
        over.iter().for_each(|address| self.forget(address));
    }

    /// Removes a target, where there is one.
    pub(super) fn forget(&mut self, address: &SegmentAddress) {
        if let Some(mut target) = self.targets.remove(address) {
            self.agenda.put(*address, target.network, &mut target.wait, Wait::Nowhere);
        }
    }

    /// Has an idle target wake no later than `at`.
    pub(super) fn wake_idle(&mut self, address: SegmentAddress, at: Timestamp) {
        if let Some(target) = self.targets.get_mut(&address)
            && matches!(target.inquiry, Inquiry::Idle)
            && matches!(target.wait, Wait::Until(until) if until > at)
        {
            self.agenda.put(address, target.network, &mut target.wait, Wait::Until(at));
        }
    }

    /// Moves a target that became more urgent while it waits for its turn.
    pub(super) fn hurry(&mut self, address: SegmentAddress) {
        if let Some(target) = self.targets.get_mut(&address)
            && let Wait::Turn(urgency, since) = target.wait
            && urgency != target.urgency()
        {
            let urgency = target.urgency();
            self.agenda.put(address, target.network, &mut target.wait, Wait::Turn(urgency, since));
        }
    }
}

/// A full bucket for each network.
pub(super) fn buckets(policy: &Policy) -> Vec<Bucket> {
    policy.networks.iter().map(|network| Bucket::per_second(network.rate_per_s)).collect()
}

/// The sweeps of those networks that have one, at their beginning.
pub(super) fn sweeps(permit: &Permit, key: u64, now: Timestamp) -> Vec<Background> {
    let policy = permit.policy();
    let sweeps = policy.networks.iter().enumerate().filter_map(|(index, network)| {
        Background::new(index, network, policy.rate_per_s, policy.host_per_hour, key, now)
    });
    // All nodes of a segment are asked once, for whichever of its networks, and only where nobody is excepted.
    let mut with_all_nodes = BTreeSet::new();
    let is_once = |sweep: &Background| {
        let segment = permit.network(sweep.network).segment;
        sweep.question != Question::AllNodes || (permit.allows_everybody(segment) && with_all_nodes.insert(segment))
    };
    sweeps.filter(is_once).collect()
}
