//! Presence: which stations sent any frame, when last, and how much. A table of fixed size; a look-up takes a few
//! nanoseconds.
//!
//! - The key is (segment, station, address): an address that passes to another station is a new entry.
//! - An entry holds only a hash of its key. User space gets a record for each new entry, and so knows whose it is.
//! - Each CPU has a table of its own. In a shared one the cache lines would move between the CPUs, which costs more
//!   than all the rest. What is new to one CPU is reported only if the gate, which all CPUs share, has not passed it
//!   lately.
//! - The table is 16-way set-associative. The addresses of a network mostly follow each other, so four consecutive
//!   addresses share a bucket and a cache line, and each has a slot of its own there that is looked at first. A network
//!   then touches a quarter of the cache lines that it would touch with a line for each address.
//! - Addresses outside the watched prefixes have entries too, marked as outside. A busy foreign address then costs one
//!   look-up and no search through the prefixes. Such an entry never pushes out one of a station.

use crate::hash::mix;

/// Buckets of the table of one CPU. A power of two.
pub const BUCKETS: usize = 4_096;
/// Buckets in one value of the map. The values are few and large (32 KiB, the largest that the kernel allocates for a
/// CPU in one piece), because the map finds each value by a pointer: with single buckets as values, that pointer would
/// be one more cache miss.
pub const PART: usize = 128;
/// One value of the map: all words of its buckets. (aya reads an array of arrays as if it were only its first element.)
pub type Part = [u64; PART * SLOTS * SLOT_WORDS];
/// Values of the map.
pub const PARTS: usize = BUCKETS / PART;
/// Slots of a bucket.
pub const SLOTS: usize = 16;
/// Words of a slot. Word 0: 40 bits of the key's hash, one bit for "outside", and 23 bits for the tick in which the
/// station was last seen (of an entry outside: when that was found). Word 1: frames and bytes ([`Count`]).
pub const SLOT_WORDS: usize = 2;
/// One bucket: four cache lines.
pub type Bucket = [u64; SLOTS * SLOT_WORDS];
/// A tick of the table is 2^5 units of the clock: jiffies in the kernel, milliseconds for files and sockets.
pub const TICK_BITS: u32 = 5;
/// The highest tick, after which they start at zero again: after three days at a thousand jiffies a second.
pub const LAST_MASK: u64 = (1 << OUTSIDE_AT) - 1;

const KEY_AT: u32 = 24;
const OUTSIDE_AT: u32 = 23;
/// Set in entries outside the watched prefixes.
const OUTSIDE: u64 = 1 << OUTSIDE_AT;
const FRAMES_AT: u32 = 38;

/// Frames (26 bits) and their bytes (38 bits) in one word, so that counting is one addition. Each of the two starts at
/// zero again when it is full. The difference between two readings ten seconds apart is right up to three million
/// frames and 13 GB a second, of one station on one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count(u64);

impl Count {
    /// One frame of `len` bytes.
    const fn of(len: u64) -> u64 {
        (1 << FRAMES_AT) + len
    }

    /// What was added since `before`, an earlier count of the same entry; the whole count when the entry was made anew
    /// since.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        let added = self.0.wrapping_sub(before.0);
        if added >> 63 == 0 { Self(added) } else { self }
    }

    /// The number of frames, up to 2^26.
    pub const fn frames(self) -> u64 {
        self.0 >> FRAMES_AT
    }

    /// The bytes of these frames together, up to 2^38.
    pub const fn bytes(self) -> u64 {
        self.0 & ((1 << FRAMES_AT) - 1)
    }
}

/// What the table knows about the sender of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing, or nothing that still holds: its prefix is to be looked up.
    Absent,
    /// It was seen within the interval; this frame is counted.
    Known,
    /// It is at this slot, and was not seen within the interval. Nothing is counted until [`renew`] is called.
    Back(usize),
    /// It is outside the watched prefixes.
    Outside,
}

/// A key in the form in which the table compares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The number of the bucket, below [`BUCKETS`].
    pub bucket: u32,
    /// The slot that is looked at first, below [`SLOTS`].
    pub slot: u32,
    /// 40 bits of the hash, never 0.
    pub fingerprint: u64,
}

/// The secret numbers that keys are hashed with. Each is odd.
pub type Keys = [u64; 4];

/// The keys derived from a secret seed.
pub fn keys(seed: u64) -> Keys {
    [0, 1, 2, 3].map(|n| {
        let key = |turn: u64| mix(seed ^ n ^ turn << 8) | 1;
        (0..1_000).map(key).find(|&key| spreads(key)).unwrap_or(key(0))
    })
}

/// Whether multiples of four, multiplied by this key, fall far from each other. If a small multiple of the key were
/// close to a multiple of 2^64, they would fall into the same bucket again and again. If none is, they fill the table
/// more evenly than random numbers would (the three-distance theorem).
fn spreads(key: u64) -> bool {
    const MULTIPLES: u64 = 2_048;
    const NEAR: u64 = 1 << 50;
    (1..=MULTIPLES).map(|n| key.wrapping_mul(4 * n)).all(|turn| turn.min(turn.wrapping_neg()) >= NEAR)
}

/// Hashes a key by multiplying each part with a secret number, so that nobody outside can choose two keys with one
/// hash. Only the upper bits depend on the whole key. `place` is [`crate::gate::place`], `address` two words
/// ([`crate::found`]).
#[inline(always)]
pub fn hash(keys: &Keys, place: u64, address: [u64; 2], mac: u64) -> u64 {
    place_hash(keys, place, address).wrapping_add(mac.wrapping_mul(keys[1]))
}

#[inline(always)]
fn place_hash(keys: &Keys, place: u64, address: [u64; 2]) -> u64 {
    let hash = place.wrapping_mul(keys[0]).wrapping_add(address[0].wrapping_mul(keys[2]));
    if address[1] == 0 { hash } else { hash.wrapping_add(address[1].wrapping_mul(keys[3])) }
}

/// The mark of a key; the parameters are those of [`hash`]. Nobody outside knows which addresses share a bucket, except
/// four consecutive ones.
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

/// As [`look`], but in the own slot of the key only, where nearly all entries are. [`Look::Absent`] then means that it
/// may be in another slot.
#[inline(always)]
pub fn look_first(bucket: &mut Bucket, mark: &Mark, now: u32, interval: u32, len: u64) -> Look {
    let slot = mark.slot as usize & (SLOTS - 1);
    if bucket[slot * SLOT_WORDS] >> KEY_AT == mark.fingerprint {
        found(bucket, slot, now, interval, len)
    } else {
        Look::Absent
    }
}

/// What the entry in this slot says about its sender.
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

/// Looks a sender up, and counts its frame of `len` bytes if it is known. `now` is in ticks. After `interval` ticks (at
/// most half of [`LAST_MASK`]) a sender is back, and an address outside is to be looked up again.
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

/// Whether the time of an entry is at least an interval ago. A time that is ahead by less than an interval is not: the
/// clock of a file may step back a little.
#[inline(always)]
const fn is_old(word: u64, now: u32, interval: u32) -> bool {
    let age = (now as u64).wrapping_sub(word) & LAST_MASK;
    age >= interval as u64 && age <= LAST_MASK - interval as u64
}

/// As [`look`], but nothing is counted or renewed: for a table whose known senders are reported again at each interval.
pub fn peek(bucket: &Bucket, mark: &Mark, now: u32, interval: u32) -> Look {
    let mut copy = *bucket;
    look(&mut copy, mark, now, interval, 0)
}

/// Counts the frame of a sender that is back ([`Look::Back`]).
#[inline(always)]
pub fn renew(bucket: &mut Bucket, slot: usize, now: u32, len: u64) {
    count(bucket, (slot & (SLOTS - 1)) * SLOT_WORDS, now, len);
}

/// Where an entry was made, and whether another one that was still in use was given up for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The slot of the new entry.
    pub slot: usize,
    /// Whether an entry in use is lost: its station will be reported as new again.
    pub evicted: bool,
}

/// Makes an entry for a sender that was [`Look::Absent`], with its first frame. An address outside the watched prefixes
/// (`!inside`) takes only a slot that no station needs; `None` when there is none.
#[inline(always)]
pub fn enter(bucket: &mut Bucket, mark: &Mark, now: u32, interval: u32, len: u64, inside: bool) -> Option<Entered> {
    let mut victim = SLOTS;
    let mut victim_rank = 0;
    for turn in 0..SLOTS {
        // The own slot comes first, and wins against others of the same rank.
        let slot = turn ^ mark.slot as usize & (SLOTS - 1);
        let word = bucket[slot * SLOT_WORDS];
        let age = u64::from(now).wrapping_sub(word) & LAST_MASK;
        // The best slot: the old entry of the same key, an empty one, the oldest entry outside, the oldest of a
        // station.
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

/// Removes an entry whose record could not be sent, so that the next frame of the sender is new again.
#[inline(always)]
pub fn forget(bucket: &mut Bucket, slot: usize) {
    bucket[(slot & (SLOTS - 1)) * SLOT_WORDS] = 0;
}

/// What a slot says about a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The fingerprint of the key, as in [`Mark`].
    pub fingerprint: u64,
    /// When the station was last seen, in ticks, up to [`LAST_MASK`].
    pub last: u32,
    /// Frames and bytes since the entry was made.
    pub count: Count,
}

/// The entry in a slot; `None` when the slot is empty or holds an address outside.
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
    fn a_station_is_new_once_and_back_after_an_interval() {
        let mut bucket = [0; _];
        assert_eq!(look(&mut bucket, &key(7), 10, INTERVAL, 60), Look::Absent);
        assert_eq!(enter(&mut bucket, &key(7), 10, INTERVAL, 60, true), Some(Entered { slot: 0, evicted: false }));
        assert_eq!(look(&mut bucket, &key(7), 109, INTERVAL, 60), Look::Known);
        assert_eq!(look(&mut bucket, &key(7), 208, INTERVAL, 60), Look::Known);
        assert_eq!(look(&mut bucket, &key(7), 207, INTERVAL, 60), Look::Known, "another CPU's clock is behind");
        assert_eq!(look(&mut bucket, &key(7), 308, INTERVAL, 60), Look::Back(0));
        renew(&mut bucket, 0, 308, 60);
        let entries = entries(&bucket);
        assert_eq!(entries.len(), 1);
        let Entry { fingerprint, last, count } = entries[0];
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
    fn a_clock_that_steps_far_back_makes_a_sender_back() {
        let mut bucket = [0; _];
        enter(&mut bucket, &key(7), 5_000, INTERVAL, 60, true);
        assert_eq!(look(&mut bucket, &key(7), 4_950, INTERVAL, 60), Look::Known);
        enter(&mut bucket, &key(7), 5_000, INTERVAL, 60, true);
        assert_eq!(peek(&bucket, &key(7), 4_000, INTERVAL), Look::Back(0));
    }

    #[test]
    fn differences_of_counts_are_right_when_they_wrap() {
        let added = |before: u64, after: u64| {
            let count = Count(after).since(Count(before));
            (count.frames(), count.bytes())
        };
        assert_eq!(added(0, Count::of(60)), (1, 60));
        let many = (0..1_000).fold(u64::MAX - 50_000, |word, _| word.wrapping_add(Count::of(1500)));
        assert_eq!(added(u64::MAX - 50_000, many), (1_000, 1_500_000));
        // The entry was made anew: it has less than before.
        assert_eq!(added(Count::of(60) * 9, Count::of(60)), (1, 60));
    }

    #[test]
    fn an_address_outside_is_looked_up_once_an_interval_and_is_no_station() {
        let mut bucket = [0; _];
        enter(&mut bucket, &key(7), 10, INTERVAL, 60, false);
        assert_eq!(look(&mut bucket, &key(7), 50, INTERVAL, 60), Look::Outside);
        assert_eq!(look(&mut bucket, &key(7), 110, INTERVAL, 60), Look::Absent);
        assert_eq!(entries(&bucket).len(), 0);
        assert_eq!(enter(&mut bucket, &key(7), 110, INTERVAL, 60, true), Some(Entered { slot: 0, evicted: false }));
        assert_eq!(entries(&bucket).len(), 1);
    }

    #[test]
    fn addresses_outside_never_push_out_a_station() {
        let mut bucket = [0; _];
        for n in 1..=16 {
            enter(&mut bucket, &key(n), 10, INTERVAL, 60, true).unwrap();
        }
        assert_eq!(enter(&mut bucket, &key(99), 11, INTERVAL, 60, false), None);
        assert_eq!(entries(&bucket).len(), 16);
        assert!(
            enter(&mut bucket, &key(99), 200, INTERVAL, 60, false).is_some(),
            "the slot of a station not heard for an interval"
        );
    }

    #[test]
    fn a_station_takes_the_slot_of_an_address_outside_before_that_of_a_station() {
        let mut bucket = [0; _];
        for n in 1..=15 {
            enter(&mut bucket, &key(n), 10, INTERVAL, 60, true).unwrap();
        }
        enter(&mut bucket, &key(99), 11, INTERVAL, 60, false).unwrap();
        assert_eq!(enter(&mut bucket, &key(16), 12, INTERVAL, 60, true), Some(Entered { slot: 15, evicted: false }));
        let another = enter(&mut bucket, &key(17), 13, INTERVAL, 60, true).unwrap();
        assert!(another.evicted);
        assert!(!enter(&mut bucket, &key(18), 500, INTERVAL, 60, true).unwrap().evicted, "not heard for an interval");
    }

    #[test]
    fn a_forgotten_sender_is_new_again() {
        let mut bucket = [0; _];
        let entered = enter(&mut bucket, &key(7), 10, INTERVAL, 60, true).unwrap();
        forget(&mut bucket, entered.slot);
        assert_eq!(look(&mut bucket, &key(7), 11, INTERVAL, 60), Look::Absent);
    }

    #[test]
    fn each_part_of_the_key_changes_the_fingerprint() {
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

    /// A network of consecutive addresses fits, up to half of the table, whatever the seed.
    #[test]
    fn consecutive_addresses_share_buckets_by_four_and_fill_the_table_evenly() {
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
            // A bucket has room for four rows; with random numbers, one bucket in twenty would have more.
            assert!(rows.iter().all(|&rows| rows <= 4), "seed {seed}");
        }
    }

    #[test]
    fn a_station_takes_its_own_slot_when_it_is_free() {
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
