//! A sweep: every address of an IPv4 prefix once, in an order that looks random, then again those that have not
//! answered. It depends on nothing else of the planner. It remembers one bit for each address and a time for every 64;
//! whether an address was asked, and about when, follows from its place in the order.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::Ipv4Net;

use crate::inventory::planner::jitter::mix;
use crate::types::Timestamp;

/// One or more passes over a prefix.
#[derive(Clone, Debug)]
pub struct Sweep {
    prefix: Ipv4Net,
    order: Permutation,
    /// The next place in the order.
    next: u64,
    /// A bit for each address, by its number within the prefix.
    answered: Vec<u64>,
    answered_count: u64,
    pass: Pass,
    last_pass: Pass,
}

/// What is to be done at one place of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This address is to be asked.
    Ask(Ipv4Addr),
    /// The pass is over.
    Done,
    /// The address here is not to be asked: network or broadcast address, forbidden, or it has answered.
    Skip,
}

/// How an answer stands to the questions of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The address has answered before.
    Duplicate,
    /// It was asked, and the answer came within the window.
    InTime,
    /// It was asked, and the answer came after the window.
    Late,
    /// It was not asked.
    Unasked,
}

/// The times of a pass: when every 64th place was reached, and when the last one was.
#[derive(Clone, Debug, Default)]
struct Pass {
    marks: Vec<Timestamp>,
    reached: u64,
    reached_at: Timestamp,
}

/// Places that share one time.
const MARK: u64 = 64;

impl Sweep {
    /// A sweep of the prefix in the order that `key` gives.
    pub fn new(prefix: Ipv4Net, key: u64) -> Self {
        let prefix = prefix.trunc();
        let bits = 32 - u32::from(prefix.prefix_len());
        let size = 1u64 << bits;
        let words = usize::try_from(size.div_ceil(64)).unwrap_or(usize::MAX);
        Self {
            prefix,
            order: Permutation::new(bits, key),
            next: 0,
            answered: vec![0; words],
            answered_count: 0,
            pass: Pass::default(),
            last_pass: Pass::default(),
        }
    }

    /// The next address to ask; `None` when the pass is over. `may_ask` tells which addresses are allowed.
    pub fn next(&mut self, now: Timestamp, mut may_ask: impl FnMut(Ipv4Addr) -> bool) -> Option<Ipv4Addr> {
        loop {
            match self.step(now, &mut may_ask) {
                Step::Ask(ip) => return Some(ip),
                Step::Done => return None,
                Step::Skip => {}
            }
        }
    }

    /// Goes on by one place of the order: bounded work, whereas [`Sweep::next`] may pass over many forbidden addresses.
    pub fn step(&mut self, now: Timestamp, may_ask: impl FnOnce(Ipv4Addr) -> bool) -> Step {
        if self.next >= self.size() {
            return Step::Done;
        }
        let ip = self.address(self.order.at(self.next));
        self.next += 1;
        self.pass.reach(self.next, now);
        match self.is_edge(ip) || self.is_answered(ip) || !may_ask(ip) {
            true => Step::Skip,
            false => Step::Ask(ip),
        }
    }

    /// Begins another pass, over the addresses that have not answered.
    pub fn retry(&mut self) {
        self.next = 0;
        self.last_pass = std::mem::take(&mut self.pass);
    }

    /// Notes that the address answered. Whether that was the first time.
    pub fn answered(&mut self, ip: Ipv4Addr) -> bool {
        let Some((word, bit)) = self.bit(ip) else { return false };
        let is_first = self.answered[word] & bit == 0;
        self.answered[word] |= bit;
        self.answered_count += u64::from(is_first);
        is_first
    }

    /// Whether the address has answered.
    pub fn is_answered(&self, ip: Ipv4Addr) -> bool {
        self.bit(ip).is_some_and(|(word, bit)| self.answered[word] & bit != 0)
    }

    /// Between which moments the address was last asked, exact to 64 addresses. For an address that `may_ask` forbade:
    /// when it was passed over.
    pub fn asked_between(&self, ip: Ipv4Addr) -> Option<(Timestamp, Timestamp)> {
        let place = self.order.place(self.number(ip)?);
        if self.is_edge(ip) {
            return None;
        }
        self.pass.between(place).or_else(|| self.last_pass.between(place))
    }

    /// How an answer of the address that is heard now stands to the questions; answers are in time within `window`.
    pub fn standing(&self, ip: Ipv4Addr, now: Timestamp, window: Duration) -> Standing {
        if self.is_answered(ip) {
            return Standing::Duplicate;
        }
        match self.asked_between(ip) {
            Some((_, latest)) if now.since(latest) <= window => Standing::InTime,
            Some(_) => Standing::Late,
            None => Standing::Unasked,
        }
    }

    /// How many places are left in this pass.
    pub fn remaining(&self) -> u64 {
        self.size() - self.next
    }

    /// How many addresses can be asked: without network and broadcast address.
    pub fn total(&self) -> u64 {
        match self.size() {
            size @ 1..=2 => size,
            size => size - 2,
        }
    }

    /// How many addresses have answered.
    pub fn answered_count(&self) -> u64 {
        self.answered_count
    }

    fn size(&self) -> u64 {
        1 << self.order.bits
    }

    fn address(&self, number: u64) -> Ipv4Addr {
        let low = u32::try_from(number).unwrap_or(u32::MAX);
        Ipv4Addr::from_bits(self.prefix.network().to_bits() | low)
    }

    fn number(&self, ip: Ipv4Addr) -> Option<u64> {
        self.prefix.contains(&ip).then(|| u64::from(ip.to_bits() & self.prefix.hostmask().to_bits()))
    }

    fn bit(&self, ip: Ipv4Addr) -> Option<(usize, u64)> {
        let number = self.number(ip)?;
        Some((usize::try_from(number / 64).ok()?, 1 << (number % 64)))
    }

    /// Network and broadcast address; /31 and /32 have none (RFC 3021).
    fn is_edge(&self, ip: Ipv4Addr) -> bool {
        self.order.bits >= 2 && (ip == self.prefix.network() || ip == self.prefix.broadcast())
    }
}

impl Pass {
    fn reach(&mut self, reached: u64, now: Timestamp) {
        if reached % MARK == 1 {
            self.marks.push(now);
        }
        self.reached = reached;
        self.reached_at = now;
    }

    fn between(&self, place: u64) -> Option<(Timestamp, Timestamp)> {
        if place >= self.reached {
            return None;
        }
        let mark = usize::try_from(place / MARK).ok()?;
        let earliest = *self.marks.get(mark)?;
        Some((earliest, self.marks.get(mark + 1).copied().unwrap_or(self.reached_at)))
    }
}

/// A keyed permutation of the numbers below 2^bits and its inverse: a Feistel network. Its halves differ by one bit
/// where the number of bits is odd.
#[derive(Clone, Copy, Debug)]
struct Permutation {
    bits: u32,
    key: u64,
}

/// Rounds, two halves each; the order has to look mixed, not to keep a secret.
const ROUNDS: u64 = 4;

impl Permutation {
    fn new(bits: u32, key: u64) -> Self {
        Self { bits, key }
    }

    /// The number at a place.
    fn at(self, place: u64) -> u64 {
        let (mut high, mut low) = self.split(place);
        for round in 0..ROUNDS {
            high ^= self.stir(low, 2 * round) & self.high_mask();
            low ^= self.stir(high, 2 * round + 1) & self.low_mask();
        }
        self.join(high, low)
    }

    /// The place of a number.
    fn place(self, number: u64) -> u64 {
        let (mut high, mut low) = self.split(number);
        for round in (0..ROUNDS).rev() {
            low ^= self.stir(high, 2 * round + 1) & self.low_mask();
            high ^= self.stir(low, 2 * round) & self.high_mask();
        }
        self.join(high, low)
    }

    fn stir(self, half: u64, round: u64) -> u64 {
        mix(half ^ mix(self.key ^ round))
    }

    fn low_bits(self) -> u32 {
        self.bits.div_ceil(2)
    }

    fn low_mask(self) -> u64 {
        (1 << self.low_bits()) - 1
    }

    fn high_mask(self) -> u64 {
        (1 << (self.bits - self.low_bits())) - 1
    }

    fn split(self, number: u64) -> (u64, u64) {
        ((number >> self.low_bits()) & self.high_mask(), number & self.low_mask())
    }

    fn join(self, high: u64, low: u64) -> u64 {
        high << self.low_bits() | low
    }
}
