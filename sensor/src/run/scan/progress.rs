//! The line that moves while a scan works: hosts found, rate, time left. On a terminal only.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

const TEMPLATE: &str = "{spinner} {percent}% of {human_len} questions, {msg}, {eta} left";

impl Progress {
    /// For so many questions. Nothing is drawn where standard error is no terminal.
    pub(super) fn new(total: u64, rate_per_s: u32) -> Self {
        let target = match io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr_with_hz(10),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        // The template is ours and right.
        drop(ProgressStyle::with_template(TEMPLATE).map(|style| bar.set_style(style)));
        bar.set_message(format!("at most {rate_per_s}/s"));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// Shows how far it is.
    pub(super) fn show(&self, found: usize, done: u64, describing: usize) {
        if self.0.is_hidden() {
            return;
        }
        self.0.set_position(done);
        let hosts = if found == 1 { "1 address found".to_owned() } else { format!("{found} addresses found") };
        let rate = self.0.per_sec();
        let rest = if describing > 0 { format!(", {describing} questions to them") } else { String::new() };
        self.0.set_message(format!("{hosts}{rest}, {rate:.0}/s"));
    }

    /// Takes the line away, to make room for the result.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
