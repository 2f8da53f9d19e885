//! Properties of this machine's interfaces, in the network namespace of the calling thread.

use std::io;

use crate::capture::error::CaptureError;
use crate::capture::port_life;
use crate::system::ifreq;
use sensor_core::types::Iface;

/// The addresses of all interfaces.
pub mod addresses;
/// Notifications about changed interfaces and addresses.
pub mod changes;
/// One interface: number, MAC, addresses, kind and XDP program.
pub mod link;
/// Where a tunnel's interface leads to.
mod tunnel;
/// Neighbours and default routes from /proc.
pub mod proc;

/// The number of an interface, or why it cannot be captured on.
pub(crate) fn index(iface: Iface) -> Result<u32, CaptureError> {
    let name = iface.as_str().to_owned();
    let fail = |call| {
        let iface = iface.as_str().to_owned();
        move |source| CaptureError::Interface { iface, call, source }
    };
    let index = ifreq::number_of(&name).map_err(|source| match source.raw_os_error() {
        Some(libc::ENODEV) => CaptureError::NoSuchInterface { iface: name.clone(), known: known() },
        _ => fail("SIOCGIFINDEX")(source),
    })?;
    let link_type = ifreq::link_type(iface).map_err(fail("SIOCGIFHWADDR"))?;
    if !matches!(link_type, libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK) {
        return Err(CaptureError::NotEthernet { iface: name, link_type });
    }
    if ifreq::flags(iface).map_err(fail("SIOCGIFFLAGS"))? & libc::IFF_UP == 0 {
        return Err(CaptureError::Down { iface: name });
    }
    Ok(index)
}

/// The current state of the interface with this name; `None` when there is none.
pub(super) fn look(iface: Iface) -> Option<port_life::LinkState> {
    ifreq::number_of(iface.as_str()).ok().and_then(look_at)
}

/// The current state of the interface with this number; `None` when there is none.
pub(super) fn look_at(index: u32) -> Option<port_life::LinkState> {
    let name = ifreq::name_of(index)?;
    let flags = ifreq::flags(name).ok()?;
    Some(port_life::LinkState {
        index,
        name,
        is_up: flags & libc::IFF_UP != 0,
        has_carrier: flags & libc::IFF_RUNNING != 0,
    })
}

/// Whether there is an interface with this number, whatever its name.
pub fn is_there(index: u32) -> bool {
    ifreq::name_of(index).is_some()
}

/// The names of all interfaces, for an error message.
fn known() -> String {
    let here: io::Result<_> = addresses::addresses();
    let here = here.unwrap_or_default();
    let names: Vec<&str> = here.names().into_iter().collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::iface::proc::{best_iface, gateways_in, neighbours_in};
    use sensor_core::types::Mac;
    use std::net::Ipv4Addr;

    fn check(ipv4: &str, ipv6: &str, expected: Option<&str>) {
        assert_eq!(best_iface(ipv4, ipv6).as_ref().map(Iface::as_str), expected);
    }

    const HEAD: &str = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";

    #[test]
    fn the_default_route_with_the_lowest_metric_is_used() {
        let slow = "wlan0 00000000 0102A8C0 0003 0 0 600 00000000 0 0 0\n";
        let fast = "eth0 00000000 0102A8C0 0003 0 0 100 00000000 0 0 0\n";
        let local = "eth1 0002A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n";
        check(&format!("{HEAD}{slow}{fast}{local}"), "", Some("eth0"));
        check(&format!("{HEAD}{local}"), "", None);
        check("", "", None);
        check("one\ntwo three\n", "x", None);
        let gateways = gateways_in(&format!("{HEAD}{slow}{local}"), "");
        let written: Vec<_> = gateways.iter().map(|(iface, ip)| format!("{iface} {ip}")).collect();
        assert_eq!(written, if cfg!(target_endian = "little") { ["wlan0 192.168.2.1"] } else { ["wlan0 1.2.168.192"] });
    }

    #[test]
    fn without_an_ipv4_default_route_that_of_ipv6_is_used() {
        let zeros = "0".repeat(32);
        let unreachable = format!("{zeros} 00 {zeros} 00 {zeros} ffffffff 1 0 00200200 lo\n");
        let route = format!("{zeros} 00 {zeros} 00 fe80{} 00000400 1 0 00000003 eth2\n", "0".repeat(28));
        check(HEAD, &format!("{unreachable}{route}"), Some("eth2"));
        check(HEAD, &unreachable, None);
    }

    #[test]
    fn only_complete_neighbour_entries_are_read() {
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
                     10.0.0.1         0x1         0x2         02:00:00:00:00:01     *        eth0\n\
                     10.0.0.2         0x1         0x0         00:00:00:00:00:00     *        eth0\n\
                     nonsense\n";
        let iface = Iface::new("eth0").expect("a name");
        assert_eq!(neighbours_in(table), [(iface, Ipv4Addr::new(10, 0, 0, 1), Mac([2, 0, 0, 0, 0, 1]))]);
    }

    #[test]
    fn an_unknown_interface_is_reported_with_the_known_names() {
        let error = index(Iface::new("nowhere0").expect("a name")).expect_err("not there");
        assert!(error.to_string().starts_with("no interface nowhere0; there are: "), "{error}");
    }
}
