//! JSON Lines to a file or to standard output: whole lines only, one write a batch.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::export::contract::EventSink;
use crate::export::record::event::EventRecord;

/// A JSON Lines sink.
#[derive(Debug)]
pub struct Lines {
    /// `None`: standard output.
    path: Option<PathBuf>,
    /// `None`: standard output, before its first line.
    file: Option<File>,
    /// Lines that are not written yet, or not to their ends.
    pending: Vec<u8>,
    /// How much of `pending` is in the file already, bytes: part of its first line.
    begun: usize,
    /// Lines that were dropped because `pending` was full.
    dropped_total: u64,
    /// Whether a pipe whose reader does not read is an error instead of being waited for.
    hasty: bool,
}

/// How much is kept for a file that cannot be written, bytes: the lines of some thousand sightings.
pub const PENDING_MAX: usize = 4 << 20;

impl Lines {
    /// Appends to a file, made if need be; a line that a crash left unfinished is ended first. Fails when the file
    /// cannot be opened for reading and appending.
    pub fn file(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: Some(path.to_owned()),
            file: Some(open(path)?),
            pending: Vec::new(),
            begun: 0,
            dropped_total: 0,
            hasty: false,
        })
    }

    /// Writes to standard output.
    pub fn stdout() -> Self {
        Self { path: None, file: None, pending: Vec::new(), begun: 0, dropped_total: 0, hasty: false }
    }

    /// Never waits for a pipe's reader: lines pend while it does not read.
    pub fn hasty(self) -> Self {
        Self { hasty: true, ..self }
    }

    /// The file's path; `-` for standard output.
    pub fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string())
    }

    /// Takes in one line, without its newline; written by `flush`, or at once when [`PENDING_MAX`] is reached. A line that
    /// then cannot be written is dropped and counted; a caller that must not lose lines asks `is_full` first.
    pub fn push(&mut self, json: &str) {
        // The error stays with what is pending, and the caller's next flush meets it.
        if self.is_full() && self.flush().is_err() && self.is_full() {
            self.dropped_total += 1;
            return;
        }
        self.pending.extend_from_slice(json.as_bytes());
        self.pending.push(b'\n');
    }

    /// Whether the next line may be dropped, unless `flush` makes room.
    pub fn is_full(&self) -> bool {
        self.pending.len() >= PENDING_MAX
    }

    /// How many lines were dropped since the start.
    pub fn dropped_total(&self) -> u64 {
        self.dropped_total
    }

    /// Writes what was pushed; what cannot be written stays pending. A closed standard output is `BrokenPipe`.
    pub fn flush(&mut self) -> io::Result<()> {
        let result = self.write();
        let whole = self.pending[..self.begun].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        self.pending.drain(..whole);
        self.begun -= whole;
        result
    }

    /// Opens the file again under its name, after log rotation moved it. Writes what is pending to the old one first;
    /// lines that could not be ended there are in the new one as a whole.
    pub fn reopen(&mut self) -> io::Result<()> {
        let flushed = self.flush();
        if let Some(path) = &self.path {
            self.file = Some(open(path)?);
            self.begun = 0;
            return self.flush();
        }
        flushed
    }

    /// Writes pending bytes from `begun` on, and moves it.
    fn write(&mut self) -> io::Result<()> {
        while self.begun < self.pending.len() {
            let file = match &mut self.file {
                Some(file) => file,
                // Not through the standard library's buffer, which does not say how much of a line it has written.
                None => self.file.insert(standard_output()?),
            };
            let mut rest = &self.pending[self.begun..];
            if self.hasty {
                if !takes_some(file) {
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, "its reader does not read"));
                }
                rest = &rest[..rest.len().min(libc::PIPE_BUF)];
            }
            match file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => self.begun += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl EventSink for Lines {
    fn name(&self) -> String {
        Self::name(self)
    }

    /// Waits until the next flush. A full sink is an error: events are never dropped.
    fn publish(&mut self, _record: &EventRecord, json: &str, _utc_offset_s: i32) -> io::Result<()> {
        if self.is_full() {
            Self::flush(self)?;
        }
        self.push(json);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::flush(self)
    }

    fn remark(&mut self, json: &str) -> io::Result<()> {
        self.push(json);
        Self::flush(self)
    }

    fn reopen(&mut self) -> io::Result<()> {
        Self::reopen(self)
    }
}

/// Whether a write of `PIPE_BUF` bytes would not wait, as files never do (poll(2), pipe(7)).
fn takes_some(file: &File) -> bool {
    let mut polled = [PollFd::new(file, PollFlags::OUT)];
    // An interrupted call leaves no answer.
    poll(&mut polled, Some(&Timespec::default())).is_ok() && !polled[0].revents().is_empty()
}

fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
    if is_cut(&file)? {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn standard_output() -> io::Result<File> {
    let mut file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    // The shell's `>>` opens a file for writing only: it is read under a second descriptor. Where that is not possible, a
    // cut line stays as it is.
    if File::open("/proc/self/fd/1").is_ok_and(|file| is_cut(&file).unwrap_or(false)) {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Whether a file's last line has no end, because the kernel stops in the middle of a write of a killed process.
fn is_cut(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.read_exact_at(&mut last, metadata.len() - 1)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::env::temp_dir;
    use std::fs;
    use std::io::Read as _;

    use super::*;

    /// What the file holds after the lines were pushed to it; `before` is what it held.
    #[track_caller]
    fn check(name: &str, before: Option<&str>, lines: &[&str], expected: &str) {
        let path = fresh(name);
        if let Some(before) = before {
            fs::write(&path, before).unwrap();
        }
        let mut sink = Lines::file(&path).unwrap();
        lines.iter().for_each(|line| sink.push(line));
        sink.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        fs::remove_file(&path).unwrap();
    }

    fn fresh(name: &str) -> PathBuf {
        let path = temp_dir().join(format!("sensor-lines-{}-{name}", std::process::id()));
        drop(fs::remove_file(&path));
        path
    }

    #[test]
    fn a_new_file() {
        check("new", None, &["a", "b"], "a\nb\n");
    }

    #[test]
    fn a_file_is_appended_to() {
        check("old", Some("a\n"), &["b"], "a\nb\n");
    }

    #[test]
    fn a_line_that_a_crash_cut_is_ended() {
        check("cut", Some("a\n{\"id\":"), &["b"], "a\n{\"id\":\nb\n");
    }

    #[test]
    fn a_rotated_file_gets_what_was_pushed_before() {
        let (path, rotated) = (fresh("log"), fresh("log.1"));
        let mut sink = Lines::file(&path).unwrap();
        sink.push("a");
        fs::rename(&path, &rotated).unwrap();
        sink.reopen().unwrap();
        sink.push("b");
        sink.flush().unwrap();
        assert_eq!([&rotated, &path].map(|path| fs::read_to_string(path).unwrap()), ["a\n", "b\n"]);
        [rotated, path].iter().for_each(|path| fs::remove_file(path).unwrap());
    }

    #[test]
    fn a_line_that_one_file_cut_is_whole_in_the_next() {
        let path = fresh("next");
        let mut sink = Lines::file(Path::new("/dev/full")).unwrap();
        sink.push("abc");
        (sink.begun, sink.path) = (2, Some(path.clone()));
        sink.reopen().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "abc\n");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_reader_that_does_not_read_is_not_waited_for() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut sink = Lines::stdout().hasty();
        sink.file = Some(File::from(std::os::fd::OwnedFd::from(writer)));
        let lines: Vec<String> = (0..30_000).map(|number| format!("line {number}")).collect();
        lines.iter().for_each(|line| sink.push(line));
        assert_eq!(sink.flush().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut read = Vec::new();
        let mut part = [0; 1 << 16];
        while sink.flush().is_err() {
            let len = reader.read(&mut part).unwrap();
            read.extend_from_slice(&part[..len]);
        }
        drop(sink);
        reader.read_to_end(&mut read).unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), lines.join("\n") + "\n");
    }

    #[test]
    fn a_full_disk_costs_no_more_than_the_limit() {
        let mut sink = Lines::file(Path::new("/dev/full")).unwrap();
        let line = "x".repeat(PENDING_MAX / 4 - 1);
        (0..6).for_each(|_| sink.push(&line));
        assert_eq!((sink.pending.len(), sink.dropped_total()), (PENDING_MAX, 2));
        assert_eq!(sink.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn events_are_refused_not_dropped() {
        let mut sink = Lines::file(Path::new("/dev/full")).unwrap();
        sink.push(&"x".repeat(PENDING_MAX));
        assert!(sink.publish(&EventRecord::default(), "{}", 0).is_err());
        assert_eq!(sink.dropped_total(), 0);
    }
}
