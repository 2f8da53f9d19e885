//! The persisted tables: the one list of them, their limits, and the forms in which they are saved, restored, changed and
//! viewed.
//!
//! # The list
//!
//! `persisted_tables!` calls a macro with one line for each table, in the order in which tables are saved and restored (a
//! table comes after those that its rows refer to):
//!
//! ```text
//! /// What the rows are.
//! field: path::of::RowType, name_of_its_limit;
//! ```
//!
//! The callback takes it with this pattern, and uses what it needs of it:
//!
//! ```text
//! macro_rules! my_callback {
//!     ($($(#[$doc:meta])* $table:ident: $row:ty, $limit:ident;)*) => { .. };
//! }
//! sensor_core::persisted_tables!(my_callback);
//! ```
//!
//! `Rows`, `View` and `Removed` below are made of the list, so are the memory's tables (`memory/tables.rs`). A store
//! makes its three passes of it too, with a trait of its own that each row type implements once, for example:
//!
//! ```text
//! trait Stored: TableRow {
//!     const TABLE: &str;                                              // the table's name in SQL
//!     fn load(load: &Load) -> Result<Vec<Self>>;                      // every row
//!     fn save(&self, save: &mut Save) -> Result<()>;                  // replaces the row of the same key
//!     fn remove(key: &Self::Key, save: &mut Save) -> Result<()>;      // deletes the row of this key
//! }
//! macro_rules! passes {
//!     ($($(#[$doc:meta])* $table:ident: $row:ty, $limit:ident;)*) => {
//!         fn load(load: &Load) -> Result<Rows> { Ok(Rows { $($table: <$row as Stored>::load(load)?,)* }) }
//!         fn save(rows: &Rows, to: &mut Save) -> Result<()> { $(for row in &rows.$table { row.save(to)?; })* Ok(()) }
//!         fn remove(gone: &Removed, from: &mut Save) -> Result<()> {
//!             $(for key in &gone.$table { <$row as Stored>::remove(key, from)?; })* Ok(())
//!         }
//!         const TABLES: &[&str] = &[$(<$row as Stored>::TABLE),*];
//!     };
//! }
//! ```
//!
//! # Adding a table
//!
//! 1. The row's type and its `TableRow`, in a file of this room.
//! 2. Here: a line in the list, and its limit in `Limits`.
//! 3. In the store: how the row is loaded, saved and removed.
//! 4. The migration that makes the table.
//!
//! A row that is more than kept (one that other rows refer to, or that an index follows) sets `IS_INDEPENDENT` to false,
//! and `memory/restore.rs` says how it is restored.

use crate::inventory::model::host::HostId;
use crate::inventory::model::row::TableRow;
use crate::types::{Mac, Segment, Timestamp};
use std::net::IpAddr;

/// Calls the macro `$then` with the list of persisted tables; see the head of `model/rows.rs`.
#[macro_export]
macro_rules! persisted_tables {
    ($then:ident) => {
        $then! {
            /// Hosts, by id.
            hosts: $crate::inventory::model::host::Host, hosts_max;
            /// Stations, by segment and MAC.
            stations: $crate::inventory::model::host::Station, hosts_max;
            /// Bindings, by segment and address.
            bindings: $crate::inventory::model::address::Binding, bindings_max;
            /// DHCP leases, by segment and address.
            leases: $crate::inventory::model::address::Lease, leases_max;
            /// Roles that addresses play, by segment, role and address.
            roles: $crate::inventory::model::role::RoleHolder, roles_max;
            /// Oddities that were reported, by segment, oddity, address and both MACs.
            told: $crate::inventory::model::oddity::ReportedOddity, told_max;
            /// What probes found out about addresses, by segment and address.
            asked: $crate::inventory::model::address::Asked, asked_max;
            /// Ports of switches and routers that announce themselves, by segment and id.
            neighbours: $crate::inventory::model::role::Neighbour, neighbours_max;
            /// Stations that were joined to a host or split from it, by segment and MAC.
            joins: $crate::inventory::model::join::Join, joins_max;
        }
    };
}

macro_rules! forms {
    ($($(#[$doc:meta])* $table:ident: $row:ty, $limit:ident;)*) => {
        /// Everything, or everything that changed. Rows are whole: saving one replaces the saved one.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Rows {
            $($(#[$doc])* pub $table: Vec<$row>,)*
        }

        /// Everything where it is kept, each table by its key: what records are made of.
        #[derive(Clone, Debug, Default)]
        pub struct View<'a> {
            $($(#[$doc])* pub $table: Vec<&'a $row>,)*
        }

        /// Keys of rows that are gone.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Removed {
            $($(#[$doc])* pub $table: Vec<<$row as TableRow>::Key>,)*
        }

        impl Rows {
            /// The rows by reference, in the order that they are in.
            pub fn view(&self) -> View<'_> {
                View { $($table: self.$table.iter().collect(),)* }
            }
        }
    };
}
crate::persisted_tables!(forms);

/// What the correlator changed since it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rows that are new or differ in more than `last_seen`.
    pub rows: Rows,
    /// Rows evicted by a limit, or replaced by a row of another key: to be deleted.
    pub removed: Removed,
}

/// A moment at which something known was seen again. On a quiet network nothing else is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A binding's present holder.
    Binding(Segment, IpAddr, Timestamp),
    /// A host.
    Host(HostId, Timestamp),
    /// A station.
    Station(Segment, Mac, Timestamp),
}

/// How much the inventory keeps, in rows unless said otherwise. A full table evicts the rows unseen for longest, and
/// evictions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Hosts, and as many stations.
    pub hosts_max: usize,
    /// Bindings.
    pub bindings_max: usize,
    /// IPv6 addresses that one station holds at a time: temporary addresses (RFC 8981) stop here.
    pub bindings_per_station_max: usize,
    /// Holders remembered for one binding, the present one included.
    pub holders_max: usize,
    /// Names of one host from one source.
    pub names_max: usize,
    /// Services of one host.
    pub services_max: usize,
    /// Texts of one sort that a host showed of its system.
    pub prints_max: usize,
    /// DHCP leases.
    pub leases_max: usize,
    /// Roles that addresses play.
    pub roles_max: usize,
    /// Oddities that were reported.
    pub told_max: usize,
    /// Addresses of which probes found out something.
    pub asked_max: usize,
    /// TCP ports remembered for one address: so many that are or were open, and so many that never were.
    pub ports_max: usize,
    /// Stations joined to a host or split from it.
    pub joins_max: usize,
    /// Ports of switches and routers that announce themselves on a segment.
    pub neighbours_max: usize,
    /// Addresses whose move is being explained; and, apart from these, addresses that two stations contend for.
    pub disputes_max: usize,
}

impl Default for Limits {
    /// Room for a /16 with IPv6, in less than 100 MiB.
    fn default() -> Self {
        Self {
            hosts_max: 65_536,
            bindings_max: 262_144,
            bindings_per_station_max: 64,
            holders_max: 32,
            names_max: 8,
            services_max: 64,
            prints_max: 4,
            leases_max: 65_536,
            roles_max: 1024,
            told_max: 16_384,
            asked_max: 65_536,
            ports_max: 64,
            joins_max: 16_384,
            neighbours_max: 1024,
            disputes_max: 1024,
        }
    }
}
