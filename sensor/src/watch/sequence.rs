//! Event ids of each database rise, and each event names the one emitted before it (the ids between belong to events that
//! are muted or folded). So repeats are recognised, and events that the journal lost or never took are noticed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::watch::entry::Rank;

/// Databases that are remembered; the one unheard for longest is forgotten first.
const DATABASES_MAX: usize = 32;
/// Ranges of missing ids that are remembered for each database; the oldest is forgotten first.
const MISSING_MAX: usize = 64;

/// The ids that came of each database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sequences {
    databases: BTreeMap<String, Sequence>,
    /// Counts all that came, so that the database unheard for longest is known.
    clock: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Sequence {
    /// The highest id.
    last: u64,
    /// Ranges below it that did not come: first and last id.
    missing: Vec<(u64, u64)>,
    /// When it was last heard, by `Sequences::clock`.
    heard: u64,
}

/// What an id shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A new event, of a database that was not known.
    First,
    /// A new event.
    Next,
    /// A new event, and those with these ids, from the first to the last, did not come.
    After(u64, u64),
    /// It came before.
    Repeat,
}

impl Sequences {
    /// Takes in an id.
    pub fn take(&mut self, database: &str, rank: Rank) -> Arrival {
        self.clock += 1;
        if !self.databases.contains_key(database) && self.databases.len() == DATABASES_MAX {
            let oldest = self.databases.iter().min_by_key(|(_, sequence)| sequence.heard).map(|(name, _)| name.clone());
            oldest.into_iter().for_each(|name| drop(self.databases.remove(&name)));
        }
        let sequence = self.databases.entry(database.to_owned()).or_default();
        sequence.heard = self.clock;
        sequence.take(rank)
    }
}

impl Sequence {
    fn take(&mut self, Rank { id, previous }: Rank) -> Arrival {
        if id > self.last {
            let before = self.last;
            self.last = id;
            // Where watching begins, nothing is missing.
            if before == 0 {
                return Arrival::First;
            }
            if previous <= before {
                return Arrival::Next;
            }
            if self.missing.len() == MISSING_MAX {
                self.missing.remove(0);
            }
            self.missing.push((before + 1, previous));
            return Arrival::After(before + 1, previous);
        }
        let Some(at) = self.missing.iter().position(|&(first, last)| (first..=last).contains(&id)) else {
            return Arrival::Repeat;
        };
        // The sensor was killed, and emits again from an earlier event on.
        let (first, last) = self.missing.remove(at);
        let rest = [(first, id - 1), (id + 1, last)].into_iter().filter(|(first, last)| first <= last);
        self.missing.splice(at..at, rest);
        self.missing.truncate(MISSING_MAX);
        Arrival::Next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(id: u64) -> Rank {
        Rank { id, previous: id.saturating_sub(1) }
    }

    fn check(ids: &[u64], expected: &str) {
        let mut sequences = Sequences::default();
        let got = ids.iter().map(|&id| match sequences.take("d", rank(id)) {
            Arrival::First => "first".to_owned(),
            Arrival::Next => "+".to_owned(),
            Arrival::After(first, last) => format!("{first}..{last}"),
            Arrival::Repeat => "=".to_owned(),
        });
        assert_eq!(got.collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn ids_rise_by_one() {
        check(&[5, 6, 7], "first + +");
        check(&[5, 6, 5, 6, 7], "first + = = +");
        check(&[5, 9, 10], "first 6..8 +");
    }

    #[test]
    fn what_was_missing_may_still_come() {
        check(&[1, 5, 3, 3, 2, 4, 4, 6], "first 2..4 + = + + = +");
    }

    #[test]
    fn ids_that_nobody_was_told_are_not_missing() {
        let mut sequences = Sequences::default();
        let ranks = [(3, 0), (7, 3), (12, 10), (13, 12), (10, 7), (9, 7)];
        let places = ranks.map(|(id, previous)| sequences.take("d", Rank { id, previous }));
        assert_eq!(
            places,
            [Arrival::First, Arrival::Next, Arrival::After(8, 10), Arrival::Next, Arrival::Next, Arrival::Next]
        );
    }

    #[test]
    fn databases_have_ids_of_their_own() {
        let mut sequences = Sequences::default();
        assert_eq!(sequences.take("a", rank(5)), Arrival::First);
        assert_eq!(sequences.take("b", rank(1)), Arrival::First);
        assert_eq!(sequences.take("a", rank(6)), Arrival::Next);
    }

    #[test]
    fn memory_is_bounded() {
        let mut sequences = Sequences::default();
        for number in 0..1000 {
            sequences.take(&format!("d{number}"), rank(1));
            sequences.take("busy", rank(number * 2 + 1));
        }
        assert_eq!(sequences.databases.len(), DATABASES_MAX);
        assert_eq!(sequences.databases["busy"].missing.len(), MISSING_MAX);
        for id in (0..2000).step_by(4) {
            sequences.take("busy", rank(id));
        }
        assert!(sequences.databases["busy"].missing.len() <= MISSING_MAX);
    }
}
