//! A target: an address that was heard and may be asked, what is being asked of it, and its next question.

use std::time::Duration;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::cost::CONNECT;
use crate::inventory::planner::jitter;
use crate::inventory::planner::permit::{Permit, has};
use crate::inventory::planner::policy::Network;
use crate::inventory::planner::probe::{AnswerPath, DESCRIPTION, Question, Technique};
use crate::inventory::planner::round::{Round, presence_ways};
use crate::types::{Mac, Timestamp};

/// How urgent a target's questions are; the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// New and doubtful hosts.
    New,
    /// Presence rounds that have begun: they have to go on in time.
    UnderWay,
    /// Presence rounds that have yet to begin.
    Presence,
    /// Descriptions of hosts that were described before.
    Routine,
}

impl Urgency {
    /// Every urgency, the highest first.
    pub const ALL: [Self; 4] = [Self::New, Self::UnderWay, Self::Presence, Self::Routine];
}

/// Where a target waits. It waits in one index at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nowhere: it is being looked at.
    Nowhere,
    /// For its turn, since that moment.
    Turn(Urgency, Timestamp),
    /// Until that moment.
    Until(Timestamp),
}

/// What is being asked of a target.
#[derive(Clone, Debug)]
pub(super) enum Inquiry {
    /// Are these ports really closed? Their silence shows it only while the host is there, so that is asked first.
    Confirm {
        /// Whether the host is there was asked.
        is_begun: bool,
        /// Ports that were open and were found closed.
        ports: Vec<u16>,
    },
    /// What is it?
    Describe {
        /// The index of the next technique in [`DESCRIPTION`].
        step: usize,
        /// TCP ports asked so far.
        ports_done: usize,
    },
    /// Nothing.
    Idle,
    /// Is it there?
    Round(Round),
}

/// The last question that was sent whose answer arrives in a certain way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    /// When it was sent.
    pub at: Option<Timestamp>,
    /// Whether it was answered.
    pub is_answered: bool,
}

/// An address that may be asked.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its network's index in the policy.
    pub network: usize,
    /// The station that was last heard with it.
    pub mac: Option<Mac>,
    /// When it was last heard.
    pub heard: Timestamp,
    /// No question before then: one was just sent.
    pub free_at: Timestamp,
    /// Whether it is to be described ahead of routine work.
    pub is_new: bool,
    /// When it is to be described.
    pub describe_at: Timestamp,
    /// How often it was described: makes the jitter differ each time.
    pub described: u32,
    /// No presence round before then.
    pub round_at: Timestamp,
    /// Presence rounds in succession without an answer.
    pub silent_rounds: u32,
    /// A TCP port that was open: a presence round asks it first.
    pub open_port: Option<u16>,
    /// Ports that were open and were found closed.
    pub doubted: Vec<u16>,
    /// When to ask the doubted ports again.
    pub confirm_at: Timestamp,
    /// What is being asked.
    pub inquiry: Inquiry,
    /// Where it waits.
    pub wait: Wait,
    /// The last questions, by [`AnswerPath`].
    pub sent: [Sent; 3],
}

/// A host gets one question in this time.
pub(super) const SPACING: Duration = Duration::from_secs(1);
/// The longest time between rounds for an address that stays silent.
const SILENT_MAX: Duration = Duration::from_secs(24 * 3600);
/// Doubted ports that are remembered.
const DOUBTED_MAX: usize = 8;
/// A shorter `gone_after` counts as this: a round takes most of it.
const GONE_AFTER_MIN: Duration = Duration::from_secs(10);

impl Target {
    /// A target that was just heard, in the network of this index.
    pub fn new(network: usize, mac: Option<Mac>, now: Timestamp) -> Self {
        Self {
            network,
            mac,
            heard: now,
            free_at: now,
            is_new: true,
            describe_at: now,
            described: 0,
            round_at: now,
            silent_rounds: 0,
            open_port: None,
            doubted: Vec::new(),
            confirm_at: now,
            inquiry: Inquiry::Idle,
            wait: Wait::Nowhere,
            sent: [Sent::default(); 3],
        }
    }

    /// Its network has another index in the policy now; what the target waits for from now on. In another network than
    /// before (`is_same` is false) it begins its inquiry anew, since the steps depend on the network.
    pub fn change_network(&mut self, index: usize, is_same: bool, now: Timestamp) -> Wait {
        self.network = index;
        let wait = std::mem::replace(&mut self.wait, Wait::Nowhere);
        if is_same {
            return wait;
        }
        self.inquiry = Inquiry::Idle;
        Wait::Until(now)
    }

    /// How urgent its inquiry is.
    pub fn urgency(&self) -> Urgency {
        match self.inquiry {
            Inquiry::Confirm { .. } => Urgency::New,
            Inquiry::Describe { .. } | Inquiry::Idle if self.is_new => Urgency::New,
            Inquiry::Describe { .. } | Inquiry::Idle => Urgency::Routine,
            Inquiry::Round(Round { step: 0, .. }) => Urgency::Presence,
            Inquiry::Round(_) => Urgency::UnderWay,
        }
    }

    /// Notes that it was heard: its silence counts from now.
    pub fn hear(&mut self, now: Timestamp) {
        self.heard = now;
        self.round_at = now;
        self.silent_rounds = 0;
    }

    /// Notes a port that is to be asked again. When the noted ones are: not later for one that came on top.
    pub fn doubt(&mut self, port: u16, again_at: Timestamp) -> Timestamp {
        let is_first = self.doubted.is_empty();
        if self.doubted.len() < DOUBTED_MAX && !self.doubted.contains(&port) {
            self.doubted.push(port);
        }
        self.confirm_at = if is_first { again_at } else { self.confirm_at.min(again_at) };
        self.confirm_at
    }

    /// Begins what is due, or says when something will be.
    pub fn begin(&mut self, network: &Network, now: Timestamp, wall: Timestamp) -> Result<(), Timestamp> {
        let gone_after = network.gone_after.max(GONE_AFTER_MIN);
        let round_at = self.round_at.max(self.heard.after(silent_span(gone_after, self.silent_rounds)));
        // A host that stays silent is not described until it is heard.
        let speaks = self.is_new || now.since(self.heard) < gone_after;
        let describe_at = Some(self.describe_at).filter(|_| speaks);
        let confirm_at = Some(self.confirm_at).filter(|_| !self.doubted.is_empty());
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let describe = Inquiry::Describe { step: 0, ports_done: 0 };
        self.inquiry = if is_due(confirm_at) {
            Inquiry::Confirm { is_begun: false, ports: std::mem::take(&mut self.doubted) }
        } else if self.is_new && is_due(describe_at) {
            describe
        } else if round_at <= now {
            Inquiry::Round(Round::new(now, wall))
        } else if is_due(describe_at) {
            describe
        } else {
            return Err([confirm_at, describe_at].into_iter().flatten().fold(round_at, Timestamp::min));
        };
        Ok(())
    }

    /// Its next question, at most `packets_max` packets large; `None`: its inquiry is done.
    pub fn question(&mut self, address: SegmentAddress, permit: &Permit, packets_max: u32) -> Option<Question> {
        let network = permit.network(self.network);
        let allowed = permit.ports(self.network);
        let chunk = usize::try_from(packets_max / CONNECT).unwrap_or(usize::MAX).max(1);
        match &mut self.inquiry {
            Inquiry::Idle => None,
            Inquiry::Confirm { is_begun, ports } => {
                ports.retain(|port| allowed.contains(port));
                if ports.is_empty() || !has(network, Technique::Tcp) {
                    return None;
                }
                match presence_ways(network, address.ip, false).first().filter(|_| !*is_begun) {
                    Some(way) => way.question(self.mac),
                    None => Some(Question::Connect { ports: ports.iter().copied().take(chunk).collect() }),
                }
            }
            Inquiry::Describe { step, ports_done } => {
                while let Some(&technique) = DESCRIPTION.get(*step) {
                    let ports = allowed.get(*ports_done..).unwrap_or_default();
                    let question = match technique {
                        Technique::Tcp if ports.is_empty() => None,
                        Technique::Tcp => {
                            Some(Question::Connect { ports: ports.iter().copied().take(chunk).collect() })
                        }
                        technique => technique.question(None).filter(|_| technique.info().family.has(address.ip)),
                    };
                    match question.filter(|_| has(network, technique)) {
                        Some(question) => return Some(question),
                        None => *step += 1,
                    }
                }
                None
            }
            Inquiry::Round(round) => {
                let ways = presence_ways(network, address.ip, !allowed.is_empty());
                match round.next_way(&ways)? {
                    (Technique::Tcp, _) => {
                        let open = self.open_port.filter(|port| allowed.contains(port));
                        let port = open.or_else(|| allowed.first().copied())?;
                        Some(Question::Knock { ports: [port].into() })
                    }
                    // First to the station alone, which disturbs nobody; then to everybody, for it may have moved.
                    (way, attempt) => way.question(self.mac.filter(|_| attempt == 0)),
                }
            }
        }
    }

    /// Notes that its next question was sent, or left out because its host has had enough; says when the inquiry goes
    /// on.
    pub fn advance(
        &mut self,
        address: SegmentAddress,
        network: &Network,
        has_ports: bool,
        question: &Question,
        is_sent: bool,
        now: Timestamp,
    ) -> Timestamp {
        if is_sent {
            self.note_sent(question, now);
        }
        match &mut self.inquiry {
            Inquiry::Idle => {}
            Inquiry::Confirm { is_begun, ports } => match question {
                Question::Connect { ports: asked } => ports.retain(|port| !asked.contains(port)),
                _ => *is_begun = true,
            },
            Inquiry::Describe { step, ports_done } => match question {
                Question::Connect { ports } => *ports_done += ports.len(),
                _ => *step += 1,
            },
            Inquiry::Round(round) => {
                if is_sent {
                    round.sent.insert(question.technique());
                    round.last_sent = now;
                }
                round.step += 1;
                let next = round.due_at(&presence_ways(network, address.ip, has_ports));
                return if is_sent { next.max(self.free_at) } else { next };
            }
        }
        if is_sent { self.free_at } else { now }
    }

    /// Notes a question that was sent.
    pub fn note_sent(&mut self, question: &Question, now: Timestamp) {
        self.sent[question.technique().info().answers_by as usize] = Sent { at: Some(now), is_answered: false };
        self.free_at = now.after(SPACING);
    }

    /// Notes an answer that arrived by this path: when the question was sent, and whether it was answered before.
    /// Sockets give several answers to one question, and match them themselves.
    pub fn hear_answer(&mut self, path: AnswerPath) -> Option<(Timestamp, bool)> {
        let sent = &mut self.sent[path as usize];
        let was_answered = std::mem::replace(&mut sent.is_answered, true) && path != AnswerPath::Socket;
        sent.at.map(|at| (at, was_answered))
    }

    /// Notes that it answered the question of a sweep.
    pub fn note_answered(&mut self, path: AnswerPath, now: Timestamp) {
        self.sent[path as usize] = Sent { at: Some(now), is_answered: true };
    }

    /// Its inquiry has no more questions.
    pub fn finish(&mut self, network: &Network, key: u64, address: SegmentAddress, now: Timestamp) {
        match std::mem::replace(&mut self.inquiry, Inquiry::Idle) {
            // Ports that are doubted again meanwhile wait for their own time.
            Inquiry::Confirm { .. } => {}
            Inquiry::Describe { .. } => {
                self.is_new = false;
                self.described = self.described.wrapping_add(1);
                let every = network.describe_every.max(SPACING);
                let jitter = jitter::part(every / 5, jitter::number(key, address, 4 + u64::from(self.described)));
                self.describe_at = now.after(every - every / 10).after(jitter);
            }
            // Its network has no technique for it.
            Inquiry::Round(_) => self.give_up(network, now),
            Inquiry::Idle => {}
        }
    }

    /// Notes that nobody answered a round, and when the next one may be.
    pub fn give_up(&mut self, network: &Network, now: Timestamp) {
        self.silent_rounds = self.silent_rounds.saturating_add(1);
        self.round_at = now.after(silent_span(network.gone_after.max(GONE_AFTER_MIN), self.silent_rounds));
    }

    /// Notes that a round could not be asked as it should, and when to try again.
    pub fn retry_round(&mut self, network: &Network, now: Timestamp) {
        self.round_at = now.after(network.gone_after.clamp(GONE_AFTER_MIN, Duration::from_secs(600)));
    }
}

/// How long a host has to be silent before the next round: twice as long after each silent one.
fn silent_span(gone_after: Duration, silent_rounds: u32) -> Duration {
    let factor = 1u32.checked_shl(silent_rounds).unwrap_or(u32::MAX);
    gone_after.saturating_mul(factor).min(SILENT_MAX.max(gone_after))
}
