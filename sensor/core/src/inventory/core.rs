//! The pure core as a whole: the correlator, coupled with the planner where the sensor may ask. A sighting that answers a
//! probe is marked before the correlator weighs it; what the correlator wants to know, the planner asks; what stays
//! unanswered, the correlator is told. `sensor run` and the simulation use the same core.

use crate::inventory::correlator::answer::Missed;
use crate::inventory::correlator::settings::Settings;
use crate::inventory::correlator::state::Correlator;
use crate::inventory::event::Event;
use crate::inventory::model::rows::Limits;
use crate::inventory::model::rows::Rows;
use crate::inventory::planner::policy::Policy;
use crate::inventory::planner::probe::Probe;
use crate::inventory::planner::state::{AnswerCounts, Planner};
use crate::inventory::sighting::arp::ArpOperation;
use crate::inventory::sighting::ndp::NdpClaim;
use crate::inventory::sighting::scan::ScanTarget;
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Mac, Segment, Timestamp};

/// The correlator and the planner, coupled.
#[derive(Debug)]
pub struct Core {
    /// What is known, and which events follow from it.
    pub correlator: Correlator,
    /// Decides whom to ask; `None` while nobody may be asked.
    planner: Option<Planner>,
}

impl Core {
    /// Starts from what was saved, with the next event's id; nobody is asked yet.
    pub fn new(settings: Settings, limits: Limits, saved: Rows, next_event_id: u64) -> Self {
        Self { correlator: Correlator::new(settings, limits, saved, next_event_id), planner: None }
    }

    /// Probes are planned from now on. What is known already is treated as if it was heard at `now`.
    pub fn set_planner(&mut self, mut planner: Planner, now: Timestamp) {
        planner.restore(&self.correlator.snapshot(), now);
        self.correlator.set_deaf(now);
        self.planner = Some(planner);
    }

    /// Takes in one sighting, of a frame or of an answer that came through a socket; appends the events that it causes. A
    /// sighting that answers a probe is marked as such.
    pub fn observe(&mut self, sighting: &mut Sighting, now: Timestamp, events: &mut Vec<Event>) {
        let from = events.len();
        // Frames sent by the sensor itself are ignored.
        if self.is_own(sighting) {
            return;
        }
        // What somebody else sends with the sensor's MAC answers nothing.
        let is_forged = self.correlator.bears_own_mac(sighting);
        if let Some(planner) = self.planner.as_mut().filter(|_| !is_forged) {
            let answers = planner.observe(sighting, now);
            mark_asked(sighting, answers);
        }
        self.correlator.observe(sighting, now, events);
        self.inform_planner(from, now, events);
    }

    /// Whether a sighting is about a station of the sensor itself, or was sent by one.
    pub fn is_own(&self, sighting: &Sighting) -> bool {
        self.correlator.is_own(sighting)
    }

    /// The classifier says that a station scans; `target` is one of what it asks for. What the sensor's own stations ask for is
    /// a scan where the planner did not ask for it: somebody else sends with their MAC, or another program of this machine.
    pub fn scan(&mut self, segment: Segment, mac: Mac, target: ScanTarget, at: Timestamp, events: &mut Vec<Event>) {
        let has_asked = || self.planner.as_ref().is_some_and(|planner| planner.has_asked(segment, target));
        if !self.correlator.is_own_mac(mac) || !has_asked() {
            self.correlator.scan(segment, mac, target, at, events);
        }
    }

    /// Does what is due at `now`; appends the events that it causes.
    pub fn handle_timeout(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        let from = events.len();
        self.correlator.handle_timeout(now, events);
        self.inform_planner(from, now, events);
    }

    /// Appends at most `room` probes that are due to `probes`, and to `events` what follows from probes that stayed
    /// unanswered.
    pub fn plan(&mut self, now: Timestamp, room: usize, probes: &mut Vec<Probe>, events: &mut Vec<Event>) {
        let from = events.len();
        let Some(planner) = &mut self.planner else { return };
        planner.plan(now, room, probes);
        for silence in planner.take_silences() {
            let missed = Missed {
                segment: silence.segment,
                ip: silence.ip,
                techniques: &silence.techniques,
                since: silence.since,
                gone_after: silence.gone_after,
            };
            self.correlator.miss(&missed, now, events);
        }
        self.inform_planner(from, now, events);
    }

    /// When `handle_timeout` or `plan` has something to do next.
    pub fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        let planned = self.planner.as_ref().and_then(|planner| planner.poll_timeout(now));
        [self.correlator.poll_timeout(), planned].into_iter().flatten().min()
    }

    /// Replaces what may be asked. Known addresses in networks that may be asked now are planned for.
    pub fn set_policy(&mut self, policy: Policy, now: Timestamp) {
        if let Some(planner) = &mut self.planner {
            planner.set_policy(policy, now);
            planner.restore(&self.correlator.snapshot(), now);
        }
    }

    /// Not everything was heard until `at`: silence before it does not show that a host is gone.
    pub fn set_deaf(&mut self, at: Timestamp) {
        self.correlator.set_deaf(at);
        if let Some(planner) = &mut self.planner {
            planner.set_deaf(at);
        }
    }

    /// Sets the local time zone that quiet hours are in, seconds east of UTC.
    pub fn set_utc_offset_s(&mut self, seconds: i32) {
        if let Some(planner) = &mut self.planner {
            planner.set_utc_offset_s(seconds);
        }
    }

    /// Counts of the answers that frames brought: in time, late, repeated, unasked. `None` while nobody may be asked.
    pub fn answers(&self) -> Option<AnswerCounts> {
        self.planner.as_ref().map(Planner::answers)
    }

    /// Gives the planner the correlator's requests, and the events since `from`.
    fn inform_planner(&mut self, from: usize, now: Timestamp, events: &mut Vec<Event>) {
        let Some(planner) = &mut self.planner else { return };
        for check in self.correlator.take_checks() {
            if !planner.check(check.segment, check.ip, check.holders, now) {
                self.correlator.refuse_check(&check, events);
            }
        }
        for doubt in self.correlator.take_doubts() {
            planner.confirm(doubt.segment, doubt.ip, doubt.port, now);
        }
        for event in &events[from..] {
            planner.consider(event, now);
        }
    }
}

/// Marks an ARP reply or a neighbour advertisement that answers a probe of the sensor.
pub fn mark_asked(sighting: &mut Sighting, answers: bool) {
    match &mut sighting.claim {
        Claim::Arp(claim) => claim.asked = answers && claim.operation == ArpOperation::Reply,
        // An unsolicited advertisement answers nothing (RFC 4861, section 4.4).
        Claim::Ndp(NdpClaim::Advert { asked, solicited, .. }) => *asked = answers && *solicited,
        _ => {}
    }
}
