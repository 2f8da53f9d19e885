//! A program's runs on one network, and how often it runs.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::counted::Counted;
use super::tools::Tool;
use crate::measure::Turn;

/// Rounds of the others.
const ROUNDS: usize = 3;
/// A program that takes less than so many seconds runs more often: other load on the machine lasts longer than such a
/// run.
const SHORT_S: f64 = 0.05;
/// Rounds of such a program.
pub(super) const SHORT_ROUNDS: usize = 31;

/// How much of a network answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Density {
    /// Every address.
    Dense,
    /// One address in eight.
    Sparse,
}

/// A tool's runs on one network.
pub(super) struct Runs {
    pub(super) tool: Tool,
    pub(super) turns: Vec<Turn>,
    /// The addresses of the run that found fewest.
    pub(super) found: BTreeSet<Ipv4Addr>,
    /// The packets of the run that sent most.
    pub(super) counted: Counted,
    /// Why there is no figure.
    pub(super) failure: Option<String>,
}

impl Runs {
    /// How often it runs.
    pub(super) fn rounds(&self) -> usize {
        match self.turns.first() {
            Some(_) if self.tool.is_slow => 1,
            Some(first) if first.wall_s < SHORT_S => SHORT_ROUNDS,
            _ => ROUNDS,
        }
    }
}

impl Density {
    /// Its name in the tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Sparse => "sparse",
        }
    }
}
