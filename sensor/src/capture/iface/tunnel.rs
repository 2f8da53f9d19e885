//! Where a tunnel's interface leads to (`IFLA_LINKINFO` of rtnetlink(7); `linux/if_link.h`, `linux/if_tunnel.h`).

use std::net::IpAddr;

use ipnet::IpNet;
use sensor_ebpf::abi::TunnelKind;

use crate::capture::watched::TunnelSource;
use crate::system::netlink::{attribute, text};

const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;

/// The attributes of a kind of interface: id, remote IPv4 address, remote IPv6 address.
struct Attributes {
    kind: TunnelKind,
    id: u16,
    remotes: [u16; 2],
}

/// `IFLA_VXLAN_ID`, `_GROUP`, `_GROUP6`.
const VXLAN: Attributes = Attributes { kind: TunnelKind::Vxlan, id: 1, remotes: [2, 16] };
/// `IFLA_GENEVE_ID`, `_REMOTE`, `_REMOTE6`.
const GENEVE: Attributes = Attributes { kind: TunnelKind::Geneve, id: 1, remotes: [2, 7] };
/// `IFLA_GRE_REMOTE`, of either family. The key need not be the same both ways, so any is taken: 0 is no attribute.
const GRE: Attributes = Attributes { kind: TunnelKind::Gre, id: 0, remotes: [7, 7] };
/// As of GRE.
const ERSPAN: Attributes = Attributes { kind: TunnelKind::Erspan, ..GRE };

/// The other end of the tunnel by this link's information; `None` for other links, and where it has no single other end.
pub(super) fn of_link(info: &[u8]) -> Option<TunnelSource> {
    let Attributes { kind, id, remotes } = match text(attribute(info, IFLA_INFO_KIND)?).as_str() {
        "vxlan" => VXLAN,
        "geneve" => GENEVE,
        "gretap" | "ip6gretap" => GRE,
        "erspan" | "ip6erspan" => ERSPAN,
        _ => return None,
    };
    let data = attribute(info, IFLA_INFO_DATA)?;
    let address = |bytes: &[u8]| match bytes.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => None,
    };
    let mut remote = remotes.into_iter().filter_map(|number| address(attribute(data, number)?));
    let remote = remote.find(|ip| !ip.is_unspecified() && !ip.is_multicast())?;
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u32::from_ne_bytes);
    let id = (id != 0).then(|| attribute(data, id).and_then(number)).flatten();
    Some(TunnelSource { prefix: IpNet::from(remote), kind: Some(kind), id })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute_of(number: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(4 + value.len()).expect("short");
        let mut bytes = [&len.to_ne_bytes()[..], &number.to_ne_bytes(), value].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[track_caller]
    fn check(kind: &str, data: &[Vec<u8>], expected: Option<(&str, TunnelKind, Option<u32>)>) {
        let info = [
            attribute_of(IFLA_INFO_KIND, format!("{kind}\0").as_bytes()),
            attribute_of(IFLA_INFO_DATA, &data.concat()),
        ];
        let found = of_link(&info.concat()).map(|source| (source.prefix.to_string(), source.kind, source.id));
        assert_eq!(found, expected.map(|(prefix, kind, id)| (prefix.to_owned(), Some(kind), id)));
    }

    #[test]
    fn the_other_end_of_a_tunnel_is_known() {
        let id = attribute_of(1, &42_u32.to_ne_bytes());
        let remote = |number| attribute_of(number, &[192, 0, 2, 7]);
        let six = |number| attribute_of(number, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        check("vxlan", &[id.clone(), remote(2)], Some(("192.0.2.7/32", TunnelKind::Vxlan, Some(42))));
        check("vxlan", &[id.clone(), six(16)], Some(("2001:db8::7/128", TunnelKind::Vxlan, Some(42))));
        check("geneve", &[id.clone(), six(7)], Some(("2001:db8::7/128", TunnelKind::Geneve, Some(42))));
        check("gretap", &[remote(7)], Some(("192.0.2.7/32", TunnelKind::Gre, None)));
        check("ip6erspan", &[six(7)], Some(("2001:db8::7/128", TunnelKind::Erspan, None)));
        // It learns its other ends, has a group of them, or is none.
        check("vxlan", std::slice::from_ref(&id), None);
        check("vxlan", &[id, attribute_of(2, &[239, 1, 1, 1])], None);
        check("veth", &[remote(2)], None);
        assert_eq!(of_link(&[1, 2, 3]), None);
    }
}
