//! What is said to a person: notices on standard error, results on standard output, and why a command failed.

/// Why a command ended early, and its exit code.
pub mod failure;
/// Lines on standard error.
pub mod notice;
/// Standard output.
pub mod screen;
