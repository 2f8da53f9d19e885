//! A port under more frames than it can take: bare XDP programs, the sensor as users run it, and other programs, on the
//! same traffic, one after the other. Time that a receiver spends on a frame, in the kernel or in its own process, is
//! taken from the CPUs that the sender uses, so frames a second measure its cost. The sensor and the bare program that
//! it is compared with take short turns, each on an interface of its own, because other load on a machine changes from
//! one second to the next. `SENSOR_BINARY` names another program to measure as ours.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use aya::programs::{Xdp, XdpMode};
use sensor_tests::binary::sensor_binary;
use sensor_tests::bpf::{object_path, require_root};
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sensor_process::SensorProcess;
use sensor_tests::lab::wait;
use xtask::bpf::build_sender;
use xtask::packages;

use self::figures::{Figures, LEARN, TURN, TURNS};
use self::receiver::{How, Receiver, Tool};
use self::sender::Sender;
use crate::machine::cpus;

/// What a run comes to.
mod figures;
/// The programs that receive, and what each reports at its end.
mod receiver;
/// The traffic.
mod sender;
/// The figures in Markdown.
mod table;

const ROUNDS: usize = 3;
/// What is under way after the last frame, such as a batch on its way to the database.
const SETTLE: Duration = Duration::from_millis(500);
/// The receiver's interface.
const IFACE: &str = "r0";
/// Its address: arpwatch does not start without one. No host has it.
const ADDRESS: &str = "10.20.255.254/16";
/// The clock tick of `/proc/PID/stat`, on every architecture of Linux.
const TICKS_PER_S: f64 = 100.0;

pub(crate) fn run() -> anyhow::Result<String> {
    anyhow::ensure!(require_root(), "the live bench builds network namespaces: run it as root");
    packages::install(&["arpwatch", "ethtool", "iproute2", "p0f", "prads", "tcpdump", "util-linux"])?;
    let ours = sensor_binary();
    let sender = Sender::load(&build_sender()?)?;
    let receivers = receiver::all();
    let mut all: Vec<Vec<Figures>> = vec![Vec::new(); receivers.len()];
    for round in 1..=ROUNDS {
        for (receiver, runs) in receivers.iter().zip(&mut all) {
            let figures = turn(&sender, receiver, &ours).with_context(|| receiver.name)?;
            let (per_s, bare) = (table::median(&figures.per_s), table::median(&figures.bare_per_s));
            eprintln!(
                "{round}: {:<28} {per_s:>9.0} frames/s, bare {bare:>9.0}, {:.2} s of CPU",
                receiver.name, figures.cpu_s
            );
            runs.push(figures);
        }
    }
    Ok(table::render(&receivers, &all))
}

fn turn(sender: &Sender, receiver: &Receiver, ours: &Path) -> anyhow::Result<Figures> {
    let bare = receiver.bare.as_ref().map(|bare| Lane::open(bare.how, ours)).transpose()?;
    let lane = Lane::open(receiver.how, ours)?;
    let pid = lane.running.pid();
    let cpu = || pid.map_or(Ok(0.0), cpu_s);
    let before = cpu()?;
    sender.send(&lane.near, LEARN)?;
    let (learnt, cpu_learnt) = (lane.taken()?, cpu()?);
    let mut figures = Figures::default();
    let mut elsewhere_s = 0.0;
    for _ in 0..TURNS {
        if let Some(bare) = &bare {
            let cpu_before = cpu()?;
            figures.bare_per_s.push(bare.rate(sender)?);
            elsewhere_s += cpu()? - cpu_before;
        }
        figures.per_s.push(lane.rate(sender)?);
    }
    figures.elsewhere = elsewhere_s / (cpus() as f64 * (TURN * TURNS).as_secs_f64());
    figures.taken = lane.taken()?;
    figures.steady = figures.taken - learnt;
    std::thread::sleep(SETTLE);
    let after = cpu()?;
    (figures.cpu_s, figures.steady_cpu_s) = (after - before, after - cpu_learnt);
    figures.said = lane.running.stop(lane.folder.path())?;
    Ok(figures)
}

/// A pair of interfaces of its own, and a receiver at its end.
struct Lane {
    near: Namespace,
    far: Namespace,
    folder: tempfile::TempDir,
    running: Running,
}

impl Lane {
    fn open(how: How, ours: &Path) -> anyhow::Result<Self> {
        let (near, far) = (Namespace::new("sender")?, Namespace::new("receiver")?);
        let queues = format!("numrxqueues {0} numtxqueues {0}", cpus());
        for namespace in [&near, &far] {
            namespace.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")?;
        }
        near.sh(&format!(
            "ip link add s0 index {} {queues} type veth peer name {IFACE} {queues} netns {}",
            bench_sender::OUT_IFINDEX,
            far.name()
        ))?;
        // A veth takes frames on its fast path only when it has NAPI: through an XDP program in the driver, or through
        // GRO; and its peer checks that when it comes up.
        far.sh(&format!("ip link set {IFACE} up && ip addr add {ADDRESS} dev {IFACE} && ethtool -K {IFACE} gro on"))?;
        near.sh("ip link set s0 up")?;
        // In memory, so that the disk is not measured.
        let folder = tempfile::TempDir::new_in("/dev/shm")?;
        let running = start(how, &far, folder.path(), ours)?;
        Ok(Self { near, far, folder, running })
    }

    /// Frames that the receiver's interface took since it was made.
    fn taken(&self) -> anyhow::Result<u64> {
        let links: serde_json::Value =
            serde_json::from_str(&self.far.output(&format!("ip -s -j link show dev {IFACE}"))?)?;
        links[0]["stats64"]["rx"]["packets"].as_u64().context("the link has counters")
    }

    /// Frames a second that it takes in one turn.
    fn rate(&self, sender: &Sender) -> anyhow::Result<f64> {
        let before = self.taken()?;
        let (_, length) = sender.send(&self.near, TURN)?;
        Ok((self.taken()? - before) as f64 / length.as_secs_f64())
    }
}

/// What receives at the moment.
enum Running {
    Nothing,
    /// Kept, because dropping it detaches it.
    Bare(#[expect(dead_code, reason = "its end is what counts")] aya::Ebpf),
    Sensor(SensorProcess),
    Peer(Child, Tool),
}

fn start(how: How, far: &Namespace, folder: &Path, ours: &Path) -> anyhow::Result<Running> {
    Ok(match how {
        How::Nothing => Running::Nothing,
        How::Bare(program, mode) => Running::Bare(far.enter(|| attach(program, mode))?),
        How::Sensor(port, capture) => {
            let flags = ["--passive", port, IFACE, "--capture", capture, "--network", "10.20.0.0/16"];
            Running::Sensor(SensorProcess::start_by(far.command(ours), folder, &flags)?)
        }
        How::Peer(tool) => {
            let mut command = far.command(tool.program());
            command
                .args(tool.arguments(IFACE, folder)?)
                .stdin(Stdio::null())
                .stdout(File::create(folder.join("stdout"))?)
                .stderr(File::create(folder.join("stderr"))?)
                .current_dir(folder)
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            let child = command.spawn()?;
            // The first line is the heading.
            wait::until(
                "it to listen",
                || Ok((far.output("cat /proc/net/packet")?.lines().count() > 1).then_some(())),
            )?;
            std::thread::sleep(Duration::from_millis(200));
            Running::Peer(child, tool)
        }
    })
}

fn attach(program: &str, mode: XdpMode) -> anyhow::Result<aya::Ebpf> {
    let mut ebpf = aya::Ebpf::load(&std::fs::read(object_path())?)?;
    let program: &mut Xdp = ebpf.program_mut(program).context("the object has bare programs")?.try_into()?;
    program.load()?;
    program.attach(IFACE, mode)?;
    Ok(ebpf)
}

impl Running {
    fn pid(&self) -> Option<u32> {
        match self {
            Self::Nothing | Self::Bare(_) => None,
            Self::Sensor(sensor) => Some(sensor.pid()),
            Self::Peer(child, _) => Some(child.id()),
        }
    }

    /// Ends it; returns how many frames it reports as seen and lost.
    fn stop(self, folder: &Path) -> anyhow::Result<Option<(u64, u64)>> {
        match self {
            Self::Nothing | Self::Bare(_) => Ok(None),
            Self::Sensor(sensor) => {
                sensor.stop()?;
                receiver::sensor_said(folder).map(Some)
            }
            Self::Peer(mut child, tool) => {
                // SAFETY: the child is ours and not yet waited for, so the number is still its own.
                unsafe { libc::kill(child.id().cast_signed(), libc::SIGINT) };
                let ended = wait::until("its end", || Ok(child.try_wait()?));
                if ended.is_err() {
                    child.kill()?;
                    child.wait()?;
                }
                Ok(tool.said(&(read(folder, "stdout") + &read(folder, "stderr"))))
            }
        }
    }
}

fn read(folder: &Path, name: &str) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join(name)).unwrap_or_default()).into_owned()
}

/// CPU seconds of a process, in user mode and in the kernel (proc(5)).
fn cpu_s(pid: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the receiver has ended")?;
    // The name, in brackets, may have spaces.
    let (_, numbers) = text.rsplit_once(')').context("a process has a name")?;
    let numbers: Vec<&str> = numbers.split_whitespace().collect();
    let ticks: u64 =
        numbers.get(11..13).context("utime and stime")?.iter().flat_map(|ticks| ticks.parse::<u64>()).sum();
    Ok(ticks as f64 / TICKS_PER_S)
}
