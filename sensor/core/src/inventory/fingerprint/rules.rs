//! The file of rules: what a text that a host shows says of the host. One rule a line:
//!
//! ```text
//! is CHILD = PARENT                                        a system or kind is one of another
//! EVIDENCE PATTERN => os NAME CONFIDENCE, kind NAME CONFIDENCE
//! ```
//!
//! EVIDENCE is one of `Evidence::NAMES`; in PATTERN `*` stands for any text and letters of either case are the same;
//! for `syn` and `syn-ack` PATTERN is a signature as in p0f's file. CONFIDENCE is 1 to 99, percent. `#` begins a
//! comment line.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::fingerprint::clue::Clue;
use crate::inventory::fingerprint::kinds::KINDS;
use crate::inventory::fingerprint::mistake::Mistake;
use crate::inventory::fingerprint::p0f::signature::{Fit, Signature};
use crate::inventory::model::evidence::Evidence;
use crate::wire::syn::Syn;

/// The rules of the program's file, or of that and a user's.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleSet {
    rules: BTreeMap<Evidence, Vec<Rule>>,
    /// Child to parent.
    parents: BTreeMap<String, String>,
    /// Every name of a system or kind that a rule speaks of.
    known: BTreeSet<String>,
}

/// What a rule says something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Kind,
    Os,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Say {
    pub(super) subject: Subject,
    pub(super) name: String,
    /// Percent, 1..=99.
    pub(super) confidence: u8,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: Pattern,
    says: Vec<Say>,
}

#[derive(Clone, Debug)]
enum Pattern {
    /// Lower case.
    Glob(String),
    Signature(Box<Signature>),
}

/// A MAC's vendor says who made the network interface, not what it is built into.
const VENDOR_CONFIDENCE_MAX: u8 = 40;

impl RuleSet {
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let mut rules = Self::default();
        for (line, text) in (1..).zip(text.lines()) {
            rules.line(text.trim()).map_err(|reason| Mistake { line, reason })?;
        }
        Ok(rules)
    }

    /// How many rules there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.rules.values().map(Vec::len).sum()
    }

    /// Puts rules before these.
    pub(super) fn put_before(&mut self, first: Self) {
        for (evidence, mut rules) in first.rules {
            let own = self.rules.entry(evidence).or_default();
            rules.append(own);
            *own = rules;
        }
        self.parents.extend(first.parents);
        self.known.extend(first.known);
    }

    /// What is said of a clue on a subject: the surest rule, the first among equals.
    pub(super) fn say(&self, clue: &Clue, syn: Option<&Syn>, subject: Subject) -> Option<&Say> {
        let value = clue.value.to_ascii_lowercase();
        let rules = self.rules.get(&clue.evidence)?.iter().filter(|rule| match &rule.pattern {
            Pattern::Glob(glob) => is_match(glob.as_bytes(), value.as_bytes()),
            Pattern::Signature(signature) => syn.is_some_and(|syn| signature.fit(syn) == Some(Fit::Exact)),
        });
        let says = rules.flat_map(|rule| &rule.says).filter(|say| say.subject == subject);
        says.reduce(|best, say| if say.confidence > best.confidence { say } else { best })
    }

    /// The name, what it is one of, and so on up.
    pub(super) fn line_of<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        let mut line = vec![name];
        while let Some(parent) = self.parent(line[line.len() - 1]).filter(|_| line.len() < GENERATIONS_MAX) {
            line.push(parent);
        }
        line
    }

    fn parent<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if let Some(parent) = self.parents.get(name) {
            return Some(parent);
        }
        // `Linux 3.11 and newer` is a `Linux`.
        let ends = name.rmatch_indices(' ').map(|(at, _)| &name[..at]);
        ends.into_iter().find(|shorter| self.known.contains(*shorter))
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (word, rest) = line.split_once(' ').ok_or_else(|| format!("'{line}' is no rule"))?;
        if word == "is" {
            let (child, parent) = rest.split_once(" = ").ok_or("'is' has the form: is CHILD = PARENT")?;
            let (child, parent) = (child.trim().to_owned(), parent.trim().to_owned());
            self.known.extend([child.clone(), parent.clone()]);
            self.parents.insert(child, parent);
            return Ok(());
        }
        let evidence = Evidence::parse(word).ok_or_else(|| {
            format!("'{word}' is no evidence; one of {}", Evidence::NAMES.map(|(_, name)| name).join(", "))
        })?;
        let (pattern, says) = rest.split_once("=>").ok_or("'=>' is missing between what is seen and what it says")?;
        let pattern = match (evidence, pattern.trim()) {
            (_, "") => return Err("nothing to be seen before '=>'".to_owned()),
            (Evidence::Syn | Evidence::SynAck, signature) => Pattern::Signature(Box::new(Signature::parse(signature)?)),
            (_, glob) => Pattern::Glob(glob.to_ascii_lowercase()),
        };
        let says = says.split(',').map(|text| say(text.trim())).collect::<Result<Vec<_>, _>>()?;
        if evidence == Evidence::Vendor && says.iter().any(|say| say.confidence > VENDOR_CONFIDENCE_MAX) {
            return Err(format!("a vendor alone proves little: its confidence is at most {VENDOR_CONFIDENCE_MAX}"));
        }
        self.known.extend(says.iter().map(|say| say.name.clone()));
        self.rules.entry(evidence).or_default().push(Rule { pattern, says });
        Ok(())
    }
}

/// Ancestors of a name that are followed; more would be a circle.
const GENERATIONS_MAX: usize = 6;

fn say(text: &str) -> Result<Say, String> {
    let wrong = || format!("'{text}' is not 'os NAME CONFIDENCE' or 'kind NAME CONFIDENCE'");
    let (subject, rest) = text.split_once(' ').ok_or_else(wrong)?;
    let (name, confidence) = rest.trim().rsplit_once(' ').ok_or_else(wrong)?;
    let name = name.trim();
    let confidence = confidence.parse::<u8>().ok().filter(|confidence| (1..=99).contains(confidence));
    let confidence = confidence.ok_or_else(|| format!("'{text}' lacks a confidence from 1 to 99"))?;
    let subject = match subject {
        "kind" if KINDS.contains(&name) => Subject::Kind,
        "kind" => return Err(format!("'{name}' is no kind; one of {}", KINDS.join(", "))),
        "os" => Subject::Os,
        _ => return Err(wrong()),
    };
    Ok(Say { subject, name: name.to_owned(), confidence })
}

/// Whether all of `text` has the form `glob`. Goes back to the last `*` only, so that it takes no more than the product
/// of both lengths.
fn is_match(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (glob.get(g), star) {
            (Some(b'*'), _) => {
                star = Some((g + 1, t));
                g += 1;
            }
            (Some(&byte), _) if byte == text[t] => {
                g += 1;
                t += 1;
            }
            (_, Some((after, from))) => {
                star = Some((after, from + 1));
                (g, t) = (after, from + 1);
            }
            (_, None) => return false,
        }
    }
    glob[g..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[track_caller]
    fn check_mistake(text: &str, mistake: &str) {
        assert_eq!(RuleSet::parse(text).unwrap_err().to_string(), mistake);
    }

    #[track_caller]
    fn check_match(glob: &str, text: &str, expected: bool) {
        assert_eq!(is_match(glob.as_bytes(), text.as_bytes()), expected, "{glob} {text}");
    }

    #[test]
    fn parents_end_in_no_circle() {
        let rules = RuleSet::parse("is a = b\nis b = a\nis Debian = Linux").unwrap();
        assert_eq!(rules.line_of("a").len(), GENERATIONS_MAX);
        assert_eq!(rules.line_of("Debian 12"), ["Debian 12", "Debian", "Linux"]);
        assert_eq!(rules.line_of("Plan 9"), ["Plan 9"]);
    }

    #[test]
    fn globs() {
        check_match("msft 5.0*", "msft 5.0", true);
        check_match("*debian*", "ssh-2.0-openssh_9.2p1 debian-2", true);
        check_match("*a*b", "xaxbxb", true);
        check_match("a*b", "ab c", false);
        check_match("1,3,6", "1,3,6,15", false);
        check_match("*", "", true);
        check_match("", "a", false);
    }

    #[test]
    fn the_surest_rule_speaks_and_a_users_wins_a_tie() {
        let mut rules = RuleSet::parse("ssh * => os A 50\nssh *x* => os B 60").unwrap();
        rules.put_before(RuleSet::parse("ssh *y => os C 60").unwrap());
        let say = |value: &str| {
            let clue = Clue { evidence: Evidence::Ssh, value: value.to_owned() };
            rules.say(&clue, None, Subject::Os).map(|say| say.name.clone())
        };
        assert_eq!(say("a").as_deref(), Some("A"));
        assert_eq!(say("AX").as_deref(), Some("B"));
        assert_eq!(say("xy").as_deref(), Some("C"));
    }

    #[test]
    fn mistakes_name_line_and_reason() {
        check_mistake("\n#\nx", "line 3: 'x' is no rule");
        check_mistake("is a b", "line 1: 'is' has the form: is CHILD = PARENT");
        check_mistake("ssh a os b 50", "line 1: '=>' is missing between what is seen and what it says");
        check_mistake("ssh => os b 50", "line 1: nothing to be seen before '=>'");
        check_mistake("ssh a => os b", "line 1: 'os b' is not 'os NAME CONFIDENCE' or 'kind NAME CONFIDENCE'");
        check_mistake("ssh a => os b 100", "line 1: 'os b 100' lacks a confidence from 1 to 99");
        check_mistake("vendor a => kind tv 41", "line 1: a vendor alone proves little: its confidence is at most 40");
        check_mistake("syn 4:64 => os b 50", "line 1: 2 fields where a signature has 8");
        assert!(
            RuleSet::parse("sssh a => os b 50").unwrap_err().reason.starts_with("'sssh' is no evidence; one of banner")
        );
        assert!(
            RuleSet::parse("ssh a => kind b 50").unwrap_err().reason.starts_with("'b' is no kind; one of access-point")
        );
    }

    #[test]
    fn any_text_is_read_or_refused() {
        let words = [
            "is ", "ssh ", "syn ", "vendor ", "a", "*", ":", " = ", " => ", "os ", "kind ", "tv ", "50", ", ", "\n",
            "#",
        ];
        let mut seed = 0x5eed;
        for _ in 0..20_000 {
            let text: String = (0..random(&mut seed) % 30).map(|_| words[(random(&mut seed) % 16) as usize]).collect();
            drop(RuleSet::parse(&text));
        }
    }

    #[test]
    fn a_glob_matches_what_it_was_made_of() {
        let mut seed = 0x5eed;
        for _ in 0..5000 {
            let glob: String =
                (0..random(&mut seed) % 20).map(|_| ['a', 'b', '*'][(random(&mut seed) % 3) as usize]).collect();
            check_match(&glob, &glob.replace('*', "ab"), true);
            check_match(&glob, &glob.replace('*', ""), true);
            check_match(&format!("{glob}c"), &glob.replace('*', "ab"), false);
        }
    }

    /// xorshift64: numbers that are the same in every run.
    fn random(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }
}
