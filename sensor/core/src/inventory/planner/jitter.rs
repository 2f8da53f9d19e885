//! Numbers that look random and depend on nothing but a key: order and jitter without a random number generator, so
//! that the same inputs always give the same probes.

use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::planner::address::SegmentAddress;

/// Mixes the bits of a number (the finisher of SplitMix64).
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number for an address and a purpose; different purposes give unrelated numbers.
pub(super) fn number(key: u64, address: SegmentAddress, purpose: u64) -> u64 {
    let mut state = mix(key ^ mix(purpose));
    let mut add = |number: u64| state = mix(state ^ number);
    address.segment.iface.as_str().bytes().for_each(|byte| add(u64::from(byte)));
    address.segment.vlans.ids().iter().for_each(|id| add(u64::from(*id) | 1 << 32));
    match address.ip {
        IpAddr::V4(ip) => add(u64::from(ip.to_bits())),
        IpAddr::V6(ip) => ip.segments().into_iter().for_each(|part| add(u64::from(part) | 1 << 33)),
    }
    state
}

/// A part of `span`, given by a number: at least zero, less than all of it.
pub(super) fn part(span: Duration, number: u64) -> Duration {
    let span_ns = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(number.checked_rem(span_ns).unwrap_or(0))
}
