//! Standard output. Its reader may close it early (`sensor hosts | head`), which is no error.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use crate::export::table::Paint;
use crate::terminal::failure::Failure;

/// Standard output, buffered; the caller flushes it.
pub fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 14, io::stdout().lock())
}

/// Colours on a terminal only, and not when `NO_COLOR` is set (no-color.org).
pub fn paint() -> Paint {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted && io::stdout().is_terminal() { Paint::Colour } else { Paint::Plain }
}

/// Writes through `write` and flushes; a closed pipe is no error.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = stdout();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Failure::system("standard output cannot be written")),
    }
}
