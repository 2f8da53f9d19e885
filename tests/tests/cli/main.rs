//! Tests that run the program on files, as a user does.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

/// Captures whose answer is known.
mod cases;
/// Names and messages that an attacker chooses.
mod hostile;
/// README and manual: every command, option, key and kind in them.
mod manual;
/// Mistakes of users, and what the program answers.
mod misuse;
/// The committed captures beside an independent decoder.
mod peers;
/// Capture files.
mod replay;
