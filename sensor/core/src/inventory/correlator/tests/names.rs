//! Names and announcements, as lines of sightings: `dhcp6 TYPE ADDRESS MAC [key=value]...` (`client`, `name`, `ip`,
//! `valid`, `relay`, `far`), and `llmnr`, `nbname`, `ssdp`, `wsd` as `VERB ADDRESS MAC WORD ARGUMENTS [far] [port=N]`.

use std::net::IpAddr;

use crate::inventory::correlator::tests::*;
use crate::inventory::sighting::dhcpv6::Dhcpv6Claim;
use crate::inventory::sighting::heard::Heard;
use crate::inventory::sighting::nbns::NbnsClaim;
use crate::inventory::sighting::wsd::WsdClaim;
use crate::wire::{dhcpv6, nbns, ndp, ssdp, wsd};

/// The sender, its address, and its claim.
pub(super) fn said<'a>(verb: &str, words: &[&'a str]) -> (&'a str, Option<IpAddr>, Claim) {
    if verb == "dhcp6" {
        return (
            words[2],
            words[1].parse().ok(),
            Claim::Dhcpv6(Box::new(dhcp6(words[0], words[1], words[2], &words[3..]))),
        );
    }
    let (ip, mac, rest) = (words[0].parse().ok(), words[1], &words[2..]);
    let is_near = !rest.contains(&"far");
    let port = rest.iter().find_map(|word| word.strip_prefix("port=")).map_or(0, |port| port.parse().unwrap());
    let text = |i: usize| Text::new(rest[i].as_bytes());
    let claim = match verb {
        "llmnr" => {
            let said = match rest[0] {
                "a" => MdnsClaim::Address { name: text(1), addr: rest[2].parse().unwrap() },
                _ => MdnsClaim::Query { name: text(1) },
            };
            Claim::Llmnr(Box::new(Heard { said, is_near, port }))
        }
        "nbname" => {
            let group = rest[0] == "group";
            let suffix = if rest[0] == "server" { 0x20 } else { 0 };
            let name = nbns::Name { name: text(1), suffix };
            let said = match rest[0] {
                "query" => NbnsClaim::Query { name },
                "status" => NbnsClaim::Status { name, group, active: true },
                _ => {
                    let (addr, is_answer) = (rest[2].parse().unwrap(), rest[0] == "answer");
                    NbnsClaim::Address { name, group, addr, is_answer }
                }
            };
            Claim::Nbns(Box::new(Heard { said, is_near, port }))
        }
        "ssdp" => {
            let head = format!("{} * HTTP/1.1\r\nNT: {}\r\n\r\n", rest[0], rest[1]);
            let said = ssdp::parse(head.as_bytes()).unwrap().unwrap();
            Claim::Ssdp(Box::new(Heard { said, is_near, port }))
        }
        "wsd" => {
            let kind = if rest[0] == "hello" { wsd::MessageKind::Hello } else { wsd::MessageKind::Probe };
            let target = wsd::Target { scopes: vec![text(1)], ..wsd::Target::default() };
            Claim::Wsd(Box::new(Heard { said: WsdClaim { kind, target }, is_near, port }))
        }
        other => panic!("no such verb: {other}"),
    };
    (mac, ip, claim)
}

fn dhcp6(kind: &str, ip: &str, who: &str, words: &[&str]) -> Dhcpv6Claim {
    let (kind, from_server) = match kind {
        "solicit" => (1, false),
        "advertise" => (Dhcpv6Claim::ADVERTISE, true),
        "request" => (3, false),
        "renew" => (5, false),
        "reply" => (Dhcpv6Claim::REPLY, true),
        "release" => (8, false),
        other => panic!("no such message: {other}"),
    };
    let mut message = dhcpv6::Message { kind, ..dhcpv6::Message::default() };
    let mut client = (!from_server).then(|| crate::inventory::correlator::tests::mac(who));
    let mut is_near = ip.starts_with("fe80");
    let mut valid_s = 60;
    for (key, value) in words.iter().map(|word| word.split_once('=').unwrap_or((word, ""))) {
        match key {
            "client" => client = Some(crate::inventory::correlator::tests::mac(value)),
            "far" => is_near = false,
            "ip" => {
                let ip = value.parse().unwrap();
                message.addresses.push(dhcpv6::Address { ip, preferred_s: valid_s, valid_s });
            }
            "name" => message.fqdn = Some(Text::new(value.as_bytes())),
            "relay" => {
                let (link, peer) = ("2001:db8::1".parse().unwrap(), "fe80::5".parse().unwrap());
                message.relay = Some(dhcpv6::Relay { is_reply: from_server, link, peer });
                client = None;
            }
            "valid" => valid_s = value.parse().unwrap(),
            other => panic!("no such key: {other}"),
        }
    }
    Dhcpv6Claim { message, from_server, client, is_near }
}

#[test]
fn a_dhcpv6_server_is_reported_once() {
    check(
        &[
            "0 dhcp6 advertise fe80::1 fe client=aa",
            "1 dhcp6 reply fe80::1 fe client=aa ip=2001:db8::5",
            "9 dhcp6 reply fe80::1 fe client=bb ip=2001:db8::6",
            "20 wait",
        ],
        &["new-dhcp-server fe80::1 fe", "new-host fe80::1 fe", "new-host 2001:db8::5 aa", "new-host 2001:db8::6 bb"],
    );
}

#[test]
fn a_dhcpv6_clients_address_is_bound_and_never_moved() {
    check(
        &[
            "0 ns 2001:db8::5 aa",
            "1 dhcp6 reply fe80::1 fe client=bb ip=2001:db8::5",
            "2 dhcp6 renew fe80::bb bb ip=2001:db8::5",
            "9 wait",
        ],
        &["new-dhcp-server fe80::1 fe", "new-host 2001:db8::5 aa", "new-host fe80::bb bb", "new-host fe80::1 fe"],
    );
    // What is asked for is not had yet, and what has no lifetime any more.
    check(
        &["0 dhcp6 request fe80::aa aa ip=2001:db8::5", "1 dhcp6 release fe80::aa aa ip=2001:db8::5", "9 wait"],
        &["new-host fe80::aa aa"],
    );
    check(
        &["0 ns fe80::aa aa", "4 wait", "5 dhcp6 renew fe80::aa aa valid=0 ip=2001:db8::5"],
        &["new-host fe80::aa aa"],
    );
    check(
        &["0 ns fe80::aa aa", "4 wait", "5 dhcp6 renew fe80::aa aa ip=2001:db8::5"],
        &["new-host fe80::aa aa", "new-address 2001:db8::5 aa"],
    );
}

#[test]
fn between_dhcpv6_relay_and_server_there_is_no_client() {
    check(
        &[
            "0 dhcp6 solicit 2001:db8:1::1 fe relay name=pc",
            "1 dhcp6 reply 2001:db8:1::9 fd relay ip=2001:db8::5",
            "9 wait",
        ],
        &[],
    );
    // A server on the link that talks to a relay serves.
    check(
        &["0 dhcp6 reply fe80::9 fd relay ip=2001:db8::5", "9 wait"],
        &["new-dhcp-server fe80::9 fd", "new-host fe80::9 fd"],
    );
    // A client that was allowed unicast may be behind a router.
    check(&["0 dhcp6 renew 2001:db8::5 fe ip=2001:db8::5 name=pc", "9 wait"], &[]);
}

#[test]
fn an_unlisted_dhcpv6_server() {
    let allow = Allow {
        dhcp_servers: Members { ips: ["10.0.0.1".parse().unwrap()].into(), ..Members::default() },
        ..Allow::default()
    };
    let settings = || Settings { allow: vec![allow.clone()], ..settings() };
    check_with(
        settings(),
        Limits::default(),
        &["0 dhcp6 advertise fe80::1 fe client=aa", "1 dhcp6 advertise fe80::1 fe client=aa"],
        &["rogue-dhcp-server fe80::1 fe unlisted"],
    );
    // The same box serves IPv4, and is allowed to by that address.
    check_with(
        settings(),
        Limits::default(),
        &["0 arp 10.0.0.1 fe", "1 dhcp6 advertise fe80::1 fe client=aa"],
        &["new-host 10.0.0.1 fe", "new-dhcp-server fe80::1 fe", "new-address fe80::1 fe"],
    );
}

#[test]
fn names_that_hosts_give_themselves() {
    check(&["0 dhcp6 solicit fe80::aa aa name=pc.lan", "9 wait"], &["new-host fe80::aa aa \"pc\""]);
    check(&["0 llmnr 10.0.0.1 aa a pc 10.0.0.1"], &["new-host 10.0.0.1 aa \"pc\""]);
    check(&["0 nbname 10.0.0.1 aa host PC 10.0.0.1"], &["new-host 10.0.0.1 aa \"PC\""]);
    check(&["0 nbname 10.0.0.1 aa status PC"], &["new-host 10.0.0.1 aa \"PC\""]);
    check(
        &["0 wsd 10.0.0.1 aa hello onvif://www.onvif.org/name/Front%20Door"],
        &["new-host 10.0.0.1 aa \"Front Door\""],
    );
}

#[test]
fn names_that_are_not_their_own() {
    for line in [
        "0 llmnr 10.0.0.1 aa a pc 10.0.0.9",
        "0 llmnr 10.0.0.1 aa query pc",
        "0 nbname 10.0.0.1 aa host PC 10.0.0.9",
        "0 nbname 10.0.0.1 aa group LAB 10.0.0.1",
        "0 nbname 10.0.0.1 aa server PC 10.0.0.1",
        "0 nbname 10.0.0.1 aa query PC",
        "0 wsd 10.0.0.1 aa probe onvif://www.onvif.org/name/x",
        "0 wsd 10.0.0.1 aa hello onvif://www.onvif.org/type/x",
        "0 ssdp 10.0.0.1 aa NOTIFY upnp:rootdevice",
    ] {
        check(&[line], &["new-host 10.0.0.1 aa"]);
    }
}

#[test]
fn what_a_router_may_have_forwarded_does_not_name_it() {
    let arp = "0 arp 10.0.0.254 fe";
    for line in [
        "1 llmnr 10.9.9.9 fe a pc 10.9.9.9 far",
        "1 nbname 10.9.9.9 fe status PC far",
        "1 ssdp 10.9.9.9 fe NOTIFY x far",
        "1 wsd 10.9.9.9 fe hello onvif://www.onvif.org/name/x far",
    ] {
        check(&[arp, line], &["new-host 10.0.0.254 fe"]);
        // Nor is what a group was told from a foreign prefix.
        let line = line.replace(" far", "");
        check_with(with_prefixes(), Limits::default(), &[arp, &line], &["new-host 10.0.0.254 fe"]);
    }
    // The address is known to be its own.
    check(
        &["0 arp 10.0.0.1 aa", "1 nbname 10.0.0.1 aa status OLD far", "100 nbname 10.0.0.1 aa status NEW far"],
        &["new-host 10.0.0.1 aa", "name-changed 10.0.0.1 aa \"NEW\""],
    );
}

#[test]
fn a_name_that_changes_at_its_own_source() {
    for (old, new) in [
        ("0 dhcp6 solicit fe80::aa aa name=old", "100 dhcp6 solicit fe80::aa aa name=new"),
        ("0 llmnr fe80::aa aa a old fe80::aa", "100 llmnr fe80::aa aa a new fe80::aa"),
        ("0 nbname fe80::aa aa status old", "100 nbname fe80::aa aa status new"),
    ] {
        check(
            &[old, "9 wait", new, "101 finish"],
            &["new-host fe80::aa aa \"old\"", "name-changed fe80::aa aa \"new\""],
        );
    }
}

#[test]
fn aliases_are_no_change() {
    check(
        &[
            "0 nbname 10.0.0.1 aa host PC 10.0.0.1",
            "1 nbname 10.0.0.1 aa host ALIAS 10.0.0.1",
            "600 nbname 10.0.0.1 aa host PC 10.0.0.1",
            "601 nbname 10.0.0.1 aa host ALIAS 10.0.0.1",
        ],
        &["new-host 10.0.0.1 aa \"PC\""],
    );
}

#[test]
fn a_name_learned_by_probe_and_frame_changes_once() {
    // The event's own name is the one that the wire told last.
    let changed =
        |name: &str| ["new-host 10.0.0.1 aa \"OLD\"".to_owned(), format!("name-changed 10.0.0.1 aa \"{name}\"")];
    let check = |input: &[&str], name| check(input, &changed(name).each_ref().map(String::as_str));
    let (old, new) = ("0 nbname 10.0.0.1 aa status OLD", "100 nbname 10.0.0.1 aa status NEW");
    check(&[old, "1 nbns 10.0.0.1 OLD", new, "100 nbns 10.0.0.1 NEW"], "NEW");
    check(&[old, "1 nbns 10.0.0.1 OLD", "100 nbns 10.0.0.1 NEW", new], "OLD");
}

/// The host's services as `port/protocol source`.
fn check_services(line: &str, expected: &[&str]) {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new());
    let services: Vec<String> = correlator.snapshot().hosts[0]
        .services
        .iter()
        .map(|service| format!("{}/{} {}", service.port, service.protocol, service.source.name()))
        .collect();
    assert_eq!(services, expected, "{line}");
}

#[test]
fn services_that_send_from_their_port() {
    check_services("0 mdns 10.0.0.1 aa a pc.local 10.0.0.1", &["5353/udp mdns"]);
    check_services("0 mdns 10.0.0.1 aa query pc.local", &[]);
    check_services("0 llmnr 10.0.0.1 aa a pc 10.0.0.1 port=5355", &["5355/udp llmnr"]);
    check_services("0 llmnr 10.0.0.1 aa query pc port=5355", &[]);
    check_services("0 nbname 10.0.0.1 aa host PC 10.0.0.1 port=137", &["137/udp nbns"]);
    check_services("0 nbname 10.0.0.1 aa query PC port=137", &[]);
    check_services("0 ssdp 10.0.0.1 aa NOTIFY x port=1900", &["1900/udp ssdp"]);
    check_services("0 ssdp 10.0.0.1 aa M-SEARCH x port=50000", &[]);
    check_services("0 wsd 10.0.0.1 aa hello x port=3702", &["3702/udp wsd"]);
    check_services("0 wsd 10.0.0.1 aa probe x port=3702", &[]);
}

#[test]
fn ssdp_server_lines_are_evidence() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut s = sighting(time("0"), segment("eth1"), "ssdp", &["10.0.0.1", "aa", "NOTIFY", "x"]);
    let Claim::Ssdp(heard) = &mut s.claim else { panic!("SSDP") };
    heard.said.server = Some(Text::new(b"Lab/1 UPnP/1.1\n"));
    correlator.observe(&s, time("0"), &mut Vec::new());
    let prints = &correlator.snapshot().hosts[0].prints;
    assert_eq!(prints.iter().map(|print| print.value.as_str()).collect::<Vec<_>>(), ["Lab/1 UPnP/1.1\\x0a"]);
}

#[test]
fn a_dhcpv6_reply_to_no_station_or_to_the_sensor_binds_nothing() {
    let settings = || Settings { own_macs: [mac("ee")].into(), ..settings() };
    for client in ["ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "ee"] {
        let line = format!("0 dhcp6 reply fe80::1 fe client={client} ip=2001:db8::5");
        check_with(
            settings(),
            Limits::default(),
            &[&line, "9 wait"],
            &["new-dhcp-server fe80::1 fe", "new-host fe80::1 fe"],
        );
    }
}

#[test]
fn names_of_a_file_read_twice_are_reported_once() {
    check_read_twice(&[
        "0 nbname 10.0.0.1 aa status PC far",
        "1 arp 10.0.0.1 aa",
        "2 nbname 10.0.0.1 aa status PC far port=137",
        "3 dhcp6 advertise fe80::1 fe client=aa",
        "4 dhcp6 reply fe80::1 fe client=aa ip=2001:db8::5",
        "100 nbname 10.0.0.1 aa host NEW 10.0.0.1",
        "101 ssdp 10.0.0.9 bb NOTIFY x port=1900",
        "102 ra fe80::1 fe 1800 2001:db8::/64",
    ]);
}

#[test]
fn a_router_that_stops_is_reported() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in ["0 ra fe80::2 fd 0 2001:db8::/64", "1 ra fe80::1 fe 1800 2001:db8::/64", "2 ra fe80::1 fe 0"] {
        step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    }
    let told: Vec<String> = events.iter().map(written).collect();
    assert_eq!(told, ["new-router fe80::1 fe", "rogue-router fe80::1 fe zero-lifetime warning"]);
    let roles = correlator.snapshot().roles;
    let router = roles[0].router.as_ref().unwrap();
    assert_eq!((roles.len(), router.lifetime_s), (1, 0));
}

#[test]
fn what_a_router_advertises_is_kept() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let advert = RouterAdvert {
        lifetime_s: 1800,
        managed: true,
        prefixes: vec![ndp::Prefix::new("2001:db8::".parse().unwrap(), 64)],
        rdnss: vec!["2001:db8::53".parse().unwrap()],
        dnssl: vec![Text::new(b"lan\n")],
        ..RouterAdvert::default()
    };
    let mut s = sighting(time("0"), segment("eth1"), "rs", &["fe"]);
    (s.ip, s.claim) = ("fe80::1".parse().ok(), Claim::Ndp(NdpClaim::RouterAdvert(Box::new(advert))));
    correlator.observe(&s, time("0"), &mut Vec::new());
    let router = correlator.snapshot().roles.remove(0).router.unwrap();
    assert!(router.managed && !router.other && router.rdnss.len() == 1);
    assert_eq!(router.dnssl, ["lan\\x0a"]);
}

/// A router that forwards multicast or repeats mDNS sends messages of other networks too.
#[test]
fn what_a_router_forwards_is_not_its_own() {
    let far = ["9 ssdp 10.9.0.7 aa NOTIFY x", "9 wsd 10.9.0.8 aa hello x", "9 mdns 10.9.0.9 aa a far.local 10.9.0.9"];
    let router = ["new-router fe80::1 aa", "new-host fe80::1 aa"];
    for line in far {
        check(&["0 ra fe80::1 aa 1800", "5 wait", line, "20 finish"], &router);
        check(&["0 ra fe80::1 aa 1800", "5 wait", "6 restart", line, "20 finish"], &router);
    }
    // By DHCP's word.
    let lease = "1 dhcp ack 03/09 server=10.0.0.9 router=10.0.0.1 yiaddr=10.0.0.3";
    let told = ["new-host 10.0.0.1 aa", "new-dhcp-server 10.0.0.9 09", "new-host 10.0.0.3 03", "new-host 09"];
    check(&["0 arp 10.0.0.1 aa", lease, "5 wait", "6 restart", far[0], "20 finish"], &told);
    // What it says of itself, by an address that is known to be its own.
    let own = "7 mdns 10.0.0.1 aa a gate.local 10.0.0.1";
    check(&["0 ra fe80::1 aa 1800", "0 arp 10.0.0.1 aa", own], &[router[0], "new-host 10.0.0.1 aa"]);
}
