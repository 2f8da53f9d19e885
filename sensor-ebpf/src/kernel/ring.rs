//! The ring buffer: when its reader is woken (`sensor_ebpf::abi` states the protocol), and the output of long records.

use core::ffi::c_void;
use core::ptr;

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP, BPF_RB_RING_SIZE};
use aya_ebpf::helpers::{bpf_ringbuf_output, bpf_ringbuf_query};
use sensor_ebpf::abi::{WAKE_INTERVAL_NS, WEIGH_INTERVAL_NS};

use super::maps::{RING, Scratch};

/// When a wake-up was last considered, and when it was last done, by the boot-time clock. One pair for all CPUs: it is
/// written once an interval, and two CPUs that write it at the same time wake the reader twice. (It is not atomic,
/// because LLVM has no atomic load for the first version of the BPF instruction set.)
static mut WEIGHED_AT: u64 = 0;
static mut WOKEN_AT: u64 = 0;

/// The flags of a record that is discarded.
pub(super) const NO_WAKEUP: u64 = BPF_RB_NO_WAKEUP as u64;

/// The flags of a record that is written now.
#[inline(always)]
pub(super) fn wake(now_ns: u64) -> u64 {
    let (weighed_at, woken_at) = (&raw mut WEIGHED_AT, &raw mut WOKEN_AT);
    // SAFETY: aligned words of the program's own data; BPF reads and writes each in one instruction.
    unsafe {
        if now_ns.wrapping_sub(weighed_at.read_volatile()) < WEIGH_INTERVAL_NS {
            return NO_WAKEUP;
        }
        weighed_at.write_volatile(now_ns);
        if now_ns.wrapping_sub(woken_at.read_volatile()) < WAKE_INTERVAL_NS && !is_half_full() {
            return NO_WAKEUP;
        }
        woken_at.write_volatile(now_ns);
    }
    u64::from(BPF_RB_FORCE_WAKEUP)
}

#[inline(always)]
fn is_half_full() -> bool {
    query(BPF_RB_AVAIL_DATA) >= query(BPF_RB_RING_SIZE) / 2
}

#[inline(always)]
fn query(what: u32) -> u64 {
    // SAFETY: `RING` is a ring buffer; the helper only reads its size and positions.
    unsafe { bpf_ringbuf_query(ring(), u64::from(what)) }
}

/// Copies the first `len` bytes of a long record to the ring. Answers whether there was room.
#[inline(always)]
pub(super) fn output(record: &Scratch, len: usize, flags: u64) -> bool {
    // No caller asks for more than the record has; LLVM sees that and leaves the comparison out.
    let bytes = len.min(size_of::<Scratch>()) as u64;
    // SAFETY: `RING` is a ring buffer. The helper reads no more bytes than the record has.
    unsafe { bpf_ringbuf_output(ring(), ptr::from_ref(record).cast_mut().cast(), bytes, flags) == 0 }
}

/// The ring buffer as the helpers of the kernel take it.
#[inline(always)]
pub(super) fn ring() -> *mut c_void {
    ptr::from_ref(&RING).cast_mut().cast()
}
