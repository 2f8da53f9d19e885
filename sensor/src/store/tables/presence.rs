//! When rows were last seen, where nothing else changed: all that a steady network writes.

use crate::store::column::values;
use crate::store::tables::table::Save;
use sensor_core::inventory::model::rows::Presence;

/// Moves a row's `last_seen`; does nothing where the row is not saved.
pub(super) fn save(presence: &Presence, save: &mut Save<'_>) -> rusqlite::Result<()> {
    match *presence {
        Presence::Binding(segment, ip, at) => {
            let segment = save.segment(segment)?;
            save.run(
                "UPDATE binding_presence SET last_seen = ?
                 WHERE binding = (SELECT id FROM bindings WHERE segment = ? AND ip = ?)",
                values![at, segment, ip],
            )
        }
        Presence::Host(host, at) => save.run(
            "UPDATE host_presence SET last_seen = ? WHERE host = (SELECT id FROM hosts WHERE number = ?)",
            values![at, host],
        ),
        Presence::Station(segment, mac, at) => {
            let segment = save.segment(segment)?;
            save.run(
                "UPDATE station_presence SET last_seen = ?
                 WHERE station = (SELECT id FROM stations WHERE segment = ? AND mac = ?)",
                values![at, segment, mac],
            )
        }
    }
}
