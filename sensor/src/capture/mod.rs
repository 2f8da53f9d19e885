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
/// From bytes to a frame: classified, sieved, handed on.
pub mod harvest;
/// Facts about this machine's interfaces.
pub mod iface;
/// All live ports together, as the loop uses them.
pub mod live;
/// Offloads of the network card.
pub mod nic;
/// The packet socket, for interfaces without XDP.
pub mod packet;
/// Who sent frames of any kind, read from the kernel in batches.
pub mod presence;
/// Promiscuous mode.
pub mod promisc;
/// The kernel program's tables natively, for packet sockets and files.
pub mod sieve;
/// Every frame of an interface as it is.
pub mod tap;
/// Which prefixes the kernel watches.
pub mod watched;
/// The XDP program: loaded, attached, its ring read.
pub mod xdp;

/// The life of one port.
pub mod port_life;
/// How often a port may say something.
mod port_lines;

/// How ports are opened, and what is told of them.
pub mod options;
