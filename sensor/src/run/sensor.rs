//! The sensor's state between two turns of the loop, what is done in every turn, and how it starts and stops. Parts of it
//! stand in files of their own: `input` (frames, answers, questions), `hearing` (losses, addresses), `commits` (database),
//! `requests` (people).

use std::time::Duration;

use sensor_ebpf::abi::Counters;
use tokio::net::UnixStream;

use crate::config::output::Screen;
use crate::control::request::Response;
use crate::pipeline::prepared::PreparedEvent;
use crate::run::status;
use crate::run::world::World;
use crate::store::batch::Batch;
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use sensor_core::inventory::event::{Detail, Kind};
use sensor_core::inventory::planner::probe::Probe;
use sensor_core::types::Timestamp;

/// Changes without an event reach the disk within this time.
pub(super) const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// When hosts were last seen is saved this often: a quiet network writes little.
pub(super) const PRESENCE_EVERY: Duration = Duration::from_secs(60);
/// The kernel's table of stations that sent frames of any kind is read this often.
pub(super) const HEARD_EVERY: Duration = Duration::from_secs(10);
/// This machine's addresses are read this often, also when all is well: they come and go by themselves.
pub(super) const ADDRESSES_EVERY: Duration = Duration::from_secs(10);
/// A `sensor-loss` event is told at most this often.
pub(super) const LOSS_EVERY: Duration = Duration::from_secs(60);
/// A status line, with `--json`.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// Unknown hosts that are to be told again are looked for this often.
const RENOTIFY_EVERY: Duration = Duration::from_secs(60);
/// The loop looks this soon whether a prober that was full has room again.
const PROBER_FULL: Duration = Duration::from_millis(5);

/// The sensor.
pub(super) struct Sensor {
    pub world: World,
    pub started: Timestamp,
    /// Events for the next batch.
    pub waiting: Vec<PreparedEvent>,
    /// Events that were dropped because too many waited for a database that cannot be written.
    pub waiting_lost: u64,
    /// Events of the batch that the database is writing.
    pub in_flight: Vec<PreparedEvent>,
    /// Callers whose change goes into the next batch, each with its answer.
    pub answers: Vec<(UnixStream, Response)>,
    /// Callers whose change is in the batch that the database is writing.
    pub answers_in_flight: Vec<(UnixStream, Response)>,
    /// A batch that the database could not write, to be tried again.
    pub retry: Option<Batch>,
    /// The last batch failed: an error is reported once, not every second.
    pub store_failing: bool,
    /// The sightings log failed last time.
    pub log_failing: bool,
    /// The outbox's mark as it was last saved.
    pub saved_mark: u64,
    /// The capture's counters up to which losses were told.
    pub counters: Counters,
    /// The capture's counters up to which losses were weighed.
    pub weighed: Counters,
    pub commit_due: Timestamp,
    pub loss_due: Timestamp,
    pub presence_due: Timestamp,
    pub heard_due: Timestamp,
    pub addresses_due: Timestamp,
    /// The prefixes that the capture was last given.
    pub is_shut_told: bool,
    status_due: Timestamp,
    renotify_due: Timestamp,
    /// Room for the questions of one turn.
    pub probes: Vec<Probe>,
    /// Questions that could not be sent, as last read.
    pub failed_probes: u64,
}

impl Sensor {
    /// Tells that it starts, and does what is due at once.
    pub fn start(world: World) -> Result<Self, Failure> {
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
            weighed: Counters::default(),
            commit_due: now,
            loss_due: now,
            presence_due: now.after(PRESENCE_EVERY),
            heard_due: now.after(HEARD_EVERY),
            addresses_due: now.after(ADDRESSES_EVERY),
            is_shut_told: false,
            status_due: now,
            renotify_due: now.after(RENOTIFY_EVERY),
            probes: Vec::new(),
            failed_probes: 0,
            world,
        };
        sensor.world.intake.set_utc_offset_s(sensor.world.clock.utc_offset_s());
        let ports = sensor.world.capture.ports().iter().map(status::port_words).collect::<Vec<_>>();
        notice::info(&format!("listening on {}", ports.join(", ")));
        let details =
            vec![("version", Detail::Text(env!("CARGO_PKG_VERSION").to_owned())), ("ports", Detail::Texts(ports))];
        sensor.world.intake.emit(Kind::SensorStarted, now, details);
        sensor.work()?;
        Ok(sensor)
    }

    /// When the loop has to wake by itself.
    pub fn next_due(&self) -> Timestamp {
        let now = self.world.clock.now();
        let timeout = match &self.world.prober {
            // Questions that are due wait until the prober has room for them.
            Some(prober) if prober.room() == 0 => Some(now.after(PROBER_FULL)),
            _ => self.world.intake.poll_timeout(now),
        };
        timeout.map_or(self.commit_due, |timeout| timeout.min(self.commit_due))
    }

    /// Does everything that is due; each step may give work to those after it.
    pub fn work(&mut self) -> Result<(), Failure> {
        let now = self.world.clock.now();
        self.world.intake.handle_timeout(now);
        self.ask(now);
        if self.is_due(self.commit_due, now) {
            self.check_losses(now)?;
            self.check_hearing(now);
            self.watch_prefixes()?;
            self.take_presence(now)?;
            self.flush_sightings();
        }
        if self.is_due(self.renotify_due, now) {
            self.renotify_due = now.after(RENOTIFY_EVERY);
            self.world.intake.renotify(now);
        }
        self.collect_events();
        self.commit(now);
        if self.world.screen == Screen::Json && now >= self.status_due {
            self.status_due = now.after(STATUS_EVERY);
            self.print_status(now);
        }
        Ok(())
    }

    /// Whether a deadline has come. A clock that was set back behind the start makes everything due.
    pub fn is_due(&self, due: Timestamp, now: Timestamp) -> bool {
        now >= due || now < self.started
    }

    /// Takes in the frames that the kernel still holds, saves, tells, and detaches.
    pub async fn stop(mut self) -> Result<(), Failure> {
        self.take_rest()?;
        let now = self.world.clock.now();
        self.world.intake.finish(now);
        self.loss_due = now;
        self.check_losses(now)?;
        self.world.intake.emit(Kind::SensorStopped, now, status::details(&self.counters));
        self.collect_events();
        self.flush_sightings();
        // The first batch may be one that is being written or tried again, the second has the last events, and the third how
        // far the sinks have come.
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
}
