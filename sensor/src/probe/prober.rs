//! The prober, which runs all techniques. `sensor run` gives it a thread of its own, so that probing never delays the
//! capture. A scan runs it as a task on its own runtime, which saves a wake-up for each answer.
//! Probes arrive in a bounded queue and answers leave by another. The number of concurrent probes through sockets is
//! limited; at the limit the queue fills and the planner waits.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::probe::counts::Counts;
use crate::probe::dns::Names;
use crate::probe::pace::Pace;
use crate::probe::raw::{BATCH, Raw, Speaker};
use crate::probe::snmp::Credentials;
use crate::probe::tcp::permits::Permits;
use crate::probe::tools::{NetworkTools, Tools};
use sensor_core::inventory::planner::probe::Probe;
use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::Iface;

/// Configuration of a prober.
#[derive(Debug)]
pub struct ProberConfig {
    /// The speakers on the segments of each interface.
    pub speakers: Vec<SegmentSpeaker>,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// Maximum number of concurrent probes through sockets.
    pub concurrency: usize,
    /// Maximum number of packets a second.
    pub rate_per_s: u32,
    /// Name servers and credentials by network; the longest matching prefix is used. Elsewhere the system's name
    /// servers are.
    pub scopes: Vec<Scope>,
}

/// The speaker on the segments of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentSpeaker {
    /// The interface of the segments: a mirror port, or the speaker's own.
    pub iface: Iface,
    /// The interface that sends.
    pub speaker: Speaker,
}

/// Settings of a network.
#[derive(Debug)]
pub struct Scope {
    /// The network.
    pub prefix: IpNet,
    /// Its name servers; the system's when there are none.
    pub nameservers: Vec<std::net::SocketAddr>,
    /// Its SNMP credentials.
    pub credentials: Vec<Credentials>,
}

/// Handle of the prober. Dropping it cancels all probes.
#[derive(Debug)]
pub struct Prober {
    asks: Option<Sender<Probe>>,
    speakers: watch::Sender<Vec<SegmentSpeaker>>,
    answers: Receiver<Sighting>,
    counts: Arc<Counts>,
    worker: WorkerHandle,
}

/// Where the worker runs.
#[derive(Debug)]
enum WorkerHandle {
    /// On the runtime of the handle's owner.
    Task(tokio::task::JoinHandle<()>),
    /// On a thread of its own.
    Thread(Option<JoinHandle<()>>),
}

/// Capacity of the queues of probes and of answers.
const QUEUE: usize = 1024;
/// Pause before sending again to an interface whose queue is full.
const BUSY: Duration = Duration::from_millis(1);

impl Prober {
    /// Starts a thread, in the network namespace of the caller. Where a raw socket cannot be opened (no `CAP_NET_RAW`),
    /// ARP and NDP probes are counted as failed.
    pub fn spawn(prober_config: ProberConfig) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Self::begin(prober_config, |work| {
            let thread = std::thread::Builder::new().name("prober".to_owned()).spawn(move || runtime.block_on(work))?;
            Ok(WorkerHandle::Thread(Some(thread)))
        })
    }

    /// Like [`Prober::spawn`], but as a task of the caller's runtime.
    pub fn spawn_here(prober_config: ProberConfig) -> io::Result<Self> {
        Self::begin(prober_config, |work| Ok(WorkerHandle::Task(tokio::spawn(work))))
    }

    fn begin(
        prober_config: ProberConfig,
        start: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>) -> io::Result<WorkerHandle>,
    ) -> io::Result<Self> {
        let (asks, asked) = mpsc::channel(QUEUE);
        let (answer, answers) = mpsc::channel(QUEUE);
        let (speakers, speaker_updates) = watch::channel(Vec::new());
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        // The worker is made inside the runtime, because it opens sockets.
        let work = async { Worker::new(prober_config, answer, shared).work(asked, speaker_updates).await };
        let worker = start(Box::pin(work))?;
        Ok(Self { asks: Some(asks), speakers, answers, counts, worker })
    }

    /// Replaces the speakers. Sockets of unchanged speakers stay open, unless they have lost their interface.
    pub fn set_speakers(&self, speakers: Vec<SegmentSpeaker>) {
        self.speakers.send_replace(speakers);
    }

    /// How many probes the queue can take now.
    pub fn room(&self) -> usize {
        self.asks.as_ref().map_or(0, Sender::capacity)
    }

    /// Queues a probe; returns it when the queue is full.
    pub fn ask(&self, probe: Probe) -> Result<(), Probe> {
        self.counts.open.fetch_add(1, Ordering::Relaxed);
        match self.asks.as_ref().map(|asks| asks.try_send(probe)) {
            Some(Err(TrySendError::Full(probe) | TrySendError::Closed(probe))) => {
                self.counts.open.fetch_sub(1, Ordering::Relaxed);
                Err(probe)
            }
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Whether all probes are done and all answers received.
    pub fn is_idle(&self) -> bool {
        self.counts.open.load(Ordering::Acquire) == 0 && self.answers.is_empty()
    }

    /// Waits for the next answer; pending forever when the worker has ended. Cancel-safe.
    pub async fn answer(&mut self) -> Sighting {
        match self.answers.recv().await {
            Some(sighting) => sighting,
            None => std::future::pending().await,
        }
    }

    /// The next answer, if one is waiting.
    pub fn try_answer(&mut self) -> Option<Sighting> {
        self.answers.try_recv().ok()
    }

    /// The counters of probes and answers.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        // The worker ends when the queue of probes is closed, and drops the open ones.
        self.asks = None;
        self.answers.close();
        match &mut self.worker {
            WorkerHandle::Task(task) => task.abort(),
            // A panic of the thread is ignored: nothing is left to clean up.
            WorkerHandle::Thread(thread) => drop(thread.take().map(JoinHandle::join)),
        }
    }
}

/// The worker that sends probes, with its sockets.
struct Worker {
    /// Speakers by the interface of their segments.
    speakers: BTreeMap<Iface, Speaker>,
    /// Raw sockets, opened for the first frame.
    raws: BTreeMap<Iface, Raw>,
    tools: Arc<Tools>,
    open_max: usize,
    counts: Arc<Counts>,
}

impl Worker {
    fn new(prober_config: ProberConfig, answers: Sender<Sighting>, counts: Arc<Counts>) -> Self {
        let ProberConfig { speakers: known, timeout, concurrency, rate_per_s, scopes } = prober_config;
        let scopes = scopes.into_iter().map(|scope| {
            let names = (!scope.nameservers.is_empty()).then(|| Names::new(&scope.nameservers));
            NetworkTools { prefix: scope.prefix, names, credentials: scope.credentials.into() }
        });
        let mut scopes: Vec<_> = scopes.collect();
        scopes.sort_by_key(|scope| std::cmp::Reverse(scope.prefix.prefix_len()));
        let tools = Tools {
            icmp: OnceLock::new(),
            permits: Permits::new(concurrency),
            pace: Pace::new(rate_per_s),
            scopes,
            system: OnceLock::new(),
            timeout,
            answers,
            counts: Arc::clone(&counts),
        };
        let (speakers, raws) = (BTreeMap::new(), BTreeMap::new());
        let mut worker = Self { speakers, raws, tools: Arc::new(tools), open_max: concurrency.max(1), counts };
        worker.set_speakers(&known);
        worker
    }

    /// Takes over the speakers and closes sockets that no longer fit; they are opened again when needed.
    fn set_speakers(&mut self, speakers: &[SegmentSpeaker]) {
        for SegmentSpeaker { iface, speaker } in speakers {
            self.speakers.insert(*iface, speaker.clone());
            self.raws.retain(|known, raw| known != iface || (raw.speaker() == speaker && raw.is_bound()));
        }
    }

    /// Opens the raw sockets for these probes; where one cannot be opened, the probes fail when they are sent.
    fn open_raws(&mut self, frames: &[Probe]) {
        for iface in frames.iter().map(|probe| probe.segment.iface) {
            if !self.raws.contains_key(&iface)
                && let Some(speaker) = self.speakers.get(&iface)
                && let Ok(raw) = Raw::open(speaker.clone())
            {
                self.raws.insert(iface, raw);
            }
        }
    }

    async fn work(mut self, mut asked: Receiver<Probe>, mut speaker_updates: watch::Receiver<Vec<SegmentSpeaker>>) {
        let mut open = JoinSet::new();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            while open.try_join_next().is_some() {}
            if open.len() >= self.open_max {
                open.join_next().await;
                continue;
            }
            tokio::select! {
                taken = asked.recv_many(&mut batch, BATCH.min(self.open_max - open.len())) => {
                    if taken == 0 {
                        return;
                    }
                }
                Ok(()) = speaker_updates.changed() => {
                    let speakers = speaker_updates.borrow_and_update().clone();
                    self.set_speakers(&speakers);
                    continue;
                }
                // A finished probe makes room for the next.
                Some(_) = open.join_next(), if !open.is_empty() => continue,
            }
            self.send_frames(&mut batch).await;
            for probe in batch.drain(..) {
                let tools = Arc::clone(&self.tools);
                let by = self.speakers.get(&probe.segment.iface).map(|speaker| (speaker.iface, speaker.index));
                open.spawn(async move {
                    tools.ask(probe, by).await;
                    tools.counts.open.fetch_sub(1, Ordering::Release);
                });
            }
        }
    }

    /// Takes the probes that are frames out of `batch` and sends them.
    async fn send_frames(&mut self, batch: &mut Vec<Probe>) {
        let mut frames: Vec<Probe> = batch.extract_if(.., |probe| probe.question.is_frame()).collect();
        let count = frames.len() as u64;
        self.open_raws(&frames);
        let can_ask = |probe: &mut Probe| self.raws.get(&probe.segment.iface).is_none_or(|raw| raw.can_ask(probe));
        let unsendable = frames.extract_if(.., |probe| !can_ask(probe)).count() as u64;
        self.counts.failed_total.fetch_add(unsendable, Ordering::Relaxed);
        while let Some(iface) = frames.first().map(|probe| probe.segment.iface) {
            let run = frames.iter().take_while(|probe| probe.segment.iface == iface).count();
            let sent = match self.raws.get_mut(&iface) {
                Some(raw) => raw.send(&frames[..run]),
                None => Err(io::ErrorKind::NotConnected.into()),
            };
            match sent {
                Ok(0) => sleep(BUSY).await,
                Ok(sent) => {
                    self.counts.asked_total.fetch_add(sent as u64, Ordering::Relaxed);
                    self.tools.pace.note(u32::try_from(sent).unwrap_or(u32::MAX));
                    frames.drain(..sent);
                }
                Err(_) => {
                    self.counts.failed_total.fetch_add(run as u64, Ordering::Relaxed);
                    frames.drain(..run);
                }
            }
        }
        self.counts.open.fetch_sub(count, Ordering::Release);
    }
}
