//! What a host is: an operating system and a kind, by everything that it shows of itself. Rules are data
//! (`rules.txt`, a user's file of the same form, p0f's signature file); here is only how they are read and weighed.

use std::fmt;
use std::sync::LazyLock;

/// What a host shows.
pub mod clue;
/// From clues to a guess.
pub mod guess;
/// p0f's signature file.
pub mod p0f;
/// The rules' file.
pub mod rules;

use crate::inventory::fingerprint::clue::Clue;
use crate::inventory::fingerprint::guess::Guess;

use crate::inventory::fingerprint::rules::Rules;

/// Everything that guesses are made by.
#[derive(Clone, Debug)]
pub struct Fingerprints {
    /// With a user's; absent where the program's own are all.
    rules: Option<Rules>,
    signatures: p0f::Signatures,
}

/// What is wrong in a file of rules or signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl std::error::Error for Mistake {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The file may be anybody's: what is quoted of it moves no cursor.
        write!(f, "line {}: {}", self.line, crate::types::Text::new(self.reason.as_bytes()).escaped())
    }
}

impl Fingerprints {
    /// The program's own rules.
    pub fn builtin() -> Self {
        Self { rules: None, signatures: p0f::Signatures::default() }
    }

    /// Takes in a user's rules; they win over the program's own where both speak of the same clue.
    pub fn add_rules(&mut self, text: &str) -> Result<(), Mistake> {
        let own = || LazyLock::force(&OWN).clone();
        let mut rules = self.rules.take().unwrap_or_else(own);
        let result = Rules::parse(text).map(|users| rules.put_before(users));
        self.rules = Some(rules);
        result
    }

    /// Takes in p0f's signatures; how many of requests, of responses, and of other sections.
    pub fn add_signatures(&mut self, text: &str) -> Result<[usize; 3], Mistake> {
        self.signatures = p0f::Signatures::parse(text)?;
        Ok(self.signatures.counts())
    }

    /// What the clues of one host say together.
    pub fn guess(&self, clues: &[Clue]) -> Guess {
        // Many hosts show nothing.
        match clues {
            [] => Guess::default(),
            _ => guess::guess(self.rules.as_ref().unwrap_or(&OWN), &self.signatures, clues),
        }
    }
}

const BUILTIN: &str = include_str!("rules.txt");

/// The program's own rules, read when the first host shows something.
static OWN: LazyLock<Rules> = LazyLock::new(|| Rules::parse(BUILTIN).expect("a test reads the program's own rules"));

/// What a host may be.
pub const KINDS: [&str; 20] = [
    "access-point",
    "appliance",
    "camera",
    "computer",
    "console",
    "hypervisor",
    "iot",
    "nas",
    "phone",
    "printer",
    "router",
    "scanner",
    "server",
    "speaker",
    "switch",
    "tablet",
    "tv",
    "virtual-machine",
    "voip-phone",
    "watch",
];
