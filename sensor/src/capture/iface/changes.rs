//! What the kernel tells about interfaces that come, go and change, and about their addresses: rtnetlink(7). A message is
//! only a reason to look: what is true is asked for anew, so that a message that was lost costs a second at most (ten, of
//! an address).

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::capture::iface::socket::socket;

/// The socket.
pub(crate) struct Links {
    socket: AsyncFd<OwnedFd>,
}

/// Interfaces that come, go and change.
pub(crate) const LINKS: libc::c_int = libc::RTMGRP_LINK;
/// Addresses that are given, kept and taken away. Whoever may send router advertisements causes as many as he likes.
pub(crate) const ADDRESSES: libc::c_int = libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;

/// Messages taken before anything else is looked at.
const MESSAGES_MAX: usize = 256;

impl Links {
    /// To hear of `groups`.
    pub(crate) fn open(groups: libc::c_int) -> io::Result<Self> {
        let socket = socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_NONBLOCK, libc::NETLINK_ROUTE)?;
        // SAFETY: the struct is made of integers, for which zeros are a value.
        let mut address: libc::sockaddr_nl = unsafe { mem::zeroed() };
        address.nl_family = libc::AF_NETLINK as u16;
        address.nl_groups = groups as u32;
        let len = mem::size_of_val(&address) as libc::socklen_t;
        // SAFETY: the kernel reads `len` bytes from a value of that size.
        if unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the `OwnedFd` owns its descriptor, and keeps it open and the same until it is dropped.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { socket })
    }

    /// Ready when there is something to take. The readiness is taken.
    pub(crate) fn poll_woken(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_read_ready(cx).map_ok(|mut guard| guard.clear_ready())
    }

    /// Takes what is waiting. The numbers of interfaces that are gone go to `gone`; answers whether there is a reason to
    /// look.
    pub(crate) fn take(&mut self, gone: &mut Vec<u32>) -> bool {
        let mut buffer = [0_u8; 16 << 10];
        let mut found = false;
        for _ in 0..MESSAGES_MAX {
            // SAFETY: the kernel writes at most as many bytes as the buffer has.
            let got = unsafe {
                libc::recv(self.socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT)
            };
            match usize::try_from(got) {
                Ok(got) => removals(&buffer[..got], gone),
                Err(_) => match io::Error::last_os_error().raw_os_error() {
                    Some(libc::EINTR) => {}
                    // Too many at once: some are lost, and the look finds out.
                    Some(libc::ENOBUFS) => {}
                    _ => return found,
                },
            }
            found = true;
        }
        found
    }
}

/// The numbers of the interfaces that a datagram's messages say are gone.
fn removals(mut messages: &[u8], gone: &mut Vec<u32>) {
    // `struct nlmsghdr` (16 bytes: length, type, ...), then `struct ifinfomsg` (16 bytes: family, -, type, index, ...).
    while let Some(head) = messages.get(..32) {
        let len = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = u16::from_ne_bytes([head[4], head[5]]);
        // A bridge port that leaves its bridge is told as removed too, in the bridge's family.
        if kind == libc::RTM_DELLINK && i32::from(head[16]) == libc::AF_UNSPEC && len >= 32 {
            gone.push(u32::from_ne_bytes([head[20], head[21], head[22], head[23]]));
        }
        if len < 16 {
            return;
        }
        messages = messages.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, family: u8, index: u32) -> Vec<u8> {
        let mut bytes = vec![0; 40];
        bytes[0..4].copy_from_slice(&40_u32.to_ne_bytes());
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[16] = family;
        bytes[20..24].copy_from_slice(&index.to_ne_bytes());
        bytes
    }

    #[track_caller]
    fn check(messages: &[u8], expected: &[u32]) {
        let mut gone = Vec::new();
        removals(messages, &mut gone);
        assert_eq!(gone, expected);
    }

    #[test]
    fn removed_interfaces_are_found() {
        let (new, gone) = (message(libc::RTM_NEWLINK, 0, 3), message(libc::RTM_DELLINK, 0, 4));
        check(&[new.clone(), gone.clone(), new, message(libc::RTM_DELLINK, 0, 5)].concat(), &[4, 5]);
        check(&message(libc::RTM_DELLINK, libc::AF_BRIDGE as u8, 4), &[]);
    }

    #[test]
    fn what_makes_no_sense_says_nothing() {
        check(&[], &[]);
        check(&[0; 64], &[]);
        check(&message(libc::RTM_DELLINK, 0, 4)[..20], &[]);
        check(&[0xff; 40], &[]);
    }
}
