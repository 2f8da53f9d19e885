//! What an ARP packet claims.

use std::net::Ipv4Addr;

/// ARP's claim; `Sighting::ip` is the sender's address, or the one asked about in a conflict check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpClaim {
    /// What the message does.
    pub operation: ArpOperation,
    /// The address asked for or answered to.
    pub target: Ipv4Addr,
    /// It answers a probe of ours.
    pub asked: bool,
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
    /// Answer.
    Reply,
    /// Question.
    Request,
}
