//! Policing: who says more than any honest station does loses its own surplus, before the ring, and nobody else's.
//!
//! One bucket a (station, class), as the moment at which it will be full again (the generic cell rate algorithm of
//! ITU-T I.371). The table is 4-way set-associative; a sender of ever new MACs pushes out the buckets that are full
//! anyway, and gains nothing by it but a new bucket for each.

use crate::abi::Class;
use crate::gate::mix;

/// How many buckets the map has.
pub const BUCKETS: usize = 4_096;
/// One bucket: four slots of two words. Word 0: 48 bits of the key's hash, the minute in which it was told. Word 1:
/// when it will be full, nanoseconds of the boot clock.
pub type Bucket = [u64; 8];

/// News a second that a station may have of a class for ever.
pub const RATE: u64 = 256;
/// News at once of ARP and NDP: a proxy that answers for a whole /19.
pub const BURST_NEIGHBOR: u64 = 8_192;
/// News at once of any other class.
pub const BURST: u64 = 512;
/// What one costs, nanoseconds.
const COST_NS: u64 = 1_000_000_000 / RATE;

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It passes.
    Pass,
    /// It is too much, and the first one this minute: it passes, and says so.
    First,
    /// It is too much.
    Over,
}

/// A station and class as the table knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which bucket, below [`BUCKETS`].
    pub bucket: u32,
    fingerprint: u64,
    depth_ns: u64,
}

/// Hashes with the secret `seed`, as the gate does.
#[inline(always)]
pub fn mark(seed: u64, ifindex: u32, mac: u64, class: Class) -> Mark {
    let hash = mix(mix(seed ^ mac) ^ u64::from(ifindex) << 8 ^ class as u64);
    let burst = if matches!(class, Class::Arp | Class::Ndp) { BURST_NEIGHBOR } else { BURST };
    Mark { bucket: (hash as u32) & (BUCKETS as u32 - 1), fingerprint: hash >> 16 | 1, depth_ns: burst * COST_NS }
}

/// Takes one frame from its sender's bucket.
#[inline(always)]
pub fn decide(bucket: &mut Bucket, mark: &Mark, now_ns: u64) -> Decision {
    let minute = now_ns >> 36 & 0x7fff | 0x8000;
    let mut idle = 0;
    let mut idle_at = u64::MAX;
    for slot in 0..4 {
        let at = slot * 2;
        let (known, full_at) = (bucket[at], bucket[at + 1]);
        if known >> 16 == mark.fingerprint {
            let full_at = if full_at > now_ns { full_at } else { now_ns };
            if full_at - now_ns + COST_NS <= mark.depth_ns {
                bucket[at + 1] = full_at + COST_NS;
                return Decision::Pass;
            }
            if known & 0xffff == minute {
                return Decision::Over;
            }
            bucket[at] = mark.fingerprint << 16 | minute;
            return Decision::First;
        }
        if full_at < idle_at {
            idle_at = full_at;
            idle = at;
        }
    }
    bucket[idle & 6] = mark.fingerprint << 16;
    bucket[(idle & 6) + 1] = now_ns + COST_NS;
    Decision::Pass
}

#[cfg(test)]
mod tests {
    use super::*;
    use Decision::{First, Over, Pass};

    const NOW: u64 = 1 << 50;

    #[test]
    fn a_burst_passes_and_the_surplus_is_told_once() {
        let mut bucket = [0; 8];
        let mark = mark(1, 2, 3, Class::Mdns);
        for n in 0..BURST {
            assert_eq!(decide(&mut bucket, &mark, NOW), Pass, "{n}");
        }
        assert_eq!(decide(&mut bucket, &mark, NOW), First);
        assert_eq!(decide(&mut bucket, &mark, NOW), Over);
        assert_eq!(decide(&mut bucket, &mark, NOW + COST_NS), Pass);
        assert_eq!(decide(&mut bucket, &mark, NOW + COST_NS), Over);
    }

    #[test]
    fn an_idle_bucket_is_full_again() {
        let mut bucket = [0; 8];
        let mark = mark(1, 2, 3, Class::Mdns);
        let passed = (0..BURST + 9).filter(|_| decide(&mut bucket, &mark, NOW) == Pass).count();
        assert_eq!(passed as u64, BURST);
        let later = NOW + BURST * COST_NS;
        assert!((0..BURST).all(|_| decide(&mut bucket, &mark, later) == Pass));
    }

    #[test]
    fn others_are_served() {
        let mut bucket = [0; 8];
        let (loud, quiet) = (mark(1, 2, 3, Class::Mdns), mark(1, 2, 4, Class::Mdns));
        assert!((0..BURST).all(|_| decide(&mut bucket, &loud, NOW) == Pass));
        assert_eq!(decide(&mut bucket, &loud, NOW), First);
        assert_eq!(decide(&mut bucket, &quiet, NOW), Pass);
        assert_eq!(decide(&mut bucket, &loud, NOW), Over);
        assert_ne!(mark(1, 2, 3, Class::Arp), mark(1, 2, 3, Class::Mdns));
    }
}
