//! Every frame of an interface as it is, promiscuous, for a while: what the mirror self-test looks at. It disturbs no
//! sensor that runs on the same interface.

use std::future::poll_fn;

use crate::capture::error::CaptureError;
use crate::capture::iface;
use crate::capture::options::{Options, Port, Role};
use crate::capture::packet::PacketSocket;
use crate::capture::promisc::Promiscuous;
use sensor_core::types::{Iface, Timestamp};

/// A packet socket that hears everything.
pub struct Tap {
    socket: PacketSocket,
    iface: Iface,
    _promiscuous: Promiscuous,
}

/// Room for bursts, bytes.
const BUFFER_BYTES: u32 = 64 << 20;

impl Tap {
    /// Listens from now on. To be called inside a tokio runtime with its I/O driver.
    pub fn open(iface: Iface) -> Result<Self, CaptureError> {
        let index = iface::index(iface)?;
        let owner = iface::link::xdp_owner(index);
        if owner.contains("(sensor_mirror)") {
            return Err(CaptureError::Dropped { iface: iface.as_str().to_owned(), owner });
        }
        let options = Options { ring_bytes: BUFFER_BYTES, policing: false, ..Options::default() };
        let socket = PacketSocket::open(Port { iface, role: Role::Mirror }, index, &options)?;
        Ok(Self { socket, iface, _promiscuous: Promiscuous::hold(iface, index)? })
    }

    /// Completes when frames are waiting. Cancelling it loses nothing.
    pub async fn readable(&self) -> Result<(), CaptureError> {
        let fail = |source| CaptureError::Socket { iface: self.iface.as_str().to_owned(), call: "epoll", source };
        poll_fn(|cx| self.socket.poll_woken(cx)).await.map_err(fail)
    }

    /// Hands what is waiting to `sink`, at most `frames_max` frames: the bytes (with the outer VLAN tag, and at most 1500
    /// of them), how many there were on the wire, and when. Answers whether more may be waiting.
    pub fn drain(
        &mut self,
        frames_max: usize,
        sink: &mut dyn FnMut(&[u8], usize, Timestamp),
    ) -> Result<bool, CaptureError> {
        let taken = self.socket.drain_raw(frames_max, &mut |frame| sink(frame.bytes, frame.wire_len, frame.at))?;
        Ok(taken == frames_max)
    }

    /// Frames that found no room.
    pub fn dropped(&self) -> u64 {
        self.socket.dropped()
    }
}
