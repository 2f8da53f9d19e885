//! The decoder's answer to one capture, as the script that runs it writes it: `facts` must be found, `allowed` may be,
//! and for `broken` protocols the decoder failed on some frames.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fact::{Facts, KINDS, MOVES, NOT_YET, VLANS, spell};

/// What must be found, what may be, and what the decoder could not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Must be found.
    pub facts: Facts,
    /// May be found or not.
    pub allowed: Facts,
    /// Protocols of which the decoder could not read every frame.
    pub broken: BTreeSet<String>,
    /// Facts of kinds that the sensor does not read, by kind.
    pub not_yet: BTreeMap<String, usize>,
}

/// The script's JSON, as far as it is compared.
#[derive(Deserialize)]
struct File {
    facts: BTreeMap<String, Vec<Map<String, Value>>>,
    allowed: BTreeMap<String, Vec<Map<String, Value>>>,
    broken: BTreeMap<String, Vec<u64>>,
    vlans: BTreeMap<String, u64>,
    ip_moves: BTreeMap<String, Vec<String>>,
}

impl Answer {
    /// Reads the decoder's answer.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("{}: not an answer", path.display()))
    }

    fn parse(text: &str) -> serde_json::Result<Self> {
        let file: File = serde_json::from_str(text)?;
        let mut answer = Self { broken: file.broken.into_keys().collect(), ..Self::default() };
        for (kind, records) in &file.facts {
            if NOT_YET.contains(&kind.as_str()) {
                answer.not_yet.insert(kind.clone(), records.len());
            } else {
                // Only VLANs of frames that hold facts can be seen in sightings.
                let vlans = records.iter().flat_map(|record| record.get("vlan")?.as_array().cloned());
                let vlans = vlans.flatten().map(|id| id.to_string());
                answer.facts.entry(VLANS.to_owned()).or_default().extend(vlans);
                answer.facts.entry(kind.clone()).or_default().extend(records.iter().map(normal));
            }
        }
        for (kind, records) in file.allowed.iter().filter(|(kind, _)| KINDS.contains(&kind.as_str())) {
            answer.allowed.entry(kind.clone()).or_default().extend(records.iter().map(normal));
        }
        answer.allow_what_the_log_leaves_open();
        answer.allowed.insert(VLANS.to_owned(), file.vlans.into_keys().collect());
        let moves = file.ip_moves.iter().flat_map(|(place, macs)| moves(place, macs));
        answer.facts.entry(MOVES.to_owned()).or_default().extend(moves);
        Ok(answer)
    }

    /// The sightings log has the MAC of an advertisement without saying whether it came from the option or the frame.
    fn allow_what_the_log_leaves_open(&mut self) {
        let bindings = ["ndp", "ndp_na_no_option"];
        let told: Vec<String> = bindings.iter().filter_map(|kind| self.facts.get(*kind)).flatten().cloned().collect();
        let routers = self.facts.get("ndp_router").into_iter().flatten();
        let routers: Vec<String> = routers.filter_map(|router| without_lifetime(router)).collect();
        for kind in bindings {
            self.allowed.entry(kind.to_owned()).or_default().extend(told.iter().chain(&routers).cloned());
        }
    }
}

fn without_lifetime(router: &str) -> Option<String> {
    let mut record: Map<String, Value> = serde_json::from_str(router).ok()?;
    record.shift_remove("lifetime");
    Some(spell(&record))
}

/// The event for each change of an address's MAC: the previous MAC is a flip-flop, an earlier one is reused, any
/// other is a change. Numbered, because the same may happen twice.
fn moves(place: &str, macs: &[String]) -> Vec<String> {
    let mut recent: Vec<&String> = Vec::new();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut facts = Vec::new();
    for mac in macs {
        let kind = match recent.iter().position(|known| *known == mac) {
            _ if recent.is_empty() => None,
            None => Some("changed-mac"),
            Some(0) => None,
            Some(1) => Some("flip-flop"),
            Some(_) => Some("reused-mac"),
        };
        recent.retain(|known| *known != mac);
        recent.insert(0, mac);
        if let Some(kind) = kind {
            let number = kinds.entry(kind).or_default();
            *number += 1;
            facts.push(format!("{place} {kind} {number}"));
        }
    }
    facts
}

fn normal(record: &Map<String, Value>) -> String {
    let mut record = record.clone();
    // A message type of a wrong length.
    if record.get("type").and_then(Value::as_str) == Some("?") {
        record.insert("type".to_owned(), "0".into());
    }
    spell(&record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(macs: &str, expected: &[&str]) {
        let macs: Vec<String> = macs.split_whitespace().map(str::to_owned).collect();
        assert_eq!(moves("-|10.0.0.1", &macs), expected);
    }

    #[test]
    fn a_mac_never_seen_is_a_change() {
        check("a b", &["-|10.0.0.1 changed-mac 1"]);
        check("a b c", &["-|10.0.0.1 changed-mac 1", "-|10.0.0.1 changed-mac 2"]);
    }

    #[test]
    fn the_one_before_is_a_flip_flop() {
        check("a b a", &["-|10.0.0.1 changed-mac 1", "-|10.0.0.1 flip-flop 1"]);
    }

    #[test]
    fn an_earlier_one_is_reused() {
        check("a b c a", &["-|10.0.0.1 changed-mac 1", "-|10.0.0.1 changed-mac 2", "-|10.0.0.1 reused-mac 1"]);
    }
}
