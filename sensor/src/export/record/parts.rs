//! The written forms of a record's parts.

use std::collections::BTreeMap;

use crate::export::escape::escape;
use crate::export::hashed::HashMap;
use crate::export::record::address::{
    AddressRecord, DhcpRecord, GuessRecord, NameRecord, RoleRecord, RouterRecord, ServiceRecord, SnmpRecord,
    SwitchRecord,
};
use crate::export::record::text::{filled, hostname, rfc3339, source_names};
use sensor_core::inventory::fingerprint::guess::Conclusion;
use sensor_core::inventory::model::address::{Asked, Binding, OpenPort, SnmpFacts};
use sensor_core::inventory::model::host::{DhcpFacts, Host, Name};
use sensor_core::inventory::model::role::{Neighbour, Role, RoleHolder};
use sensor_core::inventory::model::source::Source;
use sensor_core::types::{Mac, Segment, Timestamp, hex};

/// Adds what probes found out about the address. `heard`: when a frame last showed that its holder has it.
pub(super) fn add_asked(record: &mut AddressRecord, asked: &Asked, host: Option<&Host>, heard: Option<Timestamp>) {
    let answered = (!asked.sources.is_empty()).then_some(asked.last_seen);
    let is_silent = asked.silent_at.is_some_and(|silent| heard.max(answered).is_none_or(|last| silent >= last));
    record.alive = if is_silent { Some(false) } else { record.alive.or(answered.map(|_| true)) };
    record.rtt_ms = asked.rtt_us.filter(|_| !is_silent).map(|us| f64::from(us) / 1000.0);
    record.reverse_dns = asked.reverse_dns.as_deref().map(|name| escape(name).into_owned());
    let open = || asked.ports.iter().filter(|port| !port.closed);
    record.ports = filled(open().map(|open| open.port).collect());
    let banners = open().filter_map(|open| Some((open.port, escape(open.banner.as_deref()?).into_owned())));
    record.banners = Some(banners.collect()).filter(|map: &BTreeMap<_, _>| !map.is_empty());
    record.snmp = asked.snmp.as_deref().map(snmp).map(Box::new);
    let names = host.into_iter().flat_map(|host| &host.names).chain(&asked.names);
    record.hostname = hostname(names.clone());
    let mut written: Vec<NameRecord> = Vec::new();
    for name in names.map(name) {
        if !written.contains(&name) {
            written.push(name);
        }
    }
    record.names = filled(written);
    let mut services = record.services.take().unwrap_or_default();
    services.extend(asked.ports.iter().map(port));
    record.services = filled(services);
    let asked_by = asked.sources.iter().chain(asked.reverse_dns.is_some().then_some(Source::Ptr));
    record.sources.extend(source_names(asked_by));
    record.sources.sort();
    record.sources.dedup();
}

pub(super) fn guess_record(verdict: &Conclusion) -> GuessRecord {
    GuessRecord {
        name: escape(&verdict.name).into_owned(),
        confidence: verdict.confidence,
        evidence: verdict.evidence.iter().map(|text| escape(text).into_owned()).collect(),
    }
}

pub(super) fn roles(host: &Host) -> Option<Vec<RoleRecord>> {
    let written = host.roles.iter().map(|(role, evidence)| RoleRecord {
        role: role.name().to_owned(),
        evidence: evidence.iter().map(|text| escape(text).into_owned()).collect(),
    });
    filled(written.collect())
}

/// The switch port that each segment is attached to, where exactly one is heard. A port that sends LLDP and CDP is one
/// port.
pub(super) fn switches<'a>(neighbours: &[&'a Neighbour]) -> HashMap<Segment, &'a Neighbour> {
    let mut heard: HashMap<Segment, Vec<&Neighbour>> = HashMap::default();
    for neighbour in neighbours.iter().copied().filter(|n| n.bridges && !n.gone && n.source != Source::Stp) {
        heard.entry(neighbour.segment).or_default().push(neighbour);
    }
    heard.retain(|_, ports| {
        let one_of_each = [Source::Lldp, Source::Cdp].map(|source| ports.iter().filter(|n| n.source == source).count());
        one_of_each.iter().all(|count| *count <= 1) && ports.iter().all(|port| port.mac == ports[0].mac)
    });
    // LLDP says more of the port than CDP.
    let best = heard.into_iter().map(|(segment, ports)| {
        let port = ports.into_iter().max_by_key(|port| port.source == Source::Lldp)?;
        Some((segment, port))
    });
    best.flatten().collect()
}

pub(super) fn switch(port: &Neighbour) -> SwitchRecord {
    let text = |text: &str| escape(text).into_owned();
    SwitchRecord {
        name: port.name.as_deref().map(text),
        chassis: text(&port.chassis),
        port: text(&port.port),
        port_description: port.port_description.as_deref().map(text),
        source: port.source.name().to_owned(),
    }
}

pub(super) fn snmp(facts: &SnmpFacts) -> SnmpRecord {
    let text = |text: &Option<String>| text.as_deref().map(|text| escape(text).into_owned());
    SnmpRecord {
        sys_name: text(&facts.name),
        sys_descr: text(&facts.description),
        sys_object_id: text(&facts.object_id),
    }
}

pub(super) fn port(open: &OpenPort) -> ServiceRecord {
    ServiceRecord {
        port: open.port,
        protocol: "tcp".to_owned(),
        state: if open.closed { "closed" } else { "open" }.to_owned(),
        source: Source::Tcp.name().to_owned(),
        banner: open.banner.as_deref().map(|banner| escape(banner).into_owned()),
        first_seen: rfc3339(open.first_seen),
        last_seen: rfc3339(open.last_seen),
    }
}

/// The routers by station; of several addresses of a station, the one that was heard last.
pub(super) fn routers<'a>(roles: &[&'a RoleHolder]) -> HashMap<(Segment, Mac), &'a RoleHolder> {
    let mut routers: HashMap<(Segment, Mac), &RoleHolder> = HashMap::default();
    for holder in roles.iter().copied().filter(|holder| holder.role == Role::Router) {
        let known = routers.entry((holder.segment, holder.mac)).or_insert(holder);
        if (holder.last_seen, holder.ip) > (known.last_seen, known.ip) {
            *known = holder;
        }
    }
    routers
}

pub(super) fn router(holder: &RoleHolder) -> RouterRecord {
    let facts = holder.router.as_ref();
    let domains = |domains: &Vec<String>| domains.iter().map(|domain| escape(domain).into_owned()).collect();
    RouterRecord {
        lifetime_s: facts.map(|facts| facts.lifetime_s),
        managed: facts.map(|facts| facts.managed),
        other: facts.map(|facts| facts.other),
        prefixes: filled(holder.prefixes.iter().map(ToString::to_string).collect()),
        rdnss: facts.and_then(|facts| filled(facts.rdnss.clone())),
        dnssl: facts.and_then(|facts| filled(domains(&facts.dnssl))),
    }
}

pub(super) fn previous(binding: &Binding, present: Mac) -> Option<Vec<String>> {
    let others = binding.holders.iter().skip(1).filter(|holder| holder.mac != present);
    filled(others.map(|holder| holder.mac.to_string()).collect())
}

pub(super) fn name(name: &Name) -> NameRecord {
    NameRecord { name: escape(&name.name).into_owned(), source: name.source.name().to_owned() }
}

pub(super) fn services(host: &Host) -> Option<Vec<ServiceRecord>> {
    let written = host.services.iter().map(|service| ServiceRecord {
        port: service.port,
        protocol: service.protocol.to_owned(),
        state: if service.closed { "closed" } else { "open" }.to_owned(),
        source: service.source.name().to_owned(),
        banner: Some(escape(&service.instance).into_owned()).filter(|banner| !banner.is_empty()),
        first_seen: rfc3339(service.first_seen),
        last_seen: rfc3339(service.last_seen),
    });
    filled(written.collect())
}

pub(super) fn dhcp(facts: &DhcpFacts) -> DhcpRecord {
    DhcpRecord {
        hostname: facts.hostname.as_deref().map(|name| escape(name).into_owned()),
        vendor_class: facts.vendor_class.as_deref().map(|class| escape(class).into_owned()),
        parameters: filled(facts.parameters.clone()),
        client_id: Some(hex(&facts.client_id)).filter(|id| !id.is_empty()),
        server: facts.server,
        lease_until: facts.lease_until.map(rfc3339),
    }
}
