//! Oddities that were reported, so that they are not reported again at once.

use crate::inventory::model::row::TableRow;
use crate::types::{Mac, Segment, Timestamp};
use std::net::IpAddr;

/// An oddity that was told once and is not told again while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oddity {
    /// A station asks for very many addresses. Its `ip` is 0.0.0.0: it is the station's, not an address's.
    ArpScan,
    /// Sender foreign to the segment.
    Bogon,
    /// Two stations that quarrel about an address: the holder is `ReportedOddity::mac`, the other one `ReportedOddity::frame_mac`.
    Feud,
    /// A router announces a prefix that is not the segment's: `ReportedOddity::ip` is the prefix.
    ForeignPrefix,
    /// The address of a gateway is claimed by another station: both stations, the smaller one first.
    Gateway,
    /// Two stations want one address: both, the smaller one first; zeros for one that is not known.
    IpConflict,
    /// Payload's MAC is not the frame's.
    MacMismatch,
    /// Not odd by itself: `ReportedOddity::ip` is a name server that a router announced. MACs are zeros.
    NameServer,
    /// A station tries very many ports. Its `ip` as of `ArpScan`.
    PortScan,
    /// A DHCP server that does not belong there.
    RogueDhcpServer,
    /// A router that does not belong there.
    RogueRouter,
    /// `ReportedOddity::mac` spoke by the address of the router `ReportedOddity::frame_mac`.
    SpoofedRouter,
    /// A default router said that it is none any more.
    ZeroLifetime,
}

impl Oddity {
    /// Every oddity, in alphabetical order of its written name.
    pub const ALL: [Self; 13] = [
        Self::ArpScan,
        Self::Bogon,
        Self::Feud,
        Self::ForeignPrefix,
        Self::Gateway,
        Self::IpConflict,
        Self::MacMismatch,
        Self::NameServer,
        Self::PortScan,
        Self::RogueDhcpServer,
        Self::RogueRouter,
        Self::SpoofedRouter,
        Self::ZeroLifetime,
    ];

    /// The oddity in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArpScan => "arp-scan",
            Self::Bogon => "bogon",
            Self::Feud => "feud",
            Self::ForeignPrefix => "foreign-prefix",
            Self::Gateway => "gateway",
            Self::IpConflict => "ip-conflict",
            Self::MacMismatch => "mac-mismatch",
            Self::NameServer => "name-server",
            Self::PortScan => "port-scan",
            Self::RogueDhcpServer => "rogue-dhcp-server",
            Self::RogueRouter => "rogue-router",
            Self::SpoofedRouter => "spoofed-router",
            Self::ZeroLifetime => "zero-lifetime",
        }
    }
}

/// An oddity's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedOddity {
    /// Where.
    pub segment: Segment,
    /// What.
    pub oddity: Oddity,
    /// Its address.
    pub ip: IpAddr,
    /// The payload's MAC.
    pub mac: Mac,
    /// The frame's MAC.
    pub frame_mac: Mac,
    /// First time.
    pub first_seen: Timestamp,
    /// Last time.
    pub last_seen: Timestamp,
}

impl TableRow for ReportedOddity {
    type Key = (Segment, Oddity, IpAddr, Mac, Mac);
    type Note = ();

    fn key(&self) -> Self::Key {
        (self.segment, self.oddity, self.ip, self.mac, self.frame_mac)
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}
