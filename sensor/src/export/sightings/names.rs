//! Names and announcements: NetBIOS, SSDP, WS-Discovery, DHCPv6; and what a router advertises of its network.

use serde_json::{Map, Value};

use crate::export::sightings::fields::{put, put_some, text};
use sensor_core::inventory::sighting::dhcpv6::Dhcpv6Claim;
use sensor_core::inventory::sighting::nbns::NbnsClaim;
use sensor_core::inventory::sighting::ndp::RouterAdvert;
use sensor_core::inventory::sighting::wsd::WsdClaim;
use sensor_core::types::{Text, hex};
use sensor_core::wire::ndp::Preference;
use sensor_core::wire::{nbns as netbios, ssdp as discovery, wsd as targets};

/// `lifetime` and `prefixes` always; the rest where the advertisement has it.
pub(super) fn router(line: &mut Map<String, Value>, advert: &RouterAdvert) {
    put(line, "lifetime", advert.lifetime_s);
    let prefixes: Value =
        advert.prefixes.iter().map(|prefix| format!("{}/{}", prefix.address, prefix.length)).collect();
    put(line, "prefixes", prefixes);
    put_some(line, "hop_limit", (advert.hop_limit > 0).then_some(advert.hop_limit));
    put_some(line, "managed", advert.managed.then_some(true));
    put_some(line, "other", advert.other.then_some(true));
    let preference = match advert.preference {
        Preference::High => Some("high"),
        Preference::Low => Some("low"),
        Preference::Medium => None,
    };
    put_some(line, "preference", preference);
    put_some(line, "mtu", advert.mtu);
    put_some(line, "routes", list(advert.routes.iter().map(|route| format!("{}/{}", route.address, route.length))));
    put_some(line, "rdnss", list(advert.rdnss.iter().map(ToString::to_string)));
    put_some(line, "dnssl", list(advert.dnssl.iter().map(text)));
}

pub(super) fn dhcpv6(line: &mut Map<String, Value>, claim: &Dhcpv6Claim) {
    let message = &claim.message;
    put(line, "type", dhcpv6_type(message.kind));
    let raw = |bytes: &Option<Text>| bytes.as_ref().map(|bytes| hex(bytes.as_bytes()));
    put_some(line, "client_duid", raw(&message.client_duid));
    put_some(line, "server_duid", raw(&message.server_duid));
    put_some(line, "fqdn", message.fqdn.as_ref().map(text));
    put_some(line, "vendor_class", raw(&message.vendor_class));
    put_some(line, "addresses", list(message.addresses.iter().map(|address| address.ip.to_string())));
    put_some(line, "prefixes", list(message.prefixes.iter().map(|prefix| format!("{}/{}", prefix.ip, prefix.length))));
    put_some(line, "relay", message.relay.map(|_| true));
}

/// RFC 8415, section 7.3.
fn dhcpv6_type(kind: u8) -> Value {
    const TYPES: [&str; 11] = [
        "solicit",
        "advertise",
        "request",
        "confirm",
        "renew",
        "rebind",
        "reply",
        "release",
        "decline",
        "reconfigure",
        "information-request",
    ];
    usize::from(kind).checked_sub(1).and_then(|at| TYPES.get(at)).map_or(kind.into(), |name| (*name).into())
}

pub(super) fn nbns(line: &mut Map<String, Value>, claim: &NbnsClaim) {
    let mut record = |record: &str, name: &netbios::Name| {
        put(line, "record", record);
        put(line, "name", text(&name.name));
        put(line, "suffix", hex(&[name.suffix]));
    };
    match claim {
        NbnsClaim::Address { name, group, addr, .. } => {
            record("address", name);
            put(line, "group", *group);
            put(line, "addr", addr.to_string());
        }
        NbnsClaim::Goodbye { name, group, addr } => {
            record("goodbye", name);
            put(line, "group", *group);
            put(line, "addr", addr.to_string());
        }
        NbnsClaim::Query { name } => record("query", name),
        NbnsClaim::Status { name, group, .. } => {
            record("status", name);
            put(line, "group", *group);
        }
    }
}

pub(super) fn ssdp(line: &mut Map<String, Value>, message: &discovery::Message) {
    let kind = match message.kind {
        discovery::MessageKind::Notify => "notify",
        discovery::MessageKind::Response => "response",
        discovery::MessageKind::Search => "m-search",
    };
    put(line, "kind", kind);
    let fields = [
        ("server", &message.server),
        ("location", &message.location),
        ("usn", &message.usn),
        ("nt", &message.nt),
        ("nts", &message.nts),
        ("st", &message.st),
        ("user_agent", &message.user_agent),
    ];
    for (key, value) in fields {
        put_some(line, key, value.as_ref().map(text));
    }
}

pub(super) fn wsd(line: &mut Map<String, Value>, claim: &WsdClaim) {
    let kind = match claim.kind {
        targets::MessageKind::Bye => "bye",
        targets::MessageKind::Hello => "hello",
        targets::MessageKind::Probe => "probe",
        targets::MessageKind::ProbeMatches => "probe-matches",
        targets::MessageKind::Resolve => "resolve",
        targets::MessageKind::ResolveMatches => "resolve-matches",
    };
    put(line, "kind", kind);
    let targets::Target { endpoint, types, scopes, xaddrs } = &claim.target;
    for (key, words) in [("types", types), ("scopes", scopes), ("xaddrs", xaddrs)] {
        put_some(line, key, list(words.iter().map(text)));
    }
    put_some(line, "endpoint", endpoint.as_ref().map(text));
}

/// The list, where it is not empty.
fn list(values: impl Iterator<Item = impl Into<Value>>) -> Option<Value> {
    let values: Vec<Value> = values.map(Into::into).collect();
    (!values.is_empty()).then_some(Value::Array(values))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::export::hostile;
    use sensor_core::inventory::sighting::heard::Heard;
    use sensor_core::inventory::sighting::mdns::MdnsClaim;
    use sensor_core::inventory::sighting::ndp::NdpClaim;
    use sensor_core::inventory::sighting::{Claim, Sighting};
    use sensor_core::types::{Iface, Mac, Segment, Timestamp};
    use sensor_core::wire::{dhcpv6 as six, ndp};

    const HEAD: &str = r#"{"at":"1970-01-01T00:00:01.000000Z","segment":"eth1","iface":"eth1","vlan":[],"source":"#;

    fn line(claim: Claim) -> String {
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let segment = Segment::untagged(Iface::new("eth1").unwrap());
        crate::export::sightings::line::sighting_line(&Sighting {
            at: Timestamp::from_secs(1),
            segment,
            frame_mac: mac,
            mac,
            ip: None,
            claim,
        })
    }

    #[track_caller]
    fn check(claim: Claim, source: &str, expected: &str) {
        assert_eq!(line(claim), format!(r#"{HEAD}"{source}","mac":"02:00:00:00:00:01",{expected}}}"#));
    }

    fn heard<T>(said: T) -> Box<Heard<T>> {
        Box::new(Heard { said, is_near: true, port: 0 })
    }

    fn name(word: &[u8]) -> netbios::Name {
        netbios::Name { name: Text::new(word), suffix: 0x1b }
    }

    fn dhcpv6_claim(message: six::Message) -> Claim {
        Claim::Dhcpv6(Box::new(Dhcpv6Claim { message, from_server: false, client: None, is_near: true }))
    }

    #[test]
    fn dhcpv6_with_everything() {
        let address = six::Address { ip: "2001:db8::5".parse().unwrap(), preferred_s: 1, valid_s: 2 };
        let prefix = six::Delegated { ip: "2001:db8:5::".parse().unwrap(), length: 48, preferred_s: 1, valid_s: 2 };
        let relay = six::Relay { is_reply: true, link: address.ip, peer: address.ip };
        let message = six::Message {
            kind: 7,
            relay: Some(relay),
            client_duid: Some(Text::new(&[0, 3])),
            server_duid: Some(Text::new(&[0, 1])),
            fqdn: Some(Text::new(b"pc.lan")),
            vendor_class: Some(Text::new(&[0, 0, 1, 0x37])),
            addresses: vec![address],
            prefixes: vec![prefix],
            ..six::Message::default()
        };
        check(
            dhcpv6_claim(message),
            "dhcpv6",
            r#""type":"reply","client_duid":"0003","server_duid":"0001","fqdn":"pc.lan","vendor_class":"00000137","addresses":["2001:db8::5"],"prefixes":["2001:db8:5::/48"],"relay":true"#,
        );
        let of_kind = |kind| dhcpv6_claim(six::Message { kind, ..six::Message::default() });
        check(of_kind(1), "dhcpv6", r#""type":"solicit""#);
        check(of_kind(11), "dhcpv6", r#""type":"information-request""#);
        check(of_kind(0), "dhcpv6", r#""type":0"#);
        check(of_kind(36), "dhcpv6", r#""type":36"#);
    }

    #[test]
    fn netbios_records() {
        let (addr, group) = ([10, 0, 0, 5].into(), true);
        let claim = |said| Claim::Nbns(heard(said));
        let with_address = r#""name":"LAB","suffix":"1b","group":true,"addr":"10.0.0.5""#;
        check(
            claim(NbnsClaim::Address { name: name(b"LAB"), group, addr, is_answer: false }),
            "nbns",
            &format!(r#""record":"address",{with_address}"#),
        );
        check(
            claim(NbnsClaim::Goodbye { name: name(b"LAB"), group, addr }),
            "nbns",
            &format!(r#""record":"goodbye",{with_address}"#),
        );
        check(claim(NbnsClaim::Query { name: name(b"LAB") }), "nbns", r#""record":"query","name":"LAB","suffix":"1b""#);
        check(
            claim(NbnsClaim::Status { name: name(b"\x01"), group: false, active: true }),
            "nbns",
            r#""record":"status","name":{"hex":"01"},"suffix":"1b","group":false"#,
        );
    }

    #[test]
    fn llmnr_has_mdns_words() {
        let said = MdnsClaim::Address { name: Text::new(b"pc"), addr: [10, 0, 0, 5].into() };
        check(Claim::Llmnr(heard(said)), "llmnr", r#""record":"address","name":"pc","addr":"10.0.0.5""#);
    }

    #[test]
    fn ssdp_headers() {
        let head = "NOTIFY * HTTP/1.1\r\nSERVER: s\r\nLOCATION: l\r\nUSN: u\r\nNT: n\r\nNTS: a\r\nST: t\r\nUSER-AGENT: b\r\n\r\n";
        let message = discovery::parse(head.as_bytes()).unwrap().unwrap();
        check(
            Claim::Ssdp(heard(message)),
            "ssdp",
            r#""kind":"notify","server":"s","location":"l","usn":"u","nt":"n","nts":"a","st":"t","user_agent":"b""#,
        );
        let search = discovery::parse(b"M-SEARCH * HTTP/1.1\r\n\r\n").unwrap().unwrap();
        check(Claim::Ssdp(heard(search)), "ssdp", r#""kind":"m-search""#);
    }

    #[test]
    fn wsd_targets() {
        let list = |word: &[u8]| vec![Text::new(word)];
        let target = targets::Target {
            endpoint: Some(Text::new(b"urn:uuid:1")),
            types: list(b"pub:Computer"),
            scopes: list(b"s"),
            xaddrs: list(b"http://10.0.0.5/"),
        };
        check(
            Claim::Wsd(heard(WsdClaim { kind: targets::MessageKind::ProbeMatches, target })),
            "wsd",
            r#""kind":"probe-matches","types":["pub:Computer"],"scopes":["s"],"xaddrs":["http://10.0.0.5/"],"endpoint":"urn:uuid:1""#,
        );
        let probe = WsdClaim { kind: targets::MessageKind::Probe, target: targets::Target::default() };
        check(Claim::Wsd(heard(probe)), "wsd", r#""kind":"probe""#);
    }

    #[test]
    fn a_router_with_everything() {
        let advert = RouterAdvert {
            lifetime_s: 1800,
            hop_limit: 64,
            managed: true,
            other: true,
            preference: Preference::High,
            prefixes: vec![ndp::Prefix::new("2001:db8::".parse().unwrap(), 64)],
            mtu: Some(1492),
            routes: vec![ndp::Route {
                address: "2001:db8:1::".parse().unwrap(),
                length: 48,
                preference: Preference::Low,
                lifetime_s: 1,
            }],
            rdnss: vec!["2001:db8::53".parse().unwrap()],
            dnssl: vec![Text::new(b"lan")],
        };
        check(
            Claim::Ndp(NdpClaim::RouterAdvert(Box::new(advert))),
            "ndp",
            r#""op":"router-advert","lifetime":1800,"prefixes":["2001:db8::/64"],"hop_limit":64,"managed":true,"other":true,"preference":"high","mtu":1492,"routes":["2001:db8:1::/48"],"rdnss":["2001:db8::53"],"dnssl":["lan"]"#,
        );
    }

    #[test]
    fn hostile_texts_stay_in_their_line() {
        for bytes in hostile::TEXTS.map(str::as_bytes) {
            let word = || Some(Text::new(bytes));
            let list = || vec![Text::new(bytes)];
            let message = six::Message { kind: 1, client_duid: word(), fqdn: word(), ..six::Message::default() };
            let target = targets::Target { endpoint: word(), types: list(), scopes: list(), xaddrs: list() };
            let (server, location, usn, nt, nts, st, user_agent) =
                (word(), word(), word(), word(), word(), word(), word());
            let kind = discovery::MessageKind::Notify;
            let notify = discovery::Message { kind, server, location, usn, nt, nts, st, user_agent };
            let advert = RouterAdvert { dnssl: list(), ..RouterAdvert::default() };
            let claims = [
                dhcpv6_claim(message),
                Claim::Llmnr(heard(MdnsClaim::Query { name: Text::new(bytes) })),
                Claim::Nbns(heard(NbnsClaim::Query { name: name(bytes) })),
                Claim::Ndp(NdpClaim::RouterAdvert(Box::new(advert))),
                Claim::Ssdp(heard(notify)),
                Claim::Wsd(heard(WsdClaim { kind: targets::MessageKind::Hello, target })),
            ];
            for claim in claims {
                let line = line(claim) + "\n";
                hostile::assert_lines(line.as_bytes(), 1);
                assert!(serde_json::from_str::<Map<String, Value>>(&line).is_ok(), "{line}");
            }
        }
    }
}
