//! Lines of `journalctl -o json`: of a process that follows the journal, or of standard input. Since systemd's own program
//! reads the journal, every format of it is understood, and no library of systemd's is linked.

use std::io::{self, BufRead, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};

/// The longest line that is read, bytes. An event's line is much shorter, but anybody may log longer ones.
const LINE_MAX: u64 = 1 << 20;
/// Lines that wait to be taken; when there are so many, reading waits too.
const WAITING_MAX: usize = 256;

/// What is read.
#[derive(Debug, PartialEq)]
pub enum JournalLine {
    /// There is no more.
    End,
    /// One line, with its end.
    Line(Vec<u8>),
    /// A line that was too long, and was skipped.
    TooLong,
}

/// Where following begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With this entry, not after it: where it is gone, journalctl (252) would skip the next one in its place.
    Cursor(String),
    /// With entries since then: microseconds since 1970.
    Since(i64),
}

/// Reads lines on a thread of its own; dropping it ends journalctl.
#[derive(Debug)]
pub struct JournalLines {
    items: Receiver<JournalLine>,
    child: Option<Child>,
}

impl JournalLines {
    /// Follows the journal, or the one in `folder`.
    pub fn follow(start: &Start, folder: Option<&Path>) -> io::Result<Self> {
        let mut command = Command::new("journalctl");
        command.args(["--output=json", "--all", "--follow", "--no-tail", "--no-pager"]);
        match start {
            Start::Cursor(cursor) => command.arg(format!("--cursor={cursor}")),
            Start::Since(us) => command.arg(format!("--since=@{}.{:06}", us / 1_000_000, us % 1_000_000)),
        };
        if let Some(folder) = folder {
            command.arg("--directory").arg(folder);
        }
        command.args(["SYSLOG_IDENTIFIER=sensor", "_TRANSPORT=journal"]).stdin(Stdio::null()).stdout(Stdio::piped());
        // SAFETY: between fork and exec only this one system call is made, which touches no memory.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::TERM))?));
        }
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { items: spawn(BufReader::new(stdout))?, child: Some(child) })
    }

    /// Reads standard input.
    pub fn stdin() -> io::Result<Self> {
        Ok(Self { items: spawn(BufReader::new(io::stdin()))?, child: None })
    }

    /// What comes within `timeout`, `None` when nothing does.
    pub fn next(&self, timeout: Duration) -> Option<JournalLine> {
        match self.items.recv_timeout(timeout) {
            Ok(item) => Some(item),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(JournalLine::End),
        }
    }
}

impl Drop for JournalLines {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Fails where it has ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn spawn(reader: impl BufRead + Send + 'static) -> io::Result<Receiver<JournalLine>> {
    let (sender, items) = sync_channel(WAITING_MAX);
    std::thread::Builder::new().name("watch-source".to_owned()).spawn(move || read(reader, &sender))?;
    Ok(items)
}

fn read(mut reader: impl BufRead, sender: &SyncSender<JournalLine>) {
    loop {
        let mut line = Vec::new();
        let item = match reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => JournalLine::End,
            Ok(_) if line.last() == Some(&b'\n') => JournalLine::Line(line),
            // A line without an end was cut short.
            Ok(_) => match (line.len() as u64 == LINE_MAX).then(|| reader.skip_until(b'\n')) {
                Some(Ok(_)) => JournalLine::TooLong,
                Some(Err(_)) | None => JournalLine::End,
            },
        };
        let is_end = item == JournalLine::End;
        if sender.send(item).is_err() || is_end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[track_caller]
    fn check(text: &[u8], expected: &[JournalLine]) {
        let (sender, items) = sync_channel(100);
        read(Cursor::new(text), &sender);
        drop(sender);
        assert_eq!(items.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn lines_come_whole_or_not_at_all() {
        let line = |text: &str| JournalLine::Line(text.as_bytes().to_vec());
        check(b"", &[JournalLine::End]);
        check(b"a\n\nb\n", &[line("a\n"), line("\n"), line("b\n"), JournalLine::End]);
        check(b"a\nhalf", &[line("a\n"), JournalLine::End]);
    }

    #[test]
    fn a_line_of_any_length_takes_bounded_memory() {
        let mut text = vec![b'x'; 3 << 20];
        text.extend_from_slice(b"\nb\n");
        check(&text, &[JournalLine::TooLong, JournalLine::Line(b"b\n".to_vec()), JournalLine::End]);
        check(&text[..3 << 20], &[JournalLine::TooLong, JournalLine::End]);
    }
}
