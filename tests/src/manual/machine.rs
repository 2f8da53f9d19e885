//! A machine on which the manual's command lines work as they stand: `eth0` on a network 192.168.1.0/24 with two hosts, a
//! mirror port `eth1` on which an office speaks, a sensor that listens to it, a journal, an alert. All of it lives in
//! namespaces and a folder of its own; the command lines find it by variables, `PATH` and their working directory.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sensor::export::journal::Journal;
use sensor::export::record::event::EventRecord;
use sensor_core::types::Timestamp;
use tempfile::TempDir;

use super::command::Work;
use crate::binary::sensor_binary;
use crate::bpf::root;
use crate::lab::journald::Journald;
use crate::lab::namespace::Namespace;
use crate::lab::{sender, wait};

/// An office's day in ten seconds, as its mirror port shows it.
pub const CAPTURE: &str = "tests/data/manual/office.pcap";

/// The machine. Dropping it ends everything on it.
pub struct Machine {
    sensor: Option<Child>,
    journal: Journal,
    next_id: u64,
    journald: Journald,
    machine: Namespace,
    switch: Namespace,
    _lan: Namespace,
    // Dropped last: the others find their files in it.
    folder: TempDir,
}

/// How fast the office speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    AsRecorded,
    WithoutPauses,
}

/// What came of a command.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Machine {
    /// Builds it. Needs root, and what [`crate::lab::possible`] and [`crate::lab::has_journald`] ask for.
    pub fn new() -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let (machine, lan, switch) = (Namespace::new("machine")?, Namespace::new("lan")?, Namespace::new("mirror")?);
        for namespace in [&machine, &lan, &switch] {
            namespace.sh(
                "ip link set lo up; sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1",
            )?;
        }
        // A veth is a link that software makes, which is not asked unless it is named; a macvlan passes for a card.
        lan.sh(&format!("ip link add eth0 type veth peer name cable netns {}", machine.name()))?;
        machine.sh("ip link set cable up && ip link add eth0 link cable type macvlan mode bridge")?;
        lan.sh("for ip in 192.168.1.1 192.168.1.23; do ip addr add $ip/24 dev eth0; done; ip link set eth0 up")?;
        machine
            .sh("ip addr add 192.168.1.2/24 dev eth0 && ip link set eth0 up && ip route add default via 192.168.1.1")?;
        switch.sh(&format!("ip link add port type veth peer name eth1 netns {}", machine.name()))?;
        // Tags go with the bytes of the frame, as on a wire, and not beside them.
        switch.sh("ethtool -K port txvlan off tx-vlan-stag-hw-insert off 2>/dev/null || ethtool -K port txvlan off")?;
        machine.sh("ip link set eth1 up && ethtool -K eth1 rxvlan off rx-vlan-stag-hw-parse off >/dev/null")?;
        switch.sh("ip link set port up")?;
        let journald = Journald::start(&machine, folder.path(), "RateLimitIntervalSec=0")?;
        let journal = Journal::new(&journald.socket(), Timestamp::from_nanos(1), 0)?;
        let mut new = Self { sensor: None, journal, next_id: 0, journald, machine, switch, _lan: lan, folder };
        new.furnish()?;
        new.listen()?;
        Ok(new)
    }

    /// Programs, the alert, the working directory.
    fn furnish(&self) -> anyhow::Result<()> {
        let (bin, work) = (self.path("bin"), self.work());
        std::fs::create_dir_all(&bin)?;
        std::fs::create_dir_all(&work)?;
        symlink(sensor_binary(), bin.join("sensor"))?;
        std::fs::write(bin.join("sudo"), "#!/bin/sh\nexec \"$@\"\n")?;
        std::fs::set_permissions(bin.join("sudo"), std::fs::Permissions::from_mode(0o755))?;
        let alert = format!(
            "[[alert]]\nname = \"chat\"\ncommand = [\"/usr/bin/tee\", \"-a\", \"{}\"]\n",
            self.path("chat").display()
        );
        std::fs::write(self.path("sensor.toml"), alert)?;
        for name in ["tests", "systemd"] {
            symlink(root().join(name), work.join(name))?;
        }
        Ok(())
    }

    /// A sensor listens while the office speaks, until all of its hosts are known.
    fn listen(&mut self) -> anyhow::Result<()> {
        let line = "exec sensor run --mirror eth1 --capture packet --passive --learning 0";
        let log = File::create(self.path("sensor.log"))?;
        let child = self.command(line).stdout(log.try_clone()?).stderr(log).spawn()?;
        self.sensor = Some(child);
        let log = || std::fs::read_to_string(self.path("sensor.log")).unwrap_or_default();
        wait::until("the sensor to listen", || Ok(log().contains("sensor-started").then_some(())))?;
        self.speak(Pace::WithoutPauses)?;
        wait::until("the office's last host", || Ok(log().contains("eth1.30").then_some(())))
    }

    /// The office speaks on the mirror port, in its own time or without pauses.
    fn speak(&self, pace: Pace) -> anyhow::Result<()> {
        let begun = Instant::now();
        for (at, frame) in office()? {
            if pace == Pace::AsRecorded {
                std::thread::sleep(at.saturating_sub(begun.elapsed()));
            }
            sender::send(&self.switch, "port", &[frame])?;
        }
        Ok(())
    }

    /// A file of the machine's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where command lines run.
    pub fn work(&self) -> PathBuf {
        self.path("work")
    }

    /// A shell that runs the line on this machine, in a process group of its own.
    pub fn command(&self, line: &str) -> Command {
        let mut command = self.journald.command("sh");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SENSOR_")) {
            command.env_remove(name);
        }
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(["-c", &format!("cd {} && {line}", self.work().display())])
            .env("PATH", format!("{}:/usr/sbin:/sbin:{path}", self.path("bin").display()))
            .env("SENSOR_DB", self.path("sensor.db"))
            .env("SENSOR_CONFIG", self.path("sensor.toml"))
            .env("SENSOR_WATCH_STATE", self.path("watch.json"))
            // The hosts of this network answer at once.
            .env("SENSOR_TIMEOUT_MS", "300")
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    /// Runs a line that ends by itself.
    pub fn run(&self, line: &str) -> anyhow::Result<Outcome> {
        let output = self.command(line).output().context(line.to_owned())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Outcome { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    /// Starts a line that goes on, waits until it does what it is for, stops it, and says how it ended.
    pub fn follow(&mut self, line: &str, work: Work) -> anyhow::Result<Outcome> {
        let (out, err) = (self.path("stdout"), self.path("stderr"));
        let mut command = self.command(&format!("exec {}", line.trim_start_matches("sudo ")));
        if work == Work::Listen {
            // One sensor writes a database, and this one is not the machine's.
            command.env("SENSOR_DB", self.path("other.db"));
        }
        let listeners = self.listeners()?;
        let mut child = command.stdout(File::create(&out)?).stderr(File::create(&err)?).spawn()?;
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let waited = wait::until(line, || {
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("{line} ended early, {status}: {}", read(&err));
            }
            let works = match work {
                Work::Doctor => self.listeners()? > listeners,
                Work::Events => !read(&out).is_empty(),
                Work::Listen => read(&err).contains("listening on"),
                Work::Watch => {
                    self.tell()?;
                    !read(&out).is_empty() || !read(&self.path("chat")).is_empty()
                }
            };
            Ok(works.then_some(()))
        });
        // SAFETY: `kill` takes no pointers; the child leads its group and is not reaped yet.
        unsafe {
            libc::kill(-child.id().cast_signed(), if work == Work::Doctor { libc::SIGINT } else { libc::SIGTERM })
        };
        let status = child.wait()?;
        waited?;
        Ok(Outcome { status, stdout: read(&out), stderr: read(&err) })
    }

    /// Starts a sensor while the office speaks on its mirror port, and holds what it prints against `shown`: the same, but for
    /// the times of day.
    pub fn perform(&mut self, line: &str, shown: &str) -> anyhow::Result<Outcome> {
        let out = self.path("performance");
        let file = File::create(&out)?;
        let mut command = self.command(&format!("exec {}", line.trim_start_matches("sudo ")));
        let db = self.path("performance.db");
        let mut child = command.env("SENSOR_DB", db).stdout(file.try_clone()?).stderr(file).spawn()?;
        let read = || std::fs::read_to_string(&out).unwrap_or_default();
        let waited = wait::until("the sensor to listen", || Ok(read().contains("listening on").then_some(())))
            .and_then(|()| self.speak(Pace::AsRecorded))
            .and_then(|()| {
                wait::until("all lines that are shown", || {
                    Ok((read().lines().count() >= shown.lines().count()).then_some(()))
                })
            });
        // SAFETY: `kill` takes no pointers; the child leads its group and is not reaped yet.
        unsafe { libc::kill(-child.id().cast_signed(), libc::SIGTERM) };
        let status = child.wait()?;
        let printed = read();
        waited.with_context(|| printed.clone())?;
        for (shown, printed) in shown.lines().zip(printed.lines()) {
            anyhow::ensure!(timeless(shown) == timeless(printed), "{line}\n  shown:   {shown}\n  printed: {printed}");
        }
        Ok(Outcome { status, stdout: printed, stderr: String::new() })
    }

    /// An event in the journal about which every filter in the manual cares.
    fn tell(&mut self) -> anyhow::Result<()> {
        self.next_id += 1;
        let event = EventRecord {
            id: self.next_id,
            at: "2026-11-21T08:00:00.000000Z".to_owned(),
            kind: "new-host".to_owned(),
            severity: "alert".to_owned(),
            segment: Some("eth1.30".to_owned()),
            ip: Some(Ipv4Addr::new(192, 168, 1, 23).into()),
            message: "a host for the manual".to_owned(),
            ..EventRecord::default()
        };
        let json = serde_json::to_string(&event)?;
        Ok(self.journal.publish(&event, &json)?)
    }

    /// How many packet sockets listen to `eth1`.
    fn listeners(&self) -> anyhow::Result<usize> {
        let link = self.machine.output("ip -o link show eth1")?;
        let index = link.split(':').next();
        let sockets = self.machine.output("cat /proc/self/net/packet")?;
        Ok(sockets.lines().filter(|line| line.split_whitespace().nth(4) == index).count())
    }
}

/// A line without the time that it begins with.
fn timeless(line: &str) -> &str {
    let is_time = line.len() > 20 && line.as_bytes()[10] == b'T' && line.as_bytes()[19] == b'Z';
    if is_time { &line[20..] } else { line }
}

/// The frames of [`CAPTURE`], with their times since the first: a pcap file of little-endian microseconds.
fn office() -> anyhow::Result<Vec<(Duration, Vec<u8>)>> {
    let file = std::fs::read(root().join(CAPTURE))?;
    let mut rest =
        file.strip_prefix(&[0xd4, 0xc3, 0xb2, 0xa1]).and_then(|rest| rest.get(20..)).context("no pcap file")?;
    let mut frames: Vec<(Duration, Vec<u8>)> = Vec::new();
    while let Some((head, body)) = rest.split_first_chunk::<16>() {
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let at = Duration::from_secs(word(0).into()) + Duration::from_micros(word(4).into());
        let (frame, after) = body.split_at_checked(word(8) as usize).context("a cut frame")?;
        frames.push((at, frame.to_vec()));
        rest = after;
    }
    let first = frames.first().context("no frames")?.0;
    Ok(frames.into_iter().map(|(at, frame)| (at.saturating_sub(first), frame)).collect())
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(sensor) = &mut self.sensor {
            // One that has ended already is as good as killed.
            drop(sensor.kill());
            drop(sensor.wait());
        }
    }
}
