//! The figures of one run of one receiver, and how long its parts last.

use std::time::Duration;

/// Time to learn all hosts and to store them; its frames are not counted, its CPU time is.
pub(super) const LEARN: Duration = Duration::from_secs(4);
/// One turn of a receiver.
pub(super) const TURN: Duration = Duration::from_millis(200);
/// Turns in a run.
pub(super) const TURNS: u32 = 12;

/// One run of one receiver.
#[derive(Clone, Default)]
pub(super) struct Figures {
    /// Frames a second that the interface took, in each turn.
    pub(super) per_s: Vec<f64>,
    /// Those of the bare program, in the turn before.
    pub(super) bare_per_s: Vec<f64>,
    /// Frames that the interface took, including the learning time.
    pub(super) taken: u64,
    /// Frames that the program reports as seen and lost.
    pub(super) said: Option<(u64, u64)>,
    /// CPU seconds of its process from before the first frame on.
    pub(super) cpu_s: f64,
    /// CPU seconds in the measured time only.
    pub(super) steady_cpu_s: f64,
    /// CPU seconds during the turns of the bare program, as a share of all CPU time in them.
    pub(super) elsewhere: f64,
    /// Frames of the measured time.
    pub(super) steady: u64,
}
