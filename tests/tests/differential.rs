//! The XDP program and native code come to the same answer on every frame, record by record.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use sensor_ebpf::abi::Header;
use sensor_ebpf::classify::{Harvest, Tunnel, classify};
use sensor_ebpf::gate::{self, BUCKETS, Bucket, Decision};
use sensor_ebpf::packet::Captured;
use sensor_tests::bpf::{IFINDEX, Kernel, Options, Record, require_root};
use sensor_tests::frames::{Random, captures, hand_made, mutant, read_capture};

const MUTANTS: usize = 120_000;
/// An hour: no interval ends while the test runs, so that the two clocks do not matter.
const REFRESH: u64 = gate::ticks(3_600);
/// The largest frame that the test-run harness takes on every page size.
const FRAME_LEN_MAX: usize = 3_400;

fn harvest(frame: &[u8]) -> Harvest {
    classify(&Captured { bytes: frame, wire_len: frame.len() }, false)
}

/// The record that the kernel must write for a frame, were it not for the gate.
fn record(frame: &[u8]) -> Option<Record> {
    let harvest = harvest(frame);
    (harvest.class.is_harvested() && !harvest.class.is_watched()).then(|| Record {
        body: frame[harvest.body_at..harvest.body_at + usize::from(harvest.header.body_len)].to_vec(),
        header: Header { ifindex: IFINDEX, ..harvest.header },
    })
}

/// The kernel's record for a frame, without its time.
fn kernel_record(kernel: &mut Kernel, frame: &[u8]) -> Option<Record> {
    kernel.run("sensor_host", frame);
    let mut record = kernel.next_record()?;
    assert_eq!(kernel.next_record(), None, "two records for one frame");
    record.header.at_ns = 0;
    Some(record)
}

#[track_caller]
fn check(kernel: &mut Kernel, frame: &[u8], name: &str) {
    let (ours, theirs) = (record(frame), kernel_record(kernel, frame));
    assert_eq!(theirs, ours, "kernel and native differ on {name}: {frame:02x?}");
}

fn captured_frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for path in captures() {
        frames.extend(read_capture(&path).into_iter().map(|frame| frame.bytes));
    }
    frames.retain(|frame| (14..=FRAME_LEN_MAX).contains(&frame.len()));
    frames
}

#[test]
fn on_every_frame_and_its_mutants() {
    if !require_root() {
        return;
    }
    let mut kernel = Kernel::load(Options::default());
    let seed = std::env::var("SENSOR_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_121);
    let mut random = Random(seed);
    let made = hand_made();
    for (name, frame) in &made {
        check(&mut kernel, frame, name);
    }
    let captured = captured_frames();
    for frame in &captured {
        check(&mut kernel, frame, "a captured frame");
    }
    // Most captured frames are TCP and of no interest: half of the mutants come from harvested ones.
    let harvested: Vec<&Vec<u8>> = captured.iter().filter(|frame| harvest(frame).class.is_harvested()).collect();
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
        records += usize::from(record(&frame).is_some());
        check(&mut kernel, &frame, "a mutant");
    }
    println!("seed {seed}: {} made, {} captured, {MUTANTS} mutants ({records} harvested)", made.len(), captured.len());
    assert!(records > MUTANTS / 10, "the mutants do not reach what they should test");
}

#[test]
fn with_the_gate_on() {
    if !require_root() {
        return;
    }
    let options = Options { refresh: REFRESH, ..Options::default() };
    let mut kernel = Kernel::load(options);
    let mut buckets: Vec<Bucket> = vec![[0; 8]; BUCKETS];
    let mut random = Random(7);
    let frames: Vec<Vec<u8>> = hand_made()
        .into_iter()
        .map(|(_, frame)| frame)
        .chain(captured_frames())
        .filter(|f| record(f).is_some())
        .collect();
    let (mut gated, mut evictions) = (0, 0);
    for n in 0..frames.len() * 2 {
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
        let found = harvest(&frame);
        let decision = found.claim.map_or(Decision::Pass, |claim| {
            let mark = gate::mark(options.seed, gate::place(IFINDEX, found.header.vlans, Tunnel::default()), &claim);
            gate::decide(&mut buckets[mark.bucket as usize], &mark, 1, REFRESH)
        });
        gated += u64::from(decision == Decision::Gated);
        evictions += u64::from(decision == Decision::PassEvicting);
        let ours = record(&frame).filter(|_| decision != Decision::Gated);
        assert_eq!(kernel_record(&mut kernel, &frame), ours, "the gates differ on {frame:02x?}");
    }
    let counters = kernel.counters();
    assert!(gated > 0);
    assert_eq!(counters.gated.iter().sum::<u64>(), gated);
    assert_eq!(counters.gate_evictions, evictions);
    println!("{} frames, {gated} gated, {evictions} evictions", frames.len() * 2);
}
