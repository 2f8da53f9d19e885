//! `sensor replay`: capture files through the same classifier, parsers and correlator, on the files' own clock.

use std::io;
use std::path::Path;

use crate::capture::file;
use crate::capture::file::error::FileError;
use crate::clock::Clock;
use crate::config::output::Screen;
use crate::config::replay::Replay;
use crate::export::lines::Lines;
use crate::export::record::of_rows::address_records;
use crate::export::table::write_hosts;
use crate::export::{csv, json};
use crate::pipeline::intake::{Intake, SETTLE, Told};
use crate::store::batch::{Batch, Saved};
use crate::store::writer::Writer;
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use crate::terminal::screen;
use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::types::{Frame, Timestamp};

/// Reads all files, in order, as one stream.
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
                // What the files before it held is kept and shown.
                let screen = if player.has_read() { config.screen } else { Screen::Quiet };
                player.finish(screen)?;
                return Err(failure);
            }
        }
    }
    player.finish(config.screen)?;
    damaged.map_or(Ok(()), |warning| Err(Failure::Damaged(warning)))
}

/// Events that go to the database and the sinks together.
const EVENTS_PER_BATCH: usize = 4096;
/// The files' clock before the first frame.
const BEFORE_ALL: Timestamp = Timestamp::from_nanos(i64::MIN);

struct Player {
    intake: Intake,
    writer: Option<Writer>,
    /// Where events are told besides.
    events: Option<Lines>,
    /// Events that could not be told there.
    unwritten: usize,
    screen: Screen,
    told: Vec<Told>,
    /// A database that is new begins its learning period with the first frame.
    is_new: bool,
    learning: std::time::Duration,
    /// The files' clock: the latest time seen.
    now: Timestamp,
}

impl Player {
    fn open(config: &Replay, clock: &Clock) -> Result<Self, Failure> {
        let vendors = crate::pipeline::open::open_vendors(config.inventory.oui.as_deref())?;
        let (mut writer, saved) = match &config.db {
            Some(path) => {
                let (writer, saved) = Writer::open(path, clock.now())?;
                (Some(writer), saved)
            }
            None => (None, Saved { next_event_id: 1, created_at: clock.now(), ..Saved::default() }),
        };
        let (rules, fingerprints) = crate::pipeline::open::open_fingerprints(&config.inventory)?;
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
        let log = crate::pipeline::open::open_lines(config.sightings.as_ref())?;
        let events = crate::pipeline::open::open_lines(config.events.as_ref())?;
        let mut intake = Intake::new(settings, saved, vendors, &config.inventory, log);
        intake.fingerprints = fingerprints;
        Ok(Self {
            intake,
            writer,
            events,
            unwritten: 0,
            screen: config.screen,
            told: Vec::new(),
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
            self.intake.desk.correlator.set_learning_until(Some(frame.at.after(self.learning)));
            if let Some(writer) = &mut self.writer {
                writer.set_created_at(frame.at)?;
            }
        }
        self.now = self.now.max(frame.at);
        if self.intake.desk.correlator.poll_timeout().is_some_and(|due| due <= self.now) {
            self.intake.handle_timeout(self.now);
        }
        self.intake.take(frame, self.now);
        if self.intake.has_told() {
            self.told.append(&mut self.intake.take_told());
            if self.told.len() >= EVENTS_PER_BATCH {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// To the database first, then to the sinks.
    fn flush(&mut self) -> Result<(), Failure> {
        if let Some(writer) = &mut self.writer {
            let correlator = &mut self.intake.desk.correlator;
            writer.commit(&Batch {
                changes: correlator.take_changes(),
                presence: correlator.take_presence(),
                events: self.told.iter().map(|told| told.stored.clone()).collect(),
                folds: self.intake.take_folds(),
                mutes: None,
                // A replay's news are old: no later start of the sensor tells them to the journal.
                published_to: self.told.last().map(|told| told.stored.id),
                ..Batch::default()
            })?;
        }
        let told = self.told.len();
        for told in self.told.drain(..).filter(|told| !told.is_muted()) {
            if self.screen == Screen::Text {
                screen::event(self.screen, &told);
            }
            if let Some(events) = &mut self.events {
                // A full one is written by `flush`, below, or has failed.
                events.push(&told.stored.record);
            }
        }
        self.flush_events(told);
        Ok(())
    }

    /// Who reads has as much time as it takes: nothing else is to be done.
    fn flush_events(&mut self, told: usize) {
        let Some(events) = &mut self.events else { return };
        match events.flush() {
            Ok(()) => self.unwritten = 0,
            // The reader of standard output has gone, which is its right.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => (self.events, self.unwritten) = (None, 0),
            Err(error) => {
                if self.unwritten == 0 {
                    notice::warning(&format!("{}: {error}; events wait until it can be written", events.name()));
                }
                self.unwritten += told;
            }
        }
    }

    fn finish(mut self, screen: Screen) -> Result<(), Failure> {
        self.intake.finish(self.now);
        self.told.append(&mut self.intake.take_told());
        self.flush()?;
        self.intake.flush_log().map_err(Failure::system("the sightings log cannot be written; make room for it"))?;
        if let Some(writer) = self.writer {
            writer.close()?;
        }
        if self.unwritten > 0 {
            return Err(Failure::Lost(format!("{} events could not be written: see above", self.unwritten)));
        }
        let Intake { desk, vendors, fingerprints, .. } = &self.intake;
        let records = || address_records(&desk.correlator.view(), vendors, fingerprints);
        screen::print(|mut out| match screen {
            Screen::Csv => csv::write_csv(&records(), &mut out),
            Screen::Json => json::write_array(records(), &mut out),
            Screen::Quiet => Ok(()),
            Screen::Text => write_hosts(&records(), screen::paint(), out),
        })
        .map_err(Failure::system("standard output"))
    }
}
