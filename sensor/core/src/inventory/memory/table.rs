//! A bounded table of rows that knows which of them changed since somebody last asked. Rows leave it when they are removed,
//! or by eviction: the ones unseen for longest, several at once so that a flood costs a constant time for each row.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use foldhash::quality::RandomState;

use crate::inventory::model::row::TableRow;
use crate::types::Timestamp;

/// What an update did to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RowChange {
    /// Nothing.
    Same,
    /// It was seen again.
    Touched,
    /// It differs in more.
    Changed,
}

impl RowChange {
    /// `Changed` if so.
    pub(crate) fn changed_if(changed: bool) -> Self {
        if changed { Self::Changed } else { Self::Same }
    }
}

/// Widens `[first_seen, last_seen]` to `at`. A late sighting does not lower `last_seen`, an early one lowers `first_seen`.
pub(crate) fn see(first_seen: &mut Timestamp, last_seen: &mut Timestamp, at: Timestamp) -> RowChange {
    if at < *first_seen {
        *first_seen = at;
        RowChange::Changed
    } else if at > *last_seen {
        *last_seen = at;
        RowChange::Touched
    } else {
        RowChange::Same
    }
}

/// Rows, and beside each a side note of type `R::Note` that is not saved.
#[derive(Debug)]
pub(crate) struct BoundedTable<R: TableRow> {
    rows_max: usize,
    /// The hash is seeded at random like the standard library's, and several times as fast for keys of this size. Slots are
    /// boxed: a table that grows moves what it holds.
    slots: HashMap<R::Key, Box<Slot<R>>, RandomState>,
    /// Keys of rows marked `Changed`; may hold stale and double keys.
    changed: Vec<R::Key>,
    /// Keys of rows marked `Touched`; may hold stale and double keys.
    touched: Vec<R::Key>,
    /// Keys of rows that the store has and that are gone.
    removed: BTreeSet<R::Key>,
    /// Whether anybody asks for changes.
    is_saved: bool,
}

#[derive(Debug)]
struct Slot<R: TableRow> {
    row: R,
    note: R::Note,
    mark: RowChange,
    /// `last_seen` as the store has it; `None` when it does not have the row.
    given: Option<Timestamp>,
}

/// How far the `last_seen` of a row without presence may be ahead of the store's.
const STALE_MAX: Duration = Duration::from_hours(1);

impl<R: TableRow> BoundedTable<R> {
    /// An empty table for at most `rows_max` rows (at least one).
    pub(crate) fn new(rows_max: usize) -> Self {
        Self {
            rows_max: rows_max.max(1),
            slots: HashMap::default(),
            changed: Vec::new(),
            touched: Vec::new(),
            removed: BTreeSet::new(),
            is_saved: true,
        }
    }

    /// From now on no changes are kept: nobody takes them.
    pub(crate) fn save_nothing(&mut self) {
        self.is_saved = false;
    }

    /// Whether another row needs an eviction first.
    pub(crate) fn is_full(&self) -> bool {
        self.slots.len() >= self.rows_max
    }

    /// The row.
    pub(crate) fn get(&self, key: &R::Key) -> Option<&R> {
        self.slots.get(key).map(|slot| &slot.row)
    }

    /// The row's side note.
    pub(crate) fn note(&self, key: &R::Key) -> Option<&R::Note> {
        self.slots.get(key).map(|slot| &slot.note)
    }

    /// The row's side note, to change.
    pub(crate) fn note_mut(&mut self, key: &R::Key) -> Option<&mut R::Note> {
        self.slots.get_mut(key).map(|slot| &mut slot.note)
    }

    /// Changes a row, if there is one, with one look-up; the closure says what it did.
    pub(crate) fn update<T>(
        &mut self,
        key: &R::Key,
        change: impl FnOnce(&mut R, &mut R::Note) -> (RowChange, T),
    ) -> Option<T> {
        let slot = self.slots.get_mut(key)?;
        let (mut mark, answer) = change(&mut slot.row, &mut slot.note);
        if mark == RowChange::Touched && !R::HAS_PRESENCE {
            let given = slot.given.unwrap_or(slot.row.last_seen());
            mark = RowChange::changed_if(slot.row.last_seen().since(given) >= STALE_MAX);
        }
        if self.is_saved && mark > slot.mark {
            slot.mark = mark;
            match mark {
                RowChange::Same => {}
                RowChange::Touched => self.touched.push(*key),
                RowChange::Changed => self.changed.push(*key),
            }
            self.forget_stale_keys();
        }
        Some(answer)
    }

    /// Adds a row that is not there. The caller made room for it.
    pub(crate) fn insert(&mut self, row: R, note: R::Note) {
        let key = row.key();
        let given = self.removed.remove(&key).then(|| row.last_seen());
        self.slots.insert(key, Box::new(Slot { row, note, mark: RowChange::Changed, given }));
        if self.is_saved {
            self.changed.push(key);
            self.forget_stale_keys();
        }
    }

    /// Adds a row that the store has.
    pub(crate) fn restore(&mut self, row: R, note: R::Note) {
        let given = Some(row.last_seen());
        self.slots.insert(row.key(), Box::new(Slot { row, note, mark: RowChange::Same, given }));
    }

    /// Takes a row out.
    pub(crate) fn remove(&mut self, key: &R::Key) -> Option<(R, R::Note)> {
        let slot = *self.slots.remove(key)?;
        if slot.given.is_some() {
            self.removed.insert(*key);
        }
        Some((slot.row, slot.note))
    }

    /// The store has a row of this key that is not wanted.
    pub(crate) fn refuse(&mut self, key: R::Key) {
        self.removed.insert(key);
    }

    /// When full, takes out the eighth of the rows that was unseen for longest (at least one), in the order of keys.
    pub(crate) fn make_room(&mut self) -> Vec<(R, R::Note)> {
        if self.is_full() {
            self.evict(self.slots.len() - self.rows_max + (self.rows_max / 8).max(1))
        } else {
            Vec::new()
        }
    }

    /// When over the limit, takes out what is too much.
    pub(crate) fn fit(&mut self) -> Vec<(R, R::Note)> {
        self.evict(self.slots.len().saturating_sub(self.rows_max))
    }

    /// Takes out the `count` rows unseen for longest, in the order of keys.
    pub(crate) fn evict(&mut self, count: usize) -> Vec<(R, R::Note)> {
        if count == 0 || self.slots.is_empty() {
            return Vec::new();
        }
        let mut by_age: Vec<_> = self.slots.iter().map(|(key, slot)| (slot.row.last_seen(), *key)).collect();
        if count < by_age.len() {
            by_age.select_nth_unstable(count - 1);
            by_age.truncate(count);
        }
        by_age.sort_unstable_by_key(|&(_, key)| key);
        by_age.iter().filter_map(|(_, key)| self.remove(key)).collect()
    }

    /// Every row, by key.
    pub(crate) fn rows(&self) -> Vec<&R> {
        let mut rows: Vec<_> = self.slots.iter().map(|(key, slot)| (*key, &slot.row)).collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// How many rows there are for which `holds` is true.
    pub(crate) fn count(&self, holds: impl Fn(&R) -> bool) -> usize {
        self.slots.values().filter(|slot| holds(&slot.row)).count()
    }

    /// The first row, by key, for which `holds` is true.
    pub(crate) fn find(&self, holds: impl Fn(&R) -> bool) -> Option<&R> {
        self.slots.values().map(|slot| &slot.row).filter(|row| holds(row)).min_by_key(|row| row.key())
    }

    /// The keys of all rows for which `holds` is true, in order.
    pub(crate) fn keys_where(&self, holds: impl Fn(&R) -> bool) -> Vec<R::Key> {
        let mut keys: Vec<_> = self.slots.values().map(|slot| &slot.row).filter(|row| holds(row)).map(R::key).collect();
        keys.sort_unstable();
        keys
    }

    /// The row unseen for longest.
    pub(crate) fn oldest(&self) -> Option<&R> {
        self.slots.values().map(|slot| &slot.row).min_by_key(|row| (row.last_seen(), row.key()))
    }

    /// Every key, in order.
    pub(crate) fn keys(&self) -> Vec<R::Key> {
        let mut keys: Vec<_> = self.slots.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// Rows that are new or changed since the last call, each once, by key.
    pub(crate) fn take_changed(&mut self) -> Vec<R> {
        let mut keys = std::mem::take(&mut self.changed);
        keys.sort_unstable();
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(slot) = self.slots.get_mut(&key).filter(|slot| slot.mark == RowChange::Changed) {
                slot.mark = RowChange::Same;
                slot.given = Some(slot.row.last_seen());
                rows.push(slot.row.clone());
            }
        }
        rows
    }

    /// Rows that were only seen again since the last call, each once, by key.
    pub(crate) fn take_touched(&mut self) -> Vec<R::Key> {
        let mut keys = std::mem::take(&mut self.touched);
        keys.sort_unstable();
        keys.retain(|key| {
            let Some(slot) = self.slots.get_mut(key).filter(|slot| slot.mark == RowChange::Touched) else {
                return false;
            };
            slot.mark = RowChange::Same;
            slot.given = Some(slot.row.last_seen());
            true
        });
        keys
    }

    /// Keys of rows that the store has and that are gone, in order.
    pub(crate) fn take_removed(&mut self) -> Vec<R::Key> {
        std::mem::take(&mut self.removed).into_iter().collect()
    }

    /// Keeps the lists within twice the table's size where nobody takes the changes (a replay without a database).
    fn forget_stale_keys(&mut self) {
        let keys_max = self.rows_max.saturating_mul(2).max(64);
        for (list, mark) in [(&mut self.changed, RowChange::Changed), (&mut self.touched, RowChange::Touched)] {
            if list.len() > keys_max {
                list.sort_unstable();
                list.dedup();
                list.retain(|key| self.slots.get(key).is_some_and(|slot| slot.mark == mark));
            }
        }
    }
}
