//! Active probes, one file for each technique. A technique sends one probe and waits for its answer for a bounded time;
//! the planner (`sensor_core::inventory::planner`) decides whether, when and whom to ask.

/// Banners of services.
pub mod banner;
/// Keyed cookies, which match replies to requests.
pub mod cookie;
/// A DHCP DISCOVER.
mod discover;
/// Reverse DNS.
pub mod dns;
/// ICMP and ICMPv6 echo.
pub mod icmp;
/// mDNS queries to one host.
pub mod mdns;
/// NetBIOS node status.
pub mod nbns;
/// Rate limits on sent packets.
pub mod pace;
/// Runs the techniques, on a thread or as a task.
pub mod prober;
/// ARP, NDP and DHCP requests as raw frames.
pub mod raw;
/// SNMP's system group.
pub mod snmp;
/// TCP connect.
pub mod tcp;

/// Counters of probes and answers.
pub mod counts;
/// Reading and writing on a TCP connection until a deadline.
pub mod stream;
/// The sockets and resolvers that techniques share.
pub mod tools;
