//! Time, the one clock. Everything else is told what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use sensor_core::types::Timestamp;

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// A clock has no state: every answer is read fresh, so that steps and suspends show at once.
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

    /// What has to be added to a time of the kernel's (`CLOCK_BOOTTIME`, which goes on through a suspend) to make it
    /// wall time, nanoseconds. It changes when the wall clock is stepped, so ask again for each batch.
    pub fn boot_to_wall_ns(&self) -> i64 {
        self.now().as_nanos().saturating_sub(boot_ns())
    }

    /// The kernel's own time, `CLOCK_BOOTTIME`, nanoseconds: no step of the wall clock changes it.
    pub fn boot_ns(&self) -> u64 {
        u64::try_from(boot_ns()).unwrap_or(0)
    }
}

fn boot_ns() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec` through the pointer, which is valid for that.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    // The clock exists since Linux 2.6.39, and the pointer is good.
    assert_eq!(failed, 0, "CLOCK_BOOTTIME can be read");
    #[allow(clippy::useless_conversion, reason = "the fields are 32 bits wide on some machines")]
    let (s, ns) = (i64::from(time.tv_sec), i64::from(time.tv_nsec));
    s.saturating_mul(1_000_000_000).saturating_add(ns)
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
