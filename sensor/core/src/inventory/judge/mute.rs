//! Mutes: maintenance windows in which events about a host, address, segment or kind are kept but not reported.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::inventory::event::{Event, Kind};
use crate::inventory::judge::subjects::{Effect, is_within, other_ips, other_macs};
use crate::inventory::model::host::HostId;
use crate::types::{Mac, Segment, Timestamp};

/// A maintenance window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mute {
    /// Its number, from 1.
    pub id: u64,
    /// What it is about.
    pub target: MuteTarget,
    /// The first moment of the window.
    pub from: Timestamp,
    /// The first moment after the window.
    pub until: Timestamp,
    /// The owner's reason for it, escaped.
    pub reason: Option<String>,
}

/// What a mute is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MuteTarget {
    /// Every event about a host.
    Host(HostId),
    /// Every event of a kind.
    Kind(Kind),
    /// Every event about a station, as the present one or the one before, or about the life of its host.
    Mac(Mac),
    /// Every event about an address, or about any address of a network, or about the life of a host that has one.
    Network(IpNet),
    /// Every event on a segment.
    Segment(Segment),
}

/// Mutes at a time at most.
pub const MUTES_MAX: usize = 256;

impl Mute {
    /// Whether it mutes an event.
    pub fn holds(&self, event: &Event) -> bool {
        self.from <= event.at && event.at < self.until && self.target.holds(event)
    }
}

impl MuteTarget {
    /// Whether an event is about it.
    pub fn holds(&self, event: &Event) -> bool {
        match self {
            Self::Host(host) => event.host == Some(*host),
            Self::Kind(kind) => event.kind == *kind,
            // Where a station replaced another one, both are meant.
            Self::Mac(mac) => {
                let is_of_host = || other_macs(event, Effect::Quieter).any(|other| other == *mac);
                event.mac == Some(*mac) || event.old_mac == Some(*mac) || is_of_host()
            }
            Self::Network(net) => {
                let counts = |other: IpAddr| is_within(other, net, event, Effect::Quieter);
                event.ip.is_some_and(|ip| net.contains(&ip)) || other_ips(event, Effect::Quieter).any(counts)
            }
            Self::Segment(segment) => event.segment == Some(*segment),
        }
    }
}

impl fmt::Display for MuteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => write!(f, "{:016x}", host.0),
            Self::Kind(kind) => f.write_str(kind.name()),
            Self::Mac(mac) => mac.fmt(f),
            Self::Network(net) if net.prefix_len() == net.max_prefix_len() => net.addr().fmt(f),
            Self::Network(net) => net.fmt(f),
            Self::Segment(segment) => segment.fmt(f),
        }
    }
}

/// Ends the mute with this number at `now`; false when no such mute is in force. It stays in the list until the next
/// one is added, so that numbers rise.
pub fn end(mutes: &mut [Mute], id: u64, now: Timestamp) -> bool {
    let lasting = mutes.iter_mut().find(|mute| mute.id == id && mute.until > now);
    lasting.map(|mute| mute.until = now).is_some()
}

/// Adds a mute from `now` on to `mutes`, and removes those that ended by `now`; `None` when there are too many.
pub fn add(
    mutes: &mut Vec<Mute>,
    target: MuteTarget,
    now: Timestamp,
    span: Duration,
    reason: Option<String>,
) -> Option<&Mute> {
    let id = mutes.iter().map(|mute| mute.id).max().unwrap_or(0) + 1;
    mutes.retain(|mute| mute.until > now);
    if mutes.len() >= MUTES_MAX {
        return None;
    }
    mutes.push(Mute { id, target, from: now, until: now.after(span), reason });
    mutes.last()
}
