//! The mirror port: one frame in a thousand is lost unnoticed, one in ten comes twice, one in a hundred comes late.

use crate::simulation::rng::Rng;

/// Loses, doubles and delays frames on their way to the sensor.
#[derive(Debug)]
pub struct Mirror {
    rng: Rng,
    /// Frames that were lost.
    pub lost: u64,
    /// Frames that came twice.
    pub doubled: u64,
}

impl Mirror {
    /// The mirror of a seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed ^ 0x6d69_7272_6f72), lost: 0, doubled: 0 }
    }

    /// The delays in milliseconds with which a frame's copies arrive: none, one or two.
    pub fn copies(&mut self) -> [Option<u64>; 2] {
        if self.rng.one_in(1000) {
            self.lost += 1;
            return [None, None];
        }
        let late = if self.rng.one_in(100) { self.rng.below(50) } else { 0 };
        let is_doubled = self.rng.one_in(10);
        self.doubled += u64::from(is_doubled);
        [Some(late), is_doubled.then(|| late + self.rng.below(3))]
    }
}
