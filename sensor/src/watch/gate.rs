//! How often an alert may act: repeats of an event are folded into a count, and events over the rate into a notice "and n
//! more". Pure: time is an argument. All of it is saved, so that a restart forgets no count.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::alert::Rate;
use crate::watch::entry::Event;
use sensor_core::types::Timestamp;

/// Things whose repeats are folded at a time; repeats of what does not fit are all let through.
const WINDOWS_MAX: usize = 1024;

/// What was let through lately, and what was held back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gate {
    windows: BTreeMap<String, Window>,
    period: Option<Period>,
}

/// Repeats of one thing within the time of `dedupe`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Window {
    /// When the first was let through, nanoseconds since 1970.
    since_ns: i64,
    /// How many came since.
    repeats: u64,
    /// The record of the last one.
    last: Map<String, Value>,
    database: String,
}

/// A period of the rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Period {
    /// When it began, nanoseconds since 1970.
    since_ns: i64,
    /// How many were let through.
    told: u32,
    /// Events over the rate: how many of each kind, and the first and the last id.
    surplus: BTreeMap<String, u64>,
    first_id: u64,
    last_id: u64,
}

/// How often an alert may act.
#[derive(Clone, Copy, Debug)]
pub struct AlertLimits {
    /// Within this time repeats are folded; 0: none are.
    pub dedupe: Duration,
    /// How many events are let through at most.
    pub rate: Option<Rate>,
}

impl Gate {
    /// Whether the event is let through now; otherwise it is counted.
    pub fn admit(&mut self, event: &Event, limits: AlertLimits, now: Timestamp) -> bool {
        // A notice comes at most once for each loss, and stands for events that are gone.
        event.is_notice() || !self.is_repeat(event, limits.dedupe, now) && !self.is_surplus(event, limits.rate, now)
    }

    /// The counts of what was held back and whose time is over; with `all` those of the rest too.
    pub fn due(&mut self, limits: AlertLimits, now: Timestamp, all: bool) -> Vec<Event> {
        let over = |since_ns: i64, span| all || is_over(since_ns, span, now);
        let mut due = Vec::new();
        self.windows.retain(|_, window| {
            let keep = !over(window.since_ns, limits.dedupe);
            if !keep && window.repeats > 0 {
                due.push(window.folded());
            }
            keep
        });
        if let Some(rate) = limits.rate
            && let Some(period) = self.period.take_if(|period| over(period.since_ns, rate.per))
            && !period.surplus.is_empty()
        {
            due.push(period.notice(now));
        }
        due
    }

    /// How long after `now` a count may be due.
    pub fn wait(&self, limits: AlertLimits, now: Timestamp) -> Option<Duration> {
        let left = |since_ns: i64, span: Duration| span.saturating_sub(now.since(Timestamp::from_nanos(since_ns)));
        let windows = self.windows.values().filter(|window| window.repeats > 0);
        let windows = windows.map(|window| left(window.since_ns, limits.dedupe));
        let period = self.period.as_ref().filter(|period| !period.surplus.is_empty());
        let period = period.and_then(|period| Some(left(period.since_ns, limits.rate?.per)));
        windows.chain(period).min()
    }

    fn is_repeat(&mut self, event: &Event, dedupe: Duration, now: Timestamp) -> bool {
        if dedupe.is_zero() {
            return false;
        }
        let key = thing(event);
        match self.windows.get_mut(&key) {
            Some(window) if !is_over(window.since_ns, dedupe, now) => {
                window.repeats += 1;
                window.last = event.record.clone();
                window.database = event.database.clone();
                true
            }
            // Its time is over, but its count is not taken yet: `due` ends it.
            Some(window) if window.repeats > 0 => {
                window.repeats += 1;
                window.last = event.record.clone();
                true
            }
            _ => {
                self.windows.retain(|_, window| window.repeats > 0 || !is_over(window.since_ns, dedupe, now));
                if self.windows.len() < WINDOWS_MAX {
                    let window = Window { since_ns: now.as_nanos(), ..Window::default() };
                    self.windows.insert(key, window);
                }
                false
            }
        }
    }

    fn is_surplus(&mut self, event: &Event, rate: Option<Rate>, now: Timestamp) -> bool {
        let Some(rate) = rate else { return false };
        if self
            .period
            .as_ref()
            .is_some_and(|period| period.surplus.is_empty() && is_over(period.since_ns, rate.per, now))
        {
            self.period = None;
        }
        let period = self.period.get_or_insert_with(|| Period { since_ns: now.as_nanos(), ..Period::default() });
        if period.told < rate.max {
            period.told += 1;
            return false;
        }
        if period.surplus.is_empty() {
            period.first_id = event.id;
        }
        period.last_id = event.id;
        // Kinds are as many as the sensor knows.
        *period.surplus.entry(event.text("kind").to_owned()).or_default() += 1;
        true
    }
}

impl Window {
    fn folded(&self) -> Event {
        let mut record = self.last.clone();
        let id = record.get("id").and_then(Value::as_u64).unwrap_or(0);
        let message = record.get("message").and_then(Value::as_str).unwrap_or_default();
        let message = format!("{message} ({} more since it was told)", self.repeats);
        record.insert("message".to_owned(), message.into());
        let details = record.entry("details").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(details) = details {
            details.insert("repeats".to_owned(), self.repeats.into());
        }
        Event { database: self.database.clone(), id, record }
    }
}

impl Period {
    fn notice(&self, now: Timestamp) -> Event {
        let count: u64 = self.surplus.values().sum();
        let kinds = self.surplus.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ");
        let mut details: Map<String, Value> = Map::new();
        let numbers = [("count", count), ("first_id", self.first_id), ("last_id", self.last_id)];
        details.extend(numbers.map(|(key, number)| (key.to_owned(), number.into())));
        details.insert("kinds".to_owned(), serde_json::json!(self.surplus));
        let message =
            format!("and {count} more: {kinds}; `sensor events` shows them, ids {} to {}", self.first_id, self.last_id);
        Event::notice("watch-more", now, message, details)
    }
}

/// What two events share that are repeats of each other: kind, segment, and host (or else address, or station).
fn thing(event: &Event) -> String {
    let about = ["host", "ip", "mac"].into_iter().map(|key| event.text(key)).find(|text| !text.is_empty());
    format!("{} {} {}", event.text("kind"), event.text("segment"), about.unwrap_or_default())
}

/// Whether the time is over, or the clock was set back to before it began.
fn is_over(since_ns: i64, span: Duration, now: Timestamp) -> bool {
    let since = Timestamp::from_nanos(since_ns);
    now < since || now.since(since) >= span
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::entry::fixture::event;

    const NONE: AlertLimits = AlertLimits { dedupe: Duration::ZERO, rate: None };
    const DEDUPE: AlertLimits = AlertLimits { dedupe: Duration::from_secs(60), rate: None };
    const RATE: AlertLimits =
        AlertLimits { dedupe: Duration::ZERO, rate: Some(Rate { max: 2, per: Duration::from_secs(60) }) };

    /// Events are `second:address`; `second:` only asks what is due. What was told, and when.
    #[track_caller]
    fn check(limits: AlertLimits, events: &str, expected: &str) {
        let mut gate = Gate::default();
        let mut told = Vec::new();
        for (id, step) in (1..).zip(events.split_whitespace()) {
            let Some((second, host)) = step.split_once(':') else { panic!("{step}") };
            let now = Timestamp::from_secs(second.parse().expect("a second"));
            // It is written and read between any two.
            let text = serde_json::to_string(&gate).expect("a gate can be written");
            gate = serde_json::from_str(&text).expect("and read");
            told.extend(gate.due(limits, now, false).iter().map(|event| format!("{second}:{}", event.text("message"))));
            let mut event = event(id, "new-host", host);
            event.record.insert("host".to_owned(), host.into());
            if !host.is_empty() && gate.admit(&event, limits, now) {
                told.push(format!("{second}:{host}"));
            }
        }
        assert_eq!(told.join(" | "), expected);
    }

    #[test]
    fn without_limits_everything_is_told() {
        check(NONE, "0:a 0:a 1:a", "0:a | 0:a | 1:a");
    }

    #[test]
    fn the_same_is_told_once_with_a_count() {
        check(DEDUPE, "0:a 1:a 2:b 59:a 60: 61:a", "0:a | 2:b | 60:new-host a (2 more since it was told) | 61:a");
        check(DEDUPE, "0:a 60:a 70:a 200:", "0:a | 60:a | 200:new-host a (1 more since it was told)");
    }

    #[test]
    fn a_clock_that_goes_back_hides_nothing_for_long() {
        check(DEDUPE, "100:a 50:a", "100:a | 50:a");
    }

    #[test]
    fn the_surplus_is_one_notice() {
        check(
            RATE,
            "0:a 0:a 1:b 2:c 59:d 60: 61:e",
            "0:a | 0:a | 60:and 3 more: 3 new-host; `sensor events` shows them, ids 3 to 5 | 61:e",
        );
        check(
            RATE,
            "0:a 0:a 61:b 62:b 63:b 130:",
            "0:a | 0:a | 61:b | 62:b | 130:and 1 more: 1 new-host; `sensor events` shows them, ids 5 to 5",
        );
    }

    #[test]
    fn waiting_ends_with_the_first_that_is_due() {
        let mut gate = Gate::default();
        let at = Timestamp::from_secs;
        gate.admit(&event(1, "new-host", "a"), DEDUPE, at(0));
        assert_eq!(gate.wait(DEDUPE, at(1)), None);
        gate.admit(&event(2, "new-host", "a"), DEDUPE, at(5));
        assert_eq!(gate.wait(DEDUPE, at(10)), Some(Duration::from_secs(50)));
        assert_eq!(gate.wait(DEDUPE, at(100)), Some(Duration::ZERO));
    }

    #[test]
    fn memory_is_bounded() {
        let mut gate = Gate::default();
        for id in 1..5000 {
            assert!(gate.admit(&event(id, "new-host", &id.to_string()), DEDUPE, Timestamp::from_secs(0)) || id > 1);
            let mut other = event(id, "new-host", "x");
            other.record.insert("host".to_owned(), id.into());
        }
        assert!(gate.windows.len() <= WINDOWS_MAX);
    }
}
