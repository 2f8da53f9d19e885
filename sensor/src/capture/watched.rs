//! Watched prefixes, and their conversion to the XDP program's table.

use std::net::IpAddr;

use ipnet::IpNet;
use sensor_ebpf::found::Tunnel;
use sensor_ebpf::watched::{self, Table, WATCHES_MAX, Watch};
use sensor_ebpf::{abi::TunnelKind, gate};

use sensor_core::types::{Iface, Segment};

/// A prefix in which frames of any protocol are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watched {
    /// The segment; `None`: every segment of every port.
    pub segment: Option<Segment>,
    /// The prefix.
    pub prefix: IpNet,
}

/// Maximum number of watched prefixes; in further ones only harvested protocols are reported.
pub const WATCHED_MAX: usize = WATCHES_MAX;

/// The table for these prefixes. `ifindex` gives an interface's number; prefixes of interfaces without one are left
/// out.
pub(super) fn table(watched: &[Watched], own: &[[u64; 2]], ifindex: &dyn Fn(Iface) -> Option<u32>) -> Table {
    let watches: Vec<Watch> = watched
        .iter()
        .filter_map(|watched| {
            let place = match watched.segment {
                Some(segment) => place(segment, ifindex(segment.iface)?),
                None => 0,
            };
            let [address, mask] = [watched.prefix.network(), watched.prefix.netmask()].map(words);
            Some(Watch { place, address, mask })
        })
        .collect();
    watched::table(&watches, own)
}

/// Every address: IPv4, and IPv6 in two halves, because an empty mask matches IPv4 only.
pub(super) const EVERYTHING: [Watch; 3] = [
    Watch { place: 0, address: [0; 2], mask: [0; 2] },
    Watch { place: 0, address: [0; 2], mask: [1 << 63, 0] },
    Watch { place: 0, address: [1 << 63, 0], mask: [1 << 63, 0] },
];

/// The key of a segment in the XDP program's tables.
pub(super) fn place(segment: Segment, ifindex: u32) -> u64 {
    let ids = segment.vlans.ids();
    let vlans = [0, 1].map(|at| ids.get(at).copied().unwrap_or(0));
    let tunnel =
        segment.tunnel.map_or(Tunnel::default(), |tunnel| Tunnel { kind: tunnel.kind, id: tunnel.id, vlan: 0 });
    debug_assert!(segment.tunnel.is_none() || tunnel.kind != TunnelKind::None);
    gate::place(ifindex, vlans, tunnel)
}

/// An address as two 64-bit words, the more significant first; an IPv4 address is the first word.
pub(super) fn words(ip: IpAddr) -> [u64; 2] {
    match ip {
        IpAddr::V4(ip) => [u64::from(u32::from(ip)), 0],
        IpAddr::V6(ip) => {
            let bits = u128::from(ip);
            [(bits >> 64) as u64, bits as u64]
        }
    }
}
