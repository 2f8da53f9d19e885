//! The desk: the correlator, and the planner where one may ask, coupled. A sighting that answers a question says so before
//! it is weighed; what the correlator wants to know the planner asks; what nobody answers the correlator hears of.
//! `sensor run` and the simulation work at the same desk.

use std::collections::BTreeSet;

use crate::inventory::correlator::answer::Missed;
use crate::inventory::correlator::{Correlator, Settings};
use crate::inventory::event::Event;
use crate::inventory::model::rows::Limits;
use crate::inventory::model::rows::Rows;
use crate::inventory::planner::policy::Policy;
use crate::inventory::planner::probe::Probe;
use crate::inventory::planner::{Answers, Planner};
use crate::inventory::sighting::arp::ArpOperation;
use crate::inventory::sighting::ndp::NdpClaim;
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Mac, Timestamp};

/// The pure core as a whole.
#[derive(Debug)]
pub struct Desk {
    /// What is known, and what is told.
    pub correlator: Correlator,
    /// Who decides whom to ask; absent when nobody may be asked.
    planner: Option<Planner>,
    own_macs: BTreeSet<Mac>,
}

impl Desk {
    /// Starts from what was saved, with the next event's id; nobody is asked yet.
    pub fn new(settings: Settings, limits: Limits, saved: Rows, next_event_id: u64) -> Self {
        let own_macs = settings.own_macs.clone();
        Self { correlator: Correlator::new(settings, limits, saved, next_event_id), planner: None, own_macs }
    }

    /// From now on questions are planned; what is known is asked about as if it was heard at `now`.
    pub fn set_planner(&mut self, mut planner: Planner, now: Timestamp) {
        planner.restore(&self.correlator.snapshot(), now);
        self.correlator.set_deaf(now);
        self.planner = Some(planner);
    }

    /// Takes in one fact, of a frame or of an answer, which is marked when it answers a question; appends what it tells.
    pub fn observe(&mut self, sighting: &mut Sighting, now: Timestamp, events: &mut Vec<Event>) {
        let from = events.len();
        // Our own words are nobody's.
        if self.is_own(sighting) {
            return;
        }
        if let Some(planner) = &mut self.planner {
            let answers = planner.observe(sighting, now);
            mark_asked(sighting, answers);
        }
        self.correlator.observe(sighting, now, events);
        self.consider(from, now, events);
    }

    /// Whether a fact is about a station of the sensor itself.
    pub fn is_own(&self, sighting: &Sighting) -> bool {
        self.own_macs.contains(&sighting.mac) || self.own_macs.contains(&sighting.frame_mac)
    }

    /// Does what is due at `now`; appends what it tells.
    pub fn handle_timeout(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        let from = events.len();
        self.correlator.handle_timeout(now, events);
        self.consider(from, now, events);
    }

    /// At most `room` questions that are due, appended to `probes`; and what came of those that nobody answered.
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
        self.consider(from, now, events);
    }

    /// When something is due next.
    pub fn poll_timeout(&self, now: Timestamp) -> Option<Timestamp> {
        let planned = self.planner.as_ref().and_then(|planner| planner.poll_timeout(now));
        [self.correlator.poll_timeout(), planned].into_iter().flatten().min()
    }

    /// The sensor's own stations are these from now on: one that an interface had before stays ours.
    pub fn set_own_macs(&mut self, macs: BTreeSet<Mac>) {
        self.correlator.set_own_macs(&macs);
        self.own_macs.extend(macs);
    }

    /// What may be asked is this from now on; what is known of networks that may be asked now is asked about.
    pub fn set_policy(&mut self, policy: Policy, now: Timestamp) {
        if let Some(planner) = &mut self.planner {
            planner.set_policy(policy, now);
            planner.restore(&self.correlator.snapshot(), now);
        }
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

    /// What the planner is asked, and what it should know of the events since `from`.
    fn consider(&mut self, from: usize, now: Timestamp, events: &mut Vec<Event>) {
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

/// An ARP reply or a neighbour advertisement that answers a question of ours says so.
pub fn mark_asked(sighting: &mut Sighting, answers: bool) {
    match &mut sighting.claim {
        Claim::Arp(claim) => claim.asked = answers && claim.operation == ArpOperation::Reply,
        // What nobody asked for is no answer (RFC 4861, section 4.4).
        Claim::Ndp(NdpClaim::Advert { asked, solicited, .. }) => *asked = answers && *solicited,
        _ => {}
    }
}
