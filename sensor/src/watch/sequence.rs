//! Event ids of each database rise by one. So a repeat is told from news, and what the journal does not hold any more,
//! or never took (its rate limit), is noticed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Databases that are remembered; the one unheard for longest goes first.
const DATABASES_MAX: usize = 32;
/// Stretches of missing ids that are remembered for each database; the oldest goes first.
const MISSING_MAX: usize = 64;

/// What came of each database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sequences {
    databases: BTreeMap<String, Sequence>,
    /// Counts what came, so that the database unheard for longest is known.
    clock: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Sequence {
    /// The highest id.
    last: u64,
    /// Below it, first and last id of what did not come.
    missing: Vec<(u64, u64)>,
    /// When it was heard, by the count of all.
    heard: u64,
}

/// What an id means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// News, of a database that was not known.
    First,
    /// News.
    Next,
    /// News, and these ids before it did not come: the first and the last.
    After(u64, u64),
    /// It came before.
    Repeat,
}

impl Sequences {
    /// Takes in an id.
    pub fn take(&mut self, database: &str, id: u64) -> Place {
        self.clock += 1;
        if !self.databases.contains_key(database) && self.databases.len() == DATABASES_MAX {
            let oldest = self.databases.iter().min_by_key(|(_, sequence)| sequence.heard).map(|(name, _)| name.clone());
            oldest.into_iter().for_each(|name| drop(self.databases.remove(&name)));
        }
        let sequence = self.databases.entry(database.to_owned()).or_default();
        sequence.heard = self.clock;
        sequence.take(id)
    }

    /// The highest id of the database that was heard last.
    pub fn last(&self) -> Option<u64> {
        self.databases.values().max_by_key(|sequence| sequence.heard).map(|sequence| sequence.last)
    }
}

impl Sequence {
    fn take(&mut self, id: u64) -> Place {
        if id > self.last {
            let before = self.last;
            self.last = id;
            // Where watching begins, nothing is missing.
            if before == 0 {
                return Place::First;
            }
            if id == before + 1 {
                return Place::Next;
            }
            if self.missing.len() == MISSING_MAX {
                self.missing.remove(0);
            }
            self.missing.push((before + 1, id - 1));
            return Place::After(before + 1, id - 1);
        }
        let Some(at) = self.missing.iter().position(|&(first, last)| (first..=last).contains(&id)) else {
            return Place::Repeat;
        };
        // The sensor was killed, and tells again from an earlier event on.
        let (first, last) = self.missing.remove(at);
        let rest = [(first, id - 1), (id + 1, last)].into_iter().filter(|(first, last)| first <= last);
        self.missing.splice(at..at, rest);
        self.missing.truncate(MISSING_MAX);
        Place::Next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ids: &[u64], expected: &str) {
        let mut sequences = Sequences::default();
        let got = ids.iter().map(|&id| match sequences.take("d", id) {
            Place::First => "first".to_owned(),
            Place::Next => "+".to_owned(),
            Place::After(first, last) => format!("{first}..{last}"),
            Place::Repeat => "=".to_owned(),
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
    fn databases_have_ids_of_their_own() {
        let mut sequences = Sequences::default();
        assert_eq!(sequences.take("a", 5), Place::First);
        assert_eq!(sequences.take("b", 1), Place::First);
        assert_eq!(sequences.take("a", 6), Place::Next);
        assert_eq!(sequences.last(), Some(6));
    }

    #[test]
    fn memory_is_bounded() {
        let mut sequences = Sequences::default();
        for number in 0..1000 {
            sequences.take(&format!("d{number}"), 1);
            sequences.take("busy", number * 2 + 1);
        }
        assert_eq!(sequences.databases.len(), DATABASES_MAX);
        assert_eq!(sequences.databases["busy"].missing.len(), MISSING_MAX);
        for id in (0..2000).step_by(4) {
            sequences.take("busy", id);
        }
        assert!(sequences.databases["busy"].missing.len() <= MISSING_MAX);
    }
}
