//! Addresses with their present holder; those before it are children, most recent first.

use crate::store::column::{Columns, values};
use crate::store::tables::table::{Load, Save, Table};
use sensor_core::inventory::model::address::{Binding, Holder};

impl Table for Binding {
    const NAME: &'static str = "bindings";

    fn save(&self, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let Self { segment, ip, holders } = self;
        let segment = save.segment(*segment)?;
        let (present, past) = holders.split_first().expect("a binding's holders are never empty");
        let Holder { mac, first_seen, last_seen, sources } = present;
        let row = save.row(
            "INSERT INTO bindings (segment, ip, mac, first_seen, sources) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (segment, ip) DO UPDATE SET
               mac = excluded.mac, first_seen = excluded.first_seen, sources = excluded.sources
             RETURNING id",
            values![segment, ip, mac, first_seen, sources],
        )?;
        save.run(
            "INSERT OR REPLACE INTO binding_presence (binding, last_seen) VALUES (?, ?)",
            values![row, last_seen],
        )?;
        save.run("DELETE FROM past_holders WHERE binding = ?", values![row])?;
        for (place, Holder { mac, first_seen, last_seen, sources }) in (0_i64..).zip(past) {
            save.run(
                "INSERT INTO past_holders (binding, place, mac, first_seen, last_seen, sources)
                 VALUES (?, ?, ?, ?, ?, ?)",
                values![row, place, mac, first_seen, last_seen, sources],
            )?;
        }
        Ok(())
    }

    fn remove(&(segment, ip): &Self::Key, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let segment = save.segment(segment)?;
        save.run("DELETE FROM bindings WHERE segment = ? AND ip = ?", values![segment, ip])
    }

    fn load(load: &Load<'_>) -> rusqlite::Result<Vec<Self>> {
        let mut past = load.children(
            "SELECT binding, mac, first_seen, last_seen, sources FROM past_holders ORDER BY binding, place",
            holder,
        )?;
        load.all(
            "SELECT id, mac, first_seen, last_seen, sources, segment, ip
             FROM bindings LEFT JOIN binding_presence ON binding = id ORDER BY id",
            |row| {
                let id = row.next()?;
                let mut holders = vec![holder(row)?];
                holders.append(&mut past.remove(&id).unwrap_or_default());
                Ok(Self { segment: load.segment(row.next()?)?, ip: row.next()?, holders })
            },
        )
    }
}

fn holder(row: &mut Columns<'_>) -> rusqlite::Result<Holder> {
    Ok(Holder { mac: row.next()?, first_seen: row.next()?, last_seen: row.next()?, sources: row.next()? })
}

#[cfg(test)]
mod sample {
    use super::*;
    use crate::store::fixture::samples::{Random, Sample};

    impl Sample for Binding {
        fn random_key(random: &mut Random) -> Self::Key {
            (random.segment(), random.ip())
        }

        fn random(random: &mut Random) -> Self {
            let holder = |random: &mut Random| Holder {
                mac: random.mac(),
                first_seen: random.at(),
                last_seen: random.at(),
                sources: random.sources(),
            };
            let mut holders = vec![holder(random)];
            holders.extend(random.some(holder));
            Self { segment: random.segment(), ip: random.ip(), holders }
        }
    }
}
