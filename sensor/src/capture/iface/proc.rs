//! Neighbours and default routes from /proc.

use sensor_core::types::{Iface, Mac};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 neighbours whose MAC the kernel knows, from `/proc/net/arp`.
pub fn neighbours() -> Vec<(Iface, Ipv4Addr, Mac)> {
    let table = std::fs::read_to_string("/proc/thread-self/net/arp").unwrap_or_default();
    neighbours_in(&table)
}

/// Columns: IP address, HW type, Flags, HW address, Mask, Device.
pub(crate) fn neighbours_in(table: &str) -> Vec<(Iface, Ipv4Addr, Mac)> {
    const COMPLETE: u32 = 2;
    let rows = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let [ip, _, flags, mac, _, name] = columns[..] else { return None };
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()?;
        let mac = Mac::parse(mac).filter(|mac| mac.is_station() && flags & COMPLETE != 0)?;
        Some((Iface::new(name)?, ip.parse().ok()?, mac))
    });
    rows.collect()
}

/// A default route of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DefaultRoute {
    /// The lowest is used.
    metric: u32,
    /// The interface.
    iface: Iface,
    /// The router; unspecified where everybody is on the link.
    gateway: IpAddr,
}

/// The interface of the IPv4 default route with the lowest metric, else that of the IPv6 default route.
pub fn default_route_iface() -> Option<Iface> {
    best_iface(&table("route"), &table("ipv6_route"))
}

/// The same, of these tables.
pub(crate) fn best_iface(ipv4: &str, ipv6: &str) -> Option<Iface> {
    let best = |routes: Vec<DefaultRoute>| routes.into_iter().min_by_key(|route| route.metric).map(|route| route.iface);
    best(default_ipv4(ipv4)).or_else(|| best(default_ipv6(ipv6)))
}

/// The routers that this machine's default routes lead to, each with its interface.
pub fn default_gateways() -> Vec<(Iface, IpAddr)> {
    gateways_in(&table("route"), &table("ipv6_route"))
}

/// The same, of these tables.
pub(crate) fn gateways_in(ipv4: &str, ipv6: &str) -> Vec<(Iface, IpAddr)> {
    let routes = default_ipv4(ipv4).into_iter().chain(default_ipv6(ipv6));
    routes.filter(|route| !route.gateway.is_unspecified()).map(|route| (route.iface, route.gateway)).collect()
}

/// A table of the thread's network namespace; /proc/net shows the namespace of the process's main thread.
fn table(name: &str) -> String {
    std::fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default()
}

/// `/proc/net/route`: Iface Destination Gateway Flags RefCnt Use Metric Mask ...
fn default_ipv4(table: &str) -> Vec<DefaultRoute> {
    const UP: u32 = 1;
    const REJECT: u32 = 0x200;
    let routes = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let flags = u32::from_str_radix(columns.get(3)?, 16).ok()?;
        let is_default = columns[1] == "00000000" && *columns.get(7)? == "00000000" && flags & (UP | REJECT) == UP;
        // The bytes of the address, in memory's order, read as a number of this machine.
        let gateway = IpAddr::V4(Ipv4Addr::from(u32::from_str_radix(columns[2], 16).ok()?.to_ne_bytes()));
        let (metric, iface) = (columns[6].parse().ok()?, Iface::new(columns[0])?);
        is_default.then_some(DefaultRoute { metric, iface, gateway })
    });
    routes.collect()
}

/// `/proc/net/ipv6_route`: destination, its length, source, its length, gateway, metric, two counts, flags, device.
fn default_ipv6(table: &str) -> Vec<DefaultRoute> {
    let routes = table.lines().filter_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let metric = u32::from_str_radix(columns.get(5)?, 16).ok()?;
        let iface = *columns.get(9)?;
        // The kernel's default "unreachable" route is on lo.
        let is_default = columns[0].bytes().all(|b| b == b'0') && columns[1] == "00" && iface != "lo";
        let gateway = IpAddr::V6(Ipv6Addr::from_bits(u128::from_str_radix(columns[4], 16).ok()?));
        is_default.then_some(DefaultRoute { metric, iface: Iface::new(iface)?, gateway })
    });
    routes.collect()
}
