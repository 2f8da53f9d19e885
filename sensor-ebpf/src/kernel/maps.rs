//! The maps and globals of the program, and safe access to the values of the maps. `sensor_ebpf::abi` says what user
//! space does with them.

use aya_ebpf::Global;
use aya_ebpf::btf_maps::{Array, PerCpuArray, RingBuf};
use aya_ebpf::macros::btf_map;
use sensor_ebpf::abi::{Counters, FRAME_MAX, Header};
use sensor_ebpf::found::Found;
use sensor_ebpf::packet::READ_MAX;
use sensor_ebpf::{gate, police, presence, scan, watched};

/// Records for user space. The value type is `()`, because libbpf accepts no other for a ring buffer.
#[btf_map]
pub(super) static RING: RingBuf<(), { 1 << 22 }> = RingBuf::new();
/// The counters of this CPU.
#[btf_map]
static COUNTERS: PerCpuArray<Counters, 1> = PerCpuArray::new();
/// The jiffy in which the boot-time clock was read last, and what it showed, nanoseconds.
#[btf_map]
static CLOCK: PerCpuArray<[u64; 2], 1> = PerCpuArray::new();
#[btf_map]
static GATE: Array<gate::Bucket, { gate::BUCKETS }> = Array::new();
#[btf_map]
static PRESENCE: PerCpuArray<presence::Part, { presence::PARTS }> = PerCpuArray::new();
#[btf_map]
static POLICE: Array<police::Bucket, { police::BUCKETS }> = Array::new();
#[btf_map]
static SCAN: Array<scan::Bucket, { scan::BUCKETS }> = Array::new();
#[btf_map]
static WATCH: Array<watched::Table, 1> = Array::new();
/// What was found in the current frame, passed from one step of the program to the next.
#[btf_map]
static FOUND: PerCpuArray<Found, 1> = PerCpuArray::new();
#[btf_map]
static SCRATCH: PerCpuArray<Scratch, 1> = PerCpuArray::new();

/// The secret that claims, messages and stations are hashed with.
#[unsafe(no_mangle)]
pub(super) static SEED: Global<u64> = Global::new(0);
/// The refresh interval of the gate, in its ticks; 0 switches the gate off.
#[unsafe(no_mangle)]
pub(super) static REFRESH: Global<u64> = Global::new(0);
/// The secret numbers that presence and scans are hashed with.
#[unsafe(no_mangle)]
pub(super) static KEYS: Global<presence::Keys> = Global::new([0; 4]);
/// The refresh interval of presence, in its ticks.
#[unsafe(no_mangle)]
pub(super) static INTERVAL: Global<u32> = Global::new(0);
/// Whether stations are policed; 0: they are not.
#[unsafe(no_mangle)]
pub(super) static POLICING: Global<u32> = Global::new(0);

/// Memory for what is too large for the stack, which has 512 bytes.
#[repr(C)]
pub(super) struct Scratch {
    /// The header of a long record.
    pub header: Header,
    /// The body of that record: [`BODY_WORDS`]. Behind it, the first bytes of a frame that is spread over several
    /// buffers.
    pub words: [u64; BODY_WORDS + GATHERED_LEN / 8],
}

/// Words of the longest body.
pub(super) const BODY_WORDS: usize = FRAME_MAX.div_ceil(8);
/// Bytes for the start of a frame: a read of up to [`READ_MAX`] bytes at any offset below the next power of two fits.
pub(super) const GATHERED_LEN: usize = 2 * READ_MAX.next_power_of_two();

#[inline(always)]
pub(super) fn counters() -> Option<&'static mut Counters> {
    own(&COUNTERS, 0)
}

#[inline(always)]
pub(super) fn clock() -> Option<&'static mut [u64; 2]> {
    own(&CLOCK, 0)
}

#[inline(always)]
pub(super) fn found() -> Option<&'static mut Found> {
    own(&FOUND, 0)
}

#[inline(always)]
pub(super) fn scratch() -> Option<&'static mut Scratch> {
    own(&SCRATCH, 0)
}

#[inline(always)]
pub(super) fn presence_bucket(bucket: u32) -> Option<&'static mut presence::Bucket> {
    let part = own(&PRESENCE, bucket / presence::PART as u32)?;
    let (buckets, _) = part.as_chunks_mut();
    Some(&mut buckets[bucket as usize % presence::PART])
}

#[inline(always)]
pub(super) fn gate_bucket(bucket: u32) -> Option<&'static mut gate::Bucket> {
    shared(&GATE, bucket)
}

#[inline(always)]
pub(super) fn police_bucket(bucket: u32) -> Option<&'static mut police::Bucket> {
    shared(&POLICE, bucket)
}

#[inline(always)]
pub(super) fn scan_bucket(bucket: u32) -> Option<&'static mut scan::Bucket> {
    shared(&SCAN, bucket)
}

#[inline(always)]
pub(super) fn watched() -> Option<&'static watched::Table> {
    WATCH.get(0)
}

/// A value that only this CPU has.
#[inline(always)]
fn own<T, const N: usize>(map: &'static PerCpuArray<T, N>, index: u32) -> Option<&'static mut T> {
    // SAFETY: the pointer is to a value of the map, which lives as long as the program. The kernel filled it with zeros,
    // which is valid for each type above. Only this CPU uses it, for one frame after the other. Two steps may ask for the
    // same value while one calls the other; neither passes its reference on, so the compiler knows nothing of the other's.
    map.get_ptr_mut(index).map(|value| unsafe { &mut *value })
}

/// A value that all CPUs share. Two that write it at the same time may leave half of each in it; the head comments of
/// `gate`, `police` and `scan` say what that costs.
#[inline(always)]
fn shared<T, const N: usize>(map: &'static Array<T, N>, index: u32) -> Option<&'static mut T> {
    // SAFETY: as in `own`, but for the other CPUs: the values are whole words, any of which is valid, and BPF reads and
    // writes a word in one instruction.
    map.get_ptr_mut(index).map(|value| unsafe { &mut *value })
}
