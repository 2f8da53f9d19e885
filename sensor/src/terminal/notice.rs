//! What the sensor says about itself while it works: one line a notice on standard error, with syslog's level where
//! systemd reads it (sd-daemon(3)).

use std::io::Write as _;

/// Work that the sensor could not do and will try again, or a remark at start.
pub fn info(text: &str) {
    line(6, text);
}

/// Something that the operator should look at.
pub fn warning(text: &str) {
    line(4, text);
}

/// Data is in danger.
pub fn error(text: &str) {
    line(3, text);
}

fn line(level: u8, text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nobody is left to tell when standard error is gone.
    drop(match std::env::var_os("JOURNAL_STREAM") {
        Some(_) => writeln!(stderr, "<{level}>{text}"),
        None => writeln!(stderr, "sensor: {text}"),
    });
}
