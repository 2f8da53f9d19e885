//! Frames from a packet socket inside a namespace: what no daemon of Debian's sends on request.

use std::ffi::CString;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;

use anyhow::Context as _;
use sensor::types::Mac;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};

use super::namespace::Namespace;

/// An ARP request, behind VLAN tags (802.1ad outside where there are two).
pub fn arp_request(mac: Mac, ip: Ipv4Addr, target: Ipv4Addr, vlans: &[u16]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(60);
    frame.extend_from_slice(&Mac::BROADCAST.0);
    frame.extend_from_slice(&mac.0);
    for (place, vlan) in vlans.iter().enumerate() {
        let ethertype: u16 = if place + 1 < vlans.len() { 0x88a8 } else { 0x8100 };
        frame.extend_from_slice(&ethertype.to_be_bytes());
        frame.extend_from_slice(&vlan.to_be_bytes());
    }
    frame.extend_from_slice(&[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend_from_slice(&mac.0);
    frame.extend_from_slice(&ip.octets());
    frame.extend_from_slice(&[0; 6]);
    frame.extend_from_slice(&target.octets());
    frame.resize(frame.len().max(60), 0);
    frame
}

/// Sends frames in order; each is sent, or the whole fails.
pub fn send(namespace: &Namespace, iface: &str, frames: &[Vec<u8>]) -> anyhow::Result<()> {
    storm(namespace, iface, frames, 1)
}

/// Sends all frames in order, `times` times over.
pub fn storm(namespace: &Namespace, iface: &str, frames: &[Vec<u8>], times: u32) -> anyhow::Result<()> {
    namespace.enter(|| {
        // Of protocol 0 it hears nothing.
        let socket = open(iface, 0).context("packet socket")?;
        for _ in 0..times {
            for frame in frames {
                while let Err(error) = socket.send(frame) {
                    // The device's queue is full for a moment: nothing may be left out.
                    anyhow::ensure!(error.raw_os_error() == Some(libc::ENOBUFS), "send: {error}");
                    std::thread::yield_now();
                }
            }
        }
        Ok(())
    })
}

/// A packet socket on `iface` that hears frames of the protocol (`linux/if_ether.h`).
pub(super) fn open(iface: &str, protocol: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
    let name = CString::new(iface).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: `name` is a C string that outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: the storage is large enough for any address and all zeros is a valid `sockaddr_ll`.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index.cast_signed();
    let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the family and the length are those of the `sockaddr_ll` just written.
    socket.bind(&unsafe { SockAddr::new(storage, len) })?;
    Ok(socket)
}

/// A receive buffer past the limit that is set for programs without privilege.
pub(super) fn set_receive_buffer(socket: &Socket, bytes: usize) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option takes one `int`, which lives here.
    let set = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, (&raw const bytes).cast(), len)
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
