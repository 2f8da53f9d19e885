//! Unfiltered, promiscuous capture of all frames of an interface, for the mirror self-test. It does not affect a sensor
//! that runs on the same interface.

use std::future::poll_fn;

use crate::capture::error::CaptureError;
use crate::capture::iface;
use crate::capture::options::{Options, Port, PortRole};
use crate::capture::packet::PacketSocket;
use crate::capture::promisc::Promiscuous;
use sensor_core::types::{Iface, Timestamp};

/// A packet socket that receives all frames.
pub struct Tap {
    socket: PacketSocket,
    iface: Iface,
    _promiscuous: Promiscuous,
}

/// Receive buffer in bytes, large enough for bursts.
const BUFFER_BYTES: u32 = 64 << 20;

impl Tap {
    /// Starts to capture. To be called inside a tokio runtime with its I/O driver.
    pub fn open(iface: Iface) -> Result<Self, CaptureError> {
        let index = iface::index(iface)?;
        let owner = iface::link::xdp_owner(index);
        if owner.contains("(sensor_mirror)") {
            return Err(CaptureError::Dropped { iface: iface.as_str().to_owned(), owner });
        }
        let options = Options { ring_bytes: BUFFER_BYTES, policing: false, ..Options::default() };
        let socket = PacketSocket::open(Port { iface, role: PortRole::Mirror }, index, &options)?;
        Ok(Self { socket, iface, _promiscuous: Promiscuous::hold(iface, index)? })
    }

    /// Completes when frames are waiting. Cancel-safe.
    pub async fn readable(&self) -> Result<(), CaptureError> {
        let fail = |source| CaptureError::Socket { iface: self.iface.as_str().to_owned(), call: "epoll", source };
        poll_fn(|cx| self.socket.poll_woken(cx)).await.map_err(fail)
    }

    /// Passes up to `frames_max` waiting frames to `sink`: at most 1500 bytes of each (with the outer VLAN tag), the
    /// length on the wire in bytes, and the time. Returns whether more may be waiting.
    pub fn drain(
        &mut self,
        frames_max: usize,
        sink: &mut dyn FnMut(&[u8], usize, Timestamp),
    ) -> Result<bool, CaptureError> {
        let taken = self.socket.drain_raw(frames_max, &mut |frame| sink(frame.bytes, frame.wire_len, frame.at))?;
        Ok(taken == frames_max)
    }

    /// Number of frames dropped because the buffer was full.
    pub fn dropped(&self) -> u64 {
        self.socket.dropped()
    }
}
