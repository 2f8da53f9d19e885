//! Reads the XDP program's presence tables, one for each CPU: which stations sent frames since the last reading. The
//! tables hold hashes; the stations they belong to are known from the frame that was delivered when each entry was
//! made.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use aya::maps::{MapData, PerCpuArray};
use sensor_ebpf::abi::Class;
use sensor_ebpf::presence::{self, BUCKETS, Bucket, Count, Keys, LAST_MASK, PART, PARTS, SLOTS, TICK_BITS};

use crate::capture::watched::{place, words};
use sensor_core::types::{Frame, Mac, Segment, Timestamp, is_forwarded};

/// A station that sent frames of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it sent the last of them, to a tick of the table (32 ms to 1/3 s).
    pub at: Timestamp,
    /// Its segment.
    pub segment: Segment,
    /// Its MAC.
    pub mac: Mac,
    /// The address that it sent from.
    pub ip: IpAddr,
    /// Number of frames since the previous reading, at least.
    pub frames: u64,
    /// Their length in bytes, at least.
    pub bytes: u64,
}

/// The tables, and the stations that their entries belong to.
pub(super) struct PresenceReader {
    table: MapData,
    clock: PerCpuArray<MapData, [u64; 2]>,
    keys: Keys,
    tick: Duration,
    /// Stations by bucket and fingerprint.
    known: HashMap<(u32, u64), Known, foldhash::fast::RandomState>,
    /// The tables as last read, and as read before that: for each part, the values of each CPU.
    values: Vec<Bucket>,
    before: Vec<Bucket>,
    cpus: usize,
}

struct Known {
    segment: Segment,
    mac: Mac,
    ip: IpAddr,
    /// Frames in the last reading.
    frames: u64,
    bytes: u64,
    /// When it sent the last frame, in ticks relative to the reading of the clock.
    last: i64,
    /// Number of the last reading in which it had an entry.
    reading: u64,
}

/// Maximum number of known stations: those with an entry, and as many that were delivered since the last reading.
const KNOWN_MAX: usize = 2 * BUCKETS * SLOTS;
/// Parts read by one system call.
const BATCH: usize = 4;

impl PresenceReader {
    /// Fails when the number of possible CPUs cannot be read.
    pub(super) fn new(
        table: MapData,
        clock: PerCpuArray<MapData, [u64; 2]>,
        keys: Keys,
        tick: Duration,
    ) -> io::Result<Self> {
        let cpus =
            aya::util::nr_cpus().map_err(|(file, error)| io::Error::new(error.kind(), format!("{file}: {error}")))?;
        let values = vec![[0; _]; BUCKETS * cpus];
        Ok(Self { table, clock, keys, tick, known: HashMap::default(), before: values.clone(), values, cpus })
    }

    /// Learns the sender of a delivered frame.
    pub(super) fn learn(&mut self, frame: &Frame<'_>, ifindex: u32) {
        let Some(ip) = sender(frame) else { return };
        let mac = frame.source_mac.0.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let mark = presence::mark(&self.keys, place(frame.segment, ifindex), words(ip), mac);
        if self.known.len() < KNOWN_MAX {
            let (segment, mac) = (frame.segment, frame.source_mac);
            self.known.entry((mark.bucket, mark.fingerprint)).or_insert(Known {
                segment,
                mac,
                ip,
                frames: 0,
                bytes: 0,
                last: 0,
                reading: 0,
            });
        }
    }

    /// Passes the stations that sent frames since the last reading to `out`; `reading` is the number of this reading.
    pub(super) fn read(
        &mut self,
        reading: u64,
        now: Timestamp,
        boot_to_wall_ns: i64,
        out: &mut dyn FnMut(Seen),
    ) -> io::Result<()> {
        let clock = self.newest_clock();
        let tick_now = clock.map_or(0, |(jiffy, _)| jiffy >> TICK_BITS);
        std::mem::swap(&mut self.values, &mut self.before);
        let read = read_all(self.table.fd().as_fd(), &mut self.values, self.cpus);
        let buckets = self.values.iter().zip(&self.before).enumerate();
        for (number, slot, before) in buckets.flat_map(|(at, (bucket, before))| {
            let number = u32::try_from(at / (PART * self.cpus) * PART + at % PART).unwrap_or(u32::MAX);
            bucket.as_chunks().0.iter().zip(before.as_chunks().0).map(move |(slot, before)| (number, slot, before))
        }) {
            let Some(entry) = presence::entry(slot) else { continue };
            let Some(known) = self.known.get_mut(&(number, entry.fingerprint)) else { continue };
            let before = presence::entry(before).filter(|before| before.fingerprint == entry.fingerprint);
            let count = entry.count.since(before.map_or_else(Count::default, |before| before.count));
            if known.reading != reading {
                (known.reading, known.frames, known.bytes, known.last) = (reading, 0, 0, i64::MIN);
            }
            known.frames += count.frames();
            known.bytes += count.bytes();
            known.last = known.last.max(ticks_between(tick_now, entry.last));
        }
        for known in self.known.values().filter(|known| known.reading == reading && known.frames > 0) {
            let at = clock.map_or(now, |(_, boot_ns)| {
                let boot_ns = boot_ns + (known.last << TICK_BITS) * self.tick.as_nanos() as i64;
                Timestamp::from_nanos(boot_ns.saturating_add(boot_to_wall_ns)).min(now)
            });
            let Known { segment, mac, ip, frames, bytes, .. } = *known;
            out(Seen { at, segment, mac, ip, frames, bytes });
        }
        // A station that lost its entry is delivered again before it gets another one.
        self.known.retain(|_, known| known.reading + 1 >= reading || known.reading == 0 && reading < 2);
        read
    }

    /// The latest pair of clock values that a CPU stored: jiffies, and nanoseconds since boot.
    fn newest_clock(&self) -> Option<(u32, i64)> {
        let cpus = self.clock.get(&0, 0).ok()?;
        let [jiffy, boot_ns] = *cpus.iter().max_by_key(|[_, boot_ns]| *boot_ns)?;
        (boot_ns > 0).then_some((jiffy as u32, i64::try_from(boot_ns).ok()?))
    }
}

/// How many ticks `then` is after `now`; both wrap around at [`LAST_MASK`].
fn ticks_between(now: u32, then: u32) -> i64 {
    let after = i64::from(then.wrapping_sub(now) & LAST_MASK as u32);
    if after <= LAST_MASK as i64 / 2 { after } else { after - LAST_MASK as i64 - 1 }
}

/// The address whose presence a frame shows, as the classifier takes it; `None` for a frame that a router forwarded.
fn sender(frame: &Frame<'_>) -> Option<IpAddr> {
    if frame.class != Class::Arp {
        return frame.packet.filter(|packet| !is_forwarded(packet.hop_limit)).map(|packet| packet.source);
    }
    let mac = frame.body.get(8..14)?;
    let ip = frame.body.get(14..)?.first_chunk::<4>().map(|ip| Ipv4Addr::from(*ip))?;
    (mac == frame.source_mac.0 && !ip.is_unspecified()).then_some(ip.into())
}

/// Length of a tick of the kernel's counter.
pub(super) fn tick() -> Duration {
    let resolution = rustix::time::clock_getres(rustix::time::ClockId::MonotonicCoarse);
    let ns = u64::try_from(resolution.tv_nsec).unwrap_or(0);
    Duration::from_nanos(if ns > 0 { ns } else { 4_000_000 })
}

/// Reads the tables of all CPUs in few system calls (`BPF_MAP_LOOKUP_BATCH`, for per-CPU arrays since Linux 5.13).
fn read_all(map: BorrowedFd<'_>, values: &mut [Bucket], cpus: usize) -> io::Result<()> {
    /// The part of `union bpf_attr` for batch operations.
    #[repr(C)]
    struct Attributes {
        in_batch: u64,
        out_batch: u64,
        keys: u64,
        values: u64,
        count: u32,
        map_fd: u32,
        elem_flags: u64,
        flags: u64,
    }
    const LOOKUP_BATCH: libc::c_int = 24;
    let mut keys = vec![0_u32; BATCH];
    let (mut from, mut to) = (0_u32, 0_u32);
    let mut taken = 0;
    while taken < PARTS {
        let mut attributes = Attributes {
            in_batch: if taken == 0 { 0 } else { (&raw const from) as u64 },
            out_batch: (&raw mut to) as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values[taken * PART * cpus..].as_mut_ptr() as u64,
            count: BATCH.min(PARTS - taken) as u32,
            map_fd: map.as_raw_fd() as u32,
            elem_flags: 0,
            flags: 0,
        };
        // SAFETY: the kernel reads and writes within `count` keys and values, for which there is room, and the cursors.
        let result =
            unsafe { libc::syscall(libc::SYS_bpf, LOOKUP_BATCH, &raw mut attributes, size_of::<Attributes>()) };
        let error = io::Error::last_os_error();
        taken += attributes.count as usize;
        from = to;
        match error.raw_os_error() {
            _ if result == 0 && attributes.count > 0 => {}
            // The end of the map.
            Some(libc::ENOENT) => break,
            _ => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_wrap_around() {
        let end = LAST_MASK as u32;
        let cases = [(10, 10, 0), (10, 7, -3), (10, 11, 1), (2, end - 1, -4), (end, 1, 2), (end + 3, 2, 0)];
        for (now, then, ticks) in cases {
            assert_eq!(ticks_between(now, then), ticks, "{now} {then}");
        }
    }
}
