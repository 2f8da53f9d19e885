//! The probers together. Where somebody listens they have a thread of their own: what asks must never keep the passive path
//! from draining its ring. A scan has nothing else to do and runs them beside itself, which saves a wake-up per answer.
//! Questions come in through a bounded queue, answers leave through another; at most so many questions through sockets
//! are open at a time, and when that many are, the queue fills and the planner waits.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::dns::{NameAnswer, Names};
use super::icmp::{Icmp, all_nodes};
use super::pace::Pace;
use super::raw::{BATCH, Raw, Speaker};
use super::snmp::{self, Credentials};
use super::tcp::{self, Permits, PortAnswer, Target};
use super::{mdns, nbns};
use crate::clock::Clock;
use crate::inventory::planner::{CONNECT, Cost};
use crate::inventory::probe::{Probe, Question};
use crate::inventory::sighting::{Answer, Claim, Sighting};
use crate::types::{Iface, Mac, Segment};

/// How to ask.
#[derive(Debug)]
pub struct Equipment {
    /// Who speaks for the segments of each interface.
    pub voices: Vec<Voice>,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// Questions through sockets at the same time.
    pub concurrency: usize,
    /// Packets a second.
    pub rate_per_s: u32,
    /// Name servers and credentials by network; the longest prefix counts, and the system's name servers elsewhere.
    pub scopes: Vec<Scope>,
}

/// Who speaks for the segments of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// The interface as segments name it: a mirror port, or the speaker's own.
    pub iface: Iface,
    /// Who speaks.
    pub speaker: Speaker,
}

/// What a network has of its own.
#[derive(Debug)]
pub struct Scope {
    /// The network.
    pub prefix: IpNet,
    /// Its name servers; the system's when there are none.
    pub nameservers: Vec<std::net::SocketAddr>,
    /// Its SNMP credentials.
    pub credentials: Vec<Credentials>,
}

/// The handle of the probers. Dropping it ends what is being asked.
#[derive(Debug)]
pub struct Prober {
    asks: Option<Sender<Probe>>,
    voices: watch::Sender<Vec<Voice>>,
    answers: Receiver<Sighting>,
    counts: Arc<Counts>,
    worker: Worker,
}

/// Where the probers run.
#[derive(Debug)]
enum Worker {
    /// Beside their owner, on its runtime.
    Task(tokio::task::JoinHandle<()>),
    /// On a thread of their own.
    Thread(Option<JoinHandle<()>>),
}

/// What became of questions.
#[derive(Debug, Default)]
pub struct Counts {
    /// Questions that were sent.
    pub asked_total: AtomicU64,
    /// Answers that came through sockets.
    pub answered_total: AtomicU64,
    /// Questions that were taken and are not done with.
    pub open: AtomicU64,
    /// Questions that could not be sent: no voice there, or the system refused.
    pub failed_total: AtomicU64,
}

/// [`Counts`] at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Questions that were sent.
    pub asked_total: u64,
    /// Answers that came through sockets.
    pub answered_total: u64,
    /// Questions that could not be sent.
    pub failed_total: u64,
}

impl Counts {
    /// The counts as they are now.
    pub fn read(&self) -> Counted {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            asked_total: read(&self.asked_total),
            answered_total: read(&self.answered_total),
            failed_total: read(&self.failed_total),
        }
    }
}

/// Questions and answers that wait.
const QUEUE: usize = 1024;
/// A device whose queue is full is tried again after this.
const BUSY: Duration = Duration::from_millis(1);

impl Prober {
    /// Starts the thread, in the network namespace of the caller. Raw sockets that cannot be opened (no `CAP_NET_RAW`) leave
    /// their questions unasked.
    pub fn spawn(equipment: Equipment) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Self::begin(equipment, |work| {
            let thread = std::thread::Builder::new().name("prober".to_owned()).spawn(move || runtime.block_on(work))?;
            Ok(Worker::Thread(Some(thread)))
        })
    }

    /// Starts as a task of the caller's runtime; otherwise as [`Prober::spawn`].
    pub fn spawn_here(equipment: Equipment) -> io::Result<Self> {
        Self::begin(equipment, |work| Ok(Worker::Task(tokio::spawn(work))))
    }

    fn begin(
        equipment: Equipment,
        start: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>) -> io::Result<Worker>,
    ) -> io::Result<Self> {
        let (asks, asked) = mpsc::channel(QUEUE);
        let (answer, answers) = mpsc::channel(QUEUE);
        let (voices, renewed) = watch::channel(Vec::new());
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        // Sockets are opened inside the runtime that serves them.
        let work = async { Desk::new(equipment, answer, shared).work(asked, renewed).await };
        let worker = start(Box::pin(work))?;
        Ok(Self { asks: Some(asks), voices, answers, counts, worker })
    }

    /// Who speaks from now on. What is as it was goes on; a socket that has lost its interface is opened anew.
    pub fn renew(&self, voices: Vec<Voice>) {
        self.voices.send_replace(voices);
    }

    /// How many questions can be taken now.
    pub fn room(&self) -> usize {
        self.asks.as_ref().map_or(0, Sender::capacity)
    }

    /// Hands a question over; gives it back when there is no room.
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

    /// Whether every question is done with and every answer taken.
    pub fn is_idle(&self) -> bool {
        self.counts.open.load(Ordering::Acquire) == 0 && self.answers.is_empty()
    }

    /// The next answer; for ever pending when the thread is gone. Cancel-safe.
    pub async fn answer(&mut self) -> Sighting {
        match self.answers.recv().await {
            Some(sighting) => sighting,
            None => std::future::pending().await,
        }
    }

    /// An answer that is here already.
    pub fn try_answer(&mut self) -> Option<Sighting> {
        self.answers.try_recv().ok()
    }

    /// What became of questions so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        // The worker sees that nobody asks any more, drops what is open, and ends.
        self.asks = None;
        self.answers.close();
        match &mut self.worker {
            Worker::Task(task) => task.abort(),
            // It does not panic; if it did, there is nothing left to save.
            Worker::Thread(thread) => drop(thread.take().map(JoinHandle::join)),
        }
    }
}

/// What the worker works with.
struct Desk {
    /// By the interface that segments name.
    speakers: BTreeMap<Iface, Speaker>,
    /// Opened when the first frame is to be sent.
    raws: BTreeMap<Iface, Raw>,
    tools: Arc<Tools>,
    open_max: usize,
    counts: Arc<Counts>,
}

/// A network's own tools.
struct Ready {
    prefix: IpNet,
    /// Absent where the system's servers serve.
    names: Option<Names>,
    credentials: Arc<[Credentials]>,
}

/// What questions through sockets need. What costs something to open is opened by the first who needs it.
struct Tools {
    icmp: OnceLock<Icmp>,
    permits: Permits,
    pace: Pace,
    /// The longest prefix first.
    scopes: Vec<Ready>,
    system: OnceLock<Names>,
    timeout: Duration,
    answers: Sender<Sighting>,
    counts: Arc<Counts>,
}

impl Desk {
    fn new(equipment: Equipment, answers: Sender<Sighting>, counts: Arc<Counts>) -> Self {
        let Equipment { voices, timeout, concurrency, rate_per_s, scopes } = equipment;
        let scopes = scopes.into_iter().map(|scope| {
            let names = (!scope.nameservers.is_empty()).then(|| Names::new(&scope.nameservers));
            Ready { prefix: scope.prefix, names, credentials: scope.credentials.into() }
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
        let mut desk = Self { speakers, raws, tools: Arc::new(tools), open_max: concurrency.max(1), counts };
        desk.renew(&voices);
        desk
    }

    /// What is new or has lost its interface is opened anew when it is needed.
    fn renew(&mut self, voices: &[Voice]) {
        for Voice { iface, speaker } in voices {
            self.speakers.insert(*iface, speaker.clone());
            self.raws.retain(|known, raw| known != iface || (raw.speaker() == speaker && raw.is_bound()));
        }
    }

    /// What cannot be opened leaves the questions there unasked.
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

    async fn work(mut self, mut asked: Receiver<Probe>, mut renewed: watch::Receiver<Vec<Voice>>) {
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
                Ok(()) = renewed.changed() => {
                    let voices = renewed.borrow_and_update().clone();
                    self.renew(&voices);
                    continue;
                }
                // A question that ends makes room.
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

    /// Sends the questions that are frames, and leaves the others.
    async fn send_frames(&mut self, batch: &mut Vec<Probe>) {
        let mut frames: Vec<Probe> = batch.extract_if(.., |probe| probe.question.is_frame()).collect();
        let count = frames.len() as u64;
        self.open_raws(&frames);
        let can_ask = |probe: &mut Probe| self.raws.get(&probe.segment.iface).is_none_or(|raw| raw.can_ask(probe));
        let mute = frames.extract_if(.., |probe| !can_ask(probe)).count() as u64;
        self.counts.failed_total.fetch_add(mute, Ordering::Relaxed);
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

impl Tools {
    /// `by`: the speaker's interface, by name and number.
    async fn ask(&self, probe: Probe, by: Option<(Iface, u32)>) {
        self.counts.asked_total.fetch_add(1, Ordering::Relaxed);
        let Probe { segment, ip, question } = probe;
        let scope = by.map(|(_, index)| index).filter(|_| is_link_local(ip));
        if !matches!(question, Question::Connect { .. } | Question::Knock { .. }) {
            self.pace.note(Cost::of(&question).sensor);
        }
        match question {
            Question::AllNodes => {
                let Some((name, _)) = by else { return };
                for reply in Box::pin(all_nodes(name.as_str(), self.timeout)).await.unwrap_or_default() {
                    let answer = Answer::Echo { rtt: reply.echo.rtt, hop_limit: reply.echo.hop_limit };
                    self.tell(segment, reply.ip, Claim::Answer(Box::new(answer))).await;
                }
            }
            Question::Arp { .. } | Question::ConflictCheck { .. } | Question::Ndp { .. } => {}
            Question::Connect { ports } => {
                for &port in &*ports {
                    let target = Target { ip, port, scope };
                    self.pace.turn(CONNECT).await;
                    // Conversations are large, and most questions are none.
                    let answer = Box::pin(tcp::connect(target, self.timeout, &self.permits)).await;
                    self.tell_port(segment, target, answer).await;
                }
            }
            Question::Echo => {
                let icmp = self.icmp.get_or_init(|| Icmp::open(None));
                if let Some(echo) = Box::pin(icmp.echo(ip, scope, self.timeout)).await {
                    let answer = Answer::Echo { rtt: echo.rtt, hop_limit: echo.hop_limit };
                    self.tell(segment, ip, Claim::Answer(Box::new(answer))).await;
                }
            }
            Question::Knock { ports } => {
                for &port in &*ports {
                    let target = Target { ip, port, scope };
                    self.pace.turn(CONNECT).await;
                    self.tell_port(segment, target, tcp::knock(target, self.timeout, &self.permits).await).await;
                }
            }
            Question::Mdns => {
                for claim in Box::pin(mdns::ask(ip, scope, self.timeout)).await {
                    self.tell(segment, ip, Claim::Mdns(claim)).await;
                }
            }
            Question::Nbns => {
                let IpAddr::V4(address) = ip else { return };
                if let Some(status) = Box::pin(nbns::status(address, self.timeout)).await {
                    let answer = Answer::Nbns { name: status.name, group: status.group, mac: status.mac };
                    self.tell(segment, ip, Claim::Answer(Box::new(answer))).await;
                }
            }
            Question::Ptr => {
                let answer = match Box::pin(self.names(ip).name(ip)).await {
                    NameAnswer::Name { name, confirmed } => Answer::Ptr { name: Some(name), confirmed },
                    NameAnswer::None => Answer::Ptr { name: None, confirmed: false },
                    // No answer is not "no name".
                    NameAnswer::Silent => return,
                };
                self.tell(segment, ip, Claim::Answer(Box::new(answer))).await;
            }
            Question::Snmp => {
                let Some(credentials) = self.scope(ip).map(|scope| Arc::clone(&scope.credentials)) else { return };
                if let Some(system) = Box::pin(snmp::system(&credentials, ip, self.timeout)).await {
                    let answer = Answer::Snmp {
                        name: system.name,
                        description: system.description,
                        object_id: system.object_id,
                    };
                    self.tell(segment, ip, Claim::Answer(Box::new(answer))).await;
                }
            }
        }
    }

    async fn tell_port(&self, segment: Segment, target: Target, answer: io::Result<PortAnswer>) {
        match answer {
            Ok(answer) => {
                let answer =
                    Answer::Port { port: target.port, state: answer.state, banner: answer.banner, rtt: answer.rtt };
                self.tell(segment, target.ip, Claim::Answer(Box::new(answer))).await;
            }
            Err(_) => {
                self.counts.failed_total.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn scope(&self, ip: IpAddr) -> Option<&Ready> {
        self.scopes.iter().find(|scope| scope.prefix.contains(&ip))
    }

    fn names(&self, ip: IpAddr) -> &Names {
        let own = self.scope(ip).and_then(|scope| scope.names.as_ref());
        own.unwrap_or_else(|| self.system.get_or_init(Names::system))
    }

    async fn tell(&self, segment: Segment, ip: IpAddr, claim: Claim) {
        self.counts.answered_total.fetch_add(1, Ordering::Relaxed);
        let at = Clock::new().now();
        let sighting = Sighting { at, segment, frame_mac: Mac::ZERO, mac: Mac::ZERO, ip: Some(ip), claim };
        // Nobody listens any more at the end.
        drop(self.answers.send(sighting).await);
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}
