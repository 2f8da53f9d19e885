//! Rows to values, whole tables at a time. A value that we never write is damage, not a reason to guess.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ipnet::IpNet;
use rusqlite::{Connection, Params, Row};

use super::value::{Ip, Ipv6s, Kinships, Lines, Ports, Protocol, Sources, damage, from_event_id, ipv4};
use super::{StoredEvent, StoredMute};
use crate::inventory::state::{
    Asked, Binding, DhcpFacts, Holder, Host, HostId, HostRole, Join, Lease, Name, Neighbour, OpenPort, Print,
    RoleHolder, RouterFacts, Rows, Service, SnmpFacts, Station, Told,
};
use crate::types::{Iface, Segment, Tunnel, Vlans};

/// The columns that [`event`] reads, in its order.
pub(super) const EVENT_COLUMNS: &str = "id, at, kind, severity, segment, host, record, cause, muted, count, last_at";

/// The whole inventory. The caller holds a transaction, so that it is of one moment.
pub(super) fn rows(connection: &Connection) -> rusqlite::Result<Rows> {
    let load = Load { connection, segments: segments(connection)? };
    Ok(Rows {
        hosts: load.hosts()?,
        stations: load.stations()?,
        bindings: load.bindings()?,
        leases: load.leases()?,
        roles: load.roles()?,
        told: load.told()?,
        asked: load.asked()?,
        neighbours: load.neighbours()?,
        joins: load.joins()?,
    })
}

/// An event of the columns [`EVENT_COLUMNS`].
pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<StoredEvent> {
    Ok(StoredEvent {
        id: from_event_id(row.get(0)?),
        at: row.get(1)?,
        kind: row.get(2)?,
        severity: row.get(3)?,
        segment: row.get(4)?,
        host: row.get::<_, Option<HostId>>(5)?.map(|host| host.0),
        record: row.get(6)?,
        cause: row.get(7)?,
        muted: row.get(8)?,
        count: from_event_id(row.get(9)?),
        last_at: row.get(10)?,
    })
}

/// What is muted, by number.
pub(super) fn mutes(connection: &Connection) -> rusqlite::Result<Vec<StoredMute>> {
    all(connection, "SELECT id, target, from_at, until_at, reason FROM mutes ORDER BY id", [], |row| {
        Ok(StoredMute {
            id: from_event_id(row.get(0)?),
            target: row.get(1)?,
            from: row.get(2)?,
            until: row.get(3)?,
            reason: row.get(4)?,
        })
    })
}

/// Every row of a query, read by `read`.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(values, read)?.collect()
}

struct Load<'a> {
    connection: &'a Connection,
    segments: HashMap<i64, Segment>,
}

impl Load<'_> {
    fn hosts(&self) -> rusqlite::Result<Vec<Host>> {
        let mut names = self
            .children("SELECT host, name, source, first_seen, last_seen FROM names ORDER BY host, place", |row| {
                Ok(Name { name: row.get(1)?, source: row.get(2)?, first_seen: row.get(3)?, last_seen: row.get(4)? })
            })?;
        let mut services = self.children(
            "SELECT host, port, protocol, instance, source, closed, first_seen, last_seen
             FROM services ORDER BY host, place",
            |row| {
                Ok(Service {
                    port: row.get(1)?,
                    protocol: row.get::<_, Protocol>(2)?.0,
                    instance: row.get(3)?,
                    source: row.get(4)?,
                    closed: row.get(5)?,
                    first_seen: row.get(6)?,
                    last_seen: row.get(7)?,
                })
            },
        )?;
        let mut dhcp = self.children(
            "SELECT host, hostname, vendor_class, parameters, client_id, server, lease_until FROM dhcp_facts",
            |row| {
                Ok(DhcpFacts {
                    hostname: row.get(1)?,
                    vendor_class: row.get(2)?,
                    parameters: row.get(3)?,
                    client_id: row.get(4)?,
                    server: row.get::<_, Option<Ip>>(5)?.as_ref().map(ipv4).transpose()?,
                    lease_until: row.get(6)?,
                })
            },
        )?;
        let mut roles = self.children("SELECT host, role, evidence FROM host_roles", |row| {
            Ok((row.get::<_, HostRole>(1)?, row.get::<_, String>(2)?))
        })?;
        let by_role = |roles: Vec<(HostRole, String)>| {
            let mut map = BTreeMap::<_, BTreeSet<String>>::new();
            for (role, evidence) in roles {
                map.entry(role).or_default().insert(evidence);
            }
            map
        };
        let mut prints = self.children("SELECT host, evidence, value FROM prints ORDER BY host", |row| {
            Ok(Print { evidence: row.get(1)?, value: row.get(2)? })
        })?;
        // LEFT JOIN: a missing presence shows as damage, where JOIN would lose the row in silence.
        self.all(
            "SELECT id, number, segment, first_seen, last_seen, announced, gone_since, here_since
             FROM hosts LEFT JOIN host_presence ON host = id ORDER BY id",
            |row| {
                let id = row.get(0)?;
                Ok(Host {
                    id: row.get(1)?,
                    segment: self.segment(row.get(2)?)?,
                    first_seen: row.get(3)?,
                    last_seen: row.get(4)?,
                    announced: row.get(5)?,
                    gone_since: row.get(6)?,
                    here_since: row.get::<_, Option<_>>(7)?.map_or_else(|| row.get(3), Ok)?,
                    names: names.remove(&id).unwrap_or_default(),
                    services: services.remove(&id).unwrap_or_default(),
                    dhcp: dhcp.remove(&id).and_then(|facts| facts.into_iter().next()).map(Box::new),
                    roles: roles.remove(&id).map(by_role).unwrap_or_default(),
                    prints: sorted(prints.remove(&id).unwrap_or_default()),
                })
            },
        )
    }

    fn stations(&self) -> rusqlite::Result<Vec<Station>> {
        self.all(
            "SELECT segment, mac, stations.host, first_seen, last_seen, sources
             FROM stations LEFT JOIN station_presence ON station = id ORDER BY id",
            |row| {
                Ok(Station {
                    segment: self.segment(row.get(0)?)?,
                    mac: row.get(1)?,
                    host: row.get(2)?,
                    first_seen: row.get(3)?,
                    last_seen: row.get(4)?,
                    sources: row.get::<_, Sources>(5)?.0,
                })
            },
        )
    }

    fn bindings(&self) -> rusqlite::Result<Vec<Binding>> {
        let holder = |row: &Row<'_>| {
            Ok(Holder {
                mac: row.get(1)?,
                first_seen: row.get(2)?,
                last_seen: row.get(3)?,
                sources: row.get::<_, Sources>(4)?.0,
            })
        };
        let mut past = self.children(
            "SELECT binding, mac, first_seen, last_seen, sources FROM past_holders ORDER BY binding, place",
            holder,
        )?;
        self.all(
            "SELECT id, mac, first_seen, last_seen, sources, segment, ip
             FROM bindings LEFT JOIN binding_presence ON binding = id ORDER BY id",
            |row| {
                let mut holders = vec![holder(row)?];
                holders.append(&mut past.remove(&row.get(0)?).unwrap_or_default());
                Ok(Binding { segment: self.segment(row.get(5)?)?, ip: row.get::<_, Ip>(6)?.0, holders })
            },
        )
    }

    fn leases(&self) -> rusqlite::Result<Vec<Lease>> {
        self.all("SELECT segment, ip, mac, server, at, until FROM leases ORDER BY segment, ip", |row| {
            Ok(Lease {
                segment: self.segment(row.get(0)?)?,
                ip: ipv4(&row.get(1)?)?,
                mac: row.get(2)?,
                server: row.get::<_, Option<Ip>>(3)?.as_ref().map(ipv4).transpose()?,
                at: row.get(4)?,
                until: row.get(5)?,
            })
        })
    }

    fn roles(&self) -> rusqlite::Result<Vec<RoleHolder>> {
        let mut prefixes = self.children("SELECT role, ip, length FROM prefixes ORDER BY role, place", |row| {
            let (ip, length) = (row.get::<_, Ip>(1)?.0, row.get(2)?);
            IpNet::new(ip, length).map_err(|_| damage("not a prefix", &format!("{ip}/{length}")))
        })?;
        let roles = "SELECT id, segment, role, ip, mac, first_seen, last_seen,
               lifetime_s, managed, other, rdnss, dnssl
             FROM roles ORDER BY id";
        self.all(roles, |row| {
            let router = |lifetime_s: Option<u16>| -> rusqlite::Result<_> {
                let Some(lifetime_s) = lifetime_s else { return Ok(None) };
                Ok(Some(RouterFacts {
                    lifetime_s,
                    managed: row.get(8)?,
                    other: row.get(9)?,
                    rdnss: row.get::<_, Ipv6s>(10)?.0,
                    dnssl: row.get::<_, Lines>(11)?.0,
                }))
            };
            Ok(RoleHolder {
                segment: self.segment(row.get(1)?)?,
                role: row.get(2)?,
                ip: row.get::<_, Ip>(3)?.0,
                mac: row.get(4)?,
                first_seen: row.get(5)?,
                last_seen: row.get(6)?,
                prefixes: prefixes.remove(&row.get(0)?).unwrap_or_default(),
                router: router(row.get(7)?)?,
            })
        })
    }

    fn told(&self) -> rusqlite::Result<Vec<Told>> {
        self.all(
            "SELECT segment, oddity, ip, mac, frame_mac, first_seen, last_seen FROM told ORDER BY segment, oddity, ip",
            |row| {
                Ok(Told {
                    segment: self.segment(row.get(0)?)?,
                    oddity: row.get(1)?,
                    ip: row.get::<_, Ip>(2)?.0,
                    mac: row.get(3)?,
                    frame_mac: row.get(4)?,
                    first_seen: row.get(5)?,
                    last_seen: row.get(6)?,
                })
            },
        )
    }

    fn asked(&self) -> rusqlite::Result<Vec<Asked>> {
        let mut names = self.children(
            "SELECT asked, name, source, first_seen, last_seen FROM asked_names ORDER BY asked, place",
            |row| Ok(Name { name: row.get(1)?, source: row.get(2)?, first_seen: row.get(3)?, last_seen: row.get(4)? }),
        )?;
        let mut ports = self.children(
            "SELECT asked, port, closed, misses, banner, first_seen, last_seen FROM ports ORDER BY asked, port",
            |row| {
                Ok(OpenPort {
                    port: row.get(1)?,
                    closed: row.get(2)?,
                    misses: row.get(3)?,
                    banner: row.get(4)?,
                    first_seen: row.get(5)?,
                    last_seen: row.get(6)?,
                })
            },
        )?;
        self.all(
            "SELECT id, segment, ip, host, first_seen, last_seen, sources, silent_at, rtt_us, reverse_dns,
               closed_ports, has_snmp, snmp_name, snmp_description, snmp_object_id
             FROM asked ORDER BY id",
            |row| {
                let id = row.get(0)?;
                let snmp = SnmpFacts { name: row.get(12)?, description: row.get(13)?, object_id: row.get(14)? };
                Ok(Asked {
                    segment: self.segment(row.get(1)?)?,
                    ip: row.get::<_, Ip>(2)?.0,
                    host: row.get(3)?,
                    first_seen: row.get(4)?,
                    last_seen: row.get(5)?,
                    sources: row.get::<_, Sources>(6)?.0,
                    silent_at: row.get(7)?,
                    rtt_us: row.get(8)?,
                    reverse_dns: row.get(9)?,
                    names: names.remove(&id).unwrap_or_default(),
                    ports: ports.remove(&id).unwrap_or_default(),
                    closed_ports: row.get::<_, Ports>(10)?.0,
                    snmp: row.get::<_, bool>(11)?.then(|| Box::new(snmp)),
                })
            },
        )
    }

    fn neighbours(&self) -> rusqlite::Result<Vec<Neighbour>> {
        self.all(
            "SELECT segment, number, source, unit, mac, chassis, port, name, port_description, bridges, ttl_s, gone,
               first_seen, last_seen
             FROM neighbours ORDER BY segment, number",
            |row| {
                Ok(Neighbour {
                    segment: self.segment(row.get(0)?)?,
                    id: row.get::<_, i64>(1)?.cast_unsigned(),
                    source: row.get(2)?,
                    unit: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
                    mac: row.get(4)?,
                    chassis: row.get(5)?,
                    port: row.get(6)?,
                    name: row.get(7)?,
                    port_description: row.get(8)?,
                    bridges: row.get(9)?,
                    ttl_s: row.get(10)?,
                    gone: row.get(11)?,
                    first_seen: row.get(12)?,
                    last_seen: row.get(13)?,
                })
            },
        )
    }

    fn joins(&self) -> rusqlite::Result<Vec<Join>> {
        self.all(
            "SELECT segment, mac, host, apart, old_mac, evidence, at, told, here, turns, turned_at
             FROM joins ORDER BY segment, mac",
            |row| {
                Ok(Join {
                    segment: self.segment(row.get(0)?)?,
                    mac: row.get(1)?,
                    host: row.get(2)?,
                    apart: row.get(3)?,
                    old_mac: row.get(4)?,
                    evidence: row.get::<_, Kinships>(5)?.0,
                    at: row.get(6)?,
                    told: row.get(7)?,
                    here: row.get(8)?,
                    turns: row.get(9)?,
                    turned_at: row.get(10)?,
                })
            },
        )
    }

    fn segment(&self, id: i64) -> rusqlite::Result<Segment> {
        self.segments.get(&id).copied().ok_or_else(|| damage("no such segment", &id.to_string()))
    }

    fn all<T>(&self, sql: &str, read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<Vec<T>> {
        all(self.connection, sql, [], read)
    }

    /// Rows by the parent's number in their first column, in the query's order.
    fn children<T>(
        &self,
        sql: &str,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<HashMap<i64, Vec<T>>> {
        let mut children = HashMap::<_, Vec<T>>::new();
        for (parent, child) in self.all(sql, |row| Ok((row.get(0)?, read(row)?)))? {
            children.entry(parent).or_default().push(child);
        }
        Ok(children)
    }
}

fn sorted(mut prints: Vec<Print>) -> Vec<Print> {
    prints.sort_unstable();
    prints
}

fn segments(connection: &Connection) -> rusqlite::Result<HashMap<i64, Segment>> {
    let rows =
        all(connection, "SELECT id, iface, vlan_outer, vlan_inner, tunnel_kind, tunnel_id FROM segments", [], |row| {
            let name: String = row.get(1)?;
            let iface =
                Iface::new(&name).ok_or_else(|| damage("not an interface", &name.escape_default().to_string()))?;
            Ok((
                row.get(0)?,
                Segment {
                    iface,
                    tunnel: Tunnel::new(row.get(4)?, row.get(5)?),
                    vlans: Vlans::new([row.get(2)?, row.get(3)?]),
                },
            ))
        })?;
    Ok(rows.into_iter().collect())
}
