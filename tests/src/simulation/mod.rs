//! Seeded networks whose truth is known: a generator that tells stories (a host joins, a lease is handed over, somebody
//! spoofs) and writes down with each what an observer must report and know in the end. It does not use the correlator's
//! code: each story knows its own outcome, and stories share a segment but no address. Frames are lost (never all of a
//! burst), doubled and delayed, and the sensor is restarted. Modules in reading order.

/// Random numbers from a seed.
pub mod rng;
/// What must be known in the end.
pub mod known;
/// A network as the sensor experiences it.
pub mod lan;
/// The network of a seed.
pub mod generate;
/// What stories are made of.
mod teller;
/// Stories of ordinary hosts.
mod hosts;
/// Stories of DHCP.
mod leases;
/// Stories of switches, telephones and groups of routers.
mod link;
/// Stories of machines that announce themselves.
mod names;
/// Stories of hosts behind a router or in a tunnel.
mod paths;
/// Networks that answer questions.
pub mod asking;
/// A week of an office.
pub mod week;
/// Games against an attacker.
pub mod adversary;
