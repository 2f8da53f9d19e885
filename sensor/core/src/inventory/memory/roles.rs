//! Who plays which role on a segment: DHCP servers, routers, virtual routers.

use std::net::IpAddr;

use crate::inventory::memory::state::Memory;
use crate::inventory::memory::table::{RowChange, see};
use crate::inventory::model::role::{Role, RoleHolder};
use crate::inventory::model::row::TableRow;
use crate::types::{Mac, Segment};

/// Roles that are taken from one station.
const BY_STATION_MAX: usize = 64;

impl Memory {
    /// Notes that an address plays a role; whether for the first time.
    pub(crate) fn note_role(&mut self, holder: RoleHolder) -> bool {
        let known = self.tables.roles.update(&holder.key(), |known, ()| {
            let mut mark = see(&mut known.first_seen, &mut known.last_seen, holder.last_seen);
            if (known.mac, &known.prefixes, &known.router) != (holder.mac, &holder.prefixes, &holder.router) {
                known.mac = holder.mac;
                known.prefixes.clone_from(&holder.prefixes);
                known.router.clone_from(&holder.router);
                mark = RowChange::Changed;
            }
            (mark, ())
        });
        if known.is_none() {
            // What one station makes up must not push out what others said.
            let by_station = |known: &RoleHolder| known.mac == holder.mac && known.segment == holder.segment;
            if self.tables.roles.count(by_station) >= BY_STATION_MAX {
                return false;
            }
            let over = self.tables.roles.make_room().len();
            self.count(over);
            self.tables.roles.insert(holder, ());
        }
        known.is_none()
    }

    /// Whether the address is known to play the role.
    pub(crate) fn has_role(&self, segment: Segment, role: Role, ip: IpAddr) -> bool {
        self.tables.roles.get(&(segment, role, ip)).is_some()
    }

    /// The first router of a segment, by address, for which `holds` is true.
    pub(crate) fn find_router(&self, segment: Segment, holds: impl Fn(&RoleHolder) -> bool) -> Option<&RoleHolder> {
        self.find_role(segment, Role::Router, holds)
    }

    /// The first of a segment that plays a role, by address, for which `holds` is true.
    pub(crate) fn find_role(
        &self,
        segment: Segment,
        role: Role,
        holds: impl Fn(&RoleHolder) -> bool,
    ) -> Option<&RoleHolder> {
        self.tables.roles.find(|known| known.segment == segment && known.role == role && holds(known))
    }

    /// How many of a segment play a role for which `holds` is true.
    pub(crate) fn count_roles(&self, segment: Segment, role: Role, holds: impl Fn(&RoleHolder) -> bool) -> usize {
        self.tables.roles.count(|known| known.segment == segment && known.role == role && holds(known))
    }

    /// Who plays a role by this address.
    pub(crate) fn role(&self, segment: Segment, role: Role, ip: IpAddr) -> Option<&RoleHolder> {
        self.tables.roles.get(&(segment, role, ip))
    }

    /// Whether a station is known as a router by any address: a group's virtual station has several.
    pub(crate) fn is_router(&self, segment: Segment, mac: Mac) -> bool {
        self.find_router(segment, |known| known.mac == mac).is_some()
    }
}
