//! The program under test, started as a user would start it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

use super::namespace::Namespace;
use super::wait;
use crate::binary::sensor_binary;

/// A running `sensor run`; dropping it kills it.
pub struct SensorProcess {
    child: Child,
    folder: PathBuf,
}

impl SensorProcess {
    /// Starts `sensor run` with `flags` and its database, events and output in `folder`; returns when it listens.
    pub fn start(namespace: &Namespace, folder: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        Self::start_by(namespace.command(sensor_binary()), folder, flags)
    }

    /// As [`SensorProcess::start`], by a command that ends in `exec` of the program.
    pub fn start_by(command: Command, folder: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        let started_before = count(&events(folder)?, "sensor-started");
        let child = Self::command(command, folder, flags)?.spawn()?;
        let sensor = Self { child, folder: folder.to_owned() };
        wait::until("the sensor to listen", || {
            Ok((count(&sensor.events()?, "sensor-started") > started_before).then_some(()))
        })?;
        Ok(sensor)
    }

    /// As [`SensorProcess::start`], but returns at once.
    pub fn spawn(namespace: &Namespace, folder: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        let child = Self::command(namespace.command(sensor_binary()), folder, flags)?.spawn()?;
        Ok(Self { child, folder: folder.to_owned() })
    }

    /// The command line, its output going to files of `folder`.
    pub fn command(mut command: Command, folder: &Path, flags: &[&str]) -> anyhow::Result<Command> {
        command
            .args(["run", "--json", "--db"])
            .arg(folder.join("sensor.db"))
            .arg("--events")
            .arg(folder.join("events.jsonl"))
            .args(flags)
            .stdin(Stdio::null())
            .stdout(File::options().create(true).append(true).open(folder.join("stdout"))?)
            .stderr(File::options().create(true).append(true).open(folder.join("stderr"))?);
        Ok(command)
    }

    /// Events written so far, complete lines only.
    pub fn events(&self) -> anyhow::Result<Vec<Value>> {
        events(&self.folder)
    }

    /// Waits until the events written so far satisfy `found`.
    pub fn wait_for(&self, what: &str, found: impl Fn(&[Value]) -> bool) -> anyhow::Result<Vec<Value>> {
        let waited = wait::until(what, || Ok(Some(self.events()?).filter(|events| found(events))));
        waited.map_err(|error| {
            let events = self.events().unwrap_or_default();
            let stderr = std::fs::read_to_string(self.folder.join("stderr")).unwrap_or_default();
            error.context(format!("events so far: {events:#?}\nstandard error: {stderr}"))
        })
    }

    /// `sensor export --json` beside the running sensor.
    pub fn export(&self) -> anyhow::Result<Vec<Value>> {
        let output = Command::new(sensor_binary())
            .args(["export", "--json", "--db"])
            .arg(self.folder.join("sensor.db"))
            .output()?;
        anyhow::ensure!(output.status.success(), "export: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Sends SIGTERM and waits for its end.
    pub fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.signal(libc::SIGTERM);
        Ok(self.child.wait()?)
    }

    /// Sends SIGKILL and waits for its end.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.signal(libc::SIGKILL);
        self.child.wait()?;
        Ok(())
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the child is ours and not yet waited for, so the number is still its own.
        unsafe { libc::kill(self.child.id().cast_signed(), signal) };
    }
}

impl Drop for SensorProcess {
    fn drop(&mut self) {
        // An error means that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Events of a kind.
pub fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["kind"] == kind).collect()
}

fn count(events: &[Value], kind: &str) -> usize {
    of_kind(events, kind).len()
}

/// The events in `folder`, complete lines only. A line that a kill cut short is left out: whoever starts next ends it, and
/// reports its event again.
pub fn events(folder: &Path) -> anyhow::Result<Vec<Value>> {
    let text = match std::fs::read(folder.join("events.jsonl")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(&[][..], |end| &text[..end]);
    let lines = whole.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let parsed = lines.map(serde_json::from_slice).filter(|event| !event.as_ref().is_err_and(serde_json::Error::is_eof));
    Ok(parsed.collect::<Result<_, _>>()?)
}
