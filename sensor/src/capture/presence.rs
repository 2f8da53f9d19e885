//! Reads the kernel's presence table: who sent anything since the last reading. The table holds hashes; whose they are
//! was told when each was news.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use aya::maps::{MapData, PerCpuArray};
use sensor_ebpf::abi::Class;
use sensor_ebpf::presence::{self, BUCKETS, Bucket, Keys, SLOTS};

use super::watched::{place, words};
use crate::types::{Frame, Mac, Segment, Timestamp, is_forwarded};

/// A station that sent frames of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it sent the last of them, to a tick of the kernel (1 to 10 ms).
    pub at: Timestamp,
    /// Where.
    pub segment: Segment,
    /// Who.
    pub mac: Mac,
    /// From which address.
    pub ip: IpAddr,
    /// How many since the reading before, at least.
    pub frames: u64,
    /// Their bytes, at least.
    pub bytes: u64,
}

/// The table, and whose its entries are.
pub(super) struct Reader {
    table: MapData,
    clock: PerCpuArray<MapData, [u64; 2]>,
    keys: Keys,
    tick: Duration,
    /// By bucket and fingerprint.
    known: HashMap<(u32, u64), Known, foldhash::fast::RandomState>,
    values: Vec<Bucket>,
}

struct Known {
    segment: Segment,
    mac: Mac,
    ip: IpAddr,
    frames: u64,
    bytes: u64,
    /// The reading in which its entry was there.
    reading: u64,
}

/// Names that are kept: as many as the table has entries, and those that were told since the last reading.
const KNOWN_MAX: usize = 2 * BUCKETS * SLOTS;
/// Buckets in one call to the kernel.
const BATCH: usize = 2_048;

impl Reader {
    pub(super) fn new(table: MapData, clock: PerCpuArray<MapData, [u64; 2]>, keys: Keys, tick: Duration) -> Self {
        Self { table, clock, keys, tick, known: HashMap::default(), values: Vec::new() }
    }

    /// A frame was told: its sender is known from now on.
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
                reading: 0,
            });
        }
    }

    /// Tells everybody who sent something since the last reading, the `reading`-th being this one.
    pub(super) fn read(
        &mut self,
        reading: u64,
        now: Timestamp,
        boot_to_wall_ns: i64,
        out: &mut dyn FnMut(Seen),
    ) -> io::Result<()> {
        let clock = self.newest_clock();
        let mut values = std::mem::take(&mut self.values);
        let read = read_all(self.table.fd().as_fd(), &mut values);
        for (number, bucket) in (0..).zip(&values) {
            for entry in presence::entries(bucket) {
                let Some(known) = self.known.get_mut(&(number, entry.fingerprint)) else { continue };
                known.reading = reading;
                // An entry that was made anew starts to count anew.
                let (frames, bytes) = match entry.frames.checked_sub(known.frames) {
                    Some(frames) => (frames, entry.bytes.saturating_sub(known.bytes)),
                    None => (entry.frames, entry.bytes),
                };
                (known.frames, known.bytes) = (entry.frames, entry.bytes);
                if frames > 0 {
                    let at = clock.map_or(now, |(jiffy, boot_ns)| {
                        let ticks = i64::from(entry.last.wrapping_sub(jiffy) as i32);
                        let boot_ns = boot_ns + ticks * self.tick.as_nanos() as i64;
                        Timestamp::from_nanos(boot_ns.saturating_add(boot_to_wall_ns)).min(now)
                    });
                    out(Seen { at, segment: known.segment, mac: known.mac, ip: known.ip, frames, bytes });
                }
            }
        }
        self.values = values;
        // Whoever lost its entry is told again before it is read again.
        self.known.retain(|_, known| known.reading + 1 >= reading || known.reading == 0 && reading < 2);
        read
    }

    /// The latest moment at which a CPU read both its clocks: jiffies, and nanoseconds since boot.
    fn newest_clock(&self) -> Option<(u32, i64)> {
        let cpus = self.clock.get(&0, 0).ok()?;
        let [jiffy, boot_ns] = *cpus.iter().max_by_key(|[_, boot_ns]| *boot_ns)?;
        (boot_ns > 0).then_some((jiffy as u32, i64::try_from(boot_ns).ok()?))
    }
}

/// Whose presence a frame shows: the same word as the classifier's. What a router sent on shows nobody's.
fn sender(frame: &Frame<'_>) -> Option<IpAddr> {
    if frame.class != Class::Arp {
        return frame.packet.filter(|packet| !is_forwarded(packet.hop_limit)).map(|packet| packet.source);
    }
    let mac = frame.body.get(8..14)?;
    let ip = frame.body.get(14..)?.first_chunk::<4>().map(|ip| Ipv4Addr::from(*ip))?;
    (mac == frame.source_mac.0 && !ip.is_unspecified()).then_some(ip.into())
}

/// How long a tick of the kernel's counter is.
pub(super) fn tick() -> Duration {
    let mut resolution = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec` through the pointer.
    let result = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &raw mut resolution) };
    let ns = u64::try_from(resolution.tv_nsec).unwrap_or(0);
    Duration::from_nanos(if result == 0 && ns > 0 { ns } else { 4_000_000 })
}

/// All values of the table, in few calls (`BPF_MAP_LOOKUP_BATCH`, Linux 5.6).
fn read_all(map: BorrowedFd<'_>, values: &mut Vec<Bucket>) -> io::Result<()> {
    /// The part of `union bpf_attr` for batches.
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
    values.resize(BUCKETS, [0; _]);
    let mut keys = vec![0_u32; BATCH];
    let (mut from, mut to) = (0_u32, 0_u32);
    let mut taken = 0;
    while taken < BUCKETS {
        let mut attributes = Attributes {
            in_batch: if taken == 0 { 0 } else { (&raw const from) as u64 },
            out_batch: (&raw mut to) as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values[taken..].as_mut_ptr() as u64,
            count: BATCH.min(BUCKETS - taken) as u32,
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
            // There are no more.
            Some(libc::ENOENT) => break,
            _ => return Err(error),
        }
    }
    Ok(())
}
