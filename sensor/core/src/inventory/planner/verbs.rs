//! What the planner's owner calls: `restore`, `observe`, `consider`, `check`, `confirm`, `plan`.

use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::event::{Event, Kind};
use crate::inventory::model::rows::Rows;
use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::check::{self, ConflictCheck};
use crate::inventory::planner::jitter;
use crate::inventory::planner::observation::{self, Observation};
use crate::inventory::planner::permit;
use crate::inventory::planner::probe::{Probe, Technique};
use crate::inventory::planner::state::Planner;
use crate::inventory::planner::target::{SPACING, Target, Wait};
use crate::inventory::sighting::Sighting;
use crate::inventory::sighting::scan::{PortTechnique, ScanTarget};
use crate::types::{Mac, Segment, Timestamp};

/// Conflict checks that are remembered: more than the correlator begins within the time for which they ask.
const CHECKS_MAX: usize = 4096;
/// A port that was found closed is asked again after this.
const DOUBT: Duration = Duration::from_secs(10);
/// What makes a scan was asked within 64 seconds, by the classifier's window, and a sweep knows when it asked only by blocks of
/// 64 addresses.
const SCAN_WINDOW: Duration = Duration::from_secs(128);

impl Planner {
    /// Makes targets of the addresses that were known before, those seen last first. Rounds and descriptions are spread
    /// over their intervals, because nobody was listening in between.
    pub fn restore(&mut self, rows: &Rows, now: Timestamp) {
        self.tick(now);
        for known in observation::known_addresses(rows) {
            let address = SegmentAddress { segment: known.segment, ip: known.ip };
            if known.macs.iter().any(|mac| !self.permit.allows_station(*mac)) {
                self.permit.exclude(address, self.clock.now());
            }
            let Some(index) = self.network_of(address).filter(|_| !self.targets.contains(&address)) else { continue };
            if self.targets.is_full() {
                break;
            }
            let age = self.clock.wall().since(known.last_seen);
            let now = self.clock.now();
            let network = self.permit.network(index);
            let jitter = |span, purpose| now.after(jitter::part(span, jitter::number(self.key, address, purpose)));
            let mut target = Target::new(index, known.macs.first().copied(), now);
            target.is_new = false;
            target.describe_at = jitter(network.describe_every, 1);
            target.round_at = jitter(network.gone_after, 2);
            target.heard = before(now, age);
            target.open_port = known.open_port;
            let due = target.describe_at.min(target.round_at);
            self.insert(address, target, Wait::Until(due));
        }
    }

    /// Takes in a sighting (not of the sensor's own stations). Whether it answers a probe: in time, and as the first.
    pub fn observe(&mut self, sighting: &Sighting, now: Timestamp) -> bool {
        self.tick(now);
        self.hear_client(sighting);
        let Some(ip) = sighting.ip else { return false };
        let address = SegmentAddress { segment: sighting.segment, ip };
        let observation = Observation::of(sighting, self.permit.policy());
        let is_answer = observation.answers_by.is_some_and(|path| self.hear_answer(address, path, observation.mac));
        self.learn(address, sighting, &observation, is_answer);
        is_answer
    }

    /// Takes in an event: an address in doubt is described ahead of routine work.
    pub fn consider(&mut self, event: &Event, now: Timestamp) {
        self.tick(now);
        let is_doubtful = matches!(
            event.kind,
            Kind::ChangedMac | Kind::FlipFlop | Kind::HostBack | Kind::NewAddress | Kind::NewHost | Kind::ReusedMac
        );
        if let (true, Some(segment), Some(ip)) = (is_doubtful, event.segment, event.ip) {
            let address = SegmentAddress { segment, ip };
            if let Some(index) = self.network_of(address) {
                self.describe_soon(address, index, event.mac);
            }
        }
    }

    /// Has both stations that claim an address asked within two seconds. Whether the rules allow that; empty buckets
    /// may still withhold questions.
    pub fn check(&mut self, segment: Segment, ip: IpAddr, holders: [Mac; 2], now: Timestamp) -> bool {
        self.tick(now);
        let address = SegmentAddress { segment, ip };
        if self.checks.len() >= CHECKS_MAX {
            self.checks.retain(|_, check| !check.is_asked(self.clock.now()));
        }
        let has_room = self.checks.len() < CHECKS_MAX || self.checks.contains_key(&address);
        let may_check = has_room && self.allows_check(address, holders);
        if may_check {
            self.checks.insert(address, ConflictCheck::new(holders, self.clock.now()));
        }
        may_check
    }

    /// Whether the rules let both stations be asked whether they hold the address.
    pub(super) fn allows_check(&self, address: SegmentAddress, holders: [Mac; 2]) -> bool {
        let Some(index) = self.network_of(address) else { return false };
        let network = self.permit.network(index);
        let technique = if address.ip.is_ipv4() { Technique::Arp } else { Technique::Ndp };
        network.attached
            && permit::has(network, technique)
            && check::is_checkable(holders)
            && holders.iter().all(|mac| self.permit.allows_station(*mac))
            && !self.permit.is_quiet(self.clock.wall())
    }

    /// Notes that not everything was heard until `at` (frames were lost, an interface was down): silence since before
    /// then proves nothing, and rounds that have begun start anew.
    pub fn set_deaf(&mut self, at: Timestamp) {
        let ahead = at.since(self.clock.wall());
        self.deaf_until = self.deaf_until.max(Some(self.clock.now().after(ahead)));
    }

    /// After which silence a host of some network counts as gone, at the soonest; `None` where nobody is asked.
    pub fn gone_after(&self) -> Option<Duration> {
        let asked = self.permit.policy().networks.iter().filter(|network| !network.passive);
        asked.map(|network| network.gone_after).min()
    }

    /// Has a port that was open and was found closed asked again soon: the service may be back by then. Whether it may be.
    pub fn confirm(&mut self, segment: Segment, ip: IpAddr, port: u16, now: Timestamp) -> bool {
        self.ask_port(segment, ip, port, DOUBT, now)
    }

    /// Has a port that was closed and seems to have answered somebody asked at once. Whether it may be.
    pub fn confirm_open(&mut self, segment: Segment, ip: IpAddr, port: u16, now: Timestamp) -> bool {
        self.ask_port(segment, ip, port, SPACING, now)
    }

    fn ask_port(&mut self, segment: Segment, ip: IpAddr, port: u16, after: Duration, now: Timestamp) -> bool {
        self.tick(now);
        let address = SegmentAddress { segment, ip };
        let at = self.clock.now().after(after);
        let Some(target) = self.targets.get_mut(&address) else { return false };
        if !self.permit.ports(target.network).contains(&port) {
            return false;
        }
        let at = target.doubt(port, at);
        self.wake_idle(address, at);
        true
    }

    /// Whether the rules allow that the address (and the station, where it is known) is asked, at the time of the last
    /// call. Buckets are not considered.
    pub fn may_ask(&self, segment: Segment, ip: IpAddr, mac: Option<Mac>) -> bool {
        let address = SegmentAddress { segment, ip };
        self.permit.allows_address(address, mac, self.clock.now()).is_ok() && !self.permit.is_quiet(self.clock.wall())
    }

    /// Whether the sensor itself asked for what a scan with its MAC asks for, within the classifier's window: in a sweep of that
    /// address, or of IPv6 any address that it looks after, or a port that it tries.
    pub fn has_asked(&self, segment: Segment, target: ScanTarget) -> bool {
        let is_recent = |since: Timestamp| self.clock.now().since(since) <= SCAN_WINDOW;
        match target {
            ScanTarget::Neighbour(Some(ip)) => {
                let address = SegmentAddress { segment, ip };
                let is_swept = self.sweeps.iter().any(|sweep| {
                    self.permit.network(sweep.network).segment == segment
                        && sweep.asked_since(ip).is_some_and(is_recent)
                });
                // The kernel asks, too, for whom a question of a higher layer goes to.
                is_swept || self.targets.contains(&address) || self.checks.contains_key(&address)
            }
            ScanTarget::Port { ip, port, technique: PortTechnique::Syn } => {
                let network = self.network_of(SegmentAddress { segment, ip });
                network.is_some_and(|index| self.permit.ports(index).contains(&port))
            }
            ScanTarget::Neighbour(None) | ScanTarget::Port { .. } => false,
        }
    }

    /// At most `room` probes that are due now, the most urgent first, appended to `out`.
    pub fn plan(&mut self, now: Timestamp, room: usize, out: &mut Vec<Probe>) {
        self.tick(now);
        self.resume_at = None;
        self.wake_due();
        self.checks.retain(|_, check| !check.is_forgotten(self.clock.now()));
        if self.permit.is_quiet(self.clock.wall()) {
            return;
        }
        let limit = out.len().saturating_add(room);
        let mut shut = vec![false; self.networks.len()];
        let is_done = self.plan_checks(limit, &mut shut, out)
            && self.plan_searches(limit, &shut, out)
            && self.plan_targets(limit, &mut shut, out)
            && self.plan_sweeps(limit, &shut, out);
        if !is_done && self.resume_at.is_none() {
            // Only room in `out` was missing.
            self.resume_at = Some(self.clock.now());
        }
    }
}

/// The moment `age` earlier; saturates at the beginning of time.
fn before(now: Timestamp, age: Duration) -> Timestamp {
    Timestamp::from_nanos(now.as_nanos().saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)))
}
