//! Capture by the XDP programs of `sensor-ebpf`: loaded once, attached to each port, with one ring for all ports.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::task::{Context, Poll};

use aya::maps::{Array, Map, MapData, PerCpuArray, RingBuf};
use aya::programs::xdp::XdpLinkId;
use aya::programs::{ProgramError, Xdp as Program, XdpMode};
use aya::{Ebpf, EbpfError, EbpfLoader};
use sensor_ebpf::abi::{COUNTER_WORDS, Class, Counters, Header};
use sensor_ebpf::found::{Claim, kind};
use sensor_ebpf::gate::{self, Bucket};
use sensor_ebpf::presence::{LAST_MASK, TICK_BITS};
use sensor_ebpf::watched::Table;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::capture::error::{Capability, CaptureError};
use crate::capture::harvest::frame;
use crate::capture::iface::link::xdp_owner;
use crate::capture::options::{Mode, Options, Port, PortRole};
use crate::capture::presence;
use crate::capture::presence::{PresenceReader, Seen};
use crate::capture::watched;
use crate::capture::watched::{Watching, place, words};
use sensor_core::types::{Frame, Iface, Segment, Timestamp};

/// The loaded programs with their ring and maps.
pub(super) struct Xdp {
    /// Owns the programs and links: dropping it detaches everything. `None` after that.
    ebpf: Option<Ebpf>,
    ring: AsyncFd<RingBuf<MapData>>,
    counters: PerCpuArray<MapData, [u64; COUNTER_WORDS]>,
    gate: Array<MapData, Bucket>,
    watch: Array<MapData, Table>,
    presence: PresenceReader,
    readings: u64,
    /// Secret seed of the gate's hash.
    seed: u64,
    /// Ports by interface number; including removed interfaces, whose records may still be in the ring.
    ifaces: BTreeMap<u32, Iface>,
    links: BTreeMap<u32, (PortRole, XdpLinkId)>,
    /// Numbers of detached interfaces, the oldest first.
    retired: VecDeque<u32>,
    /// Records that could not be delivered, by class: of an unknown interface, or malformed.
    skipped: [u64; Class::COUNT],
    #[cfg(feature = "bpflog")]
    log: Option<aya_log::EbpfLogger<crate::capture::bpflog::Stderr>>,
}

/// Result of attaching a port.
pub(super) enum Attached {
    /// Attached in this mode, with the error of the mode that was tried before, if any.
    Yes(Mode, Option<io::Error>),
    /// Not attached in any allowed mode; the last mode and the first error.
    No(Mode, io::Error),
}

/// Maximum number of detached interfaces that are remembered because their records may still be in the ring.
const RETIRED_MAX: usize = 64;

/// The built-in BPF object; `SENSOR_BPF_OBJECT` names another one for tests and development.
const OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/../sensor-ebpf/prebuilt/sensor.bpfel.o"));

impl Xdp {
    /// Creates the maps and loads the programs that the ports' roles need.
    pub(super) fn load(ports: &[Port], options: &Options) -> Result<Self, CaptureError> {
        CaptureError::require("XDP", &Capability::XDP)?;
        let (path, bytes) = object()?;
        let unusable = |reason: String| CaptureError::Object { path: path.clone(), reason };
        let seed = seed();
        let refresh: u64 = match options.refresh.as_secs() {
            0 => 0,
            s => gate::ticks(s),
        };
        let tick = presence::tick();
        let interval = options.refresh.as_nanos() / (tick.as_nanos() << TICK_BITS);
        let interval = u32::try_from(interval).unwrap_or(u32::MAX).clamp(1, LAST_MASK as u32 / 2);
        let keys = sensor_ebpf::presence::keys(seed);
        let ring_bytes = options.ring_bytes.max(4096).checked_next_power_of_two().unwrap_or(1 << 31);
        let mut ebpf = EbpfLoader::new()
            .override_global("SEED", &seed, true)
            .override_global("REFRESH", &refresh, true)
            .override_global("KEYS", &keys, true)
            .override_global("INTERVAL", &interval, true)
            .override_global("POLICING", &u32::from(options.policing), true)
            .map_max_entries("RING", ring_bytes)
            .load(&bytes)
            .map_err(|error| refused(&error, &path))?;
        for role in [PortRole::Host, PortRole::Mirror] {
            if ports.iter().any(|port| port.role == role) {
                program(&mut ebpf, role).map_err(unusable)?.load().map_err(|error| refused(&error.into(), &path))?;
            }
        }
        let missing = |name: &str| unusable(format!("it has no map {name}"));
        let ring = ebpf.take_map("RING").ok_or_else(|| missing("RING"))?;
        let ring = RingBuf::try_from(ring).map_err(|error| unusable(error.to_string()))?;
        let counters = ebpf.take_map("COUNTERS").ok_or_else(|| missing("COUNTERS"))?;
        let counters = PerCpuArray::try_from(counters).map_err(|error| unusable(error.to_string()))?;
        let gate = ebpf.take_map("GATE").ok_or_else(|| missing("GATE"))?;
        let gate = Array::try_from(gate).map_err(|error| unusable(error.to_string()))?;
        let watch = ebpf.take_map("WATCH").ok_or_else(|| missing("WATCH"))?;
        let watch = Array::try_from(watch).map_err(|error| unusable(error.to_string()))?;
        let table = ebpf.take_map("PRESENCE").ok_or_else(|| missing("PRESENCE"))?;
        let Map::PerCpuArray(table) = table else { return Err(unusable("PRESENCE is no array by CPU".to_owned())) };
        let clock = ebpf.take_map("CLOCK").ok_or_else(|| missing("CLOCK"))?;
        let clock = PerCpuArray::try_from(clock).map_err(|error| unusable(error.to_string()))?;
        // SAFETY: the ring owns its descriptor, and keeps it open and the same until it is dropped.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }.map_err(|error| {
            CaptureError::Socket {
                iface: "XDP ring".into(),
                call: "epoll",
                source: io::Error::other(error.to_string()),
            }
        })?;
        #[cfg(feature = "bpflog")]
        let log = crate::capture::bpflog::open(&mut ebpf);
        Ok(Self {
            #[cfg(feature = "bpflog")]
            log,
            ebpf: Some(ebpf),
            ring,
            counters,
            gate,
            watch,
            presence: PresenceReader::new(table, clock, keys, tick).map_err(|error| unusable(error.to_string()))?,
            readings: 0,
            seed,
            ifaces: BTreeMap::new(),
            links: BTreeMap::new(),
            retired: VecDeque::new(),
            skipped: [0; Class::COUNT],
        })
    }

    /// Attaches a port's program in the first of `modes` that the interface supports.
    pub(super) fn attach(&mut self, port: Port, index: u32, modes: &[Mode]) -> Result<Attached, CaptureError> {
        let ebpf = self.ebpf.as_mut().expect("ports are attached before anything is detached");
        let program = program(ebpf, port.role).expect("found when it was loaded");
        let name = || port.iface.as_str().to_owned();
        let mut first = None;
        for &mode in modes {
            let flag = if mode == Mode::Driver { XdpMode::Driver } else { XdpMode::Skb };
            let error = match program.attach_to_if_index(index, flag) {
                Ok(link) => {
                    self.ifaces.insert(index, port.iface);
                    self.retired.retain(|&retired| retired != index);
                    self.links.insert(index, (port.role, link));
                    return Ok(Attached::Yes(mode, first));
                }
                Err(error) => os_error(error),
            };
            match error.raw_os_error() {
                // A program is attached already, in this mode or in the other one.
                Some(libc::EBUSY | libc::EEXIST) => {
                    return Err(CaptureError::Busy { iface: name(), owner: xdp_owner(index) });
                }
                Some(libc::EPERM | libc::EACCES) => {
                    return Err(CaptureError::forbidden("attaching XDP", &Capability::XDP));
                }
                Some(libc::ENODEV) => return Err(CaptureError::Vanished { iface: name() }),
                // No driver support, an unsupported frame size, a conflicting offload, or too few queues.
                Some(libc::EOPNOTSUPP | libc::ERANGE | libc::EINVAL | libc::ENOMEM) => {
                    first.get_or_insert(error);
                }
                _ => return Err(CaptureError::Socket { iface: name(), call: "attaching XDP", source: error }),
            }
        }
        let mode = modes.last().copied().unwrap_or(Mode::Generic);
        Ok(Attached::No(mode, first.unwrap_or_else(|| io::ErrorKind::Unsupported.into())))
    }

    /// Detaches a port.
    pub(super) fn release(&mut self, iface: Iface) {
        let held = self.links.keys().copied().filter(|index| self.ifaces.get(index) == Some(&iface));
        held.collect::<Vec<_>>().into_iter().for_each(|index| self.detach(index));
    }

    /// Detaches from an interface, which may be removed already. Its records in the ring are still delivered.
    pub(super) fn detach(&mut self, index: u32) {
        let (Some(ebpf), Some((role, link))) = (self.ebpf.as_mut(), self.links.remove(&index)) else { return };
        let program = program(ebpf, role).expect("found when it was loaded");
        // When the interface was removed, its link is gone too, and this only closes the descriptor.
        drop(program.detach(link));
        self.retired.push_back(index);
        if self.retired.len() > RETIRED_MAX {
            let oldest = self.retired.pop_front();
            oldest.and_then(|index| self.ifaces.remove(&index));
        }
    }

    /// Whether any port is attached.
    pub(super) fn is_used(&self) -> bool {
        !self.links.is_empty()
    }

    /// Ready when the program woke the reader. Clears the wake-up, so the caller must drain the ring.
    pub(super) fn poll_woken(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ring.poll_read_ready(cx).map_ok(|mut guard| guard.clear_ready())
    }

    /// Passes up to `records_max` records to `sink`. Returns how many were read.
    pub(super) fn drain(&mut self, boot_to_wall_ns: i64, records_max: usize, sink: &mut dyn FnMut(Frame<'_>)) -> usize {
        #[cfg(feature = "bpflog")]
        self.log.as_mut().map(aya_log::EbpfLogger::flush);
        for taken in 0..records_max {
            let Some(record) = self.ring.get_mut().next() else { return taken };
            let Some((header, body)) = Header::split(&record) else {
                self.skipped[Class::Malformed as usize] += 1;
                continue;
            };
            let at = i64::try_from(header.at_ns).unwrap_or(i64::MAX).saturating_add(boot_to_wall_ns);
            let iface = self.ifaces.get(&header.ifindex);
            match iface.and_then(|&iface| frame(&header, body, Timestamp::from_nanos(at), iface)) {
                Some(frame) => {
                    self.presence.learn(&frame, header.ifindex);
                    sink(frame);
                }
                None => self.skipped[Class::from_number(header.class).unwrap_or(Class::Malformed) as usize] += 1,
            }
        }
        records_max
    }

    /// Sets what is looked at.
    pub(super) fn watch(&mut self, watching: &Watching) -> io::Result<()> {
        let (links, ifaces) = (&self.links, &self.ifaces);
        let number = |name| links.keys().copied().find(|index| ifaces.get(index) == Some(&name));
        let table = watched::table(watching, &number);
        self.watch
            .set(0, table, 0)
            .map_err(|error| io_error(&error).unwrap_or_else(|| io::Error::other(error.to_string())))
    }

    /// Reports the stations that sent frames of any kind since the last call.
    pub(super) fn presence(
        &mut self,
        now: Timestamp,
        boot_to_wall_ns: i64,
        out: &mut dyn FnMut(Seen),
    ) -> io::Result<()> {
        self.readings += 1;
        self.presence.read(self.readings, now, boot_to_wall_ns, out)
    }

    /// Makes the gate forget an address, so that the answer to a probe of it is delivered even if it is a repeat. The
    /// other addresses of its bucket are forgotten too, which costs one repeat of each.
    pub(super) fn forget(&mut self, segment: Segment, ip: IpAddr) {
        let is_it = |index: &&u32| self.ifaces.get(index) == Some(&segment.iface);
        let Some(&ifindex) = self.links.keys().find(is_it) else { return };
        let kind = if ip.is_ipv4() { kind::ARP_REPLY } else { kind::NEIGHBOR_ADVERTISEMENT };
        let claim = Claim { kind, address: words(ip), mac: 0, frame_mac: 0 };
        let bucket = gate::mark(self.seed, place(segment, ifindex), &claim).bucket;
        // On an error one reply may be suppressed.
        drop(self.gate.set(bucket, [0_u64; 8], 0));
    }

    /// The program's counters of each CPU, in the order of CPU numbers.
    pub(super) fn cpus(&self) -> Result<Vec<Counters>, CaptureError> {
        let words = self.counters.get(&0, 0).map_err(|error| CaptureError::Socket {
            iface: "XDP counters".into(),
            call: "map look-up",
            source: io_error(&error).unwrap_or_else(|| io::Error::other(error.to_string())),
        })?;
        Ok(words.iter().map(Counters::from_words).collect())
    }

    /// Records that could not be delivered, by class.
    pub(super) fn skipped(&self) -> [u64; Class::COUNT] {
        self.skipped
    }

    /// The program's counters, summed over CPUs. Undeliverable records count as lost, not as passed.
    pub(super) fn counters(&self) -> Result<Counters, CaptureError> {
        let mut sum = Counters::default();
        for cpu in self.cpus()? {
            sum.add(&cpu);
        }
        for (class, &skipped) in self.skipped.iter().enumerate() {
            sum.passed[class] = sum.passed[class].saturating_sub(skipped);
            sum.lost[class] += skipped;
        }
        Ok(sum)
    }

    /// Detaches from every port and counts the records left in the ring as lost.
    pub(super) fn close(mut self) -> Result<Counters, CaptureError> {
        self.ebpf = None;
        self.ifaces.clear();
        self.links.clear();
        while self.drain(0, usize::MAX, &mut |_| ()) > 0 {}
        self.counters()
    }
}

fn object() -> Result<(String, std::borrow::Cow<'static, [u8]>), CaptureError> {
    let Some(path) = std::env::var_os("SENSOR_BPF_OBJECT") else { return Ok(("built in".into(), OBJECT.into())) };
    let name = path.to_string_lossy().into_owned();
    match std::fs::read(&path) {
        Ok(bytes) => Ok((name, bytes.into())),
        Err(error) => Err(CaptureError::Object { path: name, reason: error.to_string() }),
    }
}

fn program(ebpf: &mut Ebpf, role: PortRole) -> Result<&mut Program, String> {
    let name = match role {
        PortRole::Host => "sensor_host",
        PortRole::Mirror => "sensor_mirror",
    };
    let program = ebpf.program_mut(name).ok_or_else(|| format!("it has no program {name}"))?;
    program.try_into().map_err(|error: ProgramError| error.to_string())
}

/// A secret seed for the gate's hash, so that nobody can choose addresses that share a bucket.
pub(super) fn seed() -> u64 {
    let mut seed = [0; 8];
    // Reads of up to 256 bytes are never partial (getrandom(2)), and any kernel with XDP has the call.
    let got = rustix::rand::getrandom(&mut seed[..], rustix::rand::GetRandomFlags::empty());
    assert_eq!(got, Ok(8), "the kernel gives random bytes");
    u64::from_ne_bytes(seed)
}

/// Why the kernel or aya rejected the object.
fn refused(error: &EbpfError, path: &str) -> CaptureError {
    if let EbpfError::ParseError(_) | EbpfError::RelocationError(_) | EbpfError::BtfRelocationError(_) = error {
        return CaptureError::Object { path: path.to_owned(), reason: one_line(&error.to_string()) };
    }
    if matches!(io_error(error).and_then(|error| error.raw_os_error()), Some(libc::EPERM | libc::EACCES))
        && !matches!(error, EbpfError::ProgramError(ProgramError::LoadError { verifier_log, .. }) if !verifier_log.to_string().trim().is_empty())
    {
        return CaptureError::forbidden("loading the XDP program", &Capability::XDP);
    }
    let reason = match error {
        EbpfError::ProgramError(ProgramError::LoadError { io_error, verifier_log }) => {
            format!("{io_error}: {}", verdict(&verifier_log.to_string()))
        }
        error => error.to_string(),
    };
    CaptureError::Refused { reason: one_line(&reason) }
}

/// The verifier's reason: the last line of its log before the statistics.
fn verdict(log: &str) -> &str {
    let is_statistics = |line: &&str| {
        line.trim().is_empty()
            || line.starts_with("processed ")
            || line.starts_with("verification time")
            || line.starts_with("stack depth")
    };
    log.lines().rev().find(|line| !is_statistics(line)).unwrap_or("no verifier log")
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

fn os_error(error: ProgramError) -> io::Error {
    io_error(&error).unwrap_or_else(|| io::Error::other(error.to_string()))
}

/// The system's error in a chain of errors.
fn io_error(error: &(dyn Error + 'static)) -> Option<io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(number) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(io::Error::from_raw_os_error(number));
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifiers_reason_is_the_line_before_the_statistics() {
        let log =
            "0: R1=ctx()\nR4 invalid zero-sized read\nverification time 5 usec\nstack depth 8\nprocessed 9 insns\n";
        assert_eq!(verdict(log), "R4 invalid zero-sized read");
        assert_eq!(verdict("\n"), "no verifier log");
    }
}
