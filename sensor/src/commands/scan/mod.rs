//! `sensor scan`: one sweep of networks and addresses, as fast as it was allowed, and what the hosts found say of
//! themselves. The same probers, the same correlator and the same records as of `sensor run`.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::mem::ManuallyDrop;
use std::net::IpAddr;
use std::time::Duration;

use foldhash::quality::RandomState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use crate::capture::error::CaptureError;
use crate::capture::iface;
use crate::capture::iface::addresses::Addresses;
use crate::capture::live::Live;
use crate::capture::options::{Method, Options, Port, Role};
use crate::clock::Clock;
use crate::commands::scan::asker::Asker;
use crate::commands::scan::budget::Budget;
use crate::commands::scan::lane::{Lane, Way};
use crate::commands::scan::plan::Plan;
use crate::config::output::Screen;
use crate::config::scan::Scan;
use crate::export::record::of_rows::each_record;
use crate::export::{csv, json, table};
use crate::pipeline::intake::{Intake, SETTLE};
use crate::pipeline::speakers;
use crate::probe::icmp::sweep::{EchoReply, EchoSweep};
use crate::probe::prober::Voice;
use crate::probe::raw::Raw;
use crate::store::batch::{Batch, Saved};
use crate::store::writer::Writer;
use crate::terminal::failure::Failure;
use crate::terminal::{notice, screen};
use crate::vendor::Vendors;
use sensor_core::inventory::core::Core;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::fingerprint::Fingerprints;
use sensor_core::inventory::planner::probe::{Probe, Technique};
use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::{Frame, Iface, Segment, Timestamp};

/// The prober, when it is needed.
pub mod asker;
/// How fast.
pub mod budget;
/// One network, by one technique.
pub mod lane;
/// What is asked, of whom.
pub mod plan;
/// The line that moves.
pub mod progress;

/// Which questions a scan asks of an address.
pub mod questions;

/// Sweeps, describes, shows.
pub fn scan(config: &Scan, clock: Clock) -> Result<(), Failure> {
    let runtime = crate::pipeline::open::runtime().map_err(Failure::system("the runtime cannot start"))?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::system("cannot wait for SIGINT"))?;
        let here = iface::addresses::addresses().map_err(Failure::system("interfaces cannot be listed"))?;
        if config.dry_run {
            let plan = Plan::new(config, &here)?;
            return screen::print(|out| plan.describe(config, out)).map_err(Failure::system("standard output"));
        }
        let mut scanner = Scanner::open(config, &here, clock)?;
        let was_interrupted = scanner.work(&mut interrupt).await?;
        let found = scanner.finish()?;
        if was_interrupted {
            notice::warning("interrupted: this is what was found so far");
        }
        found.show(config.screen)
    })
}

/// Frames taken from the capture before anything else is looked at.
const FRAMES_PER_TURN: usize = 4096;
/// Room for the answers of a whole /16 that come at once.
const ANSWERS_BYTES: u32 = 64 << 20;
/// Packets sent before answers are looked at.
const PACKETS_PER_TURN: u64 = 128;
/// While something is to be sent, the loop looks this often; else so often.
const TICK: Duration = Duration::from_millis(1);
const IDLE: Duration = Duration::from_millis(20);

struct Scanner {
    clock: Clock,
    intake: Intake,
    writer: Option<Writer>,
    /// Absent without the privilege to hear frames.
    capture: Option<Live>,
    raws: BTreeMap<Iface, Raw>,
    echoes: Vec<EchoSweep>,
    asker: Asker,
    plan: Plan,
    lanes: Vec<Lane>,
    budget: Budget,
    /// What is to be asked of hosts that were found.
    questions: VecDeque<Probe>,
    /// In packets.
    questions_cost: u64,
    /// Who answered, or was heard, among those that were to be asked.
    found: HashSet<(Segment, IpAddr), RandomState>,
    /// What the current turn heard.
    heard: Vec<(Segment, IpAddr)>,
    replies: Vec<EchoReply>,
    progress: progress::Progress,
}

impl Scanner {
    fn open(config: &Scan, here: &Addresses, clock: Clock) -> Result<Self, Failure> {
        let scopes = speakers::scopes(&config.probing)?;
        let plan = Plan::new(config, here)?;
        let voices = plan.voices.clone();
        let (capture, raws) = listen(&voices, config)?;
        let echoes = plan.echo_sweeps(config);
        let lanes = plan.lanes(config, !raws.is_empty(), &echoes, crate::pipeline::open::secret());
        if lanes.is_empty() {
            return Err(Failure::Config(crate::config::error::ConfigError::NothingToScan));
        }
        let equipment = speakers::equipment(voices, scopes, &config.probing);
        let (writer, saved) = match &config.db {
            None => (None, Saved { next_event_id: 1, ..Saved::default() }),
            Some(path) => {
                let (writer, saved) = Writer::open(path, clock.now())?;
                (Some(writer), saved)
            }
        };
        let settings = Settings { settle: SETTLE, own_macs: here.macs(), ..Settings::default() };
        let vendors = crate::pipeline::open::open_vendors(config.inventory.oui.as_deref())?;
        let mut intake = Intake::new(settings, saved, vendors, &config.inventory, None);
        if writer.is_none() {
            intake.desk.correlator.emit_nothing();
        }
        Ok(Self {
            intake,
            writer,
            capture,
            raws,
            echoes,
            asker: Asker::new(equipment),
            budget: Budget::new(config.probing.rate_per_s, clock.now()),
            progress: progress::Progress::new(config.probing.rate_per_s),
            clock,
            plan,
            lanes,
            questions: VecDeque::new(),
            questions_cost: 0,
            found: HashSet::default(),
            heard: Vec::new(),
            replies: Vec::new(),
        })
    }

    /// Until everything is asked and the time for answers is over; true when Ctrl-C ended it.
    async fn work(&mut self, interrupt: &mut Signal) -> Result<bool, Failure> {
        for probe in self.plan.first_questions() {
            self.push(probe);
        }
        loop {
            let now = self.clock.now();
            let before = self.budget.taken();
            let is_busy = self.send(now)?;
            let has_sent = self.budget.taken() > before;
            if has_sent {
                // Near hosts have answered by now; to wait for them costs more than to look.
                self.take_echoes(now);
                self.meet();
            }
            self.progress.show(progress::Look {
                found: self.found.len(),
                sent: self.budget.taken(),
                left: self.lanes.iter().map(Lane::left).sum::<u64>() + self.questions_cost,
            });
            if !is_busy && self.is_over(now) {
                return Ok(false);
            }
            let due = self.lanes.iter().filter_map(|lane| lane.due(self.plan.wait)).filter(|due| *due > now).min();
            let pause = match is_busy {
                // Everything else has a turn before more goes out, so that no buffer overflows.
                true if self.budget.is_left() && has_sent => Duration::ZERO,
                // For want of budget or of room.
                true => TICK,
                // What was answered at once may have been the last.
                false if has_sent => Duration::ZERO,
                false => due.map_or(IDLE, |due| due.since(now).min(IDLE)),
            };
            tokio::select! {
                biased;
                _ = interrupt.recv() => return Ok(true),
                ready = readable(&mut self.capture) => self.take_frames(ready)?,
                () = any_echo(&self.echoes), if !pause.is_zero() => self.take_echoes(now),
                sighting = self.asker.answer() => self.take_answer(sighting),
                () = wait(pause) => {}
            }
            self.meet();
        }
    }

    fn push(&mut self, probe: Probe) {
        self.questions_cost += plan::cost(&probe.question) as u64;
        self.questions.push_back(probe);
    }

    /// Sends what the budget allows; whether more is to be sent as soon as it allows.
    fn send(&mut self, now: Timestamp) -> Result<bool, Failure> {
        self.budget.refill(now);
        let mut is_busy = false;
        let gap = self.plan.gap;
        let until = self.budget.taken() + PACKETS_PER_TURN;
        for lane in &mut self.lanes {
            while self.budget.is_left() && self.budget.taken() < until && lane.is_ready(now) {
                let asked = match lane.way() {
                    Way::Echo(sweep) => lane.echo(&mut self.echoes[sweep], &self.plan, &mut self.budget, now),
                    Way::Frame => match self.raws.get_mut(&lane.segment().iface) {
                        Some(raw) => lane.frames(raw, &self.plan, &mut self.budget, now),
                        None => Ok(false),
                    },
                    Way::Knock => lane.knock(&mut self.asker, &self.plan, &mut self.budget, now),
                };
                let iface = lane.segment().iface;
                if !asked.map_err(Failure::system(format!("{iface} cannot be sent on; is it up?")))? {
                    break;
                }
            }
            lane.turn(now, gap);
            is_busy |= lane.is_ready(now);
        }
        while self.budget.is_left() && self.budget.taken() < until && self.asker.room() > 0 {
            let Some(probe) = self.questions.pop_front() else { break };
            let cost = plan::cost(&probe.question);
            self.questions_cost = self.questions_cost.saturating_sub(cost as u64);
            self.budget.take(cost);
            self.asker.ask(probe).map_err(Failure::system("the prober's thread cannot start"))?;
        }
        Ok(is_busy || !self.questions.is_empty())
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.questions.is_empty()
            && self.asker.is_idle()
            && self.lanes.iter().all(|lane| lane.is_over(now, self.plan.wait))
    }

    fn take_frames(&mut self, ready: Result<(), CaptureError>) -> Result<(), Failure> {
        ready?;
        let Self { clock, intake, capture: Some(capture), heard, lanes, plan, .. } = self else { return Ok(()) };
        let now = clock.now();
        let mut answers = |sighting: &Sighting| {
            let Some(ip) = sighting.shows_life() else { return false };
            heard.push((sighting.segment, ip));
            lanes.iter().any(|lane| lane.was_asked(sighting.segment, ip, now, plan.wait)) || ip.is_ipv6()
        };
        let mut sink = |frame: Frame<'_>| intake.take_with(&frame, now, &mut answers);
        capture.drain(clock.boot_to_wall_ns(), FRAMES_PER_TURN, &mut sink)?;
        Ok(())
    }

    fn take_echoes(&mut self, now: Timestamp) {
        for (number, sweep) in self.echoes.iter_mut().enumerate() {
            self.replies.clear();
            // A socket that fails has no more answers; the other techniques go on.
            drop(sweep.drain(&mut self.replies));
            for reply in &self.replies {
                let Some(segment) = self.plan.segment_of(reply.ip) else { continue };
                self.intake
                    .observe(Sighting::of_echo(segment, reply.ip, reply.echo.rtt, reply.echo.hop_limit, now), now);
                self.heard.push((segment, reply.ip));
                for lane in self.lanes.iter_mut().filter(|lane| lane.way() == Way::Echo(number)) {
                    lane.answered(reply.ip);
                }
            }
        }
    }

    fn take_answer(&mut self, first: Sighting) {
        let now = self.clock.now();
        let mut next = Some(first);
        while let Some(sighting) = next {
            if let Some(ip) = sighting.shows_life() {
                self.heard.push((sighting.segment, ip));
            }
            self.intake.observe(sighting, now);
            next = self.asker.try_answer();
        }
    }

    /// Whoever was heard and was to be asked is found: once, and is asked the rest.
    fn meet(&mut self) {
        let mut heard = std::mem::take(&mut self.heard);
        for (segment, ip) in heard.drain(..) {
            // One that may not be asked is not among those that are waited for.
            for lane in self.lanes.iter_mut().filter(|_| self.plan.may_ask(ip)) {
                lane.answered(ip);
            }
            if self.plan.is_wanted(segment, ip) && self.found.insert((segment, ip)) {
                for probe in self.plan.questions(segment, ip) {
                    self.push(probe);
                }
            }
        }
        self.heard = heard;
        // Old news are not kept; what is found is in the inventory.
        self.intake.handle_timeout(self.clock.now());
    }

    /// Saves, where that is wanted, and gives what was found.
    fn finish(mut self) -> Result<Found, Failure> {
        self.progress.clear();
        // Nobody is asked any more: what the questions took is room for the records.
        let forged: u64 = std::mem::take(&mut self.echoes).iter().map(|sweep| sweep.doubts().forged_total).sum();
        if forged > 0 {
            notice::warning(&format!("{forged} echo replies answered no question of ours and were not believed"));
        }
        let now = self.clock.now();
        if self.capture.is_none() && self.plan.has_neighbours() {
            self.learn_neighbours(now);
        }
        self.intake.finish(now);
        if let Some(mut writer) = self.writer {
            let told = self.intake.take_told();
            writer.commit(&Batch {
                changes: self.intake.desk.correlator.take_changes(),
                presence: self.intake.desk.correlator.take_presence(),
                published_to: told.last().map(|told| told.stored.id),
                events: told.into_iter().map(|told| told.stored).collect(),
                folds: self.intake.take_folds(),
                ..Batch::default()
            })?;
            writer.close()?;
        }
        let Intake { desk, vendors, fingerprints, .. } = self.intake;
        Ok(Found { desk: ManuallyDrop::new(desk), vendors, fingerprints, addresses: self.found })
    }

    /// Without the privilege to hear frames the kernel's own table tells the stations.
    fn learn_neighbours(&mut self, now: Timestamp) {
        for (iface, ip, mac) in iface::proc::neighbours() {
            let segment = Segment::untagged(iface);
            if self.found.contains(&(segment, ip.into())) {
                self.intake.observe(Sighting::of_neighbour(segment, ip, mac, now), now);
            }
        }
    }
}

/// The capture and the raw sockets; neither, with a word about it, for want of privilege.
fn listen(voices: &[Voice], config: &Scan) -> Result<(Option<Live>, BTreeMap<Iface, Raw>), Failure> {
    let wants_frames =
        [Technique::Arp, Technique::Ndp].iter().any(|way| config.probing.defaults.techniques.contains(way));
    let ports: Vec<Port> = voices.iter().map(|voice| Port { iface: voice.iface, role: Role::Host }).collect();
    if ports.is_empty() || !wants_frames {
        return Ok((None, BTreeMap::new()));
    }
    // A sensor that runs here may have the interfaces' XDP.
    let options = Options { method: Method::Packet, ring_bytes: ANSWERS_BYTES, policing: false, ..Options::default() };
    match Live::open(&ports, &options) {
        Ok(capture) => {
            let mut raws = BTreeMap::new();
            for voice in voices {
                let raw = Raw::open(voice.speaker.clone());
                raws.insert(voice.iface, raw.map_err(Failure::system(format!("{} cannot be asked on", voice.iface)))?);
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

/// No time at all lets everything else have a turn.
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

/// Ready when a socket has answers.
async fn any_echo(sweeps: &[EchoSweep]) {
    match sweeps {
        // An error shows when the answers are taken.
        [sweep, ..] => drop(sweep.readable().await),
        [] => std::future::pending().await,
    }
}

/// What a scan found.
struct Found {
    /// The process is about to end: taking tens of thousands of rows apart is the kernel's, and takes it no time.
    desk: ManuallyDrop<Core>,
    vendors: Vendors,
    fingerprints: Fingerprints,
    addresses: HashSet<(Segment, IpAddr), RandomState>,
}

impl Found {
    fn show(&self, screen: Screen) -> Result<(), Failure> {
        let is_found = |segment, ip: Option<IpAddr>| ip.is_some_and(|ip| self.addresses.contains(&(segment, ip)));
        let rows = self.desk.correlator.view();
        let records = || each_record(&rows, &self.vendors, &self.fingerprints, is_found);
        let all = || records().collect::<Vec<_>>();
        screen::print(|mut out| match screen {
            Screen::Csv => csv::write_csv(&all(), &mut out),
            Screen::Json => json::write_array(records(), &mut out),
            Screen::Quiet => Ok(()),
            Screen::Text => table::write_scan(&all(), screen::paint(), out),
        })
        .map_err(Failure::system("standard output"))
    }
}
