//! The IP protocols that the classifier knows (RFC 5237, section 2).

pub(super) const ICMP: u8 = 1;
pub(super) const IGMP: u8 = 2;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(super) const GRE: u8 = 47;
pub(super) const ICMPV6: u8 = 58;
pub(super) const VRRP: u8 = 112;
