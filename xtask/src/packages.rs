//! Installs Debian packages that are missing. On other systems it names them: whoever is there knows better where to
//! get them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::root::as_root;

/// What the tests run: namespaces and mirror ports, real daemons and hosts, a journal.
const TEST_PACKAGES: [&str; 23] = [
    "avahi-daemon",
    "curl",
    "dnsmasq-base",
    "ethtool",
    "iproute2",
    "iputils-arping",
    "iputils-ping",
    "isc-dhcp-client",
    "keepalived",
    "lldpd",
    "minissdpd",
    "nginx-light",
    "nmap",
    "openssh-server",
    "openssl",
    "p0f",
    "prads",
    "procps",
    "samba",
    "snmpd",
    "systemd",
    "util-linux",
    "wsdd",
];

/// Installs everything that the tests and the lab run besides Rust.
pub fn install_test_packages() -> anyhow::Result<()> {
    install(&TEST_PACKAGES)
}

/// Installs what is missing of Debian's packages, by sudo where this is not root.
pub fn install(packages: &[&str]) -> anyhow::Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("this machine has no apt-get; install what Debian calls {}", missing.join(" "));
    }
    println!("installing {}", missing.join(" "));
    let cannot = || format!("these packages cannot be installed: {}", missing.join(" "));
    let mut command = as_root(Path::new("/usr/bin/env")).with_context(cannot)?;
    command.args(["DEBIAN_FRONTEND=noninteractive", "sh", "-c", INSTALL, "sh"]).args(&missing);
    let status = command.stdin(Stdio::null()).status().with_context(cannot)?;
    if !status.success() {
        bail!("apt-get could not install {}; its words are above", missing.join(" "));
    }
    Ok(())
}

/// No question is asked, and no daemon starts: avahi, samba and the others are for the lab's namespaces, and must not
/// speak on the machine's own network. `policy-rc.d` is Debian's way to say so; one that the owner has is left alone.
const INSTALL: &str = r#"
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy || exit 1
fi
apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"
"#;

fn is_installed(package: &str) -> bool {
    let query = Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]).stderr(Stdio::null()).output();
    query.is_ok_and(|output| output.stdout.ends_with(b"ok installed"))
}
