//! Options with which ports are opened, and the status of open ports.

use crate::capture::port_life::CaptureState;
use sensor_core::types::Iface;
use sensor_ebpf::abi::{Class, Counters};
use std::time::Duration;

/// The role of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortRole {
    /// The machine itself uses the port: frames always pass.
    Host,
    /// The port only receives copies of frames: XDP drops them after the harvest, and the port is promiscuous.
    Mirror,
}

/// The capture method that the user chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// The first that works of driver, generic and packet.
    #[default]
    Auto,
    /// XDP in the driver, or an error.
    Driver,
    /// XDP in the network stack (generic), or an error. The driver is not involved: some reset when a program is
    /// attached.
    Generic,
    /// A packet socket.
    Packet,
}

/// The mode in which a port captures.
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
    /// The mode's name in messages and status output.
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
    /// Its role.
    pub role: PortRole,
}

/// Options of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The capture method.
    pub method: Method,
    /// Size of the ring buffer in bytes, rounded up to a power of two of at least a page. A packet socket's receive
    /// buffer has the same size.
    pub ring_bytes: u32,
    /// Interval after which a repeated claim is reported again, in whole seconds; zero reports every frame. For packet
    /// sockets it is ten seconds at most.
    pub refresh: Duration,
    /// Whether the frames of each station are rate-limited. Off for a scan: a single proxy may answer for all
    /// addresses.
    pub policing: bool,
    /// Whether offloads that change captured frames are switched off while the capture runs.
    pub fix_nic: bool,
}

impl Default for Options {
    fn default() -> Self {
        let refresh = Duration::from_secs(60);
        Self { method: Method::Auto, ring_bytes: 4 << 20, refresh, policing: true, fix_nic: false }
    }
}

/// Status of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// Its interface.
    pub iface: Iface,
    /// Its role.
    pub role: PortRole,
    /// The mode in which it captures.
    pub mode: Mode,
    /// Whether this capture holds it in promiscuous mode.
    pub promiscuous: bool,
    /// Whether it receives frames.
    pub state: CaptureState,
    /// Frames that its full packet socket dropped since it was last attached.
    pub socket_full: u64,
}

/// Counters of a capture, by where they were counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// The sum of all: see [`crate::capture::live::Live::counters`].
    pub total: Counters,
    /// The XDP program's counters of each CPU, in the order of their numbers; empty without XDP.
    pub cpus: Vec<Counters>,
    /// Ring records that could not be delivered, by class; counted as lost in `total` and as passed in `cpus`.
    pub undeliverable: [u64; Class::COUNT],
    /// Frames that full packet sockets dropped, including closed sockets.
    pub socket_full: u64,
}
