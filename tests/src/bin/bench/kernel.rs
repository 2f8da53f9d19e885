//! Nanoseconds per frame in the XDP program for each kind of frame, compared with `bare_pass` in the same object.
//!
//! The kernel runs one frame many times (`BPF_PROG_TEST_RUN`). Frames that are harvested go in batches that fit the
//! ring, which is emptied in between: a frame is faster when the ring is full and takes no record. Rounds are
//! interleaved and the best counts, because other load on the machine only ever adds time.

use std::fmt::Write as _;

use anyhow::Context as _;
use aya::Ebpf;
use aya::maps::ProgramArray;
use aya::programs::{TestRun as _, TestRunOptions, Xdp};
use sensor_ebpf::gate::ticks;
use sensor_tests::bpf::{Kernel, Options, WATCH_LINK_LOCAL, XDP_PASS, require_root, watch_ipv4};
use sensor_tests::frames::{arp, ipv4, ipv6, link_layer_option, link_local, mac, ndp, udp};
use xtask::bpf::build_sender;

const ROUNDS: usize = 7;
/// Runs of one frame in each round.
const REPEAT: u32 = 1_000_000;
/// The ring's size as in `sensor run`: a larger one would cause more cache misses.
const RING_BYTES: u32 = 1 << 22;

/// How the object is set for a case.
#[derive(Clone, Copy, PartialEq)]
enum Settings {
    /// The gate is off, nothing is watched.
    Open,
    /// The gate is on, the frames' prefixes are watched.
    Gated,
    /// As `Gated`, with 32 prefixes that are watched besides.
    Crowded,
}

/// One line of the table.
struct Case {
    name: &'static str,
    program: &'static str,
    frame: Vec<u8>,
    settings: Settings,
    /// Bytes that one frame takes in the ring; 0 when it leaves no record.
    record_len: u32,
    /// The limit that this project set itself, as a ratio to the bare program.
    goal: Option<f64>,
    best_ns: f64,
}

pub(crate) fn run() -> anyhow::Result<String> {
    anyhow::ensure!(require_root(), "the kernel bench loads BPF programs: run it as root");
    let open = Options { ring_bytes: RING_BYTES, ..Options::default() };
    let mut ungated = Kernel::load(open);
    let mut gated = Kernel::load(Options { refresh: ticks(3_600), policing: true, ..open });
    let mut crowded = Kernel::load(Options { refresh: ticks(3_600), policing: true, ..open });
    let mut watches: Vec<_> = (0..32).map(|n| watch_ipv4([10, n, 0, 0], 16)).collect();
    watches.extend([watch_ipv4([192, 0, 2, 0], 24), WATCH_LINK_LOCAL]);
    gated.watch(&watches[32..], &[]);
    crowded.watch(&watches, &[]);
    let mut cases = cases();
    for _ in 0..ROUNDS {
        for case in &mut cases {
            let kernel = match case.settings {
                Settings::Open => &mut ungated,
                Settings::Gated => &mut gated,
                Settings::Crowded => &mut crowded,
            };
            case.best_ns = case.best_ns.min(measure(kernel, case));
        }
    }
    let bare = cases[0].best_ns;
    let mut table =
        "## Kernel: nanoseconds per frame\n\n| frame | ns | times bare | goal |\n|---|---:|---:|---:|\n".to_owned();
    for case in &cases {
        let goal = case.goal.map_or_else(String::new, |goal| format!("{goal:.2}"));
        let _ = writeln!(table, "| {} | {:.1} | {:.2} | {goal} |", case.name, case.best_ns, case.best_ns / bare);
    }
    let times = 1.0 + (stations(&mut crowded)? / bare);
    let _ = writeln!(
        table,
        "| TCP over IPv4, {} known stations in turn, 34 prefixes | {:.1} | {times:.2} | 3.00 |",
        bench_sender::STATIONS,
        times * bare
    );
    let lost: u64 = [&gated, &ungated, &crowded].iter().flat_map(|kernel| kernel.counters().lost).sum();
    anyhow::ensure!(lost == 0, "{lost} records did not fit the ring, so the figures are too low");
    Ok(table)
}

/// A segment of an open connection, with ACK and 40 bytes.
fn data() -> [u8; 60] {
    let mut segment = [0; 60];
    segment[12..14].copy_from_slice(&[0x50, 0x10]);
    segment
}

/// How much longer the program takes than the bare one for a frame of one of many stations, nanoseconds. A program in
/// front of both, by a tail call, chooses the station.
fn stations(kernel: &mut Kernel) -> anyhow::Result<f64> {
    let mut ebpf = Ebpf::load(&std::fs::read(build_sender()?)?)?;
    let front: &mut Xdp = ebpf.program_mut("bench_stations").context("the object has no bench_stations")?.try_into()?;
    front.load()?;
    let measured = ebpf.take_map("MEASURED").context("the object has no program to measure")?;
    let mut measured = ProgramArray::try_from(measured)?;
    let front: &Xdp = ebpf.program("bench_stations").context("it was there")?.try_into()?;
    let frame = ipv4([0; 4], [10, 20, 255, 254], 6, 0x4000, &data());
    let mut best_ns = [f64::INFINITY; 2];
    for _ in 0..=ROUNDS {
        for (best, name) in best_ns.iter_mut().zip(["bare_pass", "sensor_host"]) {
            measured.set(0, kernel.program(name).fd()?, 0)?;
            let options = TestRunOptions { data_in: Some(&frame), repeat: REPEAT, ..TestRunOptions::default() };
            let result = front.test_run(options)?;
            anyhow::ensure!(result.return_value == XDP_PASS, "the frames did not reach {name}");
            *best = best.min(result.duration.as_nanos() as f64);
            kernel.drain();
        }
    }
    let met = kernel.presence().len();
    anyhow::ensure!(met >= bench_sender::STATIONS as usize, "only {met} stations were met");
    Ok(best_ns[1] - best_ns[0])
}

/// Mean nanoseconds of one run, over `REPEAT` runs.
fn measure(kernel: &mut Kernel, case: &Case) -> f64 {
    let batch = if case.record_len == 0 { REPEAT } else { REPEAT.min(RING_BYTES / 2 / (case.record_len + 8)) };
    let (mut runs, mut ns) = (0, 0.0);
    while runs < REPEAT {
        // By the kernel's own clock: the system call takes milliseconds besides the runs.
        ns += kernel.test_run(case.program, &case.frame, None, batch).duration.as_nanos() as f64 * f64::from(batch);
        runs += batch;
        kernel.drain();
    }
    ns / f64::from(runs)
}

fn cases() -> Vec<Case> {
    let request = arp(1, mac(1), [192, 0, 2, 1], [0; 6], [192, 0, 2, 2]);
    let solicitation = ndp(135, 0, &[link_local(2)], &link_layer_option(1, mac(1)));
    let solicitation = ipv6(link_local(1), link_local(2), 58, 255, &solicitation);
    let tcp = ipv4([192, 0, 2, 1], [192, 0, 2, 2], 6, 0x4000, &data());
    let tcp6 = ipv6(link_local(1), link_local(2), 6, 64, &data());
    let dns = ipv4([192, 0, 2, 1], [192, 0, 2, 2], 17, 0, &udp(40_000, 53, &[0; 40]));
    let dhcp = ipv4([0; 4], [255; 4], 17, 0, &udp(68, 67, &[1; 300]));
    let mdns = ipv4([192, 0, 2, 1], [224, 0, 0, 251], 17, 0, &udp(5353, 5353, &[1; 120]));
    let stranger = ipv4([198, 51, 100, 7], [192, 0, 2, 2], 6, 0x4000, &data());
    let case = |name, frame: &Vec<u8>, settings, record_len, goal| Case {
        name,
        program: "sensor_host",
        frame: frame.clone(),
        settings,
        record_len,
        goal,
        best_ns: f64::INFINITY,
    };
    use Settings::{Crowded, Gated, Open};
    vec![
        Case { program: "bare_pass", ..case("bare pass", &tcp, Gated, 0, None) },
        case("TCP, outside the watched prefixes", &stranger, Gated, 0, Some(1.25)),
        case("TCP over IPv4, a known station", &tcp, Gated, 0, Some(1.5)),
        case("TCP over IPv4, a known station, 34 prefixes", &tcp, Crowded, 0, Some(1.75)),
        case("TCP over IPv6, a known station", &tcp6, Gated, 0, None),
        case("UDP over IPv4, a known station", &dns, Gated, 0, None),
        case("ARP, repeated", &request, Gated, 0, Some(3.5)),
        case("NDP, repeated", &solicitation, Gated, 0, None),
        case("ARP, harvested", &request, Open, 112, Some(5.0)),
        case("NDP, harvested", &solicitation, Open, 136, None),
        case("mDNS, 120 bytes, repeated", &mdns, Gated, 0, None),
        case("DHCP, 300 bytes, repeated", &dhcp, Gated, 0, None),
        case("mDNS, 120 bytes, harvested", &mdns, Open, 200, None),
        case("DHCP, 300 bytes, harvested", &dhcp, Open, 384, None),
    ]
}
