//! The repeat gate: a claim that was told is not told again for a while, a changed one always is.
//!
//! The table is 4-way set-associative. Its key is (segment, address); a slot remembers the MAC that claimed the
//! address, when it was told, and which kinds of claim were told since. So A-B-A passes three times, whichever kinds
//! of message the two stations use, and a repeat costs one bucket.
//!
//! Two CPUs that write one slot at once may leave it half of each. Such a slot names a claim that nobody made, or one
//! that is held back although it was never told: it is told at the latest when the refresh interval ends, because a
//! held-back claim does not renew its slot. Late by at most the interval, never lost.

use crate::classify::{Claim, Tunnel};

/// How many buckets the gate's map has.
pub const BUCKETS: usize = 32_768;
/// One bucket: four slots of two words, one cache line.
/// Word 0: 48 bits of the key's hash, the MAC's first two octets. Word 1: its other four, the kinds told, the time.
pub type Bucket = [u64; 8];
/// Ticks of the gate's clock are 2^26 ns (67 ms), so that a time needs 24 bits: it wraps after 13 days.
pub const TICK_BITS: u32 = 26;

const TIME_MASK: u64 = 0xff_ffff;
const KIND_AT: u32 = 24;
const MAC_MASK: u64 = 0xffff_ffff_ffff;

/// What the gate says of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Told within the interval: hold it back.
    Gated,
    /// New, changed or due again.
    Pass,
    /// Like `Pass`, and a slot that was still in use had to go: that address will be told again too early.
    PassEvicting,
}

/// A claim as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which bucket, below [`BUCKETS`].
    pub bucket: u32,
    /// Hash of (segment, address), 48 bits, never 0.
    fingerprint: u64,
    /// The claimant, 48 bits.
    mac: u64,
    /// One bit of eight.
    kind: u64,
}

/// The refresh interval in ticks, for `refresh_s` seconds: at least one tick, at most half of the clock's range.
pub const fn ticks(refresh_s: u64) -> u64 {
    let ticks = refresh_s.saturating_mul(1_000_000_000) >> TICK_BITS;
    match ticks {
        0 => 1,
        1..0x80_0000 => ticks,
        _ => 0x7f_ffff,
    }
}

/// A segment as one word: the interface's number, the VLAN ids (12 bits each), and the tunnel, mixed in where there
/// is one.
#[inline(always)]
pub fn place(ifindex: u32, vlans: [u16; 2], tunnel: Tunnel) -> u64 {
    let plain = u64::from(ifindex) << 32 | u64::from(vlans[0]) << 16 | u64::from(vlans[1]);
    match tunnel.kind as u64 {
        0 => plain,
        kind => plain ^ mix(kind << 32 | u64::from(tunnel.id)) & !0xf000,
    }
}

/// Hashes a claim with the secret `seed`: who does not know it cannot choose addresses that share a slot.
#[inline(always)]
pub fn mark(seed: u64, place: u64, claim: &Claim) -> Mark {
    // The VLAN ids have 12 bits each, so the table's number fits above the inner one.
    let table = u64::from(claim.kind >> 3) << 12;
    // Places and tables that differ differ in the upper half after this, where no IPv4 address makes up for it.
    let mut hash = mix((seed ^ place ^ table).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ claim.address[0]);
    if claim.address[1] != 0 {
        hash = mix(hash ^ seed.rotate_left(32) ^ claim.address[1]);
    }
    let mac =
        if claim.mac == claim.frame_mac { claim.mac } else { mix(mix(seed ^ claim.mac) ^ claim.frame_mac) & MAC_MASK };
    let fingerprint = match hash >> 16 {
        0 => 1,
        fingerprint => fingerprint,
    };
    Mark { bucket: (hash as u32) & (BUCKETS as u32 - 1), fingerprint, mac, kind: 1 << (claim.kind & 7) }
}

/// Looks a claim up in its bucket and remembers it when it passes.
/// `now` and `refresh` are in ticks; `refresh` is at most half of the clock's range (see [`ticks`]).
#[inline(always)]
pub fn decide(bucket: &mut Bucket, mark: &Mark, now: u64, refresh: u64) -> Decision {
    let now = now & TIME_MASK;
    let word0 = mark.fingerprint << 16 | mark.mac >> 32;
    let fresh = (mark.mac & 0xffff_ffff) << 32 | mark.kind << KIND_AT | now;
    let mut oldest = 0;
    let mut oldest_age = 0;
    for slot in 0..4 {
        let at = slot * 2;
        let (known, told) = (bucket[at], bucket[at + 1]);
        let age = now.wrapping_sub(told) & TIME_MASK;
        if known >> 16 == mark.fingerprint {
            let same = known == word0 && told >> 32 == fresh >> 32;
            if same && age < refresh {
                if told >> KIND_AT & mark.kind != 0 {
                    return Decision::Gated;
                }
                bucket[at + 1] = told | mark.kind << KIND_AT;
                return Decision::Pass;
            }
            bucket[at] = word0;
            bucket[at + 1] = fresh;
            return Decision::Pass;
        }
        // An empty slot is older than any other.
        let age = if known == 0 { TIME_MASK + 1 } else { age };
        if age >= oldest_age {
            oldest_age = age;
            oldest = at;
        }
    }
    bucket[oldest & 6] = word0;
    bucket[(oldest & 6) + 1] = fresh;
    if oldest_age < refresh { Decision::PassEvicting } else { Decision::Pass }
}

/// It was not told after all: its next repeat passes.
#[inline(always)]
pub fn forget(bucket: &mut Bucket, mark: &Mark) {
    for slot in 0..4 {
        if bucket[slot * 2] >> 16 == mark.fingerprint {
            bucket[slot * 2] = 0;
        }
    }
}

/// One word's worth of avalanche (the constants are those of splitmix64).
#[inline(always)]
pub(crate) const fn mix(mut x: u64) -> u64 {
    x ^= x >> 32;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 29;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    extern crate std;

    use std::vec::Vec;

    use super::*;
    use crate::abi::TunnelKind;
    use Decision::{Gated, Pass, PassEvicting};

    const REFRESH: u64 = 900;
    const A: u64 = 0x0200_0000_000a;
    const B: u64 = 0x0200_0000_000b;

    fn untunnelled(ifindex: u32, vlans: [u16; 2]) -> u64 {
        place(ifindex, vlans, Tunnel::default())
    }

    struct Gate(Vec<Bucket>);

    impl Gate {
        fn new() -> Self {
            Self(std::vec![[0; 8]; BUCKETS])
        }

        fn decide(&mut self, claim: Claim, now: u64) -> Decision {
            let mark = mark(0x5eed, untunnelled(2, [30, 0]), &claim);
            decide(&mut self.0[mark.bucket as usize], &mark, now, REFRESH)
        }
    }

    fn claim(kind: u8, address: u64, mac: u64) -> Claim {
        Claim { kind, address: [address, 0], mac, frame_mac: mac }
    }

    /// Claims (kind, MAC, time) of one address, and the answers.
    #[track_caller]
    fn check(steps: &[(u8, u64, u64, Decision)]) {
        let mut gate = Gate::new();
        for &(kind, mac, now, want) in steps {
            assert_eq!(gate.decide(claim(kind, 7, mac), now), want, "kind {kind} mac {mac:x} at {now}");
        }
    }

    #[test]
    fn a_repeat_is_held_back_and_does_not_renew() {
        check(&[(0, A, 10, Pass), (0, A, 11, Gated), (0, A, 909, Gated), (0, A, 910, Pass), (0, A, 911, Gated)]);
    }

    #[test]
    fn a_change_always_passes() {
        check(&[(0, A, 10, Pass), (0, B, 10, Pass), (0, A, 10, Pass), (0, A, 10, Gated)]);
    }

    #[test]
    fn a_change_passes_whichever_kinds_the_two_use() {
        check(&[(1, A, 10, Pass), (0, B, 10, Pass), (1, A, 10, Pass), (0, B, 11, Pass)]);
    }

    #[test]
    fn each_kind_is_told_once() {
        check(&[(0, A, 10, Pass), (1, A, 10, Pass), (7, A, 10, Pass), (1, A, 10, Gated), (0, A, 10, Gated)]);
    }

    #[test]
    fn the_clock_may_wrap_and_step_back_a_little() {
        check(&[(0, A, 0xff_fff0, Pass), (0, A, 0x100_0010, Gated), (0, A, 0x100_0000 + 900, Pass)]);
        check(&[(0, A, 10, Pass), (0, A, 9, Pass)]);
    }

    #[test]
    fn a_payload_that_names_another_mac_than_the_frame_is_another_claimant() {
        let mut gate = Gate::new();
        let spoofed = Claim { frame_mac: B, ..claim(0, 7, A) };
        assert_eq!(gate.decide(claim(0, 7, A), 1), Pass);
        assert_eq!(gate.decide(spoofed, 1), Pass);
        assert_eq!(gate.decide(spoofed, 1), Gated);
        assert_eq!(gate.decide(claim(0, 7, A), 1), Pass);
    }

    #[test]
    fn tables_and_segments_do_not_mix() {
        let mut gate = Gate::new();
        assert_eq!(gate.decide(claim(0, 7, A), 1), Pass);
        assert_eq!(gate.decide(claim(8, 7, A), 1), Pass);
        let elsewhere = mark(0x5eed, untunnelled(3, [30, 0]), &claim(0, 7, A));
        assert_eq!(decide(&mut gate.0[elsewhere.bucket as usize], &elsewhere, 1, REFRESH), Pass);
        let there = |place| mark(1, place, &claim(0, 7, A));
        assert_ne!(there(untunnelled(2, [30, 0])), there(untunnelled(2, [0, 30])));
        let vxlan = |id| place(2, [30, 0], Tunnel { kind: TunnelKind::Vxlan, id, vlan: 0 });
        assert_ne!(there(untunnelled(2, [30, 0])), there(vxlan(0)));
        assert_ne!(there(vxlan(1)), there(vxlan(2)));
    }

    #[test]
    fn what_was_not_told_passes_again() {
        let mut bucket = [0; 8];
        let mark = mark(1, untunnelled(2, [0, 0]), &claim(0, 7, A));
        assert_eq!(decide(&mut bucket, &mark, 1, REFRESH), Pass);
        forget(&mut bucket, &mark);
        assert_eq!(decide(&mut bucket, &mark, 1, REFRESH), Pass);
        assert_eq!(decide(&mut bucket, &mark, 1, REFRESH), Gated);
    }

    #[test]
    fn many_addresses_are_told_once_each() {
        // An eighth of the slots: the fullest of 32,768 buckets may overflow, and says so.
        let mut gate = Gate::new();
        let answers = |gate: &mut Gate| (0..16_384).map(|n| gate.decide(claim(0, n, A), 5)).collect::<Vec<_>>();
        let first = answers(&mut gate);
        let evictions = first.iter().filter(|&&d| d == PassEvicting).count();
        assert!(first.iter().all(|&d| d != Gated) && evictions < 8, "{evictions} evictions");
        let again = answers(&mut gate).iter().filter(|&&d| d != Gated).count();
        assert!(again <= 5 * evictions, "{again} told again after {evictions} evictions");
    }

    #[test]
    fn a_full_bucket_gives_up_its_oldest_slot_and_says_so() {
        let mut bucket = [0; 8];
        let mut told = |mark: Mark, now| decide(&mut bucket, &mark, now, REFRESH);
        let marks: Vec<Mark> = (0..6).map(|n| mark(1, untunnelled(2, [0, 0]), &claim(0, n, A))).collect();
        for (now, mark) in marks[..4].iter().enumerate() {
            assert_eq!(told(*mark, now as u64), Pass);
        }
        assert_eq!(told(marks[4], 4), PassEvicting);
        assert_eq!(told(marks[1], 5), Gated);
        assert_eq!(told(marks[0], 6), PassEvicting);
        assert_eq!(told(marks[5], 2_000), Pass, "slots past their interval are free");
    }

    #[test]
    fn intervals_fit_the_clock() {
        assert_eq!(ticks(0), 1);
        assert_eq!(ticks(60), 894);
        assert_eq!(ticks(u64::MAX), 0x7f_ffff);
    }
}
