//! Ports of switches and routers that speak on a segment.

use crate::store::column::values;
use crate::store::tables::table::{Load, Save, Table};
use sensor_core::inventory::model::role::Neighbour;

/// `id` and `unit` are hashes: SQLite keeps the same bits as signed integers.
impl Table for Neighbour {
    const NAME: &'static str = "neighbours";

    fn save(&self, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let Self { segment, id, source, unit, mac, chassis, port, name, port_description, .. } = self;
        let Self { bridges, ttl_s, gone, first_seen, last_seen, .. } = self;
        let segment = save.segment(*segment)?;
        let (number, unit) = (id.cast_signed(), unit.map(u64::cast_signed));
        save.run(
            "INSERT OR REPLACE INTO neighbours (segment, number, source, unit, mac, chassis, port, name,
               port_description, bridges, ttl_s, gone, first_seen, last_seen)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values![
                segment,
                number,
                source,
                unit,
                mac,
                chassis,
                port,
                name,
                port_description,
                bridges,
                ttl_s,
                gone,
                first_seen,
                last_seen
            ],
        )
    }

    fn remove(&(segment, id): &Self::Key, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let segment = save.segment(segment)?;
        save.run("DELETE FROM neighbours WHERE segment = ? AND number = ?", values![segment, id.cast_signed()])
    }

    fn load(load: &Load<'_>) -> rusqlite::Result<Vec<Self>> {
        load.all(
            "SELECT segment, number, source, unit, mac, chassis, port, name, port_description, bridges, ttl_s, gone,
               first_seen, last_seen
             FROM neighbours ORDER BY segment, number",
            |row| {
                Ok(Self {
                    segment: load.segment(row.next()?)?,
                    id: row.next::<i64>()?.cast_unsigned(),
                    source: row.next()?,
                    unit: row.next::<Option<i64>>()?.map(i64::cast_unsigned),
                    mac: row.next()?,
                    chassis: row.next()?,
                    port: row.next()?,
                    name: row.next()?,
                    port_description: row.next()?,
                    bridges: row.next()?,
                    ttl_s: row.next()?,
                    gone: row.next()?,
                    first_seen: row.next()?,
                    last_seen: row.next()?,
                })
            },
        )
    }
}

#[cfg(test)]
mod sample {
    use super::*;
    use crate::store::fixture::samples::{Random, Sample};

    impl Sample for Neighbour {
        fn random_key(random: &mut Random) -> Self::Key {
            (random.segment(), random.host_id().0)
        }

        fn random(random: &mut Random) -> Self {
            Self {
                segment: random.segment(),
                id: random.host_id().0,
                source: random.source(),
                unit: random.maybe(Random::next),
                mac: random.mac(),
                chassis: random.text(),
                port: random.text(),
                name: random.maybe(Random::text),
                port_description: random.maybe(Random::text),
                bridges: random.coin(),
                ttl_s: random.next() as u16,
                gone: random.coin(),
                first_seen: random.at(),
                last_seen: random.at(),
            }
        }
    }
}
