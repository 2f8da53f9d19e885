//! Tests that run the sensor in network namespaces, with real daemons and hosts: as root. Each test has namespaces of
//! its own, so several run beside each other; those of `alone` do not.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

/// Tests that send as fast as they can, or count what leaves in a second: each runs alone.
mod alone;
/// Active questions: moves, conflicts, who is gone.
mod asking;
/// The crowd that other tests ask, asked by ordinary programs.
mod crowd;
/// Redirects, and frames with the sensor's own MAC.
mod forged;
/// One machine with several MACs.
mod identity;
/// Events in a journal.
mod journal;
/// Presence, services, tunnels and floods on a mirror port.
mod mirror;
/// Names and announcements.
mod names;
/// Mutes, rules and repeats.
mod policy;
/// A port that goes and comes back.
mod port;
/// Servers and routers that nobody allowed.
mod rogues;
/// Scanners that the sensor reports.
mod scanners;
/// Sinks that stop reading.
mod sinks;
/// Alerts from a journal.
mod watch;
