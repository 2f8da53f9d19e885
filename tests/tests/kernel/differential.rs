//! The XDP program and native code come to the same answer on every frame, record by record.

use sensor_ebpf::abi::{Class, FLAG_SCAN, Header, TunnelKind};
use sensor_ebpf::classify::{Harvest, Opens, classify};
use sensor_ebpf::found::{Claim, kind};
use sensor_ebpf::gate::{self, Decision};
use sensor_ebpf::message;
use sensor_ebpf::packet::Captured;
use sensor_ebpf::presence::{self, Look};
use sensor_ebpf::scan;
use sensor_ebpf::watched::{self, Watch};
use sensor_tests::bpf::{IFINDEX, Kernel, Options, Record, require_root};
use sensor_tests::frames::{Random, arp, captures, hand_made, ipv4, ipv6, link_local, mutant, ndp, read_capture, udp};

const MUTANTS: usize = 120_000;
/// After so many frames a bucket of the presence table may be full: mutants are new stations with known addresses.
const PRESENCE_FULL: usize = 200;
/// After so many frames a bucket of the gate may be full.
const GATE_FULL: usize = 2_000;
/// An hour: no interval ends while the test runs, so that the two clocks do not matter.
const REFRESH: u64 = gate::ticks(3_600);
/// The largest frame that the test-run harness takes on every page size.
const FRAME_LEN_MAX: usize = 3_400;

/// Half of all IPv4 and IPv6 addresses: frames from outside are as frequent as frames from inside.
const WATCHES: [Watch; 2] = [
    Watch { place: 0, address: [0, 0], mask: [1 << 31, 0] },
    Watch { place: 0, address: [1 << 63, 0], mask: [1 << 63, 0] },
];

/// The program for a mirror port, which opens tunnels, or the one for a host port.
#[derive(Clone, Copy)]
enum Port {
    Host,
    Mirror,
}

impl Port {
    const fn program(self) -> &'static str {
        match self {
            Self::Host => "sensor_host",
            Self::Mirror => "sensor_mirror",
        }
    }
}

fn harvest(frame: &[u8], port: Port) -> Harvest {
    let nobody = watched::table(&[], &[]);
    let opens = match port {
        Port::Host => Opens::Own(&nobody),
        Port::Mirror => Opens::All,
    };
    classify(&Captured { bytes: frame, wire_len: frame.len() }, opens)
}

/// The decisions of the kernel program besides the class, made natively.
struct Model {
    table: watched::Table,
    presence: Vec<presence::Bucket>,
    /// Bucket and slot of the sender that the last frame was the first of.
    entered: Option<(u32, usize)>,
    keys: presence::Keys,
    gate: Vec<gate::Bucket>,
    scan: Vec<scan::Bucket>,
    options: Options,
    gated: u64,
    scans: u64,
    evictions: u64,
}

impl Model {
    fn new(options: Options) -> Self {
        Self {
            table: watched::table(&WATCHES, &[]),
            presence: vec![[0; _]; presence::BUCKETS],
            entered: None,
            keys: presence::keys(options.seed),
            gate: vec![[0; _]; gate::BUCKETS],
            scan: vec![[0; _]; scan::BUCKETS],
            options,
            gated: 0,
            scans: 0,
            evictions: 0,
        }
    }

    /// The record that the kernel must write for a frame at `now_ns`.
    fn record(&mut self, frame: &[u8], port: Port, now_ns: u64) -> Option<Record> {
        let found = harvest(frame, port);
        if !found.class.is_harvested() {
            return None;
        }
        let look = self.look(&found);
        if found.class.is_watched() && look == Look::Outside {
            return None;
        }
        let is_known = look == Look::Known;
        let is_new = found.class.is_watched() && !is_known && {
            let address = found.sender.unwrap();
            let frame_mac = found.frame_mac;
            self.passes(&found, &Claim { kind: kind::PRESENCE, address, mac: frame_mac, frame_mac })
        };
        if found.class == Class::Traffic && !is_new && found.asked.is_none() {
            self.gated += 1;
            return None;
        }
        let is_scan = found.asked.as_ref().is_some_and(|asked| {
            let mark = scan::mark(&self.keys, found.place(IFINDEX), found.frame_mac, asked);
            scan::is_scan(&mut self.scan[mark.bucket as usize], &mark, now_ns)
        });
        self.scans += u64::from(is_scan);
        let body = &frame[found.body_at..][..usize::from(found.header.body_len)];
        let said = if is_scan { None } else { message::repeated(self.options.seed, &found, body) };
        let is_said = found.claim.or(said).is_none_or(|claim| self.passes(&found, &claim));
        let passes = is_said && found.class != Class::Traffic;
        if !passes && !is_new && !is_scan {
            self.gated += 1;
            // A message that is held back does not show its sender, who is new again the next time.
            if let Some((bucket, slot)) = self.entered.filter(|_| said.is_some()) {
                presence::forget(&mut self.presence[bucket as usize], slot);
            }
            return None;
        }
        Some(Record {
            body: body.to_vec(),
            header: Header {
                ifindex: IFINDEX,
                flags: found.header.flags | if is_scan { FLAG_SCAN } else { 0 },
                ..found.header
            },
        })
    }

    fn passes(&mut self, found: &Harvest, claim: &Claim) -> bool {
        if self.options.refresh == 0 {
            return true;
        }
        let mark = gate::mark(self.options.seed, found.place(IFINDEX), claim);
        let decision = gate::decide(&mut self.gate[mark.bucket as usize], &mark, 1, self.options.refresh);
        self.evictions += u64::from(decision == Decision::PassEvicting);
        decision != Decision::Gated
    }

    fn look(&mut self, found: &Harvest) -> Look {
        self.entered = None;
        let Some(address) = found.sender else { return Look::Outside };
        let place = found.place(IFINDEX);
        let mark = presence::mark(&self.keys, place, address, found.frame_mac);
        let bucket = &mut self.presence[mark.bucket as usize];
        match presence::look(bucket, &mark, 1, self.options.interval, 1) {
            Look::Absent => {
                let inside = watched::is_watched(&self.table, place, address);
                let entered = presence::enter(bucket, &mark, 1, self.options.interval, 1, inside);
                self.entered = entered.filter(|_| inside).map(|entered| (mark.bucket, entered.slot));
                if self.entered.is_some() { Look::Absent } else { Look::Outside }
            }
            look => look,
        }
    }
}

/// The kernel's record for a frame, without its time.
fn kernel_record(kernel: &mut Kernel, frame: &[u8], port: Port) -> Option<Record> {
    kernel.run(port.program(), frame);
    let mut record = kernel.next_record()?;
    assert_eq!(kernel.next_record(), None, "two records for one frame");
    record.header.at_ns = 0;
    Some(record)
}

#[track_caller]
fn check(kernel: &mut Kernel, model: &mut Model, frame: &[u8], port: Port, name: &str) {
    let theirs = kernel_record(kernel, frame, port);
    let ours = model.record(frame, port, kernel.boot_ns());
    assert_eq!(theirs, ours, "kernel and native differ on {name}: {frame:02x?}");
}

/// The two clocks differ, and so does the entry that a full bucket evicts: no bucket may get full.
fn forget_presence(kernel: &mut Kernel, model: &mut Model) {
    kernel.forget_presence();
    model.presence.fill([0; _]);
}

/// Whether it is a protocol message; most frames are not.
fn is_message(harvest: &Harvest) -> bool {
    harvest.class.is_harvested() && harvest.class != Class::Traffic
}

fn loaded(options: Options) -> (Kernel, Model) {
    let mut kernel = Kernel::load(options);
    kernel.watch(&WATCHES, &[]);
    (kernel, Model::new(options))
}

fn captured_frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for path in captures() {
        frames.extend(read_capture(&path).into_iter().map(|frame| frame.bytes));
    }
    frames.retain(|frame| (14..=FRAME_LEN_MAX).contains(&frame.len()));
    frames
}

/// The frames made by hand have every class, every kind of tunnel and every number of tags.
#[test]
fn the_frames_made_by_hand_cover_everything() {
    let found: Vec<Harvest> = hand_made().iter().map(|(_, frame)| harvest(frame, Port::Mirror)).collect();
    for class in Class::ALL {
        assert!(found.iter().any(|harvest| harvest.class == class), "{class:?}");
    }
    for kind in TunnelKind::ALL {
        assert!(found.iter().any(|harvest| harvest.header.tunnel_kind == kind as u8), "{kind:?}");
    }
    for depth in 0..=2 {
        let has = |harvest: &&Harvest| harvest.header.vlans.iter().filter(|id| **id != 0).count() == depth;
        assert!(found.iter().any(|harvest| has(&harvest)), "{depth} tags");
    }
    let names: Vec<&str> = hand_made().into_iter().map(|(name, _)| name).collect();
    for name in ["a service tag", "priority tag", "erspan, type II", "erspan, type III"] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn kernel_and_native_code_agree_on_every_frame_and_its_mutants() {
    if !require_root() {
        return;
    }
    let (mut kernel, mut model) = loaded(Options::default());
    let seed = std::env::var("SENSOR_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_121);
    let mut random = Random(seed);
    let made = hand_made();
    let captured = captured_frames();
    for port in [Port::Host, Port::Mirror] {
        for (name, frame) in &made {
            check(&mut kernel, &mut model, frame, port, name);
        }
        for (n, frame) in captured.iter().enumerate() {
            if n % PRESENCE_FULL == 0 {
                forget_presence(&mut kernel, &mut model);
            }
            check(&mut kernel, &mut model, frame, port, "a captured frame");
        }
    }
    // Most captured frames are TCP, which is not harvested: half of the mutants come from harvested frames.
    let harvested: Vec<&Vec<u8>> = captured.iter().filter(|frame| is_message(&harvest(frame, Port::Mirror))).collect();
    let mut records = 0;
    for n in 0..MUTANTS {
        let frame = match n % 4 {
            0 => &captured[random.below(captured.len())],
            1 | 2 => harvested[random.below(harvested.len())],
            _ => &made[random.below(made.len())].1,
        };
        let frame = mutant(&mut random, frame);
        if frame.len() > FRAME_LEN_MAX {
            continue;
        }
        if n % PRESENCE_FULL == 0 {
            forget_presence(&mut kernel, &mut model);
        }
        let port = if random.below(2) == 0 { Port::Host } else { Port::Mirror };
        records += usize::from(is_message(&harvest(&frame, port)));
        check(&mut kernel, &mut model, &frame, port, "a mutant");
    }
    println!("seed {seed}: {} made, {} captured, {MUTANTS} mutants ({records} harvested)", made.len(), captured.len());
    assert!(records > MUTANTS / 10, "the mutants do not reach what they should test");
}

#[test]
fn kernel_and_native_code_agree_with_the_gate_on() {
    if !require_root() {
        return;
    }
    let options = Options { refresh: REFRESH, ..Options::default() };
    let (mut kernel, mut model) = loaded(options);
    let mut random = Random(7);
    let frames: Vec<Vec<u8>> = hand_made()
        .into_iter()
        .map(|(_, frame)| frame)
        .chain(captured_frames())
        .filter(|frame| is_message(&harvest(frame, Port::Mirror)))
        .collect();
    for n in 0..frames.len() * 2 {
        if n % PRESENCE_FULL == 0 {
            forget_presence(&mut kernel, &mut model);
        }
        if n % GATE_FULL == 0 {
            // As for presence: the entry that a full bucket evicts depends on the clock.
            kernel.forget_claims();
            model.gate.fill([0; _]);
        }
        let frame = match n % 2 {
            0 => frames[n / 2].clone(),
            _ => {
                let frame = &frames[random.below(frames.len())];
                mutant(&mut random, frame)
            }
        };
        if frame.len() > FRAME_LEN_MAX {
            continue;
        }
        check(&mut kernel, &mut model, &frame, Port::Mirror, "a frame at the gate");
    }
    let counters = kernel.counters();
    assert!(model.gated > 0);
    assert_eq!(counters.gated.iter().sum::<u64>(), model.gated);
    assert_eq!(counters.gate_evictions, model.evictions);
    println!("{} frames, {} gated, {} evictions", frames.len() * 2, model.gated, model.evictions);
}

#[test]
fn kernel_and_native_code_mark_scans_alike() {
    if !require_root() {
        return;
    }
    let (mut kernel, mut model) = loaded(Options { refresh: REFRESH, ..Options::default() });
    let mut scans_of = |frames: &[Vec<u8>], name: &str| {
        let before = model.scans;
        frames.iter().for_each(|frame| check(&mut kernel, &mut model, frame, Port::Host, name));
        model.scans - before
    };
    let sender = [0x02, 0, 0, 0, 0x5c, 1];
    let arps: Vec<_> = (0..=255).map(|n| arp(1, sender, [10, 0, 0, 1], [0; 6], [10, 0, 0, n])).collect();
    assert_eq!(scans_of(&arps, "a sweep by ARP"), 1);
    let unicast = |frame: &Vec<u8>| [&[0x02, 0, 0, 0, 0x5c, 9, 0x02, 0, 0, 0, 0x5c, 2], &frame[12..]].concat();
    let kept: Vec<_> = arps.iter().map(unicast).collect();
    assert_eq!(scans_of(&kept, "questions to who is known"), 0);
    let solicitations: Vec<_> =
        (0..=255).map(|n| ipv6(link_local(1), link_local(n), 58, 255, &ndp(135, 0, &[link_local(n)], &[]))).collect();
    assert_eq!(scans_of(&solicitations, "a sweep by NDP"), 1);
    let tcp = |to, port: u16, flags| {
        let segment =
            [&[0xc3, 0x50][..], &port.to_be_bytes(), &[0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 4, 0, 0, 0, 0, 0]];
        ipv4([10, 0, 0, 1], to, 6, 0x4000, &segment.concat())
    };
    let syn = |to, port| tcp(to, port, 2);
    let clients: Vec<_> = (0..=255).flat_map(|n| [syn([10, 1, 0, n], 80), syn([10, 1, 0, n], 443)]).collect();
    assert_eq!(scans_of(&clients, "a busy client"), 0);
    let high: Vec<_> = (33_000..34_000).map(|port| syn([10, 2, 0, 1], port)).collect();
    assert_eq!(scans_of(&high, "ports handed out by a service"), 0);
    let ports: Vec<_> = (1..1_000).map(|port| syn([10, 3, 0, 1], port)).collect();
    assert_eq!(scans_of(&ports, "a scan of ports"), 1);
    for (n, flags) in [(4, 0), (5, 1), (6, 0x29)] {
        let ports: Vec<_> = (1..200).map(|port| tcp([10, 3, 0, n], port, flags)).collect();
        assert_eq!(scans_of(&ports, "a scan by segments of no connection"), 1, "{flags}");
    }
    let closing: Vec<_> = (1..1_000).map(|port| tcp([10, 3, 0, 7], port, 0x11)).collect();
    assert_eq!(scans_of(&closing, "connections that end"), 0);
    let datagram = |to, port, body: &[u8]| ipv4([10, 0, 0, 1], to, 17, 0x4000, &udp(40_000, port, body));
    let known: Vec<_> = (1..200).map(|port| datagram([10, 4, 0, 1], port, &[1, 2, 3])).collect();
    assert_eq!(scans_of(&known, "datagrams to well-known ports"), 1);
    let empty: Vec<_> = (20_000..20_200).map(|port| datagram([10, 4, 0, 2], port, &[])).collect();
    assert_eq!(scans_of(&empty, "empty datagrams"), 1);
    let calls: Vec<_> = (10_000..12_000).map(|port| datagram([10, 4, 0, 3], port, &[0x80; 20])).collect();
    assert_eq!(scans_of(&calls, "media of many calls"), 0);
}
