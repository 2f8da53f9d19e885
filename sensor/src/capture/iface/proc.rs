//! Neighbours and default routes from /proc.

use sensor_core::types::{Iface, Mac};
use std::net::Ipv4Addr;

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

/// The interface of the IPv4 default route with the lowest metric, else that of the IPv6 default route.
pub fn default_route_iface() -> Option<Iface> {
    // Not /proc/net, which shows the namespace of the process's main thread.
    let read = |name| std::fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
    default_ipv4(&read("route")).or_else(|| default_ipv6(&read("ipv6_route")))
}

/// `/proc/net/route`: Iface Destination Gateway Flags RefCnt Use Metric Mask ...
pub(crate) fn default_ipv4(table: &str) -> Option<Iface> {
    const UP: u32 = 1;
    const REJECT: u32 = 0x200;
    let routes = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let flags = u32::from_str_radix(columns.get(3)?, 16).ok()?;
        let is_default = columns[1] == "00000000" && *columns.get(7)? == "00000000" && flags & (UP | REJECT) == UP;
        is_default.then_some((columns[6].parse::<u32>().ok()?, Iface::new(columns[0])?))
    });
    routes.min_by_key(|&(metric, _)| metric).map(|(_, iface)| iface)
}

/// `/proc/net/ipv6_route`: destination, its length, source, its length, gateway, metric, two counts, flags, device.
pub(crate) fn default_ipv6(table: &str) -> Option<Iface> {
    let routes = table.lines().filter_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let metric = u32::from_str_radix(columns.get(5)?, 16).ok()?;
        let iface = *columns.get(9)?;
        // The kernel's default "unreachable" route is on lo.
        let is_default = columns[0].bytes().all(|b| b == b'0') && columns[1] == "00" && iface != "lo";
        is_default.then_some((metric, Iface::new(iface)?))
    });
    routes.min_by_key(|&(metric, _)| metric).map(|(_, iface)| iface)
}
