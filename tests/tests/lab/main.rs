//! Tests that run the sensor in network namespaces, with real daemons and hosts: as root. Each test has namespaces of
//! its own, so several run beside each other.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

/// Active questions: moves, conflicts, who is gone.
mod asking;
/// `kill -9` at any moment.
mod crash;
/// The crowd that other tests ask, asked by ordinary programs.
mod crowd;
/// One machine with several MACs.
mod identity;
/// Events in a journal.
mod journal;
/// Switches and routers.
mod link;
/// Thousands of hosts in a storm of frames.
mod load;
/// Presence, services, tunnels and floods on a mirror port.
mod mirror;
/// Names and announcements.
mod names;
/// A switch with real hosts behind a mirror port.
mod network;
/// Mutes, rules and repeats.
mod policy;
/// A port that goes and comes back.
mod port;
/// Servers and routers that nobody allowed.
mod rogues;
/// What must never leave the sensor.
mod safety;
/// One sweep of a network of all kinds of hosts.
mod scan;
/// Scanners that the sensor reports.
mod scanners;
/// Sinks that stop reading.
mod sinks;
/// Alerts from a journal.
mod watch;
