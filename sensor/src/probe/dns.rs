//! Reverse DNS with forward confirmation by the network's own name servers. When the servers do not answer a few
//! look-ups, of two seconds each, no further ones are sent for a minute.

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

/// Resolver for one network's name servers, with a cache.
pub struct Names {
    /// `None` when no server is known: `/etc/resolv.conf` is missing or empty.
    resolver: Option<TokioResolver>,
    slots: Semaphore,
    breaker: Breaker,
    /// Look-ups that were skipped because the servers did not answer.
    pub skipped_total: AtomicU64,
}

/// Result of a reverse look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameAnswer {
    /// A name.
    Name {
        /// The labels joined by `.`, without the final dot.
        name: Text,
        /// Whether a forward look-up of the name gives the address.
        confirmed: bool,
    },
    /// The server says that the address has no name.
    None,
    /// No server gave an answer, so the address may have a name.
    Silent,
}

/// Time limit for the reverse and the forward look-up together.
const DEADLINE: Duration = Duration::from_secs(2);
/// Time limit for one query.
const PATIENCE: Duration = Duration::from_millis(1800);
/// Concurrent look-ups for one network.
const SLOTS: usize = 8;
/// Maximum number of servers that are queried at the same time.
const SERVERS_MAX: usize = 3;
const CACHE: u64 = 16_384;
const POSITIVE_MIN: Duration = Duration::from_secs(60);
const KEPT_MAX: Duration = Duration::from_secs(3600);

impl Names {
    /// A resolver for these servers, or for the system's when the list is empty.
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

    /// A resolver for the servers of `/etc/resolv.conf`.
    pub fn system() -> Self {
        let known = hickory_resolver::system_conf::read_system_conf().ok();
        // Search domains are left out: they would cause queries for other names.
        let config =
            known.map(|(config, _)| ResolverConfig::from_parts(None, Vec::new(), config.name_servers().to_vec()));
        Self::with(config.filter(|config| !config.name_servers().is_empty()))
    }

    fn with(config: Option<ResolverConfig>) -> Self {
        let build = |config: ResolverConfig| {
            let servers = config.name_servers().len();
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            let options = builder.options_mut();
            // The library already retransmits a datagram up to twice; a second attempt would double that.
            options.attempts = 0;
            options.timeout = PATIENCE;
            options.cache_size = CACHE;
            options.positive_min_ttl = Some(POSITIVE_MIN);
            options.positive_max_ttl = Some(KEPT_MAX);
            options.negative_min_ttl = Some(KEPT_MAX);
            options.negative_max_ttl = Some(KEPT_MAX);
            options.use_hosts_file = ResolveHosts::Never;
            // Servers are queried in parallel, so that one that is down causes no delay.
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

    /// Looks up the name of an address.
    pub async fn name(&self, ip: IpAddr) -> NameAnswer {
        let Some(resolver) = &self.resolver else { return NameAnswer::Silent };
        // The semaphore is never closed.
        let Ok(_slot) = self.slots.acquire().await else { return NameAnswer::Silent };
        if !self.breaker.may_ask(Instant::now()) {
            self.skipped_total.fetch_add(1, Ordering::Relaxed);
            return NameAnswer::Silent;
        }
        let looked_up = timeout(DEADLINE, look_up(resolver, ip)).await;
        let (answer, responded) = looked_up.unwrap_or((NameAnswer::Silent, false));
        self.breaker.note(responded, Instant::now());
        answer
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Names({})", if self.resolver.is_some() { "servers" } else { "no server" })
    }
}

/// The result, and whether any server responded, if only with a refusal.
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
    // The order of several names is random; the first in alphabetical order is always the same.
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

/// The labels, unescaped and joined by dots.
fn text(name: &Name) -> Text {
    let labels: Vec<&[u8]> = name.iter().collect();
    Text::new(&labels.join(&b'.'))
}

/// Circuit breaker: pauses look-ups after several consecutive ones without a response.
#[derive(Debug, Default)]
struct Breaker {
    failures: AtomicU32,
    rest_until: Mutex<Option<Instant>>,
}

/// Consecutive failures after which look-ups pause.
const FAILURES_MAX: u32 = 5;
/// Length of the pause.
const REST: Duration = Duration::from_secs(60);

impl Breaker {
    /// Whether a look-up may be sent. After the pause one is let through, and the others wait for its result.
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

    /// A name server on loopback. `answer` gives the data of the one record in the answer to a query of type `kind`.
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
                    // Response codes: no such name; refused.
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
    async fn answers_are_cached() {
        let (address, asked) = server(|_| Some(Vec::new())).await;
        let names = Names::new(&[address]);
        for _ in 0..3 {
            assert_eq!(names.name(IP).await, NameAnswer::None);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_refusal_does_not_trip_the_breaker() {
        let (address, _) = server(|_| Some(vec![0xff])).await;
        let names = Names::new(&[address]);
        for last in 1..20 {
            assert_eq!(names.name(IpAddr::from([10, 9, 8, last])).await, NameAnswer::Silent);
        }
        assert_eq!(names.skipped_total.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_answer_is_paused() {
        let (address, asked) = server(|_| None).await;
        let names = Names::new(&[address]);
        for last in 1..20 {
            let ip = IpAddr::from([10, 9, 8, last]);
            assert_eq!(names.name(ip).await, NameAnswer::Silent);
        }
        assert_eq!(names.skipped_total.load(Ordering::Relaxed), 19 - u64::from(FAILURES_MAX));
        let before = asked.load(Ordering::Relaxed);
        assert!(before <= 3 * FAILURES_MAX as usize, "each query is retransmitted twice at most: {before}");
        tokio::time::advance(REST).await;
        assert_eq!(names.name(IP).await, NameAnswer::Silent);
        assert!(asked.load(Ordering::Relaxed) >= before, "it is tried again");
        assert_eq!(names.skipped_total.load(Ordering::Relaxed), 19 - u64::from(FAILURES_MAX));
    }
}
