//! Conflict checks (RFC 5227, section 2.1.1) of an address that two stations claim: both are asked, each alone, a few
//! times within two seconds.

use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::planner::probe::Question;
use crate::types::{Mac, Timestamp};

/// The check of one address.
#[derive(Clone, Debug)]
pub(super) struct ConflictCheck {
    /// The two stations that claim it.
    pub holders: [Mac; 2],
    begun: Timestamp,
    /// Questions sent or left out.
    step: usize,
    asked_at: [Option<Timestamp>; 2],
    has_answered: [bool; 2],
}

/// Milliseconds after the begin at which each station is asked by IPv4: by conflict checks, which change nobody's
/// cache, and in between by plain ARP requests, because routers that answer for others answer only those.
const V4_MS: [u64; 5] = [0, 500, 1000, 1500, 2000];
/// The same by IPv6.
const V6_MS: [u64; 3] = [0, 1000, 2000];
/// No question is sent later than this: the correlator waits three seconds for its verdict.
const ASKING_MAX: Duration = Duration::from_millis(2900);
/// Answers are expected for this long after the begin.
const ANSWERS_MAX: Duration = Duration::from_secs(10);

impl ConflictCheck {
    /// Begins now.
    pub fn new(holders: [Mac; 2], now: Timestamp) -> Self {
        Self { holders, begun: now, step: 0, asked_at: [None; 2], has_answered: [false; 2] }
    }

    /// The question that is due, if one is.
    pub fn due(&mut self, ip: IpAddr, now: Timestamp) -> Option<Question> {
        if self.is_asked(now) {
            self.step = 2 * times(ip).len();
        }
        while self.step < 2 * times(ip).len() {
            let (attempt, holder) = (self.step / 2, self.step % 2);
            if self.at(attempt, ip) > now {
                return None;
            }
            if !self.has_answered[holder] {
                let to = self.holders[holder];
                return Some(match ip {
                    IpAddr::V4(_) if attempt % 2 == 0 => Question::ConflictCheck { to },
                    IpAddr::V4(_) => Question::Arp { to },
                    IpAddr::V6(_) => Question::Ndp { to: Some(to) },
                });
            }
            // A station that has answered is not asked again.
            self.step += 1;
        }
        None
    }

    /// When it has something to do next.
    pub fn wake_at(&self, ip: IpAddr) -> Timestamp {
        match self.step / 2 {
            attempt if attempt < times(ip).len() => self.at(attempt, ip),
            _ => self.begun.after(ANSWERS_MAX).after(Duration::from_nanos(1)),
        }
    }

    fn at(&self, attempt: usize, ip: IpAddr) -> Timestamp {
        self.begun.after(Duration::from_millis(times(ip)[attempt]))
    }

    /// Notes that the question was sent, or (`None`) is left out.
    pub fn advance(&mut self, sent_at: Option<Timestamp>) {
        let holder = self.step % 2;
        self.asked_at[holder] = sent_at.or(self.asked_at[holder]);
        self.step += 1;
    }

    /// Whether it asks no more.
    pub fn is_asked(&self, now: Timestamp) -> bool {
        now.since(self.begun) > ASKING_MAX
    }

    /// Whether no answer is expected any more.
    pub fn is_forgotten(&self, now: Timestamp) -> bool {
        now.since(self.begun) > ANSWERS_MAX
    }

    /// Notes an answer of a station: when it was asked, and whether it answered before.
    pub fn hear(&mut self, mac: Mac) -> Option<(Timestamp, bool)> {
        let holder = self.holders.iter().position(|holder| *holder == mac)?;
        let asked_at = self.asked_at[holder]?;
        Some((asked_at, std::mem::replace(&mut self.has_answered[holder], true)))
    }
}

fn times(ip: IpAddr) -> &'static [u64] {
    if ip.is_ipv4() { &V4_MS } else { &V6_MS }
}

/// Whether there are two stations that can be asked.
pub(super) fn is_checkable(holders: [Mac; 2]) -> bool {
    holders[0] != holders[1] && holders.iter().all(|mac| mac.is_station())
}
