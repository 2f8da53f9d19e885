//! A real journal daemon in a mount namespace of its own: its sockets and files are then not the machine's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use serde_json::Value;

use super::namespace::Namespace;
use super::{tools, wait};

/// A running journald; dropping it kills it and removes its journal.
pub struct Journald {
    shell: Child,
    pid: PathBuf,
}

/// Its files, as its namespace sees them.
pub const FOLDER: &str = "/run/log/journal";

impl Journald {
    /// Starts it with these lines in the `[Journal]` section of journald.conf(5); returns when it listens. `folder` is
    /// for its files.
    pub fn start(namespace: &Namespace, folder: &Path, settings: &str) -> anyhow::Result<Self> {
        let pid = folder.join("journald.pid");
        let script = format!(
            "set -e
             mkdir -p /run/systemd /run/log
             mount -t tmpfs none /run/systemd && mount -t tmpfs none /run/log
             mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/systemd/units {FOLDER}
             [ ! -d /var/log/journal ] || mount -t tmpfs none /var/log/journal
             [ -s /etc/machine-id ] || {{ cp /proc/sys/kernel/random/boot_id {folder}/id && sed -i s/-//g {folder}/id; }}
             [ -s /etc/machine-id ] || {{ touch /etc/machine-id; mount --bind {folder}/id /etc/machine-id; }}
             printf '[Journal]\\n%s\\n' \"$1\" > /run/systemd/journald.conf.d/lab.conf
             {journald} & journald=$!
             until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
             echo $journald > {pid}.part && mv {pid}.part {pid}
             wait $journald",
            folder = folder.display(),
            journald = tools::JOURNALD,
            pid = pid.display(),
        );
        let shell = namespace
            .command("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh", settings])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .context("unshare")?;
        let journald = Self { shell, pid };
        wait::until("journald to listen", || Ok(journald.pid.exists().then_some(())))?;
        Ok(journald)
    }

    /// A command that sees its sockets and files and runs in its network namespace.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args([&format!("--target={}", self.shell.id()), "--net", "--mount", "--"]).arg(program);
        command
    }

    /// Its socket for events, as this process sees it.
    pub fn socket(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root/run/systemd/journal/socket", self.shell.id()))
    }

    /// Runs a shell line as [`Journald::command`] does; returns what it printed.
    pub fn sh(&self, line: &str) -> anyhow::Result<String> {
        let output = self.command("sh").args(["-c", line]).stdin(Stdio::null()).output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{line}: {}", error.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The entries that match, read by journalctl.
    pub fn entries(&self, matches: &str) -> anyhow::Result<Vec<Value>> {
        // Nothing was written yet, or there is no file to read: no entries.
        let text =
            self.sh(&format!("journalctl --sync 2>/dev/null; journalctl -qa -D {FOLDER} -o json {matches} || true"))?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}

impl Drop for Journald {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(&self.pid).unwrap_or_default();
        // The shell waits for it and ends with it.
        drop(Command::new("kill").args(["-9", pid.trim()]).status());
        drop(self.shell.wait());
    }
}
