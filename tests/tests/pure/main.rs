//! Tests that need neither root nor the program: the code's own promises, its data, and simulated networks.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

/// Games against an attacker.
mod adversary;
/// Who may use whom in the source tree.
mod architecture;
/// Inputs of the fuzz targets.
mod corpus;
/// What always holds of the correlator.
mod invariants;
/// The committed BPF object and its sources.
mod object;
/// Records and their JSON schemas.
mod schema;
/// Simulated networks whose truth is known.
mod simulation;
/// Names of vendors.
mod vendors;
/// A simulated week of an office network.
mod week;
