//! The way of a frame: parser, desk (correlator and planner), sightings log. The same for live frames and for capture files.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use crate::config;
use crate::export::lines::Lines;
use crate::export::record;
use crate::export::record::event::EventRecord;
use crate::export::sightings::line::{malformed_line, sighting_line};
use crate::pipeline::policy;
use crate::store::batch::{Saved, StoredEvent};
use crate::vendor::Vendors;
use sensor_core::inventory::core;
use sensor_core::inventory::core::Core;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::event::{Detail, Event, Kind, Reason};
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::judge::fold::Fold;
use sensor_core::inventory::judge::renotify::{AGAIN, Renotify};
use sensor_core::inventory::judge::{Judge, Verdict};
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::planner::probe::Probe;
use sensor_core::inventory::planner::state::{AnswerCounts, Planner};
use sensor_core::inventory::sighting::{Sighting, sightings};
use sensor_core::types::{Class, Frame, Iface, Mac, Segment, Timestamp};
use sensor_core::wire;

/// Frames in, events out.
pub struct Intake {
    /// The core.
    pub desk: Core,
    /// Which events are told.
    pub judge: Judge,
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
    /// Counts that rose since they were taken, by the event's number.
    folds: BTreeMap<u64, Fold>,
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
        saved: Saved,
        vendors: Vendors,
        inventory: &config::inventory::Inventory,
        log: Option<Lines>,
    ) -> Self {
        let mut judge = Judge::default();
        policy::restore(&mut judge, &saved);
        Self {
            desk: Core::new(settings, Limits::default(), saved.rows, saved.next_event_id),
            judge,
            vendors,
            fingerprints: Fingerprints::builtin(),
            malformed_total: 0,
            sensor: inventory.name.clone(),
            log,
            facts: Vec::new(),
            events: Vec::new(),
            folds: BTreeMap::new(),
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
                    core::mark_asked(&mut sighting, is_answer);
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
        self.judge.set_utc_offset_s(seconds);
        self.desk.set_utc_offset_s(seconds);
    }

    /// What became of answers that frames brought; absent when nobody asks.
    pub fn answers(&self) -> Option<AnswerCounts> {
        self.desk.answers()
    }

    /// The input has ended: tells what still waits.
    pub fn finish(&mut self, now: Timestamp) {
        self.desk.correlator.finish(now, &mut self.events);
    }

    /// Tells something about the sensor itself.
    pub fn tell(&mut self, kind: Kind, at: Timestamp, details: Vec<(&'static str, Detail)>) {
        self.desk.correlator.emit(kind, at, details, &mut self.events);
    }

    /// Tells something about one of the sensor's ports.
    pub fn tell_of(&mut self, port: Iface, kind: Kind, at: Timestamp, details: Vec<(&'static str, Detail)>) {
        let segment = Segment::untagged(port);
        self.desk.correlator.emit_of(segment, kind, at, details, &mut self.events);
    }

    /// The sensor's own stations are these from now on.
    pub fn set_own_macs(&mut self, macs: BTreeSet<Mac>) {
        self.desk.set_own_macs(macs);
    }

    /// Events since the last call, judged and written; also those that are muted, which are kept and not told.
    pub fn take_told(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        for mut event in self.events.drain(..) {
            match self.judge.judge(&mut event) {
                Verdict::Ignored => {}
                Verdict::Folded(fold) => drop(self.folds.insert(fold.id, fold)),
                Verdict::Kept { muted, cause } => {
                    let muted = muted.map(|muted| muted.to_string());
                    all.push(told(&event, muted, cause, &self.vendors, &self.sensor));
                }
            }
        }
        all
    }

    /// Counts of earlier events that rose since the last call; to be taken after the events, so that none comes before its own.
    pub fn take_folds(&mut self) -> Vec<Fold> {
        std::mem::take(&mut self.folds).into_values().collect()
    }

    /// Tells again of unknown hosts that are due.
    pub fn renotify(&mut self, now: Timestamp) {
        let Self { desk, judge, events, .. } = self;
        for again in judge.renotify(now, || desk.correlator.snapshot()) {
            let Renotify { host, mac, ip, at, times } = again;
            let details = vec![(AGAIN, Detail::Number(times))];
            desk.correlator.emit_of(host.segment, Kind::NewHost, at, details, events);
            if let Some(event) = events.last_mut() {
                (event.mac, event.ip, event.host) = (mac, ip, Some(host.id));
                event.hostname = host.names.first().map(|name| name.name.clone());
            }
        }
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

impl Told {
    /// From the database, with its count. Fails when its record is not one of ours.
    pub fn from_store(mut stored: StoredEvent) -> serde_json::Result<Self> {
        let mut record: EventRecord = serde_json::from_str(&stored.record)?;
        if stored.count > 1 {
            record.count = Some(stored.count);
            record.last_at = stored.last_at.map(record::text::rfc3339);
            stored.record = line(&record);
        }
        Ok(Self { record, stored })
    }

    /// Whether it is kept and not told.
    pub fn is_muted(&self) -> bool {
        self.stored.muted.is_some()
    }
}

fn told(event: &Event, muted: Option<String>, cause: Option<String>, vendors: &Vendors, sensor: &str) -> Told {
    let mut record = record::of_event::event_record(event, vendors, sensor);
    record.muted.clone_from(&muted);
    let stored = StoredEvent {
        id: event.id,
        at: event.at,
        kind: event.kind.name().to_owned(),
        severity: event.severity.name().to_owned(),
        segment: event.segment.map(|segment| segment.to_string()),
        host: event.host.map(|host| host.0),
        record: line(&record),
        cause,
        muted,
        count: 1,
        last_at: None,
    };
    Told { record, stored }
}

fn line(record: &EventRecord) -> String {
    serde_json::to_string(record).expect("an event record is strings, numbers and lists of them")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeMap;

    use enumset::EnumSet;

    use super::*;
    use sensor_core::inventory::judge::policy::{EventPolicy, Subjects};
    use sensor_core::inventory::model::host::{Host, HostId, Station};
    use sensor_core::inventory::model::rows::Rows;

    #[test]
    fn an_unknown_host_is_told_again_with_all_that_is_known_of_it() {
        let segment = Segment::untagged(Iface::new("eth1").unwrap());
        let (first_seen, last_seen) = (Timestamp::from_secs(0), Timestamp::from_secs(7190));
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let host = Host {
            id: HostId(7),
            segment,
            first_seen,
            last_seen,
            announced: true,
            gone_since: None,
            here_since: first_seen,
            names: Vec::new(),
            services: Vec::new(),
            dhcp: None,
            roles: BTreeMap::new(),
            prints: Vec::new(),
        };
        let station = Station { segment, mac, host: host.id, first_seen, last_seen, sources: EnumSet::empty() };
        let rows = Rows { hosts: vec![host], stations: vec![station], ..Rows::default() };
        let last_event_at = Some(Timestamp::from_secs(5));
        let saved = Saved { rows, next_event_id: 9, last_event_at, ..Saved::default() };
        let inventory = config::inventory::Inventory {
            learning: Duration::ZERO,
            networks: Vec::new(),
            oui: None,
            fingerprints: None,
            p0f: None,
            name: "box".to_owned(),
        };
        let mut intake = Intake::new(Settings::default(), saved, Vendors::builtin(), &inventory, None);
        let known = Subjects { macs: [Mac([2, 0, 0, 0, 0, 2])].into(), ..Subjects::default() };
        let hourly = EventPolicy { known, renotify: Some(Duration::from_secs(3600)), ..EventPolicy::default() };
        intake.judge.set_policy(hourly);
        intake.renotify(Timestamp::from_secs(7200));
        intake.renotify(Timestamp::from_secs(7260));
        let told = intake.take_told();
        let [Told { record, stored }] = &told[..] else { panic!("told once: {told:#?}") };
        assert_eq!((record.kind.as_str(), record.severity.as_str(), record.id), ("new-host", "notice", 9));
        assert_eq!((record.mac.as_deref(), stored.host), (Some("02:00:00:00:00:01"), Some(7)));
        assert_eq!(record.details.as_ref().unwrap()["again"], 2);
        assert_eq!(record.segment.as_deref(), Some("eth1"));
    }
}
