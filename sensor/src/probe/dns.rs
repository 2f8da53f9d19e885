//! Reverse DNS and forward confirmation by the network's own name servers. A dead server costs its own questions two
//! seconds each, a few of them, and then nothing for a while.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use sensor_core::types::Text;

/// The name servers of one network, with a cache of what they said.
pub struct Names {
    /// Absent when no server is known: `/etc/resolv.conf` is missing or empty.
    resolver: Option<TokioResolver>,
    slots: Semaphore,
    breaker: Breaker,
    /// Questions that were not asked because the servers did not answer others.
    pub skipped_total: AtomicU64,
}

/// What reverse DNS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameAnswer {
    /// A name.
    Name {
        /// Labels joined by `.`, without the final dot.
        name: Text,
        /// A forward look-up of the name gives the address back.
        confirmed: bool,
    },
    /// The server says that there is none.
    None,
    /// No server answered, or none could: that is not "no name".
    Silent,
}

/// Both look-ups together.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long one question may take.
const PATIENCE: Duration = Duration::from_millis(1800);
/// Questions at a time to one network's servers.
const SLOTS: usize = 8;
/// Servers that are asked at the same time.
const SERVERS_MAX: usize = 3;
const CACHE: u64 = 16_384;
const POSITIVE_MIN: Duration = Duration::from_secs(60);
const KEPT_MAX: Duration = Duration::from_secs(3600);

impl Names {
    /// These servers; the system's when there are none.
    pub fn new(servers: &[SocketAddr]) -> Self {
        if servers.is_empty() {
            return Self::system();
        }
        let servers = servers.iter().map(|server| {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections.iter_mut().for_each(|connection| connection.port = server.port());
            config
        });
        Self::with(Some(ResolverConfig::from_parts(None, Vec::new(), servers.collect())))
    }

    /// The servers of `/etc/resolv.conf`.
    pub fn system() -> Self {
        let known = hickory_resolver::system_conf::read_system_conf().ok();
        // Search domains would ask for names that nobody meant.
        let config =
            known.map(|(config, _)| ResolverConfig::from_parts(None, Vec::new(), config.name_servers().to_vec()));
        Self::with(config.filter(|config| !config.name_servers().is_empty()))
    }

    fn with(config: Option<ResolverConfig>) -> Self {
        let build = |config: ResolverConfig| {
            let servers = config.name_servers().len();
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            let options = builder.options_mut();
            // The library repeats a datagram by itself, twice at most: a second attempt would double that.
            options.attempts = 0;
            options.timeout = PATIENCE;
            options.cache_size = CACHE;
            options.positive_min_ttl = Some(POSITIVE_MIN);
            options.positive_max_ttl = Some(KEPT_MAX);
            options.negative_min_ttl = Some(KEPT_MAX);
            options.negative_max_ttl = Some(KEPT_MAX);
            options.use_hosts_file = ResolveHosts::Never;
            // A dead server beside a living one costs nothing.
            options.num_concurrent_reqs = servers.clamp(1, SERVERS_MAX);
            builder.build().ok()
        };
        Self {
            resolver: config.and_then(build),
            slots: Semaphore::new(SLOTS),
            breaker: Breaker::default(),
            skipped_total: AtomicU64::new(0),
        }
    }

    /// The address's name.
    pub async fn name(&self, ip: IpAddr) -> NameAnswer {
        let Some(resolver) = &self.resolver else { return NameAnswer::Silent };
        // The semaphore is never closed.
        let Ok(_slot) = self.slots.acquire().await else { return NameAnswer::Silent };
        if !self.breaker.may_ask(Instant::now()) {
            self.skipped_total.fetch_add(1, Ordering::Relaxed);
            return NameAnswer::Silent;
        }
        let looked_up = timeout(DEADLINE, look_up(resolver, ip)).await;
        let (answer, heard) = looked_up.unwrap_or((NameAnswer::Silent, false));
        self.breaker.note(heard, Instant::now());
        answer
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Names({})", if self.resolver.is_some() { "servers" } else { "no server" })
    }
}

/// What came back, and whether a server spoke at all: one that refuses is alive.
async fn look_up(resolver: &TokioResolver, ip: IpAddr) -> (NameAnswer, bool) {
    let lookup = match resolver.reverse_lookup(ip).await {
        Ok(lookup) => lookup,
        Err(error) if error.is_nx_domain() || error.is_no_records_found() => return (NameAnswer::None, true),
        Err(error) => return (NameAnswer::Silent, matches!(error, NetError::Dns(_))),
    };
    let names = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::PTR(name) => Some(name.0.clone()),
        _ => None,
    });
    // Several names are in no order; the first by alphabet is the same every time.
    let Some(name) = names.filter(|name| !name.is_root()).min() else { return (NameAnswer::None, true) };
    let text = text(&name);
    let confirmed = match ip {
        IpAddr::V4(_) => resolver.ipv4_lookup(name).await,
        IpAddr::V6(_) => resolver.ipv6_lookup(name).await,
    };
    let confirmed =
        confirmed.is_ok_and(|lookup| lookup.answers().iter().any(|record| record.data.ip_addr() == Some(ip)));
    (NameAnswer::Name { name: text, confirmed }, true)
}

/// The labels as they are, joined by dots.
fn text(name: &Name) -> Text {
    let labels: Vec<&[u8]> = name.iter().collect();
    Text::new(&labels.join(&b'.'))
}

/// Leaves servers alone that did not answer several times in a row.
#[derive(Debug, Default)]
struct Breaker {
    failures: AtomicU32,
    rest_until: Mutex<Option<Instant>>,
}

const FAILURES_MAX: u32 = 5;
const REST: Duration = Duration::from_secs(60);

impl Breaker {
    /// After the rest one question tries again, and those behind it wait for what it brings.
    fn may_ask(&self, now: Instant) -> bool {
        let mut rest = self.rest_until.lock().unwrap_or_else(PoisonError::into_inner);
        match *rest {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                *rest = Some(now + REST);
                true
            }
        }
    }

    fn note(&self, answered: bool, now: Instant) {
        let mut rest = self.rest_until.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            self.failures.store(0, Ordering::Relaxed);
            *rest = None;
        } else if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES_MAX {
            *rest = Some(now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use tokio::net::UdpSocket;

    use super::*;

    /// A name server on loopback that answers each question by `answer`: its type and the data of the one record, if any.
    async fn server(answer: fn(kind: u16) -> Option<Vec<u8>>) -> (SocketAddr, Arc<AtomicUsize>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                let end = 12 + buffer[12..len].iter().position(|&b| b == 0).unwrap() + 5;
                let kind = u16::from_be_bytes([buffer[end - 4], buffer[end - 3]]);
                let mut reply = buffer[..end].to_vec();
                reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
                match answer(kind) {
                    // No such name; refused.
                    Some(data) if data.is_empty() => reply[3] |= 3,
                    Some(data) if data == [0xff] => reply[3] |= 5,
                    Some(data) => {
                        reply[7] = 1;
                        reply.extend([0xc0, 12, 0, kind as u8, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
                        reply.extend(data);
                    }
                    None => continue,
                }
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        (address, asked)
    }

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 8, 7));
    const PTR: u16 = 12;

    async fn check(answer: fn(u16) -> Option<Vec<u8>>, expected: NameAnswer) {
        let (address, _) = server(answer).await;
        assert_eq!(Names::new(&[address]).name(IP).await, expected);
    }

    fn nas(confirmed: bool) -> NameAnswer {
        NameAnswer::Name { name: Text::new(b"nas.lan"), confirmed }
    }

    #[tokio::test]
    async fn names_and_their_confirmation() {
        let ptr = b"\x03nas\x03lan\0".to_vec();
        assert_eq!(ptr.len(), 9);
        check(|kind| Some(if kind == PTR { b"\x03nas\x03lan\0".to_vec() } else { vec![10, 9, 8, 7] }), nas(true)).await;
        check(|kind| Some(if kind == PTR { b"\x03nas\x03lan\0".to_vec() } else { vec![10, 9, 8, 1] }), nas(false))
            .await;
        check(|kind| Some(if kind == PTR { b"\x03nas\x03lan\0".to_vec() } else { Vec::new() }), nas(false)).await;
        check(|_| Some(Vec::new()), NameAnswer::None).await;
    }

    #[tokio::test]
    async fn an_answer_is_asked_for_once() {
        let (address, asked) = server(|_| Some(Vec::new())).await;
        let names = Names::new(&[address]);
        for _ in 0..3 {
            assert_eq!(names.name(IP).await, NameAnswer::None);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_alive() {
        let (address, _) = server(|_| Some(vec![0xff])).await;
        let names = Names::new(&[address]);
        for last in 1..20 {
            assert_eq!(names.name(IpAddr::from([10, 9, 8, last])).await, NameAnswer::Silent);
        }
        assert_eq!(names.skipped_total.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_server_is_left_alone() {
        let (address, asked) = server(|_| None).await;
        let names = Names::new(&[address]);
        for last in 1..20 {
            let ip = IpAddr::from([10, 9, 8, last]);
            assert_eq!(names.name(ip).await, NameAnswer::Silent);
        }
        assert_eq!(names.skipped_total.load(Ordering::Relaxed), 19 - u64::from(FAILURES_MAX));
        let before = asked.load(Ordering::Relaxed);
        assert!(before <= 3 * FAILURES_MAX as usize, "a question is repeated twice: {before}");
        tokio::time::advance(REST).await;
        assert_eq!(names.name(IP).await, NameAnswer::Silent);
        assert!(asked.load(Ordering::Relaxed) >= before, "it is tried again");
        assert_eq!(names.skipped_total.load(Ordering::Relaxed), 19 - u64::from(FAILURES_MAX));
    }
}
