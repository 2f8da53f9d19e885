//! When packets leave. Whoever asks pays for a whole question before it begins, but its ports are tried one after the
//! other, and a silent one keeps those behind it waiting: without a pace, the late ports of many questions would leave
//! together. The generic cell rate algorithm (ITU-T I.371) over what really leaves, each waiting for its own turn.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// In any second at most so many packets, and a burst of a quarter of them.
#[derive(Debug)]
pub struct Pace {
    packet: Duration,
    burst: Duration,
    /// When everything that has left is paid for; `None`: nothing has.
    paid_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// For `rate_per_s` packets a second, at least one, with bursts of `burst` packets.
    pub fn new(rate_per_s: u32, burst: u32) -> Self {
        let packet = Duration::from_secs(1) / rate_per_s.max(1);
        Self { packet, burst: packet.saturating_mul(burst), paid_at: Mutex::new(None) }
    }

    /// Packets leave now, whatever left before.
    pub fn note(&self, packets: u32) {
        self.pay(packets);
    }

    /// Waits until these packets may leave. Turns are given in the order of the calls.
    pub async fn turn(&self, packets: u32) {
        let paid_at = self.pay(packets);
        if let Some(at) = paid_at.checked_sub(self.burst).filter(|at| *at > Instant::now()) {
            sleep_until(at).await;
        }
    }

    fn pay(&self, packets: u32) -> Instant {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let at = paid_at.map_or(now, |at| at.max(now)) + self.packet.saturating_mul(packets);
        *paid_at = Some(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of four packets each, at 100 a second with a burst of 25, and when they come, in milliseconds.
    #[tokio::test(start_paused = true)]
    async fn a_burst_leaves_at_once_and_the_rest_at_the_rate() {
        let pace = Pace::new(100, 25);
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
