//! The planner's key for what it asks: an IP address on a segment.

use std::net::IpAddr;

use crate::types::Segment;

/// An IP address on a segment. The same address on two segments belongs to two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentAddress {
    /// The segment on which the host lives.
    pub segment: Segment,
    /// The host's address.
    pub ip: IpAddr,
}
