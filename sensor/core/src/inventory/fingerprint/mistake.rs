//! What is wrong in a file of rules or signatures, said to its author.

use std::fmt;

/// A mistake in a file of rules or signatures.
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
        // The file may come from anybody: what is quoted of it is escaped.
        write!(f, "line {}: {}", self.line, crate::types::Text::new(self.reason.as_bytes()).escaped())
    }
}
