//! Answers for addresses that no kernel has, from one packet socket: hosts that behave in unusual ways. It keeps no
//! state of a connection, so that ten thousand hosts cost no more than one.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sensor_core::types::Mac;
use socket2::Socket;

use super::kind::{Kind, PAGE, PORT};
use super::namespace::Namespace;
use super::sender;

/// A thread that answers; dropping it ends it.
pub(super) struct Responder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One host that it answers for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) kind: Kind,
    pub(super) station: Mac,
    /// For [`Kind::RateLimited`]: the second that is counted in, and the answers given in it.
    spent: Option<(Instant, u32)>,
}

/// How late [`Kind::Slow`] answers.
const DELAY: Duration = Duration::from_secs(2);
/// How long the thread sleeps at most: so late it may end, and so much later than [`DELAY`] an answer may be.
const NAP: Duration = Duration::from_millis(20);
/// Room for what arrives while the thread is not scheduled: a whole sweep.
const BUFFER_BYTES: usize = 64 << 20;

impl Responder {
    /// Answers for `members` on `iface`.
    pub(super) fn start(namespace: &Namespace, iface: &str, members: HashMap<IpAddr, Member>) -> anyhow::Result<Self> {
        let socket = namespace.enter(|| {
            let socket = sender::open(iface, libc::ETH_P_ALL as u16).context("packet socket")?;
            sender::set_receive_buffer(&socket, BUFFER_BYTES)?;
            socket.set_read_timeout(Some(NAP))?;
            Ok(socket)
        })?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("responder".to_owned()).spawn(move || {
            serve(&socket, members, &stopped);
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic was printed, and the test fails because an answer is missing.
            drop(thread.join());
        }
    }
}

impl Member {
    pub(super) fn new(kind: Kind, station: Mac) -> Self {
        Self { kind, station, spent: None }
    }

    /// Whether one more answer is within the host's rate.
    fn may_answer(&mut self, now: Instant) -> bool {
        let Kind::RateLimited(per_second) = self.kind else { return true };
        match &mut self.spent {
            Some((begun, count)) if now.duration_since(*begun) < Duration::from_secs(1) => {
                *count += 1;
                *count <= per_second
            }
            spent => {
                *spent = Some((now, 1));
                per_second > 0
            }
        }
    }
}

fn serve(socket: &Socket, mut members: HashMap<IpAddr, Member>, stop: &AtomicBool) {
    let mut late: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut buffer = [0; 2048];
    // An answer that cannot be sent counts as lost on the wire.
    let send = |frame: &[u8]| drop(socket.send(frame));
    while !stop.load(Ordering::Relaxed) {
        let read = std::io::Read::read(&mut &*socket, &mut buffer).unwrap_or(0);
        let now = Instant::now();
        while late.front().is_some_and(|(due, _)| *due <= now) {
            late.pop_front().into_iter().for_each(|(_, frame)| send(&frame));
        }
        let Some((ip, frame)) = answer(&buffer[..read], &members) else { continue };
        let Some(member) = members.get_mut(&ip) else { continue };
        if member.kind == Kind::Slow {
            late.push_back((now + DELAY, frame));
        } else if member.may_answer(now) {
            send(&frame);
        }
    }
}

/// The answer of the host that is asked, and which host that is.
fn answer(frame: &[u8], members: &HashMap<IpAddr, Member>) -> Option<(IpAddr, Vec<u8>)> {
    let payload = frame.get(14..)?;
    match [frame[12], frame[13]] {
        [0x08, 0x06] => arp(payload, members),
        [0x08, 0x00] => ipv4(frame, payload, members),
        [0x86, 0xdd] => ndp(payload, members),
        _ => None,
    }
}

fn arp(request: &[u8], members: &HashMap<IpAddr, Member>) -> Option<(IpAddr, Vec<u8>)> {
    if request.get(6..8)? != [0, 1] {
        return None;
    }
    let (asker, asker_ip) = (mac(request, 8)?, ipv4_at(request, 14)?);
    let ip = ipv4_at(request, 24)?;
    let station = members.get(&IpAddr::V4(ip)).filter(|member| member.kind != Kind::NdpOnly)?.station;
    let mut frame = crate::frames::arp(2, station.0, ip.octets(), asker.0, asker_ip.octets());
    frame.resize(60, 0);
    Some((IpAddr::V4(ip), frame))
}

fn ipv4(frame: &[u8], packet: &[u8], members: &HashMap<IpAddr, Member>) -> Option<(IpAddr, Vec<u8>)> {
    let header = usize::from(packet.first()? & 15) * 4;
    let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    let (source, ip) = (ipv4_at(packet, 12)?, ipv4_at(packet, 16)?);
    let member = members.get(&IpAddr::V4(ip))?;
    let body = packet.get(header..total)?;
    let protocol = *packet.get(9)?;
    let reply = match (protocol, member.kind) {
        (ICMP, Kind::Full | Kind::RateLimited(_) | Kind::Slow) => echo(body)?,
        (TCP, Kind::Full | Kind::NoIcmp) => tcp(body, ip, source)?,
        _ => return None,
    };
    let total = u16::try_from(20 + reply.len()).ok()?.to_be_bytes();
    let mut head =
        [&[0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, protocol, 0, 0][..], &ip.octets(), &source.octets()]
            .concat();
    let sum = checksum(&[&head]);
    head[10..12].copy_from_slice(&sum);
    let payload = [head, reply].concat();
    Some((IpAddr::V4(ip), crate::frames::ethernet(mac(frame, 6)?.0, member.station.0, 0x0800, &payload)))
}

fn echo(request: &[u8]) -> Option<Vec<u8>> {
    if *request.first()? != ECHO_REQUEST || request.len() < 8 {
        return None;
    }
    let mut reply = request.to_vec();
    reply[..4].fill(0);
    let sum = checksum(&[&reply]);
    reply[2..4].copy_from_slice(&sum);
    Some(reply)
}

/// The segment that follows from one segment alone: a handshake, one page for whatever is sent, and a clean close.
fn tcp(segment: &[u8], ip: Ipv4Addr, peer: Ipv4Addr) -> Option<Vec<u8>> {
    let word = |at: usize| Some(u32::from_be_bytes(segment.get(at..at + 4)?.try_into().ok()?));
    let (ports, sequence, acknowledged) = (segment.get(..4)?, word(4)?, word(8)?);
    let (offset, flags) = (usize::from(*segment.get(12)? >> 4) * 4, *segment.get(13)?);
    let said = segment.get(offset..)?;
    let is_open = ports[2..] == PORT.to_be_bytes();
    let (own, next, answer, page): (u32, u32, u8, &[u8]) = match flags & (SYN | ACK | FIN | RST) {
        SYN if is_open => (FIRST_SEQUENCE, sequence.wrapping_add(1), SYN | ACK, &[]),
        SYN => (0, sequence.wrapping_add(1), RST | ACK, &[]),
        ACK if said.is_empty() => return None,
        ACK => (acknowledged, sequence.wrapping_add(u32::try_from(said.len()).ok()?), FIN | ACK, PAGE.as_bytes()),
        flags if flags == FIN | ACK => {
            (acknowledged, sequence.wrapping_add(u32::try_from(said.len()).ok()? + 1), FIN | ACK, &[])
        }
        _ => return None,
    };
    let mut reply = [
        &ports[2..],
        &ports[..2],
        &own.to_be_bytes(),
        &next.to_be_bytes(),
        &[5 << 4, answer, 0xff, 0xff, 0, 0, 0, 0],
        page,
    ]
    .concat();
    let len = u16::try_from(reply.len()).ok()?.to_be_bytes();
    let sum = checksum(&[&ip.octets(), &peer.octets(), &[0, TCP], &len, &reply]);
    reply[16..18].copy_from_slice(&sum);
    Some(reply)
}

fn ndp(packet: &[u8], members: &HashMap<IpAddr, Member>) -> Option<(IpAddr, Vec<u8>)> {
    let body = packet.get(40..)?;
    if packet[6] != ICMPV6 || *body.first()? != NEIGHBOUR_SOLICITATION {
        return None;
    }
    let (source, target) = (ipv6_at(packet, 8)?, ipv6_at(body, 8)?);
    // Duplicate address detection (RFC 4862, 5.4) gets no answer: it would be sent to all nodes.
    let asker = body.get(24..32).filter(|option| option[..2] == [1, 1]).and_then(|option| mac(option, 2))?;
    let member = members.get(&IpAddr::V6(target))?;
    let option = crate::frames::link_layer_option(2, member.station.0);
    let mut reply = crate::frames::ndp(136, SOLICITED_OVERRIDE, &[target.octets()], &option);
    let len = u16::try_from(reply.len()).ok()?.to_be_bytes();
    let sum = checksum(&[&target.octets(), &source.octets(), &len, &[0, ICMPV6], &reply]);
    reply[2..4].copy_from_slice(&sum);
    let mut frame = crate::frames::ipv6(target.octets(), source.octets(), ICMPV6, 255, &reply);
    frame[..6].copy_from_slice(&asker.0);
    frame[6..12].copy_from_slice(&member.station.0);
    Some((IpAddr::V6(target), frame))
}

/// The Internet checksum (RFC 1071) of parts of even length, the last of any.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words.map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    [!(sum >> 8) as u8, !sum as u8]
}

fn mac(bytes: &[u8], at: usize) -> Option<Mac> {
    Some(Mac(bytes.get(at..at + 6)?.try_into().ok()?))
}

fn ipv4_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    Some(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?.into())
}

fn ipv6_at(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    Some(<[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok()?.into())
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const ICMPV6: u8 = 58;
/// RFC 792.
const ECHO_REQUEST: u8 = 8;
/// RFC 4861, 4.3.
const NEIGHBOUR_SOLICITATION: u8 = 135;
/// The S and O flags of an advertisement (RFC 4861, 4.4).
const SOLICITED_OVERRIDE: u32 = 0x6000_0000;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const FIRST_SEQUENCE: u32 = 1000;
