//! By which protocol something was learned.

use enumset::{EnumSet, EnumSetType};

/// By which protocol something was learned; in alphabetical order of the written names.
#[derive(Debug, PartialOrd, Ord, Hash, EnumSetType)]
pub enum Source {
    /// ARP (RFC 826).
    Arp,
    /// ARP, in answer to a probe.
    ArpProbe,
    /// CARP, redundancy of BSD routers.
    Carp,
    /// Cisco Discovery Protocol.
    Cdp,
    /// DHCPv4 (RFC 2131).
    Dhcp,
    /// DHCPv6 (RFC 8415).
    Dhcpv6,
    /// GLBP, Cisco's load-balancing redundancy.
    Glbp,
    /// HSRP, Cisco's router redundancy (RFC 2281).
    Hsrp,
    /// ICMP or ICMPv6 echo.
    Icmp,
    /// IGMP, IPv4 group membership.
    Igmp,
    /// LLDP (IEEE 802.1AB).
    Lldp,
    /// LLMNR (RFC 4795).
    Llmnr,
    /// mDNS (RFC 6762).
    Mdns,
    /// MLD, IPv6 group membership.
    Mld,
    /// NetBIOS name service.
    Nbns,
    /// NDP (RFC 4861).
    Ndp,
    /// NDP, in answer to a probe.
    NdpProbe,
    /// Reverse DNS (PTR).
    Ptr,
    /// SNMP, in answer to a probe.
    Snmp,
    /// SSDP (UPnP).
    Ssdp,
    /// Spanning tree.
    Stp,
    /// A TCP connection.
    Tcp,
    /// A frame of any other kind.
    Traffic,
    /// VRRP (RFC 9568).
    Vrrp,
    /// WS-Discovery.
    Wsd,
}

impl Source {
    /// The source in exports and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::ArpProbe => "arp-probe",
            Self::Carp => "carp",
            Self::Cdp => "cdp",
            Self::Dhcp => "dhcp",
            Self::Dhcpv6 => "dhcpv6",
            Self::Glbp => "glbp",
            Self::Hsrp => "hsrp",
            Self::Icmp => "icmp",
            Self::Igmp => "igmp",
            Self::Lldp => "lldp",
            Self::Llmnr => "llmnr",
            Self::Mdns => "mdns",
            Self::Mld => "mld",
            Self::Nbns => "nbns",
            Self::Ndp => "ndp",
            Self::NdpProbe => "ndp-probe",
            Self::Ptr => "ptr",
            Self::Snmp => "snmp",
            Self::Ssdp => "ssdp",
            Self::Stp => "stp",
            Self::Tcp => "tcp",
            Self::Traffic => "traffic",
            Self::Vrrp => "vrrp",
            Self::Wsd => "wsd",
        }
    }

    /// The reverse of [`Source::name`].
    pub fn parse(name: &str) -> Option<Self> {
        EnumSet::all().iter().find(|source: &Self| source.name() == name)
    }

    /// Whether the protocol names addresses that its frame's station need not hold, such as a switch's management address.
    pub(crate) const fn is_mention(self) -> bool {
        matches!(self, Self::Cdp | Self::Lldp)
    }

    /// How far a name from this source is trusted, 0 the most: what a host says of itself before what others say of it.
    pub const fn name_rank(self) -> u8 {
        match self {
            Self::Dhcp => 0,
            Self::Dhcpv6 => 1,
            Self::Mdns => 2,
            Self::Llmnr => 3,
            Self::Nbns => 4,
            Self::Cdp | Self::Lldp | Self::Snmp => 5,
            Self::Wsd => 6,
            _ => 7,
        }
    }
}
