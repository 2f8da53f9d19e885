//! The programs that the lab runs, and whether they are installed.

use std::path::Path;

/// Debian programs without which there is no lab.
const PROGRAMS: [&str; 9] =
    ["avahi-daemon", "dhclient", "dnsmasq", "ethtool", "ip", "nsenter", "ping", "tc", "unshare"];
/// Where they are looked for: a user's `PATH` may lack the administrator's folders.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The journal daemon, which is in no folder of the `PATH`.
pub const JOURNALD: &str = "/lib/systemd/systemd-journald";

/// Daemons that describe themselves, and what they need.
const SERVICES: [&str; 6] = ["nginx", "nmbd", "openssl", "snmpd", "ssh-keygen", "sshd"];

/// Daemons of switches and routers.
const LINKS: [&str; 3] = ["keepalived", "lldpcli", "lldpd"];
/// Daemons that announce themselves.
const ANNOUNCERS: [&str; 3] = ["minissdpd", "nmbd", "wsdd"];

/// Scanners.
const SCANNERS: [&str; 1] = ["nmap"];

/// The lab's programs that are not installed.
pub(super) fn missing() -> Vec<&'static str> {
    not_here(&PROGRAMS)
}

/// Daemons that describe themselves and are not installed.
pub(super) fn missing_services() -> Vec<&'static str> {
    not_here(&SERVICES)
}

/// Daemons of switches and routers that are not installed.
pub(super) fn missing_links() -> Vec<&'static str> {
    not_here(&LINKS)
}

/// Daemons that announce themselves and are not installed.
pub(super) fn missing_announcers() -> Vec<&'static str> {
    not_here(&ANNOUNCERS)
}

/// Scanners that are not installed.
pub(super) fn missing_scanners() -> Vec<&'static str> {
    not_here(&SCANNERS)
}

fn not_here(programs: &[&'static str]) -> Vec<&'static str> {
    let here = |program: &str| FOLDERS.iter().any(|folder| Path::new(folder).join(program).exists());
    programs.iter().copied().filter(|program| !here(program)).collect()
}
