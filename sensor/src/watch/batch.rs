//! Events that are delivered together, and what came of it.

use std::collections::BTreeMap;

use crate::watch::entry::Event;

/// What came of one attempt; the texts say why it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was accepted.
    Delivered,
    /// It was refused: trying again a few times may help, trying for ever does not.
    Refused(String),
    /// The receiver could not be reached: try again later.
    Unavailable(String),
}

/// Events that are delivered together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// In order.
    pub events: Vec<Event>,
    /// Events that did not fit: how many of each kind.
    pub more: BTreeMap<String, u64>,
}

impl Batch {
    /// A batch of one event.
    pub fn one(event: Event) -> Self {
        Self { events: vec![event], more: BTreeMap::new() }
    }

    /// Adds an event, or counts it when there are `max` already.
    pub fn push(&mut self, event: Event, max: usize) {
        match max == 1 || self.events.len() < max {
            true => self.events.push(event),
            false => *self.more.entry(event.text("kind").to_owned()).or_default() += 1,
        }
    }

    /// Whether there is nothing to deliver.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
