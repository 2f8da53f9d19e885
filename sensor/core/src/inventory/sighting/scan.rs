//! What a station asks for so often that it scans, as the frame shows that made the classifier say so (`sensor_ebpf::scan`).

use std::net::IpAddr;

use crate::types::{Class, Frame, Packet};
use crate::wire::{Message, ndp};

/// What the frame asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanTarget {
    /// Whether this neighbour is there, by ARP or NDP; `None` where the frame could not be read.
    Neighbour(Option<IpAddr>),
    /// Whether a port is open.
    Port {
        /// The address whose port it is.
        ip: IpAddr,
        /// Its number.
        port: u16,
        /// How it is asked.
        technique: PortTechnique,
    },
}

/// How a port is asked whether it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortTechnique {
    /// By a TCP SYN, as connections are opened.
    Syn,
    /// By a TCP segment that no connection has: without flags, with FIN, with FIN, PSH and URG.
    Stray,
    /// By a UDP datagram.
    Udp,
}

impl PortTechnique {
    /// The technique in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "tcp-syn",
            Self::Stray => "tcp-without-ack",
            Self::Udp => "udp",
        }
    }
}

impl ScanTarget {
    /// What a frame asks for; `message` is what was read of it.
    pub fn of(frame: &Frame<'_>, message: Option<&Message>) -> Self {
        let port = |packet: Packet, technique| Self::Port { ip: packet.destination, port: packet.ports[1], technique };
        match (frame.class, frame.packet) {
            (Class::Syn, Some(packet)) => port(packet, PortTechnique::Syn),
            (_, Some(packet)) if packet.protocol == TCP => port(packet, PortTechnique::Stray),
            (_, Some(packet)) if packet.protocol == UDP => port(packet, PortTechnique::Udp),
            _ => Self::Neighbour(message.and_then(neighbour)),
        }
    }
}

/// The neighbour that a message asks for.
fn neighbour(message: &Message) -> Option<IpAddr> {
    match message {
        Message::Arp(message) => Some(message.target_ip.into()),
        Message::Ndp(message) => match message.kind {
            ndp::MessageKind::Solicit { target } => Some(target.into()),
            _ => None,
        },
        _ => None,
    }
}

/// Numbers of IP protocols.
const TCP: u8 = 6;
const UDP: u8 = 17;
