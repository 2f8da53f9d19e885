//! Presence: who sent anything at all, when last, and how much; one table of fixed size, a few nanoseconds a frame.
//!
//! The table is 4-way set-associative. Its key is (segment, station, address): an address that passes to another
//! station is another entry, and so news. An entry remembers only a hash of its key; user space, which is told each
//! new one, knows whose it is. Addresses outside the watched prefixes have entries too, which say so: a busy stranger
//! then costs one look-up and not a walk through the prefixes. They never push out a station's entry.
//!
//! Two CPUs that count one station at once may lose a count: frames and bytes are lower bounds.

use crate::gate::mix;

/// How many buckets the map has.
pub const BUCKETS: usize = 16_384;
/// Slots of a bucket.
pub const SLOTS: usize = 4;
/// Words of a slot. 0: 48 bits of the key's hash, then what the entry is. 1: when it was last seen, or, outside, when
/// that was found, in ticks (32 bits). 2: frames. 3: bytes.
pub const SLOT_WORDS: usize = 4;
/// One bucket: two cache lines.
pub type Bucket = [u64; SLOTS * SLOT_WORDS];

/// Word 0 of an entry outside the watched prefixes.
const OUTSIDE: u64 = 1;

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
    /// 48 bits, never 0.
    pub fingerprint: u64,
}

/// What a key is hashed with: odd numbers that nobody outside knows.
pub type Keys = [u64; 4];

/// The numbers made of a secret.
pub const fn keys(seed: u64) -> Keys {
    [mix(seed) | 1, mix(seed ^ 1) | 1, mix(seed ^ 2) | 1, mix(seed ^ 3) | 1]
}

/// Hashes a key by multiplying each part with a secret number, so that keys which share a slot cannot be chosen.
/// `place` is [`crate::gate::place`]; `address` two words in network order, an IPv4 address the first word.
#[inline(always)]
pub fn mark(keys: &Keys, place: u64, address: [u64; 2], mac: u64) -> Mark {
    let mut hash = place.wrapping_mul(keys[0]);
    hash = hash.wrapping_add(mac.wrapping_mul(keys[1]));
    hash = hash.wrapping_add(address[0].wrapping_mul(keys[2]));
    if address[1] != 0 {
        hash = hash.wrapping_add(address[1].wrapping_mul(keys[3]));
    }
    // Only the upper bits depend on all of the key.
    Mark { bucket: (hash >> 48) as u32 & (BUCKETS as u32 - 1), fingerprint: hash >> 16 | 1 }
}

/// Looks a sender up, and counts the frame of `len` bytes of one that is known. `now` is in ticks, `interval` the ticks after which a
/// sender is back and an address outside is looked up anew.
#[inline(always)]
pub fn look(bucket: &mut Bucket, mark: &Mark, now: u32, interval: u32, len: u64) -> Look {
    for slot in 0..SLOTS {
        let at = slot * SLOT_WORDS;
        let word = bucket[at];
        if word >> 16 == mark.fingerprint {
            let age = now.wrapping_sub(bucket[at + 1] as u32);
            if word & OUTSIDE != 0 {
                return if age < interval { Look::Outside } else { Look::Absent };
            }
            // A clock of another CPU may be a tick behind.
            if age >= interval && age <= u32::MAX / 2 {
                return Look::Back(slot);
            }
            bucket[at + 1] = u64::from(now);
            bucket[at + 2] += 1;
            bucket[at + 3] += len;
            return Look::Known;
        }
    }
    Look::Absent
}

/// As [`look`], for a table that tells a known sender again at each interval: nothing is counted or renewed.
pub fn peek(bucket: &Bucket, mark: &Mark, now: u32, interval: u32) -> Look {
    let mut copy = *bucket;
    let told_at = copy.as_chunks::<SLOT_WORDS>().0.iter().position(|slot| slot[0] >> 16 == mark.fingerprint);
    match (look(&mut copy, mark, now, interval, 0), told_at) {
        // A clock that went back by more than the interval is no reason to be silent until it caught up.
        (Look::Known, Some(slot))
            if (bucket[slot * SLOT_WORDS + 1] as u32).wrapping_sub(now) as i32 > interval as i32 =>
        {
            Look::Back(slot)
        }
        (look, _) => look,
    }
}

/// Counts the frame of a sender that is back.
#[inline(always)]
pub fn renew(bucket: &mut Bucket, slot: usize, now: u32, len: u64) {
    let at = (slot & (SLOTS - 1)) * SLOT_WORDS;
    bucket[at + 1] = u64::from(now);
    bucket[at + 2] += 1;
    bucket[at + 3] += len;
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
    for slot in 0..SLOTS {
        let at = slot * SLOT_WORDS;
        let word = bucket[at];
        let age = u64::from(now.wrapping_sub(bucket[at + 1] as u32));
        // Itself outside and out of date, then empty, then others outside, then the station heard longest ago.
        let rank = if word >> 16 == mark.fingerprint {
            4 << 32
        } else if word == 0 {
            3 << 32
        } else if word & OUTSIDE != 0 {
            (2 << 32) + age
        } else if inside || age >= u64::from(interval) && age <= u64::from(u32::MAX / 2) {
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
    bucket[at] = mark.fingerprint << 16 | if inside { 0 } else { OUTSIDE };
    bucket[at + 1] = u64::from(now);
    bucket[at + 2] = 1;
    bucket[at + 3] = len;
    Some(Entered { slot: victim, evicted })
}

/// Forgets an entry whose news could not be told, so that the sender's next frame is news again.
#[inline(always)]
pub fn forget(bucket: &mut Bucket, slot: usize) {
    bucket[(slot & (SLOTS - 1)) * SLOT_WORDS] = 0;
}

/// What a slot tells of a station: its fingerprint, when it was last seen in ticks, frames, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As in [`Mark`].
    pub fingerprint: u64,
    /// Ticks.
    pub last: u32,
    /// Frames since the entry was made, at least.
    pub frames: u64,
    /// Their bytes, at least.
    pub bytes: u64,
}

/// The stations of a bucket.
pub fn entries(bucket: &Bucket) -> impl Iterator<Item = Entry> + '_ {
    bucket
        .as_chunks::<SLOT_WORDS>()
        .0
        .iter()
        .filter(|slot| slot[0] >> 16 != 0 && slot[0] & OUTSIDE == 0)
        .map(|slot| Entry { fingerprint: slot[0] >> 16, last: slot[1] as u32, frames: slot[2], bytes: slot[3] })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    extern crate std;

    use std::vec::Vec;

    use super::*;

    const INTERVAL: u32 = 100;

    fn key(n: u64) -> Mark {
        Mark { bucket: 0, fingerprint: n }
    }

    #[test]
    fn a_station_is_news_once_and_again_after_a_gap() {
        let mut bucket = [0; 16];
        assert_eq!(look(&mut bucket, &key(7), 10, INTERVAL, 60), Look::Absent);
        assert_eq!(enter(&mut bucket, &key(7), 10, INTERVAL, 60, true), Some(Entered { slot: 0, evicted: false }));
        assert_eq!(look(&mut bucket, &key(7), 109, INTERVAL, 60), Look::Known);
        assert_eq!(look(&mut bucket, &key(7), 208, INTERVAL, 60), Look::Known);
        assert_eq!(look(&mut bucket, &key(7), 207, INTERVAL, 60), Look::Known, "another CPU's clock is behind");
        assert_eq!(look(&mut bucket, &key(7), 308, INTERVAL, 60), Look::Back(0));
        renew(&mut bucket, 0, 308, 60);
        let told: Vec<Entry> = entries(&bucket).collect();
        assert_eq!(told, [Entry { fingerprint: 7, last: 308, frames: 5, bytes: 300 }]);
    }

    #[test]
    fn the_clock_may_wrap() {
        let mut bucket = [0; 16];
        enter(&mut bucket, &key(7), u32::MAX - 5, INTERVAL, 60, true);
        assert_eq!(look(&mut bucket, &key(7), 5, INTERVAL, 60), Look::Known);
    }

    #[test]
    fn what_is_outside_is_looked_up_once_an_interval_and_is_no_entry() {
        let mut bucket = [0; 16];
        enter(&mut bucket, &key(7), 10, INTERVAL, 60, false);
        assert_eq!(look(&mut bucket, &key(7), 50, INTERVAL, 60), Look::Outside);
        assert_eq!(look(&mut bucket, &key(7), 110, INTERVAL, 60), Look::Absent);
        assert_eq!(entries(&bucket).count(), 0);
        assert_eq!(enter(&mut bucket, &key(7), 110, INTERVAL, 60, true), Some(Entered { slot: 0, evicted: false }));
        assert_eq!(entries(&bucket).count(), 1);
    }

    #[test]
    fn strangers_never_push_a_station_out() {
        let mut bucket = [0; 16];
        for n in 1..=4 {
            enter(&mut bucket, &key(n), 10, INTERVAL, 60, true).unwrap();
        }
        assert_eq!(enter(&mut bucket, &key(9), 11, INTERVAL, 60, false), None);
        assert_eq!(entries(&bucket).count(), 4);
        assert!(enter(&mut bucket, &key(9), 200, INTERVAL, 60, false).is_some(), "a station that went");
    }

    #[test]
    fn a_station_takes_a_strangers_slot_before_anothers() {
        let mut bucket = [0; 16];
        for n in 1..=3 {
            enter(&mut bucket, &key(n), 10, INTERVAL, 60, true).unwrap();
        }
        enter(&mut bucket, &key(9), 11, INTERVAL, 60, false).unwrap();
        assert_eq!(enter(&mut bucket, &key(4), 12, INTERVAL, 60, true), Some(Entered { slot: 3, evicted: false }));
        let fifth = enter(&mut bucket, &key(5), 13, INTERVAL, 60, true).unwrap();
        assert!(fifth.evicted);
        assert!(!enter(&mut bucket, &key(6), 500, INTERVAL, 60, true).unwrap().evicted, "long unheard");
    }

    #[test]
    fn what_could_not_be_told_is_news_again() {
        let mut bucket = [0; 16];
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
        assert!(others.iter().all(|other| *other != base));
        let buckets: std::collections::BTreeSet<u32> = (0..4096).map(|n| mark(&keys, 1, [n, 0], 20).bucket).collect();
        assert!(buckets.len() > 3400, "{} buckets for 4,096 addresses", buckets.len());
    }
}
