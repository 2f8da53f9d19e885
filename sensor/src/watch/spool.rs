//! Events that alerts still have to take: files of lines beside the state, appended to, and removed as a whole when every
//! alert has read past them. So an action that fails costs a limited amount of disk and no memory, and delays no other.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::watch::entry::Event;

/// A file is not continued beyond this, bytes.
const SEGMENT_MAX: u64 = 4 << 20;
/// How many files are kept for an alert that takes nothing: 64 MiB, about 100,000 events.
const SEGMENTS_MAX: usize = 16;

/// A place in the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The file's number.
    pub segment: u64,
    /// Where in the file, bytes.
    pub offset: u64,
}

/// The writing end.
#[derive(Debug)]
pub struct Spool {
    stem: PathBuf,
    file: Option<File>,
    end: Position,
}

/// One alert's reading end.
#[derive(Debug)]
pub struct Tail {
    stem: PathBuf,
    reader: Option<BufReader<File>>,
    position: Position,
}

#[derive(Serialize, Deserialize)]
struct Line {
    database: String,
    record: Map<String, Value>,
}

impl Spool {
    /// Opens the spool beside the state file. It begins a new file: an earlier process may have left a half line in the
    /// last one.
    pub fn open(state: &Path) -> io::Result<Self> {
        let stem = stem(state);
        let last = segments(&stem)?.last().copied().unwrap_or(0);
        Ok(Self { stem, file: None, end: Position { segment: last + 1, offset: 0 } })
    }

    /// Where the next event goes.
    pub fn end(&self) -> Position {
        self.end
    }

    /// A reading end that begins there.
    pub fn tail(&self, position: Position) -> Tail {
        Tail { stem: self.stem.clone(), reader: None, position }
    }

    /// Puts the events on disk, all or none of them.
    pub fn append(&mut self, events: &[Event]) -> io::Result<()> {
        if self.end.offset >= SEGMENT_MAX {
            self.end = Position { segment: self.end.segment + 1, offset: 0 };
            self.file = None;
        }
        let mut lines = Vec::new();
        for event in events {
            let line = Line { database: event.database.clone(), record: event.record.clone() };
            serde_json::to_writer(&mut lines, &line)?;
            lines.push(b'\n');
        }
        let written = self.write(&lines);
        if written.is_err() {
            // The line may be half written: it is cut off, and readers stop before it.
            if let Some(file) = self.file.take() {
                drop(file.set_len(self.end.offset));
            }
        } else {
            self.end.offset += lines.len() as u64;
        }
        written
    }

    /// Removes files that every alert has read past (`taken`), and the oldest where there are too many: then returns the
    /// position before which events were given up.
    pub fn prune(&self, taken: Position) -> io::Result<Option<Position>> {
        let all = segments(&self.stem)?;
        let surplus = all.len().saturating_sub(SEGMENTS_MAX);
        let kept = all.get(surplus).copied().unwrap_or(0);
        for number in all.into_iter().filter(|number| *number < kept.max(taken.segment)) {
            std::fs::remove_file(path(&self.stem, number))?;
        }
        Ok((surplus > 0 && taken.segment < kept).then_some(Position { segment: kept, offset: 0 }))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = File::options().create(true).append(true).open(path(&self.stem, self.end.segment))?;
                file.set_len(self.end.offset)?;
                none.insert(file)
            }
        };
        file.write_all(lines)?;
        file.sync_data()
    }
}

impl Tail {
    /// The next event before `end`.
    pub fn next(&mut self, end: Position) -> io::Result<Option<Event>> {
        while self.position < end {
            if self.reader.is_none() {
                match File::open(path(&self.stem, self.position.segment)) {
                    Ok(mut file) => {
                        file.seek(SeekFrom::Start(self.position.offset))?;
                        self.reader = Some(BufReader::new(file));
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            let mut line = Vec::new();
            if let Some(reader) = &mut self.reader {
                reader.read_until(b'\n', &mut line)?;
            }
            if line.last() != Some(&b'\n') {
                self.reader = None;
                if self.position.segment == end.segment {
                    // It was written before `end` was told; look again.
                    return Ok(None);
                }
                // A file's half last line was never part of it: what it told is read from the journal again.
                self.position = Position { segment: self.position.segment + 1, offset: 0 };
                continue;
            }
            self.position.offset += line.len() as u64;
            if let Ok(Line { database, record }) = serde_json::from_slice(&line) {
                let id = record.get("id").and_then(Value::as_u64).unwrap_or(0);
                return Ok(Some(Event { database, id, record }));
            }
        }
        Ok(None)
    }

    /// Behind the last event.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Goes on from there.
    pub fn skip_to(&mut self, position: Position) {
        self.position = position;
        self.reader = None;
    }
}

fn stem(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(".pending.");
    state.with_file_name(name)
}

fn path(stem: &Path, number: u64) -> PathBuf {
    let mut name = stem.file_name().unwrap_or_default().to_owned();
    name.push(number.to_string());
    stem.with_file_name(name)
}

/// The numbers of the files that are there, rising.
fn segments(stem: &Path) -> io::Result<Vec<u64>> {
    let folder = stem.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = stem.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.file_name();
        numbers.extend(file.to_str().and_then(|file| file.strip_prefix(&name)?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::watch::entry::fixture::event;
    use crate::watch::state::fixture::Folder;

    fn ids(tail: &mut Tail, end: Position) -> Vec<u64> {
        std::iter::from_fn(|| tail.next(end).unwrap()).map(|event| event.id).collect()
    }

    #[test]
    fn what_was_put_in_comes_out_also_after_a_restart() {
        let folder = Folder::new("spool");
        let mut spool = Spool::open(&folder.file("w")).unwrap();
        let begin = spool.end();
        let mut early = spool.tail(begin);
        assert_eq!(ids(&mut early, spool.end()), [0; 0]);
        spool.append(&[event(1, "a", "x"), event(2, "b", "y")]).unwrap();
        assert_eq!(early.next(spool.end()).unwrap(), Some(event(1, "a", "x")));
        let middle = early.position();
        // Killed in the middle of a line.
        let mut file = File::options().append(true).open(folder.file("w.pending.1")).unwrap();
        file.write_all(b"{\"database\":\"db\",\"rec").unwrap();
        let mut spool = Spool::open(&folder.file("w")).unwrap();
        spool.append(&[event(3, "c", "z")]).unwrap();
        assert_eq!(ids(&mut spool.tail(middle), spool.end()), [2, 3]);
        assert_eq!(ids(&mut spool.tail(Position::default()), spool.end()), [1, 2, 3]);
    }

    #[test]
    fn what_everybody_took_is_removed_and_the_rest_is_bounded() {
        let folder = Folder::new("spool-prune");
        let mut spool = Spool::open(&folder.file("w")).unwrap();
        let mut big = event(1, "a", "x");
        big.record.insert("fill".to_owned(), "x".repeat(50_000).into());
        let many = vec![big; 100];
        for _ in 0..4 {
            spool.append(&many).unwrap();
        }
        assert_eq!(segments(&spool.stem).unwrap(), [1, 2, 3, 4]);
        assert_eq!(spool.prune(Position { segment: 3, offset: 5 }).unwrap(), None);
        assert_eq!(segments(&spool.stem).unwrap(), [3, 4]);
        for _ in 0..SEGMENTS_MAX {
            spool.append(&many).unwrap();
        }
        let kept = spool.prune(Position { segment: 3, offset: 5 }).unwrap();
        assert_eq!(segments(&spool.stem).unwrap().len(), SEGMENTS_MAX);
        assert_eq!(kept, Some(Position { segment: 5, offset: 0 }));
    }

    #[test]
    fn a_disk_that_is_full_leaves_no_half_events() {
        let folder = Folder::new("spool-full");
        let mut spool = Spool::open(&folder.file("w")).unwrap();
        let begin = spool.end();
        spool.file = Some(File::options().write(true).open("/dev/full").unwrap());
        assert!(spool.append(&[event(1, "a", "x")]).is_err());
        assert_eq!(spool.end(), begin);
        spool.append(&[event(1, "a", "x")]).unwrap();
        assert_eq!(ids(&mut spool.tail(begin), spool.end()), [1]);
    }
}
