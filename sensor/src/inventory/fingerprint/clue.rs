//! What a host shows, each as a sort and a text: what rules are matched with. Some of it is kept in rows of its own
//! (`state::Print`), the rest is in the host's and its addresses' rows.

use super::super::state::{Asked, Host, Role, Source};

/// What sort of evidence. The names are in rules and in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// What any other port greets with: HTTP server and title, FTP, a certificate's name.
    Banner,
    /// The options of a client's DHCP message, in order, by number.
    DhcpOptions,
    /// DHCP option 55, in order.
    DhcpParameters,
    /// DHCP option 60.
    DhcpVendor,
    /// A DHCPv6 client's DUID, hexadecimal. For telling who it is, not what.
    Duid,
    /// What it calls itself.
    Hostname,
    /// The model in mDNS `_device-info` (or another service's `md`, `ty`).
    MdnsModel,
    /// A service type that it announces by mDNS.
    MdnsService,
    /// What it does for others: `dhcp-server`, `router`.
    Role,
    /// What port 445 tells.
    Smb,
    /// SNMP's `sysDescr`.
    Snmp,
    /// SNMP's `sysName`, `sysObjectID` and `sysDescr` together. For telling who it is, not what.
    SnmpSystem,
    /// SSH's identification line.
    Ssh,
    /// The `SERVER` or `USER-AGENT` line of SSDP.
    SsdpServer,
    /// The uuid in SSDP's `USN`. For telling who it is, not what.
    SsdpUuid,
    /// A TCP SYN.
    Syn,
    /// A TCP SYN-ACK.
    SynAck,
    /// The vendor of its MAC.
    Vendor,
}

/// One thing that a host shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clue {
    /// Of what sort.
    pub evidence: Evidence,
    /// The text, escaped.
    pub value: String,
}

/// Clues of one sort on which nothing more depends than on one: a rule for each of them adds up to no more than the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
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

    /// What it depends on.
    pub(super) fn channel(self) -> Channel {
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

/// Everything that a host shows: of itself, by its addresses' answers, by the roles it plays and by its MAC's vendor.
pub fn clues<'a>(
    host: &'a Host,
    asked: impl Iterator<Item = &'a Asked> + Clone,
    roles: &[Role],
    vendor: Option<&str>,
) -> Vec<Clue> {
    let mut clues = Vec::new();
    let mut add = |evidence, value: &str| {
        if !value.is_empty() {
            clues.push(Clue { evidence, value: value.to_owned() });
        }
    };
    if let Some(dhcp) = &host.dhcp {
        add(Evidence::DhcpParameters, &list(&dhcp.parameters));
        add(Evidence::DhcpVendor, dhcp.vendor_class.as_deref().unwrap_or_default());
    }
    // What a name server calls an address says nothing of who holds it today.
    let names = host.names.iter().chain(asked.clone().flat_map(|asked| &asked.names));
    names.filter(|name| name.source != Source::Ptr).for_each(|name| add(Evidence::Hostname, &name.name));
    for service in host.services.iter().filter(|service| !service.closed) {
        add(Evidence::MdnsService, service_type(&service.instance).unwrap_or_default());
    }
    // Several models behind one MAC are a reflector's guests.
    let models = host.prints.iter().filter(|print| print.evidence == Evidence::MdnsModel).count();
    for print in host.prints.iter().filter(|print| print.evidence != Evidence::MdnsModel || models == 1) {
        add(print.evidence, &print.value);
    }
    for asked in asked {
        for port in asked.ports.iter().filter(|port| !port.closed) {
            let banner = port.banner.as_deref().unwrap_or_default();
            add(greeting(port.port, banner), banner);
        }
        add(Evidence::Snmp, asked.snmp.as_ref().and_then(|snmp| snmp.description.as_deref()).unwrap_or_default());
    }
    for role in roles {
        match role {
            Role::DhcpServer => add(Evidence::Role, "dhcp-server"),
            Role::Router => add(Evidence::Role, "router"),
            // What others say of an address.
            Role::DhcpRouter | Role::VirtualRouter => {}
        }
    }
    add(Evidence::Vendor, vendor.unwrap_or_default());
    clues.sort();
    clues.dedup();
    clues
}

/// Whether an address says anything of itself that [`clues`] looks at, beyond that it is there.
pub fn is_telling(asked: &Asked) -> bool {
    !asked.names.is_empty() || !asked.ports.is_empty() || asked.snmp.is_some()
}

/// `_ipp._tcp` of `Office printer._ipp._tcp.local` (RFC 6763, section 4.1).
pub fn service_type(instance: &str) -> Option<&str> {
    let name = instance.strip_suffix(".local").unwrap_or(instance);
    let transport = name.rfind('.')?;
    let start = name[..transport].rfind('.').map_or(0, |dot| dot + 1);
    let is_type = name[start..].starts_with('_') && matches!(&name[transport..], "._tcp" | "._udp");
    is_type.then(|| &name[start..])
}

/// Numbers in order, joined by commas.
pub(in crate::inventory) fn list(numbers: &[u8]) -> String {
    numbers.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
}

fn greeting(port: u16, banner: &str) -> Evidence {
    match port {
        _ if banner.starts_with("SSH-") => Evidence::Ssh,
        139 | 445 => Evidence::Smb,
        _ => Evidence::Banner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sort_has_one_name() {
        for (evidence, name) in Evidence::NAMES {
            assert_eq!((Evidence::parse(name), evidence.name()), (Some(evidence), name));
        }
        assert_eq!(Evidence::parse("x"), None);
    }

    #[test]
    fn types_of_instances() {
        let check = |instance: &str, expected| assert_eq!(service_type(instance), expected, "{instance}");
        check("Office printer._ipp._tcp.local", Some("_ipp._tcp"));
        check("a.b._ssh._tcp", Some("_ssh._tcp"));
        check("_ipp._udp.local", Some("_ipp._udp"));
        check("name.local", None);
        check("_ipp", None);
        check("", None);
    }
}
