//! A probe: an active question of ours. What is asked, of whom, and which technique asks it; nothing of how it is sent.

use std::net::IpAddr;
use std::sync::Arc;

use crate::types::{Mac, Segment};

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Where the answer belongs.
    pub segment: Segment,
    /// The address that is asked about.
    pub ip: IpAddr,
    /// What is asked.
    pub question: Question,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// ICMPv6 echo to all nodes of the segment (RFC 4443, section 4.1); `Probe::ip` is `ff02::1`.
    AllNodes,
    /// "Who has it?" (RFC 826), to everybody or to one station.
    Arp {
        /// The frame's destination.
        to: Mac,
    },
    /// RFC 5227's ARP Probe, to one station: sender address zero, so that nobody's cache changes.
    ConflictCheck {
        /// The frame's destination.
        to: Mac,
    },
    /// TCP connections, one after the other, each closed cleanly after a short look at what it greets with.
    Connect {
        /// The ports, in this order.
        ports: Arc<[u16]>,
    },
    /// ICMP or ICMPv6 echo.
    Echo,
    /// TCP connections, each closed as soon as it stands: whether the ports are open, and nothing more.
    Knock {
        /// The ports, in this order.
        ports: Arc<[u16]>,
    },
    /// mDNS: which name has this address, asked of the host itself (RFC 6762, section 5.5).
    Mdns,
    /// NetBIOS node status (RFC 1002, section 4.2.17).
    Nbns,
    /// Neighbour solicitation (RFC 4861, section 4.3), to the solicited-node group or to one station.
    Ndp {
        /// The frame's destination, where it is one station.
        to: Option<Mac>,
    },
    /// Reverse DNS, and whether the name leads back to the address.
    Ptr,
    /// SNMP: `sysName`, `sysDescr`, `sysObjectID` (RFC 3418).
    Snmp,
}

/// A way of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Technique {
    /// ARP.
    Arp,
    /// ICMP and ICMPv6 echo.
    Icmp,
    /// mDNS.
    Mdns,
    /// NetBIOS name service.
    Nbns,
    /// NDP.
    Ndp,
    /// Reverse DNS.
    Ptr,
    /// SNMP.
    Snmp,
    /// TCP connect.
    Tcp,
}

impl Technique {
    /// Every technique, in alphabetical order.
    pub const ALL: [Self; 8] =
        [Self::Arp, Self::Icmp, Self::Mdns, Self::Nbns, Self::Ndp, Self::Ptr, Self::Snmp, Self::Tcp];

    /// The technique in configurations and event details.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::Icmp => "icmp",
            Self::Mdns => "mdns",
            Self::Nbns => "nbns",
            Self::Ndp => "ndp",
            Self::Ptr => "ptr",
            Self::Snmp => "snmp",
            Self::Tcp => "tcp",
        }
    }

    /// The reverse of [`Technique::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|technique| technique.name() == name)
    }
}

impl Question {
    /// Whether it is a frame of ours, answered by another one on the wire, and goes through no socket.
    pub const fn is_frame(&self) -> bool {
        matches!(self, Self::Arp { .. } | Self::ConflictCheck { .. } | Self::Ndp { .. })
    }

    /// By which technique it is asked.
    pub const fn technique(&self) -> Technique {
        match self {
            Self::AllNodes | Self::Echo => Technique::Icmp,
            Self::Arp { .. } | Self::ConflictCheck { .. } => Technique::Arp,
            Self::Connect { .. } | Self::Knock { .. } => Technique::Tcp,
            Self::Mdns => Technique::Mdns,
            Self::Nbns => Technique::Nbns,
            Self::Ndp { .. } => Technique::Ndp,
            Self::Ptr => Technique::Ptr,
            Self::Snmp => Technique::Snmp,
        }
    }
}
