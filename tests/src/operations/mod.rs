//! Arbitrary bytes as a list of correlator operations, over few stations, addresses and segments and under tiny limits,
//! so that every combination occurs. After each operation, what must always hold is checked. Modules in reading order.

/// Sightings made of bytes.
mod sightings;
/// What must hold of the correlator's rows.
mod rows;
/// The operations.
pub mod run;
