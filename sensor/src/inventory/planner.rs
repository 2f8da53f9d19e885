//! The planner: whether, whom, when and how to ask. Pure: sightings, events and time in, probes out. Its verbs are
//! `observe`, `consider`, `check`, `plan` and `poll_timeout`; the rules stand in the leaves.
//!
//! Order of urgency: conflict checks, new and doubtful hosts, presence rounds, descriptions again, sweeps. Every probe
//! passes the owner's rules (`permit.rs`) and three buckets (`bucket.rs`): the sensor's, its network's, its host's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use self::agenda::Agenda;
use self::background::{ANSWER_WINDOW, Background};
pub use self::bucket::Cost;
use self::bucket::{Bucket, HostBuckets};
use self::check::Check;
use self::learn::Said;
use self::permit::Permit;
use self::steady::Steady;
use self::sweep::Standing;
use self::table::Targets;
use self::target::{Address, Channel, Class, Job, Target, Wait};
use super::event::{Event, Kind};
use super::policy::Policy;
use super::probe::{Probe, Question, Technique};
use super::sighting::Sighting;
use super::state::Rows;
use crate::types::{Mac, Segment, Timestamp};

/// Who waits for what.
mod agenda;
/// A network's sweep over its interval.
mod background;
/// Token buckets.
mod bucket;
/// Conflict checks.
mod check;
/// Order and jitter.
mod keyed;
/// What a sighting tells the planner.
mod learn;
/// Whether an address may be asked.
mod permit;
/// Time that does not jump.
mod steady;
/// Every address of a prefix once.
pub mod sweep;
/// The targets.
mod table;
/// One target.
mod target;
#[cfg(test)]
mod tests;

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
    checks: BTreeMap<Address, Check>,
    sensor: Bucket,
    networks: Vec<Bucket>,
    hosts: HostBuckets,
    sweeps: Vec<Background>,
    silences: Vec<Silence>,
    answers: Answers,
    /// Until when not everything was heard.
    deaf_until: Option<Timestamp>,
    /// When work that is due now can go on: room or packets were missing.
    resume_at: Option<Timestamp>,
}

/// What became of a target's turn.
enum Turn {
    /// The sensor's bucket lacks packets until then.
    Drained(Timestamp),
    /// It sent, or gave up its turn.
    Over,
    /// Its network's bucket lacks packets until then.
    Shut(Timestamp),
}

/// Conflict checks at a time, as many as the correlator has disputes.
const CHECKS_MAX: usize = 1024;
/// Due targets that are looked at in one call.
const RIPEN_MAX: usize = 16_384;
/// A new host's own chatter is over after this, and a random part of as much again.
const CHATTER: Duration = Duration::from_secs(2);
const CHATTER_JITTER: Duration = Duration::from_secs(3);
/// A port that was found closed is asked again after this.
const DOUBT: Duration = Duration::from_secs(10);
/// A round whose end is found this late may have unread answers; it is given as long again.
const FOUND_LATE: Duration = Duration::from_secs(1);
const EXTENSION: Duration = Duration::from_secs(3);
/// A host whose bucket is empty is looked at again after this at the latest.
const HOST_WAIT_MAX: Duration = Duration::from_secs(3600);
/// Silences that wait to be taken.
const SILENCES_MAX: usize = 65_536;

impl Planner {
    /// Nothing is known yet. `key` gives order and jitter: the same key and inputs, the same probes.
    pub fn new(policy: Policy, key: u64, now: Timestamp) -> Self {
        let sweeps = policy.networks.iter().enumerate().filter_map(|(place, network)| {
            Background::new(place, network, policy.rate_per_s, policy.host_per_hour, key, now)
        });
        Self {
            key,
            clock: Steady::new(now),
            targets: Targets::default(),
            agenda: Agenda::new(policy.networks.len()),
            checks: BTreeMap::new(),
            sensor: Bucket::per_second(policy.rate_per_s),
            networks: policy.networks.iter().map(|network| Bucket::per_second(network.rate_per_s)).collect(),
            hosts: HostBuckets::per_hour(policy.host_per_hour),
            sweeps: sweeps.collect(),
            silences: Vec::new(),
            answers: Answers::default(),
            deaf_until: None,
            resume_at: None,
            permit: Permit::new(policy),
        }
    }

    /// Local time is this far east of UTC, in seconds: quiet hours are local.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        self.permit.set_utc_offset_s(seconds);
    }

    /// What was known before becomes targets again, the latest seen first. Rounds and descriptions are spread over their
    /// intervals, because nobody was listening in between.
    pub fn restore(&mut self, rows: &Rows, now: Timestamp) {
        self.tick(now);
        for known in learn::known(rows) {
            let address = Address { segment: known.segment, ip: known.ip };
            if known.macs.iter().any(|mac| !self.permit.allows_station(*mac)) {
                self.targets.shun(address, self.clock.now());
            }
            let Some(place) = self.place(address) else { continue };
            if self.targets.is_full() {
                break;
            }
            let now = self.clock.now();
            let network = self.permit.network(place);
            let jitter = |span, purpose| now.after(keyed::part(span, keyed::number(self.key, address, purpose)));
            let mut target = Target::new(place, known.macs.first().copied(), now);
            target.is_new = false;
            target.describe_at = jitter(network.describe_every, 1);
            target.round_at = jitter(network.gone_after, 2);
            target.heard = Timestamp::from_nanos(i64::MIN);
            target.open_port = known.open_port;
            let due = target.describe_at.min(target.round_at);
            self.insert(address, target, Wait::Until(due));
        }
    }

    /// Takes in a sighting (not of our own stations). Whether it answers a probe of ours: in time, and the first to do so.
    pub fn observe(&mut self, sighting: &Sighting, now: Timestamp) -> bool {
        self.tick(now);
        let Some(ip) = sighting.ip else { return false };
        let address = Address { segment: sighting.segment, ip };
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
            let address = Address { segment, ip };
            if let Some(place) = self.place(address) {
                self.describe_soon(address, place, event.mac);
            }
        }
    }

    /// An address is claimed by two stations: both are asked within two seconds. Whether that is allowed there, as far as
    /// rules go; buckets may still withhold questions.
    pub fn check(&mut self, segment: Segment, ip: IpAddr, holders: [Mac; 2], now: Timestamp) -> bool {
        self.tick(now);
        let address = Address { segment, ip };
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
        let address = Address { segment, ip };
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
        self.place(Address { segment, ip }).is_some()
            && mac.is_none_or(|mac| self.permit.allows_station(mac))
            && !self.permit.is_quiet(self.clock.wall())
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
        let wake = self.wake(self.clock.wall());
        self.clock.advance(now, wake);
    }

    /// When there is work next, in steady time. In quiet hours only the ends of rounds are.
    fn wake(&self, wall: Timestamp) -> Option<Timestamp> {
        let timer = self.agenda.first_timer().map(|(at, _)| at);
        let sweep = self.sweeps.iter().map(|sweep| sweep.next_at).min();
        let check = self.checks.iter().map(|(address, check)| check.wake_at(address.ip)).min();
        if self.permit.is_quiet(wall) {
            let has_work = self.agenda.has_turns() || sweep.is_some() || check.is_some();
            let end = has_work.then(|| self.clock.now().after(self.permit.quiet_end(wall).since(wall)));
            return [timer, end].into_iter().flatten().min();
        }
        // A check or a sweep that waits for packets does not hurry.
        let resume = self.resume_at;
        let held = |at: Timestamp| resume.filter(|resume| at <= self.clock.now() && *resume > at).unwrap_or(at);
        [timer, resume, sweep.map(held), check.map(held)].into_iter().flatten().min()
    }

    /// The network under whose rules the address may be asked, unless a station that never is was heard with it.
    fn place(&self, address: Address) -> Option<usize> {
        let place = self.permit.place(address.segment, address.ip)?;
        (!self.targets.is_shunned(&address, self.clock.now())).then_some(place)
    }

    fn hear_answer(&mut self, address: Address, channel: Channel, mac: Mac) -> bool {
        let standing = self.standing(address, channel, mac);
        let (count, is_answer) = match standing {
            Standing::Duplicate => (&mut self.answers.duplicate, false),
            Standing::InTime => (&mut self.answers.in_time, true),
            Standing::Late => (&mut self.answers.late, false),
            Standing::Unasked => (&mut self.answers.unasked, false),
        };
        *count += 1;
        is_answer
    }

    /// The best explanation of an answer: a check's question to this station, the target's own, a sweep's.
    fn standing(&mut self, address: Address, channel: Channel, mac: Mac) -> Standing {
        let now = self.clock.now();
        let of_check = match self.checks.get_mut(&address) {
            Some(check) if channel == Channel::Wire => check.hear(mac),
            _ => None,
        };
        let of_target = || self.targets.get_mut(&address).and_then(|target| target.hear_answer(channel));
        if let Some((asked_at, was_answered)) = of_check.or_else(of_target) {
            return match (was_answered, now.since(asked_at) <= ANSWER_WINDOW) {
                (true, _) => Standing::Duplicate,
                (false, true) => Standing::InTime,
                (false, false) => Standing::Late,
            };
        }
        let Some(place) = self.permit.place(address.segment, address.ip) else { return Standing::Unasked };
        // An address that was a target already when its turn came was left out if it was fresh: its own record decides.
        let of_channel = |sweep: &&Background| Channel::of(&sweep.question) == channel;
        let of_place = |sweep: &&Background| {
            sweep.network == place
                || (sweep.question == Question::AllNodes
                    && self.permit.network(sweep.network).segment == address.segment)
        };
        let sweep = self.sweeps.iter().filter(of_channel).find(of_place);
        let standing = sweep.map_or(Standing::Unasked, |sweep| sweep.standing(address.ip, now));
        if standing == Standing::InTime
            && let Some(target) = self.targets.get_mut(&address)
        {
            target.note_answered(channel, now);
        }
        standing
    }

    fn learn(&mut self, address: Address, sighting: &Sighting, said: &Said, is_answer: bool) {
        let now = self.clock.now();
        let Some(place) = self.permit.place(address.segment, address.ip) else { return };
        if !said.is_heard && !said.is_learnt {
            return;
        }
        if [sighting.mac, sighting.frame_mac].iter().any(|mac| !self.permit.allows_station(*mac)) {
            self.forget(&address);
            self.targets.shun(address, now);
            return;
        }
        self.sweeps.iter_mut().filter(|sweep| sweep.network == place).for_each(|sweep| sweep.hear(address.ip, now));
        let mac = Some(said.mac).filter(|mac| mac.is_station());
        if let Some(target) = self.targets.get_mut(&address) {
            if said.is_heard {
                target.hear(now);
                // Once heard it may be overdue for a description, and its timer may be a day away.
                let due = now.after(self.permit.network(target.network).gone_after);
                self.wake_idle(address, due);
            }
        } else if said.is_learnt && !self.targets.is_shunned(&address, self.clock.now()) {
            self.describe_soon(address, place, mac);
            let channel = said.channel.filter(|_| is_answer);
            if let (Some(channel), Some(target)) = (channel, self.targets.get_mut(&address)) {
                target.note_answered(channel, now);
            }
        }
        if let Some(target) = self.targets.get_mut(&address) {
            target.open_port = said.open_port.or(target.open_port);
        }
        if said.is_learnt && mac.is_some() {
            let over = self.targets.set_mac(&address, mac);
            over.iter().for_each(|address| self.forget(address));
        }
    }

    fn describe_soon(&mut self, address: Address, place: usize, mac: Option<Mac>) {
        let now = self.clock.now();
        let jitter = keyed::part(CHATTER_JITTER, keyed::number(self.key, address, 3));
        let at = now.after(CHATTER).after(jitter);
        match self.targets.get_mut(&address) {
            Some(target) if target.is_new => {}
            Some(target) => {
                target.is_new = true;
                target.describe_at = at;
                self.wake_idle(address, at);
                self.hurry(address);
            }
            None => {
                for old in self.targets.make_room() {
                    self.forget(&old);
                }
                let mac = mac.filter(|mac| mac.is_station());
                let target = Target { describe_at: at, ..Target::new(place, None, now) };
                self.insert(address, target, Wait::Until(at));
                let over = self.targets.set_mac(&address, mac);
                over.iter().for_each(|address| self.forget(address));
            }
        }
    }

    fn insert(&mut self, address: Address, mut target: Target, wait: Wait) {
        let mac = target.mac.take();
        let place = target.network;
        self.agenda.put(address, place, &mut target.wait, wait);
        self.targets.insert(address, target);
        let over = self.targets.set_mac(&address, mac);
        over.iter().for_each(|address| self.forget(address));
    }

    fn forget(&mut self, address: &Address) {
        if let Some(mut target) = self.targets.remove(address) {
            self.agenda.put(*address, target.network, &mut target.wait, Wait::Nowhere);
        }
    }

    /// Lets an idle target wake no later than `at`.
    fn wake_idle(&mut self, address: Address, at: Timestamp) {
        if let Some(target) = self.targets.get_mut(&address)
            && matches!(target.job, Job::Idle)
            && matches!(target.wait, Wait::Until(until) if until > at)
        {
            self.agenda.put(address, target.network, &mut target.wait, Wait::Until(at));
        }
    }

    /// A target that became new while it waits for its turn waits in the first class from now on.
    fn hurry(&mut self, address: Address) {
        if let Some(target) = self.targets.get_mut(&address)
            && let Wait::Turn(class, since) = target.wait
            && class != target.class()
        {
            let class = target.class();
            self.agenda.put(address, target.network, &mut target.wait, Wait::Turn(class, since));
        }
    }

    fn ripen_due(&mut self) {
        for _ in 0..RIPEN_MAX {
            match self.agenda.first_timer() {
                Some((at, address)) if at <= self.clock.now() => self.ripen(address, at),
                _ => return,
            }
        }
    }

    /// A target's moment has come: it gets a turn, or its timer is set anew because it was heard meanwhile.
    fn ripen(&mut self, address: Address, at: Timestamp) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let Some(target) = self.targets.get_mut(&address) else { return };
        let network = self.permit.network(target.network);
        let mut silence = None;
        if let Job::Round(round) = &mut target.job {
            let question_is_left = round.is_left(network, address.ip, !self.permit.ports(target.network).is_empty());
            if target.heard >= round.begun {
                target.job = Job::Idle;
            } else if self.deaf_until.is_some_and(|deaf_until| deaf_until >= round.begun) {
                target.job = Job::Idle;
                target.retry_round(network, now);
            } else if now.since(round.last_sent) > Duration::from_secs(60) && question_is_left {
                // Interrupted for long, by quiet hours or an empty bucket: what was asked first is no longer news.
                target.job = Job::Idle;
            } else if !question_is_left {
                if now.since(at) > FOUND_LATE && !round.is_extended {
                    round.is_extended = true;
                    let until = Wait::Until(now.after(EXTENSION));
                    return self.agenda.put(address, target.network, &mut target.wait, until);
                }
                let techniques = std::mem::take(&mut round.sent);
                let since = round.begun_wall;
                target.job = Job::Idle;
                match techniques.len() {
                    0 => target.retry_round(network, now),
                    1 if ways_of(network, address.ip, self.permit.ports(target.network).len()) > 1 => {
                        target.retry_round(network, now);
                    }
                    // The network has one technique only: silence proves nothing, but there is no use in hurrying.
                    1 => target.give_up(network, now),
                    _ => {
                        target.give_up(network, now);
                        let Address { segment, ip } = address;
                        silence = Some(Silence { segment, ip, techniques, since, gone_after: network.gone_after });
                    }
                }
            }
        }
        if self.silences.len() < SILENCES_MAX {
            self.silences.extend(silence);
        }
        let wait = if target.free_at > now {
            Wait::Until(target.free_at)
        } else if !matches!(target.job, Job::Idle) {
            Wait::Turn(target.class(), now)
        } else {
            match target.begin(network, now, wall) {
                Ok(()) => Wait::Turn(target.class(), now),
                Err(until) => Wait::Until(until),
            }
        };
        self.agenda.put(address, target.network, &mut target.wait, wait);
    }

    /// Whether everything that was due was asked.
    fn plan_checks(&mut self, limit: usize, shut: &mut [bool], out: &mut Vec<Probe>) -> bool {
        let now = self.clock.now();
        let addresses: Vec<Address> = self.checks.keys().copied().collect();
        for address in addresses {
            let Some(place) = self.place(address) else {
                self.checks.remove(&address);
                continue;
            };
            while let Some(question) = self.checks.get_mut(&address).and_then(|check| check.due(address.ip, now)) {
                if out.len() >= limit {
                    return false;
                }
                let cost = Cost::of(&question);
                let host_at = self.hosts.ready_at(address, cost.host, now);
                if host_at.is_none_or(|at| at > now) {
                    self.advance_check(address, None);
                    continue;
                }
                if let Some(at) = self.missing(place, cost, now) {
                    self.resume_no_later(at);
                    if self.sensor.ready_at(cost.sensor) > now {
                        return false;
                    }
                    shut[place] = true;
                    break;
                }
                self.take(address, place, cost, now);
                self.advance_check(address, Some(now));
                if let Some(target) = self.targets.get_mut(&address) {
                    target.free_at = target.free_at.max(now.after(target::SPACING));
                }
                out.push(Probe { segment: address.segment, ip: address.ip, question });
            }
        }
        true
    }

    fn advance_check(&mut self, address: Address, sent_at: Option<Timestamp>) {
        if let Some(check) = self.checks.get_mut(&address) {
            check.advance(sent_at);
        }
    }

    fn plan_targets(&mut self, limit: usize, shut: &mut [bool], out: &mut Vec<Probe>) -> bool {
        for class in Class::ALL {
            while let Some(address) = self.agenda.first_turn(class, |place| !shut[place]) {
                if out.len() >= limit {
                    return false;
                }
                match self.serve(address, out) {
                    Turn::Over => {}
                    Turn::Drained(at) => {
                        self.resume_no_later(at);
                        return false;
                    }
                    Turn::Shut(at) => {
                        self.resume_no_later(at);
                        if let Some(target) = self.targets.get_mut(&address) {
                            shut[target.network] = true;
                        }
                    }
                }
            }
        }
        true
    }

    /// A target has its turn: one question, if there are packets for it.
    fn serve(&mut self, address: Address, out: &mut Vec<Probe>) -> Turn {
        let now = self.clock.now();
        let place_now = self.place(address);
        let Some(target) = self.targets.get_mut(&address) else { return Turn::Over };
        let place = target.network;
        if place_now != Some(place) || target.mac.is_some_and(|mac| !self.permit.allows_station(mac)) {
            self.forget(&address);
            return Turn::Over;
        }
        let is_stale = match &target.job {
            Job::Round(round) => target.heard >= round.begun || now.since(round.last_sent) > Duration::from_secs(60),
            _ => target.free_at > now,
        };
        if is_stale {
            // Heard while it waited for its turn, or asked by a check: looked at anew.
            let until = Wait::Until(now.max(target.free_at));
            if let Job::Round(_) = target.job {
                target.job = Job::Idle;
            }
            self.agenda.put(address, place, &mut target.wait, until);
            return Turn::Over;
        }
        let network = self.permit.network(place);
        let packets_max = self.sensor.burst().min(self.networks[place].burst()).min(self.hosts.burst());
        let has_ports = !self.permit.ports(place).is_empty();
        let Some(question) = target.question(address, &self.permit, packets_max) else {
            target.finish(network, self.key, address, now);
            self.agenda.put(address, place, &mut target.wait, Wait::Until(now));
            return Turn::Over;
        };
        let cost = Cost::of(&question);
        let host_at = self.hosts.ready_at(address, cost.host, now);
        let is_round = matches!(target.job, Job::Round(_));
        match host_at {
            Some(at) if at <= now => {}
            Some(at) if !is_round => {
                let at = at.min(now.after(HOST_WAIT_MAX));
                self.agenda.put(address, place, &mut target.wait, Wait::Until(at));
                return Turn::Over;
            }
            // A question that never fits, or a round that cannot wait: left out.
            Some(_) | None => {
                let next = target.advance(address, network, has_ports, &question, false, now);
                self.agenda.put(address, place, &mut target.wait, Wait::Until(next));
                return Turn::Over;
            }
        }
        if self.sensor.ready_at(cost.sensor) > now {
            return Turn::Drained(self.sensor.ready_at(cost.sensor));
        }
        if self.networks[place].ready_at(cost.host) > now {
            return Turn::Shut(self.networks[place].ready_at(cost.host));
        }
        let next = target.advance(address, network, has_ports, &question, true, now);
        self.agenda.put(address, place, &mut target.wait, Wait::Until(next));
        self.take(address, place, cost, now);
        out.push(Probe { segment: address.segment, ip: address.ip, question });
        Turn::Over
    }

    fn plan_sweeps(&mut self, limit: usize, shut: &[bool], out: &mut Vec<Probe>) -> bool {
        let now = self.clock.now();
        for number in 0..self.sweeps.len() {
            let place = self.sweeps[number].network;
            if shut[place] || self.sweeps[number].next_at > now {
                continue;
            }
            if out.len() >= limit {
                return false;
            }
            let question = self.sweeps[number].question.clone();
            let cost = Cost::of(&question);
            if let Some(at) = self.missing(place, cost, now) {
                self.resume_no_later(at);
                continue;
            }
            let Some(address) = self.next_swept(number) else { continue };
            if question != Question::AllNodes {
                // Only hosts that are asked otherwise have a bucket; a sweep alone comes round seldom enough.
                if self.targets.contains(&address) {
                    self.hosts.take(address, cost.host, now);
                }
                if let Some(target) = self.targets.get_mut(&address) {
                    target.note_sent(&question, now);
                }
            }
            self.sensor.take(cost.sensor, now);
            self.networks[place].take(cost.host, now);
            out.push(Probe { segment: address.segment, ip: address.ip, question });
        }
        true
    }

    fn next_swept(&mut self, number: usize) -> Option<Address> {
        let now = self.clock.now();
        let (place, fresh) = (self.sweeps[number].network, self.sweeps[number].fresh);
        let segment = self.permit.network(place).segment;
        let (permit, targets, hosts) = (&self.permit, &self.targets, &mut self.hosts);
        let may_ask = |ip| {
            let address = Address { segment, ip: IpAddr::V4(ip) };
            permit.place(segment, address.ip) == Some(place)
                && !targets.is_shunned(&address, now)
                && targets.get(&address).is_none_or(|target| now.since(target.heard) > fresh && target.free_at <= now)
                && hosts.ready_at(address, 1, now).is_some_and(|at| at <= now)
        };
        let ip = self.sweeps[number].next(now, may_ask)?;
        let may_ask = ip.is_ipv4() || permit.allows_everybody(segment);
        may_ask.then_some(Address { segment, ip })
    }

    /// Until when the sensor's or the network's bucket lacks packets.
    fn missing(&self, place: usize, cost: Cost, now: Timestamp) -> Option<Timestamp> {
        let at = self.sensor.ready_at(cost.sensor).max(self.networks[place].ready_at(cost.host));
        Some(at).filter(|at| *at > now)
    }

    fn take(&mut self, address: Address, place: usize, cost: Cost, now: Timestamp) {
        self.sensor.take(cost.sensor, now);
        self.networks[place].take(cost.host, now);
        self.hosts.take(address, cost.host, now);
    }

    fn resume_no_later(&mut self, at: Timestamp) {
        self.resume_at = Some(self.resume_at.map_or(at, |resume| resume.min(at)));
    }
}

fn ways_of(network: &super::policy::Network, ip: IpAddr, ports: usize) -> usize {
    target::presence_ways(network, ip, ports > 0).len()
}
