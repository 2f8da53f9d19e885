//! Events on their way to the actions, and what became of them.

use crate::watch::entry::Event;
use std::collections::BTreeMap;

/// What came of one attempt. The texts say why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Delivered,
    /// It was not wanted: trying again a few times may help, trying for ever does not.
    Refused(String),
    /// Nobody took it: later.
    Unavailable(String),
}

/// Events that are delivered together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// In order.
    pub events: Vec<Event>,
    /// What was too much: how many of each kind.
    pub more: BTreeMap<String, u64>,
}

impl Batch {
    /// Of one event.
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
