//! The BPF object: which one is tested, and how a frame is run through its programs without an interface.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use aya::maps::{Array, Map, MapData, PerCpuArray, PerCpuValues, RingBuf};
use aya::programs::{TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};
use sensor_ebpf::abi::{COUNTER_WORDS, Counters, Header, TunnelKind};
use sensor_ebpf::watched::{self, Watch};
use sensor_ebpf::{gate, presence};

/// What the XDP program tells the driver to do with a frame that ends here (`linux/bpf.h`).
pub const XDP_DROP: u32 = 1;
/// What the XDP program tells the driver to do with a frame that goes on to the kernel's network stack (`linux/bpf.h`).
pub const XDP_PASS: u32 = 2;
/// The interface that the test-run harness pretends to receive on, unless a context says otherwise: `lo`.
pub const IFINDEX: u32 = 1;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The object under test: `SENSOR_BPF_OBJECT`, else the committed one.
pub fn object_path() -> PathBuf {
    match std::env::var_os("SENSOR_BPF_OBJECT") {
        Some(path) => path.into(),
        None => root().join("sensor-ebpf/prebuilt/sensor.bpfel.o"),
    }
}

/// Whether BPF programs can be loaded here. A test that needs it returns when not; under `CI=true` that is a failure.
pub fn require_root() -> bool {
    // SAFETY: the call takes nothing and cannot fail.
    let is_root = unsafe { libc::geteuid() } == 0;
    assert!(is_root || std::env::var_os("CI").is_none_or(|ci| ci != "true"), "this test needs root, and CI=true");
    if !is_root {
        eprintln!("skipped: loading a BPF program needs root");
    }
    is_root
}

/// Watches an IPv4 prefix on every segment.
pub fn watch_ipv4(address: [u8; 4], length: u32) -> Watch {
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    Watch { place: 0, address: [u64::from(u32::from_be_bytes(address) & mask), 0], mask: [u64::from(mask), 0] }
}

/// Watches the IPv6 link-local addresses on every segment.
pub const WATCH_LINK_LOCAL: Watch = Watch { place: 0, address: [0xfe80 << 48, 0], mask: [0xffc0 << 48, 0] };

/// What a test sets before it loads the object.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The gate's interval in ticks; 0 switches it off.
    pub refresh: u64,
    /// The gate's secret.
    pub seed: u64,
    /// The ring's size in bytes: a power of two, a multiple of the page.
    pub ring_bytes: u32,
    /// The presence table's interval in its ticks.
    pub interval: u32,
    /// Whether senders of too many records are policed.
    pub policing: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { refresh: 0, seed: 0x5eed, ring_bytes: 1 << 22, interval: 100_000, policing: false }
    }
}

/// Binds this thread to one CPU.
pub fn stay_on(cpu: usize) -> std::io::Result<()> {
    // SAFETY: all-zero bytes are an empty set, which is plain bits.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is live, and the number is checked by the macro's own bounds.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set is live and as long as is said; 0 is this thread.
    match unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Every sender of tunnels.
pub const ANY_TUNNEL: [watched::TunnelSource; 2] = {
    let every =
        watched::TunnelSource { address: [0; 2], mask: [0; 2], is_ipv6: false, kind: TunnelKind::None, id: None };
    [every, watched::TunnelSource { is_ipv6: true, ..every }]
};

/// The loaded object.
pub struct Kernel {
    ebpf: Ebpf,
    ring: RingBuf<MapData>,
}

/// A record from the ring buffer, split into its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The fixed header.
    pub header: Header,
    /// The bytes of the frame that follow it.
    pub body: Vec<u8>,
}

impl Kernel {
    /// Loads the object with all its programs.
    pub fn load(options: Options) -> Self {
        let path = object_path();
        let object = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::load_bytes(&object, options).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()))
    }

    /// Loads an object given as bytes, and keeps this thread on its CPU: the program's tables of known senders are per
    /// CPU.
    pub fn load_bytes(object: &[u8], options: Options) -> anyhow::Result<Self> {
        // SAFETY: the call takes nothing.
        stay_on(usize::try_from(unsafe { libc::sched_getcpu() })?)?;
        let mut ebpf = EbpfLoader::new()
            .override_global("SEED", &options.seed, true)
            .override_global("REFRESH", &options.refresh, true)
            .override_global("KEYS", &presence::keys(options.seed), true)
            .override_global("INTERVAL", &options.interval, true)
            .override_global("POLICING", &u32::from(options.policing), true)
            .map_max_entries("RING", options.ring_bytes)
            .load(object)?;
        for (_, program) in ebpf.programs_mut() {
            let program: &mut Xdp = program.try_into()?;
            program.load()?;
        }
        let ring = ebpf.take_map("RING").ok_or_else(|| anyhow::anyhow!("the object has no map RING"))?;
        Ok(Self { ebpf, ring: RingBuf::try_from(ring)? })
    }

    /// Sets the watched prefixes and the sensor's own addresses; tunnels are opened whoever sends them.
    pub fn watch(&mut self, watches: &[Watch], own: &[[u64; 2]]) {
        let mut table = watched::table(watches, own);
        watched::set_tunnels(&mut table, &ANY_TUNNEL);
        self.set_table(table);
    }

    /// Sets what is looked at.
    pub fn set_table(&mut self, table: watched::Table) {
        let map = self.ebpf.map_mut("WATCH").expect("the object has watched prefixes");
        Array::<_, watched::Table>::try_from(map).unwrap().set(0, table, 0).unwrap();
    }

    /// The boot-time clock as the program read it last, nanoseconds.
    pub fn boot_ns(&self) -> u64 {
        let map: &Map = self.ebpf.map("CLOCK").expect("the object has a clock");
        let map = PerCpuArray::<_, [u64; 2]>::try_from(map).unwrap();
        map.get(&0, 0).unwrap().iter().map(|clock| clock[1]).max().unwrap()
    }

    /// Empties the gate.
    pub fn forget_claims(&mut self) {
        let map = self.ebpf.map_mut("GATE").expect("the object has a gate");
        let mut map = Array::<_, gate::Bucket>::try_from(map).unwrap();
        (0..gate::BUCKETS as u32).for_each(|bucket| map.set(bucket, [0; _], 0).unwrap());
    }

    /// Empties the presence table of every CPU.
    pub fn forget_presence(&mut self) {
        let map = self.ebpf.map_mut("PRESENCE").expect("the object has a presence table");
        let mut map = PerCpuArray::<_, presence::Part>::try_from(map).unwrap();
        let empty = || PerCpuValues::try_from(vec![[0; _]; aya::util::nr_cpus().unwrap()]).unwrap();
        (0..presence::PARTS as u32).for_each(|part| map.set(part, empty(), 0).unwrap());
    }

    /// Every entry of the presence tables of all CPUs.
    pub fn presence(&self) -> Vec<presence::Entry> {
        let map: &Map = self.ebpf.map("PRESENCE").expect("the object has a presence table");
        let map = PerCpuArray::<_, presence::Part>::try_from(map).unwrap();
        let parts = map.iter().flat_map(|cpus| cpus.unwrap().to_vec());
        parts.flat_map(|part| part.as_chunks().0.iter().filter_map(presence::entry).collect::<Vec<_>>()).collect()
    }

    /// Runs a frame of at least 14 bytes through a program; returns its verdict.
    pub fn run(&self, program: &str, frame: &[u8]) -> u32 {
        self.test_run(program, frame, None, 1).return_value
    }

    /// Runs a frame whose first buffer holds only `linear` bytes, where the kernel can do that (Linux 6.18).
    pub fn run_spread(&self, program: &str, frame: &[u8], linear: u32) -> anyhow::Result<u32> {
        // `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let context: Vec<u8> = [0, linear, 0, IFINDEX, 0, 0].iter().flat_map(|word: &u32| word.to_ne_bytes()).collect();
        let options = TestRunOptions { data_in: Some(frame), ctx_in: Some(&context), ..TestRunOptions::default() };
        Ok(self.program(program).test_run(options)?.return_value)
    }

    /// Runs a frame `repeat` times; the result has the mean time of one run.
    pub fn test_run(
        &self,
        program: &str,
        frame: &[u8],
        context: Option<&[u8]>,
        repeat: u32,
    ) -> aya::programs::TestRunResult {
        let options = TestRunOptions { data_in: Some(frame), ctx_in: context, repeat, ..TestRunOptions::default() };
        self.program(program).test_run(options).unwrap_or_else(|error| panic!("{program}: {error:?}"))
    }

    /// One of the object's programs.
    pub fn program(&self, name: &str) -> &Xdp {
        self.ebpf.program(name).unwrap_or_else(|| panic!("the object has no program {name}")).try_into().unwrap()
    }

    /// The oldest unread record as it is in the ring.
    pub fn next_bytes(&mut self) -> Option<Vec<u8>> {
        self.ring.next().map(|record| record.to_vec())
    }

    /// The oldest unread record.
    pub fn next_record(&mut self) -> Option<Record> {
        let bytes = self.next_bytes()?;
        let (header, body) = Header::split(&bytes).expect("the program writes whole records");
        Some(Record { header, body: body.to_vec() })
    }

    /// Discards all unread records; returns how many there were.
    pub fn drain(&mut self) -> usize {
        let mut records = 0;
        while self.ring.next().is_some() {
            records += 1;
        }
        records
    }

    /// The counters, all CPUs together.
    pub fn counters(&self) -> Counters {
        let map: &Map = self.ebpf.map("COUNTERS").expect("the object has counters");
        let map = PerCpuArray::<_, [u64; COUNTER_WORDS]>::try_from(map).unwrap();
        let mut sum = Counters::default();
        for words in map.get(&0, 0).unwrap().iter() {
            sum.add(&Counters::from_words(words));
        }
        sum
    }
}
