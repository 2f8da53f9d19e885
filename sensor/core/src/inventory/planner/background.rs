//! The sweep of one network in the background: one address at a time, spread over its interval. Large prefixes are
//! sampled first, and only blocks that show a sign of life are swept completely. IPv6 is not swept: all nodes are asked
//! at once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};

use crate::inventory::planner::jitter::{mix, part};
use crate::inventory::planner::permit::has;
use crate::inventory::planner::policy::Network;
use crate::inventory::planner::probe::{Question, Technique};
use crate::inventory::planner::sweep::{Standing, Step, Sweep};
use crate::types::{Mac, Timestamp};

/// A network's sweep.
#[derive(Debug)]
pub(super) struct Background {
    /// The network's index in the policy.
    pub network: usize,
    /// When its next question is due.
    pub next_at: Timestamp,
    /// Addresses heard this recently are left out.
    pub fresh: Duration,
    /// What it asks.
    pub question: Question,
    /// How many packets it may send to one address in an hour, at most.
    pub hourly: u32,
    interval: Duration,
    gap_min: Duration,
    /// It asks no address again before this has passed.
    again_min: Duration,
    kind: SweepKind,
}

#[derive(Debug)]
enum SweepKind {
    AllNodes { asked_at: Option<Timestamp> },
    V4(Box<Blocks>),
}

/// The sweep of an IPv4 prefix.
#[derive(Debug)]
struct Blocks {
    prefix: Ipv4Net,
    key: u64,
    sample_key: u64,
    began: Timestamp,
    phase: Phase,
    sweep: Sweep,
    /// The pass before this.
    last: Option<Sweep>,
    /// When an address of a /24 block was last heard.
    alive: BTreeMap<u32, Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waits for its next interval.
    Rest,
    /// A few addresses of every block.
    Sample,
    /// Every address of every block, or of those that show life.
    Whole,
}

/// Prefixes shorter than this are sampled.
const SAMPLED_BELOW: u8 = 22;
/// Addresses of a /24 block that are sampled, one in 32.
const SAMPLE: u32 = 8;
/// Prefixes shorter than this are swept only where the owner named them.
const NAMED_BELOW: u8 = 16;
/// Prefixes shorter than this are never swept: no interval is long enough.
const NEVER_BELOW: u8 = 8;
/// No network is swept more often: an address that was heard in this time is left out anyway.
const INTERVAL_MIN: Duration = Duration::from_secs(600);
/// A sign of life counts for the interval in which it came and the one after.
const ALIVE_INTERVALS: u32 = 2;
/// Places of the order that are looked at in one call.
const STEPS_MAX: usize = 1024;
const HOUR: Duration = Duration::from_secs(3600);
/// Time until the next look when nobody was found to ask.
const LOOK: Duration = Duration::from_millis(10);
/// The first sweep begins after a random part of this.
const START: Duration = Duration::from_secs(30);
/// Answers are expected within this time.
pub(super) const ANSWER_WINDOW: Duration = Duration::from_secs(5);

impl Background {
    /// The sweep of a network, if it has one. `host_per_hour` and the rates bound how often it asks.
    pub fn new(
        index: usize,
        network: &Network,
        rate_per_s: u32,
        host_per_hour: u32,
        key: u64,
        now: Timestamp,
    ) -> Option<Self> {
        let interval = network.sweep?;
        if network.passive || host_per_hour == 0 {
            return None;
        }
        let again_min = HOUR / host_per_hour;
        let interval = interval.max(INTERVAL_MIN).max(again_min);
        let hourly = u32::try_from(HOUR.as_nanos().div_ceil(interval.as_nanos())).unwrap_or(u32::MAX);
        let key = mix(key ^ mix(index as u64));
        let rate = rate_per_s.min(network.rate_per_s).max(1);
        let (kind, question) = match network.prefix {
            IpNet::V4(prefix) => {
                (SweepKind::V4(Box::new(Blocks::new(prefix, network.named, key, now)?)), v4_question(network)?)
            }
            IpNet::V6(_) => {
                let may_ask = network.attached && has(network, Technique::Icmp);
                (may_ask.then_some(SweepKind::AllNodes { asked_at: None })?, Question::AllNodes)
            }
        };
        Some(Self {
            network: index,
            next_at: now.after(part(START, key)),
            fresh: INTERVAL_MIN.max(interval / 2),
            question,
            hourly,
            interval,
            gap_min: Duration::from_secs(10) / rate,
            again_min,
            kind,
        })
    }

    /// The next address, if one is due and allowed; goes on in any case.
    pub fn next(&mut self, now: Timestamp, may_ask: impl FnMut(Ipv4Addr) -> bool) -> Option<IpAddr> {
        if now < self.next_at {
            return None;
        }
        match &mut self.kind {
            SweepKind::AllNodes { asked_at } => {
                *asked_at = Some(now);
                self.next_at = now.after(self.interval);
                Some(IpAddr::V6(std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)))
            }
            SweepKind::V4(blocks) => {
                let again_min = self.again_min;
                let was_asked =
                    |last: &Sweep, ip| last.asked_between(ip).is_some_and(|(_, latest)| now.since(latest) < again_min);
                let ip = blocks.next(now, self.interval, was_asked, may_ask);
                self.next_at = match (blocks.phase, ip) {
                    (Phase::Rest, _) => blocks.began.after(self.interval).max(now),
                    (_, Some(_)) => now.after(blocks.gap(now, self.interval).max(self.gap_min)),
                    // Nobody was asked here; the search goes on soon.
                    (_, None) => now.after(LOOK),
                };
                ip.map(IpAddr::V4)
            }
        }
    }

    /// Notes that an address of the network was heard.
    pub fn hear(&mut self, ip: IpAddr, now: Timestamp) {
        if let (SweepKind::V4(blocks), IpAddr::V4(ip)) = (&mut self.kind, ip)
            && blocks.prefix.contains(&ip)
        {
            blocks.alive.insert(block(ip), now);
            blocks.sweep.answered(ip);
        }
    }

    /// When the address was last asked, at the latest.
    pub fn asked_at(&self, ip: IpAddr) -> Option<Timestamp> {
        match (&self.kind, ip) {
            (SweepKind::V4(blocks), IpAddr::V4(ip)) => {
                let asked_at = |sweep: &Sweep| sweep.asked_between(ip).map(|(_, latest)| latest);
                asked_at(&blocks.sweep).or_else(|| blocks.last.as_ref().and_then(asked_at))
            }
            _ => None,
        }
    }

    /// Since when, at the earliest, the address has been asked.
    pub fn asked_since(&self, ip: IpAddr) -> Option<Timestamp> {
        let (SweepKind::V4(blocks), IpAddr::V4(ip)) = (&self.kind, ip) else { return None };
        let asked_since = |sweep: &Sweep| sweep.asked_between(ip).map(|(earliest, _)| earliest);
        asked_since(&blocks.sweep).or_else(|| blocks.last.as_ref().and_then(asked_since))
    }

    /// How an answer of the address stands to what was asked.
    pub fn standing(&self, ip: IpAddr, now: Timestamp) -> Standing {
        match (&self.kind, ip) {
            (SweepKind::V4(blocks), IpAddr::V4(ip)) => {
                match (blocks.sweep.standing(ip, now, ANSWER_WINDOW), &blocks.last) {
                    (Standing::Unasked, Some(last)) => last.standing(ip, now, ANSWER_WINDOW),
                    (standing, _) => standing,
                }
            }
            (SweepKind::AllNodes { asked_at: Some(at) }, IpAddr::V6(_)) if now.since(*at) <= ANSWER_WINDOW => {
                Standing::InTime
            }
            (SweepKind::AllNodes { asked_at: Some(_) }, IpAddr::V6(_)) => Standing::Late,
            _ => Standing::Unasked,
        }
    }
}

impl Blocks {
    fn new(prefix: Ipv4Net, named: bool, key: u64, now: Timestamp) -> Option<Self> {
        let len = prefix.prefix_len();
        if len < NEVER_BELOW || (len < NAMED_BELOW && !named) {
            return None;
        }
        Some(Self {
            prefix,
            key,
            sample_key: key,
            began: now,
            phase: Phase::Rest,
            sweep: Sweep::new(prefix, key),
            last: None,
            alive: BTreeMap::new(),
        })
    }

    fn next(
        &mut self,
        now: Timestamp,
        interval: Duration,
        was_asked: impl Fn(&Sweep, Ipv4Addr) -> bool,
        mut may_ask: impl FnMut(Ipv4Addr) -> bool,
    ) -> Option<Ipv4Addr> {
        let (is_sampled, phase) = (self.is_sampled(), self.phase);
        match phase {
            Phase::Rest => {
                // Other samples each time, but the same order, so that each address has its turn once an interval.
                self.sample_key = mix(self.sample_key);
                self.began = now;
                self.last = Some(std::mem::replace(&mut self.sweep, Sweep::new(self.prefix, self.key)));
                let kept = interval.saturating_mul(ALIVE_INTERVALS);
                self.alive.retain(|_, heard| now.since(*heard) <= kept);
                self.phase = if is_sampled { Phase::Sample } else { Phase::Whole };
                return None;
            }
            Phase::Sample if self.sweep.remaining() == 0 => {
                self.sweep.retry();
                self.phase = Phase::Whole;
                return None;
            }
            Phase::Whole if self.sweep.remaining() == 0 => {
                self.phase = Phase::Rest;
                return None;
            }
            Phase::Sample | Phase::Whole => {}
        }
        let (key, alive, last) = (self.sample_key, &self.alive, self.last.as_ref());
        let in_phase = |ip: Ipv4Addr| match (is_sampled, phase) {
            (false, _) => true,
            (true, Phase::Sample) => is_sample(ip, key),
            (true, _) => !is_sample(ip, key) && alive.contains_key(&block(ip)),
        };
        for _ in 0..STEPS_MAX {
            match self
                .sweep
                .step(now, |ip| in_phase(ip) && !last.is_some_and(|last| was_asked(last, ip)) && may_ask(ip))
            {
                Step::Ask(ip) => return Some(ip),
                Step::Skip => {}
                Step::Done => break,
            }
        }
        None
    }

    /// How long until the next address, so that those to come fill what is left of the phase's time.
    fn gap(&self, now: Timestamp, interval: Duration) -> Duration {
        // A quarter of the interval is for the samples, the rest for the blocks in which they found somebody.
        let end = if self.phase == Phase::Sample { interval / 4 } else { interval };
        let blocks = (1u64 << (32 - u32::from(self.prefix.prefix_len()))).div_ceil(256);
        let to_come = match (self.is_sampled(), self.phase) {
            (false, _) => self.sweep.remaining(),
            (true, Phase::Sample) => self.sweep.remaining() * u64::from(SAMPLE) / 256,
            (true, _) => self.sweep.remaining() * (self.alive.len() as u64) / blocks,
        };
        let to_come = u32::try_from(to_come.max(1)).unwrap_or(u32::MAX);
        end.saturating_sub(now.since(self.began)) / to_come
    }

    fn is_sampled(&self) -> bool {
        self.prefix.prefix_len() < SAMPLED_BELOW
    }
}

fn block(ip: Ipv4Addr) -> u32 {
    ip.to_bits() >> 8
}

/// Whether the address is one of its block's sample: eight spread over the block, shifted by the key.
fn is_sample(ip: Ipv4Addr, key: u64) -> bool {
    let [.., last] = ip.octets();
    // Every 32nd address, from a start that the key gives: 1 to 30, since .0 and .255 are seldom hosts.
    let start = 1 + mix(key ^ u64::from(block(ip))) % 30;
    u64::from(last) % u64::from(256 / SAMPLE) == start
}

fn v4_question(network: &Network) -> Option<Question> {
    if network.attached && has(network, Technique::Arp) {
        Some(Question::Arp { to: Mac::BROADCAST })
    } else {
        has(network, Technique::Icmp).then_some(Question::Echo)
    }
}
