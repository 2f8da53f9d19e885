//! Segments by number: other tables name a segment by it.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::store::column::{damage, values};
use crate::store::query::all;
use crate::store::tables::table::Save;
use sensor_core::types::{Iface, Segment, Tunnel, Vlans};

/// Every segment by its number.
pub(in crate::store) fn load(connection: &Connection) -> rusqlite::Result<HashMap<i64, Segment>> {
    let sql = "SELECT id, iface, vlan_outer, vlan_inner, tunnel_kind, tunnel_id FROM segments";
    let rows = all(connection, sql, [], |row| {
        let id = row.next()?;
        let name: String = row.next()?;
        let iface = Iface::new(&name).ok_or_else(|| damage("not an interface", &name.escape_default().to_string()))?;
        let vlans = Vlans::new([row.next()?, row.next()?]);
        let tunnel = Tunnel::new(row.next()?, row.next()?);
        Ok((id, Segment { iface, tunnel, vlans }))
    })?;
    Ok(rows.into_iter().collect())
}

/// Deletes the segments that no row of these tables is on.
pub(in crate::store) fn sweep(connection: &Connection, tables: &[&str]) -> rusqlite::Result<()> {
    let used: Vec<String> = tables.iter().map(|table| format!("SELECT segment FROM {table}")).collect();
    let sql = format!("DELETE FROM segments WHERE id NOT IN ({})", used.join(" UNION "));
    connection.execute(&sql, []).map(drop)
}

impl Save<'_> {
    /// A segment's number; a new segment is given one.
    pub(in crate::store) fn segment(&mut self, segment: Segment) -> rusqlite::Result<i64> {
        if let Some(&id) = self.segments.get(&segment) {
            return Ok(id);
        }
        let tunnel = segment.tunnel;
        let vlan = |place| segment.vlans.ids().get(place).copied().unwrap_or(0);
        let id = self.row(
            "INSERT INTO segments (iface, vlan_outer, vlan_inner, tunnel_kind, tunnel_id) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (iface, vlan_outer, vlan_inner, tunnel_kind, tunnel_id) DO UPDATE SET iface = excluded.iface
             RETURNING id",
            values![
                segment.iface.as_str(),
                vlan(0),
                vlan(1),
                tunnel.map_or(0, |tunnel| tunnel.kind as u8),
                tunnel.map_or(0, |tunnel| tunnel.id)
            ],
        )?;
        self.segments.insert(segment, id);
        Ok(id)
    }
}
