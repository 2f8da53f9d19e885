//! TCP connect: a full connection, a short tolerant look at what it greets with, and a clean close. Never a half-open
//! connection, never a reset where it can be avoided: old controllers hang on either.

/// How many connections may be open at once.
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

/// What came of connecting to a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortAnswer {
    /// Whether it is open.
    pub state: PortState,
    /// What it greeted with.
    pub banner: Option<Text>,
    /// Time until the connection stood or was refused; of a silent port, how long was waited.
    pub rtt: Duration,
}

/// Which service is asked: an address, a port, and for a link-local address the interface's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
    /// The interface's index, for a link-local address.
    pub scope: Option<u32>,
}

/// Ports whose owners act on whatever they are sent: printers print it (LPD, IPP, JetDirect). They are connected to
/// only when they were named, and nothing is ever sent to them.
pub const fn is_printer(port: u16) -> bool {
    matches!(port, 515 | 631 | 9100..=9107)
}

/// How long a service may take to greet once the connection stands.
pub const GREETING: Duration = Duration::from_millis(700);

/// Connects, looks at what the service greets with, and closes. An error says that this box could not ask (no
/// descriptor or port free, a local firewall's rule, no such family), which tells nothing of the host.
pub async fn connect(target: Target, patience: Duration, permits: &Permits) -> io::Result<PortAnswer> {
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

/// Connects and closes: whether the port is open, and nothing more. Errors as of [`connect`].
pub async fn check_port(target: Target, patience: Duration, permits: &Permits) -> io::Result<PortAnswer> {
    let _permit = permits.take().await;
    let (answer, stream) = open(target, patience, permits).await?;
    if let Some(stream) = stream {
        close(stream).await;
    }
    Ok(answer)
}

/// Waits for a thing that this box is short of: at first so long, then twice as long each time, up to `RETRY_MAX`.
const RETRY_MIN: Duration = Duration::from_millis(5);
const RETRY_MAX: Duration = Duration::from_millis(320);
/// How long a shortage is borne before the question is given up.
const SHORTAGE_MAX: Duration = Duration::from_secs(5);

async fn open(target: Target, patience: Duration, permits: &Permits) -> io::Result<(PortAnswer, Option<TcpStream>)> {
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
            // The port of ours that was chosen was the very port that was asked, and met itself (RFC 793, 3.4).
            Ok(Ok(stream)) if is_self(&stream, target) => return Ok((answer(PortState::Closed), None)),
            Ok(Ok(stream)) => return Ok((answer(PortState::Open), Some(stream))),
            Err(_) => return Ok((answer(PortState::Silent), None)),
            Ok(Err(error)) => error,
        };
        match error.raw_os_error().unwrap_or_default() {
            libc::ECONNREFUSED => return Ok((answer(PortState::Closed), None)),
            // It stood, and was reset before anything was said.
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
    // A silent host gets two SYNs at most, and within the first second one (tcp(7)).
    set_option(&socket, libc::IPPROTO_TCP, libc::TCP_SYNCNT, &1_i32)?;
    Ok(socket)
}

fn address(target: Target) -> SocketAddr {
    match target.ip {
        IpAddr::V4(_) => SocketAddr::new(target.ip, target.port),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, target.port, 0, target.scope.unwrap_or(0)).into(),
    }
}

fn is_self(stream: &TcpStream, target: Target) -> bool {
    stream.local_addr().is_ok_and(|own| (own.ip(), own.port()) == (target.ip, target.port))
}

/// How long the other side may take to close too.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(300);
/// What is taken from a service that goes on talking, in bytes; past it a reset cannot be avoided.
const DRAIN_MAX: usize = 256 << 10;

/// Says goodbye and takes what is still under way: unread data would turn the close into a reset (RFC 2525, 2.17).
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

/// Takes what is there. The room for it is nobody's while a connection waits: thousands may.
fn discard(stream: &TcpStream) -> io::Result<usize> {
    stream.try_read(&mut [0; 4096])
}

#[cfg(test)]
mod tests;
