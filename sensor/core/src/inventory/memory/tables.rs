//! The persisted tables as the memory keeps them, made of the one list of tables (`model/rows.rs`), and what a store and
//! an exporter take from them.

use crate::inventory::memory::table::BoundedTable;
use crate::inventory::model::row::TableRow;
use crate::inventory::model::rows::{Changes, Limits, Presence, Removed, Rows, View};

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident: $row:ty, $limit:ident;)*) => {
        /// A bounded table for each kind of row.
        #[derive(Debug)]
        pub(super) struct Tables {
            $($(#[$doc])* pub(super) $table: BoundedTable<$row>,)*
        }

        impl Tables {
            /// Empty tables.
            pub(super) fn new(limits: &Limits) -> Self {
                Self { $($table: BoundedTable::new(limits.$limit),)* }
            }

            /// Restores saved rows as they are, each with an empty note.
            pub(super) fn restore(&mut self, rows: Rows) {
                $(rows.$table.into_iter().for_each(|row| self.$table.restore(row, Default::default()));)*
            }

            /// Evicts what is over the limits from the tables to whose rows nothing refers; how many rows that were.
            pub(super) fn fit_independent(&mut self) -> usize {
                let mut evicted = 0;
                $(if <$row as TableRow>::IS_INDEPENDENT {
                    evicted += self.$table.fit().len();
                })*
                evicted
            }

            /// Rows that changed since the last call.
            pub(super) fn take_changes(&mut self) -> Changes {
                Changes {
                    rows: Rows { $($table: self.$table.take_changed(),)* },
                    removed: Removed { $($table: self.$table.take_removed(),)* },
                }
            }

            /// A copy of everything, each table by its key.
            pub(super) fn snapshot(&self) -> Rows {
                Rows { $($table: self.$table.rows().into_iter().cloned().collect(),)* }
            }

            /// Everything where it is kept, each table by its key.
            pub(super) fn view(&self) -> View<'_> {
                View { $($table: self.$table.rows(),)* }
            }

            /// From now on no changes are kept: nobody takes them.
            pub(super) fn save_nothing(&mut self) {
                $(self.$table.save_nothing();)*
            }
        }
    };
}
crate::persisted_tables!(tables);

impl Tables {
    /// Rows that were only seen again since the last call.
    pub(super) fn take_presence(&mut self) -> Vec<Presence> {
        let mut seen = Vec::new();
        for key in self.bindings.take_touched() {
            seen.extend(self.bindings.get(&key).map(|row| Presence::Binding(row.segment, row.ip, row.last_seen())));
        }
        for key in self.hosts.take_touched() {
            seen.extend(self.hosts.get(&key).map(|row| Presence::Host(row.id, row.last_seen)));
        }
        for key in self.stations.take_touched() {
            seen.extend(self.stations.get(&key).map(|row| Presence::Station(row.segment, row.mac, row.last_seen)));
        }
        seen
    }
}
