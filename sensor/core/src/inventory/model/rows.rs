//! All tables together: as they are saved, restored, changed and viewed.

use crate::inventory::model::address::{Asked, Binding, Lease};
use crate::inventory::model::host::{Host, HostId, Station};
use crate::inventory::model::join::Join;
use crate::inventory::model::oddity::{Oddity, Told};
use crate::inventory::model::role::{Neighbour, Role, RoleHolder};
use crate::types::{Mac, Segment, Timestamp};
use std::net::{IpAddr, Ipv4Addr};

/// Everything, or everything that changed. Rows are whole: saving one replaces the saved one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Hosts, by id.
    pub hosts: Vec<Host>,
    /// Stations, by segment and MAC.
    pub stations: Vec<Station>,
    /// Bindings, by segment and address.
    pub bindings: Vec<Binding>,
    /// Leases, by segment and address.
    pub leases: Vec<Lease>,
    /// Roles, by segment, role and address.
    pub roles: Vec<RoleHolder>,
    /// Oddities told, by segment, oddity, address and both MACs.
    pub told: Vec<Told>,
    /// What probes found out, by segment and address.
    pub asked: Vec<Asked>,
    /// Neighbours, by segment and id.
    pub neighbours: Vec<Neighbour>,
    /// Stations joined to hosts or parted from them, by segment and MAC.
    pub joins: Vec<Join>,
}

/// What records are made of, each table but one by its key as in [`Rows`], wherever the rows are kept.
#[derive(Clone, Debug, Default)]
pub struct View<'a> {
    /// Hosts, in no order.
    pub hosts: Vec<&'a Host>,
    /// Stations.
    pub stations: Vec<&'a Station>,
    /// Bindings.
    pub bindings: Vec<&'a Binding>,
    /// Roles.
    pub roles: Vec<&'a RoleHolder>,
    /// What probes found out.
    pub asked: Vec<&'a Asked>,
    /// Neighbours.
    pub neighbours: Vec<&'a Neighbour>,
}

impl Rows {
    /// A look at them.
    pub fn view(&self) -> View<'_> {
        View {
            hosts: self.hosts.iter().collect(),
            stations: self.stations.iter().collect(),
            bindings: self.bindings.iter().collect(),
            roles: self.roles.iter().collect(),
            asked: self.asked.iter().collect(),
            neighbours: self.neighbours.iter().collect(),
        }
    }
}

/// A moment at which something known was seen again: all that a quiet network writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A binding's present holder.
    Binding(Segment, IpAddr, Timestamp),
    /// A host.
    Host(HostId, Timestamp),
    /// A station.
    Station(Segment, Mac, Timestamp),
}

/// What the correlator changed since it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows that are new or differ in more than `last_seen`.
    pub rows: Rows,
    /// Rows evicted by a limit, or overwritten by another: to be deleted.
    pub removed: Removed,
}

/// Keys of rows that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Hosts.
    pub hosts: Vec<HostId>,
    /// Stations.
    pub stations: Vec<(Segment, Mac)>,
    /// Bindings.
    pub bindings: Vec<(Segment, IpAddr)>,
    /// Leases.
    pub leases: Vec<(Segment, Ipv4Addr)>,
    /// Roles.
    pub roles: Vec<(Segment, Role, IpAddr)>,
    /// Oddities.
    pub told: Vec<(Segment, Oddity, IpAddr, Mac, Mac)>,
    /// What probes found out.
    pub asked: Vec<(Segment, IpAddr)>,
    /// Neighbours.
    pub neighbours: Vec<(Segment, u64)>,
    /// Joins.
    pub joins: Vec<(Segment, Mac)>,
}
