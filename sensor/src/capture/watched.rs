//! Watched prefixes, and their conversion to the XDP program's table.

use std::net::IpAddr;

use ipnet::IpNet;
use sensor_ebpf::abi::{Counters, TunnelKind};
use sensor_ebpf::found::Tunnel;
use sensor_ebpf::gate;
use sensor_ebpf::watched::{self, TUNNELS_MAX, Table, WATCHES_MAX, Watch};

use sensor_core::types::{Iface, Segment};

/// A prefix in which frames of any protocol are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watched {
    /// The segment; `None`: every segment of every port.
    pub segment: Option<Segment>,
    /// The prefix.
    pub prefix: IpNet,
}

/// Where tunnels come from that are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelSource {
    /// The addresses of their senders.
    pub prefix: IpNet,
    /// Their kind; `None`: any.
    pub kind: Option<TunnelKind>,
    /// Their VNI, key or session; `None`: any.
    pub id: Option<u32>,
}

/// Maximum number of such sources; of the box's own tunnel interfaces and of the configuration together.
pub const TUNNEL_SOURCES_MAX: usize = TUNNELS_MAX;

/// What the capture is to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watching {
    /// The prefixes in which frames of any protocol are reported, at most [`WATCHED_MAX`].
    pub prefixes: Vec<Watched>,
    /// The sensor's own addresses.
    pub own: Vec<IpAddr>,
    /// Where tunnels come from that are opened: on a port that is no mirror only those that end at an own address.
    pub tunnels: Vec<TunnelSource>,
}

/// Maximum number of watched prefixes; in further ones only harvested protocols are reported.
pub const WATCHED_MAX: usize = WATCHES_MAX;

/// The table of these. `ifindex` gives an interface's number; prefixes of interfaces without one are left out.
pub(super) fn table(watching: &Watching, ifindex: &dyn Fn(Iface) -> Option<u32>) -> Table {
    let watches: Vec<Watch> = watching
        .prefixes
        .iter()
        .filter_map(|watched| {
            let place = match watched.segment {
                Some(segment) => place(segment, ifindex(segment.iface)?),
                None => 0,
            };
            let [address, mask] = bounds(watched.prefix);
            Some(Watch { place, address, mask })
        })
        .collect();
    let own: Vec<[u64; 2]> = watching.own.iter().copied().map(words).collect();
    let source = |source: &TunnelSource| {
        let ([address, mask], is_ipv6) = (bounds(source.prefix), source.prefix.addr().is_ipv6());
        watched::TunnelSource { address, mask, is_ipv6, kind: source.kind.unwrap_or_default(), id: source.id }
    };
    let mut table = watched::table(&watches, &own);
    watched::set_tunnels(&mut table, &watching.tunnels.iter().map(source).collect::<Vec<_>>());
    table
}

/// The first address of a prefix, and its mask.
fn bounds(prefix: IpNet) -> [[u64; 2]; 2] {
    [prefix.network(), prefix.netmask()].map(words)
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

/// The last tunnel that was not opened because nobody named its sender.
pub fn last_shut(counters: &Counters) -> Option<TunnelSource> {
    let (kind, id) = counters.last_shut.tunnel();
    let source = match counters.last_shut.source {
        // An IPv6 address has bits above those of an IPv4 address.
        [high @ 0..=0xffff_ffff, 0] => IpAddr::V4((high as u32).into()),
        [high, low] => IpAddr::V6((u128::from(high) << 64 | u128::from(low)).into()),
    };
    (counters.shut > 0).then_some(TunnelSource { prefix: source.into(), kind: Some(kind), id: Some(id) })
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
