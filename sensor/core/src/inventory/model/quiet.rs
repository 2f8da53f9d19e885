//! Hours of the day in which nothing is asked.

/// Hours of the day, in minutes since local midnight. `from` after `to` passes midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// First minute (0 to 1439).
    pub from: u16,
    /// First minute after it (0 to 1440).
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
