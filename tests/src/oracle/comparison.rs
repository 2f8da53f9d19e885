//! What is found, missed and extra in one capture, per kind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::answer::Answer;
use super::fact::{Facts, KINDS};
use super::{ours, subject};

/// One capture's outcome by kind.
pub type Comparison = BTreeMap<&'static str, Outcome>;

/// One kind's outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Facts that both report.
    pub found: usize,
    /// Facts that the sensor does not report.
    pub missed: Vec<String>,
    /// Facts that the sensor reports and the other decoder neither reports nor allows.
    pub extra: Vec<String>,
}

/// Replays a capture and compares with the decoder's answer.
pub fn compare_capture(binary: &Path, capture: &Path, answer: &Answer) -> anyhow::Result<Comparison> {
    let told = subject::replay(binary, capture)?;
    let mut comparison = compare(answer, &ours::facts(&told.sightings, &told.events)?);
    for (rule, broken) in told.rules {
        let found = usize::from(broken.is_empty());
        comparison.insert(rule, Outcome { found, missed: broken, extra: Vec::new() });
    }
    let extra = loud(&told.events)?;
    comparison.insert(LOUD, Outcome { extra, ..Outcome::default() });
    Ok(comparison)
}

/// Warnings and alerts: each one in a capture is judged in the list of differences, with the evidence for it.
pub const LOUD: &str = "loud";

fn loud(events: &str) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line)?;
        let text = |key: &str| event[key].as_str().unwrap_or("-").to_owned();
        if ["warning", "alert"].contains(&text("severity").as_str()) {
            lines.push(["kind", "reason", "ip", "mac", "old_mac"].map(text).join(" "));
        }
    }
    Ok(lines)
}

fn compare(answer: &Answer, ours: &Facts) -> Comparison {
    KINDS.iter().map(|kind| (*kind, outcome(kind, answer, ours))).collect()
}

fn outcome(kind: &str, answer: &Answer, ours: &Facts) -> Outcome {
    let nothing = BTreeSet::new();
    let facts = answer.facts.get(kind).unwrap_or(&nothing);
    let told = ours.get(kind).unwrap_or(&nothing);
    let mut outcome = Outcome {
        found: facts.intersection(told).count(),
        missed: facts.difference(told).cloned().collect(),
        extra: Vec::new(),
    };
    if !answer.broken.contains(protocol(kind)) {
        let allowed = answer.allowed.get(kind).unwrap_or(&nothing);
        outcome.extra =
            told.iter().filter(|fact| !facts.contains(*fact) && !allowed.contains(*fact)).cloned().collect();
    }
    outcome
}

/// The other decoder's name of the protocol that a kind belongs to.
fn protocol(kind: &str) -> &str {
    match kind.split('_').next() {
        Some("ndp") => "icmpv6",
        Some(protocol) => protocol,
        None => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(words: &str) -> Facts {
        Facts::from([("ndp_dad".to_owned(), words.split_whitespace().map(str::to_owned).collect())])
    }

    /// `found missed extra`
    fn check(answer: &Answer, ours: &str, expected: &str) {
        let outcome = outcome("ndp_dad", answer, &facts(ours));
        let told = format!("{} {} {}", outcome.found, outcome.missed.join(","), outcome.extra.join(","));
        assert_eq!(told, expected);
    }

    #[test]
    fn facts_must_be_found_and_allowed_ones_may_be() {
        let answer = Answer { facts: facts("a b"), allowed: facts("c"), ..Answer::default() };
        check(&answer, "a b", "2  ");
        check(&answer, "a c", "1 b ");
        check(&answer, "a d", "1 b d");
    }

    #[test]
    fn warnings_and_alerts_are_loud() {
        let events = concat!(
            r#"{"kind":"new-host","severity":"notice","ip":"10.0.0.1"}"#,
            "\n",
            r#"{"kind":"flood","severity":"warning","mac":"02:00:00:00:00:01"}"#
        );
        assert_eq!(loud(events).ok(), Some(vec!["flood - - 02:00:00:00:00:01 -".to_owned()]));
    }

    #[test]
    fn of_a_broken_protocol_nothing_is_extra() {
        let answer = Answer { facts: facts("a"), broken: ["icmpv6".to_owned()].into(), ..Answer::default() };
        check(&answer, "b", "0 a ");
    }
}
