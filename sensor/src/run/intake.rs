//! The way of a frame: parser, desk (correlator and planner), sightings log. The same for live frames and for capture files.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use crate::config;
use crate::export::lines::Lines;
use crate::export::record::{self, EventRecord};
use crate::export::sightings::{malformed_line, sighting_line};
use crate::inventory::correlator::Settings;
use crate::inventory::desk::{self, Desk};
use crate::inventory::event::{Detail, Event, Kind, Reason};
use crate::inventory::fingerprint::Fingerprints;
use crate::inventory::limits::Limits;
use crate::inventory::planner::{Answers, Planner};
use crate::inventory::probe::Probe;
use crate::inventory::sighting::{Sighting, sightings};
use crate::inventory::state::Rows;
use crate::store::StoredEvent;
use crate::types::{Class, Frame, Iface, Mac, Segment, Timestamp};
use crate::vendor::Vendors;
use crate::wire;

/// Frames in, events out.
pub struct Intake {
    /// The core.
    pub desk: Desk,
    /// Vendors, for what is written.
    pub vendors: Vendors,
    /// What guesses are made by.
    pub fingerprints: Fingerprints,
    /// Messages that their parser refused.
    pub malformed_total: u64,
    sensor: String,
    log: Option<Lines>,
    facts: Vec<Sighting>,
    events: Vec<Event>,
}

/// An event in both forms in which it leaves: for the database, and for the sinks.
#[derive(Clone, Debug)]
pub struct Told {
    /// For the sinks.
    pub record: EventRecord,
    /// For the database; its `record` is the JSON that line sinks write.
    pub stored: StoredEvent,
}

/// How long a claim by another MAC may wait for the answers of both stations.
pub const EXPLAIN: Duration = Duration::from_secs(3);

/// How long a new host may wait for an IPv4 address before it is told without one: a DHCP exchange with a server
/// that checks an address by ping first takes up to three seconds.
pub const SETTLE: Duration = Duration::from_secs(3);

impl Intake {
    /// Starts from what the database had.
    pub fn new(
        settings: Settings,
        saved: Rows,
        next_event_id: u64,
        vendors: Vendors,
        inventory: &config::Inventory,
        log: Option<Lines>,
    ) -> Self {
        Self {
            desk: Desk::new(settings, Limits::default(), saved, next_event_id),
            vendors,
            fingerprints: Fingerprints::builtin(),
            malformed_total: 0,
            sensor: inventory.name.clone(),
            log,
            facts: Vec::new(),
            events: Vec::new(),
        }
    }

    /// From now on questions are planned; what is known is asked about as if it was heard at `now`.
    pub fn set_planner(&mut self, planner: Planner, now: Timestamp) {
        self.desk.set_planner(planner, now);
    }

    /// Takes in one frame at `now`.
    pub fn take(&mut self, frame: &Frame<'_>, now: Timestamp) {
        if frame.flood {
            let (segment, mac, class) = (frame.segment, frame.source_mac, frame.class);
            self.desk.correlator.flood(segment, mac, class, frame.at, &mut self.events);
        }
        match wire::dissect(frame) {
            Ok(Some(message)) => {
                let mut facts = std::mem::take(&mut self.facts);
                sightings(frame, &message, &mut facts);
                facts.drain(..).for_each(|sighting| self.observe(sighting, now));
                self.facts = facts;
            }
            Ok(None) => {}
            Err(error) => {
                self.malformed_total += 1;
                if let Some(log) = &mut self.log {
                    log.push(&malformed_line(frame, error));
                }
            }
        }
        // After its words: they may be the first of a station, and tell whether it is a router.
        if frame.scan {
            let (segment, mac) = (frame.segment, frame.source_mac);
            let (reason, target) = match frame.class {
                Class::Syn => (Reason::PortScan, frame.packet.map(|packet| packet.destination)),
                _ => (Reason::ArpScan, None),
            };
            self.desk.correlator.scan(segment, mac, reason, target, frame.at, &mut self.events);
        }
    }

    /// As [`Intake::take`], for who plans without a planner: `answers` tells whether a fact of another station answers a
    /// question.
    pub fn take_with(&mut self, frame: &Frame<'_>, now: Timestamp, answers: &mut dyn FnMut(&Sighting) -> bool) {
        if let Ok(Some(message)) = wire::dissect(frame) {
            let mut facts = Vec::new();
            sightings(frame, &message, &mut facts);
            for mut sighting in facts {
                if !self.desk.is_own(&sighting) {
                    let is_answer = answers(&sighting);
                    desk::mark_asked(&mut sighting, is_answer);
                }
                self.observe(sighting, now);
            }
        }
    }

    /// Takes in one fact, of a frame or of an answer.
    pub fn observe(&mut self, mut sighting: Sighting, now: Timestamp) {
        // Our own words are no news, and no sighting.
        if self.desk.is_own(&sighting) {
            return;
        }
        self.desk.observe(&mut sighting, now, &mut self.events);
        if let Some(log) = &mut self.log {
            log.push(&sighting_line(&sighting));
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.desk.handle_timeout(now, &mut self.events);
    }

    /// At most `room` questions that are due; and what came of those that nobody answered.
    pub fn plan(&mut self, now: Timestamp, room: usize, out: &mut Vec<Probe>) {
        self.desk.plan(now, room, out, &mut self.events);
    }

    /// When something is due next.
    pub fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        self.desk.poll_timeout(now)
    }

    /// Not everything was heard until `at`: nobody is gone for want of being heard.
    pub fn set_deaf(&mut self, at: Timestamp) {
        self.desk.set_deaf(at);
    }

    /// Local time for quiet hours, seconds east of UTC.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        self.desk.set_utc_offset_s(seconds);
    }

    /// What became of answers that frames brought; absent when nobody asks.
    pub fn answers(&self) -> Option<Answers> {
        self.desk.answers()
    }

    /// The input has ended: tells what still waits.
    pub fn finish(&mut self, now: Timestamp) {
        self.desk.correlator.finish(now, &mut self.events);
    }

    /// Tells something about the sensor itself.
    pub fn tell(&mut self, kind: Kind, at: Timestamp, details: Vec<(&'static str, Detail)>) {
        self.desk.correlator.tell(kind, at, details, &mut self.events);
    }

    /// Tells something about one of the sensor's ports.
    pub fn tell_of(&mut self, port: Iface, kind: Kind, at: Timestamp, details: Vec<(&'static str, Detail)>) {
        let segment = Segment::untagged(port);
        self.desk.correlator.tell_of(segment, kind, at, details, &mut self.events);
    }

    /// The sensor's own stations are these from now on.
    pub fn set_own_macs(&mut self, macs: BTreeSet<Mac>) {
        self.desk.set_own_macs(macs);
    }

    /// Events since the last call, written.
    pub fn take_told(&mut self) -> Vec<Told> {
        self.events.drain(..).map(|event| told(&event, &self.vendors, &self.sensor)).collect()
    }

    /// Whether `take_told` has something to give.
    pub fn has_told(&self) -> bool {
        !self.events.is_empty()
    }

    /// Hands the sightings log's buffer to the file. A log whose reader has gone is given up, which is no error.
    pub fn flush_log(&mut self) -> io::Result<()> {
        match self.log.as_mut().map_or(Ok(()), Lines::flush) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.log = None;
                Ok(())
            }
            result => result,
        }
    }

    /// Sightings that a log which cannot be written missed.
    pub fn sightings_dropped_total(&self) -> u64 {
        self.log.as_ref().map_or(0, Lines::dropped_total)
    }

    /// Opens the sightings log anew, after a log rotation.
    pub fn reopen_log(&mut self) -> io::Result<()> {
        self.log.as_mut().map_or(Ok(()), Lines::reopen)
    }
}

fn told(event: &Event, vendors: &Vendors, sensor: &str) -> Told {
    let record = record::event_record(event, vendors, sensor);
    let stored = StoredEvent {
        id: event.id,
        at: event.at,
        kind: event.kind.name().to_owned(),
        severity: event.severity.name().to_owned(),
        segment: event.segment.map(|segment| segment.to_string()),
        host: event.host.map(|host| host.0),
        record: serde_json::to_string(&record).expect("an event record is strings, numbers and lists of them"),
    };
    Told { record, stored }
}
