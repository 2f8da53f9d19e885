//! What a host is, operating system and kind, concluded from everything that it shows of itself. The rules are data
//! (`rules.txt`, a user's file of the same form, p0f's signature file); here is how they are read and weighed.

use std::sync::LazyLock;

use crate::inventory::fingerprint::clue::Clue;
use crate::inventory::fingerprint::guess::Guess;
use crate::inventory::fingerprint::mistake::Mistake;
use crate::inventory::fingerprint::p0f::Signatures;
use crate::inventory::fingerprint::rules::RuleSet;

/// What a host shows of itself.
pub mod clue;
/// The kinds of hosts that are told apart.
pub mod kinds;
/// What is wrong in a file of rules or signatures.
pub mod mistake;
/// p0f's signature file.
pub mod p0f;
/// The file of rules.
mod rules;
/// From clues to a guess.
pub mod guess;

#[cfg(test)]
mod tests;

/// The rules and signatures by which guesses are made.
#[derive(Clone, Debug)]
pub struct Fingerprints {
    /// The program's own with a user's; absent where the user has none.
    rules: Option<RuleSet>,
    signatures: Signatures,
}

impl Fingerprints {
    /// With the program's own rules only.
    pub fn builtin() -> Self {
        Self { rules: None, signatures: Signatures::default() }
    }

    /// Adds a user's rules; they take precedence over the program's own where both match the same clue.
    pub fn add_rules(&mut self, text: &str) -> Result<(), Mistake> {
        let own = || LazyLock::force(&OWN).clone();
        let mut rules = self.rules.take().unwrap_or_else(own);
        let result = RuleSet::parse(text).map(|users| rules.put_before(users));
        self.rules = Some(rules);
        result
    }

    /// Adds p0f's signatures. How many there are of requests, of responses, and of other sections, which are ignored.
    pub fn add_signatures(&mut self, text: &str) -> Result<[usize; 3], Mistake> {
        self.signatures = Signatures::parse(text)?;
        Ok(self.signatures.counts())
    }

    /// What the clues of one host add up to.
    pub fn guess(&self, clues: &[Clue]) -> Guess {
        // Many hosts show nothing: the rules need not be read for them.
        match clues {
            [] => Guess::default(),
            _ => guess::guess(self.rules.as_ref().unwrap_or(&OWN), &self.signatures, clues),
        }
    }
}

/// The text of the program's own rules.
const BUILTIN: &str = include_str!("rules.txt");

/// The program's own rules, parsed when the first host shows something.
static OWN: LazyLock<RuleSet> =
    LazyLock::new(|| RuleSet::parse(BUILTIN).expect("a test reads the program's own rules"));
