//! What arrived at an interface and when. The kernel keeps it until it is read, so that nothing runs beside the
//! measurement.

use std::io::Read as _;
use std::time::Duration;

use anyhow::Context as _;
use socket2::{SockFilter, Socket};

use super::namespace::Namespace;
use super::sender;

/// A packet socket whose queue is read at the end.
pub struct Tap {
    socket: Socket,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When the kernel received it, since the epoch.
    pub at: Duration,
    /// Its first bytes, at most [`KEPT`].
    pub bytes: Vec<u8>,
}

/// Bytes of a frame that are kept: headers, and what a probe carries.
pub const KEPT: usize = 128;
/// Room for three packets to each address of a /16, at about 1 KiB of the kernel's memory each.
const BUFFER_BYTES: usize = 256 << 20;

impl Tap {
    /// Listens from now on to what arrives at `iface`, not to what leaves it.
    pub fn open(namespace: &Namespace, iface: &str) -> anyhow::Result<Self> {
        namespace.enter(|| {
            let socket = sender::open(iface, libc::ETH_P_ALL as u16).context("packet socket")?;
            sender::set_receive_buffer(&socket, BUFFER_BYTES)?;
            socket.attach_filter(&ARRIVING).context("filter")?;
            socket.set_nonblocking(true)?;
            let tap = Self { socket };
            // The first call turns the kernel's time stamps on; it fails, as there is no frame yet.
            drop(tap.stamp());
            Ok(tap)
        })
    }

    /// Everything that has arrived since, in order of time. Fails when frames were dropped for lack of room.
    pub fn frames(&self) -> anyhow::Result<Vec<Heard>> {
        let mut frames = Vec::new();
        let mut buffer = [0; KEPT];
        loop {
            match (&self.socket).read(&mut buffer) {
                Ok(len) => frames.push(Heard { at: self.stamp()?, bytes: buffer[..len].to_vec() }),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("tap"),
            }
        }
        // Two processors may queue frames in another order than that of their time stamps.
        frames.sort_by_key(|frame| frame.at);
        let lost = self.lost()?;
        anyhow::ensure!(lost == 0, "the tap lost {lost} frames");
        Ok(frames)
    }

    /// When the frame that was read last arrived.
    fn stamp(&self) -> std::io::Result<Duration> {
        use std::os::fd::AsRawFd as _;
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: SIOCGSTAMPNS writes one `timespec`, which lives here.
        if unsafe { libc::ioctl(self.socket.as_raw_fd(), SIOCGSTAMPNS, &raw mut time) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0)))
    }

    fn lost(&self) -> anyhow::Result<u32> {
        use std::os::fd::AsRawFd as _;
        let mut counts = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut len = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: PACKET_STATISTICS writes one `tpacket_stats` to a socket without a ring, and `len` says its room.
        let got = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut counts).cast(),
                &raw mut len,
            )
        };
        anyhow::ensure!(got == 0, "packet statistics: {}", std::io::Error::last_os_error());
        Ok(counts.tp_drops)
    }
}

/// `linux/sockios.h`, since 2.6.22.
const SIOCGSTAMPNS: libc::Ioctl = 0x8907;
/// Classic BPF: the frame's direction (`SKF_AD_OFF + SKF_AD_PKTTYPE`); outgoing frames (`PACKET_OUTGOING`) are left
/// out.
const ARRIVING: [SockFilter; 4] = [
    SockFilter::new(0x28, 0, 0, 0xffff_f004),
    SockFilter::new(0x15, 1, 0, libc::PACKET_OUTGOING as u32),
    SockFilter::new(0x06, 0, 0, KEPT as u32),
    SockFilter::new(0x06, 0, 0, 0),
];
