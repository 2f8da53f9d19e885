//! What the owner decided: what the sensor may ask (which networks, how, how often, and never whom), and what it tells.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::event::{Event, Kind, Severity};
use super::probe::Technique;
use super::state::HostId;
use crate::types::{Mac, Segment, Timestamp};

/// Everything that limits probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Networks that may be asked; the longest prefix that contains an address decides. Nothing outside them is asked.
    pub networks: Vec<Network>,
    /// Addresses that are never asked.
    pub never_prefixes: Vec<IpNet>,
    /// Stations that are never asked, by whatever address they are known.
    pub never_macs: BTreeSet<Mac>,
    /// Our own addresses: never asked either.
    pub own_ips: BTreeSet<IpAddr>,
    /// Packets a second, all networks together; 1 or more.
    pub rate_per_s: u32,
    /// Packets to one host in an hour.
    pub host_per_hour: u32,
    /// Hours in which nothing is asked.
    pub quiet: Vec<Quiet>,
}

/// One network's settings, as an IP address manager keeps them for each subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its addresses.
    pub prefix: IpNet,
    /// The segment on which its hosts live: where answers are filed, and where ARP and NDP are asked.
    pub segment: Segment,
    /// The sensor is attached to it: ARP and NDP reach it. Else it is asked through a router.
    pub attached: bool,
    /// Nothing is asked.
    pub passive: bool,
    /// Every address is asked once in this time; `None`: only addresses that were heard.
    pub sweep: Option<Duration>,
    /// The owner named it, so that it may be swept even when it is larger than a /16.
    pub named: bool,
    /// What may be used.
    pub techniques: BTreeSet<Technique>,
    /// TCP ports that are looked at.
    pub ports: Arc<[u16]>,
    /// Ports of printers and controllers (515, 631, 9100 to 9107) that the owner named for this network.
    pub delicate_ports: BTreeSet<u16>,
    /// A host that was not heard for this long, and does not answer, is gone.
    pub gone_after: Duration,
    /// Hosts are described anew (ports, names) this often.
    pub describe_every: Duration,
    /// Packets a second on this network; 1 or more.
    pub rate_per_s: u32,
}

/// Hours of the day, in minutes since local midnight. `from` after `to` passes midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// First minute (0 to 1439).
    pub from: u16,
    /// First minute after it (0 to 1440).
    pub to: u16,
}

/// What is told of the events that were found. The rules of [`Telling::ignore`] and the like stand at the judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// Whose events are neither kept nor told.
    pub ignore: Subjects,
    /// Who belongs here; empty: nothing was said of that.
    pub known: Subjects,
    /// Hosts whose absence is an alert.
    pub always_on: Subjects,
    /// Stations among which addresses may pass.
    pub kin: Vec<Kin>,
    /// What changes the severity of events, or mutes them; in the owner's order.
    pub rules: Vec<Rule>,
    /// A repeat within this time of the last one is counted and not told; zero: every repeat is told.
    pub fold: Duration,
    /// A host that is present and not known is told again after each such time; `None`: it is told once.
    pub renotify: Option<Duration>,
}

impl Default for Telling {
    fn default() -> Self {
        Self {
            ignore: Subjects::default(),
            known: Subjects::default(),
            always_on: Subjects::default(),
            kin: Vec::new(),
            rules: Vec::new(),
            fold: Duration::from_secs(3600),
            renotify: None,
        }
    }
}

/// Stations of one segment among which addresses may pass: the members of a cluster, and its virtual MACs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin {
    /// The segment; every one, where none is named.
    pub segment: Option<Segment>,
    /// The stations.
    pub macs: BTreeSet<Mac>,
}

/// What is done to events that all of its conditions hold for; a condition that is empty or absent holds for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Of one of these kinds.
    pub kinds: BTreeSet<Kind>,
    /// On one of these segments.
    pub segments: BTreeSet<Segment>,
    /// With an address of one of these networks.
    pub networks: Subjects,
    /// About one of these.
    pub hosts: Subjects,
    /// In these hours of these days.
    pub hours: Option<Hours>,
    /// Less severe than this.
    pub below: Option<Severity>,
    /// Their severity becomes this.
    pub severity: Option<Severity>,
    /// They are kept and not told.
    pub mute: bool,
}

/// Hours of some days of the week, local time. Hours that pass midnight belong to the day on which they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Which hours.
    pub day: Quiet,
    /// Which days, from Monday.
    pub days: [bool; 7],
}

/// Hosts, stations and addresses that the owner named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    /// Stations.
    pub macs: BTreeSet<Mac>,
    /// Hosts.
    pub hosts: BTreeSet<HostId>,
    /// Single addresses.
    pub ips: BTreeSet<IpAddr>,
    /// Networks.
    pub prefixes: Vec<IpNet>,
}

impl Subjects {
    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.macs.is_empty() && self.hosts.is_empty() && self.ips.is_empty() && self.prefixes.is_empty()
    }

    /// Whether the address is named.
    pub fn has_ip(&self, ip: IpAddr) -> bool {
        self.ips.contains(&ip) || self.prefixes.iter().any(|prefix| prefix.contains(&ip))
    }

    /// Whether the host or station that an event is about is named, or its address.
    pub fn has(&self, event: &Event) -> bool {
        event.host.is_some_and(|host| self.hosts.contains(&host))
            || event.mac.is_some_and(|mac| self.macs.contains(&mac))
            || event.ip.is_some_and(|ip| self.has_ip(ip))
    }
}

impl Quiet {
    /// Whether a minute of the day (0 to 1439) lies in these hours.
    pub fn holds(self, minute: u16) -> bool {
        match self.from <= self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        }
    }
}

impl Hours {
    /// Whether a moment lies in these hours, where local time is `utc_offset_s` seconds east of UTC.
    pub fn hold(&self, at: Timestamp, utc_offset_s: i32) -> bool {
        let local_s = at.as_nanos().div_euclid(1_000_000_000).saturating_add(i64::from(utc_offset_s));
        let minute = u16::try_from(local_s.rem_euclid(86_400) / 60).unwrap_or(0);
        let is_after_midnight = self.day.from > self.day.to && minute < self.day.to;
        // The first of January 1970 was a Thursday.
        let weekday = local_s.div_euclid(86_400) + 3 - i64::from(is_after_midnight);
        let weekday = usize::try_from(weekday.rem_euclid(7)).unwrap_or(0);
        self.day.holds(minute) && self.days[weekday]
    }
}

/// Ports that are never asked unless they are named: printers print what they are sent.
pub const DELICATE_PORTS: [u16; 10] = [515, 631, 9100, 9101, 9102, 9103, 9104, 9105, 9106, 9107];
