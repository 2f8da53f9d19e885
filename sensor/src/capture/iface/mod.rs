//! Facts about this machine's interfaces, in the network namespace of the thread that asks.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::mem;

use crate::capture::error::CaptureError;
use crate::capture::iface::socket::Request;
use crate::capture::iface::socket::control_socket;
use crate::capture::port_life;
use sensor_core::types::Iface;

pub mod changes;

/// The addresses of the interfaces of this machine.
pub mod addresses;
/// What rtnetlink tells of one interface.
pub mod netlink;
/// What /proc tells: neighbours and default routes.
pub mod proc;
/// Small helpers for sockets and ioctl requests.
pub mod socket;

/// The number of an interface that can be captured, or why it cannot.
pub(crate) fn index(iface: Iface) -> Result<u32, CaptureError> {
    let name = iface.as_str().to_owned();
    let fail = |call| {
        let iface = iface.as_str().to_owned();
        move |source| CaptureError::Interface { iface, call, source }
    };
    let socket = control_socket().map_err(fail("socket"))?;
    let mut request = Request::new(iface);
    request.call(&socket, libc::SIOCGIFINDEX as libc::Ioctl).map_err(|source| match source.raw_os_error() {
        Some(libc::ENODEV) => CaptureError::NoSuchInterface { iface: name.clone(), known: known() },
        _ => fail("SIOCGIFINDEX")(source),
    })?;
    let index = u32::from_ne_bytes(request.value());
    request.call(&socket, libc::SIOCGIFHWADDR as libc::Ioctl).map_err(fail("SIOCGIFHWADDR"))?;
    let link_type = u16::from_ne_bytes(request.value());
    if !matches!(link_type, libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK) {
        return Err(CaptureError::NotEthernet { iface: name, link_type });
    }
    request.call(&socket, libc::SIOCGIFFLAGS as libc::Ioctl).map_err(fail("SIOCGIFFLAGS"))?;
    if i32::from(i16::from_ne_bytes(request.value())) & libc::IFF_UP == 0 {
        return Err(CaptureError::Down { iface: name });
    }
    Ok(index)
}

/// How an interface looks now; nothing when there is none of that name.
pub(super) fn look(iface: Iface) -> Option<port_life::Link> {
    number_of(iface).and_then(look_at)
}

/// How the interface of this number looks now; nothing when it is gone.
pub(super) fn look_at(index: u32) -> Option<port_life::Link> {
    let name = name_of(index)?;
    let mut request = Request::new(name);
    request.call(&control_socket().ok()?, libc::SIOCGIFFLAGS as libc::Ioctl).ok()?;
    let flags = i32::from(i16::from_ne_bytes(request.value()));
    let is_up = flags & libc::IFF_UP != 0;
    Some(port_life::Link { index, name, is_up, has_carrier: flags & libc::IFF_RUNNING != 0 })
}

/// Whether there is an interface of this number, under whatever name.
pub fn is_there(index: u32) -> bool {
    name_of(index).is_some()
}

/// The name of the interface of this number.
pub(super) fn name_of(index: u32) -> Option<Iface> {
    let mut name = [0_u8; libc::IF_NAMESIZE];
    // SAFETY: the call writes a C string of at most that size.
    if unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast()) }.is_null() {
        return None;
    }
    CStr::from_bytes_until_nul(&name).ok()?.to_str().ok().and_then(Iface::new)
}

fn number_of(iface: Iface) -> Option<u32> {
    let name = CString::new(iface.as_str()).ok()?;
    // SAFETY: `name` is a C string that outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// `linux/sockios.h`.
pub(super) const SIOCETHTOOL: libc::Ioctl = 0x8946;

const _: () = assert!(mem::size_of::<libc::ifreq>() <= 40);

fn known() -> String {
    let addresses = addresses::addresses().map_or(Vec::new(), |addresses| addresses.0);
    let names: BTreeSet<_> = addresses.into_iter().map(|address| address.name).collect();
    if names.is_empty() { "none".into() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
}

/// `linux/if_link.h`.
pub(crate) const IFLA_XDP_ATTACHED: u16 = 2;
pub(crate) const IFLA_XDP_PROG_ID: u16 = 4;
pub(crate) const IFLA_INFO_KIND: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::iface::netlink::attribute;
    use crate::capture::iface::proc::{default_ipv4, default_ipv6, neighbours_in};
    use sensor_core::types::Mac;
    use std::net::Ipv4Addr;

    fn check(ipv4: &str, ipv6: &str, expected: Option<&str>) {
        let found = default_ipv4(ipv4).or_else(|| default_ipv6(ipv6));
        assert_eq!(found.as_ref().map(Iface::as_str), expected);
    }

    const HEAD: &str = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";

    #[test]
    fn the_default_route_with_the_lowest_metric_counts() {
        let slow = "wlan0 00000000 0102A8C0 0003 0 0 600 00000000 0 0 0\n";
        let fast = "eth0 00000000 0102A8C0 0003 0 0 100 00000000 0 0 0\n";
        let local = "eth1 0002A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n";
        check(&format!("{HEAD}{slow}{fast}{local}"), "", Some("eth0"));
        check(&format!("{HEAD}{local}"), "", None);
        check("", "", None);
        check("one\ntwo three\n", "x", None);
    }

    #[test]
    fn without_ipv4_the_route_of_ipv6_counts() {
        let zeros = "0".repeat(32);
        let unreachable = format!("{zeros} 00 {zeros} 00 {zeros} ffffffff 1 0 00200200 lo\n");
        let route = format!("{zeros} 00 {zeros} 00 fe80{} 00000400 1 0 00000003 eth2\n", "0".repeat(28));
        check(HEAD, &format!("{unreachable}{route}"), Some("eth2"));
        check(HEAD, &unreachable, None);
    }

    #[test]
    fn neighbours_that_answered() {
        let table = "IP address       HW type     Flags       HW address            Mask     Device\n\
                     10.0.0.1         0x1         0x2         02:00:00:00:00:01     *        eth0\n\
                     10.0.0.2         0x1         0x0         00:00:00:00:00:00     *        eth0\n\
                     nonsense\n";
        let iface = Iface::new("eth0").expect("a name");
        assert_eq!(neighbours_in(table), [(iface, Ipv4Addr::new(10, 0, 0, 1), Mac([2, 0, 0, 0, 0, 1]))]);
    }

    #[test]
    fn a_nested_attribute_is_found() {
        let mut list = vec![6, 0, 3, 0, b'l', b'o', 0, 0];
        list.extend([12, 0, 43, 0, 8, 0, 4, 0, 7, 0, 0, 0]);
        let xdp = attribute(&list, libc::IFLA_XDP).expect("there");
        assert_eq!(attribute(xdp, IFLA_XDP_PROG_ID), Some(&[7, 0, 0, 0][..]));
        assert_eq!(attribute(&[3, 0, 1, 0], 2), None);
    }

    #[test]
    fn an_interface_that_is_not_there_is_named_beside_those_that_are() {
        let error = index(Iface::new("nowhere0").expect("a name")).expect_err("not there");
        assert!(error.to_string().starts_with("no interface nowhere0; there are: "), "{error}");
    }
}
