//! What is said to a person: notices, tables on the screen, failures.

/// What the sensor says on standard error.
pub mod notice;
/// Why a command ended early.
pub mod failure;
/// Standard output.
pub mod screen;
