//! How events are made: what every event says of its host, how severe it is during the learning period, and its id.

use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::whole::Whole;
use crate::inventory::event::{Detail, Event, Kind, Severity};
use crate::inventory::model::host::best_name;
use crate::types::{Mac, Segment, Timestamp};

impl Correlator {
    /// An event about the sensor itself, with the next id.
    pub fn emit(&mut self, kind: Kind, at: Timestamp, details: Vec<(&'static str, Detail)>, events: &mut Vec<Event>) {
        self.push(Event { details, ..bare(kind, at) }, events);
    }

    /// As [`Correlator::emit`], about one of the sensor's ports.
    pub fn emit_of(
        &mut self,
        segment: Segment,
        kind: Kind,
        at: Timestamp,
        details: Vec<(&'static str, Detail)>,
        events: &mut Vec<Event>,
    ) {
        self.push(Event { segment: Some(segment), details, ..bare(kind, at) }, events);
    }

    /// An event about a station and its host.
    pub(super) fn about_host(&self, kind: Kind, at: Timestamp, segment: Segment, mac: Mac) -> Event {
        let host = self.memory.host_of(segment, mac);
        Event {
            segment: Some(segment),
            mac: Some(mac),
            hostname: host.and_then(|host| best_name(&host.names)),
            host: host.map(|host| host.id),
            ..bare(kind, at)
        }
    }

    /// Gives an event the next id and appends it.
    pub(super) fn push(&mut self, mut event: Event, events: &mut Vec<Event>) {
        if self.is_silent {
            return;
        }
        self.raise_for_gateway(&mut event);
        event.whole = self.whole(&event);
        events.push(Event { id: self.next_event_id, ..event });
        self.next_event_id += 1;
    }

    /// The severity of an event about something new: `info` during the learning period.
    pub(super) fn severity_of_new(&self, kind: Kind, first_seen: Timestamp) -> Severity {
        let learning = self.settings.learning_until.is_some_and(|until| first_seen < until);
        if learning { Severity::Info } else { kind.severity() }
    }

    /// Whether a moment is in the learning period.
    pub(super) fn is_learning(&self, at: Timestamp) -> bool {
        self.settings.learning_until.is_some_and(|until| at < until)
    }
}

/// An event of a kind, without any facts yet.
pub(super) fn bare(kind: Kind, at: Timestamp) -> Event {
    Event {
        id: 0,
        at,
        kind,
        severity: kind.severity(),
        segment: None,
        ip: None,
        mac: None,
        old_mac: None,
        hostname: None,
        host: None,
        reason: None,
        confidence: None,
        details: Vec::new(),
        whole: Whole::default(),
    }
}
