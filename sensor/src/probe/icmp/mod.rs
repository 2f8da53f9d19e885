//! ICMP and ICMPv6 echo (RFC 792; RFC 4443, section 4).
//!
//! `Icmp` sends a request to one host and waits for the reply, by surge-ping. `EchoSweep` sends requests to many hosts
//! and keeps no state for each: a cookie in the payload is returned in the reply. `all_nodes` asks a whole IPv6
//! segment. Only an echo reply counts as an answer; an ICMP error does not, whoever sends it.

/// Errors of ICMP sockets.
pub mod error;
/// Address families.
pub mod family;
/// Raw and ping sockets.
pub mod socket;
/// Echo requests to many hosts, without state for each.
pub mod sweep;
/// Echo request to all nodes of an IPv6 segment.
pub mod all_nodes;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};

use crate::probe::icmp::error::IcmpError;
use crate::probe::icmp::family::Family;
use crate::probe::icmp::socket::SocketKind;

use crate::probe::cookie::Cookies;

/// An echo reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Round-trip time.
    pub rtt: Duration,
    /// Time to live or hop limit of the reply, where the socket reports it.
    pub hop_limit: Option<u8>,
}

/// Sends echo requests to single hosts, of either family and concurrently.
#[derive(Debug)]
pub struct Icmp {
    v4: Result<PingClient, IcmpError>,
    v6: Result<PingClient, IcmpError>,
    /// For unpredictable sequence numbers: the library does not return the payload, so cookies cannot be verified.
    key: RandomState,
    asked: AtomicU64,
    /// Makes the same payloads as a sweep, so that all requests look the same in a capture.
    cookies: Cookies,
}

impl Icmp {
    /// Opens a socket for each family, on one interface or on all. Within a tokio runtime only. When a socket cannot be
    /// opened, [`Icmp::echo`] returns `None` for its family and [`Icmp::kind`] the error.
    pub fn open(iface: Option<&str>) -> Self {
        let key = RandomState::new();
        let [high, low, ..] = key.hash_one("identifier").to_be_bytes();
        let ident = u16::from_be_bytes([high, low]);
        Self {
            v4: PingClient::open(Family::V4, iface, ident),
            v6: PingClient::open(Family::V6, iface, ident),
            key,
            asked: AtomicU64::new(0),
            cookies: Cookies::new(Duration::MAX),
        }
    }

    /// The kind of the family's socket, or why there is none.
    pub fn kind(&self, family: Family) -> Result<SocketKind, &IcmpError> {
        self.ping_client(family).map(|ping_client| ping_client.kind)
    }

    /// Sends one request. `scope` is the interface's index, for a link-local address. `None`: no echo reply within
    /// `timeout`.
    pub async fn echo(&self, ip: IpAddr, scope: Option<u32>, timeout: Duration) -> Option<Echo> {
        let ping_client = self.ping_client(Family::of(ip)).ok()?;
        let payload = self.cookies.seal(ip, self.cookies.now());
        let mut pinger = ping_client.client.pinger(ip, PingIdentifier(ping_client.ident)).await;
        pinger.timeout(timeout).scope_id(scope.unwrap_or(0));
        for _ in 0..COLLISIONS_MAX {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            let [high, low, ..] = self.key.hash_one((ip, number)).to_be_bytes();
            match pinger.ping(PingSequence(u16::from_be_bytes([high, low])), &payload).await {
                Ok((packet, rtt)) => return hop_limit_of(&packet).map(|hop_limit| Echo { rtt, hop_limit }),
                // Another request to the same host has the same sequence number.
                Err(SurgeError::IdenticalRequests { .. }) => {}
                Err(_) => return None,
            }
        }
        None
    }

    fn ping_client(&self, family: Family) -> Result<&PingClient, &IcmpError> {
        match family {
            Family::V4 => self.v4.as_ref(),
            Family::V6 => self.v6.as_ref(),
        }
    }
}

/// Attempts to find a sequence number that no other request to the same host uses.
const COLLISIONS_MAX: usize = 4;

/// surge-ping's client for one family.
struct PingClient {
    client: Client,
    kind: SocketKind,
    ident: u16,
}

impl std::fmt::Debug for PingClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PingClient({:?})", self.kind)
    }
}

impl PingClient {
    fn open(family: Family, iface: Option<&str>, ident: u16) -> Result<Self, IcmpError> {
        // The library falls back silently and keeps only the first error; opening a socket here first gives both
        // errors.
        let kind = socket::EchoSocket::open(family, iface)?.kind();
        let hint = match kind {
            SocketKind::Ping => socket2::Type::DGRAM,
            SocketKind::Raw => socket2::Type::RAW,
        };
        let icmp = match family {
            Family::V4 => ICMP::V4,
            Family::V6 => ICMP::V6,
        };
        let config = Config::builder().kind(icmp).sock_type_hint(hint);
        let config = iface.iter().fold(config, |config, iface| config.interface(iface)).build();
        let client = Client::new(&config).map_err(|source| socket::failed(family, "socket", source))?;
        let socket: RawFd = client.get_socket().get_native_sock();
        // SAFETY: the client holds the descriptor open, and outlives this borrow.
        let socket = unsafe { BorrowedFd::borrow_raw(socket) };
        socket::raise_buffers(&socket);
        let fail = |source| socket::failed(family, "filter", source);
        socket::only_replies(&socket, family, kind).map_err(fail)?;
        socket::only_ours(&socket, family, kind, ident).map_err(fail)?;
        Ok(Self { client, kind, ident })
    }
}

/// The hop limit of an echo reply, where it is reported; `None` for any other message: the library also returns ICMP
/// errors such as "unreachable".
fn hop_limit_of(packet: &IcmpPacket) -> Option<Option<u8>> {
    const ECHO_REPLY_V4: u8 = 0;
    const ECHO_REPLY_V6: u8 = 129;
    match packet {
        IcmpPacket::V4(packet) => (packet.get_icmp_type().0 == ECHO_REPLY_V4).then(|| packet.get_ttl()),
        // The library does not read the hop limit and always gives zero.
        IcmpPacket::V6(packet) => (packet.get_icmpv6_type().0 == ECHO_REPLY_V6).then_some(None),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Checks the echo of loopback, or the error message where no socket may be opened.
    async fn check_loopback(ip: IpAddr) {
        let icmp = Icmp::open(None);
        match icmp.kind(Family::of(ip)) {
            Ok(_) => assert!(icmp.echo(ip, None, SECOND).await.is_some_and(|echo| echo.rtt < SECOND)),
            Err(error) => {
                assert!(error.to_string().contains("CAP_NET_RAW"), "{error}");
                assert_eq!(icmp.echo(ip, None, SECOND).await, None);
            }
        }
    }

    #[tokio::test]
    async fn loopback_answers() {
        check_loopback(Ipv4Addr::LOCALHOST.into()).await;
        check_loopback(Ipv6Addr::LOCALHOST.into()).await;
    }

    #[tokio::test]
    async fn concurrent_requests_to_one_host() {
        let icmp = Icmp::open(None);
        if let Err(error) = icmp.kind(Family::V4) {
            return eprintln!("skipped: {error}");
        }
        let ask = || icmp.echo(Ipv4Addr::LOCALHOST.into(), None, SECOND);
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert!(a.is_some() && b.is_some() && c.is_some());
    }

    #[tokio::test]
    async fn an_unknown_interface_is_named() {
        let icmp = Icmp::open(Some("nowhere0"));
        let Err(error) = icmp.kind(Family::V4) else { panic!("there is no such interface") };
        assert!(matches!(error, IcmpError::Iface { .. } | IcmpError::Refused { .. }), "{error}");
    }
}
