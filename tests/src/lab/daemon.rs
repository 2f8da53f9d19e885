//! A Debian program that runs in a namespace for as long as a test needs it.

use std::process::{Child, Command, Stdio};

use super::namespace::Namespace;

/// A running program; dropping it ends it and its children.
pub struct Daemon(Child);

impl Daemon {
    /// Starts a shell command in the foreground; its output is discarded.
    pub fn start(namespace: &Namespace, command: &str) -> anyhow::Result<Self> {
        let child = namespace
            .command("/bin/sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Its children first. An error means that a process has ended already.
        drop(Command::new("pkill").args(["-KILL", "-P", &self.0.id().to_string()]).status());
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
