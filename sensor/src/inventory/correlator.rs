//! The correlator: sightings in, events out. `observe`, `handle_timeout`, `poll_timeout`; plain `&mut self`.

use std::collections::BTreeSet;
use std::time::Duration;

use ipnet::IpNet;

use super::event::{Detail, Event, Kind};
use super::limits::Limits;
use super::sighting::Sighting;
use super::state::{Changes, Presence, Rows};
use crate::types::{Iface, Mac, Timestamp};

/// What the owner or the world decided about correlating.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Until when new hosts are `info`: the learning period's end.
    pub learning_until: Option<Timestamp>,
    /// How long a new host without an IPv4 address may wait for one before `new-host` is told.
    pub settle: Duration,
    /// The sensor's own stations: they make no host and no event.
    pub own_macs: BTreeSet<Mac>,
    /// Prefixes that live on an interface (untagged segment), or on every segment where none is named.
    pub prefixes: Vec<(Option<Iface>, IpNet)>,
    /// Sightings may be older than what is known (a capture file): an old claim that is already known tells nothing.
    pub history: bool,
}

/// The state machine.
#[derive(Debug)]
pub struct Correlator {}

impl Correlator {
    /// Starts from what was saved (or from nothing: `Rows::default()`), with the next event's id.
    pub fn new(settings: Settings, limits: Limits, saved: Rows, next_event_id: u64) -> Self {
        drop((settings, limits, saved, next_event_id));
        Self {}
    }

    /// Takes in one sighting; appends what it tells.
    pub fn observe(&mut self, sighting: &Sighting, now: Timestamp, events: &mut Vec<Event>) {
        let _ = (sighting, now, events);
    }

    /// Does what is due at `now`; appends what it tells.
    pub fn handle_timeout(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        let _ = (now, events);
    }

    /// When `handle_timeout` wants to be called next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// Tells everything that still waits for more evidence: the input has ended.
    pub fn finish(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        let _ = (now, events);
    }

    /// An event about the sensor itself, with the next id.
    pub fn tell(&mut self, kind: Kind, at: Timestamp, details: Vec<(&'static str, Detail)>, events: &mut Vec<Event>) {
        let _ = (kind, at, details, events);
    }

    /// Rows that changed in more than `last_seen` since the last call, each once.
    pub fn take_changes(&mut self) -> Changes {
        Changes::default()
    }

    /// Everything that was seen again since the last call and did not otherwise change.
    pub fn take_presence(&mut self) -> Vec<Presence> {
        Vec::new()
    }

    /// Everything known, in a fixed order.
    pub fn snapshot(&self) -> Rows {
        Rows::default()
    }

    /// Rows evicted by limits since the start.
    pub fn evictions_total(&self) -> u64 {
        0
    }
}
