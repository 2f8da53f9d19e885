//! The line that moves while a scan works: hosts found, rate, time left. On a terminal only.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    rate_per_s: u64,
}

/// What the line tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Addresses that answered.
    pub(super) found: usize,
    /// Packets that went out.
    pub(super) sent: u64,
    /// Packets that are still to go, as far as is known.
    pub(super) left: u64,
}

const TEMPLATE: &str = "{spinner} {percent}%  {msg}";

impl Progress {
    /// Nothing is drawn where standard error is no terminal.
    pub(super) fn new(rate_per_s: u32) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(10));
            // The template is ours and right.
            drop(ProgressStyle::with_template(TEMPLATE).map(|style| bar.set_style(style)));
            bar
        });
        Self { bar, rate_per_s: u64::from(rate_per_s).max(1) }
    }

    /// Shows how far it is.
    pub(super) fn show(&self, look: Look) {
        let Some(bar) = &self.bar else { return };
        bar.set_length(look.sent + look.left);
        bar.set_position(look.sent);
        let elapsed = bar.elapsed().max(Duration::from_millis(1));
        let rate = look.sent as f64 / elapsed.as_secs_f64();
        bar.set_message(words(look, rate, self.rate_per_s));
        bar.tick();
    }

    /// Takes the line away, to make room for the result.
    pub(super) fn clear(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

fn words(look: Look, rate: f64, rate_per_s: u64) -> String {
    let found = if look.found == 1 { "1 address".to_owned() } else { format!("{} addresses", look.found) };
    format!("{found} found, {rate:.0} packets/s, {} s left", look.left.div_ceil(rate_per_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_a_terminal() {
        let look = Look { found: 65_534, sent: 1_000_000, left: 10_000_000 };
        assert_eq!(words(look, 4999.7, 5000), "65534 addresses found, 5000 packets/s, 2000 s left");
        assert!("⠋ 100%  ".chars().count() + words(look, 4999.7, 5000).len() < 80);
        let look = Look { found: 1, sent: 1, left: 1 };
        assert_eq!(words(look, 0.4, 5000), "1 address found, 0 packets/s, 1 s left");
    }
}
