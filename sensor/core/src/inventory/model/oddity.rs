//! Oddities that were reported, so that they are not reported again at once.

use crate::inventory::model::row::TableRow;
use crate::types::{Mac, Segment, Timestamp};
use std::net::IpAddr;

/// A kind of oddity. Each is reported once and not again while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oddity {
    /// A station asks for very many addresses. `ip` is 0.0.0.0.
    ArpScan,
    /// A sender's address is foreign to the segment.
    Bogon,
    /// Two stations hold on to an address: `mac` is the holder, `frame_mac` the other one.
    Feud,
    /// A router announces a prefix that is not the segment's; `ip` is the prefix's address.
    ForeignPrefix,
    /// The address of a gateway is claimed by another station: both stations, the lower MAC first.
    Gateway,
    /// Two stations want one address: both, the lower MAC first; zeros for one that is not known.
    IpConflict,
    /// The payload's MAC is not the frame's.
    MacMismatch,
    /// Not odd by itself: `ip` is a name server that a router announced. Both MACs are zeros.
    NameServer,
    /// A station says that `ip`, which `frame_mac` holds, has the sensor's MAC `mac`.
    OwnMac,
    /// A station tries very many ports. `ip` is 0.0.0.0.
    PortScan,
    /// `mac` redirected hosts to the hop `ip`; `frame_mac` is the holder of the router's address in whose name it did, `mac`
    /// where that is itself, zeros where the redirect was innocent.
    Redirect,
    /// A DHCP server that does not belong there.
    RogueDhcpServer,
    /// A router that does not belong there.
    RogueRouter,
    /// `mac` sent from the address of the router `frame_mac`.
    SpoofedRouter,
    /// A default router said that it is none any more.
    ZeroLifetime,
}

impl Oddity {
    /// Every oddity, in alphabetical order of its written name.
    pub const ALL: [Self; 15] = [
        Self::ArpScan,
        Self::Bogon,
        Self::Feud,
        Self::ForeignPrefix,
        Self::Gateway,
        Self::IpConflict,
        Self::MacMismatch,
        Self::NameServer,
        Self::OwnMac,
        Self::PortScan,
        Self::Redirect,
        Self::RogueDhcpServer,
        Self::RogueRouter,
        Self::SpoofedRouter,
        Self::ZeroLifetime,
    ];

    /// Its name in the database.
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
            Self::OwnMac => "own-mac",
            Self::PortScan => "port-scan",
            Self::Redirect => "redirect",
            Self::RogueDhcpServer => "rogue-dhcp-server",
            Self::RogueRouter => "rogue-router",
            Self::SpoofedRouter => "spoofed-router",
            Self::ZeroLifetime => "zero-lifetime",
        }
    }
}

/// An oddity that was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedOddity {
    /// The segment.
    pub segment: Segment,
    /// The kind of oddity.
    pub oddity: Oddity,
    /// The address that it is about.
    pub ip: IpAddr,
    /// The payload's MAC; see [`Oddity`] for other meanings.
    pub mac: Mac,
    /// The frame's MAC; see [`Oddity`] for other meanings.
    pub frame_mac: Mac,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
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
