//! How ports are opened, and what is told of them.

use crate::capture::port_life::CaptureState;
use sensor_core::types::Iface;
use sensor_ebpf::abi::{Class, Counters};
use std::time::Duration;

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The box lives on it: frames always pass.
    Host,
    /// It only receives copies: XDP drops frames after the harvest, and the port is promiscuous.
    Mirror,
}

/// How the user asked to capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// The best that works: driver, then generic, then packet.
    #[default]
    Auto,
    /// XDP in the driver, or an error.
    Driver,
    /// XDP in the network stack, or an error. It does not touch the driver, some of which reset on an attach.
    Generic,
    /// A packet socket.
    Packet,
}

/// How a port is captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// XDP in the driver.
    Driver,
    /// XDP in the network stack.
    Generic,
    /// A packet socket.
    Packet,
}

impl Mode {
    /// The mode in notes and status lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Driver => "driver",
            Self::Generic => "generic",
            Self::Packet => "packet",
        }
    }
}

/// A port to capture on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its interface.
    pub iface: Iface,
    /// What it is for.
    pub role: Role,
}

/// How to capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Which mode.
    pub method: Method,
    /// Size of the ring buffer, bytes; rounded up to a power of two of at least a page. A packet socket's receive
    /// buffer has the same size.
    pub ring_bytes: u32,
    /// How often the kernel tells an unchanged claim again; rounded to seconds, zero tells every frame.
    /// Packet sockets do so every ten seconds at the latest.
    pub refresh: Duration,
    /// Whether a station that says too much loses its surplus. Not where so much was asked for: one proxy may answer a
    /// sweep for everybody.
    pub policing: bool,
    /// Whether offloads that change what is heard are switched off for as long as the capture lives.
    pub fix_nic: bool,
}

impl Default for Options {
    fn default() -> Self {
        let refresh = Duration::from_secs(60);
        Self { method: Method::Auto, ring_bytes: 4 << 20, refresh, policing: true, fix_nic: false }
    }
}

/// A port as it is captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// Its interface.
    pub iface: Iface,
    /// What it is for.
    pub role: Role,
    /// How its frames are read.
    pub mode: Mode,
    /// Whether this capture holds it in promiscuous mode.
    pub promiscuous: bool,
    /// Whether it hears.
    pub state: CaptureState,
    /// Frames that its packet socket had no room for since it was attached last.
    pub socket_full: u64,
}

/// What was counted, to the last frame and by who counted it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Over everything: see [`Live::counters`].
    pub total: Counters,
    /// The XDP program's counters of each CPU, in the order of their numbers; empty without XDP.
    pub cpus: Vec<Counters>,
    /// Records of the ring that could not be delivered, by class: counted as lost in `total`, and as passed in `cpus`.
    pub undeliverable: [u64; Class::COUNT],
    /// Frames that packet sockets had no room for, of those that were closed as well.
    pub socket_full: u64,
}
