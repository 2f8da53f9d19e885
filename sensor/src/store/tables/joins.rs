//! Stations that were joined to a host, or parted from it, and on what evidence.

use crate::store::column::values;
use crate::store::tables::table::{Load, Save, Table};
use sensor_core::inventory::model::join::Join;

impl Table for Join {
    const NAME: &'static str = "joins";

    fn save(&self, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let Self { segment, mac, host, apart, old_mac, evidence, at, told, here, turns, turned_at } = self;
        let segment = save.segment(*segment)?;
        save.run(
            "INSERT OR REPLACE INTO joins (segment, mac, host, apart, old_mac, evidence, at, told, here, turns, turned_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values![segment, mac, host, apart, old_mac, evidence, at, told, here, turns, turned_at],
        )
    }

    fn remove(&(segment, mac): &Self::Key, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let segment = save.segment(segment)?;
        save.run("DELETE FROM joins WHERE segment = ? AND mac = ?", values![segment, mac])
    }

    fn load(load: &Load<'_>) -> rusqlite::Result<Vec<Self>> {
        load.all(
            "SELECT segment, mac, host, apart, old_mac, evidence, at, told, here, turns, turned_at
             FROM joins ORDER BY segment, mac",
            |row| {
                Ok(Self {
                    segment: load.segment(row.next()?)?,
                    mac: row.next()?,
                    host: row.next()?,
                    apart: row.next()?,
                    old_mac: row.next()?,
                    evidence: row.next()?,
                    at: row.next()?,
                    told: row.next()?,
                    here: row.next()?,
                    turns: row.next()?,
                    turned_at: row.next()?,
                })
            },
        )
    }
}

#[cfg(test)]
mod sample {
    use super::*;
    use crate::store::fixture::samples::{Random, Sample};
    use sensor_core::inventory::model::join::JoinEvidence;

    impl Sample for Join {
        fn random_key(random: &mut Random) -> Self::Key {
            (random.segment(), random.mac())
        }

        fn random(random: &mut Random) -> Self {
            Self {
                segment: random.segment(),
                mac: random.mac(),
                host: random.host_id(),
                apart: random.coin(),
                old_mac: random.mac(),
                evidence: random.some(|random| random.one_of(&JoinEvidence::ALL)).into_iter().collect(),
                at: random.at(),
                told: random.coin(),
                here: random.coin(),
                turns: random.next() as u8,
                turned_at: random.at(),
            }
        }
    }
}
