//! Captures whose answer is known (`tests/data/cases`), and the small part of Python in which the answers are written.
//! Modules in reading order.

/// A case: what lies in its folder, and what of it does not hold.
pub mod case;
/// Events and records of a run, and how a check counts them.
pub mod outcome;
/// What an expression is made of.
pub mod expression;
/// A line as a list of tokens.
pub mod tokens;
/// Tokens as an expression, with every name known.
pub mod parse;
/// Values as Python has them: equality, order, truth, written form.
pub mod value;
/// What an expression comes to.
pub mod evaluate;
