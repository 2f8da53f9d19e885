//! Which address plays which role on a segment, and what a router advertises.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::store::column::{Columns, damage, values};
use crate::store::tables::table::{Load, Save, Table};
use sensor_core::inventory::model::role::{RoleHolder, RouterFacts};

impl Table for RoleHolder {
    const NAME: &'static str = "roles";

    fn save(&self, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let Self { segment, role, ip, mac, first_seen, last_seen, prefixes, router } = self;
        let segment = save.segment(*segment)?;
        let router = router.as_ref();
        let row = save.row(
            "INSERT INTO roles
               (segment, role, ip, mac, first_seen, last_seen, lifetime_s, managed, other, rdnss, dnssl)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (segment, role, ip) DO UPDATE SET
               mac = excluded.mac, first_seen = excluded.first_seen, last_seen = excluded.last_seen,
               lifetime_s = excluded.lifetime_s, managed = excluded.managed, other = excluded.other,
               rdnss = excluded.rdnss, dnssl = excluded.dnssl
             RETURNING id",
            values![
                segment,
                role,
                ip,
                mac,
                first_seen,
                last_seen,
                router.map(|router| router.lifetime_s),
                router.map(|router| router.managed),
                router.map(|router| router.other),
                router.map(|router| &router.rdnss),
                router.map(|router| &router.dnssl)
            ],
        )?;
        save.run("DELETE FROM prefixes WHERE role = ?", values![row])?;
        for (place, prefix) in (0_i64..).zip(prefixes) {
            save.run(
                "INSERT INTO prefixes (role, place, ip, length) VALUES (?, ?, ?, ?)",
                values![row, place, prefix.addr(), prefix.prefix_len()],
            )?;
        }
        Ok(())
    }

    fn remove(&(segment, role, ip): &Self::Key, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let segment = save.segment(segment)?;
        save.run("DELETE FROM roles WHERE segment = ? AND role = ? AND ip = ?", values![segment, role, ip])
    }

    fn load(load: &Load<'_>) -> rusqlite::Result<Vec<Self>> {
        let mut prefixes = load.children("SELECT role, ip, length FROM prefixes ORDER BY role, place", |row| {
            let (ip, length): (IpAddr, u8) = (row.next()?, row.next()?);
            IpNet::new(ip, length).map_err(|_| damage("not a prefix", &format!("{ip}/{length}")))
        })?;
        load.all(
            "SELECT id, segment, role, ip, mac, first_seen, last_seen, lifetime_s, managed, other, rdnss, dnssl
             FROM roles ORDER BY id",
            |row| {
                let id = row.next()?;
                Ok(Self {
                    segment: load.segment(row.next()?)?,
                    role: row.next()?,
                    ip: row.next()?,
                    mac: row.next()?,
                    first_seen: row.next()?,
                    last_seen: row.next()?,
                    prefixes: prefixes.remove(&id).unwrap_or_default(),
                    router: router(row)?,
                })
            },
        )
    }
}

/// All columns are NULL where no advertisement was kept.
fn router(row: &mut Columns<'_>) -> rusqlite::Result<Option<RouterFacts>> {
    let Some(lifetime_s) = row.next()? else { return Ok(None) };
    Ok(Some(RouterFacts {
        lifetime_s,
        managed: row.next()?,
        other: row.next()?,
        rdnss: row.next()?,
        dnssl: row.next()?,
    }))
}

#[cfg(test)]
mod sample {
    use std::net::Ipv6Addr;

    use super::*;
    use crate::store::fixture::samples::{Random, Sample};
    use sensor_core::inventory::model::role::Role;

    impl Sample for RoleHolder {
        fn random_key(random: &mut Random) -> Self::Key {
            (random.segment(), random.one_of(&[Role::DhcpServer, Role::Router]), random.ip())
        }

        fn random(random: &mut Random) -> Self {
            let (segment, role, ip) = Self::random_key(random);
            let router = random.maybe(|random| RouterFacts {
                lifetime_s: random.next() as u16,
                managed: random.coin(),
                other: random.coin(),
                rdnss: random.some(|random| Ipv6Addr::from_bits(random.next().into())),
                dnssl: random.some(Random::text),
            });
            Self {
                segment,
                role,
                ip,
                mac: random.mac(),
                first_seen: random.at(),
                last_seen: random.at(),
                prefixes: random.some(|random| IpNet::new(random.ip(), (random.next() % 33) as u8).expect("a length")),
                router,
            }
        }
    }
}
