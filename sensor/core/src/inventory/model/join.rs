//! Which station belongs to which host, and on what evidence.

use crate::inventory::model::host::HostId;
use crate::types::{Mac, Segment, Timestamp};
use std::collections::BTreeSet;

/// That a station belongs to a host that it did not begin as, or that it must not belong to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Where.
    pub segment: Segment,
    /// The station.
    pub mac: Mac,
    /// The host that it was joined to, or parted from.
    pub host: HostId,
    /// They were parted, and are not joined again but by the owner.
    pub apart: bool,
    /// That host's station before.
    pub old_mac: Mac,
    /// Why.
    pub evidence: BTreeSet<Kinship>,
    /// When.
    pub at: Timestamp,
    /// `mac-rotated` need not be told any more.
    pub told: bool,
    /// Whether the later word is this station's, not the earlier one's.
    pub here: bool,
    /// How often the word passed from one to the other shortly after the last time.
    pub turns: u8,
    /// When it did last.
    pub turned_at: Timestamp,
}

/// A piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kinship {
    /// DHCP option 61, where it is not the MAC.
    ClientId,
    /// A DUID, of DHCPv6 or in option 61 (RFC 4361).
    Duid,
    /// DHCP host name, option 55 and option 60.
    HostnameAndDhcp,
    /// mDNS name and the model in `_device-info`.
    HostnameAndModel,
    /// A link-local IPv6 address that is not made of a MAC, and that the earlier holder no longer defends.
    InterfaceId,
    /// NetBIOS name, option 55 and option 60.
    NetbiosAndDhcp,
    /// The owner said so.
    Owner,
    /// SNMP's `sysName`, `sysObjectID` and `sysDescr`.
    Snmp,
    /// The uuid of an SSDP device.
    SsdpUuid,
}

impl Kinship {
    /// Every sort, in alphabetical order of its written name.
    pub const ALL: [Self; 9] = [
        Self::ClientId,
        Self::Duid,
        Self::HostnameAndDhcp,
        Self::HostnameAndModel,
        Self::InterfaceId,
        Self::NetbiosAndDhcp,
        Self::Owner,
        Self::Snmp,
        Self::SsdpUuid,
    ];

    /// The sort in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientId => "client-id",
            Self::Duid => "duid",
            Self::HostnameAndDhcp => "hostname+dhcp-fingerprint",
            Self::HostnameAndModel => "hostname+model",
            Self::InterfaceId => "interface-id",
            Self::NetbiosAndDhcp => "netbios-name+dhcp-fingerprint",
            Self::Owner => "owner",
            Self::Snmp => "snmp",
            Self::SsdpUuid => "ssdp-uuid",
        }
    }

    /// The reverse of [`Kinship::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kinship| kinship.name() == name)
    }

    /// What it is worth, percent; [`JOIN_MIN`] joins.
    pub const fn weight(self) -> u8 {
        match self {
            Self::Owner => 100,
            Self::ClientId | Self::Duid => 95,
            Self::InterfaceId | Self::SsdpUuid => 90,
            Self::HostnameAndDhcp | Self::HostnameAndModel | Self::NetbiosAndDhcp | Self::Snmp => 85,
        }
    }

    /// Whether it is made to tell machines apart.
    pub const fn is_hard(self) -> bool {
        matches!(self, Self::ClientId | Self::Duid | Self::Owner | Self::SsdpUuid)
    }
}
