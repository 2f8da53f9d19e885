//! From how far a message comes, where a router may have forwarded it.

use std::net::IpAddr;

use crate::inventory::model::prefix::is_link_local;
use crate::types::Frame;

/// What somebody says, and from how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard<T> {
    /// What is said.
    pub said: T,
    /// Its sender is on this segment, not behind a router: the frame went to a group, its hop limit is as high as one
    /// can be sent with, or its source is link-local.
    pub is_near: bool,
    /// The transport port that it was sent from.
    pub port: u16,
}

/// What a frame says, with its distance.
pub(super) fn heard<T>(frame: &Frame<'_>, said: T) -> Heard<T> {
    let is_group = frame.destination_mac.0[0] & 1 != 0;
    // Nobody can send with more, and a router takes one off.
    let is_unforwarded = frame.packet.is_some_and(|packet| packet.hop_limit == u8::MAX);
    let is_near = is_group || is_unforwarded || source(frame).is_some_and(is_link_local);
    Heard { said, is_near, port: frame.packet.map_or(0, |packet| packet.ports[0]) }
}

/// The IP source of the frame, where it has one.
pub(super) fn source(frame: &Frame<'_>) -> Option<IpAddr> {
    frame.packet.map(|packet| packet.source).filter(|source| !source.is_unspecified())
}
