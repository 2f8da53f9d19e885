//! Promiscuous mode while a capture runs. It is bound to a socket, so the kernel ends it when the process exits.

use std::os::fd::OwnedFd;

use crate::capture::error::{Capability, CaptureError};
use crate::system::socket::{set_option, socket};
use sensor_core::types::Iface;

/// Keeps an interface in promiscuous mode until it is dropped.
pub(super) struct Promiscuous {
    _socket: OwnedFd,
}

impl Promiscuous {
    pub(super) fn hold(iface: Iface, index: u32) -> Result<Self, CaptureError> {
        CaptureError::require("promiscuous mode", &Capability::PACKET)?;
        let fail = |call| move |source| CaptureError::of_call(iface.as_str(), call, &Capability::PACKET, source);
        // Protocol 0: the socket receives no frames.
        let socket = socket(libc::AF_PACKET, libc::SOCK_RAW, 0).map_err(fail("a packet socket"))?;
        let request = libc::packet_mreq {
            mr_ifindex: index.cast_signed(),
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        set_option(&socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
            .map_err(fail("promiscuous mode"))?;
        Ok(Self { _socket: socket })
    }
}
