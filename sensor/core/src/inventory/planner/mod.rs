//! The planner: whether, whom, when and how to ask. Pure: sightings, events and time in, probes out. Its verbs are
//! `observe`, `consider`, `check`, `plan` and `poll_timeout`; the rules stand in the leaves.
//!
//! Order of urgency: conflict checks, new and doubtful hosts, presence rounds, descriptions again, sweeps. Every probe
//! passes the owner's rules (`permit.rs`) and three buckets (`bucket.rs`): the sensor's, its network's, its host's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::event::{Event, Kind};
use crate::inventory::model::rows::Rows;
use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::agenda::Agenda;
use crate::inventory::planner::background::Background;
use crate::inventory::planner::bucket::Bucket;
use crate::inventory::planner::bucket::HostBuckets;
use crate::inventory::planner::check::Check;
use crate::inventory::planner::monotonic::Steady;
use crate::inventory::planner::observation::Said;
use crate::inventory::planner::permit::Permit;
use crate::inventory::planner::policy::{Network, Policy};
use crate::inventory::planner::probe::{Probe, Question, Technique};
use crate::inventory::planner::target::{Job, Target, Wait};
use crate::inventory::planner::targets::Targets;
use crate::inventory::sighting::Sighting;
use crate::types::{Mac, Segment, Timestamp};

/// Who waits for what.
pub mod agenda;
/// A network's sweep over its interval.
pub mod background;
/// Token buckets.
pub mod bucket;
/// Conflict checks.
pub mod check;
/// Addresses of stations that are never asked.
pub mod excluded;
/// Whether something may be asked: the owner's rules, without budgets.
pub mod permit;
/// Every address of a prefix once.
pub mod sweep;
/// One target.
pub mod target;
#[cfg(test)]
mod tests;

/// What may be asked.
pub mod policy;
/// What is asked.
pub mod probe;
/// What is heard.
pub mod answers;
/// What a sighting tells the planner.
pub mod observation;
/// Who is due asks.
pub mod schedule;
/// Order and jitter.
pub mod jitter;
/// Time that does not jump.
pub mod monotonic;
/// The targets.
pub mod targets;

/// What the planner knows of one address.
pub mod address;
/// What a probe costs, in packets.
pub mod cost;

/// A presence round ended, and nothing at all was heard of the address since it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Where.
    pub segment: Segment,
    /// The address.
    pub ip: IpAddr,
    /// By what it was asked, two or more.
    pub techniques: BTreeSet<Technique>,
    /// When the round began, on the wall clock.
    pub since: Timestamp,
    /// The network's setting.
    pub gone_after: Duration,
}

/// Answers heard, told apart. Replies to questions of others that pass on the wire count as unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// In time, the first to its question.
    pub in_time: u64,
    /// Its question was answered before.
    pub duplicate: u64,
    /// Later than five seconds after its question.
    pub late: u64,
    /// Nothing was asked: forged, or meant for others.
    pub unasked: u64,
}

/// The state machine.
#[derive(Debug)]
pub struct Planner {
    permit: Permit,
    key: u64,
    clock: Steady,
    targets: Targets,
    agenda: Agenda,
    checks: BTreeMap<SegmentAddress, Check>,
    sensor: Bucket,
    networks: Vec<Bucket>,
    hosts: HostBuckets,
    sweeps: Vec<Background>,
    /// The last first.
    resting: Vec<Resting>,
    silences: Vec<Silence>,
    answers: Answers,
    /// Until when not everything was heard.
    deaf_until: Option<Timestamp>,
    /// When work that is due now can go on: room or packets were missing.
    resume_at: Option<Timestamp>,
}

/// A network that may not be asked any more. An interface that loses its addresses for a moment is no reason to begin anew
/// with what they led to.
#[derive(Debug)]
struct Resting {
    network: Network,
    bucket: Bucket,
    sweep: Option<Background>,
}

/// Conflict checks at a time, as many as the correlator has disputes.
const CHECKS_MAX: usize = 1024;
/// `plan` wants to be called this often even without work, so that little is believed of a clock that is set.
const REST_MAX: Duration = Duration::from_secs(600);
/// Networks that are remembered.
const RESTING_MAX: usize = 16;
/// A port that was found closed is asked again after this.
const DOUBT: Duration = Duration::from_secs(10);

impl Planner {
    /// Nothing is known yet. `key` gives order and jitter: the same key and inputs, the same probes.
    pub fn new(policy: Policy, key: u64, now: Timestamp) -> Self {
        let permit = Permit::new(policy);
        let policy = permit.policy();
        Self {
            key,
            clock: Steady::new(now),
            targets: Targets::default(),
            agenda: Agenda::new(policy.networks.len()),
            checks: BTreeMap::new(),
            sensor: Bucket::per_second(policy.rate_per_s),
            networks: buckets(policy),
            hosts: HostBuckets::per_hour(policy.host_per_hour),
            sweeps: sweeps(&permit, key, now),
            resting: Vec::new(),
            silences: Vec::new(),
            answers: Answers::default(),
            deaf_until: None,
            resume_at: None,
            permit,
        }
    }

    /// Local time is this far east of UTC, in seconds: quiet hours are local.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        self.permit.set_utc_offset_s(seconds);
    }

    /// What may be asked is this from now on. Who may still be asked keeps his turn, and what was spent stays spent.
    pub fn set_policy(&mut self, policy: Policy, now: Timestamp) {
        self.tick(now);
        let now = self.clock.now();
        let before = self.permit.set_policy(policy).networks;
        let policy = self.permit.policy();
        let place = |network| policy.networks.iter().position(|new| new == network);
        let places: Vec<Option<usize>> = before.iter().map(place).collect();
        let buckets = std::mem::replace(&mut self.networks, buckets(policy));
        let mut sweeps = std::mem::replace(&mut self.sweeps, sweeps(&self.permit, self.key, now));
        let mut sweep_of = |place| Some(sweeps.swap_remove(sweeps.iter().position(|sweep| sweep.network == place)?));
        let left = before.into_iter().zip(buckets).enumerate();
        let left = left.map(|(place, (network, bucket))| Resting { network, bucket, sweep: sweep_of(place) });
        let mut resting: Vec<Resting> = left.chain(std::mem::take(&mut self.resting)).collect();
        for (place, network) in policy.networks.iter().enumerate() {
            let Some(at) = resting.iter().position(|left| left.network == *network) else { continue };
            let Resting { bucket, sweep, .. } = resting.remove(at);
            self.networks[place] = bucket;
            let new = self.sweeps.iter_mut().find(|new| new.network == place);
            if let (Some(new), Some(sweep)) = (new, sweep) {
                *new = sweep;
                new.network = place;
            }
        }
        resting.truncate(RESTING_MAX);
        self.resting = resting;
        self.agenda = Agenda::new(self.networks.len());
        for address in self.targets.addresses() {
            let place = self.place(address);
            match (place, self.targets.get_mut(&address)) {
                (Some(place), Some(target)) => {
                    let wait = target.change_network(place, places[target.network] == Some(place), now);
                    self.agenda.put(address, place, &mut target.wait, wait);
                }
                _ => drop(self.targets.remove(&address)),
            }
        }
        self.checks =
            std::mem::take(&mut self.checks).into_iter().filter(|(at, _)| self.place(*at).is_some()).collect();
        self.resume_at = None;
    }

    /// What was known before becomes targets, the latest seen first. Rounds and descriptions are spread over their
    /// intervals, because nobody was listening in between.
    pub fn restore(&mut self, rows: &Rows, now: Timestamp) {
        self.tick(now);
        for known in observation::known(rows) {
            let address = SegmentAddress { segment: known.segment, ip: known.ip };
            if known.macs.iter().any(|mac| !self.permit.allows_station(*mac)) {
                self.permit.exclude(address, self.clock.now());
            }
            let Some(place) = self.place(address).filter(|_| !self.targets.contains(&address)) else { continue };
            if self.targets.is_full() {
                break;
            }
            let age = self.clock.wall().since(known.last_seen);
            let now = self.clock.now();
            let network = self.permit.network(place);
            let jitter = |span, purpose| now.after(jitter::part(span, jitter::number(self.key, address, purpose)));
            let mut target = Target::new(place, known.macs.first().copied(), now);
            target.is_new = false;
            target.describe_at = jitter(network.describe_every, 1);
            target.round_at = jitter(network.gone_after, 2);
            target.heard = before(now, age);
            target.open_port = known.open_port;
            let due = target.describe_at.min(target.round_at);
            self.insert(address, target, Wait::Until(due));
        }
    }

    /// Takes in a sighting (not of our own stations). Whether it answers a probe of ours: in time, and the first to do so.
    pub fn observe(&mut self, sighting: &Sighting, now: Timestamp) -> bool {
        self.tick(now);
        let Some(ip) = sighting.ip else { return false };
        let address = SegmentAddress { segment: sighting.segment, ip };
        let said = Said::by(sighting, &self.permit.policy().own_ips);
        let is_answer = said.channel.is_some_and(|channel| self.hear_answer(address, channel, said.mac));
        self.learn(address, sighting, &said, is_answer);
        is_answer
    }

    /// Takes in an event: an address in doubt is described ahead of routine work.
    pub fn consider(&mut self, event: &Event, now: Timestamp) {
        self.tick(now);
        let is_doubtful = matches!(
            event.kind,
            Kind::ChangedMac | Kind::FlipFlop | Kind::HostBack | Kind::NewAddress | Kind::NewHost | Kind::ReusedMac
        );
        if let (true, Some(segment), Some(ip)) = (is_doubtful, event.segment, event.ip) {
            let address = SegmentAddress { segment, ip };
            if let Some(place) = self.place(address) {
                self.describe_soon(address, place, event.mac);
            }
        }
    }

    /// An address is claimed by two stations: both are asked within two seconds. Whether that is allowed there, as far as
    /// rules go; buckets may still withhold questions.
    pub fn check(&mut self, segment: Segment, ip: IpAddr, holders: [Mac; 2], now: Timestamp) -> bool {
        self.tick(now);
        let address = SegmentAddress { segment, ip };
        let Some(place) = self.place(address) else { return false };
        let network = self.permit.network(place);
        let technique = if ip.is_ipv4() { Technique::Arp } else { Technique::Ndp };
        let may_check = network.attached
            && permit::has(network, technique)
            && check::is_checkable(holders)
            && holders.iter().all(|mac| self.permit.allows_station(*mac))
            && !self.permit.is_quiet(self.clock.wall())
            && (self.checks.len() < CHECKS_MAX || self.checks.contains_key(&address));
        if may_check {
            self.checks.insert(address, Check::new(holders, self.clock.now()));
        }
        may_check
    }

    /// Until `at` not everything was heard (frames were lost, an interface was down): silence since before then proves
    /// nothing, and rounds under way start anew.
    pub fn set_deaf(&mut self, at: Timestamp) {
        let ahead = at.since(self.clock.wall());
        self.deaf_until = self.deaf_until.max(Some(self.clock.now().after(ahead)));
    }

    /// A port that was open was found closed: it is asked again soon. Whether it may be.
    pub fn confirm(&mut self, segment: Segment, ip: IpAddr, port: u16, now: Timestamp) -> bool {
        self.tick(now);
        let address = SegmentAddress { segment, ip };
        let now = self.clock.now();
        let Some(target) = self.targets.get_mut(&address) else { return false };
        if !self.permit.ports(target.network).contains(&port) {
            return false;
        }
        target.doubt(port, now.after(DOUBT));
        self.wake_idle(address, now.after(DOUBT));
        true
    }

    /// Whether every rule but the buckets lets the address (and the station, where it is known) be asked, at the time of
    /// the last call.
    pub fn may_ask(&self, segment: Segment, ip: IpAddr, mac: Option<Mac>) -> bool {
        let address = SegmentAddress { segment, ip };
        self.permit.allows_address(address, mac, self.clock.now()).is_ok() && !self.permit.is_quiet(self.clock.wall())
    }

    /// At most `room` probes that are due now, the most urgent first, appended to `out`.
    pub fn plan(&mut self, now: Timestamp, room: usize, out: &mut Vec<Probe>) {
        self.tick(now);
        self.resume_at = None;
        self.ripen_due();
        self.checks.retain(|_, check| !check.is_forgotten(self.clock.now()));
        if self.permit.is_quiet(self.clock.wall()) {
            return;
        }
        let limit = out.len().saturating_add(room);
        let mut shut = vec![false; self.networks.len()];
        let is_done = self.plan_checks(limit, &mut shut, out)
            && self.plan_targets(limit, &mut shut, out)
            && self.plan_sweeps(limit, &shut, out);
        if !is_done && self.resume_at.is_none() {
            // Only room was missing.
            self.resume_at = Some(self.clock.now());
        }
    }

    /// Presence rounds that ended in silence, since the last call.
    pub fn take_silences(&mut self) -> Vec<Silence> {
        std::mem::take(&mut self.silences)
    }

    /// When `plan` has work next; a moment that has passed means now.
    pub fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        self.wake(now).map(|wake| self.clock.to_wall(wake, now))
    }

    /// What became of answers so far.
    pub fn answers(&self) -> Answers {
        self.answers
    }

    /// Addresses that are looked after.
    pub fn targets(&self) -> usize {
        self.targets.len()
    }

    fn tick(&mut self, now: Timestamp) {
        let wake = self.wake(self.clock.wall()).unwrap_or(self.clock.now().after(REST_MAX));
        self.clock.advance(now, wake);
    }

    /// When there is work next, in steady time. In quiet hours only the ends of rounds are.
    fn wake(&self, wall: Timestamp) -> Option<Timestamp> {
        let timer = self.agenda.first_timer().map(|(at, _)| at);
        let sweep = self.sweeps.iter().map(|sweep| sweep.next_at).min();
        let check = self.checks.iter().map(|(address, check)| check.wake_at(address.ip)).min();
        let rest = self.clock.now().after(REST_MAX);
        if self.permit.is_quiet(wall) {
            let has_work = self.agenda.has_turns() || sweep.is_some() || check.is_some();
            let end = has_work.then(|| self.clock.now().after(self.permit.quiet_end(wall).since(wall)));
            return [timer, end].into_iter().flatten().min().map(|wake| wake.min(rest));
        }
        // A check or a sweep that waits for packets does not hurry.
        let resume = self.resume_at;
        let held = |at: Timestamp| resume.filter(|resume| at <= self.clock.now() && *resume > at).unwrap_or(at);
        let work = [timer, resume, sweep.map(held), check.map(held)].into_iter().flatten().min();
        work.map(|wake| wake.min(rest))
    }

    /// The network under whose rules the address may be asked, unless a station that never is was heard with it.
    fn place(&self, address: SegmentAddress) -> Option<usize> {
        self.permit.allows_address(address, None, self.clock.now()).ok()
    }

    fn insert(&mut self, address: SegmentAddress, mut target: Target, wait: Wait) {
        let mac = target.mac.take();
        let place = target.network;
        self.agenda.put(address, place, &mut target.wait, wait);
        self.targets.insert(address, target);
        let over = self.targets.set_mac(&address, mac);
        over.iter().for_each(|address| self.forget(address));
    }

    fn forget(&mut self, address: &SegmentAddress) {
        if let Some(mut target) = self.targets.remove(address) {
            self.agenda.put(*address, target.network, &mut target.wait, Wait::Nowhere);
        }
    }

    /// Lets an idle target wake no later than `at`.
    fn wake_idle(&mut self, address: SegmentAddress, at: Timestamp) {
        if let Some(target) = self.targets.get_mut(&address)
            && matches!(target.job, Job::Idle)
            && matches!(target.wait, Wait::Until(until) if until > at)
        {
            self.agenda.put(address, target.network, &mut target.wait, Wait::Until(at));
        }
    }

    /// A target that became new while it waits for its turn waits in the first class from now on.
    fn hurry(&mut self, address: SegmentAddress) {
        if let Some(target) = self.targets.get_mut(&address)
            && let Wait::Turn(class, since) = target.wait
            && class != target.class()
        {
            let class = target.class();
            self.agenda.put(address, target.network, &mut target.wait, Wait::Turn(class, since));
        }
    }
}

/// The networks' buckets, full.
fn buckets(policy: &Policy) -> Vec<Bucket> {
    policy.networks.iter().map(|network| Bucket::per_second(network.rate_per_s)).collect()
}

/// The networks' sweeps, at their beginning.
fn sweeps(permit: &Permit, key: u64, now: Timestamp) -> Vec<Background> {
    let policy = permit.policy();
    let sweeps = policy.networks.iter().enumerate().filter_map(|(place, network)| {
        Background::new(place, network, policy.rate_per_s, policy.host_per_hour, key, now)
    });
    // All nodes of a segment are asked once, for whichever of its networks, and only where nobody is excepted.
    let mut loud = BTreeSet::new();
    let is_once = |sweep: &Background| {
        let segment = permit.network(sweep.network).segment;
        sweep.question != Question::AllNodes || (permit.allows_everybody(segment) && loud.insert(segment))
    };
    sweeps.filter(is_once).collect()
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    Timestamp::from_nanos(now.as_nanos().saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)))
}
