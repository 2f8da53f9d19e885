//! Netlink (netlink(7)): a question and its answer, whole dumps, and messages that the kernel sends unasked. Messages are
//! handed on as bytes behind their header; attributes are looked up in them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{RecvFlags, SendFlags, bind, recv, send};

use crate::system::socket::socket;

/// A datagram of the kernel's is at most this long.
const DATAGRAM_MAX: usize = 32 << 10;
/// `struct nlmsghdr`: length, type, flags, sequence, port.
const HEADER: usize = 16;

/// A netlink socket.
pub(crate) struct Netlink(OwnedFd);

/// One message of the kernel's.
pub(crate) struct Message<'a> {
    /// Its type, such as `RTM_NEWLINK`.
    pub(crate) kind: u16,
    /// What follows the header: the family's own struct, then attributes.
    pub(crate) body: &'a [u8],
}

impl Netlink {
    /// Opens one of `NETLINK_ROUTE`, `NETLINK_GENERIC`, ...; `groups` are those whose messages come unasked, 0 for none.
    pub(crate) fn open(protocol: libc::c_int, groups: u32) -> io::Result<Self> {
        let socket = socket(libc::AF_NETLINK, libc::SOCK_RAW, protocol)?;
        if groups != 0 {
            bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        }
        Ok(Self(socket))
    }

    /// Asks one question and gives the answer's body. An answer that is an error is `Unsupported`.
    pub(crate) fn ask(&self, kind: u16, body: &[u8]) -> io::Result<Vec<u8>> {
        self.send(kind, libc::NLM_F_REQUEST, body)?;
        let mut answer = Vec::new();
        self.receive(|message| {
            if message.kind != libc::NLMSG_ERROR as u16 {
                answer.extend_from_slice(message.body);
            }
        })?;
        if answer.is_empty() { Err(io::ErrorKind::Unsupported.into()) } else { Ok(answer) }
    }

    /// Asks for everything of a kind (`NLM_F_DUMP`) and hands on each message.
    pub(crate) fn dump(&self, kind: u16, body: &[u8], mut take: impl FnMut(&Message<'_>)) -> io::Result<()> {
        self.send(kind, libc::NLM_F_REQUEST | libc::NLM_F_DUMP, body)?;
        let mut is_done = false;
        while !is_done {
            self.receive(|message| match libc::c_int::from(message.kind) {
                libc::NLMSG_DONE | libc::NLMSG_ERROR => is_done = true,
                _ => take(message),
            })?;
        }
        Ok(())
    }

    /// Takes one datagram that is waiting and hands on its messages; `WouldBlock` when there is none, `ENOBUFS` when the
    /// kernel had more to say than the socket could hold.
    pub(crate) fn receive(&self, mut take: impl FnMut(&Message<'_>)) -> io::Result<()> {
        let mut buffer = vec![0_u8; DATAGRAM_MAX];
        // The kernel queues its answer before the question's `send` returns.
        let (got, _) = recv(&self.0, &mut buffer[..], RecvFlags::DONTWAIT)?;
        messages(&buffer[..got], &mut take);
        Ok(())
    }

    fn send(&self, kind: u16, flags: libc::c_int, body: &[u8]) -> io::Result<()> {
        let len = u32::try_from(HEADER + body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut request = vec![0_u8; HEADER];
        request[0..4].copy_from_slice(&len.to_ne_bytes());
        request[4..6].copy_from_slice(&kind.to_ne_bytes());
        request[6..8].copy_from_slice(&(flags as u16).to_ne_bytes());
        request.extend_from_slice(body);
        send(&self.0, &request, SendFlags::empty())?;
        Ok(())
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl std::os::fd::AsRawFd for Netlink {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsRawFd::as_raw_fd(&self.0)
    }
}

/// The messages of a datagram.
fn messages(mut bytes: &[u8], take: &mut impl FnMut(&Message<'_>)) {
    while let Some(head) = bytes.first_chunk::<HEADER>() {
        let len = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(body) = bytes.get(HEADER..len) else { return };
        take(&Message { kind: u16::from_ne_bytes([head[4], head[5]]), body });
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
}

/// The value of an attribute among `attributes` (`struct nlattr`, `struct rtattr`: length, type, value).
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

/// A text attribute: up to its first zero byte.
pub(crate) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(bytes: &[u8]) -> Vec<(u16, usize)> {
        let mut found = Vec::new();
        messages(bytes, &mut |message| found.push((message.kind, message.body.len())));
        found
    }

    fn message(kind: u16, body: usize) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + body];
        let len = u32::try_from(bytes.len()).expect("short");
        bytes[0..4].copy_from_slice(&len.to_ne_bytes());
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_datagram_may_hold_several_messages() {
        assert_eq!(kinds(&[message(16, 16), message(17, 3), message(18, 0)].concat()), [(16, 16), (17, 3), (18, 0)]);
    }

    #[test]
    fn what_makes_no_sense_says_nothing() {
        assert_eq!(kinds(&[]), []);
        assert_eq!(kinds(&[0; 64]), []);
        assert_eq!(kinds(&message(16, 16)[..20]), []);
        assert_eq!(kinds(&[0xff; 40]), []);
    }

    #[test]
    fn attributes_are_found_by_type() {
        let bytes = [5, 0, 1, 0, b'x', 0, 0, 0, 6, 0, 2, 0x80, b'a', 0, 0, 0];
        assert_eq!(attribute(&bytes, 1), Some(&b"x"[..]));
        assert_eq!(attribute(&bytes, 2).map(text), Some("a".to_owned()), "flags in the type are left out");
        assert_eq!(attribute(&bytes, 3), None);
        assert_eq!(attribute(&bytes[..9], 2), None);
    }
}
