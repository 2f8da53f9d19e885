//! Which addresses can be neighbours on a segment, as far as the configured prefixes tell.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::types::{Iface, Segment};

/// Whether prefixes of the address's family are configured for the segment and none of them contains the address.
/// Link-local addresses are never foreign: they are valid on every segment (RFC 3927, RFC 4291).
pub(super) fn is_foreign(prefixes: &[(Option<Iface>, IpNet)], segment: Segment, ip: IpAddr) -> bool {
    if is_link_local(ip) {
        return false;
    }
    let mut known = false;
    for (iface, prefix) in prefixes {
        let applies = iface.is_none_or(|iface| segment == Segment::untagged(iface));
        if applies && prefix.addr().is_ipv4() == ip.is_ipv4() {
            if prefix.contains(&ip) {
                return false;
            }
            known = true;
        }
    }
    known
}

/// Whether an address is valid on its link only (RFC 3927; RFC 4291, section 2.5.6).
pub(super) fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether an address is one that networks give out by themselves: private, shared, unique local or link-local.
pub(super) fn is_local(ip: IpAddr) -> bool {
    match ip {
        // RFC 6598: 100.64.0.0/10.
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64,
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Whether one station can hold the address at all: not "this host" (0/8), loopback, multicast or broadcast.
pub(super) fn is_holdable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] != 0 && !ip.is_loopback() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast(),
    }
}
