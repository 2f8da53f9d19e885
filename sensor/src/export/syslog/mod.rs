//! Events to a syslog server: RFC 5424 with the fields as structured data, or arpwatch's own line, which existing rules
//! parse. As datagrams to a local socket or over UDP, or over TCP with octet counting (RFC 6587, section 3.4.1).
//!
//! Syslog does not acknowledge messages. Over TCP a batch counts as written when the peer's kernel has acknowledged all of
//! it, and is sent again when the connection broke before; a datagram counts as written when it was sent.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::export::contract::EventSink;
use crate::export::record::event::EventRecord;
use crate::export::syslog::form::{Format, Sender};

/// The form of a message.
pub mod form;

/// Where a syslog server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A datagram socket of this machine, such as `/dev/log`.
    Unix(PathBuf),
    /// `host:port`, a datagram a message (RFC 5426).
    Udp(String),
    /// `host:port`, a connection with octet counting.
    Tcp(String),
}

impl FromStr for Address {
    type Err = ();

    /// `unix:/dev/log`, `/dev/log`, `udp:host:port`, `tcp:[2001:db8::1]:601`.
    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(path) = text.strip_prefix("unix:").or(text.starts_with('/').then_some(text)) {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(()) };
        }
        let (way, peer) = text.split_once(':').ok_or(())?;
        let (host, port) = peer.rsplit_once(':').ok_or(())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        // An IPv6 address needs its brackets, or its last group would be the port.
        let is_host = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains([':', '/', ' ']),
        };
        if !is_host || port.parse::<u16>().is_ok_and(|port| port == 0) || port.parse::<u16>().is_err() {
            return Err(());
        }
        match way {
            "udp" => Ok(Self::Udp(peer.to_owned())),
            "tcp" => Ok(Self::Tcp(peer.to_owned())),
            _ => Err(()),
        }
    }
}

/// How long connecting may take, and how long a batch waits for its acknowledgement. The sink has a thread of its own, so
/// nothing else waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is checked whether a batch is acknowledged.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The syslog sink.
#[derive(Debug)]
pub struct Syslog {
    address: Address,
    format: Format,
    peer: Option<Peer>,
}

#[derive(Debug)]
enum Peer {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Syslog {
    /// Prepares to send; the first event opens the connection.
    pub fn new(address: Address, format: Format) -> Self {
        Self { address, format, peer: None }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if let Some(Peer::Tcp(stream)) = &self.peer
            && is_closed(stream)
        {
            self.peer = None;
        }
        let peer = match &mut self.peer {
            Some(peer) => peer,
            None => self.peer.insert(connect(&self.address)?),
        };
        match peer {
            Peer::Unix(socket) => socket.send(message).map(drop),
            Peer::Udp(socket) => socket.send(message).map(drop),
            Peer::Tcp(stream) => {
                let mut framed = format!("{} ", message.len()).into_bytes();
                framed.extend_from_slice(message);
                stream.write_all(&framed)
            }
        }
    }

    /// Closes the connection, so that the next message opens a new one. `BrokenPipe` is made another error: to the caller it
    /// would mean that the reader of standard output is gone.
    fn broken(&mut self, error: io::Error) -> io::Error {
        let is_busy = matches!(self.peer, Some(Peer::Unix(_))) && error.kind() == io::ErrorKind::WouldBlock;
        if !is_busy {
            self.peer = None;
        }
        match error.kind() {
            io::ErrorKind::BrokenPipe => {
                io::Error::new(io::ErrorKind::ConnectionReset, "the peer closed the connection")
            }
            io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "the peer does not read"),
            _ => error,
        }
    }
}

impl EventSink for Syslog {
    fn name(&self) -> String {
        match &self.address {
            Address::Unix(path) => format!("syslog unix:{}", path.display()),
            Address::Udp(peer) => format!("syslog udp:{peer}"),
            Address::Tcp(peer) => format!("syslog tcp:{peer}"),
        }
    }

    /// Whether the peer can be reached now.
    fn check(&self) -> io::Result<()> {
        connect(&self.address).map(drop)
    }

    /// Sends one event; events that the format cannot express are left out.
    fn publish(&mut self, record: &EventRecord, _json: &str, utc_offset_s: i32) -> io::Result<()> {
        let sender = Sender { is_local: matches!(self.address, Address::Unix(_)), utc_offset_s };
        let Some(message) = form::message(self.format, &sender, record) else { return Ok(()) };
        self.send(&message).map_err(|error| self.broken(error))
    }

    /// Waits until the peer's kernel has all of the batch, for at most five seconds.
    fn flush(&mut self) -> io::Result<()> {
        let Some(Peer::Tcp(stream)) = &self.peer else { return Ok(()) };
        acknowledged(stream).map_err(|error| self.broken(error))
    }

    /// A TCP connection that breaks may take messages with it that were sent.
    fn keeps(&self) -> bool {
        !matches!(self.address, Address::Tcp(_))
    }
}

fn connect(address: &Address) -> io::Result<Peer> {
    match address {
        Address::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_write_timeout(Some(PATIENCE))?;
            Ok(Peer::Unix(socket))
        }
        Address::Udp(peer) => {
            let mut error = no_address();
            for address in peer.to_socket_addrs()? {
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                match UdpSocket::bind(any).and_then(|socket| socket.connect(address).map(|()| socket)) {
                    Ok(socket) => return Ok(Peer::Udp(socket)),
                    Err(failed) => error = failed,
                }
            }
            Err(error)
        }
        Address::Tcp(peer) => {
            let mut error = no_address();
            for address in peer.to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, PATIENCE) {
                    Ok(stream) => {
                        stream.set_write_timeout(Some(PATIENCE))?;
                        return Ok(Peer::Tcp(stream));
                    }
                    Err(failed) => error = failed,
                }
            }
            Err(error)
        }
    }
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the host has no address")
}

/// Whether the peer has closed the connection; a syslog server sends nothing else.
fn is_closed(stream: &TcpStream) -> bool {
    let read = stream.set_nonblocking(true).and_then(|()| (&*stream).read(&mut [0; 64]));
    let reset = stream.set_nonblocking(false);
    reset.is_err()
        || match read {
            Ok(len) => len == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
}

/// Waits until the peer's kernel has acknowledged every byte (`SIOCOUTQ`, tcp(7)).
fn acknowledged(stream: &TcpStream) -> io::Result<()> {
    for _ in 0..PATIENCE.as_millis() / LOOK_EVERY.as_millis() {
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        let mut left: libc::c_int = 0;
        // SAFETY: the kernel writes one `int` through the pointer, which is valid for that; the descriptor is open.
        if unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut left) } != 0 {
            return Err(io::Error::last_os_error());
        }
        if left == 0 {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Err(io::ErrorKind::WouldBlock.into())
}
