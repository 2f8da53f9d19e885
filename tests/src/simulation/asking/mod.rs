//! Seeded networks that answer questions. Planner and correlator work together as in `sensor run`, on a simulated
//! clock, among hosts that answer (slowly, twice, not always), are silent (for a while, for good, to one technique) or
//! lie. Each story knows what must be reported of it; the rules of asking are written here a second time, and plainly.
//! Modules in reading order.

/// What all runs have in common: the clock, the segment, who is who.
pub mod common;
/// Hosts, and how they answer.
pub mod machine;
/// What happens, and what must be reported of it.
pub mod script;
/// What a run must keep to, whatever happens.
pub mod rules;
/// The sensor among the hosts.
pub mod sensor_run;
/// What stories are made of.
mod teller;
/// Stories of hosts that answer, leave and come back.
mod residents;
/// Stories of addresses that pass to another station, and of liars.
mod moves;
/// The script of a seed.
pub mod generate;
