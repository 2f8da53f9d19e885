//! What every persisted row has: a key, a moment by which it ages, and what the memory keeps beside it.

use std::fmt::Debug;
use std::hash::Hash;

use crate::types::Timestamp;

/// A row of a persisted table. Implemented beside each row's type.
pub trait TableRow: Clone + Debug {
    /// The row's key. Ordered, because rows leave a table in the order of their keys.
    type Key: Copy + Debug + Eq + Hash + Ord;

    /// What the memory keeps beside the row and does not save; `()` where there is nothing.
    type Note: Debug + Default;

    /// Whether a later `last_seen` is saved by itself, as a [`crate::inventory::model::rows::Presence`]. Where it is not,
    /// the row is saved again once its `last_seen` is an hour ahead of the saved one.
    const HAS_PRESENCE: bool = false;

    /// Whether nothing in the memory refers to this table's rows, neither other rows nor an index that must follow them.
    /// Rows of such a table are restored as they are, and those over the limit are evicted without further work.
    const IS_INDEPENDENT: bool = true;

    /// The row's key.
    fn key(&self) -> Self::Key;

    /// The moment by which the row ages: a full table evicts the rows unseen for longest.
    fn last_seen(&self) -> Timestamp;
}
