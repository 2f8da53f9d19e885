//! What is said of a kind of event wherever kinds are explained: the manual, the journal's catalog, the record. Each
//! kind has a file of its own beside this one with a value of `Texts` in it; `event/mod.rs` lists them.

use crate::inventory::event::sentence::Facts;

/// Everything about a kind but its name and severity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts {
    /// arpwatch's name for it, where it has one (arpwatch 2.1a15, `db.c` and `arpwatch.c`).
    pub arpwatch: Option<&'static str>,
    /// The journal's `MESSAGE_ID`: 128 random bits in hexadecimal, fixed for ever (`systemd-id128 new`).
    pub message_id: &'static str,
    /// When it is reported and when not, with units, windows and limits: one line of Markdown without `|`.
    pub rule: &'static str,
    /// What its record may have: see `Kind::fields`.
    pub fields: &'static [&'static str],
    /// The names of its details: see `Kind::details`.
    pub details: &'static [&'static str],
    /// What `journalctl -x` shows.
    pub catalog: Catalog,
    /// The event as one sentence for a person, without a full stop.
    pub sentence: fn(&Facts<'_>) -> String,
}

/// An entry of the journal's catalog. `@SENSOR_IP@` stands for the field of that name. Only fields that every event of
/// the kind has may be named: journalctl writes the bare name of an absent one.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    /// The headline.
    pub subject: &'static str,
    /// What happened, the usual reasons, and what to do.
    pub text: &'static str,
}
