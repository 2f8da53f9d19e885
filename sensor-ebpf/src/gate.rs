//! The repeat gate: a claim that passed is held back for a while when it is repeated; a changed one always passes.
//!
//! The table is 4-way set-associative. Its key is (segment, address); a slot remembers the MAC that claimed the
//! address, when that claim passed, and which kinds of claim passed since. So when an address goes from A to B and back
//! to A, all three claims pass, whichever kinds of message the two stations use, and a repeat costs one look at one
//! bucket.
//!
//! Two CPUs that write one slot at the same time may leave half of each claim in it. Such a slot holds a claim that
//! nobody made, or one that is held back although it never passed. The latter passes when the refresh interval ends at
//! the latest, because a claim that is held back does not renew its slot: it is late by at most the interval, and never
//! lost.

use crate::found::{Claim, Tunnel};
use crate::hash::mix;

/// Buckets of the gate's map. A power of two.
pub const BUCKETS: usize = 32_768;
/// One bucket: four slots of two words, one cache line. Word 0: 48 bits of the key's hash, then the first two octets of
/// the MAC. Word 1: its other four octets (32 bits), the kinds that passed (8 bits), the time (24 bits).
pub type Bucket = [u64; 8];
/// A tick of the gate's clock is 2^26 ns (67 ms), so that a time of 24 bits wraps after 13 days.
pub const TICK_BITS: u32 = 26;

const TIME_MASK: u64 = 0xff_ffff;
const KIND_AT: u32 = 24;
const MAC_MASK: u64 = 0xffff_ffff_ffff;

/// What the gate decides about a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It passed within the refresh interval: hold it back.
    Gated,
    /// It is new, changed, or due again.
    Pass,
    /// As `Pass`, and a slot still in use was given up for it: the next repeat about that address passes too early.
    PassEvicting,
}

/// A claim in the form in which the table compares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The number of the bucket, below [`BUCKETS`].
    pub bucket: u32,
    /// 48 bits of the hash of (segment, address), never 0.
    fingerprint: u64,
    /// The claimant: 48 bits.
    mac: u64,
    /// The kind of claim, as one bit of eight.
    kind: u64,
}

/// A refresh interval of `refresh_s` seconds in ticks: at least one tick, at most half of the clock's range.
pub const fn ticks(refresh_s: u64) -> u64 {
    let ticks = refresh_s.saturating_mul(1_000_000_000) >> TICK_BITS;
    match ticks {
        0 => 1,
        1..0x80_0000 => ticks,
        _ => 0x7f_ffff,
    }
}

/// A segment as one word: the number of the interface, the VLAN ids (12 bits each), and a hash of the tunnel where
/// there is one.
#[inline(always)]
pub fn place(ifindex: u32, vlans: [u16; 2], tunnel: Tunnel) -> u64 {
    let plain = u64::from(ifindex) << 32 | u64::from(vlans[0]) << 16 | u64::from(vlans[1]);
    match tunnel.kind as u64 {
        0 => plain,
        kind => plain ^ mix(kind << 32 | u64::from(tunnel.id)) & !0xf000,
    }
}

/// The mark of a claim on a segment ([`place`]). It is hashed with the secret `seed`, so that nobody outside can choose
/// addresses that share a slot.
#[inline(always)]
pub fn mark(seed: u64, place: u64, claim: &Claim) -> Mark {
    // The VLAN ids have 12 bits each, so the number of the table fits above the inner one.
    let table = u64::from(claim.kind >> 3) << 12;
    // After the multiplication, different places and tables differ in the upper half too, which no IPv4 address
    // reaches: the difference cannot be cancelled by a difference of addresses.
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

/// Looks a claim up in its bucket, and remembers it when it passes. `now` and `refresh` are in ticks; `refresh` is at
/// most half of the clock's range (see [`ticks`]).
#[inline(always)]
pub fn decide(bucket: &mut Bucket, mark: &Mark, now: u64, refresh: u64) -> Decision {
    let now = now & TIME_MASK;
    let word0 = mark.fingerprint << 16 | mark.mac >> 32;
    let fresh = (mark.mac & 0xffff_ffff) << 32 | mark.kind << KIND_AT | now;
    let mut oldest = 0;
    let mut oldest_age = 0;
    for slot in 0..4 {
        let at = slot * 2;
        let (known, passed) = (bucket[at], bucket[at + 1]);
        let age = now.wrapping_sub(passed) & TIME_MASK;
        if known >> 16 == mark.fingerprint {
            let same = known == word0 && passed >> 32 == fresh >> 32;
            if same && age < refresh {
                if passed >> KIND_AT & mark.kind != 0 {
                    return Decision::Gated;
                }
                bucket[at + 1] = passed | mark.kind << KIND_AT;
                return Decision::Pass;
            }
            bucket[at] = word0;
            bucket[at + 1] = fresh;
            return Decision::Pass;
        }
        // An empty slot counts as older than any other.
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

/// Removes a claim that passed but could not be sent: its next repeat passes.
#[inline(always)]
pub fn forget(bucket: &mut Bucket, mark: &Mark) {
    for slot in 0..4 {
        if bucket[slot * 2] >> 16 == mark.fingerprint {
            bucket[slot * 2] = 0;
        }
    }
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

    /// Claims of one address (kind, MAC, time), and what the gate decides about each.
    #[track_caller]
    fn check(steps: &[(u8, u64, u64, Decision)]) {
        let mut gate = Gate::new();
        for &(kind, mac, now, want) in steps {
            assert_eq!(gate.decide(claim(kind, 7, mac), now), want, "kind {kind} mac {mac:x} at {now}");
        }
    }

    #[test]
    fn a_repeat_is_held_back_and_does_not_renew_its_slot() {
        check(&[(0, A, 10, Pass), (0, A, 11, Gated), (0, A, 909, Gated), (0, A, 910, Pass), (0, A, 911, Gated)]);
    }

    #[test]
    fn a_change_always_passes() {
        check(&[(0, A, 10, Pass), (0, B, 10, Pass), (0, A, 10, Pass), (0, A, 10, Gated)]);
    }

    #[test]
    fn a_change_passes_whichever_kinds_of_message_the_stations_use() {
        check(&[(1, A, 10, Pass), (0, B, 10, Pass), (1, A, 10, Pass), (0, B, 11, Pass)]);
    }

    #[test]
    fn each_kind_of_claim_passes_once() {
        check(&[(0, A, 10, Pass), (1, A, 10, Pass), (7, A, 10, Pass), (1, A, 10, Gated), (0, A, 10, Gated)]);
    }

    #[test]
    fn the_clock_may_wrap_and_a_step_back_passes() {
        check(&[(0, A, 0xff_fff0, Pass), (0, A, 0x100_0010, Gated), (0, A, 0x100_0000 + 900, Pass)]);
        check(&[(0, A, 10, Pass), (0, A, 9, Pass)]);
    }

    #[test]
    fn a_message_mac_that_differs_from_the_frame_mac_is_another_claimant() {
        let mut gate = Gate::new();
        let spoofed = Claim { frame_mac: B, ..claim(0, 7, A) };
        assert_eq!(gate.decide(claim(0, 7, A), 1), Pass);
        assert_eq!(gate.decide(spoofed, 1), Pass);
        assert_eq!(gate.decide(spoofed, 1), Gated);
        assert_eq!(gate.decide(claim(0, 7, A), 1), Pass);
    }

    #[test]
    fn tables_and_segments_are_apart() {
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
    fn a_forgotten_claim_passes_again() {
        let mut bucket = [0; 8];
        let mark = mark(1, untunnelled(2, [0, 0]), &claim(0, 7, A));
        assert_eq!(decide(&mut bucket, &mark, 1, REFRESH), Pass);
        forget(&mut bucket, &mark);
        assert_eq!(decide(&mut bucket, &mark, 1, REFRESH), Pass);
        assert_eq!(decide(&mut bucket, &mark, 1, REFRESH), Gated);
    }

    #[test]
    fn each_of_many_addresses_passes_once() {
        // An eighth of the slots is used: the fullest of 32,768 buckets may overflow, which is reported as an eviction.
        let mut gate = Gate::new();
        let answers = |gate: &mut Gate| (0..16_384).map(|n| gate.decide(claim(0, n, A), 5)).collect::<Vec<_>>();
        let first = answers(&mut gate);
        let evictions = first.iter().filter(|&&d| d == PassEvicting).count();
        assert!(first.iter().all(|&d| d != Gated) && evictions < 8, "{evictions} evictions");
        let again = answers(&mut gate).iter().filter(|&&d| d != Gated).count();
        assert!(again <= 5 * evictions, "{again} passed again after {evictions} evictions");
    }

    #[test]
    fn a_full_bucket_gives_up_its_oldest_slot_and_reports_it() {
        let mut bucket = [0; 8];
        let mut decide_at = |mark: Mark, now| decide(&mut bucket, &mark, now, REFRESH);
        let marks: Vec<Mark> = (0..6).map(|n| mark(1, untunnelled(2, [0, 0]), &claim(0, n, A))).collect();
        for (now, mark) in marks[..4].iter().enumerate() {
            assert_eq!(decide_at(*mark, now as u64), Pass);
        }
        assert_eq!(decide_at(marks[4], 4), PassEvicting);
        assert_eq!(decide_at(marks[1], 5), Gated);
        assert_eq!(decide_at(marks[0], 6), PassEvicting);
        assert_eq!(decide_at(marks[5], 2_000), Pass, "slots past their interval are free");
    }

    #[test]
    fn intervals_are_limited_to_the_clocks_range() {
        assert_eq!(ticks(0), 1);
        assert_eq!(ticks(60), 894);
        assert_eq!(ticks(u64::MAX), 0x7f_ffff);
    }
}
