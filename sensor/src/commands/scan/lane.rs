//! One network, by one technique: pass after pass over the addresses that have not answered.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::commands::scan::asker::Asker;
use crate::commands::scan::budget::Budget;
use crate::commands::scan::plan::Plan;
use crate::probe::icmp::sweep::EchoSweep;
use crate::probe::raw::{BATCH, Raw};
use sensor_core::inventory::planner::probe::{Probe, Question};
use sensor_core::inventory::planner::sweep::{Standing, Sweep};
use sensor_core::types::{Mac, Segment, Timestamp};

/// How a lane asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Echo, through the sweep of that number.
    Echo(usize),
    /// ARP frames.
    Frame,
    /// TCP connections.
    Knock,
}

/// A pass, or several, over a network.
#[derive(Debug)]
pub(super) struct Lane {
    segment: Segment,
    way: Way,
    sweep: Sweep,
    passes_left: u32,
    /// Addresses that the first pass asked.
    asked: u64,
    is_first_pass: bool,
    state: State,
    /// Addresses that were taken from the sweep and not sent yet.
    waiting: Vec<Ipv4Addr>,
    ports: Arc<[u16]>,
    /// Questions about one address that wait for room.
    knocks: VecDeque<Probe>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a pass.
    Asking,
    /// The pass is over; answers have time until then.
    Pausing(Timestamp),
    /// The last pass ended then.
    Ended(Timestamp),
}

impl Lane {
    /// Over `sweep`, `passes` times at most. `ports` are for [`Way::Knock`].
    pub(super) fn new(segment: Segment, way: Way, sweep: Sweep, passes: u32, ports: Arc<[u16]>) -> Self {
        let state = State::Asking;
        Self {
            segment,
            way,
            sweep,
            passes_left: passes.max(1),
            asked: 0,
            is_first_pass: true,
            state,
            waiting: Vec::with_capacity(BATCH),
            ports,
            knocks: VecDeque::new(),
        }
    }

    pub(super) fn segment(&self) -> Segment {
        self.segment
    }

    pub(super) fn way(&self) -> Way {
        self.way
    }

    /// Addresses that will be asked yet, if none answers.
    pub(super) fn left(&self) -> u64 {
        match self.state {
            State::Ended(_) => 0,
            _ => self.sweep.remaining() + self.sweep.total() * u64::from(self.passes_left.saturating_sub(1)),
        }
    }

    /// The address has answered, by whatever technique.
    pub(super) fn answered(&mut self, ip: IpAddr) {
        if let IpAddr::V4(ip) = ip {
            self.sweep.answered(ip);
        }
    }

    /// Whether this lane's question is what the address answers, in time, late or once more.
    pub(super) fn was_asked(&self, segment: Segment, ip: IpAddr, now: Timestamp, wait: Duration) -> bool {
        let IpAddr::V4(ip) = ip else { return false };
        segment == self.segment
            && self.sweep.asked_between(ip).is_some()
            && self.sweep.standing(ip, now, wait) != Standing::Unasked
    }

    /// Whether there is somebody to ask now.
    pub(super) fn is_ready(&self, now: Timestamp) -> bool {
        match self.state {
            State::Asking => true,
            State::Pausing(until) => now >= until,
            State::Ended(_) => false,
        }
    }

    /// Whether the last pass ended `wait` ago.
    pub(super) fn is_over(&self, now: Timestamp, wait: Duration) -> bool {
        // What TCP waits for is the prober's affair.
        let wait = if self.way == Way::Knock { Duration::ZERO } else { wait };
        match self.state {
            State::Ended(at) => now.since(at) >= wait || self.have_all_answered(),
            _ => false,
        }
    }

    /// When this lane next has something to do, if nobody answers until then.
    pub(super) fn due(&self, wait: Duration) -> Option<Timestamp> {
        match self.state {
            State::Asking => None,
            State::Pausing(until) => Some(until),
            State::Ended(at) => Some(at.after(wait)),
        }
    }

    fn have_all_answered(&self) -> bool {
        !self.is_first_pass && self.sweep.answered_count() >= self.asked
    }

    /// Goes on to the next pass when this one is over.
    pub(super) fn turn(&mut self, now: Timestamp, gap: Duration) {
        match self.state {
            State::Asking if self.waiting.is_empty() && self.knocks.is_empty() && self.sweep.remaining() == 0 => {
                self.passes_left -= 1;
                self.is_first_pass = false;
                self.state = match self.passes_left {
                    0 => State::Ended(now),
                    _ => State::Pausing(now.after(gap)),
                };
            }
            // Nobody is left to be asked again.
            State::Pausing(_) if self.have_all_answered() => self.state = State::Ended(now),
            State::Pausing(until) if now >= until => {
                self.sweep.retry();
                self.state = State::Asking;
            }
            _ => {}
        }
    }

    /// Asks a batch by ARP; false when nothing was sent.
    pub(super) fn frames(
        &mut self,
        raw: &mut Raw,
        plan: &Plan,
        budget: &mut Budget,
        now: Timestamp,
    ) -> io::Result<bool> {
        self.fill(plan, budget.up_to(BATCH), now);
        let segment = self.segment;
        let question = Question::Arp { to: Mac::BROADCAST };
        let probes: Vec<Probe> =
            self.waiting.iter().map(|&ip| Probe { segment, ip: ip.into(), question: question.clone() }).collect();
        let sent = raw.send(&probes)?;
        budget.take(sent);
        self.waiting.drain(..sent);
        Ok(sent > 0)
    }

    /// Asks a batch by echo; false when nothing was sent.
    pub(super) fn echo(
        &mut self,
        sweep: &mut EchoSweep,
        plan: &Plan,
        budget: &mut Budget,
        now: Timestamp,
    ) -> io::Result<bool> {
        self.fill(plan, budget.up_to(BATCH), now);
        let targets: Vec<IpAddr> = self.waiting.iter().map(|&ip| ip.into()).collect();
        let sent = if targets.is_empty() { 0 } else { sweep.send(&targets)? };
        budget.take(sent);
        self.waiting.drain(..sent);
        Ok(sent > 0)
    }

    /// Asks one port of an address by TCP; false when the prober has no room or nobody is left.
    pub(super) fn knock(
        &mut self,
        asker: &mut Asker,
        plan: &Plan,
        budget: &mut Budget,
        now: Timestamp,
    ) -> io::Result<bool> {
        if self.knocks.is_empty() {
            self.fill(plan, 1, now);
            let Some(ip) = self.waiting.pop() else { return Ok(false) };
            self.knocks.extend(crate::commands::scan::questions::knocks(self.segment, ip.into(), &self.ports));
        }
        if asker.room() == 0 {
            return Ok(false);
        }
        let Some(probe) = self.knocks.pop_front() else { return Ok(false) };
        budget.take(crate::commands::scan::plan::cost(&probe.question));
        asker.ask(probe)?;
        Ok(true)
    }

    fn fill(&mut self, plan: &Plan, max: usize, now: Timestamp) {
        if let State::Pausing(_) = self.state {
            self.turn(now, Duration::ZERO);
        }
        while self.waiting.len() < max {
            match self.sweep.next(now, |ip| plan.may_ask(ip.into())) {
                Some(ip) => {
                    self.asked += u64::from(self.is_first_pass);
                    self.waiting.push(ip);
                }
                None => return,
            }
        }
    }
}
