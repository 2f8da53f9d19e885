//! The lab: network namespaces that make a switch with a mirror port, with real daemons and hosts behind it. All its
//! traffic stays inside them, and dropping it removes everything.

/// Shell lines.
mod shell;
/// Namespaces and what runs in them.
pub mod namespace;
/// Waiting until something happens.
pub mod wait;
/// Ctrl-C removes everything too.
pub mod interrupt;
/// The daemons and programs that the lab runs.
pub mod tools;
/// Frames from a packet socket inside a namespace.
pub mod sender;
/// Debian programs that run for as long as a test needs them.
pub mod daemon;
/// The program under test.
pub mod sensor_process;
/// A journal daemon.
pub mod journald;
/// A web server that records what is posted.
pub mod recorder;
/// How the hosts of a crowd behave.
mod kind;
/// Answers for hosts that behave as no kernel does.
mod responder;
/// Very many hosts in one namespace.
pub mod crowd;
/// Frames that arrive at an interface.
pub mod tap;
/// Hosts with real daemons beside them.
pub mod services;
/// A switch that sends every frame to every port.
pub mod hub;
/// Speakers of LLMNR and SSDP.
pub mod announcers;
/// A switch with a mirror port, and hosts on it.
mod switch;
/// Whether this machine can run the lab.
mod requirements;

pub use self::requirements::{has_announcers, has_journald, has_links, has_scanners, has_services, possible};
pub use self::switch::{Host, HostKind, Lab, MIRROR, NOBODY, SERVER, SERVICE_PORT, VENDOR_CLASS};
