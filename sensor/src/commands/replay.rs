//! `sensor replay`: capture files through the same classifier, parsers and correlator as live frames, on the files' clock.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::capture::file;
use crate::capture::file::error::FileError;
use crate::clock::Clock;
use crate::config::output::Screen;
use crate::config::replay::Replay;
use crate::export::lines::Lines;
use crate::export::record::of_rows::address_records;
use crate::export::{csv, json, table};
use crate::pipeline::intake::{Intake, SETTLE};
use crate::pipeline::open::{open_fingerprints, open_lines, open_vendors};
use crate::pipeline::prepared::PreparedEvent;
use crate::store::batch::{Batch, Saved};
use crate::store::writer::Writer;
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use crate::terminal::screen;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::types::{Frame, Timestamp};

/// `sensor replay`: reads all files, in order, as one stream.
pub fn replay(config: &Replay, clock: &Clock) -> Result<(), Failure> {
    let mut player = Player::open(config, clock)?;
    let mut damaged: Option<FileError> = None;
    for path in &config.files {
        match player.play(path) {
            Ok(None) => {}
            Ok(Some(warning)) => {
                if let Some(earlier) = damaged.replace(warning) {
                    notice::warning(&earlier.to_string());
                }
            }
            Err(failure) => {
                // What was read before is saved and shown.
                let screen = if player.has_read() { config.screen } else { Screen::Quiet };
                player.finish(screen)?;
                return Err(failure);
            }
        }
    }
    player.finish(config.screen)?;
    damaged.map_or(Ok(()), |warning| Err(Failure::Damaged(warning)))
}

/// Events that are saved and told together.
const EVENTS_PER_BATCH: usize = 4096;
/// The files' clock before their first frame.
const BEFORE_ALL: Timestamp = Timestamp::from_nanos(i64::MIN);

struct Player {
    intake: Intake,
    writer: Option<Writer>,
    /// The file or standard output for events as JSON Lines, where one is wanted.
    events: Option<Lines>,
    /// Events that could not be written there.
    unwritten: usize,
    /// Events that are not saved yet.
    waiting: Vec<PreparedEvent>,
    screen: Screen,
    /// The database is new: its learning period begins with the first frame.
    is_new: bool,
    learning: Duration,
    /// The files' clock: the latest time of a frame.
    now: Timestamp,
}

impl Player {
    fn open(config: &Replay, clock: &Clock) -> Result<Self, Failure> {
        let vendors = open_vendors(config.inventory.oui.as_deref())?;
        let (mut writer, saved) = match &config.db {
            Some(path) => {
                let (writer, saved) = Writer::open(path, clock.now())?;
                (Some(writer), saved)
            }
            None => (None, Saved { next_event_id: 1, created_at: clock.now(), ..Saved::default() }),
        };
        let (rules, fingerprints) = open_fingerprints(&config.inventory)?;
        if let Some(writer) = &mut writer {
            writer.set_rules(&rules)?;
        }
        let is_new = saved.next_event_id == 1 && saved.rows.hosts.is_empty();
        let settings = Settings {
            learning_until: Some(saved.created_at.after(config.inventory.learning)),
            settle: SETTLE,
            prefixes: config.inventory.networks.clone(),
            history: true,
            ..Settings::default()
        };
        let log = open_lines(config.sightings.as_ref())?;
        let events = open_lines(config.events.as_ref())?;
        let mut intake = Intake::new(settings, saved, vendors, &config.inventory, log);
        intake.fingerprints = fingerprints;
        Ok(Self {
            intake,
            writer,
            events,
            unwritten: 0,
            waiting: Vec::new(),
            screen: config.screen,
            is_new,
            learning: config.inventory.learning,
            now: BEFORE_ALL,
        })
    }

    fn play(&mut self, path: &Path) -> Result<Option<FileError>, Failure> {
        let mut failed = None;
        let summary = file::read(path, |frame| {
            if failed.is_none() {
                failed = self.take(&frame).err();
            }
        })?;
        if summary.unsupported > 0 {
            notice::warning(&format!(
                "{}: {} packets of other link types than Ethernet and Linux cooked were left out",
                path.display(),
                summary.unsupported
            ));
        }
        failed.map_or(Ok(summary.warning), Err)
    }

    fn has_read(&self) -> bool {
        self.now != BEFORE_ALL
    }

    fn take(&mut self, frame: &Frame<'_>) -> Result<(), Failure> {
        if std::mem::take(&mut self.is_new) {
            self.intake.core.correlator.set_learning_until(Some(frame.at.after(self.learning)));
            if let Some(writer) = &mut self.writer {
                writer.set_created_at(frame.at)?;
            }
        }
        self.now = self.now.max(frame.at);
        if self.intake.core.correlator.poll_timeout().is_some_and(|due| due <= self.now) {
            self.intake.handle_timeout(self.now);
        }
        self.intake.take(frame, self.now);
        if self.intake.has_events() {
            self.waiting.append(&mut self.intake.take_prepared());
            if self.waiting.len() >= EVENTS_PER_BATCH {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Saves what waits, then tells it.
    fn flush(&mut self) -> Result<(), Failure> {
        if let Some(writer) = &mut self.writer {
            let correlator = &mut self.intake.core.correlator;
            writer.commit(&Batch {
                changes: correlator.take_changes(),
                presence: correlator.take_presence(),
                events: self.waiting.iter().map(|event| event.stored.clone()).collect(),
                folds: self.intake.take_folds(),
                // Events of capture files are old: a sensor that is started later does not send them to its sinks.
                published_to: self.waiting.last().map(|event| event.stored.id),
                ..Batch::default()
            })?;
        }
        let count = self.waiting.len();
        for event in self.waiting.drain(..).filter(|event| !event.is_muted()) {
            if self.screen == Screen::Text {
                let mut out = screen::stdout();
                // A reader that closed the pipe does not want to see more. The records at the end report other errors.
                drop(table::write_event(&event.record, screen::paint(), &mut out).and_then(|()| out.flush()));
            }
            if let Some(events) = &mut self.events {
                // If there is no room for the line, `flush_events` reports why.
                events.push(&event.stored.record);
            }
        }
        self.flush_events(count);
        Ok(())
    }

    /// Writes the lines of `count` events. This waits for a slow reader: there is nothing else to do.
    fn flush_events(&mut self, count: usize) {
        let Some(events) = &mut self.events else { return };
        match events.flush() {
            Ok(()) => self.unwritten = 0,
            // The reader of standard output has closed it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => (self.events, self.unwritten) = (None, 0),
            Err(error) => {
                if self.unwritten == 0 {
                    notice::warning(&format!("{}: {error}; events wait until it can be written", events.name()));
                }
                self.unwritten += count;
            }
        }
    }

    fn finish(mut self, screen: Screen) -> Result<(), Failure> {
        self.intake.finish(self.now);
        self.waiting.append(&mut self.intake.take_prepared());
        self.flush()?;
        self.intake.flush_log().map_err(Failure::system("the sightings log cannot be written; make room for it"))?;
        if let Some(writer) = self.writer {
            writer.close()?;
        }
        if self.unwritten > 0 {
            return Err(Failure::Lost(format!("{} events could not be written: see above", self.unwritten)));
        }
        let Intake { core, vendors, fingerprints, .. } = &self.intake;
        let records = || address_records(&core.correlator.view(), vendors, fingerprints);
        screen::print(|mut out| match screen {
            Screen::Csv => csv::write_csv(&records(), &mut out),
            Screen::Json => json::write_array(records(), &mut out),
            Screen::Quiet => Ok(()),
            Screen::Text => table::write_hosts(&records(), screen::paint(), out),
        })
    }
}
