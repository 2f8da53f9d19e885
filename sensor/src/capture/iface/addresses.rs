//! The addresses of the interfaces of this machine.

use ipnet::IpNet;
use libc::c_int;
use sensor_core::types::{Iface, Mac};
use std::collections::BTreeSet;
use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of all interfaces at one moment. To read them asks the kernel twice for everything it has: who wants to
/// know several things reads once.
#[derive(Debug)]
pub struct Addresses(pub(crate) Vec<Address>);

impl Addresses {
    /// The MACs of all interfaces.
    pub fn macs(&self) -> BTreeSet<Mac> {
        self.0.iter().filter_map(Address::station).collect()
    }

    /// The interfaces, by name.
    pub fn ifaces(&self) -> BTreeSet<Iface> {
        self.0.iter().filter_map(|address| Iface::new(&address.name)).collect()
    }

    /// The addresses of an interface, each with its prefix.
    pub fn of(&self, iface: Iface) -> BTreeSet<IpNet> {
        let own = self.0.iter().filter_map(|address| match address.value {
            Value::Net(net) if address.name == iface.as_str() => Some(net),
            _ => None,
        });
        own.collect()
    }

    /// The prefixes that an interface is directly attached to, without host bits.
    pub fn prefixes_of(&self, iface: Iface) -> BTreeSet<IpNet> {
        self.of(iface).iter().map(IpNet::trunc).collect()
    }

    /// Interfaces with an address whose prefix contains the network.
    pub fn around(&self, network: IpNet) -> BTreeSet<Iface> {
        let is_around = |address: &&Address| matches!(address.value, Value::Net(net) if net.trunc().contains(&network));
        self.0.iter().filter(is_around).filter_map(|it| Iface::new(&it.name)).collect()
    }

    /// The interface by which the kernel would send to an address; nothing is sent to find out.
    pub fn towards(&self, ip: IpAddr) -> Option<Iface> {
        let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
        // A datagram socket that is connected has its route looked up, and its own address set to that of the way.
        socket.connect((ip, 9)).ok()?;
        let own = socket.local_addr().ok()?.ip();
        let is_it = |address: &&Address| matches!(address.value, Value::Net(net) if net.addr() == own);
        self.0.iter().find(is_it).and_then(|address| Iface::new(&address.name))
    }

    pub(crate) fn mac_of(&self, iface: Iface) -> Option<Mac> {
        self.0.iter().filter(|address| address.name == iface.as_str()).find_map(Address::station)
    }
}

#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) name: String,
    pub(crate) value: Value,
}

impl Address {
    fn station(&self) -> Option<Mac> {
        match self.value {
            Value::Mac(mac) if mac.is_station() => Some(mac),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Value {
    Mac(Mac),
    Net(IpNet),
    Other,
}

/// Reads the addresses of all interfaces (getifaddrs(3)).
pub fn addresses() -> io::Result<Addresses> {
    let mut list = std::ptr::null_mut();
    // SAFETY: the call writes one pointer, to a list that is ours until `freeifaddrs`.
    if unsafe { libc::getifaddrs(&raw mut list) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut addresses = Vec::new();
    let mut next = list;
    // SAFETY: every pointer is null or to a node of the list, which is not freed before the loop ends.
    while let Some(node) = unsafe { next.as_ref() } {
        // SAFETY: a node's name is a C string of the list.
        let name = unsafe { CStr::from_ptr(node.ifa_name) }.to_string_lossy().into_owned();
        // SAFETY: both are null or socket addresses of the list, as long as their family says.
        addresses.push(Address { name, value: unsafe { value(node.ifa_addr, node.ifa_netmask) } });
        next = node.ifa_next;
    }
    // SAFETY: the list came from `getifaddrs`, and nothing points into it any more.
    unsafe { libc::freeifaddrs(list) };
    Ok(Addresses(addresses))
}

/// # Safety
/// Both pointers are null or point to a socket address that is as long as its family says.
pub(crate) unsafe fn value(address: *const libc::sockaddr, mask: *const libc::sockaddr) -> Value {
    // SAFETY: as the caller promises.
    let (ip, mask) = unsafe {
        if !address.is_null() && c_int::from((*address).sa_family) == libc::AF_PACKET {
            let link = address.cast::<libc::sockaddr_ll>().read_unaligned();
            let [a, b, c, d, e, f, ..] = link.sll_addr;
            return if link.sll_halen == 6 { Value::Mac(Mac([a, b, c, d, e, f])) } else { Value::Other };
        }
        (ip(address), ip(mask))
    };
    match ip.zip(mask).map(|(ip, mask)| IpNet::with_netmask(ip, mask)) {
        Some(Ok(net)) => Value::Net(net),
        _ => Value::Other,
    }
}

/// # Safety
/// As [`value`].
pub(crate) unsafe fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    unsafe {
        match c_int::from((*address).sa_family) {
            libc::AF_INET => {
                let address = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()).into())
            }
            libc::AF_INET6 => {
                let address = address.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}
