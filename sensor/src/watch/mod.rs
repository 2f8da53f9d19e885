//! `sensor watch`: follows the journal from where it stopped, and does what the `[[alert]]` tables say.
//!
//! A line of the journal (`source`) becomes an event (`entry`), is compared with the ids that came before (`sequence`), and
//! is put on disk for the alerts (`spool`); only then does the place in the journal move on (`state`). Each alert has a
//! thread of its own (`alert_worker`) that filters, folds repeats (`gate`) and acts (`action`, `command`, `webhook`,
//! `mail`), and moves on only when that worked. So a kill at any moment makes an event come twice, with the same id, and
//! loses none.
//!
//! A new action is one file and one variant of `Actor`. It must limit its time and memory, treat every text as hostile, say
//! whether trying again makes sense (`Outcome`), and show no secret in its messages.

/// The actions behind one interface.
mod action;
/// The thread of one alert.
mod alert_worker;
/// Events that are delivered together, and what came of it.
mod batch;
/// The action that runs a program.
mod command;
/// From a line of the journal to an event.
pub mod entry;
/// Which events an alert is about.
mod filter;
/// How often an alert may act.
mod gate;
/// The action that sends a mail.
mod mail;
/// Ids, repeats and gaps.
mod sequence;
/// What the journal's thread and the alerts' threads know of each other.
mod shared;
/// A mail by plain SMTP.
mod smtp;
/// Lines of the journal.
mod source;
/// Events that alerts still have to take.
mod spool;
/// What survives the watcher.
mod state;
/// A body with fields in it.
mod template;
/// The loop of `sensor watch`.
pub mod watcher;
/// The action that posts to a web server.
mod webhook;
