//! The thread of one alert: it reads the spool from where it stopped, and goes on when an event was delivered, or was
//! refused for good. So an action that is slow or dead delays no other, and events keep their order.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;

use crate::clock::Clock;
use crate::config::alert::Alert;
use crate::config::filter::Filter;
use crate::terminal::notice;
use crate::watch::Actor;
use crate::watch::batch::{Batch, Outcome};
use crate::watch::entry::Event;
use crate::watch::filter::matches;
use crate::watch::gate::{AlertLimits, Gate};
use crate::watch::shared::SharedBoard;
use crate::watch::spool::{Position, Tail};
use crate::watch::state::AlertProgress;
use sensor_core::types::Timestamp;

/// How long after the first failure it is tried again; doubled each time.
const BACK_OFF_MIN: Duration = Duration::from_millis(500);
/// The longest time between two tries.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// How many times delivery is tried before what is left is kept for the next start.
const LAST_TRIES: u32 = 3;
/// How often a pause checks whether it is over.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The longest sleep between two looks at the clock, which may be stepped.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// One alert, to be run on a thread of its own.
pub struct AlertWorker {
    alert: Alert,
    /// The filter that holds for all alerts.
    common: Filter,
    actor: Actor,
    limits: AlertLimits,
    gate: Gate,
    tail: Tail,
    shared: Arc<SharedBoard>,
    clock: Clock,
    batch: Batch,
    /// When the batch is to be sent.
    due: Timestamp,
}

impl AlertWorker {
    /// Goes on from `progress`.
    pub fn new(
        alert: Alert,
        common: Filter,
        actor: Actor,
        tail: Tail,
        gate: Gate,
        shared: Arc<SharedBoard>,
        clock: Clock,
    ) -> Self {
        let limits = AlertLimits { dedupe: alert.dedupe, rate: alert.rate };
        Self { alert, common, actor, limits, gate, tail, shared, clock, batch: Batch::default(), due: Timestamp::EPOCH }
    }

    /// Works until no more events come. Returns whether all were delivered.
    pub fn run(mut self) -> bool {
        loop {
            let (end, floor, is_closing) = {
                let board = self.shared.board();
                (board.end, board.floor, board.is_closing)
            };
            if self.tail.position() < floor {
                self.skip_to(floor);
            }
            let event = self.tail.next(end).unwrap_or_else(|error| {
                notice::error(&format!("alert {}: its pending events cannot be read: {error}", self.alert.name));
                std::thread::sleep(SLEEP_MAX);
                None
            });
            let now = self.clock.now();
            let is_idle = event.is_none();
            for folded in self.gate.due(self.limits, now, is_idle && is_closing) {
                self.collect(folded, now);
            }
            match event {
                Some(event) if self.admits(&event, now) => self.collect(event, now),
                Some(_) if self.batch.is_empty() => self.acknowledge(),
                Some(_) | None => {}
            }
            // A batch that waits for more is not acknowledged: after a crash it is collected again.
            if !self.batch.is_empty() && (now >= self.due || is_idle && is_closing) && !self.flush() {
                return false;
            }
            if is_idle && is_closing && self.batch.is_empty() {
                return true;
            }
            if is_idle {
                self.sleep(end, now);
            }
        }
    }

    fn admits(&mut self, event: &Event, now: Timestamp) -> bool {
        matches(&self.common, event) && matches(&self.alert.filter, event) && self.gate.admit(event, self.limits, now)
    }

    /// Adds to the batch; an action that takes one event at a time is given it at once.
    fn collect(&mut self, event: Event, now: Timestamp) {
        if self.batch.is_empty() {
            self.due = now.after(self.actor.batch());
        }
        self.batch.push(event, self.actor.batch_max());
    }

    /// Delivers the batch. False when the watcher ended before it was delivered.
    fn flush(&mut self) -> bool {
        let batch = std::mem::take(&mut self.batch);
        let parts = match self.actor.batch_max() {
            // A folded count may be due together with an event.
            1 => batch.events.into_iter().map(Batch::one).collect(),
            _ => vec![batch],
        };
        for part in parts {
            if !self.deliver(&part) {
                return false;
            }
        }
        self.acknowledge();
        true
    }

    fn deliver(&self, batch: &Batch) -> bool {
        let name = &self.alert.name;
        let mut refused = 0;
        for tries in 1_u32.. {
            let why = match self.actor.deliver(name, batch, self.clock.now()) {
                Outcome::Delivered if tries > 1 => {
                    notice::info(&format!("alert {name}: delivers again, at try {tries}"));
                    return true;
                }
                Outcome::Delivered => return true,
                Outcome::Refused(why) if refused >= self.alert.retries => {
                    let what = batch.events.first().map(Event::key).unwrap_or_default();
                    notice::error(&format!("alert {name}: {what} is given up after {tries} tries: {why}"));
                    return true;
                }
                Outcome::Refused(why) => {
                    refused += 1;
                    why
                }
                Outcome::Unavailable(why) => why,
            };
            let pause = back_off(tries, RandomState::new().hash_one(tries));
            notice::warning(&format!("alert {name}: try {tries}: {why}; the next in {:.1} s", pause.as_secs_f32()));
            if !self.pause(pause, tries) {
                return false;
            }
        }
        false
    }

    /// Waits. False when the watcher is ending and delivery was tried often enough.
    fn pause(&self, span: Duration, tries: u32) -> bool {
        let mut left = span;
        while !left.is_zero() {
            if tries >= LAST_TRIES && self.shared.board().is_closing {
                return false;
            }
            std::thread::sleep(left.min(LOOK_EVERY));
            left = left.saturating_sub(LOOK_EVERY);
        }
        true
    }

    /// Notes that all up to here is delivered, or counted in the gate.
    fn acknowledge(&self) {
        let progress = AlertProgress { position: self.tail.position(), gate: self.gate.clone() };
        let mut board = self.shared.board();
        board.alerts.insert(self.alert.name.clone(), progress);
        board.is_dirty = true;
    }

    /// Waits until an event comes, or something is due.
    fn sleep(&self, end: Position, now: Timestamp) {
        let batch = (!self.batch.is_empty()).then(|| self.due.since(now));
        let wait = [batch, self.gate.wait(self.limits, now)].into_iter().flatten().min().unwrap_or(SLEEP_MAX);
        let board = self.shared.board();
        if board.end == end && !board.is_closing {
            let wait = wait.clamp(Duration::from_millis(1), SLEEP_MAX);
            self.shared.wait(board, wait);
        }
    }

    fn skip_to(&mut self, floor: Position) {
        let message =
            format!("alert {} took nothing for so long that its oldest events were given up", self.alert.name);
        notice::error(&message);
        self.tail.skip_to(floor);
        let now = self.clock.now();
        self.collect(Event::notice("watch-gap", now, message, Map::new()), now);
    }
}

/// Doubles with every try, and varies by half, so that many sensors do not retry a server at the same moment.
fn back_off(tries: u32, random: u64) -> Duration {
    let full = BACK_OFF_MIN.saturating_mul(1 << tries.saturating_sub(1).min(20)).min(BACK_OFF_MAX);
    full / 2 + full.mul_f64((random % 1000) as f64 / 2000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_become_rare_and_are_spread() {
        let bounds = |tries| (back_off(tries, 0).as_millis(), back_off(tries, 999).as_millis());
        assert_eq!(bounds(1), (250, 499));
        assert_eq!(bounds(2), (500, 999));
        assert_eq!(bounds(5), (4_000, 7_996));
        assert_eq!(bounds(100), (30_000, 59_970));
    }
}
