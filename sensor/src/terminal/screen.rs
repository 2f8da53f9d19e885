//! Standard output: lines for a person or for a program, and the right of its reader to go away.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use crate::config::output::Screen;
use crate::export::table;
use crate::export::table::Paint;
use crate::pipeline::intake::Told;

/// Standard output, buffered: to be flushed.
pub fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 14, io::stdout().lock())
}

/// Colours on a terminal only, and not when `NO_COLOR` is set (no-color.org).
pub fn paint() -> Paint {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted && io::stdout().is_terminal() { Paint::Colour } else { Paint::Plain }
}

/// Shows an event as it is told.
pub fn event(screen: Screen, told: &Told) {
    match screen {
        Screen::Csv | Screen::Quiet => {}
        Screen::Json => line(&told.stored.record),
        Screen::Text => {
            let mut out = stdout();
            // Who closed standard output does not want to see it, and the event is on disk.
            drop(table::write_event(&told.record, paint(), &mut out).and_then(|()| out.flush()));
        }
    }
}

/// Prints one line of JSON.
pub fn line(json: &str) {
    let mut out = stdout();
    drop(writeln!(out, "{json}").and_then(|()| out.flush()));
}

/// Writes through `write` and flushes; a closed pipe is no error.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = stdout();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
