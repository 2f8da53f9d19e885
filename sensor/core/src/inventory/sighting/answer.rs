//! Answers to probes.

use crate::types::{Mac, Text};
use std::time::Duration;

/// What `Sighting::ip` answered to a probe that was sent through a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// ICMP or ICMPv6 echo reply.
    Echo {
        /// Round-trip time.
        rtt: Duration,
        /// Time to live or hop limit, where the socket shows it.
        hop_limit: Option<u8>,
    },
    /// NetBIOS node status (RFC 1002, section 4.2.18).
    Nbns {
        /// The computer's name (suffix 00, unique).
        name: Option<Text>,
        /// Its domain or workgroup (suffix 00, group).
        group: Option<Text>,
        /// The unit id: the adapter's MAC, where the responder sends it.
        mac: Option<Mac>,
    },
    /// The state of a TCP port.
    Port {
        /// The port's number.
        port: u16,
        /// The result of connecting to it.
        state: PortState,
        /// The banner that it sent.
        banner: Option<Text>,
        /// Time until the connection was established or refused.
        rtt: Duration,
    },
    /// Reverse DNS; `None`: the name server says that there is no name.
    Ptr {
        /// The name, without the final dot.
        name: Option<Text>,
        /// A forward look-up of the name gives the address back.
        confirmed: bool,
    },
    /// SNMP (RFC 3418).
    Snmp {
        /// `sysName`: the host's name.
        name: Option<Text>,
        /// `sysDescr`: hardware and software.
        description: Option<Text>,
        /// `sysObjectID`: the maker's number for the model, dotted.
        object_id: Option<Text>,
    },
}

/// The result of connecting to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortState {
    /// Refused by a reset: the host is there, the service is not.
    Closed,
    /// The connection was established.
    Open,
    /// Nothing came back in time.
    Silent,
}
