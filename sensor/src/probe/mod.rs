//! The sensor's voice: one file a technique. A prober asks one question and waits for its own answer for a bounded
//! time; whether, whom and when to ask is the planner's business (`inventory/planner.rs`).

/// What a service greets with.
pub mod banner;
/// Keyed cookies.
pub mod cookie;
/// Reverse DNS.
pub mod dns;
/// ICMP and ICMPv6 echo.
pub mod icmp;
/// mDNS questions to one host.
pub mod mdns;
/// NetBIOS node status.
pub mod nbns;
/// When packets leave.
pub mod pace;
/// All of them on a thread.
pub mod prober;
/// Frames of our own making.
pub mod raw;
/// SNMP's system group.
pub mod snmp;
/// TCP connect.
pub mod tcp;

/// How many packets each technique sent.
pub mod counts;
/// Reading and writing on a connection, with limits.
pub mod stream;
/// The sockets and resolvers that techniques share.
pub mod tools;
