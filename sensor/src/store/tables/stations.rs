//! Stations, and the hosts that they belong to.

use crate::store::column::values;
use crate::store::tables::table::{Load, Save, Table};
use sensor_core::inventory::model::host::Station;

impl Table for Station {
    const NAME: &'static str = "stations";

    fn save(&self, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let Self { segment, mac, host, first_seen, last_seen, sources } = self;
        let segment = save.segment(*segment)?;
        let row = save.row(
            "INSERT INTO stations (segment, mac, host, first_seen, sources) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (segment, mac) DO UPDATE SET
               host = excluded.host, first_seen = excluded.first_seen, sources = excluded.sources
             RETURNING id",
            values![segment, mac, host, first_seen, sources],
        )?;
        save.run("INSERT OR REPLACE INTO station_presence (station, last_seen) VALUES (?, ?)", values![row, last_seen])
    }

    fn remove(&(segment, mac): &Self::Key, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let segment = save.segment(segment)?;
        save.run("DELETE FROM stations WHERE segment = ? AND mac = ?", values![segment, mac])
    }

    fn load(load: &Load<'_>) -> rusqlite::Result<Vec<Self>> {
        load.all(
            "SELECT segment, mac, stations.host, first_seen, last_seen, sources
             FROM stations LEFT JOIN station_presence ON station = id ORDER BY id",
            |row| {
                Ok(Self {
                    segment: load.segment(row.next()?)?,
                    mac: row.next()?,
                    host: row.next()?,
                    first_seen: row.next()?,
                    last_seen: row.next()?,
                    sources: row.next()?,
                })
            },
        )
    }
}

#[cfg(test)]
mod sample {
    use super::*;
    use crate::store::fixture::samples::{Random, Sample};

    impl Sample for Station {
        fn random_key(random: &mut Random) -> Self::Key {
            (random.segment(), random.mac())
        }

        fn random(random: &mut Random) -> Self {
            Self {
                segment: random.segment(),
                mac: random.mac(),
                host: random.host_id(),
                first_seen: random.at(),
                last_seen: random.at(),
                sources: random.sources(),
            }
        }
    }
}
