//! A sender that is faster than any receiver: an XDP program that the kernel runs on frames of its own and then sends
//! (`BPF_PROG_TEST_RUN` with `BPF_F_TEST_XDP_LIVE_FRAMES`, Linux 5.18).

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aya::Ebpf;
use aya::maps::Array;
use aya::programs::Xdp;
use bench_sender::{FRAME_LEN, Kind, Template};
use sensor_tests::bpf::stay_on;
use sensor_tests::lab::namespace::Namespace;

use crate::machine::cpus;
use crate::traffic;

/// Frames that one call sends: some milliseconds.
const REPEAT: u32 = 20_000;
/// Frames that go to the receiver together, as from a network card.
const BATCH: u32 = 64;

/// The loaded program.
pub(super) struct Sender {
    ebpf: Ebpf,
}

impl Sender {
    pub(super) fn load(object: &std::path::Path) -> anyhow::Result<Self> {
        let mut ebpf = Ebpf::load(&std::fs::read(object)?)?;
        let program: &mut Xdp = ebpf.program_mut("bench_send").context("the object has no bench_send")?.try_into()?;
        program.load()?;
        let map = ebpf.map_mut("TEMPLATES").context("the object has no templates")?;
        let mut map = Array::<_, Template>::try_from(map)?;
        for kind in Kind::ALL {
            map.set(kind as u32, template(kind), 0)?;
        }
        Ok(Self { ebpf })
    }

    /// Sends from `namespace` on every CPU for so long; returns how many frames were made and how long it took.
    pub(super) fn send(&self, namespace: &Namespace, length: Duration) -> anyhow::Result<(u64, Duration)> {
        let program: &Xdp = self.ebpf.program("bench_send").context("the object has no bench_send")?.try_into()?;
        let program = program.fd()?.as_fd().as_raw_fd();
        let sent = AtomicU64::new(0);
        let begun = Instant::now();
        namespace.enter(|| {
            std::thread::scope(|scope| {
                // Threads made here are in the namespace as well.
                let threads: Vec<_> = (0..cpus())
                    .map(|cpu| {
                        let sent = &sent;
                        scope.spawn(move || -> anyhow::Result<()> {
                            stay_on(cpu).context("sched_setaffinity")?;
                            while begun.elapsed() < length {
                                run(program)?;
                                sent.fetch_add(u64::from(REPEAT), Ordering::Relaxed);
                            }
                            Ok(())
                        })
                    })
                    .collect();
                threads
                    .into_iter()
                    .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            })
        })?;
        Ok((sent.into_inner(), begun.elapsed()))
    }
}

/// The arguments of `BPF_PROG_TEST_RUN` (`union bpf_attr` in `linux/bpf.h`).
#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    verdict: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    ctx_size_in: u32,
    ctx_size_out: u32,
    ctx_in: u64,
    ctx_out: u64,
    flags: u32,
    cpu: u32,
    batch_size: u32,
    padding: u32,
}

const BPF_PROG_TEST_RUN: libc::c_long = 10;
const LIVE_FRAMES: u32 = 1 << 1;

fn run(program: i32) -> anyhow::Result<()> {
    let frame = [0_u8; FRAME_LEN];
    let arguments = TestRun {
        program: program.cast_unsigned(),
        data_size_in: FRAME_LEN as u32,
        data_in: frame.as_ptr() as u64,
        repeat: REPEAT,
        flags: LIVE_FRAMES,
        batch_size: BATCH,
        ..TestRun::default()
    };
    // SAFETY: the arguments are those of the call, as long as is said, and point to a live frame that is only read.
    let result = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_TEST_RUN, &raw const arguments, size_of::<TestRun>()) };
    if result < 0 {
        return Err(std::io::Error::last_os_error()).context("the frames cannot be sent");
    }
    Ok(())
}

/// The frame of a kind, its addresses empty and its IPv4 checksum that of empty addresses.
fn template(kind: Kind) -> Template {
    let mut frame = Vec::new();
    let payload = |headers: usize| vec![0xa5; FRAME_LEN - headers];
    match kind {
        Kind::Tcp => traffic::tcp(&mut frame, [0, 443], 0x18, &payload(54)),
        Kind::Syn => traffic::tcp(&mut frame, [0, 443], 0x02, &payload(54)[..0]),
        Kind::SynAck => traffic::tcp(&mut frame, [443, 0], 0x12, &payload(54)[..0]),
        Kind::Udp => {
            traffic::ethernet(&mut frame, [0; 6], [0; 6], 0x0800);
            traffic::ipv4(&mut frame, 17, [0; 4], [0; 4], FRAME_LEN - 34);
            traffic::udp(&mut frame, [0, 443], &payload(42));
        }
        Kind::Arp => traffic::arp(&mut frame, 0, 0),
        Kind::Dhcp => traffic::dhcp(&mut frame, 0),
        Kind::Mdns => traffic::mdns(&mut frame, 0),
    }
    if frame[12..14] == [8, 0] {
        frame[26..30].fill(0);
        frame[24..26].fill(0);
        let sum: u32 = frame[14..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    }
    let mut template = [0; size_of::<Template>()];
    template[..frame.len()].copy_from_slice(&frame);
    template
}
