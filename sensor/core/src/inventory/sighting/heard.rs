//! Whether the sender of a message is surely a neighbour, for protocols that a router may forward.

use std::net::IpAddr;

use crate::inventory::model::prefix::is_link_local;
use crate::types::Frame;

/// What a message says, and whether its sender is surely a neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard<T> {
    /// The claim.
    pub said: T,
    /// The sender is on this segment and not behind a router: the frame was multicast, its hop limit is 255 (no router has
    /// lowered it), or its source is link-local.
    pub is_near: bool,
    /// The transport port that it was sent from.
    pub port: u16,
}

/// A claim, with what its frame says of the sender's distance.
pub(super) fn heard<T>(frame: &Frame<'_>, said: T) -> Heard<T> {
    let is_group = frame.destination_mac.0[0] & 1 != 0;
    // 255 is the highest hop limit, and each router lowers it by one.
    let is_unforwarded = frame.packet.is_some_and(|packet| packet.hop_limit == u8::MAX);
    let is_near = is_group || is_unforwarded || source(frame).is_some_and(is_link_local);
    Heard { said, is_near, port: frame.packet.map_or(0, |packet| packet.ports[0]) }
}

/// The IP source of the frame, where it has one.
pub(super) fn source(frame: &Frame<'_>) -> Option<IpAddr> {
    frame.packet.map(|packet| packet.source).filter(|source| !source.is_unspecified())
}
