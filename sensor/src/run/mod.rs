//! The loop of `sensor run`: one `select!` over one closed set of things that can wake the sensor.

use crate::terminal::notice;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sensor_ebpf::abi::Counters;
use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::capture::error::CaptureError;
use crate::capture::iface;
use crate::capture::iface::addresses::Addresses;
use crate::capture::presence::Seen;
use crate::capture::watched::Watched;
use crate::config::output::Screen;
use crate::control::status::Inquiry;
use crate::control::{Answer, Control};
use crate::pipeline::intake::Told;
use crate::probe::prober::Prober;
use crate::run::world::World;
use crate::store::batch::Batch;
use crate::store::thread::Done;
use crate::terminal::failure::Failure;
use sensor_core::inventory::event::{Detail, Kind};
use sensor_core::inventory::planner::probe::Probe;
use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::{Frame, Iface, Segment, Timestamp};
/// From the database to the sinks.
pub mod outbox;
/// What becomes of the ports.
pub mod ports;
/// The sensor's own figures.
pub mod status;

/// Voices follow their interfaces.
pub mod speakers;
/// Whom to hear.
pub mod local;

/// Batches to the database, and what follows when they are saved.
pub mod commits;
/// What the running sensor is asked by people: status, mutes, SIGHUP.
pub mod requests;
/// Every handle to the world that the loop uses.
pub mod world;

/// Frames taken from the ring before the loop looks at anything else.
const FRAMES_PER_TURN: usize = 4096;
/// Answers taken from the prober before the loop looks at anything else.
const ANSWERS_PER_TURN: usize = 256;
/// A prober without room is looked at again after this.
const PROBER_FULL: Duration = Duration::from_millis(5);
/// Questions handed to the prober in one turn.
const PROBES_PER_TURN: usize = 256;
/// State without an event reaches the disk within this time.
pub(crate) const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// Presence is written this often: a quiet network leaves the disk quiet.
pub(crate) const PRESENCE_EVERY: Duration = Duration::from_secs(60);
/// Who sent frames of any kind is read from the kernel this often.
const HEARD_EVERY: Duration = Duration::from_secs(10);
/// The interfaces that ask are looked at this often, also when all is well: addresses come and go by themselves.
const SPEAKERS_EVERY: Duration = Duration::from_secs(10);
/// A status line, with `--json`.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// Unknown hosts that are to be told again are looked for this often.
const RENOTIFY_EVERY: Duration = Duration::from_secs(60);
/// Losses are told at most this often.
const LOSS_EVERY: Duration = Duration::from_secs(60);
/// Events that wait for a database that cannot be written.
pub(crate) const WAITING_MAX: usize = 65_536;

/// Listens until it is told to stop.
pub async fn run(world: World) -> Result<(), Failure> {
    let mut stop = signal(SignalKind::terminate()).map_err(Failure::system("cannot wait for SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::system("cannot wait for SIGINT"))?;
    let mut hangup = signal(SignalKind::hangup()).map_err(Failure::system("cannot wait for SIGHUP"))?;
    let mut sensor = Sensor::start(world)?;
    // Without systemd there is nobody to notify, which is no error.
    drop(sd_notify::notify(&[sd_notify::NotifyState::Ready]));
    loop {
        match sensor.wake(&mut stop, &mut interrupt, &mut hangup).await {
            Wake::Answer(sighting) => sensor.take_answers(*sighting),
            Wake::Asked(stream) => sensor.tell_status(stream),
            Wake::Control(stream, line) => sensor.obey(stream, &line),
            Wake::Due => {}
            Wake::Frames(ready) => sensor.take_frames(ready)?,
            Wake::Hangup => sensor.reopen(),
            Wake::Stop => break,
            Wake::Stored(done) => sensor.stored(*done),
        }
        sensor.work()?;
    }
    drop(sd_notify::notify(&[sd_notify::NotifyState::Stopping]));
    tokio::select! {
        result = sensor.stop() => result,
        _ = stop.recv() => Err(Failure::Lost("stopped at once by a second signal; the last second may be missing".to_owned())),
        _ = interrupt.recv() => Err(Failure::Lost("stopped at once by a second signal; the last second may be missing".to_owned())),
    }
}

/// What can make the sensor act.
enum Wake {
    /// A host answered through a socket.
    Answer(Box<Sighting>),
    /// Somebody wants to know how it goes.
    Asked(UnixStream),
    /// Somebody wants something to be done.
    Control(UnixStream, String),
    /// The earliest deadline has come.
    Due,
    /// The capture has frames, or has failed.
    Frames(Result<(), CaptureError>),
    /// SIGHUP.
    Hangup,
    /// SIGTERM or SIGINT.
    Stop,
    /// The database has finished a batch.
    Stored(Box<Done>),
}

pub(crate) struct Sensor {
    world: World,
    started: Timestamp,
    /// Told, not yet handed to the database.
    waiting: Vec<Told>,
    waiting_lost: u64,
    /// Handed to the database.
    in_flight: Vec<Told>,
    /// Who waits for a change of what is muted to be handed to the database, and who for it to be saved.
    answers: Vec<(UnixStream, Answer)>,
    answers_in_flight: Vec<(UnixStream, Answer)>,
    /// A batch that the database could not take, to be tried again.
    retry: Option<Batch>,
    /// The database failed last time: said once, not every second.
    store_failing: bool,
    /// The sightings log failed last time.
    log_failing: bool,
    /// The outbox's mark as last saved.
    saved_mark: u64,
    counters: Counters,
    commit_due: Timestamp,
    loss_due: Timestamp,
    presence_due: Timestamp,
    heard_due: Timestamp,
    speakers_due: Timestamp,
    /// Whom the capture was told to hear.
    watched: Vec<Watched>,
    status_due: Timestamp,
    renotify_due: Timestamp,
    /// Room for what is about to be asked.
    probes: Vec<Probe>,
    /// Questions that could not be sent, as last read.
    failed: u64,
}

impl Sensor {
    fn start(world: World) -> Result<Self, Failure> {
        let now = world.clock.now();
        for note in world.capture.notes() {
            notice::warning(note);
        }
        let mut sensor = Self {
            started: now,
            waiting: Vec::new(),
            waiting_lost: 0,
            in_flight: Vec::new(),
            answers: Vec::new(),
            answers_in_flight: Vec::new(),
            retry: None,
            store_failing: false,
            log_failing: false,
            saved_mark: world.outbox.published_to(),
            counters: Counters::default(),
            commit_due: now,
            loss_due: now,
            presence_due: now.after(PRESENCE_EVERY),
            heard_due: now.after(HEARD_EVERY),
            speakers_due: now.after(SPEAKERS_EVERY),
            watched: Vec::new(),
            status_due: now,
            renotify_due: now.after(RENOTIFY_EVERY),
            probes: Vec::new(),
            failed: 0,
            world,
        };
        sensor.world.intake.set_utc_offset_s(sensor.world.clock.utc_offset_s());
        let ports = sensor.world.capture.ports().iter().map(status::port_words).collect::<Vec<_>>();
        notice::info(&format!("listening on {}", ports.join(", ")));
        let details =
            vec![("version", Detail::Text(env!("CARGO_PKG_VERSION").to_owned())), ("ports", Detail::Texts(ports))];
        sensor.world.intake.tell(Kind::SensorStarted, now, details);
        sensor.work()?;
        Ok(sensor)
    }

    async fn wake(&mut self, stop: &mut Signal, interrupt: &mut Signal, hangup: &mut Signal) -> Wake {
        let due = self.next_due();
        let World { clock, capture, store, prober, inquiry, control, .. } = &mut self.world;
        let wait = due.since(clock.now());
        tokio::select! {
            biased;
            _ = stop.recv() => Wake::Stop,
            _ = interrupt.recv() => Wake::Stop,
            _ = hangup.recv() => Wake::Hangup,
            done = store.done(), if store.busy() => Wake::Stored(Box::new(done)),
            ready = capture.readable() => Wake::Frames(ready),
            stream = asked(inquiry) => Wake::Asked(stream),
            (stream, line) = told_to(control) => Wake::Control(stream, line),
            sighting = answer(prober) => Wake::Answer(Box::new(sighting)),
            () = tokio::time::sleep(wait) => Wake::Due,
        }
    }

    fn next_due(&self) -> Timestamp {
        let now = self.world.clock.now();
        let timeout = match &self.world.prober {
            // What is due waits until the prober has taken some of what it has.
            Some(prober) if prober.room() == 0 => Some(now.after(PROBER_FULL)),
            _ => self.world.intake.poll_timeout(now),
        };
        timeout.map_or(self.commit_due, |timeout| timeout.min(self.commit_due))
    }

    fn take_frames(&mut self, ready: Result<(), CaptureError>) -> Result<(), Failure> {
        ready?;
        let World { clock, capture, intake, alias, .. } = &mut self.world;
        let now = clock.now();
        let mut sink = |frame: Frame<'_>| intake.take(&filed(frame, *alias), now);
        capture.drain(clock.boot_to_wall_ns(), FRAMES_PER_TURN, &mut sink)?;
        if ports::tell(capture.take_news(), intake, now) {
            // Before the next frame: its sender may be at home where we are now.
            self.look_at_addresses(now, false);
        }
        Ok(())
    }

    fn take_answers(&mut self, first: Sighting) {
        let World { clock, intake, prober, .. } = &mut self.world;
        let now = clock.now();
        let mut next = Some(first);
        for _ in 0..ANSWERS_PER_TURN {
            let Some(sighting) = next else { return };
            intake.observe(sighting, now);
            next = prober.as_mut().and_then(Prober::try_answer);
        }
        if let Some(sighting) = next {
            intake.observe(sighting, now);
        }
    }

    /// Asks what is due, as far as the prober has room.
    fn ask(&mut self, now: Timestamp) {
        let World { capture, intake, alias, prober: Some(prober), .. } = &mut self.world else { return };
        self.probes.clear();
        intake.plan(now, prober.room().min(PROBES_PER_TURN), &mut self.probes);
        for probe in self.probes.drain(..) {
            if probe.question.is_frame() {
                capture.forget(probe.segment, probe.ip);
                // The answer comes to the port that speaks for the mirror port.
                if let Some((speaker, mirror)) = *alias
                    && probe.segment.iface == mirror
                {
                    capture.forget(Segment { iface: speaker, ..probe.segment }, probe.ip);
                }
            }
            // There was room, and nobody else asks.
            drop(prober.ask(probe));
        }
    }

    /// Everything that is due, in the order in which it depends on each other.
    fn work(&mut self) -> Result<(), Failure> {
        let now = self.world.clock.now();
        self.world.intake.handle_timeout(now);
        self.ask(now);
        if now >= self.commit_due || now < self.started {
            self.check_losses(now)?;
            self.check_hearing(now);
            self.watch()?;
            self.take_presence(now)?;
            self.flush_sightings();
        }
        if now >= self.renotify_due || now < self.started {
            self.renotify_due = now.after(RENOTIFY_EVERY);
            self.world.intake.renotify(now);
        }
        self.collect_told();
        self.commit(now);
        if self.world.screen == Screen::Json && now >= self.status_due {
            self.status_due = now.after(STATUS_EVERY);
            self.print_status(now);
        }
        Ok(())
    }

    /// The prefixes that are known by now are heard.
    fn watch(&mut self) -> Result<(), Failure> {
        let World { capture, intake, watch, .. } = &mut self.world;
        let watched = watch.prefixes(intake.desk.correlator.learned_prefixes());
        if watched != self.watched {
            capture.watch(&watched, &watch.own)?;
            self.watched = watched;
        }
        Ok(())
    }

    /// Takes in who sent anything since the last time.
    fn take_presence(&mut self, now: Timestamp) -> Result<(), Failure> {
        if now < self.heard_due && now >= self.started {
            return Ok(());
        }
        self.heard_due = now.after(HEARD_EVERY);
        let World { clock, capture, intake, alias, .. } = &mut self.world;
        let mut sink = |seen: Seen| {
            let segment = filed_segment(seen.segment, *alias);
            let sighting = Sighting::of_presence(segment, seen.mac, seen.ip, seen.frames, seen.bytes, seen.at);
            intake.observe(sighting, now);
        };
        Ok(capture.presence(now, clock.boot_to_wall_ns(), &mut sink)?)
    }

    fn check_losses(&mut self, now: Timestamp) -> Result<(), Failure> {
        let counters = self.world.capture.counters()?;
        let losses = status::losses(&self.counters, &counters);
        if losses.is_empty() {
            self.counters = counters;
            return Ok(());
        }
        self.world.intake.set_deaf(now);
        if now >= self.loss_due {
            self.loss_due = now.after(LOSS_EVERY);
            self.world.intake.tell(Kind::SensorLoss, now, losses);
            self.counters = counters;
        }
        Ok(())
    }

    /// While a port is down, or questions cannot be sent, silence says nothing.
    fn check_hearing(&mut self, now: Timestamp) {
        if !self.world.capture.hears_all() {
            self.world.intake.set_deaf(now);
        }
        self.world.intake.set_utc_offset_s(self.world.clock.utc_offset_s());
        let prober = self.world.prober.as_ref();
        let failed = prober.map_or(0, |prober| prober.counts().failed_total.load(Ordering::Relaxed));
        let is_failing = std::mem::replace(&mut self.failed, failed) != failed;
        if is_failing {
            self.world.intake.set_deaf(now);
        }
        let is_due = now >= self.speakers_due || now < self.started;
        if is_failing || is_due || !self.world.speakers.are_sound() {
            self.look_at_addresses(now, is_failing);
        }
    }

    /// The networks that we are attached to may be others: senders at home are others then, and who is asked.
    fn look_at_addresses(&mut self, now: Timestamp, is_failing: bool) {
        self.speakers_due = now.after(SPEAKERS_EVERY);
        let World { intake, watch, alias, .. } = &mut self.world;
        // What cannot be listed now stays as it was.
        let here = iface::addresses::addresses().ok();
        if let Some(here) = &here {
            watch.renew(here);
            intake.desk.correlator.set_prefixes(watch.homes(*alias));
        }
        self.look_at_speakers(here.as_ref(), now, is_failing);
    }

    /// An interface that asks may have become another: with another number, station or addresses.
    fn look_at_speakers(&mut self, here: Option<&Addresses>, now: Timestamp, is_failing: bool) {
        let World { intake, prober: Some(prober), speakers, asking, .. } = &mut self.world else { return };
        let is_changed = speakers.look(now, &mut |known| speakers::find(known, here));
        ports::tell(speakers.take_news(), intake, now);
        if is_changed {
            // Before the first word of the new station: it is ours.
            if let Some(here) = here {
                intake.set_own_macs(here.macs());
            }
            intake.desk.set_policy(crate::pipeline::speakers::policy(&speakers.voices(), asking), now);
        }
        if is_changed || is_failing {
            prober.renew(speakers.voices());
        }
    }

    fn flush_sightings(&mut self) {
        match self.world.intake.flush_log() {
            Ok(()) => self.log_failing = false,
            Err(error) => {
                if !std::mem::replace(&mut self.log_failing, true) {
                    notice::error(&format!("the sightings log cannot be written: {error}; make room for it"));
                }
            }
        }
    }

    /// Takes in what the kernel still has, saves, tells, and detaches.
    async fn stop(mut self) -> Result<(), Failure> {
        self.take_rest()?;
        let now = self.world.clock.now();
        self.world.intake.finish(now);
        self.loss_due = now;
        self.check_losses(now)?;
        self.world.intake.tell(Kind::SensorStopped, now, status::details(&self.counters));
        self.collect_told();
        self.flush_sightings();
        // One batch may be on its way or waiting to be tried again; then the last news; then the outbox's last mark.
        for round in 0..3 {
            self.finish_commit().await;
            self.presence_due = now;
            self.commit_due = now;
            self.commit(now);
            self.finish_commit().await;
            if round == 1 {
                if self.world.screen == Screen::Json {
                    self.print_status(now);
                }
                self.world.outbox.finish().await;
            }
        }
        let unsaved = self.waiting.len() + self.in_flight.len();
        let World { capture, store, prober, .. } = self.world;
        drop(prober);
        capture.close()?;
        let closed = store.close();
        if unsaved > 0 {
            return Err(Failure::Lost(format!("{unsaved} events could not be saved: make room for the database")));
        }
        Ok(closed?)
    }

    /// Frames that the ring held when the end came, for a second at most.
    fn take_rest(&mut self) -> Result<(), Failure> {
        let World { clock, capture, intake, alias, .. } = &mut self.world;
        let until = clock.now().after(Duration::from_secs(1));
        loop {
            let now = clock.now();
            let mut sink = |frame: Frame<'_>| intake.take(&filed(frame, *alias), now);
            if !capture.drain(clock.boot_to_wall_ns(), FRAMES_PER_TURN, &mut sink)? || now > until {
                return Ok(());
            }
        }
    }
}

/// The next who asks; never, where nobody can.
async fn asked(inquiry: &mut Option<Inquiry>) -> UnixStream {
    match inquiry {
        Some(inquiry) => inquiry.asked().await,
        None => std::future::pending().await,
    }
}

/// The next request; never, where nobody can ask.
async fn told_to(control: &mut Option<Control>) -> (UnixStream, String) {
    match control {
        Some(control) => control.request().await,
        None => std::future::pending().await,
    }
}

/// The prober's next answer; never, without a prober.
pub(crate) async fn answer(prober: &mut Option<Prober>) -> Sighting {
    match prober {
        Some(prober) => prober.answer().await,
        None => std::future::pending().await,
    }
}

/// A frame on the segment that it belongs to.
fn filed<'a>(frame: Frame<'a>, alias: Option<(Iface, Iface)>) -> Frame<'a> {
    Frame { segment: filed_segment(frame.segment, alias), ..frame }
}

fn filed_segment(segment: Segment, alias: Option<(Iface, Iface)>) -> Segment {
    match alias {
        Some((iface, mirror)) if segment.iface == iface => Segment { iface: mirror, ..segment },
        _ => segment,
    }
}
