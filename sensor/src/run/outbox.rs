//! What is on disk and still has to be told. The database is the queue: each sink has a thread of its own that reads from
//! there what the sink has not got yet, in order, and tries again what could not be told. So a sink that is slow or dead
//! delays nobody, costs no memory, and misses nothing, however long it was away.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::clock::Clock;
use crate::export::sink::Sink;
use crate::pipeline::intake::Told;
use crate::store::batch::StoredEvent;
use crate::store::error::StoreError;
use crate::store::reader::{EventFilter, Reader};
use crate::terminal::notice;
use sensor_core::types::Timestamp;

/// Events on their way to the sinks.
pub struct Outbox {
    lanes: Vec<Lane>,
    /// The last event that is on disk.
    newest: u64,
}

/// How a sink fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkStatus {
    /// `journal`, a file's path, `syslog ADDRESS`.
    pub name: String,
    /// Events that it has not taken yet, counted by their ids.
    pub waiting: u64,
    /// The last event that it has taken.
    pub written_to: u64,
    /// Since when it takes nothing, and why.
    pub failing: Option<(Timestamp, String)>,
    /// Events that it can never take: records that nobody can read, or that are larger than it allows.
    pub missed: u64,
}

/// Where a sink's thread gets events with greater ids than this one, in order, some at a time.
type Source = Box<dyn FnMut(u64) -> Result<Vec<StoredEvent>, StoreError> + Send>;

/// Events that are read and told together.
const EVENTS_PER_BATCH: u32 = 256;
/// What could not be told is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long the end waits for sinks that still have something to take, in steps.
const LAST_WORDS: (u32, Duration) = (400, Duration::from_millis(5));

/// A sink, on its thread.
struct Lane {
    name: String,
    /// Whether its mark outlives the process.
    is_kept: bool,
    saved_to: u64,
    slot: Arc<Slot>,
    thread: JoinHandle<()>,
}

/// What the loop and a sink's thread tell each other.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    newest: u64,
    written_to: u64,
    failing: Option<(Timestamp, String)>,
    missed: u64,
    is_gone: bool,
    reopen: bool,
    ending: bool,
    /// The latest of its kind is enough.
    remark: Option<String>,
}

impl Outbox {
    /// Starts the threads. `marks` tells how far each sink had come when the sensor was last running; one that is new
    /// begins behind `published_to`. `screen` is told what is on disk from now on, which ends with `newest`.
    pub fn open(
        sinks: Vec<Sink>,
        screen: Option<Sink>,
        marks: &BTreeMap<String, u64>,
        published_to: u64,
        newest: u64,
        db: &Path,
        clock: Clock,
    ) -> io::Result<Self> {
        let kept = sinks.into_iter().map(|sink| {
            let mark = marks.get(&sink.name()).copied().unwrap_or(published_to);
            Lane::spawn(sink, true, mark, newest, from_database(db.to_owned()), clock)
        });
        let screen = screen.map(|sink| Lane::spawn(sink, false, newest, newest, from_database(db.to_owned()), clock));
        Ok(Self { lanes: kept.chain(screen).collect::<io::Result<_>>()?, newest })
    }

    /// Events up to this one are on disk.
    pub fn stored(&mut self, newest: u64) {
        self.newest = self.newest.max(newest);
        self.lanes.iter().for_each(|lane| lane.slot.tell(|state| state.newest = self.newest));
    }

    /// The last event that every sink has taken.
    pub fn published_to(&self) -> u64 {
        let kept = self.lanes.iter().filter(|lane| lane.is_kept).map(|lane| lane.slot.lock());
        kept.filter(|state| !state.is_gone).map(|state| state.written_to).min().unwrap_or(self.newest)
    }

    /// How far each sink has come, where that is not saved yet.
    pub fn marks(&self) -> BTreeMap<String, u64> {
        let kept = self.lanes.iter().filter(|lane| lane.is_kept);
        let moved = kept.map(|lane| (lane, lane.slot.lock().written_to)).filter(|(lane, to)| *to > lane.saved_to);
        moved.map(|(lane, to)| (lane.name.clone(), to)).collect()
    }

    /// These marks are on disk.
    pub fn saved(&mut self, marks: &BTreeMap<String, u64>) {
        for lane in &mut self.lanes {
            lane.saved_to = marks.get(&lane.name).copied().unwrap_or(lane.saved_to);
        }
    }

    /// How each sink fares.
    pub fn status(&self) -> Vec<SinkStatus> {
        let status = |lane: &Lane| {
            let state = lane.slot.lock();
            SinkStatus {
                name: lane.name.clone(),
                waiting: if state.is_gone { 0 } else { self.newest.saturating_sub(state.written_to) },
                written_to: state.written_to,
                failing: state.failing.clone(),
                missed: state.missed,
            }
        };
        self.lanes.iter().filter(|lane| lane.is_kept).map(status).collect()
    }

    /// Opens files anew, after a log rotation.
    pub fn reopen(&mut self) {
        self.lanes.iter().for_each(|lane| lane.slot.tell(|state| state.reopen = true));
    }

    /// Shows a line that is no event on the screen. Whoever does not read misses all but the latest.
    pub fn remark(&mut self, line: &str) {
        let screens = self.lanes.iter().filter(|lane| !lane.is_kept);
        screens.for_each(|lane| lane.slot.tell(|state| state.remark = Some(line.to_owned())));
    }

    /// Lets the sinks take what they can within two seconds. What is left is told after the next start.
    pub async fn finish(&mut self) {
        self.lanes.iter().for_each(|lane| lane.slot.tell(|state| state.ending = true));
        for _ in 0..LAST_WORDS.0 {
            if self.lanes.iter().all(|lane| lane.thread.is_finished()) {
                return;
            }
            tokio::time::sleep(LAST_WORDS.1).await;
        }
    }
}

impl Lane {
    fn spawn(sink: Sink, is_kept: bool, mark: u64, newest: u64, source: Source, clock: Clock) -> io::Result<Self> {
        let name = sink.name();
        let slot = Arc::new(Slot::default());
        slot.tell(|state| (state.newest, state.written_to) = (newest, mark));
        let courier = Courier { sink, slot: Arc::clone(&slot), source, clock, given_to: mark };
        let thread = Builder::new().name("sink".to_owned()).spawn(move || courier.work())?;
        Ok(Self { name, is_kept, saved_to: mark, slot, thread })
    }
}

impl Slot {
    fn tell(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    /// Nothing is half changed when a thread panics: each change is one assignment or two.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do: for news, or, after a failure, until it is time to try again.
    fn wait(&self) -> MutexGuard<'_, State> {
        let state = self.lock();
        let is_idle = |state: &mut State| {
            let has_news = state.newest > state.written_to && state.failing.is_none() && !state.is_gone;
            !(has_news || state.reopen || state.ending || state.remark.is_some())
        };
        let span = if state.failing.is_some() { RETRY_AFTER } else { Duration::MAX };
        let waited = self.changed.wait_timeout_while(state, span, is_idle);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A sink's thread.
struct Courier {
    sink: Sink,
    slot: Arc<Slot>,
    source: Source,
    clock: Clock,
    /// The last event that the sink was given; perhaps not written yet.
    given_to: u64,
}

impl Courier {
    fn work(mut self) {
        loop {
            let mut state = self.slot.wait();
            let (newest, ending) = (state.newest, state.ending);
            let (reopen, remark) = (std::mem::take(&mut state.reopen), state.remark.take());
            if state.is_gone {
                return;
            }
            drop(state);
            if reopen && let Err(error) = self.sink.reopen() {
                notice::error(&format!("{}: {error}; events wait until it can be opened", self.sink.name()));
            }
            let told = match remark {
                Some(line) => self.sink.remark(&line),
                None => Ok(()),
            };
            let told = told.and_then(|()| self.tell(newest));
            let is_all = told.as_ref().is_ok_and(|all| *all);
            self.note(told.map(drop));
            if ending && (is_all || self.slot.lock().failing.is_some()) {
                return;
            }
        }
    }

    /// Tells some of what is on disk; whether that was all.
    fn tell(&mut self, newest: u64) -> io::Result<bool> {
        // What was given earlier and could not be written comes first.
        self.sink.flush()?;
        let events = (self.source)(self.given_to).map_err(io::Error::other)?;
        let utc_offset_s = self.clock.utc_offset_s();
        let is_all = events.len() < EVENTS_PER_BATCH as usize;
        for event in events {
            let id = event.id;
            match Told::from_store(event) {
                Ok(told) => match self.sink.publish(&told.record, &told.stored.record, utc_offset_s) {
                    Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => self.miss(id, &error),
                    result => result?,
                },
                Err(error) => self.miss(id, &error),
            }
            self.given_to = id;
        }
        self.sink.flush()?;
        if is_all {
            // Numbers that no event bears any more.
            self.given_to = self.given_to.max(newest);
        }
        Ok(is_all)
    }

    /// Passes over an event that would hold up all others for ever.
    fn miss(&self, id: u64, error: &dyn std::error::Error) {
        self.slot.tell(|state| state.missed += 1);
        notice::error(&format!("{}: event {id} cannot be told here: {error}; it is in the database", self.sink.name()));
    }

    /// Notes how far the sink has come, and what keeps it.
    fn note(&mut self, result: io::Result<()>) {
        let mut state = self.slot.lock();
        match result {
            Ok(()) => {
                state.written_to = self.given_to;
                if state.failing.take().is_some() {
                    notice::info(&format!("{}: takes events again", self.sink.name()));
                }
            }
            // The reader of standard output has gone, which is its right.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => state.is_gone = true,
            Err(error) => {
                if !self.sink.keeps() {
                    self.given_to = state.written_to;
                }
                let since = match state.failing.take() {
                    Some((since, _)) => since,
                    None => {
                        let name = self.sink.name();
                        notice::warning(&format!("{name}: {error}; events wait and are tried again every second"));
                        self.clock.now()
                    }
                };
                state.failing = Some((since, error.to_string()));
            }
        }
    }
}

/// Reads from the database; opens it anew after an error.
fn from_database(path: PathBuf) -> Source {
    let mut open: Option<Reader> = None;
    Box::new(move |after| {
        let reader = match open.take() {
            Some(reader) => reader,
            None => Reader::open(&path)?,
        };
        let limit = Some(EVENTS_PER_BATCH);
        let filter = EventFilter { after_id: Some(after), unmuted: true, limit, ..EventFilter::default() };
        let events = reader.events(&filter)?;
        open = Some(reader);
        Ok(events)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::fs;
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::export::lines::Lines;
    use crate::export::record::event::EventRecord;
    use crate::export::syslog::Syslog;
    use crate::export::syslog::form::Format;

    /// As if these were on disk; the fourth can be read by nobody.
    fn events(last: u64) -> Source {
        Box::new(move |after| {
            let record = |id: u64| EventRecord { id, kind: "new-host".to_owned(), ..EventRecord::default() };
            let event = |id: u64| StoredEvent {
                id,
                at: Timestamp::EPOCH,
                kind: String::new(),
                severity: String::new(),
                segment: None,
                host: None,
                record: if id == 4 { "{".to_owned() } else { serde_json::to_string(&record(id)).unwrap() },
                cause: None,
                muted: None,
                count: 1,
                last_at: None,
            };
            Ok((after + 1..=last).take(EVENTS_PER_BATCH as usize).map(event).collect())
        })
    }

    fn outbox(sink: Sink, mark: u64, last: u64) -> Outbox {
        let lane = Lane::spawn(sink, true, mark, last, events(last), Clock::new()).unwrap();
        Outbox { lanes: vec![lane], newest: last }
    }

    #[track_caller]
    fn until(outbox: &Outbox, what: impl Fn(&SinkStatus) -> bool) -> SinkStatus {
        for _ in 0..6000 {
            let status = outbox.status().remove(0);
            if what(&status) {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{:?}", outbox.status());
    }

    fn fresh(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("sensor-outbox-{}-{name}", std::process::id()));
        drop(fs::remove_file(&path));
        path
    }

    fn ids(lines: &str) -> Vec<u64> {
        lines.lines().map(|line| serde_json::from_str::<EventRecord>(line).unwrap().id).collect()
    }

    #[test]
    fn a_sink_gets_what_it_has_not_and_is_not_held_up_by_what_nobody_can_read() {
        let path = fresh("lines");
        let mut outbox = outbox(Sink::Lines(Lines::file(&path).unwrap()), 2, 1000);
        let status = until(&outbox, |status| status.waiting == 0);
        assert_eq!((status.written_to, status.missed, status.failing), (1000, 1, None));
        let marks = outbox.marks();
        assert_eq!(marks, BTreeMap::from([(path.display().to_string(), 1000)]));
        outbox.saved(&marks);
        assert_eq!((outbox.marks().len(), outbox.published_to()), (0, 1000));
        let expected: Vec<u64> = [3].into_iter().chain(5..=1000).collect();
        assert_eq!(ids(&fs::read_to_string(&path).unwrap()), expected);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_rotated_file_loses_no_line() {
        let (path, rotated) = (fresh("rotate"), fresh("rotate.1"));
        let mut outbox = outbox(Sink::Lines(Lines::file(&path).unwrap()), 4, 500);
        until(&outbox, |status| status.written_to >= 300);
        fs::rename(&path, &rotated).unwrap();
        outbox.reopen();
        outbox.stored(600);
        until(&outbox, |status| status.waiting == 0 && path.exists());
        let all = fs::read_to_string(&rotated).unwrap() + &fs::read_to_string(&path).unwrap();
        assert_eq!(ids(&all), (5..=500).collect::<Vec<_>>());
        [path, rotated].iter().for_each(|path| fs::remove_file(path).unwrap());
    }

    #[test]
    fn a_dead_sink_says_so_and_gets_everything_when_it_is_back() {
        let path = fresh("dead");
        let outbox =
            outbox(Sink::Syslog(Syslog::new(path.display().to_string().parse().unwrap(), Format::Rfc5424)), 4, 30);
        let status = until(&outbox, |status| status.failing.is_some());
        assert_eq!((status.waiting, status.written_to, outbox.published_to()), (26, 4, 4));
        let server = UnixDatagram::bind(&path).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut buffer = [0; 8192];
        for id in 5..=30 {
            let len = server.recv(&mut buffer).unwrap();
            assert!(String::from_utf8_lossy(&buffer[..len]).contains(&format!(" event_id=\"{id}\" ")));
        }
        assert_eq!(until(&outbox, |status| status.waiting == 0).failing, None);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_connection_that_breaks_is_made_anew_and_its_batch_told_again() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp:{}", server.local_addr().unwrap()).parse().unwrap();
        let mut outbox = outbox(Sink::Syslog(Syslog::new(address, Format::Rfc5424)), 4, 2000);
        // Takes nothing in, and goes.
        drop(server.accept().unwrap());
        let (mut stream, _) = server.accept().unwrap();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            stream.read_to_end(&mut all).map(|_| all)
        });
        until(&outbox, |status| status.waiting == 0);
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(outbox.finish());
        drop(outbox);
        let ids = octet_counted(&reader.join().unwrap().unwrap());
        // What the first connection had not taken in is told again.
        assert_eq!((ids.last(), ids.is_sorted()), (Some(&2000), true));
        assert_eq!(ids.len() as u64, 2000 - ids[0] + 1);
    }

    /// RFC 6587, section 3.4.1.
    fn octet_counted(mut all: &[u8]) -> Vec<u64> {
        let mut ids = Vec::new();
        while let Some(space) = all.iter().position(|&byte| byte == b' ') {
            let len: usize = str::from_utf8(&all[..space]).unwrap().parse().unwrap();
            let (message, rest) = all[space + 1..].split_at(len);
            let message = str::from_utf8(message).unwrap();
            assert!(message.starts_with("<29>1 "), "{message}");
            let id = message.split_once("event_id=\"").unwrap().1.split_once('"').unwrap().0;
            ids.push(id.parse().unwrap());
            all = rest;
        }
        assert!(all.is_empty());
        ids
    }

    #[test]
    fn a_peer_that_does_not_read_holds_up_nobody() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp:{}", server.local_addr().unwrap()).parse().unwrap();
        let mut outbox = outbox(Sink::Syslog(Syslog::new(address, Format::Rfc5424)), 4, 100_000);
        let status = until(&outbox, |status| status.failing.is_some());
        assert_eq!((status.failing.unwrap().1.as_str(), status.missed), ("the peer does not read", 0));
        outbox.stored(100_001);
        assert!(outbox.published_to() < 100_000);
    }
}
