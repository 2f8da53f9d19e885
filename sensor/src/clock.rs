//! The one clock. All other code is given the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use sensor_core::types::Timestamp;

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// A clock has no state: each answer is read anew, so that a stepped clock and a suspend show at once.
    pub fn new() -> Self {
        Self
    }

    /// The wall clock. Before 1970 (a machine without a battery) it is negative, not an error.
    #[expect(clippy::disallowed_methods, reason = "the one clock")]
    pub fn now(&self) -> Timestamp {
        let nanos = |span: std::time::Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        Timestamp::from_nanos(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => nanos(since),
            Err(before) => -nanos(before.duration()),
        })
    }

    /// How far local time is east of UTC now, seconds: by `TZ` or `/etc/localtime`, read anew after a change of either.
    pub fn utc_offset_s(&self) -> i32 {
        let now = self.now().as_nanos().div_euclid(1_000_000_000);
        // SAFETY: the struct is made of integers and a pointer, for which zeros are a value.
        let mut local: libc::tm = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live values of the right types; `localtime_r` keeps neither.
        let known = unsafe { !libc::localtime_r(&now, &raw mut local).is_null() };
        if known { i32::try_from(local.tm_gmtoff).unwrap_or(0) } else { 0 }
    }

    /// What has to be added to a time of `CLOCK_BOOTTIME` (which counts through a suspend) to make it wall time,
    /// nanoseconds. It changes when the wall clock is stepped, so it is to be asked for anew for each batch.
    pub fn boot_to_wall_ns(&self) -> i64 {
        self.now().as_nanos().saturating_sub(boot_ns())
    }

    /// `CLOCK_BOOTTIME`, the kernel's own time, nanoseconds: stepping the wall clock does not change it.
    pub fn boot_ns(&self) -> u64 {
        u64::try_from(boot_ns()).unwrap_or(0)
    }
}

fn boot_ns() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_is_within_a_day_of_utc() {
        assert!(Clock::new().utc_offset_s().abs() <= 14 * 3600);
    }

    #[test]
    fn a_time_of_the_kernel_becomes_wall_time() {
        let clock = Clock::new();
        let before = clock.now().as_nanos();
        let told = boot_ns() + clock.boot_to_wall_ns();
        let after = clock.now().as_nanos();
        assert!((before - 1_000_000..=after + 1_000_000).contains(&told), "{before} {told} {after}");
    }
}
