//! Which questions a scan asks of an address.

use crate::probe::icmp::family::Family;
use ipnet::IpNet;
use sensor_core::inventory::planner::probe::{Probe, Question};
use sensor_core::types::Segment;
use std::net::IpAddr;
use std::sync::Arc;

/// The family of a prefix.
pub(crate) fn family(prefix: IpNet) -> Family {
    Family::of(prefix.addr())
}

/// Ports, one question each, so that a silent one holds up nobody; and what they greet with.
pub(crate) fn connects(segment: Segment, ip: IpAddr, ports: &[u16]) -> impl Iterator<Item = Probe> {
    ports.iter().map(move |&port| Probe { segment, ip, question: Question::Connect { ports: Arc::from([port]) } })
}

/// Ports, one question each.
pub(crate) fn knocks(segment: Segment, ip: IpAddr, ports: &[u16]) -> impl Iterator<Item = Probe> {
    ports.iter().map(move |&port| Probe { segment, ip, question: Question::Knock { ports: Arc::from([port]) } })
}
