//! Seeded networks that answer questions. Planner and correlator work at one desk, as in `sensor run`, on a clock that is
//! not real, among hosts that answer (slowly, twice, not always), are silent (for a while, for good, to one technique)
//! or lie. Each story knows what must be told of it; the rules of asking are written here once more, and plainly.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::planner::policy::{Network, Policy};
use sensor_core::inventory::planner::probe::Technique;
use sensor_core::types::{Iface, Mac, Segment, Timestamp, Vlans};

use self::machine::Machine;

/// What answers.
pub mod machine;
/// What a run must keep to, whatever happens.
pub mod rules;
/// The sensor among them.
pub mod sensor_run;
/// What happens, and what must be told of it.
mod stories;

pub use sensor_run::{Run, live};
pub use stories::script;

/// Four hours of a network, and the truth about it.
#[derive(Clone, Debug)]
pub struct Script {
    /// The seed.
    pub seed: u64,
    /// Who is there, or will be.
    pub machines: Vec<Machine>,
    /// What happens, in order: milliseconds since the begin.
    pub happenings: Vec<(u64, Happening)>,
    /// What may be asked.
    pub policy: Policy,
    /// The stories.
    pub stories: Vec<Story>,
}

/// One story's truth.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// Its name.
    pub name: &'static str,
    /// Its addresses, which no other story has.
    pub ips: BTreeSet<IpAddr>,
    /// Its stations, which no other story has.
    pub macs: BTreeSet<Mac>,
    /// What must be told, in order.
    pub told: Vec<Told>,
    /// Who must hold an address in the end.
    pub holders: BTreeMap<IpAddr, Mac>,
    /// How often an address is described.
    pub described: BTreeMap<IpAddr, RangeInclusive<usize>>,
}

/// What identifies an event within its story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub kind: Kind,
    /// The station; none where it is behind a router.
    pub mac: Option<Mac>,
    /// Why.
    pub reason: Option<Reason>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Frames are lost until then (milliseconds since the begin), and the sensor knows it.
    Deaf(u64),
    /// A machine is plugged in.
    Join(usize),
    /// A machine is unplugged.
    Leave(usize),
    /// A service of a machine starts or stops.
    Serve(usize, u16, bool),
    /// A machine says something unasked.
    Say(usize, Word),
    /// The sensor is stopped, in order or not, and started so many milliseconds later.
    Restart(bool, u64),
    /// From now on a machine answers plain questions about another's address.
    Vouch(usize, IpAddr),
}

/// What a machine says unasked.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    /// An announcement.
    Announce(IpAddr),
    /// Asks somebody else.
    Ask(IpAddr),
    /// "I have it", to the sensor or to somebody else, who had not asked.
    Forge(IpAddr, Side),
    /// As a router of the redundancy group of this address and station.
    Hello(IpAddr, Mac),
    /// As a DHCP server: gives the address to a station.
    Lease(IpAddr, Mac),
}

/// To whom something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Another station.
    Other,
    /// The sensor.
    Sensor,
}

/// When every story begins its clock: 2026-01-01, midnight UTC.
pub const START: Timestamp = Timestamp::from_secs(1_767_225_600);
/// How long a run lasts.
pub const RUN: Duration = Duration::from_secs(4 * 3600);
/// The setting of every network.
pub const GONE_AFTER: Duration = Duration::from_secs(300);
/// Ports that are looked at.
pub const PORTS: [u16; 2] = [22, 80];
/// The sensor's station.
pub const OWN_MAC: Mac = Mac([0x02, 0xff, 0, 0, 0, 1]);
/// The sensor's address.
pub const OWN_IP: [u8; 4] = [10, 0, 0, 2];

/// The one segment.
pub fn segment() -> Segment {
    Segment::tagged(Iface::new("eth1").expect("a short name"), Vlans::default())
}

/// A moment of the run.
pub fn at(ms: u64) -> Timestamp {
    START.after(Duration::from_millis(ms))
}

/// Networks of a run: one described seldom and perhaps swept, one described often, one behind a router, one whose stations
/// are not asked by ARP, one of IPv6.
pub fn networks(sweep: Option<Duration>) -> Vec<Network> {
    let all = [Technique::Arp, Technique::Icmp, Technique::Ndp, Technique::Ptr, Technique::Tcp];
    let plain = |prefix: &str| Network {
        prefix: prefix.parse().expect("a prefix"),
        segment: segment(),
        attached: true,
        passive: false,
        sweep: None,
        named: false,
        techniques: all.into(),
        ports: PORTS.into(),
        delicate_ports: BTreeSet::new(),
        gone_after: GONE_AFTER,
        describe_every: Duration::from_secs(24 * 3600),
        rate_per_s: 100,
    };
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
