//! The way of a frame: parser, sightings log, correlator. The same for live frames and for capture files.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use crate::config;
use crate::export::lines::Lines;
use crate::export::record::{self, EventRecord};
use crate::export::sightings::{malformed_line, sighting_line};
use crate::inventory::correlator::{Correlator, Missed, Settings};
use crate::inventory::event::{Detail, Event, Kind};
use crate::inventory::limits::Limits;
use crate::inventory::planner::{Answers, Planner};
use crate::inventory::probe::Probe;
use crate::inventory::sighting::{ArpOperation, Claim, NdpClaim, Sighting, sightings};
use crate::inventory::state::Rows;
use crate::store::StoredEvent;
use crate::types::{Frame, Mac, Timestamp};
use crate::vendor::Vendors;
use crate::wire;

/// Frames in, events out.
pub struct Intake {
    /// The core.
    pub correlator: Correlator,
    /// Vendors, for what is written.
    pub vendors: Vendors,
    /// Messages that their parser refused.
    pub malformed_total: u64,
    /// Who decides whom to ask; absent when nobody may be asked.
    planner: Option<Planner>,
    own_macs: BTreeSet<Mac>,
    sensor: String,
    log: Option<Lines>,
    facts: Vec<Sighting>,
    events: Vec<Event>,
    /// Events that the planner has considered.
    considered: usize,
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
        let own_macs = settings.own_macs.clone();
        Self {
            correlator: Correlator::new(settings, Limits::default(), saved, next_event_id),
            vendors,
            malformed_total: 0,
            planner: None,
            own_macs,
            sensor: inventory.name.clone(),
            log,
            facts: Vec::new(),
            events: Vec::new(),
            considered: 0,
        }
    }

    /// From now on questions are planned; what is known is asked about as if it was heard at `now`.
    pub fn set_planner(&mut self, mut planner: Planner, now: Timestamp) {
        planner.restore(&self.correlator.snapshot(), now);
        self.correlator.set_deaf(now);
        self.planner = Some(planner);
    }

    /// Takes in one frame at `now`.
    pub fn take(&mut self, frame: &Frame<'_>, now: Timestamp) {
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
    }

    /// As [`Intake::take`], for who plans without a planner: `answers` tells whether a fact of another station answers a
    /// question.
    pub fn take_with(&mut self, frame: &Frame<'_>, now: Timestamp, answers: &mut dyn FnMut(&Sighting) -> bool) {
        if let Ok(Some(message)) = wire::dissect(frame) {
            let mut facts = Vec::new();
            sightings(frame, &message, &mut facts);
            for mut sighting in facts {
                if !self.is_own(&sighting) {
                    let is_answer = answers(&sighting);
                    mark_asked(&mut sighting, is_answer);
                }
                self.observe(sighting, now);
            }
        }
    }

    /// Takes in one fact, of a frame or of an answer.
    pub fn observe(&mut self, mut sighting: Sighting, now: Timestamp) {
        // Our own words are no news, and no sighting.
        if self.is_own(&sighting) {
            return;
        }
        if let Some(planner) = &mut self.planner {
            let answers = planner.observe(&sighting, now);
            mark_asked(&mut sighting, answers);
        }
        if let Some(log) = &mut self.log {
            log.push(&sighting_line(&sighting));
        }
        self.correlator.observe(&sighting, now, &mut self.events);
        self.consider(now);
    }

    fn is_own(&self, sighting: &Sighting) -> bool {
        self.own_macs.contains(&sighting.mac) || self.own_macs.contains(&sighting.frame_mac)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.correlator.handle_timeout(now, &mut self.events);
        self.consider(now);
    }

    /// At most `room` questions that are due; and what came of those that nobody answered.
    pub fn plan(&mut self, now: Timestamp, room: usize, out: &mut Vec<Probe>) {
        let Some(planner) = &mut self.planner else { return };
        planner.plan(now, room, out);
        for silence in planner.take_silences() {
            let missed = Missed {
                segment: silence.segment,
                ip: silence.ip,
                techniques: &silence.techniques,
                since: silence.since,
                gone_after: silence.gone_after,
            };
            self.correlator.miss(&missed, now, &mut self.events);
        }
        self.consider(now);
    }

    /// When something is due next.
    pub fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        let planned = self.planner.as_ref().and_then(|planner| planner.poll_timeout(now));
        [self.correlator.poll_timeout(), planned].into_iter().flatten().min()
    }

    /// Not everything was heard until `at`: nobody is gone for want of being heard.
    pub fn set_deaf(&mut self, at: Timestamp) {
        self.correlator.set_deaf(at);
        if let Some(planner) = &mut self.planner {
            planner.set_deaf(at);
        }
    }

    /// Local time for quiet hours, seconds east of UTC.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        if let Some(planner) = &mut self.planner {
            planner.set_utc_offset_s(seconds);
        }
    }

    /// What became of answers that frames brought; absent when nobody asks.
    pub fn answers(&self) -> Option<Answers> {
        self.planner.as_ref().map(Planner::answers)
    }

    /// What the planner is asked, and what it should know.
    fn consider(&mut self, now: Timestamp) {
        let Some(planner) = &mut self.planner else { return };
        for check in self.correlator.take_checks() {
            if !planner.check(check.segment, check.ip, check.holders, now) {
                self.correlator.refuse_check(&check, &mut self.events);
            }
        }
        for doubt in self.correlator.take_doubts() {
            planner.confirm(doubt.segment, doubt.ip, doubt.port, now);
        }
        for event in &self.events[self.considered..] {
            planner.consider(event, now);
        }
        self.considered = self.events.len();
    }

    /// The input has ended: tells what still waits.
    pub fn finish(&mut self, now: Timestamp) {
        self.correlator.finish(now, &mut self.events);
    }

    /// Tells something about the sensor itself.
    pub fn tell(&mut self, kind: Kind, at: Timestamp, details: Vec<(&'static str, Detail)>) {
        self.correlator.tell(kind, at, details, &mut self.events);
    }

    /// Events since the last call, written.
    pub fn take_told(&mut self) -> Vec<Told> {
        self.considered = 0;
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

/// An ARP reply or a neighbour advertisement that answers a question of ours says so.
fn mark_asked(sighting: &mut Sighting, answers: bool) {
    match &mut sighting.claim {
        Claim::Arp(claim) => claim.asked = answers && claim.operation == ArpOperation::Reply,
        Claim::Ndp(NdpClaim::Advert { asked, .. }) => *asked = answers,
        _ => {}
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
