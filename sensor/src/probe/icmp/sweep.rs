//! Echo requests to many hosts, without state for each: the cookie in a reply proves target and time of the request.
//! The caller controls the rate.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use crate::probe::cookie::{Cookies, RejectedReplies, ReplyVerdict};
use crate::probe::icmp::Echo;
use crate::probe::icmp::error::IcmpError;
use crate::probe::icmp::family::Family;
use crate::probe::icmp::socket::{BATCH, EchoPacket, EchoSocket, Inbox, SocketKind, destination};

/// Sends echo requests to many hosts of one family.
#[derive(Debug)]
pub struct EchoSweep {
    pub(super) socket: EchoSocket,
    inbox: Box<Inbox>,
    pub(super) cookies: Cookies,
    sequence: u16,
    unsendable_total: u64,
    /// Whether the last drain stopped at its limit.
    has_more: bool,
}

/// A host that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoReply {
    /// The host's address.
    pub ip: IpAddr,
    /// Its reply.
    pub echo: Echo,
}

/// Maximum number of messages in one drain, so that a flood of replies does not block the caller.
const DRAIN_MAX: usize = 64 * BATCH;

impl EchoSweep {
    /// Opens a socket, on one interface or on all. A reply that takes longer than `patience` counts as late.
    pub fn open(family: Family, iface: Option<&str>, patience: Duration) -> Result<Self, IcmpError> {
        Ok(Self {
            socket: EchoSocket::open(family, iface)?,
            inbox: Inbox::new(),
            cookies: Cookies::new(patience),
            sequence: 0,
            unsendable_total: 0,
            has_more: false,
        })
    }

    /// The kind of the socket.
    pub fn kind(&self) -> SocketKind {
        self.socket.kind()
    }

    /// Sends requests to the targets in order. Returns how many are done, which is fewer than all when the send buffer
    /// is full: then wait for [`EchoSweep::writable`]. A target that the system cannot send to (no route, a firewall
    /// rule, the other family) is done too, and counted.
    pub fn send(&mut self, targets: &[IpAddr]) -> io::Result<usize> {
        let mut done = 0;
        for batch in targets.chunks(BATCH) {
            let now = self.cookies.now();
            let questions: Vec<_> = batch.iter().map(|ip| self.question(*ip, now)).collect();
            let mut sent = 0;
            while sent < questions.len() {
                match self.socket.send(&questions[sent..]) {
                    Ok(count) => sent += count,
                    Err(error) => match error.raw_os_error() {
                        Some(libc::EINTR) => {}
                        Some(libc::EAGAIN | libc::ENOBUFS) => return Ok(done + sent),
                        Some(libc::EBADF | libc::ENOMEM) => return Err(error),
                        _ => {
                            sent += 1;
                            self.unsendable_total += 1;
                        }
                    },
                }
            }
            done += sent;
        }
        Ok(done)
    }

    /// Waits until replies can be received by [`EchoSweep::drain`]. Within a tokio runtime only.
    pub async fn readable(&self) -> io::Result<()> {
        if self.has_more { Ok(()) } else { self.socket.readable().await }
    }

    /// Waits until requests can be sent again. Within a tokio runtime only.
    pub async fn writable(&self) -> io::Result<()> {
        self.socket.writable().await
    }

    /// Receives waiting replies. Late ones are included: they prove just as well that the host is alive.
    pub fn drain(&mut self, out: &mut Vec<EchoReply>) -> io::Result<()> {
        self.drain_of(None, out)
    }

    /// Replies that were duplicate, forged or late, since the start.
    pub fn rejected(&self) -> RejectedReplies {
        self.cookies.rejected()
    }

    /// Number of targets that the system could not send to, since the start.
    pub fn unsendable_total(&self) -> u64 {
        self.unsendable_total
    }

    /// Receives replies to requests that were sent to the replying host, or to the multicast address `group`.
    pub(super) fn drain_of(&mut self, group: Option<Ipv6Addr>, out: &mut Vec<EchoReply>) -> io::Result<()> {
        let mut taken = 0;
        self.has_more = false;
        loop {
            let now = self.cookies.now();
            let cookies = &mut self.cookies;
            let received = self.socket.receive(&mut self.inbox, |reply| {
                let target = group.map_or(reply.from, IpAddr::V6);
                if let ReplyVerdict::Answer { rtt } | ReplyVerdict::Late { rtt } =
                    cookies.judge(target, reply.from, reply.payload, now)
                {
                    out.push(EchoReply { ip: reply.from, echo: Echo { rtt, hop_limit: reply.hop_limit } });
                }
            });
            match received {
                Ok(got) if got < BATCH => return Ok(()),
                Ok(got) => taken += got,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => continue,
                    Some(libc::EAGAIN) => return Ok(()),
                    _ => return Err(error),
                },
            }
            if taken >= DRAIN_MAX {
                self.has_more = true;
                return Ok(());
            }
        }
    }

    fn question(&mut self, ip: IpAddr, now: Duration) -> (EchoPacket, socket2::SockAddr) {
        self.sequence = self.sequence.wrapping_add(1);
        (self.socket.question(ip, self.sequence, &self.cookies.seal(ip, now)), destination(ip, None))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout_at};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    /// Sweeps the targets; `None` where no socket may be opened.
    async fn sweep(family: Family, targets: &[IpAddr]) -> Option<(EchoSweep, Vec<EchoReply>)> {
        let mut sweep = match EchoSweep::open(family, None, PATIENCE) {
            Ok(sweep) => sweep,
            Err(error) => {
                assert!(error.to_string().contains("CAP_NET_RAW"), "{error}");
                eprintln!("skipped: {error}");
                return None;
            }
        };
        assert_eq!(sweep.send(targets).expect("room"), targets.len());
        let deadline = Instant::now() + PATIENCE;
        let mut replies = Vec::new();
        while replies.len() < targets.len() && timeout_at(deadline, sweep.readable()).await.is_ok() {
            sweep.drain(&mut replies).expect("a socket");
        }
        replies.sort_by_key(|reply| reply.ip);
        Some((sweep, replies))
    }

    #[tokio::test]
    async fn loopback_answers_once_each() {
        let targets: Vec<IpAddr> = (1..=200).map(|n| IpAddr::from([127, 0, 0, n])).collect();
        let Some((sweep, replies)) = sweep(Family::V4, &targets).await else { return };
        assert_eq!(replies.iter().map(|reply| reply.ip).collect::<Vec<_>>(), targets);
        assert!(replies.iter().all(|reply| reply.echo.rtt < PATIENCE && reply.echo.hop_limit.is_some()));
        assert_eq!((sweep.rejected(), sweep.unsendable_total()), (RejectedReplies::default(), 0));
    }

    #[tokio::test]
    async fn loopback_answers_over_ipv6() {
        let Some((sweep, replies)) = sweep(Family::V6, &[Ipv6Addr::LOCALHOST.into()]).await else { return };
        // A machine without IPv6 cannot send and counts that.
        assert_eq!(replies.len() as u64 + sweep.unsendable_total(), 1);
    }

    /// A target of the other family is counted and does not block those after it.
    #[tokio::test]
    async fn unsendable_targets_are_skipped() {
        let Ok(mut sweep) = EchoSweep::open(Family::V4, None, PATIENCE) else {
            return eprintln!("skipped: no ICMP socket may be opened here");
        };
        let targets = [Ipv6Addr::LOCALHOST.into(), IpAddr::from([127, 0, 0, 1])];
        assert_eq!(sweep.send(&targets).expect("room"), 2);
        assert_eq!(sweep.unsendable_total(), 1);
    }
}
