//! Keyed cookies: how an answer is known to belong to a question of ours without a table of everything that was asked.
//!
//! A cookie travels in the question and comes back in the answer: a magic, the time of sending, and a seal over both
//! the time and the target under a key that never leaves the process. Only answers that came are remembered, so that
//! a second one is told from the first.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use foldhash::quality;
use tokio::time::Instant;

/// Length of a cookie in bytes: magic 8, time of sending 8, seal 8.
pub const COOKIE_LEN: usize = 24;

/// What every cookie starts with, for those who read a capture.
pub const MAGIC: [u8; 8] = *b"sensor?\n";

/// An answer older than this is a replay: no path keeps a packet for longer (RFC 793, section 3.3: two minutes).
const AGE_MAX: Duration = Duration::from_secs(120);

/// How many answers are remembered twice over before the oldest are forgotten: a /16 of them.
const ANSWERS_MAX: usize = 65_536;

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyVerdict {
    /// The first one to its question, in time.
    Answer {
        /// Round-trip time.
        rtt: Duration,
    },
    /// One more to a question that was answered.
    Duplicate,
    /// Not to any question that we sent to that target.
    Forged,
    /// The first one to its question, after the time that was given to it.
    Late {
        /// Round-trip time.
        rtt: Duration,
    },
}

/// Answers that were worth nothing or little, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectedReplies {
    /// Second and further answers to one question.
    pub duplicate_total: u64,
    /// Answers with a wrong seal, from another address than was asked, or far too old.
    pub forged_total: u64,
    /// Answers after the time that was given to them.
    pub late_total: u64,
}

/// Makes cookies and judges those that come back.
#[derive(Debug)]
pub struct Cookies {
    key: RandomState,
    origin: Instant,
    patience: Duration,
    /// Who answered which question, in two generations: the older one is forgotten when the younger one is full.
    answered: [HashSet<(IpAddr, u64), quality::RandomState>; 2],
    rejected: RejectedReplies,
}

impl Cookies {
    /// A new key. An answer that takes longer than `patience` is late.
    pub fn new(patience: Duration) -> Self {
        Self {
            key: RandomState::new(),
            origin: Instant::now(),
            patience,
            answered: Default::default(),
            rejected: RejectedReplies::default(),
        }
    }

    /// The time to seal questions with and to judge answers by; read once for a batch.
    pub fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// The cookie of a question that goes to `target` now.
    pub fn seal(&self, target: IpAddr, now: Duration) -> [u8; COOKIE_LEN] {
        let sent_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut cookie = [0; COOKIE_LEN];
        cookie[..8].copy_from_slice(&MAGIC);
        cookie[8..16].copy_from_slice(&sent_ns.to_be_bytes());
        cookie[16..].copy_from_slice(&self.key.hash_one((target, sent_ns)).to_be_bytes());
        cookie
    }

    /// Judges what `from` sent back of a question that went to `target`; the two differ for a group address only.
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

    /// Answers that were worth nothing or little, since the start.
    pub fn rejected(&self) -> RejectedReplies {
        self.rejected
    }

    fn open(&self, target: IpAddr, payload: &[u8], now: Duration) -> Option<(u64, Duration)> {
        let cookie: &[u8; COOKIE_LEN] = payload.first_chunk()?;
        let sent = cookie[8..].first_chunk().map(|bytes| u64::from_be_bytes(*bytes))?;
        let rtt = now.checked_sub(Duration::from_nanos(sent)).filter(|rtt| *rtt <= AGE_MAX)?;
        (*cookie == self.seal(target, Duration::from_nanos(sent))).then_some((sent, rtt))
    }

    /// Whether that one answered that question before; from now on it did.
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

/// A number for one exchange that a stranger cannot guess; not zero, which is nobody's.
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

    /// Judges what is left of a good cookie after `change`, at `at_ms` after sending.
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
