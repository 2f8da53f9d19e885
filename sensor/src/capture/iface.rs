//! Facts about this machine's interfaces, in the network namespace of the thread that asks.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use ipnet::IpNet;
use libc::{c_int, c_void};

use super::error::CaptureError;
use super::port;
use crate::types::{Iface, Mac};

/// The addresses of all interfaces at one moment. To read them asks the kernel twice for everything it has: who wants to
/// know several things reads once.
#[derive(Debug)]
pub struct Addresses(Vec<Address>);

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

    fn mac_of(&self, iface: Iface) -> Option<Mac> {
        self.0.iter().filter(|address| address.name == iface.as_str()).find_map(Address::station)
    }
}

/// The kernel's own table of IPv4 neighbours that answered: `/proc/net/arp`.
pub fn neighbours() -> Vec<(Iface, Ipv4Addr, Mac)> {
    let table = std::fs::read_to_string("/proc/thread-self/net/arp").unwrap_or_default();
    neighbours_in(&table)
}

/// IP address, HW type, Flags, HW address, Mask, Device.
fn neighbours_in(table: &str) -> Vec<(Iface, Ipv4Addr, Mac)> {
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

/// The interface of the default route: of IPv4 with the lowest metric, else of IPv6.
pub fn default_route_iface() -> Option<Iface> {
    // Not /proc/net: that is the namespace of the process's first thread.
    let read = |name| std::fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
    default_ipv4(&read("route")).or_else(|| default_ipv6(&read("ipv6_route")))
}

/// The number of an interface that can be captured, or why it cannot.
pub(super) fn index(iface: Iface) -> Result<u32, CaptureError> {
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
pub(super) fn look(iface: Iface) -> Option<port::Link> {
    number_of(iface).and_then(look_at)
}

/// How the interface of this number looks now; nothing when it is gone.
pub(super) fn look_at(index: u32) -> Option<port::Link> {
    let name = name_of(index)?;
    let mut request = Request::new(name);
    request.call(&control_socket().ok()?, libc::SIOCGIFFLAGS as libc::Ioctl).ok()?;
    let flags = i32::from(i16::from_ne_bytes(request.value()));
    let is_up = flags & libc::IFF_UP != 0;
    Some(port::Link { index, name, is_up, has_carrier: flags & libc::IFF_RUNNING != 0 })
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

/// The XDP program attached to an interface: ` 12 (name)`, or nothing when the kernel does not tell.
pub(super) fn xdp_owner(index: u32) -> String {
    let Ok(Some(id)) = xdp_program(index) else { return String::new() };
    let name = aya::programs::loaded_programs()
        .filter_map(Result::ok)
        .find(|program| program.id() == id)
        .and_then(|program| program.name_as_str().map(str::to_owned));
    name.filter(|name| !name.is_empty()).map_or_else(|| format!(" {id}"), |name| format!(" {id} ({name})"))
}

/// `linux/sockios.h`.
pub(super) const SIOCETHTOOL: libc::Ioctl = 0x8946;

/// `struct ifreq` as bytes: a name and a union that each request reads its own way.
#[repr(C, align(8))]
pub(super) struct Request([u8; 40]);

const _: () = assert!(mem::size_of::<libc::ifreq>() <= 40);

impl Request {
    pub(super) fn new(iface: Iface) -> Self {
        let mut bytes = [0; 40];
        let name = iface.as_str().as_bytes();
        bytes[..name.len()].copy_from_slice(name);
        Self(bytes)
    }

    pub(super) fn point_to(&mut self, data: *mut c_void) {
        let address = (data as usize).to_ne_bytes();
        self.0[16..16 + address.len()].copy_from_slice(&address);
    }

    pub(super) fn call(&mut self, socket: &OwnedFd, request: libc::Ioctl) -> io::Result<()> {
        // SAFETY: the kernel reads and writes at most a `struct ifreq`, which is not larger than these bytes; the
        // one request with a pointer in it has it to memory that outlives the call.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), request, self.0.as_mut_ptr()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn value<const N: usize>(&self) -> [u8; N] {
        let mut value = [0; N];
        value.copy_from_slice(&self.0[16..16 + N]);
        value
    }
}

pub(super) fn control_socket() -> io::Result<OwnedFd> {
    socket(libc::AF_INET, libc::SOCK_DGRAM, 0).or_else(|_| socket(libc::AF_INET6, libc::SOCK_DGRAM, 0))
}

/// A socket that is closed on exec.
pub(super) fn socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just opened, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets a socket option to a plain value.
pub(super) fn set_option<T: Copy>(socket: &OwnedFd, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    let len = mem::size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel reads `len` bytes from a reference to a value of that size.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), len) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn known() -> String {
    let addresses = addresses().map_or(Vec::new(), |addresses| addresses.0);
    let names: BTreeSet<_> = addresses.into_iter().map(|address| address.name).collect();
    if names.is_empty() { "none".into() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
}

#[derive(Debug)]
struct Address {
    name: String,
    value: Value,
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
enum Value {
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
unsafe fn value(address: *const libc::sockaddr, mask: *const libc::sockaddr) -> Value {
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
unsafe fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
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

/// `/proc/net/route`: Iface Destination Gateway Flags RefCnt Use Metric Mask ...
fn default_ipv4(table: &str) -> Option<Iface> {
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
fn default_ipv6(table: &str) -> Option<Iface> {
    let routes = table.lines().filter_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let metric = u32::from_str_radix(columns.get(5)?, 16).ok()?;
        let iface = *columns.get(9)?;
        // The kernel's own "unreachable" route stands on lo.
        let is_default = columns[0].bytes().all(|b| b == b'0') && columns[1] == "00" && iface != "lo";
        is_default.then_some((metric, Iface::new(iface)?))
    });
    routes.min_by_key(|&(metric, _)| metric).map(|(_, iface)| iface)
}

/// What the kernel knows an interface by, and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub index: u32,
    /// Its station, where it has one.
    pub mac: Option<Mac>,
    /// Its addresses, each with its prefix.
    pub addresses: Vec<IpNet>,
    /// The kind of a link that software makes: `veth`, `bridge`, `tun`, `wireguard`, `vlan`, ... Absent for hardware.
    pub kind: Option<String>,
}

impl Link {
    /// Reads it, but for what is among the addresses.
    pub fn of(iface: Iface, addresses: &Addresses) -> io::Result<Self> {
        let name = CString::new(iface.as_str()).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: `name` is a C string that outlives the call.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        if index == 0 {
            return Err(io::Error::last_os_error());
        }
        let attributes = link_attributes(index)?;
        let kind = attribute(&attributes, libc::IFLA_LINKINFO).and_then(|info| attribute(info, IFLA_INFO_KIND));
        let kind =
            kind.map(|kind| String::from_utf8_lossy(kind.split(|&b| b == 0).next().unwrap_or_default()).into_owned());
        Ok(Self { index, mac: addresses.mac_of(iface), addresses: addresses.of(iface).into_iter().collect(), kind })
    }

    /// Whether it leads to other machines only by way of software: containers, virtual machines, tunnels. A VLAN, a bond
    /// or a team is as real as what is below it.
    pub fn is_virtual(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| !matches!(kind, "vlan" | "bond" | "team" | "macvlan" | "ipvlan"))
    }
}

/// Whether an XDP program is attached to an interface (`IFLA_XDP_ATTACHED`).
pub(super) fn has_xdp(index: u32) -> io::Result<bool> {
    let attributes = link_attributes(index)?;
    let attached = attribute(&attributes, libc::IFLA_XDP).and_then(|xdp| attribute(xdp, IFLA_XDP_ATTACHED));
    Ok(attached.is_some_and(|attached| attached != [0]))
}

/// How many hold the interface in promiscuous mode (`IFLA_PROMISCUITY`).
pub(super) fn promiscuity(index: u32) -> io::Result<u32> {
    let attributes = link_attributes(index)?;
    let holders = attribute(&attributes, libc::IFLA_PROMISCUITY).and_then(|holders| holders.first_chunk());
    Ok(holders.copied().map_or(0, u32::from_ne_bytes))
}

/// Asks rtnetlink for an interface's `IFLA_XDP_PROG_ID`.
fn xdp_program(index: u32) -> io::Result<Option<u32>> {
    let attributes = link_attributes(index)?;
    let xdp = attribute(&attributes, libc::IFLA_XDP);
    Ok(xdp
        .and_then(|xdp| attribute(xdp, IFLA_XDP_PROG_ID))
        .and_then(|id| id.first_chunk())
        .copied()
        .map(u32::from_ne_bytes))
}

/// Asks rtnetlink for an interface's attributes (rtnetlink(7), `RTM_GETLINK`).
fn link_attributes(index: u32) -> io::Result<Vec<u8>> {
    let socket = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
    let mut request = [0_u8; 32];
    request[0..4].copy_from_slice(&32_u32.to_ne_bytes());
    request[4..6].copy_from_slice(&libc::RTM_GETLINK.to_ne_bytes());
    request[6..8].copy_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    request[20..24].copy_from_slice(&index.to_ne_bytes());
    // SAFETY: the kernel reads as many bytes as the array has.
    let sent = unsafe { libc::send(socket.as_raw_fd(), request.as_ptr().cast(), request.len(), 0) };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut answer = vec![0_u8; 16 << 10];
    // The kernel has queued its answer when `send` returns.
    // SAFETY: the kernel writes at most as many bytes as the buffer has.
    let got = unsafe { libc::recv(socket.as_raw_fd(), answer.as_mut_ptr().cast(), answer.len(), libc::MSG_DONTWAIT) };
    let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
    // Behind the message's header (16 bytes) and `struct ifinfomsg` (16) stand the attributes.
    Ok(answer.get(32..got).unwrap_or_default().to_vec())
}

/// `linux/if_link.h`.
const IFLA_XDP_ATTACHED: u16 = 2;
const IFLA_XDP_PROG_ID: u16 = 4;
const IFLA_INFO_KIND: u16 = 1;

pub(super) fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let Some((head, _)) = attributes.split_first_chunk::<4>() {
        let len = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & 0x3fff;
        let value = attributes.get(4..len)?;
        if kind == wanted {
            return Some(value);
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

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
