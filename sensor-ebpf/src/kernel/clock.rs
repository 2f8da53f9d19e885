//! The clocks that the program reads.

use aya_ebpf::helpers::{bpf_jiffies64, bpf_ktime_get_boot_ns};
use sensor_ebpf::presence;

use super::maps;

/// The boot-time clock, nanoseconds, read once a jiffy: a reading costs more than the gate does, so under load many
/// frames share one. After a pause, or after suspend, a frame gets a reading of its own.
#[inline(always)]
pub(super) fn boot_time() -> Option<u64> {
    let [read_at, boot_ns] = maps::clock()?;
    let jiffy = jiffies();
    if *read_at != jiffy {
        *read_at = jiffy;
        // SAFETY: the helper takes no argument and reads a clock.
        *boot_ns = unsafe { bpf_ktime_get_boot_ns() };
    }
    Some(*boot_ns)
}

/// The time in ticks of the presence table.
#[inline(always)]
pub(super) fn ticks() -> u32 {
    (jiffies() >> presence::TICK_BITS) as u32
}

/// The tick counter of the kernel.
#[inline(always)]
fn jiffies() -> u64 {
    // SAFETY: the helper takes no argument; the verifier replaces the call by one load (since Linux 5.6).
    unsafe { bpf_jiffies64() }
}
