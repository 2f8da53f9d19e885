//! Frames from a packet socket inside a namespace: what no Debian daemon sends on request.

use std::ffi::CString;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{io, mem};

use anyhow::Context as _;
use sensor_core::types::Mac;
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

/// Sends frames in order; fails when one of them cannot be sent.
pub fn send(namespace: &Namespace, iface: &str, frames: &[Vec<u8>]) -> anyhow::Result<()> {
    storm(namespace, iface, frames, 1)
}

/// Sends all frames in order, `times` times over.
pub fn storm(namespace: &Namespace, iface: &str, frames: &[Vec<u8>], times: u32) -> anyhow::Result<()> {
    namespace.enter(|| {
        // A socket with protocol 0 receives nothing.
        let socket = open(iface, 0).context("packet socket")?;
        for _ in 0..times {
            for frame in frames {
                while let Err(error) = socket.send(frame) {
                    // The device's queue is full for a moment: the frame is sent again.
                    anyhow::ensure!(error.raw_os_error() == Some(libc::ENOBUFS), "send: {error}");
                    std::thread::yield_now();
                }
            }
        }
        Ok(())
    })
}

/// Sends frames in order, over and over and many with one system call, at most so many a second, until it is told to
/// stop. Returns how many it sent.
pub fn flood(
    namespace: &Namespace,
    iface: &str,
    frames: &[Vec<u8>],
    per_s: u32,
    stop: &AtomicBool,
) -> anyhow::Result<u64> {
    namespace.enter(|| {
        let socket = open(iface, 0).context("packet socket")?;
        let begun = Instant::now();
        let mut sent = 0_u64;
        while !stop.load(Ordering::Relaxed) {
            let due = (begun.elapsed().as_secs_f64() * f64::from(per_s)) as u64;
            if sent >= due {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            let from = (sent % frames.len() as u64) as usize;
            match send_many(&socket, &frames[from..frames.len().min(from + TOGETHER)]) {
                Ok(count) => sent += count as u64,
                Err(error) => {
                    anyhow::ensure!(error.raw_os_error() == Some(libc::ENOBUFS), "send: {error}");
                    std::thread::yield_now();
                }
            }
        }
        Ok(sent)
    })
}

/// Frames that one system call hands over.
const TOGETHER: usize = 64;

/// Sends with one system call; returns how many of the frames, from the first, were sent.
fn send_many(socket: &Socket, frames: &[Vec<u8>]) -> io::Result<usize> {
    // SAFETY: a `mmsghdr` and an `iovec` are integers and pointers, for which zeros are a value.
    let (mut messages, mut parts): ([libc::mmsghdr; TOGETHER], [libc::iovec; TOGETHER]) = unsafe { mem::zeroed() };
    for ((frame, part), message) in frames.iter().zip(&mut parts).zip(&mut messages) {
        part.iov_base = frame.as_ptr().cast_mut().cast();
        part.iov_len = frame.len();
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
    }
    let count = frames.len().min(TOGETHER) as libc::c_uint;
    // SAFETY: the first `count` heads point to frames of the lengths they state, which are only read and outlive the
    // call.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// A packet socket on `iface` that receives frames of the protocol (`linux/if_ether.h`).
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
