//! Frames from XDP, a packet socket or a capture file: three sources with one classifier, which all yield
//! [`sensor_core::types::Frame`]. Frame bodies are not parsed here.
//!
//! Each port of a live capture has one of three modes. XDP in the driver is the fastest, generic XDP works on every
//! interface since Linux 5.18, and a packet socket works everywhere but copies each frame.

// In reading order.
/// Errors of a live capture.
pub mod error;
/// Log lines of the BPF program.
#[cfg(feature = "bpflog")]
pub mod bpflog;
/// Capture files.
pub mod file;
/// Checks for `sensor doctor`.
pub mod doctor;
/// Classifies captured bytes and makes frames of them.
pub mod harvest;
/// Properties of this machine's interfaces.
pub mod iface;
/// Live capture on several ports.
pub mod live;
/// Offloads of the network card.
pub mod nic;
/// The packet socket, for interfaces without XDP.
pub mod packet;
/// Stations that sent frames of any kind, read from the kernel's presence table.
pub mod presence;
/// Promiscuous mode.
pub mod promisc;
/// The XDP program's filters in user space, for packet sockets and files.
pub mod sieve;
/// All frames of an interface, unfiltered.
pub mod tap;
/// The prefixes in which frames of any protocol are reported.
pub mod watched;
/// The XDP program: loading, attaching, reading its ring.
pub mod xdp;

/// The states of one port and their changes.
pub mod port_life;
/// Rate limit on the messages about a port.
mod port_lines;

/// Options and status of ports.
pub mod options;
