//! What the lab runs, and whether it is here.

use std::path::Path;

/// Programs of Debian's without which there is no lab.
const PROGRAMS: [&str; 9] =
    ["avahi-daemon", "dhclient", "dnsmasq", "ethtool", "ip", "nsenter", "ping", "tc", "unshare"];
/// Where they are, also when the `PATH` is a user's without the administrator's folders.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The journal daemon, which is no program to call by its name.
pub const JOURNALD: &str = "/lib/systemd/systemd-journald";

/// Daemons that describe themselves, and what they need.
const SERVICES: [&str; 6] = ["nginx", "nmbd", "openssl", "snmpd", "ssh-keygen", "sshd"];

/// Switches' and routers' daemons.
const LINKS: [&str; 3] = ["keepalived", "lldpcli", "lldpd"];
/// Daemons that announce themselves.
const ANNOUNCERS: [&str; 3] = ["minissdpd", "nmbd", "wsdd"];

/// Who looks around.
const SCANNERS: [&str; 1] = ["nmap"];

/// What of the lab's programs this machine has not.
pub(super) fn missing() -> Vec<&'static str> {
    not_here(&PROGRAMS)
}

/// What of the daemons that describe themselves this machine has not.
pub(super) fn missing_services() -> Vec<&'static str> {
    not_here(&SERVICES)
}

/// What of the switches' and routers' daemons this machine has not.
pub(super) fn missing_links() -> Vec<&'static str> {
    not_here(&LINKS)
}

/// What of the daemons that announce themselves this machine has not.
pub(super) fn missing_announcers() -> Vec<&'static str> {
    not_here(&ANNOUNCERS)
}

/// What of the programs that look around this machine has not.
pub(super) fn missing_scanners() -> Vec<&'static str> {
    not_here(&SCANNERS)
}

fn not_here(programs: &[&'static str]) -> Vec<&'static str> {
    let here = |program: &str| FOLDERS.iter().any(|folder| Path::new(folder).join(program).exists());
    programs.iter().copied().filter(|program| !here(program)).collect()
}
