//! The sightings log: every sighting as one line of JSON, in the words of its protocol.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use crate::export::record::text::{hex, rfc3339};
use sensor_core::inventory::sighting::answer::{Answer, PortState};
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::ndp::NdpClaim;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Class, Frame, Mac, Segment, Text, Timestamp};

/// Switches and routers.
pub mod link;
/// Names and announcements.
pub mod names;

/// One sighting as JSON, without a newline.
pub fn sighting_line(sighting: &Sighting) -> String {
    let source = match &sighting.claim {
        Claim::Answer(answer) => answer_source(answer),
        Claim::Arp(_) => "arp",
        Claim::Cdp(_) => "cdp",
        Claim::Dhcp(_) => "dhcp",
        Claim::Lldp(_) => "lldp",
        Claim::Mdns(_) => "mdns",
        Claim::Membership(message) => link::membership_source(message.protocol),
        Claim::Dhcpv6(_) => "dhcpv6",
        Claim::Llmnr(_) => "llmnr",
        Claim::Nbns(_) => "nbns",
        Claim::Ndp(_) => "ndp",
        Claim::Redundancy(message) => message.protocol.name(),
        Claim::Stp(_) => "stp",
        Claim::Served(_) => "served",
        Claim::Traffic(_) => "traffic",
        Claim::Syn(syn) if syn.is_answer => "syn-ack",
        Claim::Syn(_) => "syn",
        Claim::Ssdp(_) => "ssdp",
        Claim::Wsd(_) => "wsd",
    };
    let mut line = head(sighting.at, sighting.segment, source, sighting.mac);
    if sighting.frame_mac != sighting.mac {
        put(&mut line, "frame_mac", sighting.frame_mac.to_string());
    }
    if let Some(ip) = sighting.ip {
        put(&mut line, "ip", ip.to_string());
    }
    if let Claim::Answer(_) = &sighting.claim {
        // A socket does not tell the station.
        line.shift_remove("mac");
    }
    match &sighting.claim {
        Claim::Answer(claim) => answer(&mut line, claim),
        Claim::Arp(claim) => put(&mut line, "op", arp_operation(claim.operation)),
        Claim::Cdp(message) => link::cdp(&mut line, message),
        Claim::Dhcp(claim) => dhcp(&mut line, claim),
        Claim::Lldp(message) => link::lldp(&mut line, message),
        Claim::Mdns(claim) => mdns(&mut line, claim),
        Claim::Membership(message) => link::membership(&mut line, message),
        Claim::Dhcpv6(claim) => names::dhcpv6(&mut line, claim),
        Claim::Llmnr(heard) => mdns(&mut line, &heard.said),
        Claim::Nbns(heard) => names::nbns(&mut line, &heard.said),
        Claim::Ndp(claim) => ndp(&mut line, claim),
        Claim::Redundancy(message) => link::redundancy(&mut line, message),
        Claim::Stp(message) => link::stp(&mut line, message),
        Claim::Served(claim) => {
            put(&mut line, "protocol", claim.protocol);
            put(&mut line, "port", claim.port);
        }
        Claim::Traffic(claim) => {
            put(&mut line, "frames", claim.frames);
            if let Some(hop_limit) = claim.hop_limit {
                put(&mut line, "hop_limit", hop_limit);
            }
        }
        Claim::Syn(syn) => put(&mut line, "signature", syn.to_string()),
        Claim::Ssdp(heard) => names::ssdp(&mut line, &heard.said),
        Claim::Wsd(heard) => names::wsd(&mut line, &heard.said),
    }
    Value::Object(line).to_string()
}

/// A frame that could not be read, as JSON without a newline; `mac` is the frame's.
pub fn malformed_line(frame: &Frame<'_>, reason: impl std::fmt::Display) -> String {
    let source = match frame.class {
        Class::Arp => "arp",
        Class::Ndp => "ndp",
        Class::Dhcp => "dhcp",
        Class::Dhcpv6 => "dhcpv6",
        Class::Llmnr => "llmnr",
        Class::Mdns => "mdns",
        Class::Lldp => "lldp",
        Class::Cdp => "cdp",
        Class::Stp => "stp",
        Class::Membership | Class::Redundancy => link::source_of(frame.packet.as_ref()),
        Class::Syn => "syn",
        Class::SynAck => "syn-ack",
        Class::Nbns => "nbns",
        Class::Ssdp => "ssdp",
        Class::Wsd => "wsd",
        _ => "traffic",
    };
    let mut line = head(frame.at, frame.segment, source, frame.source_mac);
    put(&mut line, "malformed", reason.to_string());
    Value::Object(line).to_string()
}

fn head(at: Timestamp, segment: Segment, source: &str, mac: Mac) -> Map<String, Value> {
    let mut line = Map::new();
    put(&mut line, "at", rfc3339(at));
    put(&mut line, "segment", segment.to_string());
    put(&mut line, "iface", segment.iface.as_str());
    put(&mut line, "vlan", segment.vlans.ids());
    put(&mut line, "source", source);
    put(&mut line, "mac", mac.to_string());
    line
}

fn put(line: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    line.insert(key.to_owned(), value.into());
}

/// A string where it is clean, else `{"hex": ".."}`.
fn text(text: &Text) -> Value {
    text.as_clean().map_or_else(|| json!({ "hex": hex(text.as_bytes()) }), Value::from)
}

fn answer_source(answer: &Answer) -> &'static str {
    match answer {
        Answer::Echo { .. } => "icmp",
        Answer::Nbns { .. } => "nbns",
        Answer::Port { .. } => "tcp",
        Answer::Ptr { .. } => "ptr",
        Answer::Snmp { .. } => "snmp",
    }
}

fn answer(line: &mut Map<String, Value>, answer: &Answer) {
    let mut some = |key: &str, value: Option<Value>| value.into_iter().for_each(|value| put(line, key, value));
    match answer {
        Answer::Echo { rtt, hop_limit } => {
            some("rtt_ms", Some(milliseconds(*rtt)));
            some("hop_limit", hop_limit.map(Value::from));
        }
        Answer::Nbns { name, group, mac } => {
            some("name", name.as_ref().map(text));
            some("group", group.as_ref().map(text));
            some("unit_id", mac.map(|mac| mac.to_string().into()));
        }
        Answer::Port { port, state, banner, rtt } => {
            some("port", Some((*port).into()));
            some("state", Some(port_state(*state).into()));
            some("banner", banner.as_ref().map(text));
            some("rtt_ms", Some(milliseconds(*rtt)).filter(|_| *state != PortState::Silent));
        }
        Answer::Ptr { name, confirmed } => {
            some("name", name.as_ref().map(text));
            some("confirmed", name.as_ref().map(|_| (*confirmed).into()));
        }
        Answer::Snmp { name, description, object_id } => {
            some("sysName", name.as_ref().map(text));
            some("sysDescr", description.as_ref().map(text));
            some("sysObjectID", object_id.as_ref().map(text));
        }
    }
}

fn port_state(state: PortState) -> &'static str {
    match state {
        PortState::Closed => "closed",
        PortState::Open => "open",
        PortState::Silent => "silent",
    }
}

fn milliseconds(span: std::time::Duration) -> Value {
    Value::from(span.as_micros() as f64 / 1000.0)
}

fn arp_operation(operation: ArpOperation) -> &'static str {
    match operation {
        ArpOperation::ConflictCheck | ArpOperation::PresenceCheck => "conflict-check",
        ArpOperation::Gratuitous => "gratuitous",
        ArpOperation::Reply => "reply",
        ArpOperation::Request => "request",
    }
}

fn ndp(line: &mut Map<String, Value>, claim: &NdpClaim) {
    let operation = match claim {
        NdpClaim::Advert { .. } => "advert",
        NdpClaim::Dad => "dad",
        NdpClaim::Redirect { .. } => "redirect",
        NdpClaim::RouterAdvert(_) => "router-advert",
        NdpClaim::RouterSolicit | NdpClaim::Solicit { .. } => "solicit",
    };
    put(line, "op", operation);
    if let NdpClaim::RouterAdvert(advert) = claim {
        names::router(line, advert);
    }
}

fn dhcp(line: &mut Map<String, Value>, claim: &DhcpClaim) {
    put(line, "type", dhcp_type(claim.message));
    let mut some = |key: &str, value: Option<Value>| value.into_iter().for_each(|value| put(line, key, value));
    let address = |address: Option<std::net::Ipv4Addr>| address.map(|address| Value::from(address.to_string()));
    some("hostname", claim.hostname.as_ref().map(text));
    some("vendor_class", claim.vendor_class.as_ref().map(text));
    some("parameters", claim.parameters.clone().map(Value::from));
    some("requested_ip", address(claim.requested_ip));
    some("server", address(claim.server));
    some("client_id", claim.client_id.as_ref().map(|id| Value::from(hex(id.as_bytes()))));
    some("fqdn", claim.fqdn.as_ref().map(text));
    some("ciaddr", address(claim.ciaddr));
    some("yiaddr", address(claim.yiaddr).filter(|_| claim.message == DhcpMessage::Ack));
    some("giaddr", address(claim.giaddr));
}

fn dhcp_type(message: DhcpMessage) -> Value {
    match message {
        DhcpMessage::Bootp => "bootp".into(),
        DhcpMessage::Discover => "discover".into(),
        DhcpMessage::Offer => "offer".into(),
        DhcpMessage::Request => "request".into(),
        DhcpMessage::Decline => "decline".into(),
        DhcpMessage::Ack => "ack".into(),
        DhcpMessage::Nak => "nak".into(),
        DhcpMessage::Release => "release".into(),
        DhcpMessage::Inform => "inform".into(),
        DhcpMessage::Unknown(number) => number.into(),
    }
}

fn mdns(line: &mut Map<String, Value>, claim: &MdnsClaim) {
    let (record, name) = match claim {
        MdnsClaim::Address { name, .. } => ("address", name),
        MdnsClaim::Goodbye { record } => {
            mdns(line, record);
            return put(line, "record", "goodbye");
        }
        MdnsClaim::Query { name } => ("query", name),
        MdnsClaim::Reverse { name, .. } => ("reverse", name),
        MdnsClaim::Service { name, .. } => ("service", name),
        MdnsClaim::Srv { name, .. } => ("srv", name),
        MdnsClaim::Txt { name, .. } => ("txt", name),
        MdnsClaim::Type { name } => ("type", name),
    };
    put(line, "record", record);
    put(line, "name", text(name));
    match claim {
        MdnsClaim::Address { addr, .. } => put(line, "addr", IpAddr::to_string(addr)),
        MdnsClaim::Reverse { target, .. } => put(line, "target", text(target)),
        MdnsClaim::Service { instance, .. } => put(line, "instance", text(instance)),
        MdnsClaim::Srv { target, port, .. } => {
            put(line, "target", text(target));
            put(line, "port", *port);
        }
        MdnsClaim::Txt { txt, .. } => put(line, "txt", txt.iter().map(text).collect::<Value>()),
        MdnsClaim::Goodbye { .. } | MdnsClaim::Query { .. } | MdnsClaim::Type { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::net::Ipv4Addr;

    use super::*;
    use crate::export::hostile;
    use sensor_core::inventory::sighting::arp::ArpClaim;
    use sensor_core::inventory::sighting::ndp::RouterAdvert;
    use sensor_core::types::{Iface, Vlans};
    use sensor_core::wire::error::WireError;
    use sensor_core::wire::ndp::Prefix;

    const MAC: Mac = Mac([0, 0, 0x5e, 0, 0x53, 1]);
    const AT: &str = r#""at":"1970-01-01T00:00:01.000000Z","segment":"eth1.100.30","iface":"eth1","vlan":[100,30]"#;

    /// The line without its head, of a claim by MAC about 10.0.0.5.
    #[track_caller]
    fn check(source: &str, claim: Claim, expected: &str) {
        let head = format!(r#"{{{AT},"source":"{source}","mac":"00:00:5e:00:53:01","ip":"10.0.0.5","#);
        assert_eq!(sighting_line(&sighting(claim)), format!("{head}{expected}}}"));
    }

    #[track_caller]
    fn check_arp(operation: ArpOperation, expected: &str) {
        let claim = Claim::Arp(ArpClaim { operation, target: Ipv4Addr::UNSPECIFIED, asked: false });
        check("arp", claim, &format!(r#""op":"{expected}""#));
    }

    #[track_caller]
    fn check_ndp(claim: NdpClaim, expected: &str) {
        check("ndp", Claim::Ndp(claim), expected);
    }

    #[track_caller]
    fn check_dhcp(claim: DhcpClaim, expected: &str) {
        check("dhcp", Claim::Dhcp(Box::new(claim)), expected);
    }

    #[track_caller]
    fn check_mdns(claim: MdnsClaim, expected: &str) {
        check("mdns", Claim::Mdns(claim), expected);
    }

    #[track_caller]
    fn check_text(bytes: &[u8], expected: &str) {
        check_mdns(MdnsClaim::Query { name: Text::new(bytes) }, &format!(r#""record":"query","name":{expected}"#));
    }

    #[test]
    fn what_a_socket_answers_names_no_station() {
        let segment = Segment::tagged(sensor_core::types::Iface::new("eth0").unwrap(), Default::default());
        let claim = Answer::Port {
            port: 22,
            state: PortState::Open,
            banner: Some(Text::new(b"SSH-2.0-x")),
            rtt: std::time::Duration::from_micros(1500),
        };
        let sighting = Sighting {
            at: Timestamp::EPOCH,
            segment,
            frame_mac: Mac::ZERO,
            mac: Mac::ZERO,
            ip: Some(IpAddr::from([10, 0, 0, 1])),
            claim: Claim::Answer(Box::new(claim)),
        };
        let expected = r#"{"at":"1970-01-01T00:00:00.000000Z","segment":"eth0","iface":"eth0","vlan":[],"source":"tcp","ip":"10.0.0.1","port":22,"state":"open","banner":"SSH-2.0-x","rtt_ms":1.5}"#;
        assert_eq!(sighting_line(&sighting), expected);
    }

    #[test]
    fn arp() {
        check_arp(ArpOperation::ConflictCheck, "conflict-check");
        check_arp(ArpOperation::Gratuitous, "gratuitous");
        check_arp(ArpOperation::Reply, "reply");
        check_arp(ArpOperation::Request, "request");
    }

    #[test]
    fn ndp() {
        let target = IpAddr::from([0; 16]);
        check_ndp(NdpClaim::Advert { router: true, solicited: true, asked: false }, r#""op":"advert""#);
        check_ndp(NdpClaim::Dad, r#""op":"dad""#);
        check_ndp(NdpClaim::Redirect { target, destination: target }, r#""op":"redirect""#);
        check_ndp(NdpClaim::RouterSolicit, r#""op":"solicit""#);
        check_ndp(NdpClaim::Solicit { target }, r#""op":"solicit""#);
        let prefixes = vec![Prefix::new("2001:db8::".parse().unwrap(), 64), Prefix::new("fd00::".parse().unwrap(), 48)];
        check_ndp(
            NdpClaim::RouterAdvert(Box::new(RouterAdvert { lifetime_s: 1800, prefixes, ..RouterAdvert::default() })),
            r#""op":"router-advert","lifetime":1800,"prefixes":["2001:db8::/64","fd00::/48"]"#,
        );
        check_ndp(NdpClaim::RouterAdvert(Box::default()), r#""op":"router-advert","lifetime":0,"prefixes":[]"#);
    }

    #[test]
    fn dhcp_types() {
        let types = [
            (DhcpMessage::Bootp, r#""bootp""#),
            (DhcpMessage::Discover, r#""discover""#),
            (DhcpMessage::Offer, r#""offer""#),
            (DhcpMessage::Request, r#""request""#),
            (DhcpMessage::Decline, r#""decline""#),
            (DhcpMessage::Ack, r#""ack""#),
            (DhcpMessage::Nak, r#""nak""#),
            (DhcpMessage::Release, r#""release""#),
            (DhcpMessage::Inform, r#""inform""#),
            (DhcpMessage::Unknown(13), "13"),
        ];
        for (message, expected) in types {
            check_dhcp(DhcpClaim { message, ..DhcpClaim::default() }, &format!(r#""type":{expected}"#));
        }
    }

    #[test]
    fn dhcp_with_everything() {
        let claim = |message| DhcpClaim {
            message,
            hostname: Some(Text::new(b"nas")),
            fqdn: Some(Text::new(b"nas.lan")),
            vendor_class: Some(Text::new(b"MSFT\n")),
            parameters: Some(vec![1, 3]),
            client_id: Some(Text::new(&[1, 0xff])),
            requested_ip: Some([10, 0, 0, 5].into()),
            server: Some([10, 0, 0, 1].into()),
            ciaddr: Some([10, 0, 0, 6].into()),
            yiaddr: Some([10, 0, 0, 7].into()),
            giaddr: Some([10, 0, 0, 8].into()),
            ..DhcpClaim::default()
        };
        let before = concat!(
            r#""hostname":"nas","vendor_class":{"hex":"4d5346540a"},"parameters":[1,3],"requested_ip":"10.0.0.5","#,
            r#""server":"10.0.0.1","client_id":"01ff","fqdn":"nas.lan","ciaddr":"10.0.0.6","#
        );
        let after = r#""giaddr":"10.0.0.8""#;
        check_dhcp(claim(DhcpMessage::Ack), &format!(r#""type":"ack",{before}"yiaddr":"10.0.0.7",{after}"#));
        // Only an ACK promises it.
        check_dhcp(claim(DhcpMessage::Offer), &format!(r#""type":"offer",{before}{after}"#));
    }

    #[test]
    fn mdns() {
        let text = |text: &str| Text::new(text.as_bytes());
        let (name, target) = (text("a.local"), text("b.local"));
        let address = MdnsClaim::Address { name: name.clone(), addr: [10, 0, 0, 9].into() };
        check_mdns(address.clone(), r#""record":"address","name":"a.local","addr":"10.0.0.9""#);
        check_mdns(
            MdnsClaim::Goodbye { record: Box::new(address) },
            r#""record":"goodbye","name":"a.local","addr":"10.0.0.9""#,
        );
        check_mdns(MdnsClaim::Query { name: name.clone() }, r#""record":"query","name":"a.local""#);
        check_mdns(
            MdnsClaim::Reverse { name: name.clone(), target: target.clone() },
            r#""record":"reverse","name":"a.local","target":"b.local""#,
        );
        check_mdns(
            MdnsClaim::Service { name: name.clone(), instance: target.clone() },
            r#""record":"service","name":"a.local","instance":"b.local""#,
        );
        check_mdns(
            MdnsClaim::Srv { name: name.clone(), target, port: 631 },
            r#""record":"srv","name":"a.local","target":"b.local","port":631"#,
        );
        check_mdns(
            MdnsClaim::Txt { name: name.clone(), txt: vec![text("k=v"), Text::new(&[0xff]), text("")] },
            r#""record":"txt","name":"a.local","txt":["k=v",{"hex":"ff"},""]"#,
        );
        check_mdns(MdnsClaim::Type { name }, r#""record":"type","name":"a.local""#);
    }

    #[test]
    fn texts_are_clean_or_hex() {
        check_text("Büro \"1\"".as_bytes(), r#""Büro \"1\"""#);
        check_text(b"", r#""""#);
        check_text(b"a\0", r#"{"hex":"6100"}"#);
        check_text(b"a\nb", r#"{"hex":"610a62"}"#);
        check_text(b"\x1b[2J", r#"{"hex":"1b5b324a"}"#);
        check_text("\u{9b}".as_bytes(), r#"{"hex":"c29b"}"#);
        check_text("\u{202e}".as_bytes(), r#"{"hex":"e280ae"}"#);
        check_text(&[0xc3], r#"{"hex":"c3"}"#);
    }

    #[test]
    fn hostile_texts_stay_in_their_line() {
        for text in hostile::TEXTS {
            let claim = Claim::Mdns(MdnsClaim::Query { name: Text::new(text.as_bytes()) });
            let line = sighting_line(&sighting(claim)) + "\n";
            hostile::assert_lines(line.as_bytes(), 1);
            assert_eq!(serde_json::from_str::<Map<String, Value>>(&line).unwrap().len(), 9);
        }
    }

    #[test]
    fn the_frames_own_mac_where_it_differs() {
        let frame_mac = Mac([2, 0, 0, 0, 0, 9]);
        let stranger = Sighting { frame_mac, ip: None, ..sighting(Claim::Ndp(NdpClaim::Dad)) };
        assert_eq!(
            sighting_line(&stranger),
            format!(r#"{{{AT},"source":"ndp","mac":"00:00:5e:00:53:01","frame_mac":"02:00:00:00:00:09","op":"dad"}}"#)
        );
    }

    #[test]
    fn malformed_frames() {
        let frame = |class| Frame {
            at: Timestamp::from_secs(1),
            segment: segment(),
            class,
            cut: false,
            flood: false,
            scan: false,
            source_mac: MAC,
            destination_mac: Mac::BROADCAST,
            packet: None,
            body: &[],
        };
        let classes = [
            (Class::Arp, "arp"),
            (Class::Ndp, "ndp"),
            (Class::Dhcp, "dhcp"),
            (Class::Mdns, "mdns"),
            (Class::Dhcpv6, "dhcpv6"),
            (Class::Llmnr, "llmnr"),
            (Class::Nbns, "nbns"),
            (Class::Ssdp, "ssdp"),
            (Class::Wsd, "wsd"),
            (Class::Other, "traffic"),
        ];
        for (class, source) in classes {
            assert_eq!(
                malformed_line(&frame(class), WireError::Truncated),
                format!(r#"{{{AT},"source":"{source}","mac":"00:00:5e:00:53:01","malformed":"truncated"}}"#)
            );
        }
    }

    fn sighting(claim: Claim) -> Sighting {
        let ip = Some([10, 0, 0, 5].into());
        Sighting { at: Timestamp::from_secs(1), segment: segment(), frame_mac: MAC, mac: MAC, ip, claim }
    }

    fn segment() -> Segment {
        Segment::tagged(Iface::new("eth1").unwrap(), Vlans::new([100, 30]))
    }
}
