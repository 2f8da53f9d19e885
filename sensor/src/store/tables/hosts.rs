//! Hosts, with their names, services, DHCP facts, prints and roles.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::column::values;
use crate::store::tables::table::{Load, Save, Table};
use crate::store::value::Protocol;
use sensor_core::inventory::model::host::{DhcpFacts, Host, HostId, HostRole, Name, Print, Service};

impl Table for Host {
    const NAME: &'static str = "hosts";

    fn save(&self, save: &mut Save<'_>) -> rusqlite::Result<()> {
        let Self { id, segment, first_seen, last_seen, announced, here_since, gone_since, .. } = self;
        let Self { names, services, dhcp, prints, roles, .. } = self;
        let segment = save.segment(*segment)?;
        let row = save.row(
            "INSERT INTO hosts (number, segment, first_seen, announced, gone_since, here_since)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (number) DO UPDATE SET
               segment = excluded.segment, first_seen = excluded.first_seen, announced = excluded.announced,
               gone_since = excluded.gone_since, here_since = excluded.here_since
             RETURNING id",
            values![id, segment, first_seen, announced, gone_since, here_since],
        )?;
        save.run("INSERT OR REPLACE INTO host_presence (host, last_seen) VALUES (?, ?)", values![row, last_seen])?;
        save_names(row, names, save)?;
        save_services(row, services, save)?;
        save_dhcp(row, dhcp.as_deref(), save)?;
        save_prints(row, prints, save)?;
        save_roles(row, roles, save)
    }

    fn remove(key: &HostId, save: &mut Save<'_>) -> rusqlite::Result<()> {
        save.run("DELETE FROM hosts WHERE number = ?", values![key])
    }

    fn load(load: &Load<'_>) -> rusqlite::Result<Vec<Self>> {
        let mut names = load
            .children("SELECT host, name, source, first_seen, last_seen FROM names ORDER BY host, place", |row| {
                Ok(Name { name: row.next()?, source: row.next()?, first_seen: row.next()?, last_seen: row.next()? })
            })?;
        let mut services = load.children(
            "SELECT host, port, protocol, instance, source, closed, first_seen, last_seen
             FROM services ORDER BY host, place",
            |row| {
                Ok(Service {
                    port: row.next()?,
                    protocol: row.next::<Protocol>()?.0,
                    instance: row.next()?,
                    source: row.next()?,
                    closed: row.next()?,
                    first_seen: row.next()?,
                    last_seen: row.next()?,
                })
            },
        )?;
        let mut dhcp = load.children(
            "SELECT host, hostname, vendor_class, parameters, client_id, server, lease_until FROM dhcp_facts",
            |row| {
                Ok(DhcpFacts {
                    hostname: row.next()?,
                    vendor_class: row.next()?,
                    parameters: row.next()?,
                    client_id: row.next()?,
                    server: row.next()?,
                    lease_until: row.next()?,
                })
            },
        )?;
        let mut roles = load.children("SELECT host, role, evidence FROM host_roles", |row| {
            Ok((row.next::<HostRole>()?, row.next::<String>()?))
        })?;
        let mut prints = load.children("SELECT host, evidence, value FROM prints ORDER BY host", |row| {
            Ok(Print { evidence: row.next()?, value: row.next()? })
        })?;
        // LEFT JOIN: a missing presence shows as damage, where JOIN would lose the row in silence.
        load.all(
            "SELECT id, number, segment, first_seen, last_seen, announced, gone_since, here_since
             FROM hosts LEFT JOIN host_presence ON host = id ORDER BY id",
            |row| {
                let row_id = row.next()?;
                let (id, segment, first_seen) = (row.next()?, load.segment(row.next()?)?, row.next()?);
                Ok(Self {
                    id,
                    segment,
                    first_seen,
                    last_seen: row.next()?,
                    announced: row.next()?,
                    gone_since: row.next()?,
                    here_since: row.next::<Option<_>>()?.unwrap_or(first_seen),
                    names: names.remove(&row_id).unwrap_or_default(),
                    services: services.remove(&row_id).unwrap_or_default(),
                    dhcp: dhcp.remove(&row_id).and_then(|facts| facts.into_iter().next()).map(Box::new),
                    roles: roles.remove(&row_id).map(by_role).unwrap_or_default(),
                    prints: sorted(prints.remove(&row_id).unwrap_or_default()),
                })
            },
        )
    }
}

fn save_names(host: i64, names: &[Name], save: &Save<'_>) -> rusqlite::Result<()> {
    save.run("DELETE FROM names WHERE host = ?", values![host])?;
    for (place, name) in (0_i64..).zip(names) {
        save.run(
            "INSERT INTO names (host, place, name, source, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?)",
            values![host, place, name.name, name.source, name.first_seen, name.last_seen],
        )?;
    }
    Ok(())
}

fn save_services(host: i64, services: &[Service], save: &Save<'_>) -> rusqlite::Result<()> {
    save.run("DELETE FROM services WHERE host = ?", values![host])?;
    for (place, service) in (0_i64..).zip(services) {
        let Service { port, protocol, instance, source, closed, first_seen, last_seen } = service;
        save.run(
            "INSERT INTO services (host, place, port, protocol, instance, source, closed, first_seen, last_seen)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values![host, place, port, protocol, instance, source, closed, first_seen, last_seen],
        )?;
    }
    Ok(())
}

fn save_dhcp(host: i64, facts: Option<&DhcpFacts>, save: &Save<'_>) -> rusqlite::Result<()> {
    save.run("DELETE FROM dhcp_facts WHERE host = ?", values![host])?;
    let Some(DhcpFacts { hostname, vendor_class, parameters, client_id, server, lease_until }) = facts else {
        return Ok(());
    };
    save.run(
        "INSERT INTO dhcp_facts (host, hostname, vendor_class, parameters, client_id, server, lease_until)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        values![host, hostname, vendor_class, parameters, client_id, server, lease_until],
    )
}

fn save_prints(host: i64, prints: &[Print], save: &Save<'_>) -> rusqlite::Result<()> {
    save.run("DELETE FROM prints WHERE host = ?", values![host])?;
    for Print { evidence, value } in prints {
        save.run("INSERT INTO prints (host, evidence, value) VALUES (?, ?, ?)", values![host, evidence, value])?;
    }
    Ok(())
}

fn save_roles(host: i64, roles: &BTreeMap<HostRole, BTreeSet<String>>, save: &Save<'_>) -> rusqlite::Result<()> {
    save.run("DELETE FROM host_roles WHERE host = ?", values![host])?;
    for (role, evidence) in roles {
        for evidence in evidence {
            save.run("INSERT INTO host_roles (host, role, evidence) VALUES (?, ?, ?)", values![host, role, evidence])?;
        }
    }
    Ok(())
}

fn by_role(roles: Vec<(HostRole, String)>) -> BTreeMap<HostRole, BTreeSet<String>> {
    let mut map = BTreeMap::<_, BTreeSet<String>>::new();
    for (role, evidence) in roles {
        map.entry(role).or_default().insert(evidence);
    }
    map
}

fn sorted(mut prints: Vec<Print>) -> Vec<Print> {
    prints.sort_unstable();
    prints
}

#[cfg(test)]
mod sample {
    use super::*;
    use crate::store::fixture::samples::{Random, Sample};
    use sensor_core::inventory::model::evidence::Evidence;

    impl Sample for Host {
        fn random_key(random: &mut Random) -> Self::Key {
            random.host_id()
        }

        fn random(random: &mut Random) -> Self {
            let dhcp = random.maybe(|random| {
                Box::new(DhcpFacts {
                    hostname: random.maybe(Random::text),
                    vendor_class: random.maybe(Random::text),
                    parameters: random.some(|random| random.next() as u8),
                    client_id: random.some(|random| random.next() as u8),
                    server: random.maybe(Random::ipv4),
                    lease_until: random.maybe(Random::at),
                })
            });
            let services = random.some(|random| Service {
                port: random.next() as u16,
                protocol: if random.coin() { "tcp" } else { "udp" },
                instance: random.text(),
                source: random.source(),
                closed: random.coin(),
                first_seen: random.at(),
                last_seen: random.at(),
            });
            let print =
                |random: &mut Random| Print { evidence: random.one_of(&Evidence::NAMES).0, value: random.text() };
            let prints: BTreeSet<Print> = random.some(print).into_iter().collect();
            let role =
                |random: &mut Random| (random.one_of(&HostRole::ALL[..3]), [random.text(), random.text()].into());
            Self {
                id: random.host_id(),
                segment: random.segment(),
                first_seen: random.at(),
                last_seen: random.at(),
                announced: random.coin(),
                here_since: random.at(),
                gone_since: random.maybe(Random::at),
                names: random.some(Random::name),
                services,
                dhcp,
                prints: prints.into_iter().collect(),
                roles: random.some(role).into_iter().collect(),
            }
        }
    }
}
