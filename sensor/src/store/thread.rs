//! The writer on a thread of its own, so that a slow disk delays the next batch and never a frame. One job at a time: while
//! one runs, a new batch is given back, and the caller adds to it.

use std::future;
use std::io;
use std::sync::mpsc as job_queue;
use std::thread::{Builder, JoinHandle};

use tokio::sync::mpsc as done_queue;

use crate::store::batch::Batch;
use crate::store::error::StoreError;
use crate::store::writer::Writer;
use sensor_core::types::Timestamp;

/// How a job ended.
#[derive(Debug)]
pub struct Done {
    /// The batch that was to be saved, to be published or tried again. Empty after pruning.
    pub batch: Batch,
    /// How many events were pruned. 0 after a commit.
    pub pruned: u32,
    /// Whether it worked. On an error nothing was saved.
    pub result: Result<(), StoreError>,
}

/// The handle of the thread. It is to be closed: dropping it ignores how the running job ends, and leaves a WAL.
#[derive(Debug)]
pub struct WriterThread {
    jobs: job_queue::SyncSender<Job>,
    done: done_queue::Receiver<Done>,
    busy: bool,
    thread: JoinHandle<Writer>,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one job at a time, moved once: a box would cost more than it saves")]
enum Job {
    Commit(Batch),
    Prune { events_before: Timestamp, rows_max: u32 },
}

impl WriterThread {
    /// Starts the thread.
    pub fn spawn(writer: Writer) -> io::Result<Self> {
        let (jobs, next_job) = job_queue::sync_channel(1);
        let (report, done) = done_queue::channel(1);
        let thread = Builder::new().name("store".to_owned()).spawn(move || work(writer, &next_job, &report))?;
        Ok(Self { jobs, done, busy: false, thread })
    }

    /// Begins to save a batch, or gives it back while another job runs. [`WriterThread::done`] says how it ended.
    #[allow(clippy::result_large_err, reason = "giving the batch back is the answer, not a failure's rare path")]
    pub fn try_commit(&mut self, batch: Batch) -> Result<(), Batch> {
        if self.busy {
            return Err(batch);
        }
        self.begin(Job::Commit(batch));
        Ok(())
    }

    /// Begins [`Writer::prune`]; false while another job runs. [`WriterThread::done`] says how it ended.
    pub fn try_prune(&mut self, events_before: Timestamp, rows_max: u32) -> bool {
        if self.busy {
            return false;
        }
        self.begin(Job::Prune { events_before, rows_max });
        true
    }

    /// Waits for the end of the running job, for ever where none runs. Cancel-safe.
    pub async fn done(&mut self) -> Done {
        if !self.busy {
            return future::pending().await;
        }
        let done = self.done.recv().await.expect("the thread ends only after its handle");
        self.busy = false;
        done
    }

    /// Whether a job runs, or its end was not taken yet.
    pub fn busy(&self) -> bool {
        self.busy
    }

    /// Waits for the running job, then closes the writer. Returns the first error of both.
    pub fn close(self) -> Result<(), StoreError> {
        let Self { jobs, mut done, busy: _, thread } = self;
        drop(jobs);
        let writer = thread.join().expect("the writer does not panic");
        let last = done.try_recv().map_or(Ok(()), |done| done.result);
        let closed = writer.close();
        last.and(closed)
    }

    fn begin(&mut self, job: Job) {
        self.jobs.try_send(job).expect("the thread waits for a job while none runs");
        self.busy = true;
    }
}

/// Works until the handle is gone.
fn work(mut writer: Writer, jobs: &job_queue::Receiver<Job>, report: &done_queue::Sender<Done>) -> Writer {
    for job in jobs {
        let done = match job {
            Job::Commit(batch) => {
                let result = writer.commit(&batch);
                Done { batch, pruned: 0, result }
            }
            Job::Prune { events_before, rows_max } => {
                let (pruned, result) = match writer.prune(events_before, rows_max) {
                    Ok(pruned) => (pruned, Ok(())),
                    Err(error) => (0, Err(error)),
                };
                Done { batch: Batch::default(), pruned, result }
            }
        };
        // Fails where the handle was dropped; the job is done all the same.
        drop(report.blocking_send(done));
    }
    writer
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use tokio::runtime::Builder as Runtime;

    use super::*;
    use crate::store::fixture::batches::{batch_of, events, network};
    use crate::store::fixture::folder::Folder;

    fn check<T>(test: impl Future<Output = T>) -> T {
        Runtime::new_current_thread().build().unwrap().block_on(test)
    }

    #[test]
    fn a_batch_is_saved_and_given_back() {
        let folder = Folder::new();
        let mut thread = WriterThread::spawn(folder.open().0).unwrap();
        check(async {
            thread.try_commit(events([1])).unwrap();
            let done = thread.done().await;
            done.result.unwrap();
            assert_eq!(done.batch.events, events([1]).events);
            assert!(!thread.busy());
        });
        thread.close().unwrap();
        assert_eq!(folder.events(), events([1]).events);
    }

    #[test]
    fn a_busy_writer_gives_the_batch_back() {
        let folder = Folder::new();
        let mut thread = WriterThread::spawn(folder.open().0).unwrap();
        check(async {
            thread.try_commit(batch_of(network(50))).unwrap();
            assert!(thread.busy());
            let back = thread.try_commit(events([1])).unwrap_err();
            assert_eq!(back.events, events([1]).events);
            assert!(!thread.try_prune(Timestamp::EPOCH, 1));
            thread.done().await.result.unwrap();
            thread.try_commit(back).unwrap();
            thread.done().await.result.unwrap();
        });
        thread.close().unwrap();
    }

    #[test]
    fn waiting_may_be_given_up() {
        let folder = Folder::new();
        let mut thread = WriterThread::spawn(folder.open().0).unwrap();
        check(async {
            // Nothing runs: the other branch wins.
            tokio::select! { biased; _ = thread.done() => panic!("nothing was done"), () = async {} => {} }
            thread.try_commit(events([1])).unwrap();
            tokio::select! { biased; () = async {} => {}, _ = thread.done() => {} }
            assert_eq!(thread.done().await.batch.events.len(), 1);
        });
        thread.close().unwrap();
    }

    #[test]
    fn closing_waits_for_the_running_job() {
        let folder = Folder::new();
        let mut thread = WriterThread::spawn(folder.open().0).unwrap();
        thread.try_commit(events(1..=9)).unwrap();
        thread.close().unwrap();
        assert!(!folder.file("db-wal").exists());
        assert_eq!(folder.events().len(), 9);
    }

    #[test]
    fn pruning_tells_how_many() {
        let folder = Folder::new();
        let mut writer = folder.open().0;
        writer.commit(&Batch { published_to: Some(9), ..events(1..=9) }).unwrap();
        let mut thread = WriterThread::spawn(writer).unwrap();
        check(async {
            assert!(thread.try_prune(Timestamp::from_secs(5), 100));
            let done = thread.done().await;
            done.result.unwrap();
            assert_eq!((done.pruned, done.batch.is_empty()), (4, true));
        });
        thread.close().unwrap();
    }
}
