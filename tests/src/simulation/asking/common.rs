//! What all runs have in common: the clock, the segment, the sensor's own addresses, and the networks that may be
//! asked.

use std::collections::BTreeSet;
use std::time::Duration;

use sensor_core::inventory::planner::policy::Network;
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::types::{Iface, Mac, Segment, Timestamp, Vlans};

/// When every story begins its clock: 2026-01-01, midnight UTC.
pub const START: Timestamp = Timestamp::from_secs(1_767_225_600);
/// How long a run lasts.
pub const RUN: Duration = Duration::from_secs(4 * 3600);
/// How long a host may be silent before it is reported as gone, in every network.
pub const GONE_AFTER: Duration = Duration::from_secs(300);
/// The TCP ports that are asked.
pub const PORTS: [u16; 2] = [22, 80];
/// The sensor's station.
pub const OWN_MAC: Mac = Mac([0x02, 0xff, 0, 0, 0, 1]);
/// The sensor's address.
pub const OWN_IP: [u8; 4] = [10, 0, 0, 2];

/// The segment of all runs.
pub fn segment() -> Segment {
    Segment::tagged(Iface::new("eth1").expect("a short name"), Vlans::default())
}

/// A moment of the run.
pub fn at(ms: u64) -> Timestamp {
    START.after(Duration::from_millis(ms))
}

/// An attached network that is asked by every technique and described once a day.
pub fn plain(prefix: &str) -> Network {
    Network {
        prefix: prefix.parse().expect("a prefix"),
        segment: segment(),
        attached: true,
        passive: false,
        sweep: None,
        named: false,
        techniques: [Technique::Arp, Technique::Icmp, Technique::Ndp, Technique::Ptr, Technique::Tcp].into(),
        ports: PORTS.into(),
        delicate_ports: BTreeSet::new(),
        gone_after: GONE_AFTER,
        describe_every: Duration::from_secs(24 * 3600),
        rate_per_s: 100,
    }
}

/// Networks of a run: one described seldom and perhaps swept, one described often, one behind a router, one whose
/// stations are not asked by ARP, one of IPv6.
pub fn networks(sweep: Option<Duration>) -> Vec<Network> {
    let often = Some(Duration::from_secs(600));
    vec![
        Network { sweep, ..plain("10.0.0.0/24") },
        Network { describe_every: Duration::from_secs(900), ..plain("10.0.1.0/24") },
        Network { attached: false, sweep: often, ..plain("10.9.0.0/24") },
        Network {
            sweep: often,
            techniques: [Technique::Icmp, Technique::Ptr, Technique::Tcp].into(),
            ..plain("10.0.2.0/24")
        },
        plain("2001:db8::/64"),
    ]
}
