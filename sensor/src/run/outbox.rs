//! Events on their way from the database to the sinks. The database is the queue: each sink has a thread of its own that
//! reads from there what the sink has not got yet, in order, and tries again what could not be written. So a sink that is
//! slow or dead delays no other, costs no memory, and misses nothing, however long it was away.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::clock::Clock;
use crate::export::contract::EventSink;
use crate::pipeline::prepared::PreparedEvent;
use crate::store::batch::StoredEvent;
use crate::store::error::StoreError;
use crate::store::reader::{EventFilter, Reader};
use crate::terminal::notice;
use sensor_core::types::Timestamp;

/// Events on their way to the sinks.
pub struct Outbox {
    workers: Vec<SinkWorker>,
    /// The last event that is on disk.
    newest: u64,
}

/// How far a sink has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkStatus {
    /// `journal`, a file's path, or `syslog ADDRESS`.
    pub name: String,
    /// Events that it has not taken yet, counted by their ids.
    pub waiting: u64,
    /// The last event that it has taken.
    pub written_to: u64,
    /// Since when it takes nothing, and the error; `None` while it does.
    pub failing: Option<(Timestamp, String)>,
    /// Events that it can never take, because a stored record cannot be read or is larger than the sink allows.
    pub missed: u64,
}

/// Gives events with greater ids than this one, in order, some at a time.
type EventSource = Box<dyn FnMut(u64) -> Result<Vec<StoredEvent>, StoreError> + Send>;

/// Events that are read and written together.
const EVENTS_PER_BATCH: u32 = 256;
/// What could not be written is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// At the end, sinks that still have something to take are looked at so often, this far apart.
const FINISH_LOOKS: u32 = 400;
const FINISH_EVERY: Duration = Duration::from_millis(5);

/// A sink's thread, as the loop sees it.
struct SinkWorker {
    name: String,
    /// How far it has come is saved in the database: of every sink but the screen.
    is_kept: bool,
    /// The mark as it was last saved.
    saved_to: u64,
    shared: Arc<SinkShared>,
    thread: JoinHandle<()>,
}

/// What the loop and a sink's thread share.
#[derive(Default)]
struct SinkShared {
    state: Mutex<SinkState>,
    changed: Condvar,
}

#[derive(Default)]
struct SinkState {
    /// The last event that is on disk.
    newest: u64,
    /// The last event that the sink has taken.
    written_to: u64,
    /// Since when it takes nothing, and the error.
    failing: Option<(Timestamp, String)>,
    /// Events that it can never take.
    missed: u64,
    /// The reader of standard output has closed it: there is nothing more to do.
    is_gone: bool,
    /// The sink is to open its file anew.
    reopen: bool,
    /// The thread is to end when everything is written.
    ending: bool,
    /// A line that is no event; a later one replaces it.
    remark: Option<String>,
}

impl Outbox {
    /// Starts the threads. `marks` says how far each sink had come when the sensor last ran; a new one begins after
    /// `published_to`. `screen` begins after `newest`, the last event that is on disk now.
    pub fn open(
        sinks: Vec<Box<dyn EventSink>>,
        screen: Option<Box<dyn EventSink>>,
        marks: &BTreeMap<String, u64>,
        published_to: u64,
        newest: u64,
        db: &Path,
        clock: Clock,
    ) -> io::Result<Self> {
        let kept = sinks.into_iter().map(|sink| {
            let mark = marks.get(&sink.name()).copied().unwrap_or(published_to);
            SinkWorker::spawn(sink, true, mark, newest, from_database(db.to_owned()), clock)
        });
        let screen =
            screen.map(|sink| SinkWorker::spawn(sink, false, newest, newest, from_database(db.to_owned()), clock));
        Ok(Self { workers: kept.chain(screen).collect::<io::Result<_>>()?, newest })
    }

    /// Events up to this one are on disk.
    pub fn stored(&mut self, newest: u64) {
        self.newest = self.newest.max(newest);
        self.workers.iter().for_each(|worker| worker.shared.change(|state| state.newest = self.newest));
    }

    /// The last event that every sink with a saved mark has taken.
    pub fn published_to(&self) -> u64 {
        let kept = self.workers.iter().filter(|worker| worker.is_kept).map(|worker| worker.shared.lock());
        kept.filter(|state| !state.is_gone).map(|state| state.written_to).min().unwrap_or(self.newest)
    }

    /// How far each sink has come, where that has changed since it was saved.
    pub fn marks(&self) -> BTreeMap<String, u64> {
        let kept = self.workers.iter().filter(|worker| worker.is_kept);
        let moved =
            kept.map(|worker| (worker, worker.shared.lock().written_to)).filter(|(worker, to)| *to > worker.saved_to);
        moved.map(|(worker, to)| (worker.name.clone(), to)).collect()
    }

    /// These marks are in the database now.
    pub fn saved(&mut self, marks: &BTreeMap<String, u64>) {
        for worker in &mut self.workers {
            worker.saved_to = marks.get(&worker.name).copied().unwrap_or(worker.saved_to);
        }
    }

    /// How far each sink has come, without the screen.
    pub fn status(&self) -> Vec<SinkStatus> {
        let status = |worker: &SinkWorker| {
            let state = worker.shared.lock();
            SinkStatus {
                name: worker.name.clone(),
                waiting: if state.is_gone { 0 } else { self.newest.saturating_sub(state.written_to) },
                written_to: state.written_to,
                failing: state.failing.clone(),
                missed: state.missed,
            }
        };
        self.workers.iter().filter(|worker| worker.is_kept).map(status).collect()
    }

    /// Opens the sinks' files anew, after a log rotation.
    pub fn reopen(&mut self) {
        self.workers.iter().for_each(|worker| worker.shared.change(|state| state.reopen = true));
    }

    /// Shows a line that is no event on the screen. A reader that is slow gets the latest one only.
    pub fn remark(&mut self, line: &str) {
        let screens = self.workers.iter().filter(|worker| !worker.is_kept);
        screens.for_each(|worker| worker.shared.change(|state| state.remark = Some(line.to_owned())));
    }

    /// Gives the sinks two seconds to take what they can. What is left is written after the next start.
    pub async fn finish(&mut self) {
        self.workers.iter().for_each(|worker| worker.shared.change(|state| state.ending = true));
        for _ in 0..FINISH_LOOKS {
            if self.workers.iter().all(|worker| worker.thread.is_finished()) {
                return;
            }
            tokio::time::sleep(FINISH_EVERY).await;
        }
    }
}

impl SinkWorker {
    fn spawn(
        sink: Box<dyn EventSink>,
        is_kept: bool,
        mark: u64,
        newest: u64,
        source: EventSource,
        clock: Clock,
    ) -> io::Result<Self> {
        let name = sink.name();
        let shared = Arc::new(SinkShared::default());
        shared.change(|state| (state.newest, state.written_to) = (newest, mark));
        let thread = SinkThread { sink, shared: Arc::clone(&shared), source, clock, given_to: mark };
        let thread = Builder::new().name("sink".to_owned()).spawn(move || thread.work())?;
        Ok(Self { name, is_kept, saved_to: mark, shared, thread })
    }
}

impl SinkShared {
    /// Changes the state and wakes the thread.
    fn change(&self, change: impl FnOnce(&mut SinkState)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    /// A panic while the lock is held leaves nothing half changed: each change is one assignment or two.
    fn lock(&self) -> MutexGuard<'_, SinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do, or after a failure until it is time to try again.
    fn wait(&self) -> MutexGuard<'_, SinkState> {
        let state = self.lock();
        let is_idle = |state: &mut SinkState| {
            let has_news = state.newest > state.written_to && state.failing.is_none() && !state.is_gone;
            !(has_news || state.reopen || state.ending || state.remark.is_some())
        };
        let span = if state.failing.is_some() { RETRY_AFTER } else { Duration::MAX };
        let waited = self.changed.wait_timeout_while(state, span, is_idle);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A sink's thread, from inside.
struct SinkThread {
    sink: Box<dyn EventSink>,
    shared: Arc<SinkShared>,
    source: EventSource,
    clock: Clock,
    /// The last event that the sink was given. It may have buffered it.
    given_to: u64,
}

impl SinkThread {
    fn work(mut self) {
        loop {
            let mut state = self.shared.wait();
            let (newest, ending) = (state.newest, state.ending);
            let (reopen, remark) = (std::mem::take(&mut state.reopen), state.remark.take());
            if state.is_gone {
                return;
            }
            drop(state);
            if reopen && let Err(error) = self.sink.reopen() {
                notice::error(&format!("{}: {error}; events wait until it can be opened", self.sink.name()));
            }
            let shown = match remark {
                Some(line) => self.sink.remark(&line),
                None => Ok(()),
            };
            let written = shown.and_then(|()| self.write(newest));
            let is_all = written.as_ref().is_ok_and(|all| *all);
            self.note(written.map(drop));
            if ending && (is_all || self.shared.lock().failing.is_some()) {
                return;
            }
        }
    }

    /// Writes the next events that are on disk. Whether those were all.
    fn write(&mut self, newest: u64) -> io::Result<bool> {
        // What the sink has buffered and could not write comes first.
        self.sink.flush()?;
        let events = (self.source)(self.given_to).map_err(io::Error::other)?;
        let utc_offset_s = self.clock.utc_offset_s();
        let is_all = events.len() < EVENTS_PER_BATCH as usize;
        for event in events {
            let id = event.id;
            match PreparedEvent::from_store(event) {
                Ok(event) => match self.sink.publish(&event.record, &event.stored.record, utc_offset_s) {
                    Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => self.miss(id, &error),
                    result => result?,
                },
                Err(error) => self.miss(id, &error),
            }
            self.given_to = id;
        }
        self.sink.flush()?;
        if is_all {
            // The last ids may have no event: it was deleted, or it is muted.
            self.given_to = self.given_to.max(newest);
        }
        Ok(is_all)
    }

    /// Leaves out an event that would hold up all others for ever.
    fn miss(&self, id: u64, error: &dyn std::error::Error) {
        self.shared.change(|state| state.missed += 1);
        notice::error(&format!("{}: event {id} cannot be told here: {error}; it is in the database", self.sink.name()));
    }

    /// Notes how far the sink has come, or why it takes nothing.
    fn note(&mut self, result: io::Result<()>) {
        let mut state = self.shared.lock();
        match result {
            Ok(()) => {
                state.written_to = self.given_to;
                if state.failing.take().is_some() {
                    notice::info(&format!("{}: takes events again", self.sink.name()));
                }
            }
            // The reader of standard output has closed it.
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

/// Reads events from the database, and opens it anew after an error.
fn from_database(path: PathBuf) -> EventSource {
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

    /// Gives events up to `last`; the record of the fourth cannot be read.
    fn events(last: u64) -> EventSource {
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

    fn outbox(sink: impl EventSink + 'static, mark: u64, last: u64) -> Outbox {
        let worker = SinkWorker::spawn(Box::new(sink), true, mark, last, events(last), Clock::new()).unwrap();
        Outbox { workers: vec![worker], newest: last }
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
    fn a_sink_gets_what_it_lacks_and_an_unreadable_record_does_not_hold_it_up() {
        let path = fresh("lines");
        let mut outbox = outbox(Lines::file(&path).unwrap(), 2, 1000);
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
        let mut outbox = outbox(Lines::file(&path).unwrap(), 4, 500);
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
    fn a_dead_sink_is_reported_and_gets_everything_when_it_is_back() {
        let path = fresh("dead");
        let outbox = outbox(Syslog::new(path.display().to_string().parse().unwrap(), Format::Rfc5424), 4, 30);
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
    fn a_connection_that_breaks_is_made_anew_and_its_batch_sent_again() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp:{}", server.local_addr().unwrap()).parse().unwrap();
        let mut outbox = outbox(Syslog::new(address, Format::Rfc5424), 4, 2000);
        // Closes the first connection without reading.
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
        // What the first connection had not taken in is sent again.
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
    fn a_peer_that_does_not_read_holds_up_nothing() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp:{}", server.local_addr().unwrap()).parse().unwrap();
        let mut outbox = outbox(Syslog::new(address, Format::Rfc5424), 4, 100_000);
        let status = until(&outbox, |status| status.failing.is_some());
        assert_eq!((status.failing.unwrap().1.as_str(), status.missed), ("the peer does not read", 0));
        outbox.stored(100_001);
        assert!(outbox.published_to() < 100_000);
    }
}
