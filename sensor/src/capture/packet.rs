//! Capture by a packet socket (packet(7)), on request and where XDP cannot be used.
//!
//! The kernel removes the outer VLAN tag and passes it as auxiliary data. The tag is put back, so that the classifier
//! reads the frame as it was on the wire.

use std::io;
use std::mem;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use sensor_ebpf::abi::{Class, Counters, FRAME_MAX};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::capture::error::{Capability, CaptureError};
use crate::capture::harvest::harvest;
use crate::capture::options::{Options, Port, PortRole};
use crate::capture::sieve::Sieve;
use crate::capture::watched::Watching;
use crate::capture::xdp::seed;
use crate::clock::Clock;
use crate::system::socket::{set_option, socket};
use sensor_core::types::{Frame, Iface, Segment, Timestamp};

/// The packet socket of a port.
pub(super) struct PacketSocket {
    iface: Iface,
    socket: AsyncFd<OwnedFd>,
    batch: Box<ReceiveBatch>,
    sieve: Sieve,
    /// Frames that the kernel dropped because the buffer was full. Reading the kernel's counter resets it.
    dropped: AtomicU64,
}

impl PacketSocket {
    pub(super) fn open(port: Port, index: u32, options: &Options) -> Result<Self, CaptureError> {
        let Port { iface, role } = port;
        CaptureError::require("a packet socket", &Capability::PACKET)?;
        let fail = |call| move |source| CaptureError::of_call(iface.as_str(), call, &Capability::PACKET, source);
        // Protocol 0 first, so that no frame of another interface is received before the bind.
        let socket =
            socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_NONBLOCK, 0).map_err(fail("a packet socket"))?;
        set_option(&socket, libc::SOL_PACKET, libc::PACKET_AUXDATA, &1_i32).map_err(fail("PACKET_AUXDATA"))?;
        set_option(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32).map_err(fail("SO_TIMESTAMPNS"))?;
        // Since Linux 4.20; before, outgoing frames are received and ignored here.
        drop(set_option(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32));
        let buffer = i32::try_from(options.ring_bytes).unwrap_or(i32::MAX);
        // More than net.core.rmem_max needs CAP_NET_ADMIN; without it the buffer is as large as allowed.
        if set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &buffer).is_err() {
            drop(set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &buffer));
        }
        bind(&socket, index).map_err(fail("bind"))?;
        // SAFETY: the `OwnedFd` owns its descriptor, and keeps it open and the same until it is dropped.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }.map_err(|error| {
            CaptureError::Socket {
                iface: iface.as_str().to_owned(),
                call: "epoll",
                source: io::Error::other(error.to_string()),
            }
        })?;
        let sieve = Sieve::of_port(role == PortRole::Mirror, seed(), options);
        Ok(Self { iface, socket, batch: ReceiveBatch::new(), sieve, dropped: AtomicU64::new(0) })
    }

    /// Sets what is looked at.
    pub(super) fn watch(&mut self, watching: &Watching) {
        self.sieve.watch(self.iface, watching);
    }

    /// To be called before an address is probed: see [`Sieve::forget`].
    pub(super) fn forget(&mut self, segment: Segment, ip: IpAddr) {
        self.sieve.forget(segment, ip);
    }

    /// Ready when frames are waiting. Clears the readiness, so the caller must drain the socket.
    pub(super) fn poll_woken(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_read_ready(cx).map_ok(|mut guard| guard.clear_ready())
    }

    /// Classifies up to `frames_max` frames and passes the harvested ones to `sink`. Returns how many were received.
    pub(super) fn drain(&mut self, frames_max: usize, sink: &mut dyn FnMut(Frame<'_>)) -> Result<usize, CaptureError> {
        let Self { iface, socket, batch, sieve, .. } = self;
        // One clock reading for the whole batch: the XDP program's clock advances once a jiffy.
        sieve.set_boot_ns(Clock::new().boot_ns());
        receive(*iface, socket.get_ref(), batch, frames_max, &mut |received| {
            let Received { bytes, wire_len, at } = received;
            harvest(bytes, wire_len, at, *iface, sieve, sink);
        })
    }

    /// Passes up to `frames_max` frames to `sink` unfiltered. Returns how many were received.
    pub(super) fn drain_raw(
        &mut self,
        frames_max: usize,
        sink: &mut dyn FnMut(Received<'_>),
    ) -> Result<usize, CaptureError> {
        receive(self.iface, self.socket.get_ref(), &mut self.batch, frames_max, sink)
    }

    /// Whether its interface still exists. On removal the socket reports no error, but loses its binding.
    pub(super) fn is_bound(&self) -> bool {
        // SAFETY: the struct is made of integers, for which zeros are a value.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        let mut len = mem::size_of_val(&address) as libc::socklen_t;
        // SAFETY: the kernel writes at most `len` bytes through a pointer to a value of that size.
        let result = unsafe { libc::getsockname(self.socket.as_raw_fd(), (&raw mut address).cast(), &raw mut len) };
        result == 0 && address.sll_ifindex > 0
    }

    /// Frames that the kernel dropped because the buffer was full.
    pub(super) fn dropped(&self) -> u64 {
        self.counters().lost[Class::Other as usize] - self.sieve.counters.lost[Class::Other as usize]
    }

    /// Counters of this socket. Frames dropped by the kernel were never classified; they count as lost of class
    /// `Other`.
    pub(super) fn counters(&self) -> Counters {
        let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut len = mem::size_of_val(&statistics) as libc::socklen_t;
        // SAFETY: the kernel writes at most `len` bytes through a pointer to a value of that size.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut len,
            )
        };
        // Reading the statistics resets the kernel's counter.
        let new = if result == 0 { u64::from(statistics.tp_drops) } else { 0 };
        let mut counters = self.sieve.counters;
        counters.lost[Class::Other as usize] += self.dropped.fetch_add(new, Ordering::Relaxed) + new;
        counters
    }
}

/// Passes up to `frames_max` frames to `sink`. Returns how many were received, including those that this machine sent.
fn receive(
    iface: Iface,
    socket: &OwnedFd,
    batch: &mut ReceiveBatch,
    frames_max: usize,
    sink: &mut dyn FnMut(Received<'_>),
) -> Result<usize, CaptureError> {
    let mut taken = 0;
    while taken < frames_max {
        let got = match batch.receive(socket, frames_max - taken) {
            Ok(got) => got,
            Err(error) => match error.raw_os_error() {
                Some(libc::EINTR) => continue,
                // Reported once when the interface goes down; the socket works again when it is up.
                Some(libc::ENETDOWN) => continue,
                Some(libc::EAGAIN) => break,
                _ => {
                    let iface = iface.as_str().to_owned();
                    return Err(CaptureError::Socket { iface, call: "recvmmsg", source: error });
                }
            },
        };
        taken += got;
        for slot in 0..got {
            if let Some(received) = batch.frame(slot) {
                sink(received);
            }
        }
        if got < SLOTS {
            break;
        }
    }
    Ok(taken)
}

fn bind(socket: &OwnedFd, index: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let len = mem::size_of_val(&address) as libc::socklen_t;
    // SAFETY: the kernel reads `len` bytes from a value of that size.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Maximum number of frames received by one system call.
const SLOTS: usize = 64;
/// Space in bytes for the VLAN tag that is put back.
const TAG: usize = 4;
/// Bytes of a frame that are copied; the classifier needs no more.
const SNAP: usize = FRAME_MAX;
/// Space in bytes for a `timespec` and a `tpacket_auxdata` with their headers.
const CONTROL: usize = 128;

/// The buffers of one `recvmmsg`.
struct ReceiveBatch {
    frames: [[u8; TAG + SNAP]; SLOTS],
    controls: [Control; SLOTS],
    addresses: [libc::sockaddr_ll; SLOTS],
    lens: [(usize, usize); SLOTS],
}

#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Control([u8; CONTROL]);

/// A frame as it was on the wire, truncated to [`SNAP`].
pub(super) struct Received<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) wire_len: usize,
    pub(super) at: Timestamp,
}

impl ReceiveBatch {
    fn new() -> Box<Self> {
        // SAFETY: every field is made of integers, for which zeros are a value.
        unsafe { Box::<Self>::new_zeroed().assume_init() }
    }

    /// Receives up to `frames_max` frames. Returns how many.
    fn receive(&mut self, socket: &OwnedFd, frames_max: usize) -> io::Result<usize> {
        // SAFETY: a `mmsghdr` and an `iovec` are integers and pointers, for which zeros are a value.
        let (mut messages, mut parts): ([libc::mmsghdr; SLOTS], [libc::iovec; SLOTS]) = unsafe { mem::zeroed() };
        let slots = frames_max.min(SLOTS);
        for slot in 0..slots {
            parts[slot].iov_base = self.frames[slot][TAG..].as_mut_ptr().cast();
            parts[slot].iov_len = SNAP;
            let head = &mut messages[slot].msg_hdr;
            head.msg_iov = &raw mut parts[slot];
            head.msg_iovlen = 1;
            head.msg_name = (&raw mut self.addresses[slot]).cast();
            head.msg_namelen = mem::size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            head.msg_control = self.controls[slot].0.as_mut_ptr().cast();
            head.msg_controllen = CONTROL as _;
        }
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        // SAFETY: the first `slots` headers point to buffers of the stated lengths, all of which outlive the call.
        let got = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), slots as _, flags as _, std::ptr::null_mut())
        };
        let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
        for (slot, message) in messages[..got].iter().enumerate() {
            #[allow(clippy::unnecessary_cast, reason = "the field is 32 bits wide with some C libraries")]
            let control_len = (message.msg_hdr.msg_controllen as usize).min(CONTROL);
            self.lens[slot] = (message.msg_len as usize, control_len);
        }
        Ok(got)
    }

    /// A received frame as it was on the wire; `None` when this machine sent it.
    fn frame(&mut self, slot: usize) -> Option<Received<'_>> {
        if self.addresses[slot].sll_pkttype == libc::PACKET_OUTGOING {
            return None;
        }
        let (wire_len, control_len) = self.lens[slot];
        let aux = AuxData::parse(&self.controls[slot].0[..control_len]);
        let at = aux.at.unwrap_or_else(|| Clock::new().now());
        let frame = &mut self.frames[slot];
        let end = TAG + wire_len.min(SNAP);
        match aux.tag {
            Some(tag) if wire_len >= 12 => {
                frame.copy_within(TAG..TAG + 12, 0);
                frame[12..16].copy_from_slice(&tag);
                Some(Received { bytes: &frame[..end], wire_len: wire_len + TAG, at })
            }
            _ => Some(Received { bytes: &frame[TAG..end], wire_len, at }),
        }
    }
}

/// Auxiliary data of a frame: receive time and VLAN tag.
#[derive(Debug, Default, PartialEq, Eq)]
struct AuxData {
    at: Option<Timestamp>,
    /// The removed VLAN tag, in wire format.
    tag: Option<[u8; 4]>,
}

/// Size of a control message header: length, level, type.
const HEAD: usize = mem::size_of::<libc::cmsghdr>();

impl AuxData {
    fn parse(mut control: &[u8]) -> Self {
        let mut aux = Self::default();
        while let Some(head) = control.get(..HEAD) {
            let len = usize::from_ne_bytes(take(head, 0));
            let (level, kind) = (i32::from_ne_bytes(take(head, HEAD - 8)), i32::from_ne_bytes(take(head, HEAD - 4)));
            let Some(data) = control.get(HEAD..len) else { break };
            match (level, kind) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) if data.len() == 16 => {
                    let (s, ns) = (i64::from_ne_bytes(take(data, 0)), i64::from_ne_bytes(take(data, 8)));
                    aux.at = Some(Timestamp::from_nanos(s.saturating_mul(1_000_000_000).saturating_add(ns)));
                }
                (libc::SOL_PACKET, libc::PACKET_AUXDATA) => aux.tag = tag(data),
                _ => {}
            }
            control = control.get(len.next_multiple_of(mem::align_of::<usize>())..).unwrap_or_default();
        }
        aux
    }
}

/// `struct tpacket_auxdata`: status, len, snaplen (4 each), mac, net, vlan_tci, vlan_tpid (2 each).
fn tag(auxdata: &[u8]) -> Option<[u8; 4]> {
    const ETH_P_8021Q: u16 = 0x8100;
    if auxdata.len() < 20 {
        return None;
    }
    let status = u32::from_ne_bytes(take(auxdata, 0));
    let protocol = match status & libc::TP_STATUS_VLAN_TPID_VALID {
        0 => ETH_P_8021Q,
        _ => u16::from_ne_bytes(take(auxdata, 18)),
    };
    let ([a, b], [c, d]) = (protocol.to_be_bytes(), u16::from_ne_bytes(take(auxdata, 16)).to_be_bytes());
    (status & libc::TP_STATUS_VLAN_VALID != 0).then_some([a, b, c, d])
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u32, expected: Option<[u8; 4]>) {
        let mut auxdata = [0; 20];
        auxdata[..4].copy_from_slice(&status.to_ne_bytes());
        auxdata[16..18].copy_from_slice(&100_u16.to_ne_bytes());
        auxdata[18..20].copy_from_slice(&0x88a8_u16.to_ne_bytes());
        assert_eq!(tag(&auxdata), expected);
    }

    #[test]
    fn a_stripped_tag_is_read_from_the_auxiliary_data() {
        check(0, None);
        check(libc::TP_STATUS_VLAN_VALID, Some([0x81, 0, 0, 100]));
        check(libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_VLAN_TPID_VALID, Some([0x88, 0xa8, 0, 100]));
    }

    #[test]
    fn malformed_control_messages_are_ignored() {
        assert_eq!(AuxData::parse(&[0; 64]), AuxData::default());
        assert_eq!(AuxData::parse(&[0xff; 64]), AuxData::default());
        assert_eq!(AuxData::parse(&[1, 2, 3]), AuxData::default());
    }
}
