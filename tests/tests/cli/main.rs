//! Tests that run the program on files, as a user does.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

/// Names and messages that an attacker chooses.
mod hostile;
/// Mistakes of users, and what the program answers.
mod misuse;
/// The committed captures beside an independent decoder.
mod peers;
/// Capture files.
mod replay;
