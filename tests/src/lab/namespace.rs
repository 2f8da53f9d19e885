//! Network namespaces with the process's number in their names, so that two runs never share one and the remains of a
//! run that was killed can be told from those of a running one.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use sensor_core::types::Mac;

use super::shell::sh;

/// A network namespace; dropping it kills what runs in it and removes it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Namespace {
    /// Makes a namespace whose name ends in `purpose`.
    pub fn new(purpose: &str) -> anyhow::Result<Self> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sensor-{}-{count}-{purpose}", std::process::id());
        sh(&format!("ip netns add {name}"))?;
        Ok(Self { name })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs in the namespace.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path().display())).arg("--").arg(program);
        command
    }

    /// Runs a shell line in the namespace.
    pub fn sh(&self, line: &str) -> anyhow::Result<()> {
        self.output(line).map(drop)
    }

    /// Runs a shell line in the namespace; returns what it printed.
    pub fn output(&self, line: &str) -> anyhow::Result<String> {
        let output = self.command("sh").args(["-c", line]).output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{}: {line}: {}", self.name, error.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The MACs of its interfaces.
    pub fn macs(&self) -> anyhow::Result<Vec<Mac>> {
        let text = self.output("ip -o link")?;
        let after = |line: &str| line.split_once("link/ether ").and_then(|(_, rest)| Mac::parse(rest.get(..17)?));
        Ok(text.lines().filter_map(after).collect())
    }

    /// Runs `work` on a thread inside the namespace: sockets that it opens belong to the namespace.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
        let file = File::open(self.path()).with_context(|| self.name.clone())?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                // SAFETY: `setns` takes an open file and changes this thread only, which ends with the work.
                if unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
                    return Err(std::io::Error::last_os_error()).context("setns");
                }
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Removes the namespaces of processes that have ended.
pub(super) fn sweep() {
    for name in sh("ip netns list").unwrap_or_default().lines().filter_map(|line| line.split_whitespace().next()) {
        let pid = name.strip_prefix("sensor-").and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !PathBuf::from(format!("/proc/{pid}")).exists()) {
            remove(name);
        }
    }
}

fn remove(name: &str) {
    // An error means that it has been removed already.
    drop(sh(&format!("ip netns pids {name} | xargs -r kill -9 2>/dev/null; ip netns del {name}")));
}
