//! Each rule of the planner on a fake clock.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bench;
mod checks;
mod networks;
mod rounds;
mod rules;
/// Random policies, hosts and liars.
mod safety;
/// Looking for DHCP servers.
mod servers;
/// A sweep alone.
mod sweeps;
