//! Values to rows. A row is whole: saving it replaces the saved one and its children.

use std::collections::HashMap;

use rusqlite::{Connection, Params};

use crate::store::batch::{Batch, StoredEvent, StoredMute};
use crate::store::value::{Ip, Ipv6s, Kinships, Lines, Ports, Protocol, Sources, event_id, get, values};
use sensor_core::inventory::judge::fold::Fold;
use sensor_core::inventory::model::address::{Asked, Binding, Lease, OpenPort};
use sensor_core::inventory::model::host::{Host, HostId, Station};
use sensor_core::inventory::model::join::Join;
use sensor_core::inventory::model::oddity::ReportedOddity;
use sensor_core::inventory::model::role::{Neighbour, RoleHolder};
use sensor_core::inventory::model::rows::{Presence, Removed, Rows};
use sensor_core::types::Segment;

/// The numbers of segments that were looked up before; emptied when a transaction fails, for it may have made them.
pub(super) type Segments = HashMap<Segment, i64>;

/// Writes a batch into the open transaction.
pub(super) fn save(connection: &Connection, segments: &mut Segments, batch: &Batch) -> rusqlite::Result<()> {
    let mut save = Save { connection, segments };
    save.removed(&batch.changes.removed)?;
    save.rows(&batch.changes.rows)?;
    batch.presence.iter().try_for_each(|presence| save.presence(presence))?;
    batch.events.iter().try_for_each(|event| save.event(event))?;
    batch.folds.iter().try_for_each(|fold| save.fold(fold))?;
    batch.mutes.iter().try_for_each(|mutes| mutes_in_place(connection, mutes))?;
    save.marks(batch)
}

/// Replaces what is muted.
pub(super) fn mutes_in_place(connection: &Connection, mutes: &[StoredMute]) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM mutes", [])?;
    for StoredMute { id, target, from, until, reason } in mutes {
        connection
            .prepare_cached("INSERT INTO mutes (id, target, from_at, until_at, reason) VALUES (?, ?, ?, ?, ?)")?
            .execute(values![event_id(*id), target, from, until, reason])?;
    }
    Ok(())
}

struct Save<'a> {
    connection: &'a Connection,
    segments: &'a mut Segments,
}

impl Save<'_> {
    fn removed(&mut self, removed: &Removed) -> rusqlite::Result<()> {
        for host in &removed.hosts {
            self.run("DELETE FROM hosts WHERE number = ?", values![host])?;
        }
        for &(segment, mac) in &removed.stations {
            let segment = self.segment(segment)?;
            self.run("DELETE FROM stations WHERE segment = ? AND mac = ?", values![segment, mac])?;
        }
        for &(segment, ip) in &removed.bindings {
            let segment = self.segment(segment)?;
            self.run("DELETE FROM bindings WHERE segment = ? AND ip = ?", values![segment, Ip(ip)])?;
        }
        for &(segment, ip) in &removed.leases {
            let segment = self.segment(segment)?;
            self.run("DELETE FROM leases WHERE segment = ? AND ip = ?", values![segment, Ip(ip.into())])?;
        }
        for &(segment, role, ip) in &removed.roles {
            let segment = self.segment(segment)?;
            self.run("DELETE FROM roles WHERE segment = ? AND role = ? AND ip = ?", values![segment, role, Ip(ip)])?;
        }
        for &(segment, oddity, ip, mac, frame_mac) in &removed.told {
            let segment = self.segment(segment)?;
            self.run(
                "DELETE FROM told WHERE segment = ? AND oddity = ? AND ip = ? AND mac = ? AND frame_mac = ?",
                values![segment, oddity, Ip(ip), mac, frame_mac],
            )?;
        }
        for &(segment, ip) in &removed.asked {
            let segment = self.segment(segment)?;
            self.run("DELETE FROM asked WHERE segment = ? AND ip = ?", values![segment, Ip(ip)])?;
        }
        for &(segment, id) in &removed.neighbours {
            let segment = self.segment(segment)?;
            self.run("DELETE FROM neighbours WHERE segment = ? AND number = ?", values![segment, id.cast_signed()])?;
        }
        for &(segment, mac) in &removed.joins {
            let segment = self.segment(segment)?;
            self.run("DELETE FROM joins WHERE segment = ? AND mac = ?", values![segment, mac])?;
        }
        Ok(())
    }

    fn rows(&mut self, rows: &Rows) -> rusqlite::Result<()> {
        rows.hosts.iter().try_for_each(|host| self.host(host))?;
        rows.stations.iter().try_for_each(|station| self.station(station))?;
        rows.bindings.iter().try_for_each(|binding| self.binding(binding))?;
        rows.leases.iter().try_for_each(|lease| self.lease(lease))?;
        rows.roles.iter().try_for_each(|role| self.role(role))?;
        rows.told.iter().try_for_each(|told| self.told(told))?;
        rows.asked.iter().try_for_each(|asked| self.asked(asked))?;
        rows.neighbours.iter().try_for_each(|neighbour| self.neighbour(neighbour))?;
        rows.joins.iter().try_for_each(|join| self.join(join))
    }

    fn host(&mut self, host: &Host) -> rusqlite::Result<()> {
        let Host { id, segment, first_seen, last_seen, announced, here_since, gone_since, .. } = host;
        let Host { names, services, dhcp, prints, roles, .. } = host;
        let segment = self.segment(*segment)?;
        let row = self.row(
            "INSERT INTO hosts (number, segment, first_seen, announced, gone_since, here_since)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (number) DO UPDATE SET
               segment = excluded.segment, first_seen = excluded.first_seen, announced = excluded.announced,
               gone_since = excluded.gone_since, here_since = excluded.here_since
             RETURNING id",
            values![id, segment, first_seen, announced, gone_since, here_since],
        )?;
        self.run("INSERT OR REPLACE INTO host_presence (host, last_seen) VALUES (?, ?)", values![row, last_seen])?;
        self.run("DELETE FROM names WHERE host = ?", [row])?;
        for (place, name) in (0_i64..).zip(names) {
            self.run(
                "INSERT INTO names (host, place, name, source, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?)",
                values![row, place, name.name, name.source, name.first_seen, name.last_seen],
            )?;
        }
        self.run("DELETE FROM services WHERE host = ?", [row])?;
        for (place, service) in (0_i64..).zip(services) {
            self.run(
                "INSERT INTO services
                   (host, place, port, protocol, instance, source, closed, first_seen, last_seen)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values![
                    row,
                    place,
                    service.port,
                    Protocol(service.protocol),
                    service.instance,
                    service.source,
                    service.closed,
                    service.first_seen,
                    service.last_seen
                ],
            )?;
        }
        self.run("DELETE FROM dhcp_facts WHERE host = ?", [row])?;
        if let Some(facts) = dhcp {
            self.run(
                "INSERT INTO dhcp_facts (host, hostname, vendor_class, parameters, client_id, server, lease_until)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
                values![
                    row,
                    facts.hostname,
                    facts.vendor_class,
                    facts.parameters,
                    facts.client_id,
                    facts.server.map(|ip| Ip(ip.into())),
                    facts.lease_until
                ],
            )?;
        }
        self.run("DELETE FROM prints WHERE host = ?", [row])?;
        for print in prints {
            self.run(
                "INSERT INTO prints (host, evidence, value) VALUES (?, ?, ?)",
                values![row, print.evidence, print.value],
            )?;
        }
        self.run("DELETE FROM host_roles WHERE host = ?", [row])?;
        for (role, evidence) in roles {
            for evidence in evidence {
                self.run(
                    "INSERT INTO host_roles (host, role, evidence) VALUES (?, ?, ?)",
                    values![row, role, evidence],
                )?;
            }
        }
        Ok(())
    }

    fn station(&mut self, station: &Station) -> rusqlite::Result<()> {
        let Station { segment, mac, host, first_seen, last_seen, sources } = station;
        let segment = self.segment(*segment)?;
        let row = self.row(
            "INSERT INTO stations (segment, mac, host, first_seen, sources) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (segment, mac) DO UPDATE SET
               host = excluded.host, first_seen = excluded.first_seen, sources = excluded.sources
             RETURNING id",
            values![segment, mac, host, first_seen, Sources(*sources)],
        )?;
        self.run("INSERT OR REPLACE INTO station_presence (station, last_seen) VALUES (?, ?)", values![row, last_seen])
    }

    fn binding(&mut self, binding: &Binding) -> rusqlite::Result<()> {
        let Binding { segment, ip, holders } = binding;
        let segment = self.segment(*segment)?;
        let (present, past) = holders.split_first().expect("a binding's holders are never empty");
        let row = self.row(
            "INSERT INTO bindings (segment, ip, mac, first_seen, sources) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (segment, ip) DO UPDATE SET
               mac = excluded.mac, first_seen = excluded.first_seen, sources = excluded.sources
             RETURNING id",
            values![segment, Ip(*ip), present.mac, present.first_seen, Sources(present.sources)],
        )?;
        self.run(
            "INSERT OR REPLACE INTO binding_presence (binding, last_seen) VALUES (?, ?)",
            values![row, present.last_seen],
        )?;
        self.run("DELETE FROM past_holders WHERE binding = ?", [row])?;
        for (place, holder) in (0_i64..).zip(past) {
            self.run(
                "INSERT INTO past_holders (binding, place, mac, first_seen, last_seen, sources)
                 VALUES (?, ?, ?, ?, ?, ?)",
                values![row, place, holder.mac, holder.first_seen, holder.last_seen, Sources(holder.sources)],
            )?;
        }
        Ok(())
    }

    fn lease(&mut self, lease: &Lease) -> rusqlite::Result<()> {
        let Lease { segment, ip, mac, server, at, until } = lease;
        let segment = self.segment(*segment)?;
        let server = server.map(|ip| Ip(ip.into()));
        self.run(
            "INSERT OR REPLACE INTO leases (segment, ip, mac, server, at, until) VALUES (?, ?, ?, ?, ?, ?)",
            values![segment, Ip((*ip).into()), mac, server, at, until],
        )
    }

    fn role(&mut self, holder: &RoleHolder) -> rusqlite::Result<()> {
        let RoleHolder { segment, role, ip, mac, first_seen, last_seen, prefixes, router } = holder;
        let segment = self.segment(*segment)?;
        let row = self.row(
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
                Ip(*ip),
                mac,
                first_seen,
                last_seen,
                router.as_ref().map(|router| router.lifetime_s),
                router.as_ref().map(|router| router.managed),
                router.as_ref().map(|router| router.other),
                router.as_ref().map(|router| Ipv6s(router.rdnss.clone())),
                router.as_ref().map(|router| Lines(router.dnssl.clone()))
            ],
        )?;
        self.run("DELETE FROM prefixes WHERE role = ?", [row])?;
        for (place, prefix) in (0_i64..).zip(prefixes) {
            self.run(
                "INSERT INTO prefixes (role, place, ip, length) VALUES (?, ?, ?, ?)",
                values![row, place, Ip(prefix.addr()), prefix.prefix_len()],
            )?;
        }
        Ok(())
    }

    fn told(&mut self, told: &ReportedOddity) -> rusqlite::Result<()> {
        let ReportedOddity { segment, oddity, ip, mac, frame_mac, first_seen, last_seen } = told;
        let segment = self.segment(*segment)?;
        self.run(
            "INSERT OR REPLACE INTO told (segment, oddity, ip, mac, frame_mac, first_seen, last_seen)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            values![segment, oddity, Ip(*ip), mac, frame_mac, first_seen, last_seen],
        )
    }

    fn asked(&mut self, asked: &Asked) -> rusqlite::Result<()> {
        let Asked { segment, ip, host, first_seen, last_seen, sources, silent_at, .. } = asked;
        let snmp = asked.snmp.clone();
        let segment = self.segment(*segment)?;
        let row = self.row(
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
                Ip(*ip),
                host,
                first_seen,
                last_seen,
                Sources(*sources),
                silent_at,
                asked.rtt_us,
                asked.reverse_dns,
                Ports(asked.closed_ports.clone()),
                snmp.is_some(),
                snmp.as_ref().and_then(|snmp| snmp.name.as_ref()),
                snmp.as_ref().and_then(|snmp| snmp.description.as_ref()),
                snmp.as_ref().and_then(|snmp| snmp.object_id.as_ref())
            ],
        )?;
        self.run("DELETE FROM asked_names WHERE asked = ?", [row])?;
        for (place, name) in (0_i64..).zip(&asked.names) {
            self.run(
                "INSERT INTO asked_names (asked, place, name, source, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?)",
                values![row, place, name.name, name.source, name.first_seen, name.last_seen],
            )?;
        }
        self.run("DELETE FROM ports WHERE asked = ?", [row])?;
        for open in &asked.ports {
            let OpenPort { port, closed, misses, banner, first_seen, last_seen } = open;
            self.run(
                "INSERT INTO ports (asked, port, closed, misses, banner, first_seen, last_seen)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
                values![row, port, closed, misses, banner, first_seen, last_seen],
            )?;
        }
        Ok(())
    }

    fn neighbour(&mut self, neighbour: &Neighbour) -> rusqlite::Result<()> {
        let Neighbour { segment, id, source, unit, mac, chassis, port, name, port_description, .. } = neighbour;
        let segment = self.segment(*segment)?;
        self.run(
            "INSERT OR REPLACE INTO neighbours (segment, number, source, unit, mac, chassis, port, name,
               port_description, bridges, ttl_s, gone, first_seen, last_seen)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values![
                segment,
                id.cast_signed(),
                source,
                unit.map(u64::cast_signed),
                mac,
                chassis,
                port,
                name,
                port_description,
                neighbour.bridges,
                neighbour.ttl_s,
                neighbour.gone,
                neighbour.first_seen,
                neighbour.last_seen
            ],
        )
    }

    fn join(&mut self, join: &Join) -> rusqlite::Result<()> {
        let Join { segment, mac, host, apart, old_mac, evidence, at, told, here, turns, turned_at } = join;
        let segment = self.segment(*segment)?;
        self.run(
            "INSERT OR REPLACE INTO joins (segment, mac, host, apart, old_mac, evidence, at, told, here, turns, turned_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values![segment, mac, host, apart, old_mac, Kinships(evidence.clone()), at, told, here, turns, turned_at],
        )
    }

    fn presence(&mut self, presence: &Presence) -> rusqlite::Result<()> {
        match *presence {
            Presence::Binding(segment, ip, at) => {
                let segment = self.segment(segment)?;
                self.run(
                    "UPDATE binding_presence SET last_seen = ?
                     WHERE binding = (SELECT id FROM bindings WHERE segment = ? AND ip = ?)",
                    values![at, segment, Ip(ip)],
                )
            }
            Presence::Host(host, at) => self.run(
                "UPDATE host_presence SET last_seen = ? WHERE host = (SELECT id FROM hosts WHERE number = ?)",
                values![at, host],
            ),
            Presence::Station(segment, mac, at) => {
                let segment = self.segment(segment)?;
                self.run(
                    "UPDATE station_presence SET last_seen = ?
                     WHERE station = (SELECT id FROM stations WHERE segment = ? AND mac = ?)",
                    values![at, segment, mac],
                )
            }
        }
    }

    /// Replaces an event of the same id, so that saving a batch twice does no harm.
    fn event(&mut self, event: &StoredEvent) -> rusqlite::Result<()> {
        let StoredEvent { id, at, kind, severity, segment, host, record, cause, muted, count, last_at } = event;
        self.run(
            "INSERT OR REPLACE INTO events (id, at, kind, severity, segment, host, record, cause, muted, count, last_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values![
                event_id(*id),
                at,
                kind,
                severity,
                segment,
                host.map(HostId),
                record,
                cause,
                muted,
                event_id(*count),
                last_at
            ],
        )
    }

    /// An event that was pruned since is not repeated any more.
    fn fold(&mut self, fold: &Fold) -> rusqlite::Result<()> {
        self.run(
            "UPDATE events SET count = ?, last_at = ? WHERE id = ?",
            values![event_id(fold.count), fold.last_at, event_id(fold.id)],
        )
    }

    /// Moves the marks that outlive pruned events. They never go back.
    fn marks(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        if let Some(last) = batch.events.iter().map(|event| event_id(event.id)).max() {
            self.run("UPDATE meta SET last_event_id = max(last_event_id, ?)", [last])?;
        }
        if let Some(id) = batch.published_to {
            self.run("UPDATE meta SET published_to = max(published_to, ?)", [event_id(id)])?;
            // What every sink has taken, or a capture file told that is news to none of them.
            self.run("UPDATE sinks SET written_to = max(written_to, ?)", [event_id(id)])?;
        }
        for (name, id) in &batch.marks {
            self.run(
                "INSERT INTO sinks (name, written_to) VALUES (?, ?)
                 ON CONFLICT DO UPDATE SET written_to = max(written_to, excluded.written_to)",
                values![name, event_id(*id)],
            )?;
        }
        Ok(())
    }

    /// A segment's number, made when it is new.
    fn segment(&mut self, segment: Segment) -> rusqlite::Result<i64> {
        if let Some(&row) = self.segments.get(&segment) {
            return Ok(row);
        }
        let tunnel = segment.tunnel;
        let vlan = |place| segment.vlans.ids().get(place).copied().unwrap_or(0);
        let row = self.row(
            "INSERT INTO segments (iface, vlan_outer, vlan_inner, tunnel_kind, tunnel_id) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (iface, vlan_outer, vlan_inner, tunnel_kind, tunnel_id) DO UPDATE SET iface = excluded.iface
             RETURNING id",
            values![
                segment.iface.as_str(),
                vlan(0),
                vlan(1),
                tunnel.map_or(0, |t| t.kind as u8),
                tunnel.map_or(0, |t| t.id)
            ],
        )?;
        self.segments.insert(segment, row);
        Ok(row)
    }

    fn run(&self, sql: &str, values: impl Params) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute(values).map(drop)
    }

    fn row(&self, sql: &str, values: impl Params) -> rusqlite::Result<i64> {
        self.connection.prepare_cached(sql)?.query_row(values, |row| get(row, 0))
    }
}
