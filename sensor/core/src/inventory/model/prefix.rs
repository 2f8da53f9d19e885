//! Which addresses can be neighbours on a segment, by the prefixes that are known.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::types::{Iface, Segment};

/// Whether prefixes of the address's family are known for the segment and none of them contains the address.
/// Link-local addresses are never foreign: they are valid on every segment (RFC 3927, RFC 4291). Link-local prefixes, which
/// an interface without another address has, make no other address foreign.
pub(crate) fn is_foreign(prefixes: &[(Option<Iface>, IpNet)], segment: Segment, ip: IpAddr) -> bool {
    if is_link_local(ip) {
        return false;
    }
    let mut known = false;
    for (iface, prefix) in prefixes {
        let applies = iface.is_none_or(|iface| segment == Segment::untagged(iface));
        if applies && prefix.addr().is_ipv4() == ip.is_ipv4() && !is_link_local(prefix.addr()) {
            if prefix.contains(&ip) {
                return false;
            }
            known = true;
        }
    }
    known
}

/// Whether an address is valid on its link only (RFC 3927; RFC 4291, section 2.5.6).
pub fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether an address is of a range for local use: private, shared, unique local or link-local.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    match ip {
        // RFC 6598: 100.64.0.0/10.
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64,
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Which address of a known network this is, where nobody can hold it: `network` or `broadcast` (RFC 1122, section 3.2.1.3).
/// Networks of two addresses and of one have neither (RFC 3021). Where known networks lie in each other, it must be so in all
/// that contain it.
pub(crate) fn edge(prefixes: &[(Option<Iface>, IpNet)], segment: Segment, ip: IpAddr) -> Option<&'static str> {
    let mut found = None;
    for (iface, prefix) in prefixes {
        let applies = iface.is_none_or(|iface| segment == Segment::untagged(iface));
        if !applies || ip.is_ipv6() || !prefix.contains(&ip) {
            continue;
        }
        found = match ip {
            _ if prefix.prefix_len() > 30 => return None,
            ip if ip == prefix.network() => Some("network"),
            ip if ip == prefix.broadcast() => Some("broadcast"),
            _ => return None,
        };
    }
    found
}

/// Whether one station can hold the address at all: not "this host" (0/8), loopback, multicast or broadcast.
pub(crate) fn is_holdable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] != 0 && !ip.is_loopback() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prefixes: &[&str], ip: &str, expected: bool) {
        let iface = Iface::new("eth0").expect("a name");
        let prefixes: Vec<_> = prefixes.iter().map(|prefix| (Some(iface), prefix.parse().expect("a prefix"))).collect();
        assert_eq!(is_foreign(&prefixes, Segment::untagged(iface), ip.parse().expect("an address")), expected, "{ip}");
    }

    #[test]
    fn an_address_outside_the_known_prefixes_is_foreign() {
        let prefixes = ["10.0.0.0/24", "2001:db8::/64"];
        for (ip, expected) in [("10.0.0.9", false), ("10.0.1.9", true), ("2001:db8::9", false), ("2001:db9::9", true)] {
            check(&prefixes, ip, expected);
            check(&[], ip, false);
        }
        check(&["10.0.0.0/24"], "2001:db9::9", false);
    }

    #[test]
    fn the_first_and_the_last_address_of_a_network_are_nobodys() {
        let check = |prefixes: &[&str], ip: &str, expected| {
            let iface = Iface::new("eth0").expect("a name");
            let known: Vec<_> = prefixes.iter().map(|net| (Some(iface), net.parse().expect("a prefix"))).collect();
            let ip = ip.parse().expect("an address");
            assert_eq!(edge(&known, Segment::untagged(iface), ip), expected, "{prefixes:?} {ip}");
            let elsewhere = Segment::untagged(Iface::new("eth1").expect("a name"));
            assert_eq!(edge(&known, elsewhere, ip), None);
        };
        check(&["10.0.0.0/24"], "10.0.0.0", Some("network"));
        check(&["10.0.0.0/24"], "10.0.0.255", Some("broadcast"));
        check(&["10.0.0.9/24"], "10.0.0.255", Some("broadcast"));
        check(&["10.0.0.0/24"], "10.0.0.1", None);
        check(&["10.0.0.0/23"], "10.0.0.255", None);
        check(&["10.0.0.0/23"], "10.0.1.0", None);
        check(&["10.0.0.0/30"], "10.0.0.3", Some("broadcast"));
        for small in ["10.0.0.2/31", "10.0.0.2/32"] {
            check(&[small], "10.0.0.2", None);
            check(&[small], "10.0.0.3", None);
        }
        // The smaller one may be a part that the owner named.
        check(&["10.0.0.0/16", "10.0.1.0/24"], "10.0.1.255", None);
        check(&["10.0.1.0/24", "10.0.0.0/16"], "10.0.1.255", None);
        check(&["10.0.0.0/16", "10.0.0.0/24"], "10.0.0.0", Some("network"));
        check(&["2001:db8::/64"], "2001:db8::", None);
        check(&[], "10.0.0.255", None);
    }

    /// An interface has such prefixes before it gets an address, or when it gets none.
    #[test]
    fn link_local_prefixes_make_nothing_foreign() {
        for ip in ["10.0.0.9", "169.254.1.9", "2001:db8::9", "fe80::9"] {
            check(&["169.254.0.0/16", "fe80::/64"], ip, false);
        }
        check(&["fe80::/64", "2001:db8::/64"], "2001:db9::9", true);
    }
}
