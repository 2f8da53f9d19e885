//! Everything known: the tables, and the indexes beside them, which are made of the rows alone and are not saved. What
//! must hold between the tables: every station has its host, the present holder of every binding is a known station, and
//! hosts that are not reported yet wait in the order of their first sighting. No event is made here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use foldhash::quality::RandomState;

use crate::inventory::memory::hourly::Hourly;
use crate::inventory::memory::merge_index::MergeIndex;
use crate::inventory::memory::tables::Tables;
use crate::inventory::model::host::HostId;
use crate::inventory::model::rows::{Changes, Limits, Presence, Rows, View};
use crate::types::{Segment, Timestamp};

/// A host that was gone and was heard again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    /// Which host.
    pub(crate) host: HostId,
    /// When it was heard again.
    pub(crate) at: Timestamp,
    /// When it was reported to be gone.
    pub(crate) gone_since: Timestamp,
}

/// Everything known.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(super) limits: Limits,
    pub(super) tables: Tables,
    pub(super) merges: MergeIndex,
    /// When to look again for what is too old to be kept.
    pub(super) expiry: Hourly,
    /// When the neighbours' announcements expire, the first first.
    pub(super) expiries: BTreeSet<(Timestamp, (Segment, u64))>,
    /// Addresses that answered and have neither a known station nor a host, by `first_seen`: they may still get one. A
    /// sweep's answers come many at a time, and few leave before their time has come.
    pub(super) homeless: BTreeMap<Timestamp, Vec<(Segment, IpAddr)>>,
    /// Hosts that are known by an address of their segment only, and that address.
    pub(super) distant: HashMap<HostId, IpAddr, RandomState>,
    /// Hosts that were gone and were heard again, not reported yet.
    pub(super) returned: Vec<Returned>,
    /// Hosts whose `new-host` is not reported yet, by first sighting.
    pub(super) pending: BTreeSet<(Timestamp, HostId)>,
    /// With `Settings::history`: the hosts' `last_seen` as restored.
    pub(super) known_until: HashMap<HostId, Timestamp, RandomState>,
    /// As `Settings::history`.
    pub(super) history: bool,
    evictions_total: u64,
}

impl Memory {
    /// Nothing known.
    pub(super) fn new(limits: Limits, history: bool) -> Self {
        Self {
            limits,
            tables: Tables::new(&limits),
            merges: MergeIndex::default(),
            expiry: Hourly::default(),
            expiries: BTreeSet::new(),
            homeless: BTreeMap::new(),
            distant: HashMap::default(),
            returned: Vec::new(),
            pending: BTreeSet::new(),
            known_until: HashMap::default(),
            history,
            evictions_total: 0,
        }
    }

    /// Rows that changed since the last call.
    pub(crate) fn take_changes(&mut self) -> Changes {
        self.tables.take_changes()
    }

    /// Rows that were only seen again since the last call.
    pub(crate) fn take_presence(&mut self) -> Vec<Presence> {
        self.tables.take_presence()
    }

    /// A copy of everything, each table by its key.
    pub(crate) fn snapshot(&self) -> Rows {
        self.tables.snapshot()
    }

    /// Everything where it is kept, each table by its key.
    pub(crate) fn view(&self) -> View<'_> {
        self.tables.view()
    }

    /// From now on no changes are kept: nobody takes them.
    pub(crate) fn save_nothing(&mut self) {
        self.tables.save_nothing();
    }

    /// Rows evicted by limits since the start.
    pub(crate) fn evictions_total(&self) -> u64 {
        self.evictions_total
    }

    pub(super) fn count(&mut self, evicted: usize) {
        self.evictions_total += u64::try_from(evicted).expect("a count of rows in memory fits 64 bits");
    }
}
