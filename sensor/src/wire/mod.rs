//! Bytes to messages. One file a protocol: the file comment says what of the RFC is read; a parser never panics,
//! never allocates by a number found in the packet, never logs. Three answers: malformed, not ours, ours.

use crate::types::{Class, Frame};

/// Why a message could not be read. Small and without strings: the frame itself is the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A number in the message breaks the protocol's rules.
    #[error("bad value")]
    BadValue,
    /// A DNS compression pointer that does not point strictly backwards, or a name over its limits.
    #[error("bad name")]
    BadName,
    /// NDP: the hop limit is not 255, so the message came from beyond the link (RFC 4861, section 6.1).
    #[error("hop limit is not 255")]
    HopLimit,
    /// The message ends before its fixed part does.
    #[error("truncated")]
    Truncated,
}

/// A message of a harvested protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    // Arp(arp::Message), Dhcp(dhcp::Message<'a>), Mdns(mdns::Message<'a>), Ndp(ndp::Message<'a>)
}

/// Reads a frame's body: `Err` malformed, `Ok(None)` not ours, `Ok(Some(_))` ours.
pub fn dissect(frame: &Frame<'_>) -> Result<Option<Message>, WireError> {
    match frame.class {
        Class::Arp | Class::Ndp | Class::Dhcp | Class::Mdns => Ok(None),
        _ => Ok(None),
    }
}
