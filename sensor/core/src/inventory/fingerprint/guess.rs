//! From clues to at most one guess of system and kind. Independent clues that agree add up, clues that contradict each
//! other take away, and what stays below a threshold is not said: no guess is better than a wrong one.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::fingerprint::clue::Clue;
use crate::inventory::fingerprint::p0f::Signatures;
use crate::inventory::fingerprint::p0f::signature::observed;
use crate::inventory::fingerprint::rules::{RuleSet, Subject};
use crate::inventory::model::evidence::{Channel, Evidence};

/// What a host seems to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guess {
    /// Its operating system.
    pub os: Option<Conclusion>,
    /// Its kind, one of [`crate::inventory::fingerprint::kinds::KINDS`].
    pub kind: Option<Conclusion>,
}

/// A guess of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// The name of the system or kind.
    pub name: String,
    /// Confidence in percent, from 50 to 95.
    pub confidence: u8,
    /// The clues that it rests on, the surest first: sort and text of each, escaped.
    pub evidence: Vec<String>,
}

/// A guess with less confidence is not made, percent.
const THRESHOLD: u8 = 50;
/// Nothing that a host says of itself is certain, percent.
const CONFIDENCE_MAX: u8 = 95;
/// Which part of its own confidence a contradicting clue takes away from the guess.
const DOUBT: f64 = 0.6;
/// Clues that are named with a guess, at most.
const EVIDENCE_MAX: usize = 6;
/// What is shown of a clue's text, characters.
const VALUE_MAX: usize = 100;

/// The confidence of a p0f signature, by how well it fits, percent.
const EXACT: u8 = 70;
const GENERIC: u8 = 55;
const FUZZY: u8 = 35;

/// What one clue says of the host.
struct Statement<'a> {
    clue: &'a Clue,
    name: String,
    confidence: u8,
}

/// What the clues of one host add up to.
pub(super) fn guess(rules: &RuleSet, signatures: &Signatures, clues: &[Clue]) -> Guess {
    let (mut os, mut kind) = (Vec::new(), Vec::new());
    for clue in clues {
        let is_answer = clue.evidence == Evidence::SynAck;
        let is_tcp = is_answer || clue.evidence == Evidence::Syn;
        let syn = is_tcp.then(|| observed(&clue.value, is_answer)).flatten();
        for (subject, statements) in [(Subject::Os, &mut os), (Subject::Kind, &mut kind)] {
            let say = rules.say(clue, syn.as_ref(), subject);
            statements.extend(say.map(|say| Statement { clue, name: say.name.clone(), confidence: say.confidence }));
        }
        let found = syn.and_then(|syn| signatures.find(&syn));
        // A program's signature says nothing of the system that it runs on.
        if let Some(found) = found.filter(|found| found.label.class.is_some()) {
            let confidence = match (found.is_fuzzy, found.label.is_generic) {
                (true, _) => FUZZY,
                (false, true) => GENERIC,
                (false, false) => EXACT,
            };
            os.push(Statement { clue, name: found.label.text(), confidence });
        }
    }
    Guess { os: conclusion(rules, &os), kind: conclusion(rules, &kind) }
}

/// The most specific name that is sure enough.
fn conclusion(rules: &RuleSet, statements: &[Statement<'_>]) -> Option<Conclusion> {
    let lines: Vec<Vec<&str>> = statements.iter().map(|statement| rules.line_of(&statement.name)).collect();
    let names: BTreeSet<&str> = lines.iter().flatten().copied().collect();
    let sure = names.into_iter().filter_map(|name| {
        let confidence = confidence(rules, name, statements, &lines);
        (confidence >= THRESHOLD).then(|| (rules.line_of(name).len(), confidence, name))
    });
    let (_, confidence, name) =
        sure.reduce(|best, next| if (next.0, next.1) > (best.0, best.1) { next } else { best })?;
    let own = rules.line_of(name);
    let mut speaking: Vec<&Statement<'_>> = statements
        .iter()
        .zip(&lines)
        .filter(|(statement, line)| line.contains(&name) || own.contains(&statement.name.as_str()))
        .map(|(statement, _)| statement)
        .collect();
    speaking.sort_by(|a, b| b.confidence.cmp(&a.confidence).then(a.clue.cmp(b.clue)));
    let mut evidence: Vec<String> = Vec::new();
    for statement in speaking {
        let text = shown(statement.clue);
        if !evidence.contains(&text) && evidence.len() < EVIDENCE_MAX {
            evidence.push(text);
        }
    }
    Some(Conclusion { name: name.to_owned(), confidence, evidence })
}

/// How sure a name is, percent: statements of this name or of a more specific one add to it, others take away.
/// Statements of something more general do neither.
fn confidence(rules: &RuleSet, name: &str, statements: &[Statement<'_>], lines: &[Vec<&str>]) -> u8 {
    let own = rules.line_of(name);
    let (mut for_it, mut against_it) = (BTreeMap::<Channel, u8>::new(), BTreeMap::<Channel, u8>::new());
    for (statement, line) in statements.iter().zip(lines) {
        let side = match () {
            () if line.contains(&name) => &mut for_it,
            () if own.contains(&statement.name.as_str()) => continue,
            () => &mut against_it,
        };
        let strongest = side.entry(statement.clue.evidence.channel()).or_default();
        *strongest = statement.confidence.max(*strongest);
    }
    // Of one protocol's statements only the surest counts: a weaker one that contradicts it is a rule's mistake and no
    // independent evidence.
    against_it.retain(|channel, confidence| for_it.get(channel).is_none_or(|own| *confidence >= *own));
    let share = |confidence: &u8| f64::from(*confidence) / 100.0;
    let doubtful: f64 = for_it.values().map(|confidence| 1.0 - share(confidence)).product();
    let undoubted: f64 = against_it.values().map(|confidence| 1.0 - DOUBT * share(confidence)).product();
    let percent = ((1.0 - doubtful) * undoubted * 100.0).round();
    // The float is within 0 to 100, and the search among whole numbers loses nothing.
    (0..=CONFIDENCE_MAX).rev().find(|whole| f64::from(*whole) <= percent).unwrap_or(0)
}

fn shown(clue: &Clue) -> String {
    let mut value: String = clue.value.chars().take(VALUE_MAX).collect();
    if value.len() < clue.value.len() {
        value.push_str("..");
    }
    format!("{}: {value}", clue.evidence.name())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    const RULES: &str = "\
is Debian = Linux
is Ubuntu = Linux
ssh *debian* => os Debian 70
ssh *ubuntu* => os Ubuntu 70
ssh *windows* => os Windows 70
dhcp-vendor linux* => os Linux 60
dhcp-vendor acme* => os Acme 80
dhcp-parameters 1,3,6 => os Linux 50
hostname *ubuntu* => os Ubuntu 40
banner win* => os Windows 60
vendor v => kind printer 40
mdns-service _ipp._tcp => kind printer 40
";

    /// `name confidence` of the system and of the kind, by these rules only.
    #[track_caller]
    fn check(clues: &[(Evidence, &str)], os: Option<(&str, u8)>, kind: Option<(&str, u8)>) {
        let rules = RuleSet::parse(RULES).unwrap();
        let clues = clues.iter().map(|(evidence, value)| Clue { evidence: *evidence, value: (*value).to_owned() });
        let guess = guess(&rules, &Signatures::default(), &clues.collect::<Vec<_>>());
        let plain =
            |conclusion: Option<Conclusion>| conclusion.map(|conclusion| (conclusion.name, conclusion.confidence));
        let expected = |guess: Option<(&str, u8)>| guess.map(|(name, confidence)| (name.to_owned(), confidence));
        assert_eq!((plain(guess.os), plain(guess.kind)), (expected(os), expected(kind)));
    }

    #[test]
    fn nothing_known_is_no_guess() {
        check(&[], None, None);
        check(&[(Evidence::Ssh, "x")], None, None);
    }

    #[test]
    fn weak_clues_need_company() {
        check(&[(Evidence::Vendor, "v")], None, None);
        check(&[(Evidence::Vendor, "v"), (Evidence::MdnsService, "_ipp._tcp")], None, Some(("printer", 64)));
    }

    #[test]
    fn the_general_does_not_contradict_the_special() {
        check(&[(Evidence::Ssh, "debian"), (Evidence::DhcpVendor, "linux 6")], Some(("Debian", 70)), None);
    }

    #[test]
    fn those_who_contradict_each_other_still_agree_on_the_general() {
        check(&[(Evidence::Ssh, "debian"), (Evidence::Hostname, "ubuntu")], Some(("Debian", 53)), None);
        check(
            &[(Evidence::Ssh, "debian"), (Evidence::Ssh, "ubuntu"), (Evidence::DhcpVendor, "linux")],
            Some(("Linux", 88)),
            None,
        );
    }

    #[test]
    fn in_one_protocol_the_surest_is_heard() {
        check(&[(Evidence::DhcpVendor, "acme"), (Evidence::DhcpParameters, "1,3,6")], Some(("Acme", 80)), None);
    }

    #[test]
    fn a_contradiction_silences() {
        check(&[(Evidence::Ssh, "debian"), (Evidence::Banner, "win")], None, None);
    }

    #[test]
    fn evidence_is_named_surest_first_and_cut() {
        let rules = RuleSet::parse(RULES).unwrap();
        let clue = |evidence, value: String| Clue { evidence, value };
        let long = format!("linux {}", "\u{e9}".repeat(200));
        let clues = [clue(Evidence::DhcpVendor, long), clue(Evidence::Ssh, "Debian".to_owned())];
        let os = guess(&rules, &Signatures::default(), &clues).os.unwrap();
        assert_eq!(os.evidence[0], "ssh: Debian");
        assert_eq!(os.evidence[1].chars().count(), "dhcp-vendor: ".len() + VALUE_MAX + 2);
    }
}
