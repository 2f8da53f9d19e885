//! The loop of `sensor watch`.

use std::io::{self, Write as _};
use std::mem;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::config::alert::Alert;
use crate::config::watch::Task;
use crate::config::watch::Watch;
use crate::export::record::event::EventRecord;
use crate::export::table;
use crate::terminal::failure::Failure;
use crate::terminal::{notice, screen};
use crate::watch::alert_worker::AlertWorker;
use crate::watch::batch::{Batch, Outcome};
use crate::watch::entry;
use crate::watch::entry::{Event, JournalItem};
use crate::watch::filter::matches;
use crate::watch::sequence::Arrival;
use crate::watch::shared::SharedBoard;
use crate::watch::source::{JournalLine, JournalLines, Start};
use crate::watch::spool::Spool;
use crate::watch::state::{AlertProgress, State, StateFile};
use crate::watch::{Actor, describe};

/// `sensor watch`.
pub fn watch(config: Watch, clock: Clock) -> Result<(), Failure> {
    match &config.task {
        Task::Test(name) => test(&config, name, clock),
        Task::Follow => Watcher::new(config, clock)?.follow(),
        Task::Read => Watcher::new(config, clock)?.read(),
        Task::Rehearse { stdin: true } => Watcher::new(config, clock)?.read(),
        Task::Rehearse { stdin: false } => Watcher::new(config, clock)?.follow(),
    }
}

/// Delivers a made-up event, to try an alert.
fn test(config: &Watch, name: &str, clock: Clock) -> Result<(), Failure> {
    let failed = |why: String| Failure::Watch(format!("alert {name}: {why}"));
    let Some(alert) = config.alerts.iter().find(|alert| alert.name == name) else { return Ok(()) };
    let message = format!("this is a test of alert {name}: nothing happened");
    let mut event = Event::notice("watch-test", clock.now(), message, Map::new());
    // Addresses for documentation (RFC 5737, RFC 7042).
    for (key, text) in [("ip", "192.0.2.1"), ("mac", "00:00:5e:00:53:01"), ("hostname", "test"), ("severity", "info")] {
        event.record.insert(key.to_owned(), text.into());
    }
    let actor = Actor::new(alert).map_err(failed)?;
    match actor.deliver(name, &Batch::one(event), clock.now()) {
        Outcome::Delivered => {
            screen::print(|out| writeln!(out, "alert {name}: delivered: {}", describe(&alert.action)))
        }
        Outcome::Refused(why) | Outcome::Unavailable(why) => Err(failed(why)),
    }
}

/// The longest time between a change of the state and its being saved, and how long a read waits for a line.
const SAVE_EVERY: Duration = Duration::from_millis(200);
/// Lines that are taken together.
const TOGETHER_MAX: usize = 500;
/// When journalctl is started again after it ended: doubled each time, from the first of these to the second.
const RESTART: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// When a disk that is full or fails is tried again.
const DISK_AGAIN: Duration = Duration::from_secs(1);

/// What reads the journal and keeps the state; the alerts have threads of their own.
struct Watcher {
    config: Watch,
    clock: Clock,
    own_uid: u32,
    state: State,
    /// The state's file; without alerts there need not be one.
    store: Option<StateFile>,
    /// Where events wait for the workers, when there are any alerts.
    spool: Option<Spool>,
    shared: Arc<SharedBoard>,
    workers: Vec<(String, JoinHandle<bool>)>,
    /// The entry that the journal must begin with; another one shows that it has lost entries.
    expected: Option<String>,
    /// It has lost entries, and no event has shown yet which events were among them.
    has_lost_entries: bool,
    is_dirty: bool,
    /// Users who wrote events into the journal and may not; each is reported once.
    forgers: Vec<String>,
    /// The disk is full or fails, and that was reported.
    is_full: bool,
}

impl Watcher {
    fn new(config: Watch, clock: Clock) -> Result<Self, Failure> {
        let (store, saved) = match &config.state {
            None => (None, None),
            Some(path) => {
                let (store, saved) = StateFile::open(path).map_err(|error| Failure::Watch(error.to_string()))?;
                (Some(store), saved)
            }
        };
        let is_new = saved.is_none();
        let since_us = config.since.as_nanos() / 1000;
        let state = saved.unwrap_or_else(|| State { since_us, ..State::default() });
        let own_uid = crate::config::machine::user();
        let mut watcher = Self {
            config,
            clock,
            own_uid,
            state,
            store,
            spool: None,
            shared: Arc::default(),
            workers: Vec::new(),
            expected: None,
            has_lost_entries: false,
            is_dirty: is_new,
            forgers: Vec::new(),
            is_full: false,
        };
        if watcher.store.is_some() && !watcher.config.alerts.is_empty() {
            watcher.start_workers()?;
        }
        watcher.save();
        Ok(watcher)
    }

    fn start_workers(&mut self) -> Result<(), Failure> {
        let Some(path) = self.config.state.clone() else { return Ok(()) };
        let spool = Spool::open(&path).map_err(Failure::system(path.display().to_string()))?;
        // Alerts that the configuration no longer names hold back nothing.
        self.state.alerts.retain(|name, _| self.config.alerts.iter().any(|alert| alert.name == *name));
        for alert in &self.config.alerts {
            let fresh = || AlertProgress { position: spool.end(), ..AlertProgress::default() };
            self.state.alerts.entry(alert.name.clone()).or_insert_with(fresh);
        }
        self.shared.change(|board| {
            board.end = spool.end();
            board.alerts = self.state.alerts.clone();
        });
        for alert in self.config.alerts.clone() {
            let name = alert.name.clone();
            let wrong = |why| Failure::Watch(format!("alert {name}: {why}"));
            let actor = Actor::new(&alert).map_err(wrong)?;
            let progress = self.state.alerts.get(&name).cloned().unwrap_or_default();
            let common = self.config.filter.clone();
            let tail = spool.tail(progress.position);
            let worker =
                AlertWorker::new(alert, common, actor, tail, progress.gate, Arc::clone(&self.shared), self.clock);
            let thread = std::thread::Builder::new().name(format!("alert-{name}")).spawn(move || worker.run());
            self.workers.push((name, thread.map_err(Failure::system("a thread cannot start"))?));
        }
        self.spool = Some(spool);
        Ok(())
    }

    /// Follows the journal until the process is ended.
    fn follow(mut self) -> Result<(), Failure> {
        let mut pause = RESTART.0;
        loop {
            self.expected.clone_from(&self.state.cursor);
            let place = match &self.state.cursor {
                Some(cursor) => Start::Cursor(cursor.clone()),
                None => Start::Since(self.state.since_us),
            };
            let what = "journalctl cannot be started; install systemd, or pipe its lines into `sensor watch -`";
            let source = JournalLines::follow(&place, self.config.journal.as_deref()).map_err(Failure::system(what))?;
            let before = self.state.cursor.clone();
            if self.drain(&source)? {
                return Ok(());
            }
            if self.state.cursor != before {
                pause = RESTART.0;
            }
            notice::warning(&format!("journalctl has ended; it is started again in {:.1} s", pause.as_secs_f32()));
            std::thread::sleep(pause);
            pause = (pause * 2).min(RESTART.1);
        }
    }

    /// Reads standard input to its end.
    fn read(mut self) -> Result<(), Failure> {
        let source = JournalLines::stdin().map_err(Failure::system("standard input"))?;
        self.drain(&source)?;
        self.shared.change(|board| board.is_closing = true);
        let workers = mem::take(&mut self.workers);
        let left: Vec<String> = workers
            .into_iter()
            .filter_map(|(name, worker)| (!worker.join().unwrap_or(false)).then_some(name))
            .collect();
        self.save();
        match (left.is_empty(), &self.store) {
            (false, Some(store)) => {
                let (names, path) = (left.join(", "), store.path().display());
                let what =
                    format!("alert {names}: its action fails; a `sensor watch` with --state {path} delivers the rest");
                Err(Failure::Watch(what))
            }
            _ => Ok(()),
        }
    }

    /// Takes lines until the source ends. Returns whether the reader of standard output is gone.
    fn drain(&mut self, source: &JournalLines) -> Result<bool, Failure> {
        let mut is_over = false;
        while !is_over {
            let mut events = Vec::new();
            let mut item = source.next(SAVE_EVERY);
            let mut taken = 0;
            while let Some(next) = item {
                match next {
                    JournalLine::End => is_over = true,
                    JournalLine::Line(line) => self.take(&line, &mut events),
                    JournalLine::TooLong => {
                        notice::warning("the journal holds an entry that is too long for an event; it is skipped")
                    }
                }
                taken += 1;
                item = if is_over || taken == TOGETHER_MAX { None } else { source.next(Duration::ZERO) };
            }
            match self.emit(&events) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(true),
                Err(error) => return Err(Failure::system("standard output")(error)),
            }
            self.save();
        }
        Ok(false)
    }

    /// Adds the event of a line, and before it a notice of those that it shows to be missing.
    fn take(&mut self, line: &[u8], events: &mut Vec<Event>) {
        let Some(entry) = entry::parse(line, self.own_uid) else { return };
        if let Some(expected) = self.expected.take()
            && entry.cursor.as_ref() != Some(&expected)
        {
            notice::warning(
                "the journal no longer holds the place where watching stopped (it was vacuumed or is another one)",
            );
            self.has_lost_entries = true;
        }
        if entry.cursor.is_some() {
            self.state.cursor = entry.cursor;
            self.is_dirty = true;
        }
        match entry.item {
            JournalItem::Event(event, rank) => {
                let arrival = self.state.sequences.take(&event.database, rank);
                if arrival == Arrival::Repeat {
                    return;
                }
                events.extend(self.gap(&event, arrival));
                events.push(event);
            }
            JournalItem::Forged(uid) if !self.forgers.contains(&uid) && self.forgers.len() < 100 => {
                notice::warning(&format!(
                    "user {uid} writes events into the journal; only root's and sensor.service's count"
                ));
                self.forgers.push(uid);
            }
            JournalItem::Forged(_) | JournalItem::Nothing => {}
        }
    }

    /// The notice of events that are missing before this one.
    fn gap(&mut self, event: &Event, arrival: Arrival) -> Option<Event> {
        let were_lost = mem::take(&mut self.has_lost_entries);
        let why = match were_lost {
            true => "the journal was vacuumed before they were read",
            false => "the journal did not take them (its rate limit), or lost them",
        };
        let mut details: Map<String, Value> = Map::new();
        let message = match arrival {
            Arrival::After(first, last) => {
                let numbers = [("first_id", first), ("last_id", last)];
                details.extend(numbers.map(|(key, number)| (key.to_owned(), number.into())));
                let what = match last - first {
                    0 => format!("an event is missing in the journal, id {first}"),
                    _ => format!("events are missing in the journal, ids {first} to {last}"),
                };
                format!("{what}: {why}; `sensor events` shows what there was")
            }
            Arrival::First if were_lost => {
                "events may be missing: the journal no longer holds the place where watching stopped".to_owned()
            }
            Arrival::Next if were_lost => {
                notice::info("no event is missing: the ids go on");
                return None;
            }
            Arrival::First | Arrival::Next | Arrival::Repeat => return None,
        };
        notice::warning(&message);
        let mut gap = Event::notice("watch-gap", self.clock.now(), message, details);
        // So that the same gap found again has the same key.
        gap.record.insert("at".to_owned(), event.text("at").into());
        Some(gap)
    }

    /// Prints the events, or what would be done, or puts them on disk for the workers. Fails only when standard output does.
    fn emit(&mut self, events: &[Event]) -> io::Result<()> {
        let is_wanted = |event: &&Event| matches(&self.config.filter, event);
        let wanted: Vec<&Event> = events.iter().filter(is_wanted).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut out = screen::stdout();
        if matches!(self.config.task, Task::Rehearse { .. }) {
            for event in wanted {
                let alerts = self.config.alerts.iter().filter(|alert| matches(&alert.filter, event));
                for Alert { name, action, .. } in alerts {
                    writeln!(out, "alert {name}: would {}: {}", describe(action), event.json())?;
                }
            }
            return out.flush();
        }
        let Some(spool) = &mut self.spool else {
            for event in wanted {
                match self.config.json {
                    true => writeln!(out, "{}", event.json())?,
                    false => table::write_event(&line(event), screen::paint(), &mut out)?,
                }
            }
            return out.flush();
        };
        let alerts = &self.config.alerts;
        let kept: Vec<Event> = wanted
            .into_iter()
            .filter(|event| alerts.iter().any(|alert| matches(&alert.filter, event)))
            .cloned()
            .collect();
        if kept.is_empty() {
            return Ok(());
        }
        while let Err(error) = spool.append(&kept) {
            if !mem::replace(&mut self.is_full, true) {
                notice::error(&format!(
                    "pending events cannot be kept: {error}; watching waits and tries again every second"
                ));
            }
            std::thread::sleep(DISK_AGAIN);
        }
        self.is_full = false;
        let end = spool.end();
        self.shared.change(|board| board.end = end);
        Ok(())
    }

    /// Saves the state where it changed.
    fn save(&mut self) {
        let Some(store) = &self.store else { return };
        {
            let mut board = self.shared.board();
            if !mem::take(&mut board.is_dirty) && !self.is_dirty {
                return;
            }
            self.state.alerts.clone_from(&board.alerts);
        }
        self.is_dirty = false;
        if let Err(error) = store.save(&self.state) {
            if !mem::replace(&mut self.is_full, true) {
                notice::error(&format!("{}: {error}; it is tried again", store.path().display()));
            }
            self.is_dirty = true;
            return;
        }
        self.is_full = false;
        let (Some(spool), Some(taken)) = (&self.spool, self.state.alerts.values().map(|alert| alert.position).min())
        else {
            return;
        };
        match spool.prune(taken) {
            Ok(None) => {}
            Ok(Some(floor)) => self.shared.change(|board| board.floor = floor),
            Err(error) => notice::warning(&format!("pending events that were delivered cannot be removed: {error}")),
        }
    }
}

/// The fields of an event that a line on the screen shows.
fn line(event: &Event) -> EventRecord {
    let text = |key| event.text(key).to_owned();
    EventRecord {
        id: event.id,
        at: text("at"),
        kind: text("kind"),
        severity: text("severity"),
        message: text("message"),
        ..EventRecord::default()
    }
}
