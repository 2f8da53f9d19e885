//! Oddities that are told again when they come back after a while, and the roles that they are judged by.

use std::time::Duration;

use crate::inventory::memory::state::Memory;
use crate::inventory::memory::table::{RowChange, see};
use crate::inventory::model::oddity::ReportedOddity;
use crate::inventory::model::row::TableRow;
use crate::types::Timestamp;

/// How far the saved `last_seen` of an oddity that goes on may be behind: a restart must not make it look over.
const STALE_MAX: Duration = Duration::from_secs(60);

impl Memory {
    /// An oddity was seen; whether for the first time, or for the first time since `over`.
    pub(crate) fn is_odd_again(&mut self, told: ReportedOddity, over: Duration) -> bool {
        let at = told.last_seen;
        let again = self.tables.told.update(&told.key(), |known, ()| {
            let is_again = at.since(known.last_seen) >= over;
            let slot = |at: Timestamp| u128::try_from(at.as_nanos()).unwrap_or(0) / STALE_MAX.as_nanos();
            let is_stale = slot(at) > slot(known.last_seen);
            let mark = see(&mut known.first_seen, &mut known.last_seen, at);
            (mark.max(RowChange::changed_if(is_stale && mark != RowChange::Same)), is_again)
        });
        again.unwrap_or_else(|| self.is_odd_anew(told))
    }

    /// When an oddity that is remembered was last seen.
    pub(crate) fn odd_at(&self, told: &ReportedOddity) -> Option<Timestamp> {
        self.tables.told.get(&told.key()).map(|known| known.last_seen)
    }

    /// Whether an oddity is remembered.
    pub(crate) fn was_odd(&self, told: &ReportedOddity) -> bool {
        self.tables.told.get(&told.key()).is_some()
    }

    /// An oddity was seen; whether for the first time.
    pub(crate) fn is_odd_anew(&mut self, told: ReportedOddity) -> bool {
        let at = told.last_seen;
        let known = self
            .tables
            .told
            .update(&told.key(), |known, ()| (see(&mut known.first_seen, &mut known.last_seen, at), ()));
        if known.is_none() {
            let over = self.tables.told.make_room().len();
            self.count(over);
            self.tables.told.insert(told, ());
        }
        known.is_none()
    }
}
