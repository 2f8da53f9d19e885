//! Oddities that were reported: they are not reported again while they last.

use std::time::Duration;

use crate::inventory::memory::state::Memory;
use crate::inventory::memory::table::{RowChange, see};
use crate::inventory::model::oddity::ReportedOddity;
use crate::inventory::model::row::TableRow;
use crate::types::Timestamp;

/// How far the saved `last_seen` of an oddity that goes on may be behind: after a restart it must not seem to be over.
const STALE_MAX: Duration = Duration::from_secs(60);

impl Memory {
    /// Notes that an oddity was seen; whether for the first time, or for the first time after `over` without it.
    pub(crate) fn is_new_oddity_after(&mut self, told: ReportedOddity, over: Duration) -> bool {
        let at = told.last_seen;
        let again = self.tables.told.update(&told.key(), |known, ()| {
            let is_again = at.since(known.last_seen) >= over;
            let slot = |at: Timestamp| u128::try_from(at.as_nanos()).unwrap_or(0) / STALE_MAX.as_nanos();
            let is_stale = slot(at) > slot(known.last_seen);
            let mark = see(&mut known.first_seen, &mut known.last_seen, at);
            (mark.max(RowChange::changed_if(is_stale && mark != RowChange::Same)), is_again)
        });
        again.unwrap_or_else(|| self.is_new_oddity(told))
    }

    /// When an oddity that is remembered was last seen.
    pub(crate) fn oddity_last_seen(&self, told: &ReportedOddity) -> Option<Timestamp> {
        self.tables.told.get(&told.key()).map(|known| known.last_seen)
    }

    /// When an oddity that is remembered was first seen.
    pub(crate) fn oddity_first_seen(&self, told: &ReportedOddity) -> Option<Timestamp> {
        self.tables.told.get(&told.key()).map(|known| known.first_seen)
    }

    /// Whether an oddity is remembered.
    pub(crate) fn has_oddity(&self, told: &ReportedOddity) -> bool {
        self.tables.told.get(&told.key()).is_some()
    }

    /// Notes that an oddity was seen; whether for the first time.
    pub(crate) fn is_new_oddity(&mut self, told: ReportedOddity) -> bool {
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
