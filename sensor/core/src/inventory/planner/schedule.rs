//! Turns: who is due gets one, and asks one question where the rules and the buckets let it.

use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::cost::Cost;
use crate::inventory::planner::policy::Network;
use crate::inventory::planner::probe::{Probe, Question};
use crate::inventory::planner::target::{Class, Job, Round, Wait};
use crate::inventory::planner::{Planner, Silence, target};
use crate::types::Timestamp;

/// What became of a target's turn.
enum Turn {
    /// The sensor's bucket lacks packets until then.
    Drained(Timestamp),
    /// It sent, or gave up its turn.
    Over,
    /// Its network's bucket lacks packets until then.
    Shut(Timestamp),
}

/// Due targets that are looked at in one call.
const RIPEN_MAX: usize = 16_384;
/// A round whose end is found this late may have unread answers; it is given as long again.
const FOUND_LATE: Duration = Duration::from_secs(1);
const EXTENSION: Duration = Duration::from_secs(3);
/// A host whose bucket is empty is looked at again after this at the latest.
const HOST_WAIT_MAX: Duration = Duration::from_secs(3600);
/// Silences that wait to be taken.
const SILENCES_MAX: usize = 65_536;

impl Planner {
    pub(super) fn ripen_due(&mut self) {
        for _ in 0..RIPEN_MAX {
            match self.agenda.first_timer() {
                Some((at, address)) if at <= self.clock.now() => self.ripen(address, at),
                _ => return,
            }
        }
    }

    /// A target's moment has come: it gets a turn, or its timer is set anew because it was heard meanwhile.
    fn ripen(&mut self, address: SegmentAddress, at: Timestamp) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let Some(target) = self.targets.get_mut(&address) else { return };
        let network = self.permit.network(target.network);
        let mut silence = None;
        if let Job::Round(round) = &mut target.job {
            let question_is_left = round.is_left(network, address.ip, !self.permit.ports(target.network).is_empty());
            if target.heard >= round.begun {
                target.job = Job::Idle;
            } else if self.deaf_until.is_some_and(|deaf_until| deaf_until >= round.begun) {
                target.job = Job::Idle;
                target.retry_round(network, now);
            } else if round.is_interrupted(now) && question_is_left {
                // Interrupted for long, by quiet hours or an empty bucket: what was asked first is no longer news.
                target.job = Job::Idle;
            } else if !question_is_left {
                if now.since(at) > FOUND_LATE && !round.is_extended {
                    round.is_extended = true;
                    let until = Wait::Until(now.after(EXTENSION));
                    return self.agenda.put(address, target.network, &mut target.wait, until);
                }
                let techniques = std::mem::take(&mut round.sent);
                let since = round.begun_wall;
                target.job = Job::Idle;
                match techniques.len() {
                    0 => target.retry_round(network, now),
                    1 if ways_of(network, address.ip, self.permit.ports(target.network).len()) > 1 => {
                        target.retry_round(network, now);
                    }
                    // The network has one technique only: silence proves nothing, but there is no use in hurrying.
                    1 => target.give_up(network, now),
                    _ => {
                        target.give_up(network, now);
                        let SegmentAddress { segment, ip } = address;
                        silence = Some(Silence { segment, ip, techniques, since, gone_after: network.gone_after });
                    }
                }
            }
        }
        if self.silences.len() < SILENCES_MAX {
            self.silences.extend(silence);
        }
        let wait = if target.free_at > now {
            Wait::Until(target.free_at)
        } else if !matches!(target.job, Job::Idle) {
            Wait::Turn(target.class(), now)
        } else {
            match target.begin(network, now, wall) {
                Ok(()) => Wait::Turn(target.class(), now),
                Err(until) => Wait::Until(until),
            }
        };
        self.agenda.put(address, target.network, &mut target.wait, wait);
    }

    /// Whether everything that was due was asked.
    pub(super) fn plan_checks(&mut self, limit: usize, shut: &mut [bool], out: &mut Vec<Probe>) -> bool {
        let now = self.clock.now();
        let addresses: Vec<SegmentAddress> = self.checks.keys().copied().collect();
        for address in addresses {
            let Some(place) = self.place(address) else {
                self.checks.remove(&address);
                continue;
            };
            while let Some(question) = self.checks.get_mut(&address).and_then(|check| check.due(address.ip, now)) {
                if out.len() >= limit {
                    return false;
                }
                let cost = Cost::of(&question);
                self.charge_swept(address, place);
                let host_at = self.hosts.ready_at(address, cost.host, now);
                if host_at.is_none_or(|at| at > now) {
                    self.advance_check(address, None);
                    continue;
                }
                if let Some(at) = self.missing(place, cost, now) {
                    self.resume_no_later(at);
                    if self.sensor.ready_at(cost.sensor) > now {
                        return false;
                    }
                    shut[place] = true;
                    break;
                }
                self.take(address, place, cost, now);
                self.advance_check(address, Some(now));
                if let Some(target) = self.targets.get_mut(&address) {
                    target.free_at = target.free_at.max(now.after(target::SPACING));
                }
                out.push(Probe { segment: address.segment, ip: address.ip, question });
            }
        }
        true
    }

    fn advance_check(&mut self, address: SegmentAddress, sent_at: Option<Timestamp>) {
        if let Some(check) = self.checks.get_mut(&address) {
            check.advance(sent_at);
        }
    }

    pub(super) fn plan_targets(&mut self, limit: usize, shut: &mut [bool], out: &mut Vec<Probe>) -> bool {
        for class in Class::ALL {
            while let Some(address) = self.agenda.first_turn(class, |place| !shut[place]) {
                if out.len() >= limit {
                    return false;
                }
                match self.serve(address, out) {
                    Turn::Over => {}
                    Turn::Drained(at) => {
                        self.resume_no_later(at);
                        return false;
                    }
                    Turn::Shut(at) => {
                        self.resume_no_later(at);
                        if let Some(target) = self.targets.get_mut(&address) {
                            shut[target.network] = true;
                        }
                    }
                }
            }
        }
        true
    }

    /// A target has its turn: one question, if there are packets for it.
    fn serve(&mut self, address: SegmentAddress, out: &mut Vec<Probe>) -> Turn {
        let now = self.clock.now();
        let place_now = self.place(address);
        if let Some(place) = place_now {
            self.charge_swept(address, place);
        }
        let Some(target) = self.targets.get_mut(&address) else { return Turn::Over };
        let place = target.network;
        if place_now != Some(place) || target.mac.is_some_and(|mac| !self.permit.allows_station(mac)) {
            self.forget(&address);
            return Turn::Over;
        }
        let is_stale = match &target.job {
            Job::Round(round) => target.heard >= round.begun || round.is_interrupted(now),
            _ => target.free_at > now,
        };
        if is_stale {
            // Heard while it waited for its turn, or asked by a check: looked at anew.
            let until = Wait::Until(now.max(target.free_at));
            if let Job::Round(_) = target.job {
                target.job = Job::Idle;
            }
            self.agenda.put(address, place, &mut target.wait, until);
            return Turn::Over;
        }
        let network = self.permit.network(place);
        let has_ports = !self.permit.ports(place).is_empty();
        if let Job::Round(round @ Round { step: 0, .. }) = &mut target.job {
            // A round from which the host's budget cuts questions would take one lost answer for silence.
            let cost = target::round_cost(network, address.ip, has_ports);
            if let Some(at) = self.hosts.ready_at(address, cost, now).filter(|at| *at > now) {
                target.job = Job::Idle;
                let until = Wait::Until(at.min(now.after(HOST_WAIT_MAX)));
                self.agenda.put(address, place, &mut target.wait, until);
                return Turn::Over;
            }
            (round.begun, round.begun_wall, round.last_sent) = (now, self.clock.wall(), now);
        }
        let packets_max = self.sensor.burst().min(self.networks[place].burst()).min(self.hosts.burst());
        let Some(question) = target.question(address, &self.permit, packets_max) else {
            target.finish(network, self.key, address, now);
            self.agenda.put(address, place, &mut target.wait, Wait::Until(now));
            return Turn::Over;
        };
        let cost = Cost::of(&question);
        let host_at = self.hosts.ready_at(address, cost.host, now);
        let is_round = matches!(target.job, Job::Round(_));
        match host_at {
            Some(at) if at <= now => {}
            Some(at) if !is_round => {
                let at = at.min(now.after(HOST_WAIT_MAX));
                self.agenda.put(address, place, &mut target.wait, Wait::Until(at));
                return Turn::Over;
            }
            // A question that never fits, or a round that cannot wait: left out.
            Some(_) | None => {
                let next = target.advance(address, network, has_ports, &question, false, now);
                self.agenda.put(address, place, &mut target.wait, Wait::Until(next));
                return Turn::Over;
            }
        }
        if self.sensor.ready_at(cost.sensor) > now {
            return Turn::Drained(self.sensor.ready_at(cost.sensor));
        }
        if self.networks[place].ready_at(cost.host) > now {
            return Turn::Shut(self.networks[place].ready_at(cost.host));
        }
        let next = target.advance(address, network, has_ports, &question, true, now);
        self.agenda.put(address, place, &mut target.wait, Wait::Until(next));
        self.take(address, place, cost, now);
        out.push(Probe { segment: address.segment, ip: address.ip, question });
        Turn::Over
    }

    pub(super) fn plan_sweeps(&mut self, limit: usize, shut: &[bool], out: &mut Vec<Probe>) -> bool {
        let now = self.clock.now();
        for number in 0..self.sweeps.len() {
            let place = self.sweeps[number].network;
            if shut[place] || self.sweeps[number].next_at > now {
                continue;
            }
            if out.len() >= limit {
                return false;
            }
            let question = self.sweeps[number].question.clone();
            let cost = Cost::of(&question);
            if let Some(at) = self.missing(place, cost, now) {
                self.resume_no_later(at);
                continue;
            }
            let Some(address) = self.next_swept(number) else { continue };
            if question != Question::AllNodes {
                // Only hosts that are asked otherwise have a bucket; a sweep alone comes round seldom enough.
                if self.targets.contains(&address) || self.hosts.knows(&address) {
                    self.hosts.take(address, cost.host, now);
                }
                if let Some(target) = self.targets.get_mut(&address) {
                    target.note_sent(&question, now);
                }
            }
            self.sensor.take(cost.sensor, now);
            self.networks[place].take(cost.host, now);
            out.push(Probe { segment: address.segment, ip: address.ip, question });
        }
        true
    }

    fn next_swept(&mut self, number: usize) -> Option<SegmentAddress> {
        let now = self.clock.now();
        let (place, fresh) = (self.sweeps[number].network, self.sweeps[number].fresh);
        let segment = self.permit.network(place).segment;
        let (permit, targets, hosts) = (&self.permit, &self.targets, &mut self.hosts);
        let may_ask = |ip| {
            let address = SegmentAddress { segment, ip: IpAddr::V4(ip) };
            permit.allows_address(address, None, now) == Ok(place)
                && targets.get(&address).is_none_or(|target| now.since(target.heard) > fresh && target.free_at <= now)
                && hosts.ready_at(address, 1, now).is_some_and(|at| at <= now)
        };
        let ip = self.sweeps[number].next(now, may_ask)?;
        Some(SegmentAddress { segment, ip })
    }

    /// Until when the sensor's or the network's bucket lacks packets.
    fn missing(&self, place: usize, cost: Cost, now: Timestamp) -> Option<Timestamp> {
        let at = self.sensor.ready_at(cost.sensor).max(self.networks[place].ready_at(cost.host));
        Some(at).filter(|at| *at > now)
    }

    /// Sweeps keep no bucket for each address; what one sent to this host counts from when the host is asked otherwise.
    fn charge_swept(&mut self, address: SegmentAddress, place: usize) {
        if self.hosts.knows(&address) {
            return;
        }
        let mut own = self.sweeps.iter().filter(|sweep| sweep.network == place);
        if let Some((at, packets)) = own.find_map(|sweep| Some((sweep.asked_at(address.ip)?, sweep.hourly))) {
            self.hosts.take(address, packets, at);
        }
    }

    fn take(&mut self, address: SegmentAddress, place: usize, cost: Cost, now: Timestamp) {
        self.sensor.take(cost.sensor, now);
        self.networks[place].take(cost.host, now);
        self.hosts.take(address, cost.host, now);
    }

    fn resume_no_later(&mut self, at: Timestamp) {
        self.resume_at = Some(self.resume_at.map_or(at, |resume| resume.min(at)));
    }
}

fn ways_of(network: &Network, ip: IpAddr, ports: usize) -> usize {
    target::presence_ways(network, ip, ports > 0).len()
}
