//! DHCP leases.

use crate::store::column::values;
use crate::store::tables::table::{Load, Save, Table};
use sensor_core::inventory::model::address::Lease;

impl Table for Lease {
    const NAME: &'static str = "leases";

    fn save(&self, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let Self { segment, ip, mac, server, at, until } = self;
        let segment = save.segment(*segment)?;
        save.run(
            "INSERT OR REPLACE INTO leases (segment, ip, mac, server, at, until) VALUES (?, ?, ?, ?, ?, ?)",
            values![segment, ip, mac, server, at, until],
        )
    }

    fn remove(&(segment, ip): &Self::Key, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let segment = save.segment(segment)?;
        save.run("DELETE FROM leases WHERE segment = ? AND ip = ?", values![segment, ip])
    }

    fn load(load: &Load<'_>) -> rusqlite::Result<Vec<Self>> {
        load.all("SELECT segment, ip, mac, server, at, until FROM leases ORDER BY segment, ip", |row| {
            Ok(Self {
                segment: load.segment(row.next()?)?,
                ip: row.next()?,
                mac: row.next()?,
                server: row.next()?,
                at: row.next()?,
                until: row.next()?,
            })
        })
    }
}

#[cfg(test)]
mod sample {
    use super::*;
    use crate::store::fixture::samples::{Random, Sample};

    impl Sample for Lease {
        fn random_key(random: &mut Random) -> Self::Key {
            (random.segment(), random.ipv4())
        }

        fn random(random: &mut Random) -> Self {
            Self {
                segment: random.segment(),
                ip: random.ipv4(),
                mac: random.mac(),
                server: random.maybe(Random::ipv4),
                at: random.at(),
                until: random.maybe(Random::at),
            }
        }
    }
}
