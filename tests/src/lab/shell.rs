//! Shell lines in the machine's own namespace.

use std::process::{Command, Stdio};

use anyhow::bail;

/// Runs a shell line; returns what it printed.
pub(super) fn sh(line: &str) -> anyhow::Result<String> {
    let output = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        bail!("{line}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
