//! What a host says of itself: names, services, what it sends to DHCP servers. Only compares and stores.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::inventory::memory::table::RowChange;
use crate::inventory::model::evidence::Evidence;
use crate::inventory::model::host::{DhcpFacts, Host, HostId, HostRole, Name, Print, Service};
use crate::inventory::model::rows::Limits;
use crate::inventory::model::source::Source;
use crate::inventory::sighting::dhcp::DhcpClaim;
use crate::types::{Segment, Text, Timestamp};
use crate::wire::dhcpv6;

/// A host of which nothing is known but when it was seen.
pub(crate) fn empty_host(id: HostId, segment: Segment, first_seen: Timestamp, last_seen: Timestamp) -> Host {
    Host {
        id,
        segment,
        first_seen,
        last_seen,
        announced: false,
        here_since: first_seen,
        gone_since: None,
        names: Vec::new(),
        services: Vec::new(),
        dhcp: None,
        roles: BTreeMap::new(),
        prints: Vec::new(),
    }
}

/// The name in a DHCP client's message: option 12, else the first label of option 81; escaped.
pub(crate) fn dhcp_name(claim: &DhcpClaim) -> Option<String> {
    let name = claim.hostname.as_ref().map(Text::as_bytes).map(without_final_nuls).filter(|name| !name.is_empty());
    let label = || claim.fqdn.as_ref()?.as_bytes().split(|&b| b == b'.').map(without_final_nuls).next();
    let name = name.or_else(label)?;
    (!name.is_empty()).then(|| Text::new(name).escaped())
}

/// The name in a DHCPv6 client's message: the first label of option 39; escaped.
pub(crate) fn dhcpv6_name(message: &dhcpv6::Message) -> Option<String> {
    let label = message.fqdn.as_ref()?.as_bytes().split(|&b| b == b'.').next().map(without_final_nuls)?;
    (!label.is_empty()).then(|| Text::new(label).escaped())
}

/// The name in an mDNS record: without the final `.local`, escaped.
pub(crate) fn mdns_name(owner: &Text) -> Option<String> {
    let bytes = owner.as_bytes();
    let name = match bytes.len().checked_sub(LOCAL.len()) {
        Some(at) if bytes[at..].eq_ignore_ascii_case(LOCAL) => &bytes[..at],
        _ => bytes,
    };
    (!name.is_empty() && name != b".").then(|| Text::new(name).escaped())
}

const LOCAL: &[u8] = b".local";

/// What learning a name did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Renamed {
    /// The source never gave this name before; the last one that it gave was this.
    From(String),
    /// The source's first name, its present one again, or an earlier one that came back.
    No,
}

/// Puts `name` first among its source's names. `names_max` counts per source.
pub(crate) fn learn_name(
    names: &mut Vec<Name>,
    name: String,
    source: Source,
    at: Timestamp,
    names_max: usize,
) -> (RowChange, Renamed) {
    let of_source = |names: &[Name]| names.iter().position(|name| name.source == source);
    let front = of_source(names);
    let same = |known: &Name| known.source == source && known.name.eq_ignore_ascii_case(&name);
    if let Some(position) = names.iter().position(same) {
        let known = &mut names[position];
        known.first_seen = known.first_seen.min(at);
        known.last_seen = known.last_seen.max(at);
        if front == Some(position) {
            return (RowChange::Same, Renamed::No);
        }
        // Other sources' names keep their places: a capture file that is read again must leave the list as it was.
        let places: Vec<usize> = (0..=position).filter(|place| names[*place].source == source).collect();
        places.windows(2).rev().for_each(|pair| names.swap(pair[0], pair[1]));
        return (RowChange::Changed, Renamed::No);
    }
    let renamed = front.map_or(Renamed::No, |position| Renamed::From(names[position].name.clone()));
    names.insert(0, Name { name, source, first_seen: at, last_seen: at });
    let of_source = |name: &Name| name.source == source;
    if names.iter().filter(|name| of_source(name)).count() > names_max.max(1)
        && let Some(oldest) = names.iter().rposition(of_source)
    {
        names.remove(oldest);
    }
    (RowChange::Changed, renamed)
}

/// Whether one more name of `source` would push out another.
pub(crate) fn names_are_full(names: &[Name], source: Source, names_max: usize) -> bool {
    names.iter().filter(|name| name.source == source).count() >= names_max.max(1)
}

/// Takes in an SRV record that the host sent. One that points to another name than the host's own belongs to another host.
pub(crate) fn open_service(
    host: &mut Host,
    instance: &Text,
    target: &Text,
    port: u16,
    at: Timestamp,
    services_max: usize,
) -> RowChange {
    let Some(protocol) = protocol(instance) else { return RowChange::Same };
    // When a capture file is read again, names that were learned later must not change the result.
    let is_own = |name: &&Name| name.source == Source::Mdns && name.first_seen <= at;
    let mut own_names = host.names.iter().filter(is_own).peekable();
    if own_names.peek().is_some()
        && let Some(target) = mdns_name(target)
        && !own_names.any(|name| name.name.eq_ignore_ascii_case(&target))
    {
        return RowChange::Same;
    }
    let instance = instance.escaped();
    if let Some(service) = host.services.iter_mut().find(|service| service.instance == instance) {
        let changed = service.port != port || service.closed;
        service.port = port;
        service.closed = false;
        service.first_seen = service.first_seen.min(at);
        service.last_seen = service.last_seen.max(at);
        return RowChange::changed_if(changed);
    }
    let (first_seen, last_seen, source) = (at, at, Source::Mdns);
    add_service(host, Service { port, protocol, instance, source, closed: false, first_seen, last_seen }, services_max);
    RowChange::Changed
}

/// Takes in that a port answered somebody.
pub(crate) fn serve(
    host: &mut Host,
    protocol: &'static str,
    port: u16,
    source: Source,
    at: Timestamp,
    services_max: usize,
) -> RowChange {
    let is_it = |service: &&mut Service| {
        service.instance.is_empty() && (service.source, service.port, service.protocol) == (source, port, protocol)
    };
    if let Some(service) = host.services.iter_mut().find(is_it) {
        service.first_seen = service.first_seen.min(at);
        service.last_seen = service.last_seen.max(at);
        return RowChange::Same;
    }
    let (first_seen, last_seen, instance) = (at, at, String::new());
    add_service(host, Service { port, protocol, instance, source, closed: false, first_seen, last_seen }, services_max);
    RowChange::Changed
}

fn add_service(host: &mut Host, service: Service, services_max: usize) {
    if host.services.len() >= services_max.max(1) {
        let unseen_longest = (0..host.services.len()).min_by_key(|&i| (host.services[i].last_seen, i));
        host.services.remove(unseen_longest.expect("a full list is not empty"));
    }
    host.services.push(service);
}

/// Takes in the goodbye of an SRV record.
pub(crate) fn close_service(host: &mut Host, instance: &Text) -> RowChange {
    let instance = instance.escaped();
    let open = host.services.iter_mut().find(|service| service.instance == instance && !service.closed);
    RowChange::changed_if(open.map(|service| service.closed = true).is_some())
}

/// Takes in evidence that the host has a role. When the role has enough evidence already, nothing changes.
pub(crate) fn learn_role(host: &mut Host, role: HostRole, evidence: &str) -> RowChange {
    let known = host.roles.entry(role).or_default();
    let is_new = known.len() < EVIDENCE_MAX && known.insert(evidence.chars().take(EVIDENCE_LEN_MAX).collect());
    RowChange::changed_if(is_new)
}

/// Pieces of evidence that are kept for one role.
const EVIDENCE_MAX: usize = 8;
/// Characters that are kept of one piece of evidence.
const EVIDENCE_LEN_MAX: usize = 128;

/// Adds to `host` what is known of another host that turned out to be the same machine.
pub(crate) fn merge(host: &mut Host, other: Host, limits: &Limits) {
    host.first_seen = host.first_seen.min(other.first_seen);
    host.last_seen = host.last_seen.max(other.last_seen);
    host.announced |= other.announced;
    host.here_since = host.here_since.min(other.here_since);
    host.gone_since = host.gone_since.and(other.gone_since);
    for name in other.names {
        let is_it = |known: &&mut Name| known.source == name.source && known.name.eq_ignore_ascii_case(&name.name);
        if let Some(known) = host.names.iter_mut().find(is_it) {
            known.first_seen = known.first_seen.min(name.first_seen);
            known.last_seen = known.last_seen.max(name.last_seen);
        } else if !names_are_full(&host.names, name.source, limits.names_max) {
            host.names.push(name);
        }
    }
    for service in other.services {
        let is_it = |known: &&mut Service| {
            let what = |service: &Service| (service.port, service.protocol, service.source);
            known.instance == service.instance && (!known.instance.is_empty() || what(known) == what(&service))
        };
        if let Some(known) = host.services.iter_mut().find(is_it) {
            known.first_seen = known.first_seen.min(service.first_seen);
            known.last_seen = known.last_seen.max(service.last_seen);
        } else if host.services.len() < limits.services_max.max(1) {
            host.services.push(service);
        }
    }
    host.dhcp = host.dhcp.take().or(other.dhcp);
    for print in other.prints {
        learn_print(host, print.evidence, print.value, limits.prints_max);
    }
    for (role, evidence) in other.roles {
        for evidence in &evidence {
            learn_role(host, role, evidence);
        }
    }
}

/// Takes in what the host shows of its system. When there is no room for more of this sort, what is known stays.
pub(crate) fn learn_print(host: &mut Host, evidence: Evidence, value: String, prints_max: usize) -> RowChange {
    let print = Print { evidence, value };
    let of_sort = host.prints.iter().filter(|known| known.evidence == evidence).count();
    match host.prints.binary_search(&print) {
        Err(place) if of_sort < prints_max.max(1) && !print.value.is_empty() => {
            host.prints.insert(place, print);
            RowChange::Changed
        }
        _ => RowChange::Same,
    }
}

/// The model in an mDNS TXT record of `_device-info`, escaped.
pub(crate) fn model(owner: &Text, txt: &[Text]) -> Option<String> {
    let is_device_info = owner.as_bytes().windows(DEVICE_INFO.len()).any(|part| part.eq_ignore_ascii_case(DEVICE_INFO));
    let model = txt.iter().filter(|_| is_device_info).find_map(|text| text.as_bytes().strip_prefix(b"model="))?;
    Some(Text::new(model).escaped())
}

const DEVICE_INFO: &[u8] = b"._device-info._tcp";

/// Takes in a DHCP client's message: the last value of each option is kept.
pub(crate) fn learn_options(host: &mut Host, claim: &DhcpClaim) -> RowChange {
    let mut facts = host.dhcp.as_deref().cloned().unwrap_or_default();
    if let Some(name) = dhcp_name(claim) {
        facts.hostname = Some(name);
    }
    if let Some(class) = &claim.vendor_class {
        facts.vendor_class = Some(class.escaped());
    }
    if let Some(parameters) = &claim.parameters {
        facts.parameters.clone_from(parameters);
    }
    if let Some(id) = &claim.client_id {
        facts.client_id = id.as_bytes().to_vec();
    }
    keep(host, facts)
}

/// Takes in the end of the host's lease, and its server where that is known.
pub(crate) fn learn_lease(host: &mut Host, server: Option<Ipv4Addr>, until: Option<Timestamp>) -> RowChange {
    let facts = host.dhcp.as_deref().cloned().unwrap_or_default();
    keep(host, DhcpFacts { server: server.or(facts.server), lease_until: until, ..facts })
}

fn keep(host: &mut Host, facts: DhcpFacts) -> RowChange {
    let changed = host.dhcp.as_deref() != Some(&facts);
    host.dhcp = Some(Box::new(facts));
    RowChange::changed_if(changed)
}

/// The transport in a service's name (RFC 6763, section 7). The instance's own label may hold dots: search from the end.
fn protocol(instance: &Text) -> Option<&'static str> {
    instance.as_bytes().rsplit(|&b| b == b'.').find_map(|label| match label.to_ascii_lowercase().as_slice() {
        b"_tcp" => Some("tcp"),
        b"_udp" => Some("udp"),
        _ => None,
    })
}

/// Some clients send the NUL that ends a string; RFC 2132, section 2: trailing NULs are to be removed.
fn without_final_nuls(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}
