//! Keyed cookies: they match replies to requests without a table of sent requests.
//!
//! A cookie is sent in the request and returned in the reply: a magic number, the time of sending, and a keyed hash
//! over time and target, whose key never leaves the process. Only received replies are remembered, to detect
//! duplicates.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use foldhash::quality;
use tokio::time::Instant;

/// Length of a cookie in bytes: magic 8, time of sending 8, hash 8.
pub const COOKIE_LEN: usize = 24;

/// The first bytes of every cookie, by which requests of a sensor are recognised in a capture.
pub const MAGIC: [u8; 8] = *b"sensor?\n";

/// A reply older than this is a replay: it exceeds the maximum segment lifetime (RFC 793, section 3.3: two minutes).
const AGE_MAX: Duration = Duration::from_secs(120);

/// Number of replies in one generation of the duplicate table, of which two are kept: as many as a /16 has addresses.
const ANSWERS_MAX: usize = 65_536;

/// How a reply matches a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyVerdict {
    /// The first reply to its request, in time.
    Answer {
        /// Round-trip time.
        rtt: Duration,
    },
    /// A further reply to a request.
    Duplicate,
    /// Not a reply to any request that was sent to that target.
    Forged,
    /// The first reply to its request, after the timeout.
    Late {
        /// Round-trip time.
        rtt: Duration,
    },
}

/// Replies that were duplicate, forged or late, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectedReplies {
    /// Second and further replies to one request.
    pub duplicate_total: u64,
    /// Replies with a wrong hash, from another address than the target, or older than two minutes.
    pub forged_total: u64,
    /// Replies after the timeout.
    pub late_total: u64,
}

/// Makes cookies and verifies returned ones.
#[derive(Debug)]
pub struct Cookies {
    key: RandomState,
    origin: Instant,
    patience: Duration,
    /// Replies by sender and request, in two generations: the older one is dropped when the newer one is full.
    answered: [HashSet<(IpAddr, u64), quality::RandomState>; 2],
    rejected: RejectedReplies,
}

impl Cookies {
    /// Makes a new key. A reply that takes longer than `patience` is late.
    pub fn new(patience: Duration) -> Self {
        Self {
            key: RandomState::new(),
            origin: Instant::now(),
            patience,
            answered: Default::default(),
            rejected: RejectedReplies::default(),
        }
    }

    /// The clock for [`Cookies::seal`] and [`Cookies::judge`]; to be read once for a batch.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The cookie of a request that is sent to `target` now.
    pub fn seal(&self, target: IpAddr, now: Duration) -> [u8; COOKIE_LEN] {
        let sent_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut cookie = [0; COOKIE_LEN];
        cookie[..8].copy_from_slice(&MAGIC);
        cookie[8..16].copy_from_slice(&sent_ns.to_be_bytes());
        cookie[16..].copy_from_slice(&self.key.hash_one((target, sent_ns)).to_be_bytes());
        cookie
    }

    /// Verifies the payload of a reply from `from` to a request to `target`; the two differ only for a multicast
    /// target.
    pub fn judge(&mut self, target: IpAddr, from: IpAddr, payload: &[u8], now: Duration) -> ReplyVerdict {
        let Some((sent_ns, rtt)) = self.open(target, payload, now) else {
            self.rejected.forged_total += 1;
            return ReplyVerdict::Forged;
        };
        if self.is_known((from, sent_ns)) {
            self.rejected.duplicate_total += 1;
            return ReplyVerdict::Duplicate;
        }
        if rtt > self.patience {
            self.rejected.late_total += 1;
            return ReplyVerdict::Late { rtt };
        }
        ReplyVerdict::Answer { rtt }
    }

    /// Replies that were duplicate, forged or late, since the start.
    pub fn rejected(&self) -> RejectedReplies {
        self.rejected
    }

    fn open(&self, target: IpAddr, payload: &[u8], now: Duration) -> Option<(u64, Duration)> {
        let cookie: &[u8; COOKIE_LEN] = payload.first_chunk()?;
        let sent = cookie[8..].first_chunk().map(|bytes| u64::from_be_bytes(*bytes))?;
        let rtt = now.checked_sub(Duration::from_nanos(sent)).filter(|rtt| *rtt <= AGE_MAX)?;
        (*cookie == self.seal(target, Duration::from_nanos(sent))).then_some((sent, rtt))
    }

    /// Whether this reply was received before; remembers it.
    fn is_known(&mut self, answer: (IpAddr, u64)) -> bool {
        let [young, old] = &mut self.answered;
        if old.contains(&answer) || !young.insert(answer) {
            return true;
        }
        if young.len() >= ANSWERS_MAX {
            *old = std::mem::take(young);
        }
        false
    }
}

/// An unpredictable identifier for one exchange; never zero.
pub fn random_id() -> u16 {
    let [high, low, ..] = RandomState::new().hash_one(0).to_be_bytes();
    u16::from_be_bytes([high, low]).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
    const SENT: Duration = Duration::from_millis(10);

    fn at(ms: u64) -> Duration {
        SENT + Duration::from_millis(ms)
    }

    fn cookies() -> Cookies {
        Cookies::new(Duration::from_millis(100))
    }

    #[test]
    fn an_answer_in_time_late_and_again() {
        let mut cookies = cookies();
        let cookie = cookies.seal(TARGET, SENT);
        assert_eq!(cookies.judge(TARGET, TARGET, &cookie, at(7)), ReplyVerdict::Answer { rtt: at(7) - SENT });
        assert_eq!(cookies.judge(TARGET, TARGET, &cookie, at(8)), ReplyVerdict::Duplicate);
        let slow = cookies.seal(OTHER, SENT);
        assert_eq!(cookies.judge(OTHER, OTHER, &slow, at(101)), ReplyVerdict::Late { rtt: at(101) - SENT });
        assert_eq!(cookies.judge(OTHER, OTHER, &slow, at(102)), ReplyVerdict::Duplicate);
        assert_eq!(cookies.rejected(), RejectedReplies { duplicate_total: 2, forged_total: 0, late_total: 1 });
    }

    #[test]
    fn each_member_of_a_group_answers_once() {
        let mut cookies = cookies();
        let group = "ff02::1".parse().expect("an address");
        let cookie = cookies.seal(group, SENT);
        for from in [TARGET, OTHER] {
            assert_eq!(cookies.judge(group, from, &cookie, at(1)), ReplyVerdict::Answer { rtt: at(1) - SENT });
            assert_eq!(cookies.judge(group, from, &cookie, at(2)), ReplyVerdict::Duplicate);
        }
    }

    /// Checks that a valid cookie is rejected as forged after `change`, from `target` at `now`.
    fn check_forged(change: impl Fn(&mut Vec<u8>), target: IpAddr, now: Duration) {
        let mut cookies = cookies();
        let mut cookie = cookies.seal(TARGET, SENT).to_vec();
        change(&mut cookie);
        assert_eq!(cookies.judge(target, target, &cookie, now), ReplyVerdict::Forged);
        assert_eq!(cookies.rejected().forged_total, 1);
    }

    #[test]
    fn forged_answers() {
        (0..COOKIE_LEN).for_each(|i| check_forged(|cookie| cookie[i] ^= 1, TARGET, at(1)));
        (0..COOKIE_LEN).for_each(|len| check_forged(|cookie| cookie.truncate(len), TARGET, at(1)));
        check_forged(|_| {}, OTHER, at(1));
        check_forged(|_| {}, TARGET, Duration::ZERO);
        check_forged(|_| {}, TARGET, SENT + AGE_MAX + Duration::from_nanos(1));
        let stranger = Cookies::new(Duration::ZERO).seal(TARGET, SENT);
        check_forged(|cookie| cookie.copy_from_slice(&stranger), TARGET, at(1));
    }

    #[test]
    fn memory_is_bounded() {
        let mut cookies = cookies();
        for n in 0..3 * ANSWERS_MAX as u64 {
            assert!(!cookies.is_known((TARGET, n)));
        }
        assert!(cookies.answered.iter().map(HashSet::len).sum::<usize>() <= 2 * ANSWERS_MAX);
        assert!(cookies.is_known((TARGET, 3 * ANSWERS_MAX as u64 - 1)));
    }
}
