//! Raw and ping sockets, with many messages for each system call. A ping socket (Linux 3.0, IPv6 3.12) needs no
//! capability, only the user's group in `net.ipv4.ping_group_range`; the kernel chooses its identifier and filters its
//! replies.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::{Once, OnceLock};

use socket2::{Domain, Protocol, SockAddr, SockFilter, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::probe::cookie::COOKIE_LEN;
use crate::probe::icmp::error::IcmpError;
use crate::probe::icmp::family::Family;
use crate::system::socket::set_option;

/// The kind of socket that sends echo requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// Ping socket: without privilege, allowed by `net.ipv4.ping_group_range`.
    Ping,
    /// Raw socket: needs `CAP_NET_RAW`.
    Raw,
}

/// Maximum number of messages sent or received by one system call.
pub(super) const BATCH: usize = 64;
/// Size of the send and receive buffers in bytes: 16,384 small messages as the kernel accounts for them.
const BUFFER: i32 = 16 << 20;

/// One family's socket.
#[derive(Debug)]
pub(super) struct EchoSocket {
    /// Registered at the first wait: wake-ups cost the kernel time for each packet. Declared before the socket, because
    /// it must be dropped first.
    readiness: OnceLock<AsyncFd<RawFd>>,
    socket: Socket,
    family: Family,
    kind: SocketKind,
    ident: u16,
    /// Runs at the first reply to another program's request: from then on a kernel filter drops such replies.
    strangers: Once,
}

/// A received echo reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    pub from: IpAddr,
    pub hop_limit: Option<u8>,
    pub payload: &'a [u8],
}

impl EchoSocket {
    pub(super) fn open(family: Family, iface: Option<&str>) -> Result<Self, IcmpError> {
        let (domain, protocol) = match family {
            Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let opened = |kind| Socket::new(domain, kind, Some(protocol));
        let (kind, socket) = match opened(Type::RAW) {
            Ok(socket) => (SocketKind::Raw, socket),
            Err(raw) => match opened(Type::DGRAM) {
                Ok(socket) => (SocketKind::Ping, socket),
                Err(ping) => return Err(IcmpError::Refused { family: family.number(), raw, ping }),
            },
        };
        if let Some(iface) = iface {
            socket.bind_device(Some(iface.as_bytes())).map_err(|source| IcmpError::Iface {
                family: family.number(),
                iface: iface.to_owned(),
                source,
            })?;
        }
        let fail = |call| move |source| failed(family, call, source);
        raise_buffers(&socket);
        only_replies(&socket, family, kind).map_err(fail("filter"))?;
        let ident = identifier(&socket, family, kind).map_err(fail("bind"))?;
        match has_heads(family, kind) {
            true => set_option(&socket, libc::IPPROTO_IP, libc::IP_HDRINCL, &1_i32).map_err(fail("IP header"))?,
            false => request_hop_limit(&socket, family).map_err(fail("hop limit"))?,
        }
        socket.set_nonblocking(true).map_err(fail("non-blocking"))?;
        Ok(Self { readiness: OnceLock::new(), socket, family, kind, ident, strangers: Once::new() })
    }

    pub(super) fn kind(&self) -> SocketKind {
        self.kind
    }

    pub(super) fn as_socket(&self) -> &Socket {
        &self.socket
    }

    /// Ready when replies are waiting. Clears the readiness, so the caller must receive all of them. Within a tokio
    /// runtime only.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.readiness()?.readable().await.map(|mut guard| guard.clear_ready())
    }

    /// Ready when the socket can send again. Within a tokio runtime only.
    pub(super) async fn writable(&self) -> io::Result<()> {
        self.readiness()?.writable().await.map(|mut guard| guard.clear_ready())
    }

    fn readiness(&self) -> io::Result<&AsyncFd<RawFd>> {
        if let Some(readiness) = self.readiness.get() {
            return Ok(readiness);
        }
        let interest = Interest::READABLE.add(Interest::WRITABLE);
        // SAFETY: the socket keeps its descriptor open until after `readiness`, the field before it, was dropped.
        let readiness = unsafe { AsyncFd::register_with_interest(self.socket.as_raw_fd(), interest) };
        let readiness = readiness.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(self.readiness.get_or_init(|| readiness))
    }

    /// A request to `to` with this cookie.
    pub(super) fn question(&self, to: IpAddr, sequence: u16, cookie: &[u8; COOKIE_LEN]) -> EchoPacket {
        let mut packet = [0; PACKET_LEN];
        let (head, message) = packet.split_at_mut(IP_HEAD);
        if let IpAddr::V4(to) = to {
            head.copy_from_slice(&ip_head(to));
        }
        message.copy_from_slice(&question(self.family, self.ident, sequence, cookie));
        packet
    }

    /// Sends up to [`BATCH`] of the requests. Returns how many were sent; an error concerns the first one.
    pub(super) fn send(&self, questions: &[(EchoPacket, SockAddr)]) -> io::Result<usize> {
        // SAFETY: a `mmsghdr` and an `iovec` are integers and pointers, for which zeros are a value.
        let (mut messages, mut parts): ([libc::mmsghdr; BATCH], [libc::iovec; BATCH]) = unsafe { mem::zeroed() };
        let count = questions.len().min(BATCH);
        let begin = if has_heads(self.family, self.kind) { 0 } else { IP_HEAD };
        for ((packet, to), (message, part)) in questions.iter().zip(messages.iter_mut().zip(&mut parts)) {
            let question = &packet[begin..];
            part.iov_base = question.as_ptr().cast_mut().cast();
            part.iov_len = question.len();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
            message.msg_hdr.msg_namelen = to.len();
        }
        let fd = self.socket.as_raw_fd();
        // SAFETY: the first `count` headers point to requests and addresses that outlive the call, which only reads
        // them.
        let sent = unsafe { libc::sendmmsg(fd, messages.as_mut_ptr(), count as _, libc::MSG_DONTWAIT as _) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Receives up to [`BATCH`] messages and passes the replies to this socket's requests to `sink`. Returns how many
    /// were received.
    pub(super) fn receive(&self, inbox: &mut Inbox, mut sink: impl FnMut(Reply<'_>)) -> io::Result<usize> {
        let has_heads = has_heads(self.family, self.kind);
        let got = inbox.receive(&self.socket, !has_heads)?;
        for slot in 0..got {
            let (bytes, control, name) = inbox.message(slot);
            let split = match has_heads {
                true => split_head(bytes),
                false => Some((source(self.family, name), hop_limit(control), bytes)),
            };
            let Some((from, hop_limit, message)) = split else { continue };
            let Some((ident, payload)) = answer(self.family, message) else { continue };
            if ident == self.ident {
                sink(Reply { from, hop_limit, payload });
            } else {
                // If the filter cannot be set, such replies are ignored here.
                self.strangers.call_once(|| drop(only_ours(&self.socket, self.family, self.kind, self.ident)));
            }
        }
        Ok(got)
    }
}

/// The socket address of a request; `scope` is the interface's index, for a link-local address.
pub(super) fn destination(ip: IpAddr, scope: Option<u32>) -> SockAddr {
    SockAddr::from(match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, 0),
        IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, 0, 0, scope.unwrap_or(0))),
    })
}

pub(super) fn failed(family: Family, call: &'static str, source: io::Error) -> IcmpError {
    IcmpError::Call { family: family.number(), call, source }
}

/// Raises the buffers as far as allowed; beyond net.core.rmem_max and wmem_max it needs `CAP_NET_ADMIN`. The default
/// receive buffer overflows after some hundred replies.
pub(super) fn raise_buffers(socket: &impl AsFd) {
    let pairs = [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)];
    for (force, ask) in pairs {
        if set_option(socket, libc::SOL_SOCKET, force, &BUFFER).is_err() {
            drop(set_option(socket, libc::SOL_SOCKET, ask, &BUFFER));
        }
    }
}

/// Sets a filter for echo replies: a raw socket receives all ICMP messages of the machine (icmp(7), raw(7)).
pub(super) fn only_replies(socket: &impl AsFd, family: Family, kind: SocketKind) -> io::Result<()> {
    const ICMP_FILTER: i32 = 1;
    const ICMPV6_FILTER: i32 = 1;
    match (kind, family) {
        (SocketKind::Ping, _) => Ok(()),
        // A set bit blocks a message type.
        (SocketKind::Raw, Family::V4) => set_option(socket, libc::SOL_RAW, ICMP_FILTER, &!(1_u32 << ECHO_REPLY_V4)),
        (SocketKind::Raw, Family::V6) => {
            let mut kept_out = [u32::MAX; 8];
            kept_out[usize::from(ECHO_REPLY_V6 / 32)] &= !(1 << (ECHO_REPLY_V6 % 32));
            set_option(socket, libc::IPPROTO_ICMPV6, ICMPV6_FILTER, &kept_out)
        }
    }
}

/// Sets a filter for this socket's identifier: a raw socket receives the replies to all programs' requests, which could
/// fill its buffer.
pub(super) fn only_ours(socket: &impl AsFd, family: Family, kind: SocketKind, ident: u16) -> io::Result<()> {
    if kind == SocketKind::Ping {
        return Ok(());
    }
    let step = |code: u32, jt, jf, k| SockFilter::new(code as u16, jt, jf, k);
    // The IPv4 filter starts at the IP header, whose length it loads into X. The IPv6 filter starts at the message.
    let to_message = match family {
        Family::V4 => step(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0, 0, 0),
        Family::V6 => step(libc::BPF_LDX | libc::BPF_W | libc::BPF_IMM, 0, 0, 0),
    };
    let program = [
        to_message,
        step(libc::BPF_LD | libc::BPF_H | libc::BPF_IND, 0, 0, 4),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, ident.into()),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ];
    SockRef::from(socket).attach_filter(&program)
}

/// Requests the hop limit as a control message: IP_RECVTTL (ip(7)), IPV6_RECVHOPLIMIT (RFC 3542, section 6.3).
fn request_hop_limit(socket: &Socket, family: Family) -> io::Result<()> {
    match family {
        Family::V4 => set_option(socket, libc::IPPROTO_IP, libc::IP_RECVTTL, &1_i32),
        Family::V6 => set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, &1_i32),
    }
}

/// The identifier: of a ping socket the port that the kernel assigned, of a raw socket a random number.
fn identifier(socket: &Socket, family: Family, kind: SocketKind) -> io::Result<u16> {
    if kind == SocketKind::Raw {
        let [high, low, ..] = RandomState::new().hash_one("identifier").to_be_bytes();
        return Ok(u16::from_be_bytes([high, low]));
    }
    let any: IpAddr = match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = SockRef::from(socket);
    socket.bind(&SocketAddr::new(any, 0).into())?;
    Ok(socket.local_addr()?.as_socket().map_or(0, |address| address.port()))
}

const ECHO_REPLY_V4: u8 = 0;
const ECHO_REQUEST_V4: u8 = 8;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;

/// Length of an echo header in bytes: type, code, checksum, identifier, sequence number.
const HEAD: usize = 8;
/// Length of a request in bytes.
const QUESTION_LEN: usize = HEAD + COOKIE_LEN;
/// Length of an IPv4 header without options, in bytes.
const IP_HEAD: usize = 20;
/// Length of a request with its IPv4 header, in bytes.
const PACKET_LEN: usize = IP_HEAD + QUESTION_LEN;

/// A request, preceded by the IPv4 header for sockets that send it themselves.
pub(super) type EchoPacket = [u8; PACKET_LEN];

/// Whether packets include the IP header. A raw IPv4 socket sends them with it (raw(7), `IP_HDRINCL`), which saves the
/// kernel about 5 % of the cost. Received packets include it too, so no control messages are needed.
fn has_heads(family: Family, kind: SocketKind) -> bool {
    (family, kind) == (Family::V4, SocketKind::Raw)
}

/// The IPv4 header. The kernel fills in total length, source address and checksum.
fn ip_head(to: Ipv4Addr) -> [u8; IP_HEAD] {
    const VERSION_AND_LENGTH: u8 = 0x45;
    const DONT_FRAGMENT: u8 = 0x40;
    /// The default of RFC 1700 and of Linux.
    const TTL: u8 = 64;
    let [a, b, c, d] = to.octets();
    let icmp = libc::IPPROTO_ICMP as u8;
    [VERSION_AND_LENGTH, 0, 0, 0, 0, 0, DONT_FRAGMENT, 0, TTL, icmp, 0, 0, 0, 0, 0, 0, a, b, c, d]
}

fn question(family: Family, ident: u16, sequence: u16, cookie: &[u8; COOKIE_LEN]) -> [u8; QUESTION_LEN] {
    let mut question = [0; QUESTION_LEN];
    question[0] = match family {
        Family::V4 => ECHO_REQUEST_V4,
        Family::V6 => ECHO_REQUEST_V6,
    };
    question[4..6].copy_from_slice(&ident.to_be_bytes());
    question[6..8].copy_from_slice(&sequence.to_be_bytes());
    question[HEAD..].copy_from_slice(cookie);
    // The kernel fills in the checksum of ICMPv6 (RFC 3542, section 3.1), and of ping sockets.
    if family == Family::V4 {
        let sum = checksum(&question);
        question[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    question
}

/// The Internet checksum (RFC 1071) over an even number of bytes.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded + (folded >> 16)) as u16)
}

/// Source address, time to live and payload of an IPv4 packet (RFC 791, section 3.1).
fn split_head(packet: &[u8]) -> Option<(IpAddr, Option<u8>, &[u8])> {
    let (head, _) = packet.split_first_chunk::<IP_HEAD>()?;
    let message = packet.get(usize::from(head[0] & 0xf) * 4..)?;
    Some((Ipv4Addr::new(head[12], head[13], head[14], head[15]).into(), Some(head[8]), message))
}

/// Identifier and payload of an echo reply.
fn answer(family: Family, message: &[u8]) -> Option<(u16, &[u8])> {
    let (head, payload) = message.split_first_chunk::<HEAD>()?;
    let reply = match family {
        Family::V4 => ECHO_REPLY_V4,
        Family::V6 => ECHO_REPLY_V6,
    };
    (head[..2] == [reply, 0]).then_some((u16::from_be_bytes([head[4], head[5]]), payload))
}

/// The address in a `sockaddr_in` or `sockaddr_in6`.
fn source(family: Family, name: &[u8; NAME]) -> IpAddr {
    match family {
        Family::V4 => <[u8; 4]>::try_from(&name[4..8]).map_or(Ipv4Addr::UNSPECIFIED, Ipv4Addr::from).into(),
        Family::V6 => <[u8; 16]>::try_from(&name[8..24]).map_or(Ipv6Addr::UNSPECIFIED, Ipv6Addr::from).into(),
    }
}

/// The hop limit, the only control message that was requested: length, level, type, a C `int`.
fn hop_limit(control: &[u8]) -> Option<u8> {
    const HEAD: usize = mem::size_of::<libc::cmsghdr>();
    let kind: [u8; 8] = control.get(HEAD - 8..HEAD)?.try_into().ok()?;
    let (level, kind) = (i32::from_ne_bytes(*kind.first_chunk()?), i32::from_ne_bytes(*kind.last_chunk()?));
    let value = i32::from_ne_bytes(*control.get(HEAD..)?.first_chunk()?);
    match (level, kind) {
        (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => u8::try_from(value).ok(),
        _ => None,
    }
}

/// Bytes received of a message: the longest IPv4 header and a request.
const SNAP: usize = 60 + QUESTION_LEN;
/// Space in bytes for a control message with one `int`.
const CONTROL: usize = 32;
/// Size of a `sockaddr_in6`, the larger of the two.
const NAME: usize = mem::size_of::<libc::sockaddr_in6>();

/// The buffers of one `recvmmsg`.
pub(super) struct Inbox {
    controls: [Control; BATCH],
    messages: [[u8; SNAP]; BATCH],
    names: [[u8; NAME]; BATCH],
    lens: [(usize, usize); BATCH],
}

#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Control([u8; CONTROL]);

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox")
    }
}

impl Inbox {
    pub(super) fn new() -> Box<Self> {
        // SAFETY: every field is made of integers, for which zeros are a value.
        unsafe { Box::<Self>::new_zeroed().assume_init() }
    }

    /// Receives waiting messages, with senders' addresses and hop limits if `with_names` is set.
    fn receive(&mut self, socket: &Socket, with_names: bool) -> io::Result<usize> {
        // SAFETY: a `mmsghdr` and an `iovec` are integers and pointers, for which zeros are a value.
        let (mut messages, mut parts): ([libc::mmsghdr; BATCH], [libc::iovec; BATCH]) = unsafe { mem::zeroed() };
        for slot in 0..BATCH {
            parts[slot].iov_base = self.messages[slot].as_mut_ptr().cast();
            parts[slot].iov_len = SNAP;
            let head = &mut messages[slot].msg_hdr;
            head.msg_iov = &raw mut parts[slot];
            head.msg_iovlen = 1;
            if with_names {
                head.msg_name = self.names[slot].as_mut_ptr().cast();
                head.msg_namelen = NAME as libc::socklen_t;
                head.msg_control = self.controls[slot].0.as_mut_ptr().cast();
                head.msg_controllen = CONTROL as _;
            }
        }
        let (fd, flags) = (socket.as_raw_fd(), libc::MSG_DONTWAIT);
        // SAFETY: the headers point to buffers of the stated lengths, all of which outlive the call.
        let got = unsafe { libc::recvmmsg(fd, messages.as_mut_ptr(), BATCH as _, flags as _, std::ptr::null_mut()) };
        let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
        for (slot, message) in messages[..got].iter().enumerate() {
            #[allow(clippy::unnecessary_cast, reason = "the field is 32 bits wide with some C libraries")]
            let control_len = (message.msg_hdr.msg_controllen as usize).min(CONTROL);
            self.lens[slot] = ((message.msg_len as usize).min(SNAP), control_len);
        }
        Ok(got)
    }

    fn message(&self, slot: usize) -> (&[u8], &[u8], &[u8; NAME]) {
        let (len, control_len) = self.lens[slot];
        (&self.messages[slot][..len], &self.controls[slot].0[..control_len], &self.names[slot])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: [u8; COOKIE_LEN] = [7; COOKIE_LEN];

    /// The reply to a request.
    fn echoed(family: Family) -> Vec<u8> {
        let mut message = question(family, 0x1234, 1, &COOKIE).to_vec();
        message[0] = match family {
            Family::V4 => ECHO_REPLY_V4,
            Family::V6 => ECHO_REPLY_V6,
        };
        message
    }

    #[test]
    fn the_checksum_of_a_request_is_right() {
        // The sum over data with a correct checksum is zero (RFC 1071, section 1).
        assert_eq!(checksum(&question(Family::V4, 0xffff, 0xffff, &[0xff; COOKIE_LEN])), 0);
        assert_eq!(checksum(&question(Family::V4, 1, 2, &COOKIE)), 0);
    }

    #[test]
    fn a_reply_has_identifier_and_payload_of_the_request() {
        for family in [Family::V4, Family::V6] {
            assert_eq!(answer(family, &echoed(family)), Some((0x1234, &COOKIE[..])));
        }
    }

    #[test]
    fn ip_headers_of_any_length_are_read() {
        let from = Ipv4Addr::new(192, 0, 2, 7);
        for len in [20, 24, 60] {
            let mut packet = vec![0; len];
            packet[0] = 0x40 + len as u8 / 4;
            packet[8] = 63;
            packet[12..16].copy_from_slice(&from.octets());
            packet.extend(echoed(Family::V4));
            assert_eq!(split_head(&packet), Some((from.into(), Some(63), &echoed(Family::V4)[..])));
            assert_eq!(split_head(&packet[..len - 1]), None);
        }
    }

    #[test]
    fn other_messages_are_no_replies() {
        for (family, message) in [(Family::V4, &[][..]), (Family::V6, &echoed(Family::V6)[..7])] {
            assert_eq!(answer(family, message), None);
        }
        assert_eq!(split_head(&[0x4f; 30]), None);
        // The request itself on loopback, and "destination unreachable".
        assert_eq!(answer(Family::V4, &question(Family::V4, 1, 1, &COOKIE)), None);
        assert_eq!(answer(Family::V4, &[3, 1, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(answer(Family::V6, &[1, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
