//! What the presence table says about the sender of a frame.

use sensor_ebpf::presence::{self, Look};

use super::clock::ticks;
use super::maps::{self, INTERVAL, KEYS};
use super::tables::is_in_watched;

/// The answer of the presence table as one number, because a global function returns no more: a sender outside the
/// watched prefixes or without an address, a sender seen lately, or the slot of the table where a new one was entered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Presence(pub(super) u64);

impl Presence {
    pub(super) const OUTSIDE: Self = Self(u64::MAX);
    pub(super) const KNOWN: Self = Self(u64::MAX - 1);

    #[inline(always)]
    pub(super) fn is_new(self) -> bool {
        self != Self::OUTSIDE && self != Self::KNOWN
    }

    #[inline(always)]
    fn new(bucket: u32, slot: usize) -> Self {
        Self(u64::from(bucket) * presence::SLOTS as u64 + slot as u64)
    }

    #[inline(always)]
    fn place(self) -> (u32, usize) {
        ((self.0 / presence::SLOTS as u64) as u32, self.0 as usize % presence::SLOTS)
    }

    /// The record of a new sender could not be written: its next frame is new again.
    #[inline(always)]
    pub(super) fn forget(self) {
        let (bucket, slot) = self.place();
        if self.is_new()
            && let Some(bucket) = maps::presence_bucket(bucket)
        {
            presence::forget(bucket, slot);
        }
    }
}

/// Counts a frame of `len` bytes for its sender: first in the sender's own slot.
#[inline(always)]
pub(super) fn seen(place: u64, address: [u64; 2], mac: u64, len: u64) -> Presence {
    let mark = presence::mark(&KEYS.load(), place, address, mac);
    let Some(slots) = maps::presence_bucket(mark.bucket) else { return Presence::OUTSIDE };
    let now = ticks();
    match presence::look_first(slots, &mark, now, INTERVAL.load(), len) {
        Look::Known => Presence::KNOWN,
        Look::Outside => Presence::OUTSIDE,
        Look::Back(slot) => {
            presence::renew(slots, slot, now, len);
            Presence::new(mark.bucket, slot)
        }
        Look::Absent => Presence(notice(pack_slot(&mark, len), mark.fingerprint, place, address[0], address[1])),
    }
}

/// As [`seen`], in any slot of the bucket, and enters a sender that is in none. A global function, because the verifier
/// would otherwise follow each of the slots to the end of the program.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn notice(len_and_slot: u64, fingerprint: u64, place: u64, high: u64, low: u64) -> u64 {
    let (len, mark) = unpack_slot(len_and_slot, fingerprint);
    let Some(slots) = maps::presence_bucket(mark.bucket) else { return Presence::OUTSIDE.0 };
    let (now, interval) = (ticks(), INTERVAL.load());
    let presence = match presence::look(slots, &mark, now, interval, len) {
        Look::Known => Presence::KNOWN,
        Look::Outside => Presence::OUTSIDE,
        Look::Back(slot) => {
            presence::renew(slots, slot, now, len);
            Presence::new(mark.bucket, slot)
        }
        Look::Absent => {
            let inside = is_in_watched(place, high, low) != 0;
            match presence::enter(slots, &mark, now, interval, len, inside) {
                Some(entered) if inside => {
                    if entered.evicted
                        && let Some(counters) = maps::counters()
                    {
                        counters.presence_evictions += 1;
                    }
                    Presence::new(mark.bucket, entered.slot)
                }
                _ => Presence::OUTSIDE,
            }
        }
    };
    presence.0
}

/// The length of a frame and the own slot of its sender in one register.
#[inline(always)]
pub(super) fn pack_slot(mark: &presence::Mark, len: u64) -> u64 {
    len << 32 | Presence::new(mark.bucket, mark.slot as usize).0
}

#[inline(always)]
pub(super) fn unpack_slot(len_and_slot: u64, fingerprint: u64) -> (u64, presence::Mark) {
    let (bucket, slot) = Presence(len_and_slot & 0xffff_ffff).place();
    (len_and_slot >> 32, presence::Mark { bucket, slot: slot as u32, fingerprint })
}
