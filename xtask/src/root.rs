//! Running as root: XDP, namespaces and packet sockets need privilege, building does not.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

const SUDO: &str = "/usr/bin/sudo";

/// `program`, by sudo where this is not root.
pub fn as_root(program: &Path) -> anyhow::Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    if !Path::new(SUDO).exists() {
        bail!("this needs root and there is no sudo here: run it as root");
    }
    let mut command = Command::new(SUDO);
    command.arg("--").arg(program);
    Ok(command)
}

/// Whether this process has root's user number.
pub fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|uids| uids.split_whitespace().nth(1) == Some("0"))
}
