//! Lines of `journalctl -o json`: of a process that follows the journal, or of standard input. The reader is systemd's
//! own, so that every journal that this machine can have is understood, and nothing of it is linked.

use std::io::{self, BufRead, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// The longest line that is read, bytes; an event's is shorter by far, and anybody may log longer ones.
const LINE_MAX: u64 = 1 << 20;
/// Lines that wait: when these are full the journal's reader waits too.
const WAITING_MAX: usize = 256;

/// What comes from the journal.
#[derive(Debug, PartialEq)]
pub enum Item {
    /// There is no more.
    End,
    /// One line, with its end.
    Line(Vec<u8>),
    /// A line that was too long, and was skipped.
    Long,
}

/// Where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// With this entry. Not after it: where it is gone, journalctl (252) would skip the next one in its place.
    Cursor(String),
    /// With what came since: microseconds since 1970.
    Since(i64),
}

/// A running reader; dropping it ends it.
#[derive(Debug)]
pub struct Source {
    items: Receiver<Item>,
    child: Option<Child>,
}

impl Source {
    /// Follows the journal, or the one in that folder.
    pub fn follow(place: &Place, folder: Option<&Path>) -> io::Result<Self> {
        let mut command = Command::new("journalctl");
        command.args(["--output=json", "--all", "--follow", "--no-tail", "--no-pager"]);
        match place {
            Place::Cursor(cursor) => command.arg(format!("--cursor={cursor}")),
            Place::Since(us) => command.arg(format!("--since=@{}.{:06}", us / 1_000_000, us % 1_000_000)),
        };
        if let Some(folder) = folder {
            command.arg("--directory").arg(folder);
        }
        command.args(["SYSLOG_IDENTIFIER=sensor", "_TRANSPORT=journal"]).stdin(Stdio::null()).stdout(Stdio::piped());
        // SAFETY: between fork and exec only `prctl` runs, which is a bare system call and touches no memory.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            })
        };
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { items: spawn(BufReader::new(stdout))?, child: Some(child) })
    }

    /// Reads standard input.
    pub fn stdin() -> io::Result<Self> {
        Ok(Self { items: spawn(BufReader::new(io::stdin()))?, child: None })
    }

    /// What comes within `timeout`, `None` when nothing does.
    pub fn next(&self, timeout: Duration) -> Option<Item> {
        match self.items.recv_timeout(timeout) {
            Ok(item) => Some(item),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Item::End),
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn spawn(reader: impl BufRead + Send + 'static) -> io::Result<Receiver<Item>> {
    let (sender, items) = sync_channel(WAITING_MAX);
    std::thread::Builder::new().name("watch-source".to_owned()).spawn(move || read(reader, &sender))?;
    Ok(items)
}

fn read(mut reader: impl BufRead, sender: &SyncSender<Item>) {
    loop {
        let mut line = Vec::new();
        let item = match reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => Item::End,
            Ok(_) if line.last() == Some(&b'\n') => Item::Line(line),
            // What ends without a line's end was cut short.
            Ok(_) => match (line.len() as u64 == LINE_MAX).then(|| reader.skip_until(b'\n')) {
                Some(Ok(_)) => Item::Long,
                Some(Err(_)) | None => Item::End,
            },
        };
        let is_end = item == Item::End;
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
    fn check(text: &[u8], expected: &[Item]) {
        let (sender, items) = sync_channel(100);
        read(Cursor::new(text), &sender);
        drop(sender);
        assert_eq!(items.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn lines_come_whole_or_not_at_all() {
        let line = |text: &str| Item::Line(text.as_bytes().to_vec());
        check(b"", &[Item::End]);
        check(b"a\n\nb\n", &[line("a\n"), line("\n"), line("b\n"), Item::End]);
        check(b"a\nhalf", &[line("a\n"), Item::End]);
    }

    #[test]
    fn a_line_of_any_length_takes_bounded_memory() {
        let mut text = vec![b'x'; 3 << 20];
        text.extend_from_slice(b"\nb\n");
        check(&text, &[Item::Long, Item::Line(b"b\n".to_vec()), Item::End]);
        check(&text[..3 << 20], &[Item::Long, Item::End]);
    }
}
