//! Notifications of the kernel about changed interfaces and addresses (rtnetlink(7)). A notification only triggers a
//! query of the current state, which is also polled: a lost notification delays a change by one second at most (ten for
//! an address).

use std::io;
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::system::netlink::{Message, Netlink};

/// A netlink socket that receives notifications.
pub(crate) struct LinkMonitor {
    socket: AsyncFd<Netlink>,
}

/// Notifications about added, removed and changed interfaces.
pub(crate) const LINKS: libc::c_int = libc::RTMGRP_LINK;
/// Notifications about added, renewed and removed addresses. Router advertisements can cause any number of them.
pub(crate) const ADDRESSES: libc::c_int = libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;

/// Maximum number of datagrams received in one call.
const DATAGRAMS_MAX: usize = 256;

impl LinkMonitor {
    /// Subscribes to `groups`: [`LINKS`], [`ADDRESSES`] or both.
    pub(crate) fn open(groups: libc::c_int) -> io::Result<Self> {
        let socket = Netlink::open(libc::NETLINK_ROUTE, groups.cast_unsigned())?;
        // SAFETY: the `OwnedFd` inside owns its descriptor, and keeps it open and the same until it is dropped.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { socket })
    }

    /// Ready when notifications are waiting; clears the readiness.
    pub(crate) fn poll_woken(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_read_ready(cx).map_ok(|mut guard| guard.clear_ready())
    }

    /// Receives waiting notifications and appends the numbers of removed interfaces to `gone`. Returns whether anything
    /// may have changed.
    pub(crate) fn take(&mut self, gone: &mut Vec<u32>) -> bool {
        let mut found = false;
        for _ in 0..DATAGRAMS_MAX {
            let taken = self.socket.get_ref().receive(|message| gone.extend(removed(message)));
            match taken.map_err(|error| error.raw_os_error()) {
                // The buffer overflowed and notifications were lost: the query of the state finds the changes.
                Ok(()) | Err(Some(libc::EINTR | libc::ENOBUFS)) => found = true,
                Err(_) => return found,
            }
        }
        found
    }
}

/// The number of the interface that a notification reports as removed.
fn removed(message: &Message<'_>) -> Option<u32> {
    // `struct ifinfomsg`: family, padding, type, index, ... A port that leaves a bridge is also reported as removed,
    // but with the family `AF_BRIDGE`.
    let info = message.body.first_chunk::<16>()?;
    let is_removal = message.kind == libc::RTM_DELLINK && libc::c_int::from(info[0]) == libc::AF_UNSPEC;
    is_removal.then(|| u32::from_ne_bytes([info[4], info[5], info[6], info[7]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: u16, family: libc::c_int, len: usize, expected: Option<u32>) {
        let mut body = [0; 24];
        body[0] = family as u8;
        body[4..8].copy_from_slice(&4_u32.to_ne_bytes());
        assert_eq!(removed(&Message { kind, body: &body[..len] }), expected);
    }

    #[test]
    fn removed_interfaces_are_found() {
        check(libc::RTM_DELLINK, libc::AF_UNSPEC, 24, Some(4));
        check(libc::RTM_NEWLINK, libc::AF_UNSPEC, 24, None);
        check(libc::RTM_DELLINK, libc::AF_BRIDGE, 24, None);
        check(libc::RTM_DELLINK, libc::AF_UNSPEC, 15, None);
    }
}
