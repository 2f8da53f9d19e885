//! What is on disk and still has to be told. Every sink gets every event, in order; a sink that is slow or dead
//! delays nobody and is tried again; what no sink has taken by the end of the process is told after the next start.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use super::intake::Told;
use super::notice;
use crate::export::Sink;
use crate::types::Timestamp;

/// Events on their way to the sinks.
#[derive(Default)]
pub struct Outbox {
    queue: VecDeque<Told>,
    lanes: Vec<Lane>,
    published_to: u64,
    /// Events that a dead sink missed because the queue was full; they are in the database.
    pub missed_total: u64,
}

/// More than this many untold events are not kept in memory for a dead sink.
pub const QUEUE_MAX: usize = 65_536;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A sink and how far it has come.
struct Lane {
    sink: Sink,
    /// The last event that it was given.
    given_to: u64,
    /// The last event that it has written.
    written_to: u64,
    failing_until: Option<Timestamp>,
    gone: bool,
}

impl Outbox {
    /// `published_to`: the last event that an earlier process has told.
    pub fn new(sinks: Vec<Sink>, published_to: u64) -> Self {
        let lane =
            |sink| Lane { sink, given_to: published_to, written_to: published_to, failing_until: None, gone: false };
        Self { lanes: sinks.into_iter().map(lane).collect(), published_to, ..Self::default() }
    }

    /// Takes in an event that is on disk. Ids rise.
    pub fn push(&mut self, told: Told) {
        if self.queue.len() == QUEUE_MAX
            && let Some(oldest) = self.queue.pop_front()
        {
            for lane in self.lanes.iter_mut().filter(|lane| !lane.gone && lane.given_to < oldest.stored.id) {
                lane.given_to = oldest.stored.id;
                self.missed_total += 1;
            }
        }
        self.queue.push_back(told);
    }

    /// Gives the sinks what they can take now.
    pub fn publish(&mut self, now: Timestamp) {
        for lane in self.lanes.iter_mut().filter(|lane| !lane.gone) {
            lane.publish(&self.queue, now);
        }
        let last = self.queue.back().map_or(self.published_to, |told| told.stored.id);
        let told_to = self.lanes.iter().filter(|lane| !lane.gone).map(|lane| lane.written_to).min().unwrap_or(last);
        self.published_to = self.published_to.max(told_to);
        while self.queue.front().is_some_and(|told| told.stored.id <= self.published_to) {
            self.queue.pop_front();
        }
    }

    /// The last event that every sink has taken.
    pub fn published_to(&self) -> u64 {
        self.published_to
    }

    /// Events that some sink still has to take.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Opens files anew, after a log rotation.
    pub fn reopen(&mut self) {
        for lane in &mut self.lanes {
            if let Err(error) = lane.sink.reopen() {
                notice::error(&format!("{}: {error}; events wait until it can be opened", lane.sink.name()));
            }
        }
    }
}

impl Lane {
    fn publish(&mut self, queue: &VecDeque<Told>, now: Timestamp) {
        if self.failing_until.is_some_and(|until| now < until) {
            return;
        }
        // What was given earlier and could not be written comes first, so that no more than one batch waits in a sink.
        let mut result = self.sink.flush();
        if result.is_ok() {
            let start = queue.partition_point(|told| told.stored.id <= self.given_to);
            for told in queue.range(start..) {
                result = self.sink.publish(&told.record, &told.stored.record);
                if result.is_err() {
                    break;
                }
                self.given_to = told.stored.id;
            }
            result = result.and(self.sink.flush());
        }
        match result {
            Ok(()) => {
                self.written_to = self.given_to;
                if self.failing_until.take().is_some() {
                    notice::info(&format!("{}: takes events again", self.sink.name()));
                }
            }
            // The reader of standard output has gone, which is its right.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.gone = true,
            Err(error) => {
                if self.failing_until.is_none() {
                    let name = self.sink.name();
                    notice::warning(&format!("{name}: {error}; events wait and are tried again every second"));
                }
                self.failing_until = Some(now.after(RETRY_AFTER));
            }
        }
    }
}
