//! The sweep of one network in the background: one address at a time, spread over its interval. Big prefixes are
//! sampled first, and only blocks that show a sign of life are swept whole. IPv6 is never swept: all nodes are asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};

use super::bucket::burst;
use super::keyed::{mix, part};
use super::permit::has;
use super::sweep::{Standing, Step, Sweep};
use crate::inventory::policy::Network;
use crate::inventory::probe::{Question, Technique};
use crate::types::{Mac, Timestamp};

/// A network's sweep.
#[derive(Debug)]
pub(super) struct Background {
    /// The network's place in the policy.
    pub network: usize,
    /// When its next question is due.
    pub next_at: Timestamp,
    /// Addresses heard this recently are left out.
    pub fresh: Duration,
    /// What it asks.
    pub question: Question,
    interval: Duration,
    gap_min: Duration,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    AllNodes { asked_at: Option<Timestamp> },
    V4(Box<Blocks>),
}

/// An IPv4 prefix under way.
#[derive(Debug)]
struct Blocks {
    prefix: Ipv4Net,
    key: u64,
    began: Timestamp,
    gap: Duration,
    phase: Phase,
    sweep: Sweep,
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
/// Prefixes shorter than this are swept only by name.
const NAMED_BELOW: u8 = 16;
/// Prefixes shorter than this are never swept: no interval would do.
const NEVER_BELOW: u8 = 8;
/// No network is swept more often: an address that was heard in this time is left out anyway.
const INTERVAL_MIN: Duration = Duration::from_secs(600);
/// A sign of life counts for the interval in which it came and the one after.
const ALIVE_INTERVALS: u32 = 2;
/// Places that are looked at in one go.
const STEPS_MAX: usize = 1024;
/// The first sweep begins after a random part of this.
const START: Duration = Duration::from_secs(30);
/// Answers are expected within this time.
pub(super) const ANSWER_WINDOW: Duration = Duration::from_secs(5);

impl Background {
    /// The sweep of a network, if it has one. `host_per_hour` and the rates bound how often it asks.
    pub fn new(
        place: usize,
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
        let hourly = Duration::from_secs(3600) / host_per_hour;
        let interval = interval.max(INTERVAL_MIN).max(hourly);
        let key = mix(key ^ mix(place as u64));
        let rate = rate_per_s.min(network.rate_per_s).max(1);
        let (kind, question) = match network.prefix {
            IpNet::V4(prefix) => {
                (Kind::V4(Box::new(Blocks::new(prefix, network.named, key, now)?)), v4_question(network)?)
            }
            IpNet::V6(_) => {
                let may_ask = network.attached && has(network, Technique::Icmp);
                (may_ask.then_some(Kind::AllNodes { asked_at: None })?, Question::AllNodes)
            }
        };
        debug_assert!(burst(rate) >= 1, "one packet always fits");
        Some(Self {
            network: place,
            next_at: now.after(part(START, key)),
            fresh: INTERVAL_MIN.max(interval / 2),
            question,
            interval,
            gap_min: Duration::from_secs(10) / rate,
            kind,
        })
    }

    /// The next address, when one is due and allowed; moves on in any case.
    pub fn next(&mut self, now: Timestamp, may_ask: impl FnMut(Ipv4Addr) -> bool) -> Option<IpAddr> {
        if now < self.next_at {
            return None;
        }
        match &mut self.kind {
            Kind::AllNodes { asked_at } => {
                *asked_at = Some(now);
                self.next_at = now.after(self.interval);
                Some(IpAddr::V6(std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)))
            }
            Kind::V4(blocks) => {
                let ip = blocks.next(now, self.interval, self.gap_min, may_ask);
                self.next_at = blocks.next_at(now, self.interval, ip.is_some());
                ip.map(IpAddr::V4)
            }
        }
    }

    /// An address of the network was heard.
    pub fn hear(&mut self, ip: IpAddr, now: Timestamp) {
        if let (Kind::V4(blocks), IpAddr::V4(ip)) = (&mut self.kind, ip)
            && blocks.prefix.contains(&ip)
        {
            blocks.alive.insert(block(ip), now);
            blocks.sweep.answered(ip);
        }
    }

    /// How an answer by the address stands to what was asked.
    pub fn standing(&self, ip: IpAddr, now: Timestamp) -> Standing {
        match (&self.kind, ip) {
            (Kind::V4(blocks), IpAddr::V4(ip)) => blocks.sweep.standing(ip, now, ANSWER_WINDOW),
            (Kind::AllNodes { asked_at: Some(at) }, IpAddr::V6(_)) if now.since(*at) <= ANSWER_WINDOW => {
                Standing::InTime
            }
            (Kind::AllNodes { asked_at: Some(_) }, IpAddr::V6(_)) => Standing::Late,
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
            began: now,
            gap: Duration::ZERO,
            phase: Phase::Rest,
            sweep: Sweep::new(prefix, key),
            alive: BTreeMap::new(),
        })
    }

    fn next(
        &mut self,
        now: Timestamp,
        interval: Duration,
        gap_min: Duration,
        mut may_ask: impl FnMut(Ipv4Addr) -> bool,
    ) -> Option<Ipv4Addr> {
        if self.phase == Phase::Rest {
            self.begin(now, interval, gap_min);
        }
        let (is_sampled, phase, key, alive) = (self.is_sampled(), self.phase, self.key, &self.alive);
        let in_phase = |ip: Ipv4Addr| match (is_sampled, phase) {
            (false, _) => true,
            (true, Phase::Sample) => is_sample(ip, key),
            (true, _) => !is_sample(ip, key) && alive.contains_key(&block(ip)),
        };
        for _ in 0..STEPS_MAX {
            match self.sweep.step(now, |ip| in_phase(ip) && may_ask(ip)) {
                Step::Ask(ip) => return Some(ip),
                Step::Skip => {}
                Step::Done => {
                    self.end_phase(now, interval, gap_min);
                    break;
                }
            }
        }
        None
    }

    fn next_at(&self, now: Timestamp, interval: Duration, has_asked: bool) -> Timestamp {
        match self.phase {
            Phase::Rest => self.began.after(interval).max(now),
            Phase::Sample | Phase::Whole if has_asked => now.after(self.gap),
            // Nothing was asked: there is nothing to spread, but the look goes on in steps.
            Phase::Sample | Phase::Whole => now.after(self.gap.min(Duration::from_millis(10))),
        }
    }

    fn begin(&mut self, now: Timestamp, interval: Duration, gap_min: Duration) {
        self.key = mix(self.key);
        self.began = now;
        self.sweep = Sweep::new(self.prefix, self.key);
        let kept = interval.saturating_mul(ALIVE_INTERVALS);
        self.alive.retain(|_, heard| now.since(*heard) <= kept);
        if self.is_sampled() {
            self.phase = Phase::Sample;
            let blocks = self.sweep.total().div_ceil(256);
            // A quarter of the interval is for looking, the rest for what was found.
            self.gap = gap(interval / 4, blocks * u64::from(SAMPLE), gap_min);
        } else {
            self.phase = Phase::Whole;
            self.gap = gap(interval, self.sweep.total(), gap_min);
        }
    }

    fn end_phase(&mut self, now: Timestamp, interval: Duration, gap_min: Duration) {
        match self.phase {
            Phase::Sample => {
                self.phase = Phase::Whole;
                self.sweep.retry();
                let left = interval.saturating_sub(now.since(self.began));
                self.gap = gap(left, self.alive.len() as u64 * u64::from(256 - SAMPLE), gap_min);
            }
            Phase::Rest | Phase::Whole => self.phase = Phase::Rest,
        }
    }

    fn is_sampled(&self) -> bool {
        self.prefix.prefix_len() < SAMPLED_BELOW
    }
}

fn gap(span: Duration, addresses: u64, gap_min: Duration) -> Duration {
    let addresses = u32::try_from(addresses.max(1)).unwrap_or(u32::MAX);
    (span / addresses).max(gap_min)
}

fn block(ip: Ipv4Addr) -> u32 {
    ip.to_bits() >> 8
}

/// Whether the address is one of its block's sample: eight spread over the block, shifted by the key.
fn is_sample(ip: Ipv4Addr, key: u64) -> bool {
    let [.., last] = ip.octets();
    // Each 32nd place, from a start that the key gives; 0 and 255 are seldom hosts, so they are not a start.
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
