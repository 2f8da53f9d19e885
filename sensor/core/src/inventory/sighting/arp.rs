//! What an ARP packet claims.

use std::net::Ipv4Addr;

use crate::types::{Frame, Mac};
use crate::wire::arp;

/// ARP's claim; `Sighting::ip` is the sender's address, or the one asked about in a conflict check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpClaim {
    /// The kind of message.
    pub operation: ArpOperation,
    /// The target address: the one asked for, or the one answered to.
    pub target: Ipv4Addr,
    /// Whether it answers a probe of the sensor.
    pub asked: bool,
    /// The frame's destination: one station, or a group.
    pub to: Mac,
}

/// What an ARP message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpOperation {
    /// Sender 0.0.0.0, to all: "does anybody hold this address?" (RFC 5227, section 2.1.1). Binds nothing.
    ConflictCheck,
    /// Sender and target address are the same: an announcement.
    Gratuitous,
    /// Sender 0.0.0.0, to one station: "do you still hold it?", as switches ask that track hosts. Binds nothing.
    PresenceCheck,
    /// An answer: the sender holds its address.
    Reply,
    /// A request for the target's MAC.
    Request,
}

/// What the message claims, and of which station and address. `None` where no host can hold the address. A MAC that no
/// station has (zero, a group's) is a claim nonetheless: hosts take it.
pub(super) fn claim(frame: &Frame<'_>, message: &arp::Message) -> Option<(Mac, Ipv4Addr, ArpClaim)> {
    let (operation, ip) = match message.purpose {
        arp::Purpose::ConflictCheck if frame.destination_mac.is_station() => {
            (ArpOperation::PresenceCheck, message.target_ip)
        }
        arp::Purpose::ConflictCheck => (ArpOperation::ConflictCheck, message.target_ip),
        arp::Purpose::Gratuitous => (ArpOperation::Gratuitous, message.sender_ip),
        arp::Purpose::Reply => (ArpOperation::Reply, message.sender_ip),
        arp::Purpose::Request => (ArpOperation::Request, message.sender_ip),
    };
    if !is_usable(ip) {
        return None;
    }
    let claim = ArpClaim { operation, target: message.target_ip, asked: false, to: frame.destination_mac };
    Some((message.sender_mac, ip, claim))
}

/// Whether a host can hold the address: not "this network", loopback, multicast or reserved (RFC 6890, section 2.2.2).
fn is_usable(ip: Ipv4Addr) -> bool {
    let [first, ..] = ip.octets();
    !matches!(first, 0 | 127 | 224..=255)
}
