//! From a frame to events: parser, core (correlator and planner), judge, sightings log. The same for live frames and
//! for capture files.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::config;
use crate::export::lines::Lines;
use crate::export::sightings::line::{malformed_line, sighting_line};
use crate::pipeline::policy;
use crate::pipeline::prepared::PreparedEvent;
use crate::store::batch::Saved;
use crate::vendor::Vendors;
use sensor_core::inventory::core::{Core, mark_asked};
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::event::{Detail, Event, Kind};
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::judge::fold::Fold;
use sensor_core::inventory::judge::renotify::{AGAIN, Renotify};
use sensor_core::inventory::judge::{Judge, Verdict};
use sensor_core::inventory::model::host::best_name;
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::planner::probe::Probe;
use sensor_core::inventory::planner::state::{AnswerCounts, Planner};
use sensor_core::inventory::sighting::scan::ScanTarget;
use sensor_core::inventory::sighting::{Sighting, sightings};
use sensor_core::types::{Frame, Iface, Mac, Segment, Timestamp};
use sensor_core::wire;

/// Turns frames into events.
pub struct Intake {
    /// Correlator and planner.
    pub core: Core,
    /// Decides which events are reported, and how severe they are.
    pub judge: Judge,
    /// Vendors by MAC, for event records.
    pub vendors: Vendors,
    /// Rules that guess operating systems and kinds of hosts, for address records.
    pub fingerprints: Fingerprints,
    /// Number of malformed messages since the start.
    pub malformed_total: u64,
    /// This machine's name, for event records.
    sensor: String,
    /// The sightings log, if one is configured.
    log: Option<Lines>,
    /// Reused buffer for the sightings of one frame.
    sightings: Vec<Sighting>,
    /// Events that are not judged yet.
    events: Vec<Event>,
    /// Events that happened again since the last call of [`Intake::take_folds`], by the first one's id.
    folds: BTreeMap<u64, Fold>,
}

/// How long an address's change to another MAC is held back while both stations are probed.
pub const EXPLAIN: Duration = Duration::from_secs(3);

/// How long a new host waits for an IPv4 address before it is reported without one: a DHCP server that first checks the
/// address by ping takes up to three seconds.
pub const SETTLE: Duration = Duration::from_secs(3);

impl Intake {
    /// Starts from the database's contents. Nothing is probed before [`Intake::set_planner`].
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
            core: Core::new(settings, Limits::default(), saved.rows, saved.next_event_id),
            judge,
            vendors,
            fingerprints: Fingerprints::builtin(),
            malformed_total: 0,
            sensor: inventory.name.clone(),
            log,
            sightings: Vec::new(),
            events: Vec::new(),
            folds: BTreeMap::new(),
        }
    }

    /// Starts to plan probes. Known hosts are probed as if they were last seen at `now`.
    pub fn set_planner(&mut self, planner: Planner, now: Timestamp) {
        self.core.set_planner(planner, now);
    }

    /// Processes one frame at `now`.
    pub fn take(&mut self, frame: &Frame<'_>, now: Timestamp) {
        if frame.flood {
            let (segment, mac, class) = (frame.segment, frame.source_mac, frame.class);
            self.core.correlator.flood(segment, mac, class, frame.at, &mut self.events);
        }
        let read = wire::dissect(frame);
        // Before the message is interpreted.
        let scanned = frame.scan.then(|| ScanTarget::of(frame, read.as_ref().ok().and_then(Option::as_ref)));
        match read {
            Ok(Some(message)) => {
                let mut found = std::mem::take(&mut self.sightings);
                sightings(frame, &message, &mut found);
                found.drain(..).for_each(|sighting| self.observe(sighting, now));
                self.sightings = found;
            }
            Ok(None) => {}
            Err(error) => {
                self.malformed_total += 1;
                if let Some(log) = &mut self.log {
                    log.push(&malformed_line(frame, error));
                }
            }
        }
        // After the frame's sightings, which may be the first of the station and show whether it is a router.
        if let Some(target) = scanned {
            self.core.scan(frame.segment, frame.source_mac, target, frame.at, &mut self.events);
        }
    }

    /// Like [`Intake::take`], for a scan, which probes without a planner: `answers` decides whether a sighting of
    /// another station answers one of its probes.
    pub fn take_with(&mut self, frame: &Frame<'_>, now: Timestamp, answers: &mut dyn FnMut(&Sighting) -> bool) {
        if let Ok(Some(message)) = wire::dissect(frame) {
            let mut found = Vec::new();
            sightings(frame, &message, &mut found);
            for mut sighting in found {
                if !self.core.is_own(&sighting) {
                    let is_answer = answers(&sighting);
                    mark_asked(&mut sighting, is_answer);
                }
                self.observe(sighting, now);
            }
        }
    }

    /// Processes one sighting, of a frame or of an answer.
    pub fn observe(&mut self, mut sighting: Sighting, now: Timestamp) {
        // Frames sent by the sensor itself are ignored.
        if self.core.is_own(&sighting) {
            return;
        }
        self.core.observe(&mut sighting, now, &mut self.events);
        if let Some(log) = &mut self.log {
            log.push(&sighting_line(&sighting));
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.core.handle_timeout(now, &mut self.events);
    }

    /// Appends at most `room` probes that are due to `out`, and processes those that were not answered.
    pub fn plan(&mut self, now: Timestamp, room: usize, out: &mut Vec<Probe>) {
        self.core.plan(now, room, out, &mut self.events);
    }

    /// When something is due next.
    pub fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        self.core.poll_timeout(now)
    }

    /// Notes that frames may have been missed until `at`: silence before then does not make a host gone.
    pub fn set_deaf(&mut self, at: Timestamp) {
        self.core.set_deaf(at);
    }

    /// Sets the local time for quiet hours, in seconds east of UTC.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        self.judge.set_utc_offset_s(seconds);
        self.core.set_utc_offset_s(seconds);
    }

    /// Counters of answers received as frames; `None` without a planner.
    pub fn answers(&self) -> Option<AnswerCounts> {
        self.core.answers()
    }

    /// Ends the input: events that were held back are emitted now.
    pub fn finish(&mut self, now: Timestamp) {
        self.core.correlator.finish(now, &mut self.events);
    }

    /// Adds an event about the sensor itself.
    pub fn emit(&mut self, kind: Kind, at: Timestamp, details: Vec<(&'static str, Detail)>) {
        self.core.correlator.emit(kind, at, details, &mut self.events);
    }

    /// Adds an event about one of the sensor's ports.
    pub fn emit_of(&mut self, port: Iface, kind: Kind, at: Timestamp, details: Vec<(&'static str, Detail)>) {
        let segment = Segment::untagged(port);
        self.core.correlator.emit_of(segment, kind, at, details, &mut self.events);
    }

    /// Adds to the sensor's own stations and addresses.
    pub fn add_own(&mut self, macs: BTreeSet<Mac>, ips: BTreeSet<IpAddr>) {
        self.core.correlator.add_own(macs, ips);
    }

    /// The events since the last call, judged and prepared. Muted ones are among them.
    pub fn take_prepared(&mut self) -> Vec<PreparedEvent> {
        let mut all = Vec::new();
        for mut event in self.events.drain(..) {
            match self.judge.judge(&mut event) {
                Verdict::Ignored => {}
                Verdict::Folded(fold) => drop(self.folds.insert(fold.id, fold)),
                Verdict::Kept { muted, cause } => {
                    let muted = muted.map(|muted| muted.to_string());
                    all.push(PreparedEvent::new(&event, muted, cause, &self.vendors, &self.sensor));
                }
            }
        }
        all
    }

    /// Repetitions of earlier events since the last call. To be called after [`Intake::take_prepared`], so that no
    /// repetition precedes its event.
    pub fn take_folds(&mut self) -> Vec<Fold> {
        std::mem::take(&mut self.folds).into_values().collect()
    }

    /// Adds the due reminders of unknown hosts.
    pub fn renotify(&mut self, now: Timestamp) {
        let Self { core, judge, events, .. } = self;
        for again in judge.renotify(now, || core.correlator.snapshot()) {
            let Renotify { host, mac, ip, at, times } = again;
            let details = vec![(AGAIN, Detail::Number(times))];
            core.correlator.emit_of(host.segment, Kind::NewHost, at, details, events);
            if let Some(event) = events.last_mut() {
                (event.mac, event.ip, event.host) = (mac, ip, Some(host.id));
                event.hostname = best_name(&host.names);
            }
        }
    }

    /// Whether there are events for [`Intake::take_prepared`].
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Writes the sightings log's buffer. When its reader has closed the pipe, the log is closed; that is no error.
    pub fn flush_log(&mut self) -> io::Result<()> {
        match self.log.as_mut().map_or(Ok(()), Lines::flush) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.log = None;
                Ok(())
            }
            result => result,
        }
    }

    /// Number of sightings that could not be written to the log.
    pub fn sightings_dropped_total(&self) -> u64 {
        self.log.as_ref().map_or(0, Lines::dropped_total)
    }

    /// Reopens the sightings log after a log rotation.
    pub fn reopen_log(&mut self) -> io::Result<()> {
        self.log.as_mut().map_or(Ok(()), Lines::reopen)
    }
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
    fn a_reminder_of_an_unknown_host_has_all_its_fields() {
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
        let events = intake.take_prepared();
        let [PreparedEvent { record, stored }] = &events[..] else { panic!("one event: {events:#?}") };
        assert_eq!((record.kind.as_str(), record.severity.as_str(), record.id), ("new-host", "notice", 9));
        assert_eq!((record.mac.as_deref(), stored.host), (Some("02:00:00:00:00:01"), Some(7)));
        assert_eq!(record.details.as_ref().unwrap()["again"], 2);
        assert_eq!(record.segment.as_deref(), Some("eth1"));
    }
}
