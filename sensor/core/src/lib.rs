//! The pure core of the sensor: bytes become messages, messages become sightings, sightings become events. Nothing here
//! has a clock, a socket, a file, a thread or a task; time is an argument. Modules in reading order: each may use those
//! above it, never those below.

/// The types that every room shares: time, MAC, segment, frame.
pub mod types;
/// Bytes to messages: one file a protocol.
pub mod wire;
/// What is known of a network, what is concluded from it, and what is asked.
pub mod inventory;
