//! A week of an office network with 500 hosts, and the truth about it. Every machine has its own day, sends what such
//! machines send through a mirror port that doubles and loses frames, and answers what it is asked; among them happen
//! incidents that must be reported. Planner and correlator work together as in `sensor run`, on a simulated clock. What
//! they report is compared with what was planted, and beside them arpwatch's rules read the same frames. Modules in
//! reading order.

/// The week's time.
pub mod calendar;
/// The port at which the sensor listens.
mod mirror;
/// The DHCP server.
mod dhcp;
/// Single sightings.
pub mod words;
/// Kinds of machines.
pub mod hosts;
/// The network, and what is due in it.
mod world;
/// What machines send and answer.
mod talk;
/// What machines do by day and by night.
mod days;
/// What is due is done.
mod acts;
/// What incidents are made of.
pub mod plot;
/// Incidents: hosts and their addresses.
mod addresses;
/// Incidents: attacks and mistakes.
mod attacks;
/// Incidents: stations that speak for others.
mod impostors;
/// Innocent habits that look like attacks.
mod habits;
/// Incidents: hosts that stop, services that change, the sensor's own.
mod changes;
/// All incidents.
mod incidents;
/// arpwatch's rules, counted.
pub mod arpwatch;
/// The sensor among the machines.
pub mod sensor_week;
/// What came of it.
pub mod verdict;
