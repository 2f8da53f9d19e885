//! What the sensor says about itself while it works: one line a notice on standard error, with syslog's level in front
//! where systemd reads it (sd-daemon(3)).

use std::io::Write as _;

/// A remark: what the sensor does at start, or work that it could not do and tries again.
pub fn info(text: &str) {
    line(6, text);
}

/// Something that the operator should look at.
pub fn warning(text: &str) {
    line(4, text);
}

/// Data is in danger, or a command failed.
pub fn error(text: &str) {
    line(3, text);
}

/// `level` is syslog's: 3 error, 4 warning, 6 informational (RFC 5424, table 2).
fn line(level: u8, text: &str) {
    let mut stderr = std::io::stderr().lock();
    // When standard error is closed, there is nowhere else to say it.
    drop(match std::env::var_os("JOURNAL_STREAM") {
        Some(_) => writeln!(stderr, "<{level}>{text}"),
        None => writeln!(stderr, "sensor: {text}"),
    });
}
