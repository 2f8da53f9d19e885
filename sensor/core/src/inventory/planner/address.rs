//! What the planner knows of one address.

use crate::types::Segment;
use std::net::IpAddr;

/// An address on a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    /// Where.
    pub segment: Segment,
    /// The address.
    pub ip: IpAddr,
}
