//! What the other subcommands need on the machine, installed when it is missing. Debian and its relatives only: elsewhere
//! the names of the packages are said, and the person knows better where to get them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::run;

/// What the tests run: namespaces and mirror ports, real daemons and hosts, a journal.
const TEST_PACKAGES: [&str; 10] = [
    "avahi-daemon",
    "dnsmasq-base",
    "ethtool",
    "iproute2",
    "iputils-arping",
    "iputils-ping",
    "isc-dhcp-client",
    "procps",
    "systemd",
    "util-linux",
];

/// Everything that `cargo xtask test` runs besides Rust.
pub(crate) fn install_test_packages() -> anyhow::Result<()> {
    install(&TEST_PACKAGES)
}

/// Installs what is missing of Debian's packages, by sudo where this is not root.
pub(crate) fn install(packages: &[&str]) -> anyhow::Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("this machine has no apt-get; install what Debian calls {}", missing.join(" "));
    }
    println!("installing {}", missing.join(" "));
    apt(&["update", "-qq"])?;
    let mut words = vec!["install", "-y", "-qq", "--no-install-recommends"];
    words.extend_from_slice(&missing);
    apt(&words)
}

fn is_installed(package: &str) -> bool {
    let query = Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]).stderr(Stdio::null()).output();
    query.is_ok_and(|output| output.stdout.ends_with(b"ok installed"))
}

fn apt(words: &[&str]) -> anyhow::Result<()> {
    let mut command = run::as_root(Path::new("/usr/bin/env"))?;
    // No question may be asked, and no daemon may start outside the namespaces of the tests.
    command.args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]).args(words);
    let status = command.stdin(Stdio::null()).status().context("apt-get cannot be started")?;
    if !status.success() {
        bail!("apt-get {} failed; its words are above", words.join(" "));
    }
    Ok(())
}
