//! Presence: who sent anything at all, when last, and how much; one table of fixed size, a few nanoseconds a frame.
//!
//! The table is 16-way set-associative, and each CPU has its own: one that all of them write costs more, in cache lines
//! that go from one to the other, than all the rest. Addresses of one prefix mostly follow each other, so four in a row
//! share a bucket, each with a slot of its own that is looked at first: what a network needs of the table is a quarter of
//! what it needs where each address has a cache line. The key is (segment, station, address): an address that passes to
//! another station is another entry, and so news. An entry remembers only a hash of its key; user space, which is told
//! each new one, knows whose it is. What is news to a CPU is news indeed when the gate, which all share, has not told it
//! lately. Addresses outside the watched prefixes have entries too, which say so: a busy stranger then costs one look-up
//! and not a walk through the prefixes. They never push out a station's entry.

use crate::gate::mix;

/// How many buckets a CPU has.
pub const BUCKETS: usize = 4_096;
/// The map has few large values, of so many buckets each (32 KiB, the most that the kernel gives a CPU in one piece): it
/// finds each value by a pointer, and those of single buckets would be a cache miss more.
pub const PART: usize = 128;
/// One value of the map: its buckets, without the bounds between them (aya takes an array of arrays for its first).
pub type Part = [u64; PART * SLOTS * SLOT_WORDS];
/// How many values the map has.
pub const PARTS: usize = BUCKETS / PART;
/// Slots of a bucket.
pub const SLOTS: usize = 16;
/// Words of a slot. 0: 40 bits of the key's hash, what the entry is, and when it was last seen, or, outside, when that was
/// found, in ticks. 1: frames and bytes ([`Count`]).
pub const SLOT_WORDS: usize = 2;
/// One bucket: four cache lines.
pub type Bucket = [u64; SLOTS * SLOT_WORDS];
/// A tick of the table is so many of the clock's own (jiffies; of files and sockets, milliseconds), as a power of two.
pub const TICK_BITS: u32 = 5;
/// Ticks are counted up to this, three days at a thousand jiffies a second, and from zero again.
pub const LAST_MASK: u64 = (1 << OUTSIDE_AT) - 1;

const KEY_AT: u32 = 24;
const OUTSIDE_AT: u32 = 23;
/// Of an entry outside the watched prefixes.
const OUTSIDE: u64 = 1 << OUTSIDE_AT;
const FRAMES_AT: u32 = 38;

/// Frames (26 bits) and their bytes (38 bits) in one word, so that counting is one addition. Either starts at zero again
/// when it is full; what came between two readings ten seconds apart is right up to three million
/// frames and 13 GB a second of one station on one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count(u64);

impl Count {
    /// One frame of `len` bytes.
    const fn of(len: u64) -> u64 {
        (1 << FRAMES_AT) + len
    }

    /// What was added since `before`, of the same entry; all of it when the entry was made anew in between.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        let added = self.0.wrapping_sub(before.0);
        if added >> 63 == 0 { Self(added) } else { self }
    }

    /// How many.
    pub const fn frames(self) -> u64 {
        self.0 >> FRAMES_AT
    }

    /// Their bytes together.
    pub const fn bytes(self) -> u64 {
        self.0 & ((1 << FRAMES_AT) - 1)
    }
}

/// What the table knows of a frame's sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing, or nothing that is still true: its prefix is to be looked up.
    Absent,
    /// It was seen within the interval, and now again.
    Known,
    /// It was seen before, but not within the interval. At this slot; nothing is counted before [`renew`].
    Back(usize),
    /// It is outside the watched prefixes.
    Outside,
}

/// A key as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Which bucket, below [`BUCKETS`].
    pub bucket: u32,
    /// The slot that is looked at first, below [`SLOTS`].
    pub slot: u32,
    /// 40 bits, never 0.
    pub fingerprint: u64,
}

/// What a key is hashed with: odd numbers that nobody outside knows.
pub type Keys = [u64; 4];

/// The numbers made of a secret.
pub fn keys(seed: u64) -> Keys {
    [0, 1, 2, 3].map(|n| {
        let key = |turn: u64| mix(seed ^ n ^ turn << 8) | 1;
        (0..1_000).map(key).find(|&key| spreads(key)).unwrap_or(key(0))
    })
}

/// Whether every fourth number, multiplied by this one, falls far from the others. Where a small multiple of it is nearly
/// a whole turn of 2^64, they come round to the same bucket; where none is, they fill the table more evenly than chance
/// would (the three-distance theorem).
fn spreads(key: u64) -> bool {
    const MULTIPLES: u64 = 2_048;
    const NEAR: u64 = 1 << 50;
    (1..=MULTIPLES).map(|n| key.wrapping_mul(4 * n)).all(|turn| turn.min(turn.wrapping_neg()) >= NEAR)
}

/// Hashes a key by multiplying each part with a secret number, so that keys which are taken for one cannot be chosen.
/// Only the upper bits depend on all of the key. `place` is [`crate::gate::place`]; `address` two words in network order,
/// an IPv4 address the first word.
#[inline(always)]
pub fn hash(keys: &Keys, place: u64, address: [u64; 2], mac: u64) -> u64 {
    place_hash(keys, place, address).wrapping_add(mac.wrapping_mul(keys[1]))
}

#[inline(always)]
fn place_hash(keys: &Keys, place: u64, address: [u64; 2]) -> u64 {
    let hash = place.wrapping_mul(keys[0]).wrapping_add(address[0].wrapping_mul(keys[2]));
    if address[1] == 0 { hash } else { hash.wrapping_add(address[1].wrapping_mul(keys[3])) }
}

/// What the table knows of a key, as [`hash`] takes it. Which addresses share a bucket nobody else knows, but for those
/// in a row.
#[inline(always)]
pub fn mark(keys: &Keys, place: u64, address: [u64; 2], mac: u64) -> Mark {
    let (row, one) = match address {
        [address, 0] => ([address & !3, 0], address & 3),
        [network, address] => ([network, address & !3], address & 3),
    };
    let row = place_hash(keys, place, row);
    let at = (row >> 50) as u32;
    Mark {
        bucket: (at >> 2) & (BUCKETS as u32 - 1),
        slot: (at & 3) << 2 | one as u32,
        fingerprint: row.wrapping_add((mac << 2 | one).wrapping_mul(keys[1])) >> KEY_AT | 1,
    }
}

/// As [`look`], for nearly all: those in their own slot. Whoever else there may be is [`Look::Absent`].
#[inline(always)]
pub fn look_first(bucket: &mut Bucket, mark: &Mark, now: u32, interval: u32, len: u64) -> Look {
    let slot = mark.slot as usize & (SLOTS - 1);
    if bucket[slot * SLOT_WORDS] >> KEY_AT == mark.fingerprint {
        found(bucket, slot, now, interval, len)
    } else {
        Look::Absent
    }
}

/// A sender whose slot is found.
#[inline(always)]
fn found(bucket: &mut Bucket, slot: usize, now: u32, interval: u32, len: u64) -> Look {
    let at = slot * SLOT_WORDS;
    let word = bucket[at];
    match (is_old(word, now, interval), word & OUTSIDE != 0) {
        (true, true) => Look::Absent,
        (false, true) => Look::Outside,
        (true, false) => Look::Back(slot),
        (false, false) => {
            count(bucket, at, now, len);
            Look::Known
        }
    }
}

#[inline(always)]
fn count(bucket: &mut Bucket, at: usize, now: u32, len: u64) {
    bucket[at] = bucket[at] & !LAST_MASK | u64::from(now) & LAST_MASK;
    bucket[at + 1] = bucket[at + 1].wrapping_add(Count::of(len));
}

/// Looks a sender up, and counts the frame of `len` bytes of one that is known. `now` is in ticks, `interval` the ticks
/// after which a sender is back and an address outside is looked up anew, at most half of [`LAST_MASK`].
#[inline(always)]
pub fn look(bucket: &mut Bucket, mark: &Mark, now: u32, interval: u32, len: u64) -> Look {
    for turn in 0..SLOTS {
        let slot = turn ^ mark.slot as usize & (SLOTS - 1);
        if bucket[slot * SLOT_WORDS] >> KEY_AT == mark.fingerprint {
            return found(bucket, slot, now, interval, len);
        }
    }
    Look::Absent
}

/// Whether an entry's time is an interval ago. One that is ahead by less is no older: a file's clock may step back a
/// little.
#[inline(always)]
const fn is_old(word: u64, now: u32, interval: u32) -> bool {
    let age = (now as u64).wrapping_sub(word) & LAST_MASK;
    age >= interval as u64 && age <= LAST_MASK - interval as u64
}

/// As [`look`], for a table that tells a known sender again at each interval: nothing is counted or renewed.
pub fn peek(bucket: &Bucket, mark: &Mark, now: u32, interval: u32) -> Look {
    let mut copy = *bucket;
    look(&mut copy, mark, now, interval, 0)
}

/// Counts the frame of a sender that is back.
#[inline(always)]
pub fn renew(bucket: &mut Bucket, slot: usize, now: u32, len: u64) {
    count(bucket, (slot & (SLOTS - 1)) * SLOT_WORDS, now, len);
}

/// Where an entry went, and whether another one that was still in use had to go for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The slot.
    pub slot: usize,
    /// An entry is lost: that station will be told again.
    pub evicted: bool,
}

/// Remembers a sender that was [`Look::Absent`], with its first frame. An address outside (`!inside`) takes only a
/// slot that no station needs; `None`: there was none.
#[inline(always)]
pub fn enter(bucket: &mut Bucket, mark: &Mark, now: u32, interval: u32, len: u64, inside: bool) -> Option<Entered> {
    let mut victim = SLOTS;
    let mut victim_rank = 0;
    for turn in 0..SLOTS {
        // Its own first, which wins where others are as good.
        let slot = turn ^ mark.slot as usize & (SLOTS - 1);
        let word = bucket[slot * SLOT_WORDS];
        let age = u64::from(now).wrapping_sub(word) & LAST_MASK;
        // Itself outside and out of date, then empty, then others outside, then the station heard longest ago.
        let rank = if word >> KEY_AT == mark.fingerprint {
            4 << 32
        } else if word == 0 {
            3 << 32
        } else if word & OUTSIDE != 0 {
            (2 << 32) + age
        } else if inside || is_old(word, now, interval) {
            (1 << 32) + age
        } else {
            0
        };
        if rank > victim_rank {
            victim_rank = rank;
            victim = slot;
        }
    }
    if victim >= SLOTS {
        return None;
    }
    let at = (victim & (SLOTS - 1)) * SLOT_WORDS;
    let evicted = victim_rank >> 32 == 1 && (victim_rank & 0xffff_ffff) < u64::from(interval);
    bucket[at] = mark.fingerprint << KEY_AT | if inside { 0 } else { OUTSIDE } | u64::from(now) & LAST_MASK;
    bucket[at + 1] = Count::of(len);
    Some(Entered { slot: victim, evicted })
}

/// Forgets an entry whose news could not be told, so that the sender's next frame is news again.
#[inline(always)]
pub fn forget(bucket: &mut Bucket, slot: usize) {
    bucket[(slot & (SLOTS - 1)) * SLOT_WORDS] = 0;
}

/// What a slot tells of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As in [`Mark`].
    pub fingerprint: u64,
    /// When it was last seen, ticks, up to [`LAST_MASK`].
    pub last: u32,
    /// Since the entry was made.
    pub count: Count,
}

/// The station of a slot; `None` when it is empty, or an address outside.
pub fn entry(slot: &[u64; SLOT_WORDS]) -> Option<Entry> {
    let [word, count] = *slot;
    let is_station = word >> KEY_AT != 0 && word & OUTSIDE == 0;
    is_station.then_some(Entry { fingerprint: word >> KEY_AT, last: (word & LAST_MASK) as u32, count: Count(count) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    extern crate std;

    use std::vec::Vec;

    use super::*;

    const INTERVAL: u32 = 100;

    fn entries(bucket: &Bucket) -> Vec<Entry> {
        bucket.as_chunks().0.iter().filter_map(entry).collect()
    }

    fn key(n: u64) -> Mark {
        Mark { bucket: 0, slot: 0, fingerprint: n }
    }

    #[test]
    fn a_station_is_news_once_and_again_after_a_gap() {
        let mut bucket = [0; _];
        assert_eq!(look(&mut bucket, &key(7), 10, INTERVAL, 60), Look::Absent);
        assert_eq!(enter(&mut bucket, &key(7), 10, INTERVAL, 60, true), Some(Entered { slot: 0, evicted: false }));
        assert_eq!(look(&mut bucket, &key(7), 109, INTERVAL, 60), Look::Known);
        assert_eq!(look(&mut bucket, &key(7), 208, INTERVAL, 60), Look::Known);
        assert_eq!(look(&mut bucket, &key(7), 207, INTERVAL, 60), Look::Known, "another CPU's clock is behind");
        assert_eq!(look(&mut bucket, &key(7), 308, INTERVAL, 60), Look::Back(0));
        renew(&mut bucket, 0, 308, 60);
        let told = entries(&bucket);
        assert_eq!(told.len(), 1);
        let Entry { fingerprint, last, count } = told[0];
        assert_eq!((fingerprint, last, count.frames(), count.bytes()), (7, 308, 5, 300));
    }

    #[test]
    fn the_clock_may_wrap() {
        let mut bucket = [0; _];
        let end = LAST_MASK as u32;
        for (first, next) in [(end - 5, 5), (u32::MAX - 5, 5), (end - 5, end + 6)] {
            enter(&mut bucket, &key(7), first, INTERVAL, 60, true);
            assert_eq!(look(&mut bucket, &key(7), next, INTERVAL, 60), Look::Known);
            assert_eq!(look(&mut bucket, &key(7), next + 200, INTERVAL, 60), Look::Back(0));
        }
    }

    #[test]
    fn a_clock_that_goes_far_back_is_no_reason_to_be_silent() {
        let mut bucket = [0; _];
        enter(&mut bucket, &key(7), 5_000, INTERVAL, 60, true);
        assert_eq!(look(&mut bucket, &key(7), 4_950, INTERVAL, 60), Look::Known);
        enter(&mut bucket, &key(7), 5_000, INTERVAL, 60, true);
        assert_eq!(peek(&bucket, &key(7), 4_000, INTERVAL), Look::Back(0));
    }

    #[test]
    fn counts_are_differences_that_may_wrap() {
        let added = |before: u64, after: u64| {
            let count = Count(after).since(Count(before));
            (count.frames(), count.bytes())
        };
        assert_eq!(added(0, Count::of(60)), (1, 60));
        let many = (0..1_000).fold(u64::MAX - 50_000, |word, _| word.wrapping_add(Count::of(1500)));
        assert_eq!(added(u64::MAX - 50_000, many), (1_000, 1_500_000));
        // Made anew: it has less than before.
        assert_eq!(added(Count::of(60) * 9, Count::of(60)), (1, 60));
    }

    #[test]
    fn what_is_outside_is_looked_up_once_an_interval_and_is_no_entry() {
        let mut bucket = [0; _];
        enter(&mut bucket, &key(7), 10, INTERVAL, 60, false);
        assert_eq!(look(&mut bucket, &key(7), 50, INTERVAL, 60), Look::Outside);
        assert_eq!(look(&mut bucket, &key(7), 110, INTERVAL, 60), Look::Absent);
        assert_eq!(entries(&bucket).len(), 0);
        assert_eq!(enter(&mut bucket, &key(7), 110, INTERVAL, 60, true), Some(Entered { slot: 0, evicted: false }));
        assert_eq!(entries(&bucket).len(), 1);
    }

    #[test]
    fn strangers_never_push_a_station_out() {
        let mut bucket = [0; _];
        for n in 1..=16 {
            enter(&mut bucket, &key(n), 10, INTERVAL, 60, true).unwrap();
        }
        assert_eq!(enter(&mut bucket, &key(99), 11, INTERVAL, 60, false), None);
        assert_eq!(entries(&bucket).len(), 16);
        assert!(enter(&mut bucket, &key(99), 200, INTERVAL, 60, false).is_some(), "a station that went");
    }

    #[test]
    fn a_station_takes_a_strangers_slot_before_anothers() {
        let mut bucket = [0; _];
        for n in 1..=15 {
            enter(&mut bucket, &key(n), 10, INTERVAL, 60, true).unwrap();
        }
        enter(&mut bucket, &key(99), 11, INTERVAL, 60, false).unwrap();
        assert_eq!(enter(&mut bucket, &key(16), 12, INTERVAL, 60, true), Some(Entered { slot: 15, evicted: false }));
        let another = enter(&mut bucket, &key(17), 13, INTERVAL, 60, true).unwrap();
        assert!(another.evicted);
        assert!(!enter(&mut bucket, &key(18), 500, INTERVAL, 60, true).unwrap().evicted, "long unheard");
    }

    #[test]
    fn what_could_not_be_told_is_news_again() {
        let mut bucket = [0; _];
        let entered = enter(&mut bucket, &key(7), 10, INTERVAL, 60, true).unwrap();
        forget(&mut bucket, entered.slot);
        assert_eq!(look(&mut bucket, &key(7), 11, INTERVAL, 60), Look::Absent);
    }

    #[test]
    fn each_part_of_the_key_counts() {
        let keys = keys(0x5eed);
        let base = mark(&keys, 1, [10, 0], 20);
        let others = [
            mark(&super::keys(0x5eee), 1, [10, 0], 20),
            mark(&keys, 2, [10, 0], 20),
            mark(&keys, 1, [11, 0], 20),
            mark(&keys, 1, [10, 1], 20),
            mark(&keys, 1, [10, 0], 21),
        ];
        assert!(others.iter().all(|other| other.fingerprint != base.fingerprint));
    }

    /// Whatever the secret: a network whose addresses are in a row fits, up to half of the table.
    #[test]
    fn addresses_in_a_row_share_buckets_by_four_and_fill_the_table_evenly() {
        for seed in 0..40 {
            let keys = keys(seed);
            let mut rows = std::vec![0_u8; BUCKETS];
            for row in 0..8_192_u64 {
                let marks: Vec<Mark> = (0..4).map(|n| mark(&keys, 1, [0x0a00_0000 + row * 4 + n, 0], row)).collect();
                assert!(marks.iter().all(|mark| mark.bucket == marks[0].bucket), "seed {seed}");
                let slots: std::collections::BTreeSet<u32> = marks.iter().map(|mark| mark.slot).collect();
                assert_eq!(slots.len(), 4);
                rows[marks[0].bucket as usize] += 1;
            }
            // A bucket has room for four rows; by chance, one of twenty would have more.
            assert!(rows.iter().all(|&rows| rows <= 4), "seed {seed}");
        }
    }

    #[test]
    fn a_station_takes_its_own_slot_where_it_is_free() {
        let mut bucket = [0; _];
        let own = Mark { slot: 5, ..key(7) };
        assert_eq!(enter(&mut bucket, &own, 10, INTERVAL, 60, true), Some(Entered { slot: 5, evicted: false }));
        let other = Mark { slot: 5, ..key(8) };
        let entered = enter(&mut bucket, &other, 10, INTERVAL, 60, true).unwrap();
        assert!(entered.slot != 5 && !entered.evicted);
        assert_eq!(look(&mut bucket, &own, 11, INTERVAL, 60), Look::Known);
        assert_eq!(look(&mut bucket, &other, 11, INTERVAL, 60), Look::Known);
    }
}
