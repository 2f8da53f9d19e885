//! Rate limits on sent packets, by the planner's token bucket.
//!
//! `Pace` is for probes of several packets. The planner accounts for a whole probe before it begins, but its ports are
//! tried one after the other, and a silent one delays the rest: without a pace, the delayed packets of many probes
//! would be sent together. `Allowance` is for a scan, which sends as many packets at once as it may.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use sensor_core::inventory::planner::bucket::Bucket;
use sensor_core::types::Timestamp;

/// Rate limit by waiting: in any second at most the rate and a burst ([`Bucket::per_second`]).
#[derive(Debug)]
pub struct Pace {
    /// Zero of the bucket's time, which is monotonic so that steps of the wall clock do not matter.
    begun: Instant,
    bucket: Mutex<Bucket>,
}

impl Pace {
    /// For `rate_per_s` packets a second, at least one.
    pub fn new(rate_per_s: u32) -> Self {
        Self { begun: Instant::now(), bucket: Mutex::new(Bucket::per_second(rate_per_s)) }
    }

    /// Accounts for packets that are sent without waiting.
    pub fn note(&self, packets: u32) {
        self.take(packets);
    }

    /// Waits until these packets may be sent, in the order of the calls.
    pub async fn wait(&self, packets: u32) {
        let ready_ns = u64::try_from(self.take(packets).as_nanos()).unwrap_or(0);
        let at = self.begun + Duration::from_nanos(ready_ns);
        if at > Instant::now() {
            sleep_until(at).await;
        }
    }

    /// Takes tokens for the packets and returns when they are available.
    fn take(&self, packets: u32) -> Timestamp {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = i64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let ready_at = bucket.ready_at(packets);
        bucket.take(packets, Timestamp::from_nanos(now));
        ready_at
    }
}

/// Packets that a scan may send now. A burst is limited to 1/100 of a second's packets, to spread the answers evenly.
#[derive(Debug)]
pub struct Allowance {
    begun: Instant,
    bucket: Bucket,
    now: Timestamp,
    sent_total: u64,
}

impl Allowance {
    /// For `rate_per_s` packets a second, at least one.
    pub fn new(rate_per_s: u32) -> Self {
        let bucket = Bucket::with_burst(rate_per_s, rate_per_s / 100);
        Self { begun: Instant::now(), bucket, now: Timestamp::EPOCH, sent_total: 0 }
    }

    /// Adds the packets for the time since the last call.
    pub fn refill(&mut self) {
        self.now = Timestamp::from_nanos(i64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(i64::MAX));
    }

    /// Whether a packet may be sent.
    pub fn is_left(&self) -> bool {
        self.bucket.left(self.now) > 0
    }

    /// How many packets may be sent, `max` at most.
    pub fn up_to(&self, max: usize) -> usize {
        usize::try_from(self.bucket.left(self.now)).unwrap_or(usize::MAX).min(max)
    }

    /// Accounts for sent packets. A probe of several packets may take more than is left; the next one then waits
    /// longer.
    pub fn take(&mut self, packets: usize) {
        self.bucket.take(u32::try_from(packets).unwrap_or(u32::MAX), self.now);
        self.sent_total += packets as u64;
    }

    /// Number of packets sent since the start.
    pub fn sent_total(&self) -> u64 {
        self.sent_total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_packets_than_the_rate_and_a_burst() {
        let mut allowance = Allowance::new(1000);
        for _ in 0..1000 {
            allowance.take(allowance.up_to(usize::MAX));
            tokio::time::advance(Duration::from_millis(1)).await;
            allowance.refill();
        }
        assert!((1000..=1010).contains(&allowance.sent_total()), "{}", allowance.sent_total());
        // A pause does not save up packets for later.
        tokio::time::advance(Duration::from_secs(60)).await;
        allowance.refill();
        assert_eq!(allowance.up_to(usize::MAX), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_slowest_rate_still_sends() {
        let mut allowance = Allowance::new(1);
        assert_eq!(allowance.up_to(9), 1);
        allowance.take(3);
        tokio::time::advance(Duration::from_millis(2999)).await;
        allowance.refill();
        assert!(!allowance.is_left());
        tokio::time::advance(Duration::from_millis(1)).await;
        allowance.refill();
        assert!(allowance.is_left());
    }

    /// Ten waits for four packets each, at 100 packets a second with a burst of 25; times in milliseconds.
    #[tokio::test(start_paused = true)]
    async fn a_burst_is_sent_at_once_and_the_rest_at_the_rate() {
        let pace = Pace::new(100);
        let begun = Instant::now();
        let mut turns = Vec::new();
        for _ in 0..10 {
            pace.wait(4).await;
            turns.push(begun.elapsed().as_millis());
        }
        assert_eq!(turns, [0, 0, 0, 0, 0, 0, 30, 70, 110, 150]);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let rested = Instant::now();
        pace.note(40);
        pace.wait(1).await;
        assert_eq!(rested.elapsed().as_millis(), 160, "packets sent without waiting count");
    }
}
