//! What is written in one transaction.

use sensor_core::inventory::judge::fold::Fold;
use sensor_core::inventory::model::rows::{Changes, Presence, Rows};
use sensor_core::types::Timestamp;
use std::collections::BTreeMap;

/// An event as it is saved: the finished record, and what it is selected by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its number, from 1, rising; below 2^63.
    pub id: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Its kind as written (`new-host`).
    pub kind: String,
    /// Its severity as written.
    pub severity: String,
    /// Its segment as written.
    pub segment: Option<String>,
    /// Its host's number.
    pub host: Option<u64>,
    /// The finished JSON object, one line.
    pub record: String,
    /// What its repeats have in common; `None`: repeats are not counted.
    pub cause: Option<String>,
    /// Why it is muted, as written; `None`: it is not.
    pub muted: Option<String>,
    /// How often it happened; 1 or more. Not in the record.
    pub count: u64,
    /// When it happened last, where that was more than once. Not in the record.
    pub last_at: Option<Timestamp>,
}

/// What is muted for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMute {
    /// Its number, from 1; below 2^63.
    pub id: u64,
    /// What is muted, as written.
    pub target: String,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// The owner's reason.
    pub reason: Option<String>,
}

/// What one transaction saves: removals first, then rows, presence, events.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Rows that changed or are gone.
    pub changes: Changes,
    /// What was only seen again. Those of rows that are not saved are ignored.
    pub presence: Vec<Presence>,
    /// New events.
    pub events: Vec<StoredEvent>,
    /// New counts of repeats, of events that were saved before or are in `events`.
    pub folds: Vec<Fold>,
    /// All mutes, where they changed.
    pub mutes: Option<Vec<StoredMute>>,
    /// The last event that every sink has taken, where that moved.
    pub published_to: Option<u64>,
    /// The last event that a sink has taken, by its name, where that moved.
    pub marks: BTreeMap<String, u64>,
}

impl Batch {
    /// Whether there is nothing to save.
    pub fn is_empty(&self) -> bool {
        self.changes == Changes::default()
            && self.presence.is_empty()
            && self.events.is_empty()
            && self.folds.is_empty()
            && self.mutes.is_none()
            && self.published_to.is_none()
            && self.marks.is_empty()
    }
}

/// The owner's own rules and signatures, as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Rules for what a host is.
    pub fingerprints: Option<String>,
    /// p0f's signatures.
    pub p0f: Option<String>,
}

/// What a database held when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The inventory.
    pub rows: Rows,
    /// The number of the next event: above every one ever saved, also those pruned since.
    pub next_event_id: u64,
    /// When the database was first used: the learning period starts here.
    pub created_at: Timestamp,
    /// The last event that every sink has taken.
    pub published_to: u64,
    /// The last event that each sink has taken, by its name.
    pub marks: BTreeMap<String, u64>,
    /// Events of the last day whose repeats are counted, in order.
    pub repeatable: Vec<StoredEvent>,
    /// What is muted, by number.
    pub mutes: Vec<StoredMute>,
    /// When the last event happened.
    pub last_event_at: Option<Timestamp>,
}
