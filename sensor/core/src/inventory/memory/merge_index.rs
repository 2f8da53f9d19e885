//! Which hosts share which evidence, so that hosts that are one machine find each other.

use std::collections::{BTreeSet, HashMap};

use foldhash::quality::RandomState;

use crate::inventory::memory::merge_keys::MergeKey;
use crate::inventory::model::host::HostId;
use crate::inventory::model::join::Join;
use crate::types::{Mac, Segment, Timestamp};

/// A station of a host speaks, and another one that spoke before is silent now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// The segment.
    pub(crate) segment: Segment,
    /// The station whose join it is about.
    pub(crate) joined: Mac,
    /// The one that is silent now.
    pub(crate) silent: Mac,
    /// The one that speaks.
    pub(crate) speaking: Mac,
}

/// Which hosts share which evidence. Made of the rows alone, and so not saved.
#[derive(Debug, Default)]
pub(super) struct MergeIndex {
    /// The hosts of a segment that share a piece of evidence, by its hash.
    sharers: HashMap<(Segment, u64), BTreeSet<HostId>, RandomState>,
    /// The evidence of each host.
    keys: HashMap<HostId, Vec<MergeKey>, RandomState>,
    /// Hosts whose rows changed since they were last compared with others.
    changed: Vec<HostId>,
    /// Joins whose `mac-rotated` is not reported yet, by their time.
    pub(super) unreported: BTreeSet<(Timestamp, Segment, Mac)>,
    /// Stations whose join was confirmed since the start: the host's earlier station did not answer.
    pub(super) confirmed: BTreeSet<(Segment, Mac)>,
    /// Stations that fell silent while others of their hosts speak, not asked about yet.
    pub(super) turns: Vec<Turn>,
}

impl MergeIndex {
    /// A join is gone, or another one takes its place.
    pub(super) fn forget_join(&mut self, join: &Join) {
        self.unreported.remove(&(join.at, join.segment, join.mac));
        self.confirmed.remove(&(join.segment, join.mac));
    }

    /// A host's row changed.
    pub(super) fn touch(&mut self, id: HostId) {
        if self.changed.last() != Some(&id) {
            self.changed.push(id);
        }
    }

    /// The host that changed last and was not asked for since.
    pub(super) fn next_changed(&mut self) -> Option<HostId> {
        self.changed.pop()
    }

    /// What a host may share with others.
    pub(super) fn keys(&self, id: HostId) -> &[MergeKey] {
        self.keys.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Removes a host.
    pub(super) fn forget(&mut self, segment: Segment, id: HostId) {
        for key in self.keys.remove(&id).unwrap_or_default() {
            let place = (segment, key.hash);
            if let Some(sharers) = self.sharers.get_mut(&place) {
                sharers.remove(&id);
                if sharers.is_empty() {
                    self.sharers.remove(&place);
                }
            }
        }
    }

    /// What a host shares, in place of what it shared before.
    pub(super) fn know(&mut self, segment: Segment, id: HostId, keys: Vec<MergeKey>) {
        if self.keys.get(&id).is_some_and(|known| *known == keys) || keys.is_empty() && !self.keys.contains_key(&id) {
            return;
        }
        self.forget(segment, id);
        for key in &keys {
            self.sharers.entry((segment, key.hash)).or_default().insert(id);
        }
        self.keys.insert(id, keys);
    }

    /// The other hosts that share this.
    pub(super) fn others(&self, segment: Segment, id: HostId, key: &MergeKey) -> impl Iterator<Item = HostId> + '_ {
        self.sharers.get(&(segment, key.hash)).into_iter().flatten().copied().filter(move |other| *other != id)
    }
}
