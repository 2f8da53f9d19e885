//! Policing: each station has a share of the ring buffer's records, larger than any honest station needs. A sender that
//! exceeds its share loses the surplus, and costs nobody else a record.
//!
//! Each (station, class) has a token bucket, kept as the time at which it will be full again (the generic cell rate
//! algorithm of ITU-T I.371). The table is 4-way set-associative and gives up the token bucket that is full soonest. A
//! sender that keeps changing its MAC mostly pushes out those that are full already, and gains one new token bucket for
//! each MAC.

use crate::abi::Class;
use crate::hash::mix;

/// Buckets of the map. A power of two.
pub const BUCKETS: usize = 4_096;
/// One bucket: four slots of two words, one for each token bucket. Word 0: 48 bits of the key's hash, and the minute in
/// which the surplus was reported (16 bits). Word 1: when the token bucket will be full, nanoseconds of the boot-time
/// clock.
pub type Bucket = [u64; 8];

/// Records a second that a station may cause of one class without end.
pub const RATE: u64 = 256;
/// Records at once of ARP or NDP: enough for a proxy that answers for a whole /19.
pub const BURST_NEIGHBOR: u64 = 8_192;
/// Records at once of any other class.
pub const BURST: u64 = 512;
/// The time in which a token bucket gains one record, nanoseconds.
const COST_NS: u64 = 1_000_000_000 / RATE;

/// What policing decides about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is within the share.
    Pass,
    /// It exceeds the share and is the first this minute that does: it passes, and its record is flagged.
    First,
    /// It exceeds the share: it is dropped.
    Over,
}

/// A station and class in the form in which the table compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The number of the bucket, below [`BUCKETS`].
    pub bucket: u32,
    fingerprint: u64,
    depth_ns: u64,
}

/// The mark of a station and class, hashed with the secret `seed` as in the gate.
#[inline(always)]
pub fn mark(seed: u64, ifindex: u32, mac: u64, class: Class) -> Mark {
    let hash = mix(mix(seed ^ mac) ^ u64::from(ifindex) << 8 ^ class as u64);
    let burst = if matches!(class, Class::Arp | Class::Ndp) { BURST_NEIGHBOR } else { BURST };
    Mark { bucket: (hash as u32) & (BUCKETS as u32 - 1), fingerprint: hash >> 16 | 1, depth_ns: burst * COST_NS }
}

/// Takes one record from the share of its sender. `now_ns` is the boot-time clock.
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
    fn a_burst_passes_and_the_surplus_is_flagged_once() {
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
    fn an_idle_station_has_its_full_share_again() {
        let mut bucket = [0; 8];
        let mark = mark(1, 2, 3, Class::Mdns);
        let passed = (0..BURST + 9).filter(|_| decide(&mut bucket, &mark, NOW) == Pass).count();
        assert_eq!(passed as u64, BURST);
        let later = NOW + BURST * COST_NS;
        assert!((0..BURST).all(|_| decide(&mut bucket, &mark, later) == Pass));
    }

    #[test]
    fn other_stations_and_classes_keep_their_share() {
        let mut bucket = [0; 8];
        let (loud, quiet) = (mark(1, 2, 3, Class::Mdns), mark(1, 2, 4, Class::Mdns));
        assert!((0..BURST).all(|_| decide(&mut bucket, &loud, NOW) == Pass));
        assert_eq!(decide(&mut bucket, &loud, NOW), First);
        assert_eq!(decide(&mut bucket, &quiet, NOW), Pass);
        assert_eq!(decide(&mut bucket, &loud, NOW), Over);
        assert_ne!(mark(1, 2, 3, Class::Arp), mark(1, 2, 3, Class::Mdns));
    }
}
