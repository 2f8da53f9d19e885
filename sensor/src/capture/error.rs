//! Errors of a live capture. Each message is one line that says what to do.

use std::{fs, io};

use thiserror::Error;

/// Why a live capture cannot start or continue.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The kernel has no packet sockets (`CONFIG_PACKET`), or a sandbox forbids the address family.
    #[error(
        "packet sockets are not available here; load the module af_packet, or allow AF_PACKET (systemd: RestrictAddressFamilies=)"
    )]
    AddressFamily,
    /// Another XDP program holds the interface.
    #[error(
        "{iface}: another XDP program{owner} is attached; detach it (`ip link set {iface} xdp off`, or stop its owner) or use `--capture packet`"
    )]
    Busy {
        /// The interface.
        iface: String,
        /// The program's number and name, ` 12 (name)`; empty when the kernel does not report them.
        owner: String,
    },
    /// The interface is administratively down.
    #[error("{iface} is down; bring it up with `ip link set {iface} up`")]
    Down {
        /// The interface.
        iface: String,
    },
    /// An XDP program drops the interface's frames before a packet socket receives them.
    #[error("{iface}: the XDP program{owner} of a running sensor drops its frames; stop that sensor first")]
    Dropped {
        /// The interface.
        iface: String,
        /// The program's number and name: ` 12 (name)`.
        owner: String,
    },
    /// A query about interfaces failed.
    #[error("{iface}: {call} failed: {source}")]
    Interface {
        /// The interface.
        iface: String,
        /// The system call.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// There is no such interface.
    #[error("no interface {iface}; there are: {known}")]
    NoSuchInterface {
        /// The name that was asked for.
        iface: String,
        /// The existing names, separated by commas.
        known: String,
    },
    /// The interface carries no Ethernet frames.
    #[error("{iface} is not an Ethernet interface (link type {link_type}); choose one that is")]
    NotEthernet {
        /// The interface.
        iface: String,
        /// The kernel's `ARPHRD_*` number.
        link_type: u16,
    },
    /// The BPF object cannot be used.
    #[error("BPF object {path}: {reason}; rebuild it with `cargo xtask build-ebpf`")]
    Object {
        /// The file, or `built in`.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A capability is missing.
    #[error("{what} needs {missing}; run with `sudo`, or grant it once: `setcap {grant}+ep $(command -v sensor)`")]
    Privilege {
        /// The operation that was tried.
        what: &'static str,
        /// The missing capabilities, or what else may forbid the operation.
        missing: String,
        /// All capabilities that a capture needs, in the syntax of `setcap`.
        grant: &'static str,
    },
    /// The kernel rejected the XDP program.
    #[error("the kernel refused the XDP program: {reason}; use `--capture packet`")]
    Refused {
        /// The last line of the verifier's log, or the error message.
        reason: String,
    },
    /// A system call on a capture socket or ring failed.
    #[error("{iface}: {call} failed: {source}")]
    Socket {
        /// The interface, or what the socket is for.
        iface: String,
        /// The system call.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The interface cannot be captured in the requested mode.
    #[error("{iface}: XDP cannot be attached in {mode} mode: {source}; use `--capture auto`")]
    Unsupported {
        /// The interface.
        iface: String,
        /// The mode.
        mode: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The interface was removed while a program was being attached to it.
    #[error("{iface} was removed")]
    Vanished {
        /// The interface.
        iface: String,
    },
}

/// Capabilities that a capture in any mode needs.
const GRANT: &str = "cap_bpf,cap_perfmon,cap_net_admin,cap_net_raw";

/// A capability (`linux/capability.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capability {
    Bpf = 39,
    NetAdmin = 12,
    NetRaw = 13,
    Perfmon = 38,
    SysAdmin = 21,
}

impl Capability {
    /// Needed for XDP: to load a program that accesses packets, and to attach it.
    pub(super) const XDP: [Self; 3] = [Self::Bpf, Self::Perfmon, Self::NetAdmin];
    /// Needed for packet sockets.
    pub(super) const PACKET: [Self; 1] = [Self::NetRaw];

    fn name(self) -> &'static str {
        match self {
            Self::Bpf => "CAP_BPF",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::NetRaw => "CAP_NET_RAW",
            Self::Perfmon => "CAP_PERFMON",
            Self::SysAdmin => "CAP_SYS_ADMIN",
        }
    }

    fn is_in(self, effective: u64) -> bool {
        effective & (1 << self as u64) != 0
    }
}

impl CaptureError {
    /// Whether a privilege is missing (exit code 3).
    pub fn is_privilege(&self) -> bool {
        matches!(self, Self::Privilege { .. })
    }

    /// The error of a system call that needs the capabilities `wanted`; a missing privilege when the errno says so.
    pub(super) fn of_call(iface: &str, call: &'static str, wanted: &[Capability], source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::forbidden(call, wanted),
            Some(libc::EAFNOSUPPORT) => Self::AddressFamily,
            _ => Self::Socket { iface: iface.to_owned(), call, source },
        }
    }

    /// The kernel denied permission: names the missing capabilities, or else what may forbid the operation despite
    /// them.
    pub(super) fn forbidden(what: &'static str, wanted: &[Capability]) -> Self {
        Self::require(what, wanted).err().unwrap_or_else(|| Self::Privilege {
            what,
            missing: "more than its capabilities: a container, kernel lockdown or a security module forbids it".into(),
            grant: GRANT,
        })
    }

    /// The capabilities that this thread lacks.
    pub(super) fn missing(wanted: &[Capability]) -> Vec<&'static str> {
        // Without /proc the system calls themselves report what is missing.
        let status = fs::read_to_string("/proc/thread-self/status").ok();
        status.as_deref().and_then(effective).map_or_else(Vec::new, |effective| missing(effective, wanted))
    }

    /// Fails when this thread lacks one of the capabilities.
    pub(super) fn require(what: &'static str, wanted: &[Capability]) -> Result<(), Self> {
        match Self::missing(wanted) {
            names if names.is_empty() => Ok(()),
            names => Err(Self::Privilege { what, missing: names.join(" and "), grant: GRANT }),
        }
    }
}

fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn missing(effective: u64, wanted: &[Capability]) -> Vec<&'static str> {
    // CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON, which were split off from it in Linux 5.8.
    let is_held = |capability: Capability| {
        capability.is_in(effective)
            || matches!(capability, Capability::Bpf | Capability::Perfmon) && Capability::SysAdmin.is_in(effective)
    };
    wanted.iter().filter(|&&capability| !is_held(capability)).map(|capability| capability.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: &str, expected: &[&str]) {
        let effective = effective(status).expect("a CapEff line");
        assert_eq!(missing(effective, &Capability::XDP), expected);
    }

    #[test]
    fn missing_capabilities_are_named() {
        check("Name:\tx\nCapEff:\t0000000000000000\n", &["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]);
        check("CapEff:\t000001ffffffffff\n", &[]);
        check("CapEff:\t0000000000200000\n", &["CAP_NET_ADMIN"]);
        check("CapEff:\t0000008000001000\n", &["CAP_PERFMON"]);
    }

    #[test]
    fn a_status_without_the_capability_line_is_ignored() {
        assert_eq!(effective("Name:\tx\n"), None);
    }
}
