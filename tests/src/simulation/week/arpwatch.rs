//! arpwatch's rules (2.1a15, `db.c` and `arpwatch.c`) as a counter: which mails it would send for the same ARP frames.
//! Its order of checks is kept; names and vendors are left out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::Mac;

use super::calendar::DAY;

/// A line that it would write or mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// syslog only.
    Bogon,
    /// Mail.
    Changed,
    /// Mail.
    FlipFlop,
    /// syslog only.
    Mismatch,
    /// Mail: the same station after half a year.
    NewActivity,
    /// Mail.
    NewStation,
    /// syslog only.
    Reused,
}

impl Line {
    /// Whether it is mailed.
    pub const fn is_mail(self) -> bool {
        matches!(self, Self::Changed | Self::FlipFlop | Self::NewActivity | Self::NewStation)
    }

    /// arpwatch's own words for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bogon => "bogon",
            Self::Changed => "changed ethernet address",
            Self::FlipFlop => "flip flop",
            Self::Mismatch => "ethernet mismatch",
            Self::NewActivity => "new activity",
            Self::NewStation => "new station",
            Self::Reused => "reused old ethernet address",
        }
    }
}

/// For each address its stations, the latest first, and when each was heard last, in milliseconds.
#[derive(Debug)]
pub struct Arpwatch {
    net: Ipv4Net,
    known: BTreeMap<Ipv4Addr, Vec<(Mac, u64)>>,
    /// The lines that it wrote: when (milliseconds), about which address, which line.
    pub lines: Vec<(u64, Ipv4Addr, Line)>,
}

/// `NEWACTIVITY_DELTA`.
const NEW_ACTIVITY: u64 = 6 * 30 * DAY;

impl Arpwatch {
    /// It listens on an interface of this network.
    pub fn new(net: Ipv4Net) -> Self {
        Self { net, known: BTreeMap::new(), lines: Vec::new() }
    }

    /// Reads a frame.
    pub fn hear(&mut self, now_ms: u64, sighting: &Sighting) {
        let (Claim::Arp(claim), Some(IpAddr::V4(ip))) = (&sighting.claim, sighting.ip) else { return };
        // Its sender address is zero.
        if claim.operation == ArpOperation::ConflictCheck {
            return;
        }
        let line = match () {
            () if !self.net.contains(&ip) => Some(Line::Bogon),
            () if sighting.frame_mac != sighting.mac => Some(Line::Mismatch),
            () => self.weigh(now_ms, ip, sighting.mac),
        };
        self.lines.extend(line.map(|line| (now_ms, ip, line)));
    }

    fn weigh(&mut self, now_ms: u64, ip: Ipv4Addr, mac: Mac) -> Option<Line> {
        let stations = self.known.entry(ip).or_default();
        let line = match stations.iter().position(|(known, _)| *known == mac) {
            Some(0) => (now_ms - stations[0].1 > NEW_ACTIVITY).then_some(Line::NewActivity),
            Some(place) => {
                stations[..=place].rotate_right(1);
                Some(if place == 1 { Line::FlipFlop } else { Line::Reused })
            }
            None => {
                stations.insert(0, (mac, now_ms));
                Some(if stations.len() == 1 { Line::NewStation } else { Line::Changed })
            }
        };
        stations[0].1 = now_ms;
        line
    }
}
