//! How fast: packets that may be sent now.

use sensor_core::types::Timestamp;

/// A token bucket over all lanes.
#[derive(Debug)]
pub(super) struct Budget {
    rate_per_s: f64,
    left: f64,
    burst: f64,
    at: Timestamp,
    taken: u64,
}

impl Budget {
    /// Full at first: a hundredth of a second's worth, one packet at least.
    pub(super) fn new(rate_per_s: u32, now: Timestamp) -> Self {
        let burst = (f64::from(rate_per_s) / 100.0).max(1.0);
        Self { rate_per_s: f64::from(rate_per_s), left: burst, burst, at: now, taken: 0 }
    }

    /// Adds what the time since the last call is worth.
    pub(super) fn refill(&mut self, now: Timestamp) {
        let worth = now.since(self.at).as_secs_f64() * self.rate_per_s;
        self.left = (self.left + worth).min(self.burst);
        self.at = now;
    }

    /// Whether a packet may be sent.
    pub(super) fn is_left(&self) -> bool {
        self.left >= 1.0
    }

    /// How many packets may be sent, `max` at most.
    pub(super) fn up_to(&self, max: usize) -> usize {
        // A few hundred thousand at most: exact.
        (self.left.max(0.0) as usize).min(max)
    }

    /// Takes packets out; a question of several may overdraw it, and the next has to wait.
    pub(super) fn take(&mut self, packets: usize) {
        self.left -= packets as f64;
        self.taken += packets as u64;
    }

    /// Packets taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_second_has_more_than_the_rate() {
        let mut now = Timestamp::from_secs(1);
        let mut budget = Budget::new(1000, now);
        let mut sent = 0;
        for _ in 0..1000 {
            let packets = budget.up_to(usize::MAX);
            budget.take(packets);
            sent += packets;
            now = now.after(Duration::from_millis(1));
            budget.refill(now);
        }
        assert!((1000..=1010).contains(&sent), "{sent}");
        // A pause is no licence for a burst.
        budget.refill(now.after(Duration::from_secs(60)));
        assert_eq!(budget.up_to(usize::MAX), 10);
    }

    #[test]
    fn the_slowest_rate_still_sends() {
        let now = Timestamp::from_secs(1);
        let mut budget = Budget::new(1, now);
        assert_eq!(budget.up_to(9), 1);
        budget.take(3);
        budget.refill(now.after(Duration::from_secs(2)));
        assert!(!budget.is_left());
        budget.refill(now.after(Duration::from_secs(3)));
        assert!(budget.is_left());
    }
}
