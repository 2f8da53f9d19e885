//! Batches to the database, and what follows when they are saved.

use crate::control::exchange;
use crate::pipeline::policy;
use crate::run::sensor::{COMMIT_EVERY, PRESENCE_EVERY, Sensor};
use crate::store::batch::Batch;
use crate::store::thread::Done;
use crate::terminal::notice;
use sensor_core::types::Timestamp;

/// Events that wait for a database that cannot be written; when there are more, the oldest are dropped and counted.
const WAITING_MAX: usize = 65_536;

impl Sensor {
    /// Takes the pipeline's events into the next batch.
    pub(super) fn collect_events(&mut self) {
        if !self.world.intake.has_events() {
            return;
        }
        self.waiting.append(&mut self.world.intake.take_prepared());
        if self.waiting.len() > WAITING_MAX {
            // Only the events are lost: hosts and bindings are kept in memory and will be saved.
            let surplus = self.waiting.len() - WAITING_MAX;
            self.waiting.drain(..surplus);
            self.waiting_lost += surplus as u64;
        }
    }

    /// Gives the database a batch when it is idle and there is something to save: events at once, state within a second,
    /// when hosts were last seen once a minute.
    pub(super) fn commit(&mut self, now: Timestamp) {
        let is_due = self.is_due(self.commit_due, now);
        let is_urgent = (!self.waiting.is_empty() || !self.answers.is_empty()) && self.retry.is_none();
        if is_due {
            self.commit_due = now.after(COMMIT_EVERY);
        }
        if self.world.store.busy() || !(is_due || is_urgent) {
            return;
        }
        let batch = match self.retry.take() {
            Some(batch) => batch,
            None => self.next_batch(now),
        };
        if batch.is_empty() {
            return;
        }
        if let Err(batch) = self.world.store.try_commit(batch) {
            self.retry = Some(batch);
        }
    }

    fn next_batch(&mut self, now: Timestamp) -> Batch {
        let mut batch = Batch { changes: self.world.intake.core.correlator.take_changes(), ..Batch::default() };
        if self.is_due(self.presence_due, now) {
            self.presence_due = now.after(PRESENCE_EVERY);
            batch.presence = self.world.intake.core.correlator.take_presence();
        }
        let mark = self.world.outbox.published_to();
        batch.published_to = (mark != self.saved_mark).then_some(mark);
        batch.marks = self.world.outbox.marks();
        self.in_flight = std::mem::take(&mut self.waiting);
        batch.events = self.in_flight.iter().map(|event| event.stored.clone()).collect();
        batch.folds = self.world.intake.take_folds();
        batch.mutes = (!self.answers.is_empty()).then(|| policy::stored_mutes(self.world.intake.judge.mutes()));
        self.answers_in_flight.append(&mut self.answers);
        batch
    }

    /// The database has finished a batch: what was saved is told, what could not be saved is tried again.
    pub(super) fn stored(&mut self, done: Done) {
        match done.result {
            Ok(()) => {
                if std::mem::take(&mut self.store_failing) {
                    notice::info("the database can be written again");
                }
                for (stream, answer) in self.answers_in_flight.drain(..) {
                    exchange::answer(stream, &answer);
                }
                self.saved_mark = done.batch.published_to.unwrap_or(self.saved_mark);
                self.world.outbox.saved(&done.batch.marks);
                if let Some(newest) = self.in_flight.drain(..).next_back() {
                    self.world.outbox.stored(newest.stored.id);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.store_failing, true) {
                    notice::error(&format!("{error}; the sensor goes on listening and tries again every second"));
                }
                self.retry = Some(done.batch);
            }
        }
    }

    /// Waits for the batch that is being written.
    pub(super) async fn finish_commit(&mut self) {
        if self.world.store.busy() {
            let done = self.world.store.done().await;
            self.stored(done);
        }
    }
}
