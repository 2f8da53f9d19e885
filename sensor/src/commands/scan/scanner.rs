//! The loop of a scan: sends as much as may be sent, takes in what comes back, and asks hosts that were found the rest.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::sleep;

use crate::capture::error::CaptureError;
use crate::capture::iface::addresses::Addresses;
use crate::capture::iface::proc::neighbours;
use crate::capture::live::Live;
use crate::capture::options::{Method, Options, Port, PortRole};
use crate::clock::Clock;
use crate::commands::scan::asker::Asker;
use crate::commands::scan::found::{FoundAddresses, ScanResult};
use crate::commands::scan::pass::{PassKind, ScanPass, passes};
use crate::commands::scan::plan::ScanPlan;
use crate::commands::scan::progress::{Progress, ProgressFigures};
use crate::config::error::ConfigError;
use crate::config::scan::Scan;
use crate::pipeline::intake::{Intake, SETTLE};
use crate::pipeline::open::{open_vendors, secret};
use crate::pipeline::speakers;
use crate::probe::icmp::family::Family;
use crate::probe::icmp::sweep::{EchoReply, EchoSweep};
use crate::probe::pace::Allowance;
use crate::probe::prober::SegmentSpeaker;
use crate::probe::raw::Raw;
use crate::store::batch::{Batch, Saved};
use crate::store::writer::Writer;
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::planner::probe::{Probe, Technique};
use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::{Frame, Iface, Segment, Timestamp};

/// Frames taken from the capture before the loop looks at anything else.
const FRAMES_PER_TURN: usize = 4096;
/// Room in the capture for the answers of a whole /16 that come at once.
const ANSWERS_BYTES: u32 = 64 << 20;
/// Packets sent before the loop looks at answers.
const PACKETS_PER_TURN: u64 = 128;
/// How long the loop waits when it may not send yet, or the prober has no room.
const TICK: Duration = Duration::from_millis(1);
/// How long the loop waits at most when there is nothing to send.
const IDLE: Duration = Duration::from_millis(20);

/// A scan under way.
pub(super) struct Scanner {
    clock: Clock,
    intake: Intake,
    /// The database, where the scan is to be remembered.
    writer: Option<Writer>,
    /// `None` without the privilege to hear frames, or when no technique needs them.
    capture: Option<Live>,
    /// For ARP, by interface.
    raws: BTreeMap<Iface, Raw>,
    /// For echo; `None` when it was not chosen or is not possible.
    echo: Option<EchoSweep>,
    asker: Asker,
    plan: ScanPlan,
    passes: Vec<ScanPass>,
    allowance: Allowance,
    /// Questions to hosts that were found, and the first ones to IPv6 targets.
    questions: VecDeque<Probe>,
    /// What they cost together, in packets.
    questions_cost: u64,
    /// Addresses that answered or were heard, among those that are to be scanned.
    found: FoundAddresses,
    /// What was heard since the last call of [`Scanner::meet`].
    heard: Vec<HeardAddress>,
    /// Room for echo replies.
    replies: Vec<EchoReply>,
    progress: Progress,
}

/// An address that was heard.
#[derive(Clone, Copy, Debug)]
struct HeardAddress {
    segment: Segment,
    ip: IpAddr,
    /// It might be asked before this was heard, so that a pass may be waiting for it.
    was_allowed: bool,
}

impl Scanner {
    /// Opens sockets and the database.
    pub fn open(config: &Scan, mut plan: ScanPlan, here: &Addresses, clock: Clock) -> Result<Self, Failure> {
        let scopes = speakers::scopes(&config.probing)?;
        let (capture, raws) = listen(&plan.speakers, config)?;
        plan.has_frames = !raws.is_empty();
        let echo = open_echo(&plan, config);
        let passes = passes(&plan, config.tries, echo.is_some(), secret());
        if passes.is_empty() {
            return Err(Failure::Config(ConfigError::NothingToScan));
        }
        let prober_config = speakers::prober_config(plan.speakers.clone(), scopes, &config.probing);
        let (writer, saved) = match &config.db {
            None => (None, Saved { next_event_id: 1, ..Saved::default() }),
            Some(path) => {
                let (writer, saved) = Writer::open(path, clock.now())?;
                (Some(writer), saved)
            }
        };
        plan.restore(&saved.rows, clock.now());
        plan.look_at_neighbours(clock.now());
        if plan.excepts_stations() && plan.has_neighbours() && !passes.iter().any(|pass| pass.kind() == PassKind::Arp) {
            notice::warning(
                "without ARP, a host that --never-probe excepts by its MAC is recognised only after its first answer",
            );
        }
        let settings = Settings { settle: SETTLE, own_macs: here.macs(), ..Settings::default() };
        let vendors = open_vendors(config.inventory.oui.as_deref())?;
        let mut intake = Intake::new(settings, saved, vendors, &config.inventory, None);
        if writer.is_none() {
            intake.core.correlator.emit_nothing();
        }
        Ok(Self {
            intake,
            writer,
            capture,
            raws,
            echo,
            asker: Asker::new(prober_config),
            allowance: Allowance::new(config.probing.rate_per_s),
            progress: Progress::new(config.probing.rate_per_s),
            clock,
            plan,
            passes,
            questions: VecDeque::new(),
            questions_cost: 0,
            found: FoundAddresses::default(),
            heard: Vec::new(),
            replies: Vec::new(),
        })
    }

    /// Works until everything is asked and the time for answers is over. Whether Ctrl-C ended it early.
    pub async fn work(&mut self, interrupt: &mut Signal) -> Result<bool, Failure> {
        for probe in self.plan.first_questions(self.clock.now()) {
            self.push(probe);
        }
        loop {
            let now = self.clock.now();
            let before = self.allowance.sent_total();
            let is_busy = self.send(now)?;
            let has_sent = self.allowance.sent_total() > before;
            if has_sent {
                // Hosts nearby have answered by now; looking costs less than waiting for the socket to be ready.
                self.take_echoes(now);
                self.meet();
            }
            self.progress.show(ProgressFigures {
                found: self.found.len(),
                sent: self.allowance.sent_total(),
                left: self.passes.iter().map(ScanPass::left).sum::<u64>() + self.questions_cost,
            });
            if !is_busy && self.is_over(now) {
                return Ok(false);
            }
            let due = self.passes.iter().filter_map(|pass| pass.due(self.plan.wait)).filter(|due| *due > now).min();
            let pause = match is_busy {
                // More may be sent, but first what has come is taken in, so that no buffer overflows.
                true if self.allowance.is_left() && has_sent => Duration::ZERO,
                // The rate does not allow more yet, or the prober has no room.
                true => TICK,
                // The last answer may be here already.
                false if has_sent => Duration::ZERO,
                false => due.map_or(IDLE, |due| due.since(now).min(IDLE)),
            };
            tokio::select! {
                biased;
                _ = interrupt.recv() => return Ok(true),
                ready = readable(&mut self.capture) => self.take_frames(ready)?,
                () = echo_ready(&self.echo), if !pause.is_zero() => self.take_echoes(now),
                sighting = self.asker.answer() => self.take_answer(sighting),
                () = wait(pause) => {}
            }
            self.meet();
        }
    }

    fn push(&mut self, probe: Probe) {
        self.questions_cost += u64::from(probe.question.cost().sensor);
        self.questions.push_back(probe);
    }

    /// Sends what the rate allows. Whether there is more to send as soon as it does.
    fn send(&mut self, now: Timestamp) -> Result<bool, Failure> {
        self.allowance.refill();
        let mut is_busy = false;
        let gap = self.plan.gap;
        let until = self.allowance.sent_total() + PACKETS_PER_TURN;
        for pass in &mut self.passes {
            let iface = pass.segment().iface;
            while self.allowance.is_left() && self.allowance.sent_total() < until && pass.is_ready(now) {
                let has_asked = match pass.kind() {
                    PassKind::Arp => match self.raws.get_mut(&iface) {
                        Some(raw) => pass.arp(raw, &self.plan, &mut self.allowance, now),
                        None => Ok(false),
                    },
                    PassKind::Echo => match &mut self.echo {
                        Some(echo) => pass.echo(echo, &self.plan, &mut self.allowance, now),
                        None => Ok(false),
                    },
                    PassKind::Knock => pass.knock(&mut self.asker, &self.plan, &mut self.allowance, now),
                };
                if !has_asked.map_err(Failure::system(format!("{iface} cannot be sent on; is it up?")))? {
                    break;
                }
            }
            pass.turn(now, gap);
            is_busy |= pass.is_ready(now);
        }
        while self.allowance.is_left() && self.allowance.sent_total() < until && self.asker.room() > 0 {
            let Some(probe) = self.questions.pop_front() else { break };
            let cost = probe.question.cost().sensor;
            self.questions_cost = self.questions_cost.saturating_sub(u64::from(cost));
            // Since the question was planned, it may have become known that the host's station is excepted.
            if self.plan.allows(&probe, now) {
                self.allowance.take(cost as usize);
                self.asker.ask(probe).map_err(Failure::system("the prober's thread cannot start"))?;
            }
        }
        Ok(is_busy || !self.questions.is_empty())
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.questions.is_empty()
            && self.asker.is_idle()
            && self.passes.iter().all(|pass| pass.is_over(now, self.plan.wait))
    }

    fn take_frames(&mut self, ready: Result<(), CaptureError>) -> Result<(), Failure> {
        ready?;
        let Self { clock, intake, capture: Some(capture), heard, passes, plan, .. } = self else { return Ok(()) };
        let now = clock.now();
        let mut is_answer = |sighting: &Sighting| {
            note(heard, plan, sighting, now);
            let Some(ip) = sighting.shows_life() else { return false };
            passes.iter().any(|pass| pass.was_asked(sighting.segment, ip, now, plan.wait)) || ip.is_ipv6()
        };
        let mut sink = |frame: Frame<'_>| intake.take_with(&frame, now, &mut is_answer);
        capture.drain(clock.boot_to_wall_ns(), FRAMES_PER_TURN, &mut sink)?;
        Ok(())
    }

    fn take_echoes(&mut self, now: Timestamp) {
        let Some(echo) = &mut self.echo else { return };
        self.replies.clear();
        // A socket that fails has no more answers; the other techniques go on.
        drop(echo.drain(&mut self.replies));
        for reply in &self.replies {
            let Some(segment) = self.plan.segment_of(reply.ip) else { continue };
            let sighting = Sighting::of_echo(segment, reply.ip, reply.echo.rtt, reply.echo.hop_limit, now);
            self.intake.observe(sighting, now);
            let was_allowed = self.plan.may_ask(segment, reply.ip, now);
            self.heard.push(HeardAddress { segment, ip: reply.ip, was_allowed });
            for pass in self.passes.iter_mut().filter(|pass| pass.kind() == PassKind::Echo) {
                pass.answered(reply.ip);
            }
        }
    }

    fn take_answer(&mut self, first: Sighting) {
        let now = self.clock.now();
        let mut next = Some(first);
        while let Some(sighting) = next {
            note(&mut self.heard, &mut self.plan, &sighting, now);
            self.intake.observe(sighting, now);
            next = self.asker.try_answer();
        }
    }

    /// Every address that was heard and is to be scanned is found: once, and is asked the rest.
    fn meet(&mut self) {
        let now = self.clock.now();
        let mut heard = std::mem::take(&mut self.heard);
        let is_new = |heard: &HeardAddress| {
            self.plan.is_wanted(heard.segment, heard.ip) && !self.found.contains(&(heard.segment, heard.ip))
        };
        if self.plan.excepts_stations() && heard.iter().any(is_new) {
            // Before they are asked anything else: who answered an echo may have an excepted station.
            self.plan.look_at_neighbours(now);
        }
        for HeardAddress { segment, ip, was_allowed } in heard.drain(..) {
            // An address that might not be asked is not among those that a pass waits for.
            for pass in self.passes.iter_mut().filter(|_| was_allowed) {
                pass.answered(ip);
            }
            if self.plan.is_wanted(segment, ip) && self.found.insert((segment, ip)) {
                for probe in self.plan.questions(segment, ip, now) {
                    self.push(probe);
                }
            }
        }
        self.heard = heard;
        self.intake.handle_timeout(now);
    }

    /// Saves, where that is wanted, and gives what was found.
    pub fn finish(mut self) -> Result<ScanResult, Failure> {
        self.progress.clear();
        // Dropped here, so that there is room for the records.
        let forged = self.echo.take().map_or(0, |echo| echo.rejected().forged_total);
        if forged > 0 {
            notice::warning(&format!("{forged} echo replies answered no question of ours and were not believed"));
        }
        let now = self.clock.now();
        if self.capture.is_none() && self.plan.has_neighbours() {
            self.learn_neighbours(now);
        }
        self.intake.finish(now);
        if let Some(mut writer) = self.writer {
            let events = self.intake.take_prepared();
            writer.commit(&Batch {
                changes: self.intake.core.correlator.take_changes(),
                presence: self.intake.core.correlator.take_presence(),
                published_to: events.last().map(|event| event.stored.id),
                events: events.into_iter().map(|event| event.stored).collect(),
                folds: self.intake.take_folds(),
                ..Batch::default()
            })?;
            writer.close()?;
        }
        Ok(ScanResult::new(self.intake, self.found))
    }

    /// Without the privilege to hear frames, MACs are taken from the kernel's table of neighbours.
    fn learn_neighbours(&mut self, now: Timestamp) {
        for (iface, ip, mac) in neighbours() {
            let segment = Segment::untagged(iface);
            if self.found.contains(&(segment, ip.into())) {
                self.intake.observe(Sighting::of_neighbour(segment, ip, mac, now), now);
            }
        }
    }
}

/// Takes in what a sighting says of who is there and of whom to leave alone.
fn note(heard: &mut Vec<HeardAddress>, plan: &mut ScanPlan, sighting: &Sighting, now: Timestamp) {
    if let Some(ip) = sighting.shows_life() {
        let segment = sighting.segment;
        heard.push(HeardAddress { segment, ip, was_allowed: plan.may_ask(segment, ip, now) });
    }
    plan.observe(sighting, now);
}

/// Opens the socket for echo, where it was chosen.
fn open_echo(plan: &ScanPlan, config: &Scan) -> Option<EchoSweep> {
    if !plan.techniques.contains(&Technique::Icmp) {
        return None;
    }
    let opened = EchoSweep::open(Family::V4, None, config.probing.timeout.max(plan.wait));
    opened.map_err(|error| notice::warning(&format!("no ping here: {error}"))).ok()
}

/// The capture, and the sockets for ARP and NDP; neither, with a warning, when the privilege is missing.
fn listen(speakers: &[SegmentSpeaker], config: &Scan) -> Result<(Option<Live>, BTreeMap<Iface, Raw>), Failure> {
    let wants_frames =
        [Technique::Arp, Technique::Ndp].iter().any(|way| config.probing.defaults.techniques.contains(way));
    let ports: Vec<Port> = speakers.iter().map(|speaker| Port { iface: speaker.iface, role: PortRole::Host }).collect();
    if ports.is_empty() || !wants_frames {
        return Ok((None, BTreeMap::new()));
    }
    // A sensor that runs here may have the interfaces' XDP.
    let options = Options { method: Method::Packet, ring_bytes: ANSWERS_BYTES, policing: false, ..Options::default() };
    match Live::open(&ports, &options) {
        Ok(capture) => {
            let mut raws = BTreeMap::new();
            for SegmentSpeaker { iface, speaker } in speakers {
                let raw = Raw::open(speaker.clone());
                raws.insert(*iface, raw.map_err(Failure::system(format!("{iface} cannot be asked on")))?);
            }
            Ok((Some(capture), raws))
        }
        Err(error) if error.is_privilege() => {
            notice::warning(
                "without the capability CAP_NET_RAW there is no ARP and no NDP: ping and TCP are used; run as root to find silent hosts",
            );
            Ok((None, BTreeMap::new()))
        }
        Err(error) => Err(error.into()),
    }
}

/// With no time to wait, tasks that are ready run once.
async fn wait(pause: Duration) {
    match pause.is_zero() {
        true => tokio::task::yield_now().await,
        false => sleep(pause).await,
    }
}

async fn readable(capture: &mut Option<Live>) -> Result<(), CaptureError> {
    match capture {
        Some(capture) => capture.readable().await,
        None => std::future::pending().await,
    }
}

/// Ready when the socket has answers.
async fn echo_ready(echo: &Option<EchoSweep>) {
    match echo {
        // An error shows when the answers are taken.
        Some(echo) => drop(echo.readable().await),
        None => std::future::pending().await,
    }
}
