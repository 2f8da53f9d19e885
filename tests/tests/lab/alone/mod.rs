//! Tests that send as fast as they can, or count what leaves in a second: beside others, they would miss what they wait for.

/// `kill -9` at any moment.
mod crash;
/// Switches and routers.
mod link;
/// Thousands of hosts in a storm of frames.
mod load;
/// A switch with real hosts behind a mirror port.
mod network;
/// What must never leave the sensor.
mod safety;
/// One sweep of a network of all kinds of hosts.
mod scan;
