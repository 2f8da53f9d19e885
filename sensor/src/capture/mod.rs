//! Frames from XDP, a packet socket or a capture file: three sources, one classifier, one [`sensor_core::types::Frame`].
//! Nothing here reads what a frame's body says.
//!
//! Live capture gives every port one of three modes. XDP in the driver is the fastest; the generic mode works on
//! every interface of a kernel since 5.18; the packet socket works everywhere, and costs a copy of each frame.

// Reading order.
/// What can go wrong with a live capture.
pub mod error;
/// The BPF program's own log lines.
#[cfg(feature = "bpflog")]
pub mod bpflog;
/// Capture files.
pub mod file;
/// What `sensor doctor` asks the kernel.
pub mod doctor;
pub mod harvest;
/// Facts about this machine's interfaces.
pub mod iface;
pub mod live;
/// Offloads of the network card.
pub mod nic;
pub mod packet;
pub mod presence;
pub mod promisc;
pub mod sieve;
/// Every frame of an interface as it is.
pub mod tap;
pub mod watched;
pub mod xdp;

/// The life of one port.
pub mod port_life;

/// How ports are opened, and what is told of them.
pub mod options;
