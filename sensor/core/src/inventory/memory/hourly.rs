//! Whether an hour has passed, by a clock that may be set.

use std::time::Duration;

use crate::types::Timestamp;

const HOUR: Duration = Duration::from_hours(1);

/// Is due once an hour.
#[derive(Debug, Default)]
pub(super) struct Hourly {
    /// The last time that was given, and when it is due; `None` before the first.
    clock: Option<(Timestamp, Timestamp)>,
}

impl Hourly {
    /// Whether it is due. A clock that was set makes nothing older: after every leap, and at the start, an hour is waited.
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        let (last, due) = self.clock.unwrap_or((now, now.after(HOUR)));
        let leapt = now < last || now.since(last) > HOUR;
        let is_due = !leapt && now >= due;
        let due = if leapt || is_due { now.after(HOUR) } else { due };
        self.clock = Some((now, due));
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_of_the_clock_starts_the_hour_anew() {
        let mut hourly = Hourly::default();
        let mut check =
            |at_s: i64, expected: bool| assert_eq!(hourly.is_due(Timestamp::from_secs(at_s)), expected, "{at_s}");
        check(0, false);
        check(1800, false);
        check(3600, true);
        check(3601, false);
        // Set forward by a year, back, and then it runs on.
        check(31_536_000, false);
        check(3700, false);
        check(5000, false);
        check(7300, true);
    }
}
