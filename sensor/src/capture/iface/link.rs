//! Properties of one interface, read by rtnetlink: number, MAC, addresses, kind and XDP program.

use std::io;

use ipnet::IpNet;

use crate::capture::iface::addresses::Addresses;
use crate::system::ifreq::number_of;
use crate::system::netlink::{Netlink, attribute, text};
use sensor_core::types::{Iface, Mac};

/// `linux/if_link.h`.
const IFLA_XDP_ATTACHED: u16 = 2;
const IFLA_XDP_PROG_ID: u16 = 4;
const IFLA_INFO_KIND: u16 = 1;

/// Properties of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number for it (interface index).
    pub index: u32,
    /// Its MAC, if it has one.
    pub mac: Option<Mac>,
    /// Its addresses, each with its prefix length.
    pub addresses: Vec<IpNet>,
    /// Kind of a software interface: `veth`, `bridge`, `tun`, `wireguard`, `vlan`, ... `None` for hardware.
    pub kind: Option<String>,
}

impl Link {
    /// Reads the properties; MAC and addresses are taken from `addresses`.
    pub fn of(iface: Iface, addresses: &Addresses) -> io::Result<Self> {
        let index = number_of(iface.as_str())?;
        let attributes = link_attributes(index)?;
        let kind = attribute(&attributes, libc::IFLA_LINKINFO).and_then(|info| attribute(info, IFLA_INFO_KIND));
        let kind = kind.map(text);
        Ok(Self { index, mac: addresses.mac_of(iface), addresses: addresses.of(iface).into_iter().collect(), kind })
    }

    /// Whether it connects only containers, virtual machines or tunnels. VLANs, bonds and similar interfaces on top of
    /// another one do not count as virtual.
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

/// The XDP program attached to an interface: ` 12 (name)`; empty when the kernel does not report it.
pub(crate) fn xdp_owner(index: u32) -> String {
    let Ok(Some(id)) = xdp_program(index) else { return String::new() };
    let name = aya::programs::loaded_programs()
        .filter_map(Result::ok)
        .find(|program| program.id() == id)
        .and_then(|program| program.name_as_str().map(str::to_owned));
    name.filter(|name| !name.is_empty()).map_or_else(|| format!(" {id}"), |name| format!(" {id} ({name})"))
}

/// Number of holders that keep the interface in promiscuous mode (`IFLA_PROMISCUITY`).
pub(crate) fn promiscuity(index: u32) -> io::Result<u32> {
    let attributes = link_attributes(index)?;
    let holders = attribute(&attributes, libc::IFLA_PROMISCUITY).and_then(|holders| holders.first_chunk());
    Ok(holders.copied().map_or(0, u32::from_ne_bytes))
}

/// The number of an interface's XDP program (`IFLA_XDP_PROG_ID`).
fn xdp_program(index: u32) -> io::Result<Option<u32>> {
    let attributes = link_attributes(index)?;
    let xdp = attribute(&attributes, libc::IFLA_XDP).and_then(|xdp| attribute(xdp, IFLA_XDP_PROG_ID));
    Ok(xdp.and_then(|id| id.first_chunk()).copied().map(u32::from_ne_bytes))
}

/// An interface's attributes (rtnetlink(7), `RTM_GETLINK`): the bytes after `struct ifinfomsg`.
fn link_attributes(index: u32) -> io::Result<Vec<u8>> {
    let mut question = [0_u8; 16];
    question[4..8].copy_from_slice(&index.to_ne_bytes());
    let mut answer = Netlink::open(libc::NETLINK_ROUTE, 0)?.ask(libc::RTM_GETLINK, &question)?;
    answer.drain(..answer.len().min(16));
    Ok(answer)
}
