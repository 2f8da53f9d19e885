//! One network by one technique: asked several times, each time the addresses that have not answered.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::commands::scan::asker::Asker;
use crate::commands::scan::plan::ScanPlan;
use crate::commands::scan::targets::ScanTarget;
use crate::probe::icmp::sweep::EchoSweep;
use crate::probe::pace::Allowance;
use crate::probe::raw::{BATCH, Raw};
use sensor_core::inventory::planner::probe::{Probe, Question, Technique};
use sensor_core::inventory::planner::sweep::{Standing, Sweep};
use sensor_core::types::{Mac, Segment, Timestamp};

/// How a pass asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PassKind {
    /// By ARP frames.
    Arp,
    /// By ICMP echo.
    Echo,
    /// By TCP connections.
    Knock,
}

/// A network by one technique.
#[derive(Debug)]
pub(super) struct ScanPass {
    segment: Segment,
    kind: PassKind,
    sweep: Sweep,
    /// How often silent addresses are asked yet.
    rounds_left: u32,
    is_first_round: bool,
    /// Addresses that the first round asked.
    asked: u64,
    state: PassState,
    /// Addresses that were taken from the sweep and not sent yet.
    waiting: Vec<Ipv4Addr>,
    /// For [`PassKind::Knock`].
    ports: Arc<[u16]>,
    /// Questions to one address that wait for room.
    knocks: VecDeque<Probe>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PassState {
    /// A round is under way.
    Asking,
    /// The round is over; the next begins then.
    Pausing(Timestamp),
    /// The last round ended then.
    Ended(Timestamp),
}

/// A host behind a router that drops pings is tried on so many of the ports.
const KNOCKS: usize = 3;

/// The passes of a scan: by ARP where it reaches, else by echo; by TCP where that was chosen alone, or where hosts may drop
/// pings. `has_echo`: echo can be sent.
pub(super) fn passes(plan: &ScanPlan, tries: u32, has_echo: bool, key: u64) -> Vec<ScanPass> {
    let mut passes = Vec::new();
    let within = plan.targets.iter().flat_map(|target| plan.networks_within(target));
    for target in plan.targets.iter().cloned().chain(within) {
        let ScanTarget { prefix: IpNet::V4(prefix), segment, attached } = target else { continue };
        let mut add = |kind, rounds, ports| {
            passes.push(ScanPass::new(segment, kind, Sweep::new(prefix, key), rounds, ports));
        };
        if plan.has_frames && attached && plan.techniques.contains(&Technique::Arp) {
            add(PassKind::Arp, tries, Arc::from([]));
            continue;
        }
        if has_echo {
            add(PassKind::Echo, tries, Arc::from([]));
        }
        let ports = plan.ports(&target);
        if plan.techniques.contains(&Technique::Tcp) && !ports.is_empty() {
            // Without echo it is the only way to find anybody.
            let knocks = if has_echo { ports.len().min(KNOCKS) } else { ports.len() };
            add(PassKind::Knock, 1, ports[..knocks].into());
        }
    }
    passes
}

impl ScanPass {
    /// Over `sweep`, at most `rounds` times. `ports` are for [`PassKind::Knock`].
    fn new(segment: Segment, kind: PassKind, sweep: Sweep, rounds: u32, ports: Arc<[u16]>) -> Self {
        Self {
            segment,
            kind,
            sweep,
            rounds_left: rounds.max(1),
            is_first_round: true,
            asked: 0,
            state: PassState::Asking,
            waiting: Vec::with_capacity(BATCH),
            ports,
            knocks: VecDeque::new(),
        }
    }

    /// Where it asks.
    pub fn segment(&self) -> Segment {
        self.segment
    }

    /// How it asks.
    pub fn kind(&self) -> PassKind {
        self.kind
    }

    /// Addresses that are still to be asked, if none answers.
    pub fn left(&self) -> u64 {
        match self.state {
            PassState::Ended(_) => 0,
            _ => self.sweep.remaining() + self.sweep.total() * u64::from(self.rounds_left.saturating_sub(1)),
        }
    }

    /// The address has answered, by whatever technique.
    pub fn answered(&mut self, ip: IpAddr) {
        if let IpAddr::V4(ip) = ip {
            self.sweep.answered(ip);
        }
    }

    /// Whether the address was asked by this pass, so that what it says may be an answer: in time, late or once more.
    pub fn was_asked(&self, segment: Segment, ip: IpAddr, now: Timestamp, wait: Duration) -> bool {
        let IpAddr::V4(ip) = ip else { return false };
        segment == self.segment
            && self.sweep.asked_between(ip).is_some()
            && self.sweep.standing(ip, now, wait) != Standing::Unasked
    }

    /// Whether there is something to send now.
    pub fn is_ready(&self, now: Timestamp) -> bool {
        match self.state {
            PassState::Asking => true,
            PassState::Pausing(until) => now >= until,
            PassState::Ended(_) => false,
        }
    }

    /// Whether the last round ended `wait` ago.
    pub fn is_over(&self, now: Timestamp, wait: Duration) -> bool {
        // The prober waits for TCP's answers itself.
        let wait = if self.kind == PassKind::Knock { Duration::ZERO } else { wait };
        match self.state {
            PassState::Ended(at) => now.since(at) >= wait || self.have_all_answered(),
            _ => false,
        }
    }

    /// When this pass next has something to do, if nothing answers until then.
    pub fn due(&self, wait: Duration) -> Option<Timestamp> {
        match self.state {
            PassState::Asking => None,
            PassState::Pausing(until) => Some(until),
            PassState::Ended(at) => Some(at.after(wait)),
        }
    }

    fn have_all_answered(&self) -> bool {
        !self.is_first_round && self.sweep.answered_count() >= self.asked
    }

    /// Goes on to the next round when this one is over.
    pub fn turn(&mut self, now: Timestamp, gap: Duration) {
        match self.state {
            PassState::Asking if self.waiting.is_empty() && self.knocks.is_empty() && self.sweep.remaining() == 0 => {
                self.rounds_left -= 1;
                self.is_first_round = false;
                self.state = match self.rounds_left {
                    0 => PassState::Ended(now),
                    _ => PassState::Pausing(now.after(gap)),
                };
            }
            // No address is left to be asked again.
            PassState::Pausing(_) if self.have_all_answered() => self.state = PassState::Ended(now),
            PassState::Pausing(until) if now >= until => {
                self.sweep.retry();
                self.state = PassState::Asking;
            }
            _ => {}
        }
    }

    /// Asks a batch by ARP; false when nothing was sent.
    pub fn arp(
        &mut self,
        raw: &mut Raw,
        plan: &ScanPlan,
        allowance: &mut Allowance,
        now: Timestamp,
    ) -> io::Result<bool> {
        self.fill(plan, allowance.up_to(BATCH), now);
        let segment = self.segment;
        let question = Question::Arp { to: Mac::BROADCAST };
        let probes: Vec<Probe> =
            self.waiting.iter().map(|&ip| Probe { segment, ip: ip.into(), question: question.clone() }).collect();
        let sent = raw.send(&probes)?;
        allowance.take(sent);
        self.waiting.drain(..sent);
        Ok(sent > 0)
    }

    /// Asks a batch by echo; false when nothing was sent.
    pub fn echo(
        &mut self,
        sweep: &mut EchoSweep,
        plan: &ScanPlan,
        allowance: &mut Allowance,
        now: Timestamp,
    ) -> io::Result<bool> {
        self.fill(plan, allowance.up_to(BATCH), now);
        let targets: Vec<IpAddr> = self.waiting.iter().map(|&ip| ip.into()).collect();
        let sent = if targets.is_empty() { 0 } else { sweep.send(&targets)? };
        allowance.take(sent);
        self.waiting.drain(..sent);
        Ok(sent > 0)
    }

    /// Asks one port of an address by TCP; false when the prober has no room or no address is left.
    pub fn knock(
        &mut self,
        asker: &mut Asker,
        plan: &ScanPlan,
        allowance: &mut Allowance,
        now: Timestamp,
    ) -> io::Result<bool> {
        if self.knocks.is_empty() {
            self.fill(plan, 1, now);
            let Some(ip) = self.waiting.pop() else { return Ok(false) };
            let (segment, ip) = (self.segment, ip.into());
            let knock = |&port| Probe { segment, ip, question: Question::Knock { ports: [port].into() } };
            self.knocks.extend(self.ports.iter().map(knock));
        }
        if asker.room() == 0 {
            return Ok(false);
        }
        let Some(probe) = self.knocks.pop_front() else { return Ok(false) };
        // Since the address was taken from the sweep, it may have become known whose it is.
        if plan.allows(&probe, now) {
            allowance.take(probe.question.cost().sensor as usize);
            asker.ask(probe)?;
        }
        Ok(true)
    }

    /// Takes addresses from the sweep until `max` wait to be sent.
    fn fill(&mut self, plan: &ScanPlan, max: usize, now: Timestamp) {
        if let PassState::Pausing(_) = self.state {
            self.turn(now, Duration::ZERO);
        }
        let technique = match self.kind {
            PassKind::Arp => Technique::Arp,
            PassKind::Echo => Technique::Icmp,
            PassKind::Knock => Technique::Tcp,
        };
        let segment = self.segment;
        let may_ask = |ip: Ipv4Addr| plan.may_sweep(technique, segment, ip.into(), now);
        // Since an address was taken, it may have become known whose it is.
        self.waiting.retain(|ip| may_ask(*ip));
        while self.waiting.len() < max {
            match self.sweep.next(now, may_ask) {
                Some(ip) => {
                    self.asked += u64::from(self.is_first_round);
                    self.waiting.push(ip);
                }
                None => return,
            }
        }
    }
}
