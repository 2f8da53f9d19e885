//! A target: an address that was heard and may be asked, what is being asked of it, and its next question.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::inventory::planner::address::SegmentAddress;
use crate::inventory::planner::cost::CONNECT;
use crate::inventory::planner::jitter;
use crate::inventory::planner::permit::{Permit, has};
use crate::inventory::planner::policy::Network;
use crate::inventory::planner::probe::{Question, Technique};
use crate::types::{Mac, Timestamp};

/// What is more urgent, first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// New and doubtful hosts.
    New,
    /// Presence rounds that have begun: they have to go on in time.
    UnderWay,
    /// Is it still there?
    Presence,
    /// Described before.
    Again,
}

impl Class {
    /// Every class, the most urgent first.
    pub const ALL: [Self; 4] = [Self::New, Self::UnderWay, Self::Presence, Self::Again];
}

/// Where a target waits. It waits in one place at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nowhere: it is being looked at.
    Nowhere,
    /// For its turn, since then.
    Turn(Class, Timestamp),
    /// Until then.
    Until(Timestamp),
}

/// What is being asked of a target.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// Are these ports closed indeed? Only while the host is there does their silence say so, so that is asked first.
    Confirm {
        /// Whether it is there was asked.
        is_begun: bool,
        /// Ports that were open and were found closed.
        ports: Vec<u16>,
    },
    /// What is it? The step, and the ports that were asked already.
    Describe {
        /// Its place in [`DESCRIBE`].
        step: usize,
        /// TCP ports asked so far.
        ports_done: usize,
    },
    /// Nothing.
    Idle,
    /// Is it there?
    Round(Round),
}

/// A presence round.
#[derive(Clone, Debug)]
pub(super) struct Round {
    /// When it began.
    pub begun: Timestamp,
    /// The same on the wall clock.
    pub begun_wall: Timestamp,
    /// Questions sent or left out.
    pub step: usize,
    /// What was really sent.
    pub sent: BTreeSet<Technique>,
    /// When the last question was sent.
    pub last_sent: Timestamp,
    /// Its end was found late, and was put off once, because answers might have lain unread.
    pub is_extended: bool,
}

/// A question of a kind that was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    /// When.
    pub at: Option<Timestamp>,
    /// It was answered.
    pub is_answered: bool,
}

/// Kinds of answers that are told apart: on the wire, by echo, by another socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    /// ARP and NDP.
    Wire,
    /// ICMP and ICMPv6.
    Echo,
    /// Connections and datagrams: several answers to one question are the rule.
    Socket,
}

impl Channel {
    /// On which channel a question is answered.
    pub fn of(question: &Question) -> Self {
        match question {
            Question::Arp { .. } | Question::ConflictCheck { .. } | Question::Ndp { .. } => Self::Wire,
            Question::AllNodes | Question::Echo => Self::Echo,
            Question::Connect { .. }
            | Question::Knock { .. }
            | Question::Mdns
            | Question::Nbns
            | Question::Ptr
            | Question::Snmp => Self::Socket,
        }
    }
}

/// An address that may be asked.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its network's place in the policy.
    pub network: usize,
    /// The station that was last heard with it.
    pub mac: Option<Mac>,
    /// When it was last heard.
    pub heard: Timestamp,
    /// No question before then: one in flight.
    pub free_at: Timestamp,
    /// It is to be described ahead of routine work.
    pub is_new: bool,
    /// When it is to be described.
    pub describe_at: Timestamp,
    /// How often it was described: stirs the jitter.
    pub described: u32,
    /// No presence round before then.
    pub round_at: Timestamp,
    /// Rounds in succession without an answer.
    pub silent_rounds: u32,
    /// A port that was open.
    pub open_port: Option<u16>,
    /// Ports that were open and were found closed.
    pub doubted: Vec<u16>,
    /// When to ask them again.
    pub confirm_at: Timestamp,
    /// What is being asked.
    pub job: Job,
    /// Where it waits.
    pub wait: Wait,
    /// The last questions, by channel.
    pub sent: [Sent; 3],
}

/// What a description asks, in order: names before ports, which take longest.
const DESCRIBE: [Technique; 6] =
    [Technique::Icmp, Technique::Ptr, Technique::Mdns, Technique::Nbns, Technique::Snmp, Technique::Tcp];
/// Seconds after a round's begin at which each technique is tried.
const ROUND_S: [u64; 3] = [0, 2, 5];
/// A host gets one question a second.
pub(super) const SPACING: Duration = Duration::from_secs(1);
/// How long a round waits for the last answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The shortest round.
const ROUND: Duration = Duration::from_secs(8);
/// A round that stood still for longer begins anew.
const INTERRUPTED: Duration = Duration::from_secs(60);
/// The longest time between rounds for an address that stays silent.
const SILENT_MAX: Duration = Duration::from_secs(24 * 3600);
/// Doubted ports that are remembered.
const DOUBTED_MAX: usize = 8;
/// Below this, `gone_after` is taken for a mistake: a round takes most of it.
const GONE_AFTER_MIN: Duration = Duration::from_secs(10);

impl Target {
    /// A target that was just heard.
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
            job: Job::Idle,
            wait: Wait::Nowhere,
            sent: [Sent::default(); 3],
        }
    }

    /// Its network stands at another place now; where the target waits there. In a network that is another one (`is_same`
    /// false) it begins its job anew, since the steps are the network's.
    pub fn change_network(&mut self, place: usize, is_same: bool, now: Timestamp) -> Wait {
        self.network = place;
        let wait = std::mem::replace(&mut self.wait, Wait::Nowhere);
        if is_same {
            return wait;
        }
        self.job = Job::Idle;
        Wait::Until(now)
    }

    /// The class of its job.
    pub fn class(&self) -> Class {
        match self.job {
            Job::Confirm { .. } => Class::New,
            Job::Describe { .. } | Job::Idle if self.is_new => Class::New,
            Job::Describe { .. } | Job::Idle => Class::Again,
            Job::Round(Round { step: 0, .. }) => Class::Presence,
            Job::Round(_) => Class::UnderWay,
        }
    }

    /// It was heard: whatever counted its silence starts anew.
    pub fn hear(&mut self, now: Timestamp) {
        self.heard = now;
        self.round_at = now;
        self.silent_rounds = 0;
    }

    /// Notes a port to be asked again.
    pub fn doubt(&mut self, port: u16, again_at: Timestamp) {
        if self.doubted.len() < DOUBTED_MAX && !self.doubted.contains(&port) {
            self.doubted.push(port);
        }
        self.confirm_at = again_at;
    }

    /// Begins what is due, or says when something will be.
    pub fn begin(&mut self, network: &Network, now: Timestamp, wall: Timestamp) -> Result<(), Timestamp> {
        let gone_after = network.gone_after.max(GONE_AFTER_MIN);
        let round_at = self.round_at.max(self.heard.after(silent_span(gone_after, self.silent_rounds)));
        // Who stays silent is not described until it is heard.
        let speaks = self.is_new || now.since(self.heard) < gone_after;
        let describe_at = Some(self.describe_at).filter(|_| speaks);
        let confirm_at = Some(self.confirm_at).filter(|_| !self.doubted.is_empty());
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let describe = Job::Describe { step: 0, ports_done: 0 };
        self.job = if is_due(confirm_at) {
            Job::Confirm { is_begun: false, ports: std::mem::take(&mut self.doubted) }
        } else if self.is_new && is_due(describe_at) {
            describe
        } else if round_at <= now {
            Job::Round(Round {
                begun: now,
                begun_wall: wall,
                step: 0,
                sent: BTreeSet::new(),
                last_sent: now,
                is_extended: false,
            })
        } else if is_due(describe_at) {
            describe
        } else {
            return Err([confirm_at, describe_at].into_iter().flatten().fold(round_at, Timestamp::min));
        };
        Ok(())
    }

    /// Its next question, at most `packets_max` packets large; `None`: its job is done.
    pub fn question(&mut self, address: SegmentAddress, permit: &Permit, packets_max: u32) -> Option<Question> {
        let network = permit.network(self.network);
        let allowed = permit.ports(self.network);
        let chunk = usize::try_from(packets_max / CONNECT).unwrap_or(usize::MAX).max(1);
        match &mut self.job {
            Job::Idle => None,
            Job::Confirm { is_begun, ports } => {
                ports.retain(|port| allowed.contains(port));
                if ports.is_empty() || !has(network, Technique::Tcp) {
                    return None;
                }
                match presence_ways(network, address.ip, false).first().filter(|_| !*is_begun) {
                    Some(way) => presence_question(*way, self.mac),
                    None => Some(Question::Connect { ports: ports.iter().copied().take(chunk).collect() }),
                }
            }
            Job::Describe { step, ports_done } => {
                let is_v4 = address.ip.is_ipv4();
                while let Some(&technique) = DESCRIBE.get(*step) {
                    let ports = allowed.get(*ports_done..).unwrap_or_default();
                    let question = match technique {
                        Technique::Icmp => Some(Question::Echo),
                        Technique::Ptr => Some(Question::Ptr),
                        Technique::Mdns => Some(Question::Mdns),
                        Technique::Nbns if is_v4 => Some(Question::Nbns),
                        Technique::Snmp => Some(Question::Snmp),
                        Technique::Tcp if !ports.is_empty() => {
                            Some(Question::Connect { ports: ports.iter().copied().take(chunk).collect() })
                        }
                        _ => None,
                    };
                    match question.filter(|_| has(network, technique)) {
                        Some(question) => return Some(question),
                        None => *step += 1,
                    }
                }
                None
            }
            Job::Round(round) => {
                let ways = presence_ways(network, address.ip, !allowed.is_empty());
                let attempt = round.step.checked_div(ways.len())?;
                if attempt >= ROUND_S.len() {
                    return None;
                }
                // First to the station alone, which disturbs nobody; then to everybody, for it may have moved.
                let to = self.mac.filter(|_| attempt == 0);
                match ways[round.step % ways.len()] {
                    Technique::Tcp => {
                        let open = self.open_port.filter(|port| allowed.contains(port));
                        let port = open.or_else(|| allowed.first().copied())?;
                        Some(Question::Knock { ports: [port].into() })
                    }
                    way => presence_question(way, to),
                }
            }
        }
    }

    /// Notes that its next question was sent, or left out because its host has had enough; says when the job goes on.
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
        match &mut self.job {
            Job::Idle => {}
            Job::Confirm { is_begun, ports } => match question {
                Question::Connect { ports: asked } => ports.retain(|port| !asked.contains(port)),
                _ => *is_begun = true,
            },
            Job::Describe { step, ports_done } => match question {
                Question::Connect { ports } => *ports_done += ports.len(),
                _ => *step += 1,
            },
            Job::Round(round) => {
                if is_sent {
                    round.sent.insert(question.technique());
                    round.last_sent = now;
                }
                round.step += 1;
                let ways = presence_ways(network, address.ip, has_ports).len().max(1);
                let next = ROUND_S.get(round.step / ways).map(|&s| round.begun.after(Duration::from_secs(s)));
                let next = next.unwrap_or_else(|| round.end());
                return if is_sent { next.max(self.free_at) } else { next };
            }
        }
        if is_sent { self.free_at } else { now }
    }

    /// Notes a question that was sent.
    pub fn note_sent(&mut self, question: &Question, now: Timestamp) {
        self.sent[Channel::of(question) as usize] = Sent { at: Some(now), is_answered: false };
        self.free_at = now.after(SPACING);
    }

    /// On a channel: when it was asked, and whether that was answered before; notes that it is answered now. Sockets tell
    /// several answers to one question, and match them themselves.
    pub fn hear_answer(&mut self, channel: Channel) -> Option<(Timestamp, bool)> {
        let sent = &mut self.sent[channel as usize];
        let was_answered = std::mem::replace(&mut sent.is_answered, true) && channel != Channel::Socket;
        sent.at.map(|at| (at, was_answered))
    }

    /// It answered the question of a sweep.
    pub fn note_answered(&mut self, channel: Channel, now: Timestamp) {
        self.sent[channel as usize] = Sent { at: Some(now), is_answered: true };
    }

    /// Its job has no more questions.
    pub fn finish(&mut self, network: &Network, key: u64, address: SegmentAddress, now: Timestamp) {
        match std::mem::replace(&mut self.job, Job::Idle) {
            // Ports that are doubted again meanwhile wait for their own time.
            Job::Confirm { .. } => {}
            Job::Describe { .. } => {
                self.is_new = false;
                self.described = self.described.wrapping_add(1);
                let every = network.describe_every.max(SPACING);
                let jitter = jitter::part(every / 5, jitter::number(key, address, 4 + u64::from(self.described)));
                self.describe_at = now.after(every - every / 10).after(jitter);
            }
            // Nothing can be asked there.
            Job::Round(_) => self.give_up(network, now),
            Job::Idle => {}
        }
    }

    /// A round nobody answered is over: when the next one may be.
    pub fn give_up(&mut self, network: &Network, now: Timestamp) {
        self.silent_rounds = self.silent_rounds.saturating_add(1);
        self.round_at = now.after(silent_span(network.gone_after.max(GONE_AFTER_MIN), self.silent_rounds));
    }

    /// A round that could not be asked as it should: when to try again.
    pub fn retry_round(&mut self, network: &Network, now: Timestamp) {
        self.round_at = now.after(network.gone_after.clamp(GONE_AFTER_MIN, Duration::from_secs(600)));
    }
}

impl Round {
    /// It could not go on for long (quiet hours, an empty bucket): what was asked first is no longer news.
    pub fn is_interrupted(&self, now: Timestamp) -> bool {
        self.step > 0 && now.since(self.last_sent) > INTERRUPTED
    }

    /// Whether it has questions to ask.
    pub fn is_left(&self, network: &Network, ip: IpAddr, has_ports: bool) -> bool {
        self.step < ROUND_S.len() * presence_ways(network, ip, has_ports).len().max(1)
    }

    /// When it is over, once its last question went out.
    pub fn end(&self) -> Timestamp {
        self.begun.after(ROUND).max(self.last_sent.after(PATIENCE))
    }
}

/// Techniques that can show that an address is in use, where the network has them.
pub(super) fn presence_ways(network: &Network, ip: IpAddr, has_ports: bool) -> Vec<Technique> {
    let near = match (network.attached, ip.is_ipv4()) {
        (true, true) => Some(Technique::Arp),
        (true, false) => Some(Technique::Ndp),
        (false, _) => None,
    };
    let far = if has_ports && (near.is_none() || ip.is_ipv4()) { Some(Technique::Tcp) } else { None };
    let ways = [near, Some(Technique::Icmp), far];
    ways.into_iter().flatten().filter(|technique| has(network, *technique)).collect()
}

/// Whether a host is there, asked of its station alone where that is known.
fn presence_question(way: Technique, to: Option<Mac>) -> Option<Question> {
    match way {
        Technique::Arp => Some(Question::Arp { to: to.unwrap_or(Mac::BROADCAST) }),
        Technique::Ndp => Some(Question::Ndp { to }),
        Technique::Icmp => Some(Question::Echo),
        Technique::Mdns | Technique::Nbns | Technique::Ptr | Technique::Snmp | Technique::Tcp => None,
    }
}

/// What a whole round costs a host, in packets.
pub(super) fn round_cost(network: &Network, ip: IpAddr, has_ports: bool) -> u32 {
    let cost = |way: &Technique| if *way == Technique::Tcp { CONNECT } else { 1 };
    let attempts = u32::try_from(ROUND_S.len()).unwrap_or(u32::MAX);
    attempts * presence_ways(network, ip, has_ports).iter().map(cost).sum::<u32>()
}

/// How long nothing has to be heard before the next round: twice as long after each silent one.
fn silent_span(gone_after: Duration, silent_rounds: u32) -> Duration {
    let factor = 1u32.checked_shl(silent_rounds).unwrap_or(u32::MAX);
    gone_after.saturating_mul(factor).min(SILENT_MAX.max(gone_after))
}
