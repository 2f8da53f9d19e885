//! Errors of ICMP sockets.

use std::io;

use thiserror::Error;

/// Why echo requests cannot be sent, or no longer.
#[derive(Debug, Error)]
pub enum IcmpError {
    /// A call on an open socket failed.
    #[error("ICMPv{family} socket: {call}: {source}")]
    Call {
        /// 4 or 6.
        family: u8,
        /// The system call.
        call: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The interface does not exist, or sockets may not be bound to it.
    #[error("ICMPv{family} socket: cannot be bound to interface {iface}: {source}")]
    Iface {
        /// 4 or 6.
        family: u8,
        /// The interface's name.
        iface: String,
        /// The system's error.
        source: io::Error,
    },
    /// Neither a raw nor a ping socket can be opened.
    #[error(
        "no ICMPv{family} echo: neither a raw socket ({raw}) nor a ping socket ({ping}) can be opened; grant CAP_NET_RAW, \
         or add the group to sysctl net.ipv4.ping_group_range"
    )]
    Refused {
        /// 4 or 6.
        family: u8,
        /// Why there is no raw socket.
        raw: io::Error,
        /// Why there is no ping socket.
        ping: io::Error,
    },
}
