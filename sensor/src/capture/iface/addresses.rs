//! The addresses of the interfaces of this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::system::netlink::{Netlink, attribute, text};
use sensor_core::types::{Iface, Mac};

/// Snapshot of the addresses of all interfaces. Reading it takes two netlink dumps, so one snapshot should answer
/// several queries.
#[derive(Debug, Default)]
pub struct Addresses(Vec<Interface>);

/// One interface.
#[derive(Debug)]
struct Interface {
    name: String,
    /// Its MAC; `None` when its link layer has no 48-bit addresses.
    mac: Option<Mac>,
    nets: Vec<IpNet>,
}

impl Addresses {
    /// The MACs of all interfaces.
    pub fn macs(&self) -> BTreeSet<Mac> {
        self.0.iter().filter_map(|interface| interface.mac).collect()
    }

    /// The addresses of all interfaces.
    pub fn ips(&self) -> BTreeSet<IpAddr> {
        self.0.iter().flat_map(|interface| &interface.nets).map(IpNet::addr).collect()
    }

    /// The names of all interfaces.
    pub fn ifaces(&self) -> BTreeSet<Iface> {
        self.0.iter().filter_map(|interface| Iface::new(&interface.name)).collect()
    }

    /// The names of all interfaces, including those that [`Iface`] does not accept, in alphabetical order.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.0.iter().map(|interface| interface.name.as_str()).collect()
    }

    /// The addresses of an interface, each with its prefix length.
    pub fn of(&self, iface: Iface) -> BTreeSet<IpNet> {
        self.find(iface).into_iter().flat_map(|interface| interface.nets.iter().copied()).collect()
    }

    /// The prefixes that an interface is directly attached to, without host bits.
    pub fn prefixes_of(&self, iface: Iface) -> BTreeSet<IpNet> {
        self.of(iface).iter().map(IpNet::trunc).collect()
    }

    /// The interfaces with an address whose prefix contains the network.
    pub fn around(&self, network: IpNet) -> BTreeSet<Iface> {
        let is_around = |interface: &&Interface| interface.nets.iter().any(|net| net.trunc().contains(&network));
        self.0.iter().filter(is_around).filter_map(|interface| Iface::new(&interface.name)).collect()
    }

    /// The interface through which the kernel routes packets to an address. Nothing is sent.
    pub fn towards(&self, ip: IpAddr) -> Option<Iface> {
        let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
        // Connecting a datagram socket looks up the route and sets the socket's source address accordingly.
        socket.connect((ip, 9)).ok()?;
        let own = socket.local_addr().ok()?.ip();
        let is_it = |interface: &&Interface| interface.nets.iter().any(|net| net.addr() == own);
        self.0.iter().find(is_it).and_then(|interface| Iface::new(&interface.name))
    }

    pub(super) fn mac_of(&self, iface: Iface) -> Option<Mac> {
        self.find(iface).and_then(|interface| interface.mac)
    }

    fn find(&self, iface: Iface) -> Option<&Interface> {
        self.0.iter().find(|interface| interface.name == iface.as_str())
    }
}

/// Reads the addresses of all interfaces (rtnetlink(7), `RTM_GETLINK` and `RTM_GETADDR`).
pub fn addresses() -> io::Result<Addresses> {
    let netlink = Netlink::open(libc::NETLINK_ROUTE, 0)?;
    let mut interfaces: BTreeMap<u32, Interface> = BTreeMap::new();
    netlink.dump(libc::RTM_GETLINK, &[0; 16], |message| interfaces.extend(interface(message.body)))?;
    netlink.dump(libc::RTM_GETADDR, &[0; 8], |message| {
        if let Some((index, net)) = address(message.body)
            && let Some(interface) = interfaces.get_mut(&index)
        {
            interface.nets.push(net);
        }
    })?;
    Ok(Addresses(interfaces.into_values().collect()))
}

/// An interface of `RTM_NEWLINK`: `struct ifinfomsg` (family, padding, type, index, flags, change), then attributes.
fn interface(body: &[u8]) -> Option<(u32, Interface)> {
    let (info, attributes) = body.split_first_chunk::<16>()?;
    let mac = attribute(attributes, libc::IFLA_ADDRESS).and_then(|bytes| bytes.try_into().ok()).map(Mac);
    let name = attribute(attributes, libc::IFLA_IFNAME).map(text)?;
    let index = u32::from_ne_bytes([info[4], info[5], info[6], info[7]]);
    Some((index, Interface { name, mac: mac.filter(|mac| mac.is_station()), nets: Vec::new() }))
}

/// An address of `RTM_NEWADDR`: `struct ifaddrmsg` (family, prefix length, flags, scope, index), then attributes.
fn address(body: &[u8]) -> Option<(u32, IpNet)> {
    let (info, attributes) = body.split_first_chunk::<8>()?;
    // On a point-to-point link `IFA_ADDRESS` is the peer and `IFA_LOCAL` the own address; IPv6 mostly omits
    // `IFA_LOCAL`.
    let own = attribute(attributes, libc::IFA_LOCAL).or_else(|| attribute(attributes, libc::IFA_ADDRESS))?;
    let ip: IpAddr = match libc::c_int::from(info[0]) {
        libc::AF_INET => <[u8; 4]>::try_from(own).ok()?.into(),
        libc::AF_INET6 => <[u8; 16]>::try_from(own).ok()?.into(),
        _ => return None,
    };
    Some((u32::from_ne_bytes([info[4], info[5], info[6], info[7]]), IpNet::new(ip, info[1]).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(head: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = head.to_vec();
        for (kind, value) in attributes {
            let len = u16::try_from(4 + value.len()).expect("short");
            body.extend(len.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        body
    }

    fn link(index: u32) -> [u8; 16] {
        let mut head = [0; 16];
        head[4..8].copy_from_slice(&index.to_ne_bytes());
        head
    }

    #[test]
    fn only_48_bit_addresses_are_macs() {
        let mac_of = |bytes: &[u8]| {
            let body = with(&link(3), &[(libc::IFLA_IFNAME, b"eth0\0"), (libc::IFLA_ADDRESS, bytes)]);
            let (index, interface) = interface(&body).expect("a link");
            assert_eq!((index, interface.name.as_str()), (3, "eth0"));
            interface.mac
        };
        assert_eq!(mac_of(&[2, 0, 0, 0, 0, 1]), Some(Mac([2, 0, 0, 0, 0, 1])));
        assert_eq!(mac_of(&[0; 6]), None, "the loopback");
        assert_eq!(mac_of(&[10, 0, 0, 1]), None, "a tunnel, which has an IPv4 address there");
    }

    #[test]
    fn a_point_to_point_link_has_its_local_address() {
        let v4 = [libc::AF_INET as u8, 24, 0, 0, 3, 0, 0, 0];
        let body = with(&v4, &[(libc::IFA_ADDRESS, &[10, 0, 0, 2]), (libc::IFA_LOCAL, &[10, 0, 0, 1])]);
        let index = u32::from_ne_bytes([3, 0, 0, 0]);
        assert_eq!(address(&body), Some((index, "10.0.0.1/24".parse().expect("a network"))));
        let v6 = [libc::AF_INET6 as u8, 64, 0, 0, 3, 0, 0, 0];
        let ip: Ipv6Addr = "fe80::1".parse().expect("an address");
        let body = with(&v6, &[(libc::IFA_ADDRESS, &ip.octets())]);
        assert_eq!(address(&body), Some((index, "fe80::1/64".parse().expect("a network"))));
        assert_eq!(address(&with(&v6, &[(libc::IFA_ADDRESS, &[10, 0, 0, 2])])), None);
        assert_eq!(address(&v4[..7]), None);
    }

    #[test]
    fn this_machine_has_a_loopback() {
        let here = addresses().expect("the kernel tells");
        let lo = Iface::new("lo").expect("a name");
        assert!(here.ifaces().contains(&lo), "{here:?}");
        assert_eq!(here.mac_of(lo), None);
    }
}
