//! What is not told for a while: a maintenance window of one host, segment or kind.

use std::fmt;
use std::time::Duration;

use ipnet::IpNet;

use crate::inventory::event::{Event, Kind};
use crate::inventory::model::host::HostId;
use crate::types::{Mac, Segment, Timestamp};

/// A maintenance window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mute {
    /// Its number, from 1.
    pub id: u64,
    /// What is not told.
    pub target: Target,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why, escaped.
    pub reason: Option<String>,
}

/// What a mute is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A host by its number.
    Host(HostId),
    /// Every event of a kind.
    Kind(Kind),
    /// A station.
    Mac(Mac),
    /// An address, or all of a network.
    Network(IpNet),
    /// Everything on a segment.
    Segment(Segment),
}

/// Mutes at a time.
pub const MUTES_MAX: usize = 256;

impl Mute {
    /// Whether it silences an event.
    pub fn holds(&self, event: &Event) -> bool {
        self.from <= event.at && event.at < self.until && self.target.holds(event)
    }
}

impl Target {
    /// Whether an event is about it.
    pub fn holds(&self, event: &Event) -> bool {
        match self {
            Self::Host(host) => event.host == Some(*host),
            Self::Kind(kind) => event.kind == *kind,
            // A station that is replaced is the one before.
            Self::Mac(mac) => event.mac == Some(*mac) || event.old_mac == Some(*mac),
            Self::Network(net) => event.ip.is_some_and(|ip| net.contains(&ip)),
            Self::Segment(segment) => event.segment == Some(*segment),
        }
    }
}

impl fmt::Display for Target {
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

/// Ends the mute of a number at `now`; false when none of this number lasts. It stays in the list until the next one is
/// made, so that numbers rise.
pub fn end(mutes: &mut [Mute], id: u64, now: Timestamp) -> bool {
    let lasting = mutes.iter_mut().find(|mute| mute.id == id && mute.until > now);
    lasting.map(|mute| mute.until = now).is_some()
}

/// Adds a mute to `mutes`, of which those that ended by `now` are forgotten; `None` when there are too many.
pub fn add(
    mutes: &mut Vec<Mute>,
    target: Target,
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
