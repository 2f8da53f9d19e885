//! What rtnetlink tells of one interface.

use crate::capture::iface::IFLA_INFO_KIND;
use crate::capture::iface::IFLA_XDP_ATTACHED;
use crate::capture::iface::IFLA_XDP_PROG_ID;
use crate::capture::iface::addresses::Addresses;
use crate::capture::iface::socket::socket;
use ipnet::IpNet;
use sensor_core::types::{Iface, Mac};
use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd;

/// The XDP program attached to an interface: ` 12 (name)`, or nothing when the kernel does not tell.
pub(crate) fn xdp_owner(index: u32) -> String {
    let Ok(Some(id)) = xdp_program(index) else { return String::new() };
    let name = aya::programs::loaded_programs()
        .filter_map(Result::ok)
        .find(|program| program.id() == id)
        .and_then(|program| program.name_as_str().map(str::to_owned));
    name.filter(|name| !name.is_empty()).map_or_else(|| format!(" {id}"), |name| format!(" {id} ({name})"))
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
pub(crate) fn has_xdp(index: u32) -> io::Result<bool> {
    let attributes = link_attributes(index)?;
    let attached = attribute(&attributes, libc::IFLA_XDP).and_then(|xdp| attribute(xdp, IFLA_XDP_ATTACHED));
    Ok(attached.is_some_and(|attached| attached != [0]))
}

/// How many hold the interface in promiscuous mode (`IFLA_PROMISCUITY`).
pub(crate) fn promiscuity(index: u32) -> io::Result<u32> {
    let attributes = link_attributes(index)?;
    let holders = attribute(&attributes, libc::IFLA_PROMISCUITY).and_then(|holders| holders.first_chunk());
    Ok(holders.copied().map_or(0, u32::from_ne_bytes))
}

/// Asks rtnetlink for an interface's `IFLA_XDP_PROG_ID`.
pub(crate) fn xdp_program(index: u32) -> io::Result<Option<u32>> {
    let attributes = link_attributes(index)?;
    let xdp = attribute(&attributes, libc::IFLA_XDP);
    Ok(xdp
        .and_then(|xdp| attribute(xdp, IFLA_XDP_PROG_ID))
        .and_then(|id| id.first_chunk())
        .copied()
        .map(u32::from_ne_bytes))
}

/// Asks rtnetlink for an interface's attributes (rtnetlink(7), `RTM_GETLINK`).
pub(crate) fn link_attributes(index: u32) -> io::Result<Vec<u8>> {
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

pub(crate) fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
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
