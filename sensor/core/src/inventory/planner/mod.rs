//! The planner: whether, whom, when and how to ask. Pure: sightings, events and time in, probes out. Its verbs are
//! `observe`, `consider`, `check`, `plan` and `poll_timeout`.
//!
//! Order of urgency: conflict checks, searches for DHCP servers, new and doubtful hosts, presence rounds, repeated
//! descriptions, sweeps. Every probe obeys the owner's rules (`permit.rs`) and is paid for from three buckets
//! (`bucket.rs`): the sensor's, its network's and its host's.

/// An IP address on a segment.
pub mod address;
/// What a probe costs, in packets.
pub mod cost;
/// What is asked, and the table of techniques.
pub mod probe;
/// What may be asked: the owner's settings.
pub mod policy;
/// Addresses of stations that are never asked.
mod excluded;
/// Whether something may be asked: the owner's rules, without budgets.
pub mod permit;
/// Token buckets.
pub mod bucket;
/// Time that does not jump when the clock is set.
mod monotonic;
/// Order and jitter without a source of chance.
mod jitter;
/// Every address of a prefix once.
pub mod sweep;
/// The sweep of one network over its interval.
mod background;
/// Looking for DHCP servers.
mod servers;
/// Conflict checks.
mod check;
/// Presence rounds.
mod round;
/// One target: an address that may be asked, and its next question.
mod target;
/// All targets.
mod targets;
/// Where targets wait.
mod agenda;
/// What a sighting or a saved row tells the planner.
mod observation;
/// The planner's state.
pub mod state;
/// Networks that come and go.
mod networks;
/// Answers matched with questions, and addresses that become targets.
mod answers;
/// Who is due asks.
mod schedule;
/// Searches for DHCP servers have their turns.
mod search;
/// What the planner's owner calls.
mod verbs;

#[cfg(test)]
mod tests;
