//! Hours of the local day: in which nothing is asked, or in which a rule about events applies.

use crate::types::Timestamp;

/// Hours of the day, in minutes since local midnight. Where `from` is after `to` they pass midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// The first minute (0 to 1439).
    pub from: u16,
    /// The first minute after them (0 to 1440).
    pub to: u16,
}

impl Quiet {
    /// Whether a minute of the day (0 to 1439) lies in these hours.
    pub fn holds(self, minute: u16) -> bool {
        match self.from <= self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        }
    }
}

/// The minute of the local day (0 to 1439), where local time is `utc_offset_s` seconds east of UTC.
pub(crate) fn local_minute(at: Timestamp, utc_offset_s: i32) -> u16 {
    let local_s = at.as_nanos().div_euclid(1_000_000_000).saturating_add(i64::from(utc_offset_s));
    u16::try_from(local_s.rem_euclid(86_400) / 60).unwrap_or(0)
}
