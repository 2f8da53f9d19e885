//! Oddities that were reported, so that each is reported once.

use crate::store::column::values;
use crate::store::tables::table::{Load, Save, Table};
use sensor_core::inventory::model::oddity::ReportedOddity;

impl Table for ReportedOddity {
    const NAME: &'static str = "told";

    fn save(&self, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let Self { segment, oddity, ip, mac, frame_mac, first_seen, last_seen } = self;
        let segment = save.segment(*segment)?;
        save.run(
            "INSERT OR REPLACE INTO told (segment, oddity, ip, mac, frame_mac, first_seen, last_seen)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            values![segment, oddity, ip, mac, frame_mac, first_seen, last_seen],
        )
    }

    fn remove(&(segment, oddity, ip, mac, frame_mac): &Self::Key, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let segment = save.segment(segment)?;
        save.run(
            "DELETE FROM told WHERE segment = ? AND oddity = ? AND ip = ? AND mac = ? AND frame_mac = ?",
            values![segment, oddity, ip, mac, frame_mac],
        )
    }

    fn load(load: &Load<'_>) -> rusqlite::Result<Vec<Self>> {
        load.all(
            "SELECT segment, oddity, ip, mac, frame_mac, first_seen, last_seen FROM told ORDER BY segment, oddity, ip",
            |row| {
                Ok(Self {
                    segment: load.segment(row.next()?)?,
                    oddity: row.next()?,
                    ip: row.next()?,
                    mac: row.next()?,
                    frame_mac: row.next()?,
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
    use sensor_core::inventory::model::oddity::Oddity;

    impl Sample for ReportedOddity {
        fn random_key(random: &mut Random) -> Self::Key {
            (random.segment(), random.one_of(&Oddity::ALL), random.ip(), random.mac(), random.mac())
        }

        fn random(random: &mut Random) -> Self {
            let (segment, oddity, ip, mac, frame_mac) = Self::random_key(random);
            Self { segment, oddity, ip, mac, frame_mac, first_seen: random.at(), last_seen: random.at() }
        }
    }
}
