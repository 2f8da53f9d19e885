//! Differences that are understood: each names a file and a kind, counts what is missed and extra, and says why.
//! An entry for a difference that no longer occurs is an error, as is a difference without an entry.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::comparison::Comparison;

/// The list of explained differences.
#[derive(Clone, Debug, Default)]
pub struct Explained(BTreeMap<(String, String), Difference>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    difference: Vec<Difference>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    file: String,
    kind: String,
    #[serde(default)]
    missed: usize,
    #[serde(default)]
    extra: usize,
    why: String,
}

impl Explained {
    /// Reads the list; an entry without a reason, or a second one for the same file and kind, is an error.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}: not a list of differences", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        let mut list = Self::default();
        for difference in file.difference {
            if difference.why.trim().is_empty() {
                bail!("{} {}: no reason", difference.file, difference.kind);
            }
            let key = (difference.file.clone(), difference.kind.clone());
            if let Some(twice) = list.0.insert(key, difference) {
                bail!("{} {}: listed twice", twice.file, twice.kind);
            }
        }
        Ok(list)
    }

    /// How many differences of one kind in a file are explained: all of them or none.
    pub fn explains(&self, file: &str, kind: &str, missed: usize, extra: usize) -> bool {
        let entry = self.0.get(&(file.to_owned(), kind.to_owned()));
        entry.is_some_and(|entry| (entry.missed, entry.extra) == (missed, extra))
    }

    /// What is wrong with one file: differences without an entry, and entries without a difference. Bounded.
    pub fn unexplained(&self, file: &str, comparison: &Comparison) -> Vec<String> {
        let mut lines = Vec::new();
        for (kind, outcome) in comparison {
            let (missed, extra) = (outcome.missed.len(), outcome.extra.len());
            let is_listed = self.0.contains_key(&(file.to_owned(), (*kind).to_owned()));
            if (missed + extra > 0 || is_listed) && !self.explains(file, kind, missed, extra) {
                let listed = if is_listed { ", listed with other counts" } else { "" };
                lines.push(format!("{file}: {kind}: missed {missed}, extra {extra}{listed}"));
                lines.extend(outcome.missed.iter().take(SHOWN_MAX).map(|fact| format!("    missed {fact}")));
                lines.extend(outcome.extra.iter().take(SHOWN_MAX).map(|fact| format!("    extra  {fact}")));
            }
        }
        lines
    }

    /// Entries for files that are not among those compared.
    pub fn without_file<'a>(&'a self, is_compared: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = String> + 'a {
        let entries = self.0.values().filter(move |entry| !is_compared(&entry.file));
        entries.map(|entry| format!("{}: {}: listed, but there is no such file", entry.file, entry.kind))
    }
}

/// Facts of one file's kind that are shown.
const SHOWN_MAX: usize = 5;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::super::comparison::Outcome;
    use super::*;

    const LIST: &str = "[[difference]]\nfile = 'a'\nkind = 'arp'\nmissed = 1\nwhy = 'known'\n";

    /// The first line of what is wrong when `missed` ARP facts of file `a` are missed.
    fn check(list: &str, missed: usize, expected: &str) {
        let outcome = Outcome { missed: vec![String::new(); missed], ..Outcome::default() };
        let lines = Explained::parse(list).unwrap().unexplained("a", &Comparison::from([("arp", outcome)]));
        assert_eq!(lines.first().map_or("", String::as_str), expected);
    }

    #[test]
    fn a_difference_needs_its_entry() {
        check("", 0, "");
        check("", 1, "a: arp: missed 1, extra 0");
        check(LIST, 1, "");
    }

    #[test]
    fn an_entry_needs_its_difference() {
        check(LIST, 0, "a: arp: missed 0, extra 0, listed with other counts");
        check(LIST, 2, "a: arp: missed 2, extra 0, listed with other counts");
    }

    #[test]
    fn an_entry_needs_its_file() {
        let list = Explained::parse(LIST).unwrap();
        assert_eq!(list.without_file(|file| file == "a").count(), 0);
        assert_eq!(list.without_file(|file| file == "b").count(), 1);
    }

    #[test]
    fn an_entry_says_why_and_stands_once() {
        assert!(Explained::parse(&LIST.replace("known", " ")).is_err());
        assert!(Explained::parse(&LIST.repeat(2)).is_err());
    }
}
