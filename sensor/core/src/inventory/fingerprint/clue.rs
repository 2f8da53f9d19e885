//! What a host shows of itself, each clue as a sort and a text: rules are matched with these. Some are stored as rows
//! of their own (`model::host::Print`), the rest is taken from the rows of the host and its addresses.

use crate::inventory::model::address::Asked;
use crate::inventory::model::evidence::Evidence;
use crate::inventory::model::host::Host;
use crate::inventory::model::role::Role;
use crate::inventory::model::source::Source;

/// One thing that a host shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clue {
    /// Its sort.
    pub evidence: Evidence,
    /// The text, escaped.
    pub value: String,
}

/// Everything that a host shows: what it says of itself, what its addresses answered, its roles, and its MAC's vendor.
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
    // The name that a name server gives an address says nothing of who holds the address today.
    let names = host.names.iter().chain(asked.clone().flat_map(|asked| &asked.names));
    names.filter(|name| name.source != Source::Ptr).for_each(|name| add(Evidence::Hostname, &name.name));
    for service in host.services.iter().filter(|service| !service.closed) {
        add(Evidence::MdnsService, service_type(&service.instance).unwrap_or_default());
    }
    // Several models behind one MAC are hosts that an mDNS reflector speaks for.
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
            // Said by others of an address.
            Role::DhcpNameServer | Role::DhcpRouter | Role::VirtualRouter => {}
        }
    }
    add(Evidence::Vendor, vendor.unwrap_or_default());
    clues.sort();
    clues.dedup();
    clues
}

/// Whether an address answered anything that [`clues`] looks at, beyond being there.
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
