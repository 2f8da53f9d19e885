//! Rows to values, whole tables at a time. A value that we never write is damage, not a reason to guess.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ipnet::IpNet;
use rusqlite::{Connection, Params, Row};

use crate::store::batch::{StoredEvent, StoredMute};
use crate::store::value::{Ip, Ipv6s, Kinships, Lines, Ports, Protocol, Sources, damage, from_event_id, get, ipv4};
use sensor_core::inventory::model::address::{Asked, Binding, Holder, Lease, OpenPort, SnmpFacts};
use sensor_core::inventory::model::host::{DhcpFacts, Host, HostId, HostRole, Name, Print, Service, Station};
use sensor_core::inventory::model::join::Join;
use sensor_core::inventory::model::oddity::ReportedOddity;
use sensor_core::inventory::model::role::{Neighbour, RoleHolder, RouterFacts};
use sensor_core::inventory::model::rows::Rows;
use sensor_core::types::{Iface, Segment, Tunnel, Vlans};

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
        id: from_event_id(get(row, 0)?),
        at: get(row, 1)?,
        kind: get(row, 2)?,
        severity: get(row, 3)?,
        segment: get(row, 4)?,
        host: get::<Option<HostId>>(row, 5)?.map(|host| host.0),
        record: get(row, 6)?,
        cause: get(row, 7)?,
        muted: get(row, 8)?,
        count: from_event_id(get(row, 9)?),
        last_at: get(row, 10)?,
    })
}

/// What is muted, by number.
pub(super) fn mutes(connection: &Connection) -> rusqlite::Result<Vec<StoredMute>> {
    all(connection, "SELECT id, target, from_at, until_at, reason FROM mutes ORDER BY id", [], |row| {
        Ok(StoredMute {
            id: from_event_id(get(row, 0)?),
            target: get(row, 1)?,
            from: get(row, 2)?,
            until: get(row, 3)?,
            reason: get(row, 4)?,
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
        let mut names =
            self.children("SELECT host, name, source, first_seen, last_seen FROM names ORDER BY host, place", |row| {
                Ok(Name { name: get(row, 1)?, source: get(row, 2)?, first_seen: get(row, 3)?, last_seen: get(row, 4)? })
            })?;
        let mut services = self.children(
            "SELECT host, port, protocol, instance, source, closed, first_seen, last_seen
             FROM services ORDER BY host, place",
            |row| {
                Ok(Service {
                    port: get(row, 1)?,
                    protocol: get::<Protocol>(row, 2)?.0,
                    instance: get(row, 3)?,
                    source: get(row, 4)?,
                    closed: get(row, 5)?,
                    first_seen: get(row, 6)?,
                    last_seen: get(row, 7)?,
                })
            },
        )?;
        let mut dhcp = self.children(
            "SELECT host, hostname, vendor_class, parameters, client_id, server, lease_until FROM dhcp_facts",
            |row| {
                Ok(DhcpFacts {
                    hostname: get(row, 1)?,
                    vendor_class: get(row, 2)?,
                    parameters: get(row, 3)?,
                    client_id: get(row, 4)?,
                    server: get::<Option<Ip>>(row, 5)?.as_ref().map(ipv4).transpose()?,
                    lease_until: get(row, 6)?,
                })
            },
        )?;
        let mut roles = self.children("SELECT host, role, evidence FROM host_roles", |row| {
            Ok((get::<HostRole>(row, 1)?, get::<String>(row, 2)?))
        })?;
        let by_role = |roles: Vec<(HostRole, String)>| {
            let mut map = BTreeMap::<_, BTreeSet<String>>::new();
            for (role, evidence) in roles {
                map.entry(role).or_default().insert(evidence);
            }
            map
        };
        let mut prints = self.children("SELECT host, evidence, value FROM prints ORDER BY host", |row| {
            Ok(Print { evidence: get(row, 1)?, value: get(row, 2)? })
        })?;
        // LEFT JOIN: a missing presence shows as damage, where JOIN would lose the row in silence.
        self.all(
            "SELECT id, number, segment, first_seen, last_seen, announced, gone_since, here_since
             FROM hosts LEFT JOIN host_presence ON host = id ORDER BY id",
            |row| {
                let id = get(row, 0)?;
                Ok(Host {
                    id: get(row, 1)?,
                    segment: self.segment(get(row, 2)?)?,
                    first_seen: get(row, 3)?,
                    last_seen: get(row, 4)?,
                    announced: get(row, 5)?,
                    gone_since: get(row, 6)?,
                    here_since: get::<Option<_>>(row, 7)?.map_or_else(|| get(row, 3), Ok)?,
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
                    segment: self.segment(get(row, 0)?)?,
                    mac: get(row, 1)?,
                    host: get(row, 2)?,
                    first_seen: get(row, 3)?,
                    last_seen: get(row, 4)?,
                    sources: get::<Sources>(row, 5)?.0,
                })
            },
        )
    }

    fn bindings(&self) -> rusqlite::Result<Vec<Binding>> {
        let holder = |row: &Row<'_>| {
            Ok(Holder {
                mac: get(row, 1)?,
                first_seen: get(row, 2)?,
                last_seen: get(row, 3)?,
                sources: get::<Sources>(row, 4)?.0,
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
                holders.append(&mut past.remove(&get(row, 0)?).unwrap_or_default());
                Ok(Binding { segment: self.segment(get(row, 5)?)?, ip: get::<Ip>(row, 6)?.0, holders })
            },
        )
    }

    fn leases(&self) -> rusqlite::Result<Vec<Lease>> {
        self.all("SELECT segment, ip, mac, server, at, until FROM leases ORDER BY segment, ip", |row| {
            Ok(Lease {
                segment: self.segment(get(row, 0)?)?,
                ip: ipv4(&get(row, 1)?)?,
                mac: get(row, 2)?,
                server: get::<Option<Ip>>(row, 3)?.as_ref().map(ipv4).transpose()?,
                at: get(row, 4)?,
                until: get(row, 5)?,
            })
        })
    }

    fn roles(&self) -> rusqlite::Result<Vec<RoleHolder>> {
        let mut prefixes = self.children("SELECT role, ip, length FROM prefixes ORDER BY role, place", |row| {
            let (ip, length) = (get::<Ip>(row, 1)?.0, get(row, 2)?);
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
                    managed: get(row, 8)?,
                    other: get(row, 9)?,
                    rdnss: get::<Ipv6s>(row, 10)?.0,
                    dnssl: get::<Lines>(row, 11)?.0,
                }))
            };
            Ok(RoleHolder {
                segment: self.segment(get(row, 1)?)?,
                role: get(row, 2)?,
                ip: get::<Ip>(row, 3)?.0,
                mac: get(row, 4)?,
                first_seen: get(row, 5)?,
                last_seen: get(row, 6)?,
                prefixes: prefixes.remove(&get(row, 0)?).unwrap_or_default(),
                router: router(get(row, 7)?)?,
            })
        })
    }

    fn told(&self) -> rusqlite::Result<Vec<ReportedOddity>> {
        self.all(
            "SELECT segment, oddity, ip, mac, frame_mac, first_seen, last_seen FROM told ORDER BY segment, oddity, ip",
            |row| {
                Ok(ReportedOddity {
                    segment: self.segment(get(row, 0)?)?,
                    oddity: get(row, 1)?,
                    ip: get::<Ip>(row, 2)?.0,
                    mac: get(row, 3)?,
                    frame_mac: get(row, 4)?,
                    first_seen: get(row, 5)?,
                    last_seen: get(row, 6)?,
                })
            },
        )
    }

    fn asked(&self) -> rusqlite::Result<Vec<Asked>> {
        let mut names = self.children(
            "SELECT asked, name, source, first_seen, last_seen FROM asked_names ORDER BY asked, place",
            |row| {
                Ok(Name { name: get(row, 1)?, source: get(row, 2)?, first_seen: get(row, 3)?, last_seen: get(row, 4)? })
            },
        )?;
        let mut ports = self.children(
            "SELECT asked, port, closed, misses, banner, first_seen, last_seen FROM ports ORDER BY asked, port",
            |row| {
                Ok(OpenPort {
                    port: get(row, 1)?,
                    closed: get(row, 2)?,
                    misses: get(row, 3)?,
                    banner: get(row, 4)?,
                    first_seen: get(row, 5)?,
                    last_seen: get(row, 6)?,
                })
            },
        )?;
        self.all(
            "SELECT id, segment, ip, host, first_seen, last_seen, sources, silent_at, rtt_us, reverse_dns,
               closed_ports, has_snmp, snmp_name, snmp_description, snmp_object_id
             FROM asked ORDER BY id",
            |row| {
                let id = get(row, 0)?;
                let snmp = SnmpFacts { name: get(row, 12)?, description: get(row, 13)?, object_id: get(row, 14)? };
                Ok(Asked {
                    segment: self.segment(get(row, 1)?)?,
                    ip: get::<Ip>(row, 2)?.0,
                    host: get(row, 3)?,
                    first_seen: get(row, 4)?,
                    last_seen: get(row, 5)?,
                    sources: get::<Sources>(row, 6)?.0,
                    silent_at: get(row, 7)?,
                    rtt_us: get(row, 8)?,
                    reverse_dns: get(row, 9)?,
                    names: names.remove(&id).unwrap_or_default(),
                    ports: ports.remove(&id).unwrap_or_default(),
                    closed_ports: get::<Ports>(row, 10)?.0,
                    snmp: get::<bool>(row, 11)?.then(|| Box::new(snmp)),
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
                    segment: self.segment(get(row, 0)?)?,
                    id: get::<i64>(row, 1)?.cast_unsigned(),
                    source: get(row, 2)?,
                    unit: get::<Option<i64>>(row, 3)?.map(i64::cast_unsigned),
                    mac: get(row, 4)?,
                    chassis: get(row, 5)?,
                    port: get(row, 6)?,
                    name: get(row, 7)?,
                    port_description: get(row, 8)?,
                    bridges: get(row, 9)?,
                    ttl_s: get(row, 10)?,
                    gone: get(row, 11)?,
                    first_seen: get(row, 12)?,
                    last_seen: get(row, 13)?,
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
                    segment: self.segment(get(row, 0)?)?,
                    mac: get(row, 1)?,
                    host: get(row, 2)?,
                    apart: get(row, 3)?,
                    old_mac: get(row, 4)?,
                    evidence: get::<Kinships>(row, 5)?.0,
                    at: get(row, 6)?,
                    told: get(row, 7)?,
                    here: get(row, 8)?,
                    turns: get(row, 9)?,
                    turned_at: get(row, 10)?,
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
        for (parent, child) in self.all(sql, |row| Ok((get(row, 0)?, read(row)?)))? {
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
            let name: String = get(row, 1)?;
            let iface =
                Iface::new(&name).ok_or_else(|| damage("not an interface", &name.escape_default().to_string()))?;
            Ok((
                get(row, 0)?,
                Segment {
                    iface,
                    tunnel: Tunnel::new(get(row, 4)?, get(row, 5)?),
                    vlans: Vlans::new([get(row, 2)?, get(row, 3)?]),
                },
            ))
        })?;
    Ok(rows.into_iter().collect())
}
