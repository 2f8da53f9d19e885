//! An event as one sentence for a person. Its parts are the record's, and so escaped already.

use serde_json::{Map, Value};

use crate::export::record::event::EventRecord;
use sensor_core::inventory::event::Kind;

/// The sentence of an event of this kind, from the other members of its record.
pub(super) fn message(kind: Kind, record: &EventRecord) -> String {
    let station = station(record.mac.as_deref(), record.vendor.as_deref());
    let old = self::station(record.old_mac.as_deref(), record.old_vendor.as_deref());
    let address = record.ip.map_or_else(|| "an unknown address".to_owned(), |ip| ip.to_string());
    // A host without an address has its MAC only.
    let newcomer = record.ip.map_or(String::new(), |ip| format!(" {ip}"));
    let named = record.hostname.as_deref().map_or(String::new(), |name| format!(" named {name}"));
    let who = record.hostname.as_deref().map_or_else(|| address.clone(), |name| format!("{address} ({name})"));
    let on = record.segment.as_deref().map_or(String::new(), |segment| format!(" on {segment}"));
    let facts = Facts(record.details.as_ref());
    let heard = facts.number("previous_age_s").map_or(String::new(), |s| format!(", last heard there {} ago", span(s)));
    match kind {
        Kind::Bogon => {
            let segment = record.segment.as_deref().unwrap_or("its segment");
            format!("{address} at {station} is foreign to {segment}")
        }
        Kind::ChangedMac => format!("{who} moved from {old}{heard}, to {station}{on}{}", because(record, &facts)),
        Kind::FlipFlop => format!("{who} flipped back from {old}{heard}, to {station}{on}"),
        Kind::Flood if record.reason.as_deref() == Some("dhcp-starvation") => {
            let clients = facts.number("clients").unwrap_or(0);
            let by = record.mac.as_ref().map_or(String::new(), |_| format!(", all by {station}{named}"));
            format!("DHCP servers are asked for addresses by {clients} clients within a minute{on}{by}")
        }
        Kind::Flood => {
            let class = facts.text("class").unwrap_or("some");
            format!("{station}{named} floods{on}: its {class} messages over the limit are held back")
        }
        Kind::HostBack => {
            let gone = facts.number("gone_s").map_or(String::new(), |s| format!(" after {}", span(s)));
            format!("{who} is back{on}{gone}")
        }
        Kind::HostGone => {
            let unheard = facts.number("unheard_s").map_or(String::new(), |s| format!(", unheard for {}", span(s)));
            let silent = facts.texts("unanswered");
            let silent = if silent.is_empty() { String::new() } else { format!(", no answer by {silent}") };
            format!("{who} is gone{on}{unheard}{silent}")
        }
        Kind::IpConflict => conflict(record, &facts, &address, [&old, &station]) + &on,
        Kind::MacMismatch => {
            let sender = facts.text("frame_mac").unwrap_or("another station");
            format!("{address} is claimed for {station} in a frame sent by {sender}{on}")
        }
        Kind::MacRotated => {
            let evidence = facts.texts("evidence");
            let evidence = if evidence.is_empty() { String::new() } else { format!(": same {evidence}") };
            format!("known host {who} is back with another MAC{on}: {station}, before {old}{evidence}")
        }
        Kind::NameChanged => {
            let host = if record.ip.is_some() { address } else { "a host".to_owned() };
            let new = facts.text("new_name").or(record.hostname.as_deref()).unwrap_or("differently");
            let old = facts.text("old_name").map_or(String::new(), |name| format!(", no longer {name}"));
            let by = facts.text("source").map_or(String::new(), |source| format!(", says {source}"));
            format!("{host} at {station} is now named {new}{old}{on}{by}")
        }
        Kind::NewAddress => format!("known host at {station}{named} has new address {address}{on}"),
        Kind::NewDhcpServer => format!("new DHCP server {address} at {station}{named}{on}"),
        Kind::NewHost if facts.number("again").is_some() => {
            format!("host{newcomer} at {station}{named}{on} is still here and is not known")
        }
        Kind::NewHost if record.mac.is_none() && record.ip.is_some() => format!("new host{newcomer}{named}{on}"),
        Kind::NewHost => format!("new host{newcomer} at {station}{named}{on}"),
        Kind::NewRouter => {
            let prefixes = facts.texts("prefixes");
            let advertised = if prefixes.is_empty() { String::new() } else { format!(", advertises {prefixes}") };
            format!("new router {address} at {station}{named}{on}{advertised}")
        }
        Kind::ReusedMac => format!("{who} returned from {old}{heard}, to {station}, which held it earlier{on}"),
        Kind::RogueDhcpServer => {
            let relay = facts.text("relay").map_or(String::new(), |relay| format!(", heard through {relay}"));
            format!("DHCP server {address} at {station}{named} is not allowed{on}{relay}")
        }
        Kind::RogueRouter => {
            let prefixes = facts.texts("prefixes");
            let advertised = if prefixes.is_empty() { String::new() } else { format!(", advertises {prefixes}") };
            let servers = facts.texts("name_servers");
            let what = match record.reason.as_deref() {
                Some("foreign-dns") => format!("announces name servers that nobody did before: {servers}"),
                Some("foreign-prefix") => "announces a foreign prefix".to_owned(),
                Some("spoofed") => format!("is not the one at {old}: it speaks in another router's name"),
                Some("zero-lifetime") => "says that it is no default router any more".to_owned(),
                _ => "is not allowed".to_owned(),
            };
            format!("router {address} at {station}{named} {what}{on}{advertised}")
        }
        Kind::ScanDetected => {
            let what = match (record.reason.as_deref(), facts.text("target")) {
                (Some("port-scan"), Some(target)) => format!("the ports of {target}"),
                (Some("port-scan"), None) => "many ports".to_owned(),
                _ => "the addresses of its network".to_owned(),
            };
            let who = record.ip.map_or(String::new(), |_| format!("{who} at "));
            format!("{who}{station} scans {what}{on}")
        }
        Kind::SensorBlind => {
            let port = facts.text("port").unwrap_or("a port");
            let cause = facts.text("cause").map_or(String::new(), |cause| format!(": {cause}"));
            let since = facts.text("since").map_or(String::new(), |since| format!(", since {since}"));
            format!("the sensor is blind on {port}{cause}{since}")
        }
        Kind::SensorLoss => format!("the sensor lost {} frames{on}: {}", facts.sum("lost_"), facts.parts("lost_")),
        Kind::SensorStarted => {
            let version = facts.text("version").map_or(String::new(), |version| format!(" {version}"));
            let ports = facts.texts("ports");
            let ports = if ports.is_empty() { String::new() } else { format!(", listening on {ports}") };
            format!("the sensor{version} started{ports}")
        }
        Kind::SensorStopped => {
            format!("the sensor stopped; frames: {} seen, {} lost", facts.sum("seen_"), facts.sum("lost_"))
        }
        Kind::ServiceClosed => format!("{} of {who} is closed now{on}", port(&facts)),
        Kind::ServiceOpened => {
            let banner = facts.text("banner").map_or(String::new(), |banner| format!(", greets with {banner}"));
            format!("{} of {who} is open now{on}{banner}", port(&facts))
        }
    }
}

fn station(mac: Option<&str>, vendor: Option<&str>) -> String {
    match (mac, vendor) {
        (Some(mac), Some(vendor)) => format!("{mac} ({vendor})"),
        (Some(mac), None) => mac.to_owned(),
        (None, _) => "an unknown station".to_owned(),
    }
}

fn port(facts: &Facts<'_>) -> String {
    facts.number("port").map_or_else(|| "a port".to_owned(), |port| format!("TCP port {port}"))
}

fn conflict(record: &EventRecord, facts: &Facts<'_>, address: &str, [old, new]: [&str; 2]) -> String {
    let server = facts.text("dhcp_server").map_or("a DHCP server".to_owned(), |server| format!("DHCP server {server}"));
    let has = if record.old_mac.is_some() { format!("{old} has it") } else { "somebody has it".to_owned() };
    match record.reason.as_deref() {
        Some("declined") => format!("{address} was declined by {new}, to which {server} gave it: {has}"),
        Some("defended") => format!("{address} is wanted by {new}, and {old} answers that it has it"),
        Some("leased") => format!("{address} was given to {new} by {server} while {old} uses it"),
        _ => {
            let name = record.hostname.as_deref().map_or(String::new(), |name| format!(" ({name})"));
            format!("{address}{name} is claimed by two stations: {old} and {new}")
        }
    }
}

fn because(record: &EventRecord, facts: &Facts<'_>) -> String {
    match (record.reason.as_deref(), facts.text("dhcp_server")) {
        (Some("dhcp"), Some(server)) => format!(": DHCP server {server} gave it away"),
        (Some("dhcp"), None) => ": a DHCP server gave it away".to_owned(),
        (Some("conflict"), _) => ": both answer for it".to_owned(),
        (Some("failover"), _) => ": stations of one machine, or of one virtual router, take turns".to_owned(),
        (Some("proxy-arp"), _) => ": the new one answers for many addresses".to_owned(),
        (Some("replaced"), _) => ": only the new one answers for it".to_owned(),
        (Some("spoof-suspected"), _) => ": only the old one answers for it, so the new one is not believed".to_owned(),
        _ => String::new(),
    }
}

/// Seconds in the largest unit that they fill twice.
fn span(s: u64) -> String {
    match s {
        0..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} days", s / 86_400),
    }
}

/// The details, where there are any.
struct Facts<'a>(Option<&'a Map<String, Value>>);

impl<'a> Facts<'a> {
    fn number(&self, key: &str) -> Option<u64> {
        self.0?.get(key)?.as_u64()
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.0?.get(key)?.as_str()
    }

    /// Joined by commas; empty when there are none.
    fn texts(&self, key: &str) -> String {
        let texts = self.0.and_then(|details| details.get(key)).and_then(Value::as_array);
        texts.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The numbers whose names begin so, by the rest of the name.
    fn numbers(&self, prefix: &str) -> impl Iterator<Item = (&'a str, u64)> {
        let details = self.0.into_iter().flatten();
        details.filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value.as_u64()?)))
    }

    fn sum(&self, prefix: &str) -> u64 {
        self.numbers(prefix).fold(0, |sum, (_, number)| sum.saturating_add(number))
    }

    fn parts(&self, prefix: &str) -> String {
        self.numbers(prefix).map(|(name, number)| format!("{number} {name}")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    /// The sentence about 10.0.0.5, with these details, and again about nothing at all.
    #[track_caller]
    fn check(kind: Kind, details: Value, full: &str, bare: &str) {
        let record = EventRecord {
            segment: Some("eth1.30".to_owned()),
            ip: Some([10, 0, 0, 5].into()),
            mac: Some("aa:00:00:00:00:01".to_owned()),
            old_mac: Some("00:00:5e:00:53:02".to_owned()),
            old_vendor: Some("IANA".to_owned()),
            hostname: Some("nas".to_owned()),
            reason: Some("dhcp".to_owned()),
            details: details.as_object().cloned(),
            ..EventRecord::default()
        };
        assert_eq!(message(kind, &record), full);
        assert_eq!(message(kind, &EventRecord::default()), bare);
    }

    #[test]
    fn bogon() {
        check(
            Kind::Bogon,
            json!({}),
            "10.0.0.5 at aa:00:00:00:00:01 is foreign to eth1.30",
            "an unknown address at an unknown station is foreign to its segment",
        );
    }

    #[test]
    fn changed_mac() {
        check(
            Kind::ChangedMac,
            json!({"previous_age_s": 90, "dhcp_server": "10.0.0.1"}),
            "10.0.0.5 (nas) moved from 00:00:5e:00:53:02 (IANA), last heard there 90 s ago, to aa:00:00:00:00:01 \
             on eth1.30: DHCP server 10.0.0.1 gave it away",
            "an unknown address moved from an unknown station, to an unknown station",
        );
    }

    #[test]
    fn changed_mac_without_a_server() {
        check(
            Kind::ChangedMac,
            json!({}),
            "10.0.0.5 (nas) moved from 00:00:5e:00:53:02 (IANA), to aa:00:00:00:00:01 on eth1.30: a DHCP server gave \
             it away",
            "an unknown address moved from an unknown station, to an unknown station",
        );
    }

    #[test]
    fn flip_flop() {
        check(
            Kind::FlipFlop,
            json!({"previous_age_s": 300}),
            "10.0.0.5 (nas) flipped back from 00:00:5e:00:53:02 (IANA), last heard there 5 min ago, to \
             aa:00:00:00:00:01 on eth1.30",
            "an unknown address flipped back from an unknown station, to an unknown station",
        );
    }

    #[test]
    fn flood() {
        check(
            Kind::Flood,
            json!({"class": "mdns"}),
            "aa:00:00:00:00:01 named nas floods on eth1.30: its mdns messages over the limit are held back",
            "an unknown station floods: its some messages over the limit are held back",
        );
    }

    #[test]
    fn host_back() {
        check(
            Kind::HostBack,
            json!({"gone_s": 7_200}),
            "10.0.0.5 (nas) is back on eth1.30 after 2 h",
            "an unknown address is back",
        );
    }

    #[test]
    fn host_gone() {
        check(
            Kind::HostGone,
            json!({"unanswered": ["arp", "icmp"], "unheard_s": 3_600}),
            "10.0.0.5 (nas) is gone on eth1.30, unheard for 60 min, no answer by arp, icmp",
            "an unknown address is gone",
        );
    }

    #[test]
    fn ip_conflict() {
        check(
            Kind::IpConflict,
            json!({}),
            "10.0.0.5 (nas) is claimed by two stations: 00:00:5e:00:53:02 (IANA) and aa:00:00:00:00:01 on eth1.30",
            "an unknown address is claimed by two stations: an unknown station and an unknown station",
        );
    }

    #[test]
    fn sensor_blind() {
        check(
            Kind::SensorBlind,
            json!({"port": "eth1", "cause": "removed", "since": "2026-11-21T08:00:00Z", "deaf_s": 60}),
            "the sensor is blind on eth1: removed, since 2026-11-21T08:00:00Z",
            "the sensor is blind on a port",
        );
    }

    #[test]
    fn services() {
        check(
            Kind::ServiceOpened,
            json!({"port": 22, "banner": "SSH-2.0-x"}),
            "TCP port 22 of 10.0.0.5 (nas) is open now on eth1.30, greets with SSH-2.0-x",
            "a port of an unknown address is open now",
        );
        check(
            Kind::ServiceClosed,
            json!({"port": 22}),
            "TCP port 22 of 10.0.0.5 (nas) is closed now on eth1.30",
            "a port of an unknown address is closed now",
        );
    }

    #[test]
    fn mac_mismatch() {
        check(
            Kind::MacMismatch,
            json!({"frame_mac": "aa:00:00:00:00:09"}),
            "10.0.0.5 is claimed for aa:00:00:00:00:01 in a frame sent by aa:00:00:00:00:09 on eth1.30",
            "an unknown address is claimed for an unknown station in a frame sent by another station",
        );
    }

    #[test]
    fn name_changed() {
        check(
            Kind::NameChanged,
            json!({"new_name": "nas", "old_name": "disk", "source": "mdns"}),
            "10.0.0.5 at aa:00:00:00:00:01 is now named nas, no longer disk on eth1.30, says mdns",
            "a host at an unknown station is now named differently",
        );
    }

    #[test]
    fn new_address() {
        check(
            Kind::NewAddress,
            json!({}),
            "known host at aa:00:00:00:00:01 named nas has new address 10.0.0.5 on eth1.30",
            "known host at an unknown station has new address an unknown address",
        );
    }

    #[test]
    fn new_dhcp_server() {
        check(
            Kind::NewDhcpServer,
            json!({}),
            "new DHCP server 10.0.0.5 at aa:00:00:00:00:01 named nas on eth1.30",
            "new DHCP server an unknown address at an unknown station",
        );
    }

    #[test]
    fn new_host() {
        check(
            Kind::NewHost,
            json!({"again": 2}),
            "host 10.0.0.5 at aa:00:00:00:00:01 named nas on eth1.30 is still here and is not known",
            "new host at an unknown station",
        );
        check(
            Kind::NewHost,
            json!({}),
            "new host 10.0.0.5 at aa:00:00:00:00:01 named nas on eth1.30",
            "new host at an unknown station",
        );
    }

    #[test]
    fn new_router() {
        check(
            Kind::NewRouter,
            json!({"lifetime_s": 1800, "prefixes": ["2001:db8::/64", "fd00::/64"]}),
            "new router 10.0.0.5 at aa:00:00:00:00:01 named nas on eth1.30, advertises 2001:db8::/64, fd00::/64",
            "new router an unknown address at an unknown station",
        );
    }

    #[test]
    fn reused_mac() {
        check(
            Kind::ReusedMac,
            json!({"previous_age_s": 172_800}),
            "10.0.0.5 (nas) returned from 00:00:5e:00:53:02 (IANA), last heard there 2 days ago, to \
             aa:00:00:00:00:01, which held it earlier on eth1.30",
            "an unknown address returned from an unknown station, to an unknown station, which held it earlier",
        );
    }

    #[test]
    fn rogues() {
        check(
            Kind::RogueDhcpServer,
            json!({}),
            "DHCP server 10.0.0.5 at aa:00:00:00:00:01 named nas is not allowed on eth1.30",
            "DHCP server an unknown address at an unknown station is not allowed",
        );
        check(
            Kind::RogueRouter,
            json!({"prefixes": ["fd00::/64"]}),
            "router 10.0.0.5 at aa:00:00:00:00:01 named nas is not allowed on eth1.30, advertises fd00::/64",
            "router an unknown address at an unknown station is not allowed",
        );
    }

    #[test]
    fn sensor_loss() {
        check(
            Kind::SensorLoss,
            json!({"lost_arp": 2, "lost_dhcp": 1}),
            "the sensor lost 3 frames on eth1.30: 2 arp, 1 dhcp",
            "the sensor lost 0 frames: ",
        );
    }

    #[test]
    fn sensor_started() {
        check(
            Kind::SensorStarted,
            json!({"version": "0.1.0", "ports": ["eth1 (mirror, driver)", "eth0 (host, packet)"]}),
            "the sensor 0.1.0 started, listening on eth1 (mirror, driver), eth0 (host, packet)",
            "the sensor started",
        );
    }

    #[test]
    fn sensor_stopped() {
        check(
            Kind::SensorStopped,
            json!({"seen_arp": 10, "seen_dhcp": 5, "passed_arp": 3, "lost_arp": 1}),
            "the sensor stopped; frames: 15 seen, 1 lost",
            "the sensor stopped; frames: 0 seen, 0 lost",
        );
    }

    #[test]
    fn spans() {
        let spans = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(span);
        assert_eq!(spans, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]);
    }
}
