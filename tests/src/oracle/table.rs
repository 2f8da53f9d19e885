//! The results of many captures as a Markdown table.

use std::collections::BTreeMap;
use std::fmt;

use super::answer::Answer;
use super::comparison::{Comparison, LOUD};
use super::explained::Explained;
use super::fact::{KINDS, NOT_YET};
use super::subject::{ENDS_WELL, NO_NEWS, SAME_EVENTS, SAME_INVENTORY};

/// Sums per kind.
#[derive(Clone, Debug, Default)]
pub struct Table {
    files: usize,
    rows: BTreeMap<&'static str, Row>,
    not_yet: BTreeMap<String, usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    found: usize,
    missed: usize,
    extra: usize,
    explained: usize,
}

impl Table {
    /// Adds one capture.
    pub fn add(&mut self, file: &str, answer: &Answer, comparison: &Comparison, explained: &Explained) {
        self.files += 1;
        for (kind, outcome) in comparison {
            let (missed, extra) = (outcome.missed.len(), outcome.extra.len());
            let is_explained = explained.explains(file, kind, missed, extra);
            self.rows.entry(kind).or_default().add(Row {
                found: outcome.found,
                missed,
                extra,
                explained: if is_explained { missed + extra } else { 0 },
            });
        }
        for (kind, facts) in &answer.not_yet {
            *self.not_yet.entry(kind.clone()).or_default() += facts;
        }
    }
}

impl Row {
    fn add(&mut self, other: Self) {
        self.found += other.found;
        self.missed += other.missed;
        self.extra += other.extra;
        self.explained += other.explained;
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |kind: &str, row: Row| {
            let Row { found, missed, extra, explained } = row;
            writeln!(f, "{kind:<17} {:>6} {found:>6} {missed:>6} {extra:>6} {explained:>9}", found + missed)
        };
        let mut total = Row::default();
        for kind in KINDS {
            let row = self.rows.get(kind).copied().unwrap_or_default();
            total.add(row);
            line(kind, row)?;
        }
        line("total", total)?;
        for rule in [ENDS_WELL, SAME_EVENTS, NO_NEWS, SAME_INVENTORY, LOUD] {
            line(rule, self.rows.get(rule).copied().unwrap_or_default())?;
        }
        let not_yet = NOT_YET.iter().map(|kind| format!("{kind} {}", self.not_yet.get(*kind).unwrap_or(&0)));
        writeln!(f, "not yet: {}", not_yet.collect::<Vec<_>>().join(", "))?;
        write!(f, "{} captures", self.files)
    }
}

/// The line above the table.
pub const HEAD: &str = "kind               facts  found missed  extra explained";
