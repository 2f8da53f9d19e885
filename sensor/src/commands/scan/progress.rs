//! The line on the terminal that shows how far a scan is: addresses found, packets a second, time left.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line; nothing where standard error is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    rate_per_s: u64,
}

/// What the line shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProgressFigures {
    /// Addresses that answered.
    pub found: usize,
    /// Packets that were sent.
    pub sent: u64,
    /// Packets that are still to be sent, as far as is known.
    pub left: u64,
}

const TEMPLATE: &str = "{spinner} {percent}%  {msg}";

impl Progress {
    /// A line for a scan of at most `rate_per_s` packets a second.
    pub fn new(rate_per_s: u32) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(10));
            // The template is a constant, and is known to be valid.
            drop(ProgressStyle::with_template(TEMPLATE).map(|style| bar.set_style(style)));
            bar
        });
        Self { bar, rate_per_s: u64::from(rate_per_s).max(1) }
    }

    /// Shows how far the scan is.
    pub fn show(&self, figures: ProgressFigures) {
        let Some(bar) = &self.bar else { return };
        bar.set_length(figures.sent + figures.left);
        bar.set_position(figures.sent);
        let elapsed = bar.elapsed().max(Duration::from_millis(1));
        let rate = figures.sent as f64 / elapsed.as_secs_f64();
        bar.set_message(words(figures, rate, self.rate_per_s));
        bar.tick();
    }

    /// Removes the line, to make room for the result.
    pub fn clear(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

fn words(figures: ProgressFigures, rate: f64, rate_per_s: u64) -> String {
    let found = if figures.found == 1 { "1 address".to_owned() } else { format!("{} addresses", figures.found) };
    format!("{found} found, {rate:.0} packets/s, {} s left", figures.left.div_ceil(rate_per_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_a_terminal() {
        let figures = ProgressFigures { found: 65_534, sent: 1_000_000, left: 10_000_000 };
        assert_eq!(words(figures, 4999.7, 5000), "65534 addresses found, 5000 packets/s, 2000 s left");
        assert!("⠋ 100%  ".chars().count() + words(figures, 4999.7, 5000).len() < 80);
        let figures = ProgressFigures { found: 1, sent: 1, left: 1 };
        assert_eq!(words(figures, 0.4, 5000), "1 address found, 0 packets/s, 1 s left");
    }
}
