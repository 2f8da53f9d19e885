//! `sensor watch`: follows the journal from where it stopped, and does what the `[[alert]]` tables say.
//!
//! An event comes from the journal (`source`, `entry`), is held against the ids that came before (`sequence`), and is put
//! on disk for the alerts (`spool`); only then does the place in the journal move on (`state`). Each alert has a thread of
//! its own (`lane`) that filters, folds (`gate`) and acts (`action`, `command`, `webhook`, `mail`), and moves on only when
//! that worked. So `kill -9` at any moment makes something come twice, by the same id, and loses nothing.
//!
//! A new action is one file, one variant of `Actor`, and must: bound its time and memory; treat every text as hostile;
//! say whether trying again makes sense ([`Outcome`]); show no secret in what it says.

use std::time::Duration;

/// One alert at work.
pub mod lane;
/// The actions behind one door.
pub mod action;
/// The action that runs a program.
pub mod command;
/// The action that sends a mail.
pub mod mail;
/// A mail by plain SMTP.
pub mod smtp;
/// The action that posts to a web server.
pub mod webhook;
/// A body with fields in it.
pub mod template;
/// How often an alert may speak.
pub mod gate;
/// Which events an alert is about.
pub mod filter;
/// Events that alerts still have to take.
pub mod spool;
/// What survives the watcher.
pub mod state;
/// Ids, repeats and gaps.
pub mod sequence;
/// A line of the journal's.
pub mod entry;
/// Where lines come from.
pub mod source;

/// Events on their way to the actions, and what became of them.
pub mod batch;
/// The loop of `sensor watch`.
pub mod watcher;

/// How often what changed is put on disk while nothing comes, and how long the journal is waited for.
pub(crate) const SAVE_EVERY: Duration = Duration::from_millis(200);
/// Lines that are put on disk together.
pub(crate) const TOGETHER_MAX: usize = 500;
/// How long after its end the journal's reader is started again: doubled up to the second of them.
pub(crate) const RESTART: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A disk that takes nothing is tried again after this time.
pub(crate) const DISK_AGAIN: Duration = Duration::from_secs(1);
