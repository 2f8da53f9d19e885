//! Answers to probes.

use crate::types::{Mac, Text};
use std::time::Duration;

/// What `Sighting::ip` answered to a probe that went through a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// ICMP or ICMPv6 echo reply.
    Echo {
        /// Round-trip time.
        rtt: Duration,
        /// Time to live or hop limit, where the socket tells it.
        hop_limit: Option<u8>,
    },
    /// NetBIOS node status (RFC 1002, section 4.2.18).
    Nbns {
        /// The computer's name (suffix 00, unique).
        name: Option<Text>,
        /// Its domain or workgroup (suffix 00, group).
        group: Option<Text>,
        /// The unit id: the adapter's MAC, where the responder tells it.
        mac: Option<Mac>,
    },
    /// A TCP port.
    Port {
        /// Its number.
        port: u16,
        /// What came of connecting to it.
        state: PortState,
        /// What it greeted with.
        banner: Option<Text>,
        /// Time until the connection stood or was refused.
        rtt: Duration,
    },
    /// Reverse DNS; `None`: the name server says that there is no name.
    Ptr {
        /// The name, without the final dot.
        name: Option<Text>,
        /// A forward look-up of the name gives the address back.
        confirmed: bool,
    },
    /// SNMP.
    Snmp {
        /// `sysName`.
        name: Option<Text>,
        /// `sysDescr`.
        description: Option<Text>,
        /// `sysObjectID`, dotted.
        object_id: Option<Text>,
    },
}

/// What came of connecting to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortState {
    /// Refused by a reset: the host is there, the service is not.
    Closed,
    /// The connection stood.
    Open,
    /// Nothing came back.
    Silent,
}
