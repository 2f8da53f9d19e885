//! Oddities that are told again when they come back after a while, and the roles that they are judged by.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use enumset::EnumSet;

use crate::inventory::memory::Memory;
use crate::inventory::memory::table::{Mark, Row, see};
use crate::inventory::model::address::{Binding, Holder, Lease};
use crate::inventory::model::oddity::Told;
use crate::inventory::model::role::{Role, RoleHolder};
use crate::inventory::model::source::Source;
use crate::types::{Mac, Segment, Timestamp};

/// How far the saved `last_seen` of an oddity that goes on may be behind: a restart must not make it look over.
const STALE_MAX: Duration = Duration::from_secs(60);

impl Memory {
    /// An oddity was seen; whether for the first time, or for the first time since `over`.
    pub(crate) fn is_odd_again(&mut self, told: Told, over: Duration) -> bool {
        let at = told.last_seen;
        let again = self.told.update(&told.key(), |known, ()| {
            let is_again = at.since(known.last_seen) >= over;
            let slot = |at: Timestamp| u128::try_from(at.as_nanos()).unwrap_or(0) / STALE_MAX.as_nanos();
            let is_stale = slot(at) > slot(known.last_seen);
            let mark = see(&mut known.first_seen, &mut known.last_seen, at);
            (mark.max(Mark::changed_if(is_stale && mark != Mark::Same)), is_again)
        });
        again.unwrap_or_else(|| self.is_odd_anew(told))
    }

    /// When an oddity that is remembered was last seen.
    pub(crate) fn odd_at(&self, told: &Told) -> Option<Timestamp> {
        self.told.get(&told.key()).map(|known| known.last_seen)
    }

    /// Whether an oddity is remembered.
    pub(crate) fn was_odd(&self, told: &Told) -> bool {
        self.told.get(&told.key()).is_some()
    }

    /// The first router of a segment, by address, of which this holds.
    pub(crate) fn find_router(&self, segment: Segment, holds: impl Fn(&RoleHolder) -> bool) -> Option<&RoleHolder> {
        self.roles.find(|known| known.segment == segment && known.role == Role::Router && holds(known))
    }

    /// Who holds an address and who held it before, most recent first.
    pub(crate) fn holders(&self, segment: Segment, ip: IpAddr) -> &[Holder] {
        self.bindings.get(&(segment, ip)).map_or(&[], |binding: &Binding| &binding.holders)
    }

    /// The protocols by which a station was heard.
    pub(crate) fn sources(&self, segment: Segment, mac: Mac) -> Option<EnumSet<Source>> {
        self.stations.get(&(segment, mac)).map(|station| station.sources)
    }

    /// The last lease of an address, ended or not.
    pub(crate) fn last_lease(&self, segment: Segment, ip: Ipv4Addr) -> Option<&Lease> {
        self.leases.get(&(segment, ip))
    }
}
