//! When packets leave. Whoever asks pays for a whole question before it begins, but its ports are tried one after the
//! other, and a silent one keeps those behind it waiting: without a pace, the late ports of many questions would leave
//! together. The planner's bucket once more, over what really leaves, each waiting for its own turn.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use sensor_core::inventory::planner::bucket::Bucket;
use sensor_core::types::Timestamp;

/// In any second at most so many packets and a burst ([`Bucket::per_second`]).
#[derive(Debug)]
pub struct Pace {
    /// Where the bucket's time begins: one that no step of the wall clock fills or empties.
    begun: Instant,
    bucket: Mutex<Bucket>,
}

impl Pace {
    /// For `rate_per_s` packets a second, at least one.
    pub fn new(rate_per_s: u32) -> Self {
        Self { begun: Instant::now(), bucket: Mutex::new(Bucket::per_second(rate_per_s)) }
    }

    /// Packets leave now, whatever left before.
    pub fn note(&self, packets: u32) {
        self.take(packets);
    }

    /// Waits until these packets may leave. Turns are given in the order of the calls.
    pub async fn turn(&self, packets: u32) {
        let ready_ns = u64::try_from(self.take(packets).as_nanos()).unwrap_or(0);
        let at = self.begun + Duration::from_nanos(ready_ns);
        if at > Instant::now() {
            sleep_until(at).await;
        }
    }

    /// Takes packets out; answers from when on the bucket has them.
    fn take(&self, packets: u32) -> Timestamp {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = i64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let ready_at = bucket.ready_at(packets);
        bucket.take(packets, Timestamp::from_nanos(now));
        ready_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of four packets each, at 100 a second with a burst of 25, and when they come, in milliseconds.
    #[tokio::test(start_paused = true)]
    async fn a_burst_leaves_at_once_and_the_rest_at_the_rate() {
        let pace = Pace::new(100);
        let begun = Instant::now();
        let mut turns = Vec::new();
        for _ in 0..10 {
            pace.turn(4).await;
            turns.push(begun.elapsed().as_millis());
        }
        assert_eq!(turns, [0, 0, 0, 0, 0, 0, 30, 70, 110, 150]);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let rested = Instant::now();
        pace.note(40);
        pace.turn(1).await;
        assert_eq!(rested.elapsed().as_millis(), 160, "what left without waiting counts");
    }
}
