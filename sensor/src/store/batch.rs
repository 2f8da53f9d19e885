//! What is written in one transaction.

use sensor_core::inventory::judge::fold::Fold;
use sensor_core::inventory::model::rows::{Changes, Presence, Rows};
use sensor_core::types::Timestamp;
use std::collections::BTreeMap;

/// An event as it is kept: the finished record, and what it is chosen by.
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
    /// What its repeats are known by.
    pub cause: Option<String>,
    /// Why it is not told, as written.
    pub muted: Option<String>,
    /// How often it happened; 1 or more. Not in the record.
    pub count: u64,
    /// When it happened last, where it did so more than once. Not in the record.
    pub last_at: Option<Timestamp>,
}

/// What is muted for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMute {
    /// Its number, from 1; below 2^63.
    pub id: u64,
    /// What, as written.
    pub target: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub reason: Option<String>,
}

/// What one transaction saves: removals first, then rows, presence, events.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Rows that changed or are gone.
    pub changes: Changes,
    /// What was only seen again; about rows that are not saved it says nothing and is passed over.
    pub presence: Vec<Presence>,
    /// What was told.
    pub events: Vec<StoredEvent>,
    /// Counts of events that were saved before, or are in `events`.
    pub folds: Vec<Fold>,
    /// What is muted, in place of what was, when that changed.
    pub mutes: Option<Vec<StoredMute>>,
    /// The last event that every sink has taken, when that moved.
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
    /// Rules of what a host is.
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
    /// Events of the last day that may be repeated, in order.
    pub repeatable: Vec<StoredEvent>,
    /// What is muted, by number.
    pub mutes: Vec<StoredMute>,
    /// When the last event happened.
    pub last_event_at: Option<Timestamp>,
}
