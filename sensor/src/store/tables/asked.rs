//! What probes found out about addresses, with the names and ports that they found.

use crate::store::column::values;
use crate::store::tables::table::{Load, Save, Table};
use sensor_core::inventory::model::address::{Asked, OpenPort, SnmpFacts};
use sensor_core::inventory::model::host::Name;

impl Table for Asked {
    const NAME: &'static str = "asked";

    fn save(&self, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let Self { segment, ip, host, first_seen, last_seen, sources, silent_at, rtt_us, reverse_dns, .. } = self;
        let Self { names, ports, closed_ports, snmp, .. } = self;
        let segment = save.segment(*segment)?;
        let row = save.row(
            "INSERT INTO asked (segment, ip, host, first_seen, last_seen, sources, silent_at, rtt_us, reverse_dns,
               closed_ports, has_snmp, snmp_name, snmp_description, snmp_object_id)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (segment, ip) DO UPDATE SET
               host = excluded.host, first_seen = excluded.first_seen, last_seen = excluded.last_seen,
               sources = excluded.sources, silent_at = excluded.silent_at, rtt_us = excluded.rtt_us,
               reverse_dns = excluded.reverse_dns, closed_ports = excluded.closed_ports,
               has_snmp = excluded.has_snmp, snmp_name = excluded.snmp_name,
               snmp_description = excluded.snmp_description, snmp_object_id = excluded.snmp_object_id
             RETURNING id",
            values![
                segment,
                ip,
                host,
                first_seen,
                last_seen,
                sources,
                silent_at,
                rtt_us,
                reverse_dns,
                closed_ports,
                snmp.is_some(),
                snmp.as_ref().map(|snmp| &snmp.name),
                snmp.as_ref().map(|snmp| &snmp.description),
                snmp.as_ref().map(|snmp| &snmp.object_id)
            ],
        )?;
        save_names(row, names, save)?;
        save_ports(row, ports, save)
    }

    fn remove(&(segment, ip): &Self::Key, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let segment = save.segment(segment)?;
        save.run("DELETE FROM asked WHERE segment = ? AND ip = ?", values![segment, ip])
    }

    fn load(load: &Load<'_>) -> rusqlite::Result<Vec<Self>> {
        let mut names = load.children(
            "SELECT asked, name, source, first_seen, last_seen FROM asked_names ORDER BY asked, place",
            |row| Ok(Name { name: row.next()?, source: row.next()?, first_seen: row.next()?, last_seen: row.next()? }),
        )?;
        let mut ports = load.children(
            "SELECT asked, port, closed, misses, banner, first_seen, last_seen FROM ports ORDER BY asked, port",
            |row| {
                Ok(OpenPort {
                    port: row.next()?,
                    closed: row.next()?,
                    misses: row.next()?,
                    banner: row.next()?,
                    first_seen: row.next()?,
                    last_seen: row.next()?,
                })
            },
        )?;
        load.all(
            "SELECT id, segment, ip, host, first_seen, last_seen, sources, silent_at, rtt_us, reverse_dns,
               closed_ports, has_snmp, snmp_name, snmp_description, snmp_object_id
             FROM asked ORDER BY id",
            |row| {
                let id = row.next()?;
                Ok(Self {
                    segment: load.segment(row.next()?)?,
                    ip: row.next()?,
                    host: row.next()?,
                    first_seen: row.next()?,
                    last_seen: row.next()?,
                    sources: row.next()?,
                    silent_at: row.next()?,
                    rtt_us: row.next()?,
                    reverse_dns: row.next()?,
                    names: names.remove(&id).unwrap_or_default(),
                    ports: ports.remove(&id).unwrap_or_default(),
                    closed_ports: row.next()?,
                    snmp: match row.next()? {
                        false => None,
                        true => Some(Box::new(SnmpFacts {
                            name: row.next()?,
                            description: row.next()?,
                            object_id: row.next()?,
                        })),
                    },
                })
            },
        )
    }
}

fn save_names(asked: i64, names: &[Name], save: &Save<'_>) -> rusqlite::Result<()> {
    save.run("DELETE FROM asked_names WHERE asked = ?", values![asked])?;
    for (place, name) in (0_i64..).zip(names) {
        save.run(
            "INSERT INTO asked_names (asked, place, name, source, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?)",
            values![asked, place, name.name, name.source, name.first_seen, name.last_seen],
        )?;
    }
    Ok(())
}

fn save_ports(asked: i64, ports: &[OpenPort], save: &Save<'_>) -> rusqlite::Result<()> {
    save.run("DELETE FROM ports WHERE asked = ?", values![asked])?;
    for OpenPort { port, closed, misses, banner, first_seen, last_seen } in ports {
        save.run(
            "INSERT INTO ports (asked, port, closed, misses, banner, first_seen, last_seen)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            values![asked, port, closed, misses, banner, first_seen, last_seen],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod sample {
    use super::*;
    use crate::store::fixture::samples::{Random, Sample};

    impl Sample for Asked {
        fn random_key(random: &mut Random) -> Self::Key {
            (random.segment(), random.ip())
        }

        fn random(random: &mut Random) -> Self {
            let mut ports = random.some(|random| OpenPort {
                port: random.next() as u16,
                closed: random.coin(),
                misses: random.next() as u8,
                banner: random.maybe(Random::text),
                first_seen: random.at(),
                last_seen: random.at(),
            });
            ports.sort_by_key(|open| open.port);
            ports.dedup_by_key(|open| open.port);
            let snmp = random.maybe(|random| {
                Box::new(SnmpFacts {
                    name: random.maybe(Random::text),
                    description: random.maybe(Random::text),
                    object_id: random.maybe(Random::text),
                })
            });
            Self {
                segment: random.segment(),
                ip: random.ip(),
                host: random.maybe(Random::host_id),
                first_seen: random.at(),
                last_seen: random.at(),
                sources: random.sources(),
                silent_at: random.maybe(Random::at),
                rtt_us: random.maybe(|random| random.next() as u32),
                reverse_dns: random.maybe(Random::text),
                names: random.some(Random::name),
                ports,
                closed_ports: random.some(|random| random.next() as u16),
                snmp,
            }
        }
    }
}
