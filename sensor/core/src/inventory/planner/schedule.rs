//! Scheduling: targets that are due take turns, and ask one question each where the rules and the buckets allow it.

use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::cost::Cost;
use crate::inventory::planner::probe::{Probe, Question};
use crate::inventory::planner::round::{Round, presence_ways, round_cost};
use crate::inventory::planner::state::{Planner, Silence};
use crate::inventory::planner::target::{Inquiry, SPACING, Urgency, Wait};
use crate::types::Timestamp;

/// What became of a target's turn.
enum Turn {
    /// The sensor's bucket lacks packets until then: nobody can ask.
    Drained(Timestamp),
    /// It sent, or lost its turn.
    Over,
    /// Its network's bucket lacks packets until then: nobody there can ask.
    Shut(Timestamp),
}

/// Due targets that are looked at in one call.
const WAKE_MAX: usize = 16_384;
/// A round whose end is noticed this late may have answers that nobody read yet: it is extended once.
const NOTICED_LATE: Duration = Duration::from_secs(1);
/// By this much.
const EXTENSION: Duration = Duration::from_secs(3);
/// A host whose bucket is empty is looked at again after this at the latest.
const HOST_WAIT_MAX: Duration = Duration::from_secs(3600);
/// Silences that wait to be taken.
const SILENCES_MAX: usize = 65_536;

impl Planner {
    /// Has targets whose moment has come wait for a turn.
    pub(super) fn wake_due(&mut self) {
        for _ in 0..WAKE_MAX {
            match self.agenda.first_timer() {
                Some((at, address)) if at <= self.clock.now() => self.wake_target(address, at),
                _ => return,
            }
        }
    }

    /// A target's moment has come: it waits for a turn, or until a later moment because it was heard meanwhile.
    fn wake_target(&mut self, address: SegmentAddress, at: Timestamp) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let Some(target) = self.targets.get_mut(&address) else { return };
        let network = self.permit.network(target.network);
        let mut silence = None;
        if let Inquiry::Round(round) = &mut target.inquiry {
            let ways = presence_ways(network, address.ip, !self.permit.ports(target.network).is_empty());
            let question_is_left = round.is_left(&ways);
            if target.heard >= round.begun {
                target.inquiry = Inquiry::Idle;
            } else if self.deaf_until.is_some_and(|deaf_until| deaf_until >= round.begun) {
                target.inquiry = Inquiry::Idle;
                target.retry_round(network, now);
            } else if round.is_interrupted(now) && question_is_left {
                // By quiet hours or an empty bucket.
                target.inquiry = Inquiry::Idle;
            } else if !question_is_left {
                if now.since(at) > NOTICED_LATE && !round.is_extended {
                    round.is_extended = true;
                    let until = Wait::Until(now.after(EXTENSION));
                    return self.agenda.put(address, target.network, &mut target.wait, until);
                }
                let techniques = std::mem::take(&mut round.sent);
                let since = round.begun_wall;
                target.inquiry = Inquiry::Idle;
                match techniques.len() {
                    0 => target.retry_round(network, now),
                    1 if ways.len() > 1 => target.retry_round(network, now),
                    // The network has one technique only: silence proves nothing, and asking more often would not help.
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
        } else if !matches!(target.inquiry, Inquiry::Idle) {
            Wait::Turn(target.urgency(), now)
        } else {
            match target.begin(network, now, wall) {
                Ok(()) => Wait::Turn(target.urgency(), now),
                Err(until) => Wait::Until(until),
            }
        };
        self.agenda.put(address, target.network, &mut target.wait, wait);
    }

    /// Asks the questions of conflict checks that are due. Whether all were asked.
    pub(super) fn plan_checks(&mut self, limit: usize, shut: &mut [bool], out: &mut Vec<Probe>) -> bool {
        let now = self.clock.now();
        let addresses: Vec<SegmentAddress> = self.checks.keys().copied().collect();
        for address in addresses {
            // The rules may have changed since the check began.
            let is_allowed = self.checks.get(&address).is_some_and(|check| self.allows_check(address, check.holders));
            let Some(index) = self.network_of(address).filter(|_| is_allowed) else {
                self.checks.remove(&address);
                continue;
            };
            while let Some(question) = self.checks.get_mut(&address).and_then(|check| check.due(address.ip, now)) {
                if out.len() >= limit {
                    return false;
                }
                let cost = question.cost();
                self.charge_swept(address, index);
                let host_at = self.hosts.ready_at(address, cost.host, now);
                if host_at.is_none_or(|at| at > now) {
                    self.advance_check(address, None);
                    continue;
                }
                if let Some(at) = self.missing(index, cost, now) {
                    self.resume_no_later(at);
                    if self.sensor.ready_at(cost.sensor) > now {
                        return false;
                    }
                    shut[index] = true;
                    break;
                }
                self.take(address, index, cost, now);
                self.advance_check(address, Some(now));
                if let Some(target) = self.targets.get_mut(&address) {
                    target.free_at = target.free_at.max(now.after(SPACING));
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

    /// Lets targets have their turns, the most urgent first. Whether all had one.
    pub(super) fn plan_targets(&mut self, limit: usize, shut: &mut [bool], out: &mut Vec<Probe>) -> bool {
        for urgency in Urgency::ALL {
            while let Some(address) = self.agenda.first_turn(urgency, |index| !shut[index]) {
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
        let place_now = self.network_of(address);
        if let Some(index) = place_now {
            self.charge_swept(address, index);
        }
        let Some(target) = self.targets.get_mut(&address) else { return Turn::Over };
        let index = target.network;
        if place_now != Some(index) || target.mac.is_some_and(|mac| !self.permit.allows_station(mac)) {
            self.forget(&address);
            return Turn::Over;
        }
        let is_stale = match &target.inquiry {
            Inquiry::Round(round) => target.heard >= round.begun || round.is_interrupted(now),
            _ => target.free_at > now,
        };
        if is_stale {
            // It was heard while it waited for its turn, or asked by a conflict check.
            let until = Wait::Until(now.max(target.free_at));
            if let Inquiry::Round(_) = target.inquiry {
                target.inquiry = Inquiry::Idle;
            }
            self.agenda.put(address, index, &mut target.wait, until);
            return Turn::Over;
        }
        let network = self.permit.network(index);
        let has_ports = !self.permit.ports(index).is_empty();
        if let Inquiry::Round(round @ Round { step: 0, .. }) = &mut target.inquiry {
            // With some of its questions left out for want of packets, a round would take one lost answer for silence.
            let cost = round_cost(&presence_ways(network, address.ip, has_ports));
            if let Some(at) = self.hosts.ready_at(address, cost, now).filter(|at| *at > now) {
                target.inquiry = Inquiry::Idle;
                let until = Wait::Until(at.min(now.after(HOST_WAIT_MAX)));
                self.agenda.put(address, index, &mut target.wait, until);
                return Turn::Over;
            }
            (round.begun, round.begun_wall, round.last_sent) = (now, self.clock.wall(), now);
        }
        let packets_max = self.sensor.burst().min(self.networks[index].burst()).min(self.hosts.burst());
        let Some(question) = target.question(address, &self.permit, packets_max) else {
            target.finish(network, self.key, address, now);
            self.agenda.put(address, index, &mut target.wait, Wait::Until(now));
            return Turn::Over;
        };
        let cost = question.cost();
        let host_at = self.hosts.ready_at(address, cost.host, now);
        let is_round = matches!(target.inquiry, Inquiry::Round(_));
        match host_at {
            Some(at) if at <= now => {}
            Some(at) if !is_round => {
                let at = at.min(now.after(HOST_WAIT_MAX));
                self.agenda.put(address, index, &mut target.wait, Wait::Until(at));
                return Turn::Over;
            }
            // A question that never fits, or one of a round, which cannot wait, is left out.
            Some(_) | None => {
                let next = target.advance(address, network, has_ports, &question, false, now);
                self.agenda.put(address, index, &mut target.wait, Wait::Until(next));
                return Turn::Over;
            }
        }
        if self.sensor.ready_at(cost.sensor) > now {
            return Turn::Drained(self.sensor.ready_at(cost.sensor));
        }
        if self.networks[index].ready_at(cost.host) > now {
            return Turn::Shut(self.networks[index].ready_at(cost.host));
        }
        let next = target.advance(address, network, has_ports, &question, true, now);
        self.agenda.put(address, index, &mut target.wait, Wait::Until(next));
        self.take(address, index, cost, now);
        out.push(Probe { segment: address.segment, ip: address.ip, question });
        Turn::Over
    }

    /// Asks the questions of sweeps that are due. Whether all were asked.
    pub(super) fn plan_sweeps(&mut self, limit: usize, shut: &[bool], out: &mut Vec<Probe>) -> bool {
        let now = self.clock.now();
        for number in 0..self.sweeps.len() {
            let index = self.sweeps[number].network;
            if shut[index] || self.sweeps[number].next_at > now {
                continue;
            }
            if out.len() >= limit {
                return false;
            }
            let question = self.sweeps[number].question.clone();
            let cost = question.cost();
            if let Some(at) = self.missing(index, cost, now) {
                self.resume_no_later(at);
                continue;
            }
            let Some(address) = self.next_swept(number) else { continue };
            if question != Question::AllNodes {
                // Only hosts that are asked in other ways too have a bucket; a sweep alone asks seldom enough.
                if self.targets.contains(&address) || self.hosts.knows(&address) {
                    self.hosts.take(address, cost.host, now);
                }
                if let Some(target) = self.targets.get_mut(&address) {
                    target.note_sent(&question, now);
                }
            }
            self.sensor.take(cost.sensor, now);
            self.networks[index].take(cost.host, now);
            out.push(Probe { segment: address.segment, ip: address.ip, question });
        }
        true
    }

    /// The next address of a sweep that may be asked.
    fn next_swept(&mut self, number: usize) -> Option<SegmentAddress> {
        let now = self.clock.now();
        let (index, fresh) = (self.sweeps[number].network, self.sweeps[number].fresh);
        let segment = self.permit.network(index).segment;
        let (permit, targets, hosts) = (&self.permit, &self.targets, &mut self.hosts);
        let may_ask = |ip| {
            let address = SegmentAddress { segment, ip: IpAddr::V4(ip) };
            permit.allows_address(address, None, now) == Ok(index)
                && targets.get(&address).is_none_or(|target| now.since(target.heard) > fresh && target.free_at <= now)
                && hosts.ready_at(address, 1, now).is_some_and(|at| at <= now)
        };
        let ip = self.sweeps[number].next(now, may_ask)?;
        Some(SegmentAddress { segment, ip })
    }

    /// Until when the sensor's or the network's bucket lacks packets, where one does.
    pub(super) fn missing(&self, index: usize, cost: Cost, now: Timestamp) -> Option<Timestamp> {
        let at = self.sensor.ready_at(cost.sensor).max(self.networks[index].ready_at(cost.host));
        Some(at).filter(|at| *at > now)
    }

    /// Sweeps keep no bucket for each address: what a sweep sent to a host is charged when the host is asked in another
    /// way.
    fn charge_swept(&mut self, address: SegmentAddress, index: usize) {
        if self.hosts.knows(&address) {
            return;
        }
        let mut own = self.sweeps.iter().filter(|sweep| sweep.network == index);
        if let Some((at, packets)) = own.find_map(|sweep| Some((sweep.asked_at(address.ip)?, sweep.hourly))) {
            self.hosts.take(address, packets, at);
        }
    }

    /// Takes the packets of a question out of all three buckets.
    fn take(&mut self, address: SegmentAddress, index: usize, cost: Cost, now: Timestamp) {
        self.sensor.take(cost.sensor, now);
        self.networks[index].take(cost.host, now);
        self.hosts.take(address, cost.host, now);
    }

    pub(super) fn resume_no_later(&mut self, at: Timestamp) {
        self.resume_at = Some(self.resume_at.map_or(at, |resume| resume.min(at)));
    }
}
