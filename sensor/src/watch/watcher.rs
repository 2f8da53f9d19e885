//! The loop of `sensor watch`.

use crate::clock::Clock;
use crate::config::alert::Watch;
use crate::config::alert::{Alert, Task};
use crate::export::record::event::EventRecord;
use crate::export::table;
use crate::terminal::failure::Failure;
use crate::terminal::{notice, screen};
use crate::watch::action::{Actor, describe};
use crate::watch::batch::{Batch, Outcome};
use crate::watch::entry::{Event, Told};
use crate::watch::filter::matches;
use crate::watch::lane::{Lane, Shared};
use crate::watch::sequence::Place;
use crate::watch::source::{Item, Source};
use crate::watch::spool::Spool;
use crate::watch::state::{Progress, State, Store};
use crate::watch::{DISK_AGAIN, RESTART, SAVE_EVERY, TOGETHER_MAX};
use crate::watch::{entry, source};
use serde_json::{Map, Value};
use std::io::{self, Write as _};
use std::mem;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// `sensor watch`
pub fn watch(config: Watch, clock: Clock) -> Result<(), Failure> {
    match &config.task {
        Task::Test(name) => test(&config, name, clock),
        Task::Follow => Watcher::new(config, clock)?.follow(),
        Task::Read => Watcher::new(config, clock)?.read(),
        Task::Rehearse { stdin: true } => Watcher::new(config, clock)?.read(),
        Task::Rehearse { stdin: false } => Watcher::new(config, clock)?.follow(),
    }
}

/// One made-up event.
pub(crate) fn test(config: &Watch, name: &str, clock: Clock) -> Result<(), Failure> {
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

/// The thread that reads the journal.
pub(crate) struct Watcher {
    config: Watch,
    clock: Clock,
    own_uid: u32,
    state: State,
    /// The state's file; without alerts there need not be one.
    store: Option<Store>,
    /// Where events wait for the lanes, when there are any.
    spool: Option<Spool>,
    shared: Arc<Shared>,
    lanes: Vec<(String, JoinHandle<bool>)>,
    /// The first entry must be this one, or the journal has lost it.
    expected: Option<String>,
    /// It has, and no event has shown yet what else it lost.
    is_torn: bool,
    is_dirty: bool,
    /// Users who tried to tell events, each named once.
    forgers: Vec<String>,
    /// The disk takes nothing, and it was said.
    is_full: bool,
}

impl Watcher {
    fn new(config: Watch, clock: Clock) -> Result<Self, Failure> {
        let (store, saved) = match &config.state {
            None => (None, None),
            Some(path) => {
                let (store, saved) = Store::open(path).map_err(|error| Failure::Watch(error.to_string()))?;
                (Some(store), saved)
            }
        };
        let is_new = saved.is_none();
        let since_us = config.since.as_nanos() / 1000;
        let state = saved.unwrap_or_else(|| State { since_us, ..State::default() });
        // SAFETY: `geteuid` has no preconditions and cannot fail.
        let own_uid = unsafe { libc::geteuid() };
        let mut watcher = Self {
            config,
            clock,
            own_uid,
            state,
            store,
            spool: None,
            shared: Arc::default(),
            lanes: Vec::new(),
            expected: None,
            is_torn: false,
            is_dirty: is_new,
            forgers: Vec::new(),
            is_full: false,
        };
        if watcher.store.is_some() && !watcher.config.alerts.is_empty() {
            watcher.start_lanes()?;
        }
        watcher.save();
        Ok(watcher)
    }

    fn start_lanes(&mut self) -> Result<(), Failure> {
        let Some(path) = self.config.state.clone() else { return Ok(()) };
        let spool = Spool::open(&path).map_err(Failure::system(path.display().to_string()))?;
        // Alerts that the file does not name any more take nothing.
        self.state.alerts.retain(|name, _| self.config.alerts.iter().any(|alert| alert.name == *name));
        for alert in &self.config.alerts {
            let fresh = || Progress { position: spool.end(), ..Progress::default() };
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
            let lane = Lane::new(alert, common, actor, tail, progress.gate, Arc::clone(&self.shared), self.clock);
            let thread = std::thread::Builder::new().name(format!("alert-{name}")).spawn(move || lane.run());
            self.lanes.push((name, thread.map_err(Failure::system("a thread cannot start"))?));
        }
        self.spool = Some(spool);
        Ok(())
    }

    /// Until it is ended from outside.
    fn follow(mut self) -> Result<(), Failure> {
        let mut pause = RESTART.0;
        loop {
            self.expected.clone_from(&self.state.cursor);
            let place = match &self.state.cursor {
                Some(cursor) => source::Place::Cursor(cursor.clone()),
                None => source::Place::Since(self.state.since_us),
            };
            let what = "journalctl cannot be started; install systemd, or pipe its lines into `sensor watch -`";
            let source = Source::follow(&place, self.config.journal.as_deref()).map_err(Failure::system(what))?;
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

    /// To the end of standard input.
    fn read(mut self) -> Result<(), Failure> {
        let source = Source::stdin().map_err(Failure::system("standard input"))?;
        self.drain(&source)?;
        self.shared.change(|board| board.is_closing = true);
        let lanes = mem::take(&mut self.lanes);
        let left: Vec<String> =
            lanes.into_iter().filter_map(|(name, lane)| (!lane.join().unwrap_or(false)).then_some(name)).collect();
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

    /// Takes what comes until the source ends: false; or until nobody reads what is printed: true.
    fn drain(&mut self, source: &Source) -> Result<bool, Failure> {
        let mut is_over = false;
        while !is_over {
            let mut events = Vec::new();
            let mut item = source.next(SAVE_EVERY);
            let mut taken = 0;
            while let Some(next) = item {
                match next {
                    Item::End => is_over = true,
                    Item::Line(line) => self.take(&line, &mut events),
                    Item::Long => {
                        notice::warning("the journal holds an entry that is too long for an event; it is skipped")
                    }
                }
                taken += 1;
                item = if is_over || taken == TOGETHER_MAX { None } else { source.next(Duration::ZERO) };
            }
            match self.tell(&events) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(true),
                Err(error) => return Err(Failure::system("standard output")(error)),
            }
            self.save();
        }
        Ok(false)
    }

    /// What a line tells, and what it shows to be missing.
    fn take(&mut self, line: &[u8], events: &mut Vec<Event>) {
        let Some(entry) = entry::parse(line, self.own_uid) else { return };
        if let Some(expected) = self.expected.take()
            && entry.cursor.as_ref() != Some(&expected)
        {
            notice::warning(
                "the journal no longer holds the place where watching stopped (it was vacuumed or is another one)",
            );
            self.is_torn = true;
        }
        if entry.cursor.is_some() {
            self.state.cursor = entry.cursor;
            self.is_dirty = true;
        }
        match entry.told {
            Told::Event(event, rank) => {
                let place = self.state.sequences.take(&event.database, rank);
                if place == Place::Repeat {
                    return;
                }
                events.extend(self.gap(&event, place));
                events.push(event);
            }
            Told::Forged(uid) if !self.forgers.contains(&uid) && self.forgers.len() < 100 => {
                notice::warning(&format!(
                    "user {uid} writes events into the journal; only root's and sensor.service's count"
                ));
                self.forgers.push(uid);
            }
            Told::Forged(_) | Told::Nothing => {}
        }
    }

    /// What is told of events that are missing before this one.
    fn gap(&mut self, event: &Event, place: Place) -> Option<Event> {
        let was_torn = mem::take(&mut self.is_torn);
        let why = match was_torn {
            true => "the journal was vacuumed before they were read",
            false => "the journal did not take them (its rate limit), or lost them",
        };
        let mut details: Map<String, Value> = Map::new();
        let message = match place {
            Place::After(first, last) => {
                let numbers = [("first_id", first), ("last_id", last)];
                details.extend(numbers.map(|(key, number)| (key.to_owned(), number.into())));
                let what = match last - first {
                    0 => format!("an event is missing in the journal, id {first}"),
                    _ => format!("events are missing in the journal, ids {first} to {last}"),
                };
                format!("{what}: {why}; `sensor events` shows what there was")
            }
            Place::First if was_torn => {
                "events may be missing: the journal no longer holds the place where watching stopped".to_owned()
            }
            Place::Next if was_torn => {
                notice::info("no event is missing: the ids go on");
                return None;
            }
            Place::First | Place::Next | Place::Repeat => return None,
        };
        notice::warning(&message);
        let mut gap = Event::notice("watch-gap", self.clock.now(), message, details);
        // The same gap again has the same name.
        gap.record.insert("at".to_owned(), event.text("at").into());
        Some(gap)
    }

    /// Prints them, says what would be done, or puts them on disk for the lanes. Fails only when nobody reads any more.
    fn tell(&mut self, events: &[Event]) -> io::Result<()> {
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

    /// Puts on disk what changed.
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

/// As much of an event as a line shows.
pub(crate) fn line(event: &Event) -> EventRecord {
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
