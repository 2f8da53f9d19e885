//! TCP connect: a full connection, the service's banner, and a clean close. Half-open connections and resets are
//! avoided, because old controllers hang on them.

/// Limit on the number of open connections.
pub mod permits;

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::probe::tcp::permits::Permits;
use crate::system::socket::set_option;

use crate::probe::banner;
use sensor_core::inventory::sighting::answer::PortState;
use sensor_core::types::Text;

/// Result of connecting to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortAnswer {
    /// Whether the port is open.
    pub state: PortState,
    /// The service's banner.
    pub banner: Option<Text>,
    /// Time until the connection was established or refused; for a silent port, the time waited.
    pub rtt: Duration,
}

/// The service to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpTarget {
    /// The host.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
    /// The interface's index, for a link-local address.
    pub scope: Option<u32>,
}

/// Ports of printers, which print whatever they receive (LPD, IPP, JetDirect). They are connected to only when they are
/// configured explicitly, and nothing is ever sent to them.
pub const fn is_printer(port: u16) -> bool {
    matches!(port, 515 | 631 | 9100..=9107)
}

/// How long to wait for a greeting on an established connection.
pub const GREETING: Duration = Duration::from_millis(700);

/// Connects, reads the banner and closes. An error is local (no free descriptor or port, a firewall rule, no such
/// family) and says nothing about the host.
pub async fn connect(target: TcpTarget, patience: Duration, permits: &Permits) -> io::Result<PortAnswer> {
    let _permit = permits.take().await;
    let (mut answer, stream) = open(target, patience, permits).await?;
    if let Some(stream) = stream {
        if !is_printer(target.port) {
            answer.banner = banner::greeting(&stream, target.ip, target.port, Instant::now() + GREETING).await;
        }
        close(stream).await;
    }
    Ok(answer)
}

/// Like [`connect`], but only checks whether the port is open.
pub async fn check_port(target: TcpTarget, patience: Duration, permits: &Permits) -> io::Result<PortAnswer> {
    let _permit = permits.take().await;
    let (answer, stream) = open(target, patience, permits).await?;
    if let Some(stream) = stream {
        close(stream).await;
    }
    Ok(answer)
}

/// Pause before the first retry when this machine is short of a resource; it doubles each time, up to `RETRY_MAX`.
const RETRY_MIN: Duration = Duration::from_millis(5);
const RETRY_MAX: Duration = Duration::from_millis(320);
/// How long to retry during a shortage before giving up.
const SHORTAGE_MAX: Duration = Duration::from_secs(5);

async fn open(target: TcpTarget, patience: Duration, permits: &Permits) -> io::Result<(PortAnswer, Option<TcpStream>)> {
    let give_up = Instant::now() + SHORTAGE_MAX;
    let mut pause = RETRY_MIN;
    loop {
        let begin = Instant::now();
        let result = match socket(target.ip) {
            Ok(socket) => timeout(patience, socket.connect(address(target))).await,
            Err(error) => Ok(Err(error)),
        };
        let rtt = begin.elapsed();
        let answer = |state| PortAnswer { state, banner: None, rtt };
        let error = match result {
            // The chosen local port is the target port, so the socket connected to itself (RFC 793, section 3.4).
            Ok(Ok(stream)) if is_self(&stream, target) => return Ok((answer(PortState::Closed), None)),
            Ok(Ok(stream)) => return Ok((answer(PortState::Open), Some(stream))),
            Err(_) => return Ok((answer(PortState::Silent), None)),
            Ok(Err(error)) => error,
        };
        match error.raw_os_error().unwrap_or_default() {
            libc::ECONNREFUSED => return Ok((answer(PortState::Closed), None)),
            // The connection was established and reset at once.
            libc::ECONNRESET | libc::EPIPE => return Ok((answer(PortState::Open), None)),
            libc::ETIMEDOUT | libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EHOSTDOWN => {
                return Ok((answer(PortState::Silent), None));
            }
            libc::EINTR => {}
            libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::EADDRNOTAVAIL | libc::EAGAIN => {
                permits.count_shortage();
                if Instant::now() + pause > give_up {
                    return Err(error);
                }
                sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
            _ => return Err(error),
        }
    }
}

fn socket(ip: IpAddr) -> io::Result<TcpSocket> {
    let socket = match ip {
        IpAddr::V4(_) => TcpSocket::new_v4(),
        IpAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A silent host gets at most two SYNs, the second after one second (tcp(7)).
    set_option(&socket, libc::IPPROTO_TCP, libc::TCP_SYNCNT, &1_i32)?;
    Ok(socket)
}

fn address(target: TcpTarget) -> SocketAddr {
    match target.ip {
        IpAddr::V4(_) => SocketAddr::new(target.ip, target.port),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, target.port, 0, target.scope.unwrap_or(0)).into(),
    }
}

fn is_self(stream: &TcpStream, target: TcpTarget) -> bool {
    stream.local_addr().is_ok_and(|own| (own.ip(), own.port()) == (target.ip, target.port))
}

/// How long to wait for the peer to close.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(300);
/// Maximum number of bytes read from a service that keeps sending; after them the close causes a reset.
const DRAIN_MAX: usize = 256 << 10;

/// Shuts the connection down and reads pending data: unread data would turn the close into a reset (RFC 2525, 2.17).
async fn close(stream: TcpStream) {
    if socket2::SockRef::from(&stream).shutdown(std::net::Shutdown::Write).is_err() {
        return;
    }
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    let mut taken = 0;
    while taken < DRAIN_MAX {
        match discard(&stream) {
            Ok(0) => return,
            Ok(len) => taken += len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let Ok(Ok(())) = timeout_at(deadline, stream.readable()).await else { return };
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// Reads and discards available data. The buffer is not kept while a connection waits, because thousands may.
fn discard(stream: &TcpStream) -> io::Result<usize> {
    stream.try_read(&mut [0; 4096])
}

#[cfg(test)]
mod tests;
