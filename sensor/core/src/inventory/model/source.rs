//! By which protocol something was learned.

use enumset::{EnumSet, EnumSetType};

/// By which protocol something was learned; in alphabetical order of the written names.
#[derive(Debug, PartialOrd, Ord, Hash, EnumSetType)]
pub enum Source {
    /// ARP.
    Arp,
    /// ARP, in answer to a probe.
    ArpProbe,
    /// CARP.
    Carp,
    /// Cisco Discovery Protocol.
    Cdp,
    /// DHCPv4.
    Dhcp,
    /// DHCPv6.
    Dhcpv6,
    /// GLBP.
    Glbp,
    /// HSRP.
    Hsrp,
    /// ICMP or ICMPv6 echo.
    Icmp,
    /// IGMP.
    Igmp,
    /// LLDP.
    Lldp,
    /// LLMNR.
    Llmnr,
    /// mDNS.
    Mdns,
    /// MLD.
    Mld,
    /// NetBIOS name service.
    Nbns,
    /// NDP.
    Ndp,
    /// NDP, in answer to a probe.
    NdpProbe,
    /// Reverse DNS.
    Ptr,
    /// SNMP.
    Snmp,
    /// SSDP.
    Ssdp,
    /// Spanning tree.
    Stp,
    /// A TCP connection.
    Tcp,
    /// Frames of any kind.
    Traffic,
    /// VRRP.
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

    /// How far a name from here is trusted, the smallest most: what a host says of itself before what others say of it.
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
