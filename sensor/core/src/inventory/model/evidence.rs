//! The sorts of evidence that a host shows of what it is.

/// A sort of evidence. The names are used in rules and in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// The banner of any other port: HTTP server and title, FTP, a certificate's name.
    Banner,
    /// The options of a client's DHCP message, in order, by number.
    DhcpOptions,
    /// DHCP option 55, in order.
    DhcpParameters,
    /// DHCP option 60.
    DhcpVendor,
    /// A DHCPv6 client's DUID, hexadecimal. It identifies the host and says nothing of its kind.
    Duid,
    /// A name that it gives itself.
    Hostname,
    /// The model in mDNS `_device-info`.
    MdnsModel,
    /// A service type that it announces by mDNS.
    MdnsService,
    /// A role that it plays: `dhcp-server`, `router`.
    Role,
    /// What SMB (port 139 or 445) says.
    Smb,
    /// SNMP's `sysDescr`.
    Snmp,
    /// SNMP's `sysName`, `sysObjectID` and `sysDescr` together. It identifies the host and says nothing of its kind.
    SnmpSystem,
    /// SSH's identification line.
    Ssh,
    /// The `SERVER` or `USER-AGENT` line of SSDP.
    SsdpServer,
    /// The uuid in SSDP's `USN`. It identifies the host and says nothing of its kind.
    SsdpUuid,
    /// How it opens TCP connections (SYN).
    Syn,
    /// How it accepts TCP connections (SYN-ACK).
    SynAck,
    /// The vendor of its MAC.
    Vendor,
}

/// What several sorts of evidence have in common: rules for evidence of one channel add up to no more than the best of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Channel {
    Banner,
    Dhcp,
    Mdns,
    Name,
    Role,
    Smb,
    Snmp,
    Ssdp,
    Ssh,
    Tcp,
    Vendor,
}

impl Evidence {
    /// Every sort with its name.
    pub const NAMES: [(Self, &'static str); 18] = [
        (Self::Banner, "banner"),
        (Self::DhcpOptions, "dhcp-options"),
        (Self::DhcpParameters, "dhcp-parameters"),
        (Self::DhcpVendor, "dhcp-vendor"),
        (Self::Duid, "duid"),
        (Self::Hostname, "hostname"),
        (Self::MdnsModel, "mdns-model"),
        (Self::MdnsService, "mdns-service"),
        (Self::Role, "role"),
        (Self::Smb, "smb"),
        (Self::Snmp, "snmp"),
        (Self::SnmpSystem, "snmp-system"),
        (Self::SsdpServer, "ssdp-server"),
        (Self::SsdpUuid, "ssdp-uuid"),
        (Self::Ssh, "ssh"),
        (Self::Syn, "syn"),
        (Self::SynAck, "syn-ack"),
        (Self::Vendor, "vendor"),
    ];

    /// The name in rules, in exports and in the database.
    pub fn name(self) -> &'static str {
        Self::NAMES.into_iter().find(|(evidence, _)| *evidence == self).map_or("", |(_, name)| name)
    }

    /// The reverse of [`Evidence::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(evidence, _)| evidence)
    }

    /// Its channel.
    pub(crate) fn channel(self) -> Channel {
        match self {
            Self::Banner => Channel::Banner,
            Self::DhcpOptions | Self::DhcpParameters | Self::DhcpVendor | Self::Duid => Channel::Dhcp,
            Self::Hostname => Channel::Name,
            Self::MdnsModel | Self::MdnsService => Channel::Mdns,
            Self::Role => Channel::Role,
            Self::Smb => Channel::Smb,
            Self::Snmp | Self::SnmpSystem => Channel::Snmp,
            Self::Ssh => Channel::Ssh,
            Self::SsdpServer | Self::SsdpUuid => Channel::Ssdp,
            Self::Syn | Self::SynAck => Channel::Tcp,
            Self::Vendor => Channel::Vendor,
        }
    }
}
