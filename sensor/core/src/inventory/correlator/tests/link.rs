//! What switches and routers announce: `lldp MAC CHASSIS PORT [key=value]...`, `cdp MAC DEVICE PORT [key=value]...`,
//! `stp MAC BRIDGE PORT`, `igmp MAC ADDRESS`, and `vrrp|hsrp|glbp|carp MAC GROUP ADDRESS [VIRTUAL ADDRESS]`. A chassis of
//! two hex digits is a MAC.

use crate::inventory::correlator::tests::*;
use crate::inventory::model::role::Neighbour;
use crate::wire::{cdp, lldp, membership, redundancy, stp};

pub(super) fn claim<'a>(verb: &str, words: &[&'a str]) -> (&'a str, Option<IpAddr>, Claim) {
    let ip = |i: usize| words.get(i).and_then(|word| word.parse::<IpAddr>().ok());
    match verb {
        "lldp" => (words[0], None, Claim::Lldp(Box::new(lldp(words)))),
        "cdp" => (words[0], None, Claim::Cdp(Box::new(cdp(words)))),
        "stp" => {
            let bridge = stp::BridgeId { priority: 0x8000, mac: mac(words[1]) };
            let port = words[2].parse().unwrap();
            let configuration = stp::Configuration { flags: 0, root: bridge, root_cost: 0, bridge, port };
            (words[0], None, Claim::Stp(stp::Message { version: 2, configuration: Some(configuration) }))
        }
        "igmp" => {
            let (protocol, operation) = (membership::Protocol::Igmp, membership::Operation::Report);
            let message = membership::Message { protocol, operation, groups: Vec::new(), left: Vec::new() };
            (words[0], ip(1), Claim::Membership(Box::new(message)))
        }
        _ => (words[0], ip(2), Claim::Redundancy(Box::new(redundancy(verb, words)))),
    }
}

fn lldp(words: &[&str]) -> lldp::Message {
    let text = |word: &str| Text::new(word.as_bytes());
    let chassis = match words[1].len() {
        2 => lldp::Id { subtype: 4, value: lldp::Value::Mac(mac(words[1])) },
        _ => lldp::Id { subtype: 7, value: lldp::Value::Text(text(words[1])) },
    };
    let mut message = lldp::Message {
        chassis,
        port: lldp::Id { subtype: 5, value: lldp::Value::Text(text(words[2])) },
        ttl_s: 120,
        port_description: None,
        system_name: None,
        system_description: None,
        capabilities: None,
        management: Vec::new(),
        port_vlan: None,
        med: None,
    };
    for (key, value) in words[3..].iter().map(|word| word.split_once('=').unwrap()) {
        match key {
            "ttl" => message.ttl_s = value.parse().unwrap(),
            "name" => message.system_name = Some(text(value)),
            "mgmt" => message.management = value.split(',').map(|ip| ip.parse().unwrap()).collect(),
            "does" => {
                let enabled = value.parse().unwrap();
                message.capabilities = Some(lldp::Capabilities { supported: 0xffff, enabled });
            }
            "med" => message.med = Some(Box::new(lldp::Med { class: value.parse().ok(), ..lldp::Med::default() })),
            other => panic!("no such key: {other}"),
        }
    }
    message
}

fn cdp(words: &[&str]) -> cdp::Message {
    let text = |word: &str| Some(Text::new(word.as_bytes()));
    let mut message =
        cdp::Message { ttl_s: 180, device_id: text(words[1]), port: text(words[2]), ..Default::default() };
    for (key, value) in words[3..].iter().map(|word| word.split_once('=').unwrap()) {
        match key {
            "ip" => message.addresses = vec![value.parse().unwrap()],
            "does" => message.capabilities = value.parse().ok(),
            other => panic!("no such key: {other}"),
        }
    }
    message
}

fn redundancy(verb: &str, words: &[&str]) -> redundancy::Message {
    let group: u8 = words[1].parse().unwrap();
    let (protocol, virtual_mac) = match verb {
        "vrrp" => (redundancy::Protocol::Vrrp, [0, 0, 0x5e, 0, if words[2].contains(':') { 2 } else { 1 }, group]),
        "carp" => (redundancy::Protocol::Carp, [0, 0, 0x5e, 0, 1, group]),
        "hsrp" => (redundancy::Protocol::Hsrp, [0, 0, 0x0c, 7, 0xac, group]),
        "glbp" => (redundancy::Protocol::Glbp, [0, 7, 0xb4, 0, group, 1]),
        other => panic!("no such verb: {other}"),
    };
    redundancy::Message {
        protocol,
        group: group.into(),
        state: None,
        priority: None,
        addresses: words[3..].iter().map(|ip| ip.parse().unwrap()).collect(),
        virtual_macs: vec![Mac(virtual_mac)],
    }
}

fn known(input: &[&str]) -> Rows {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in input {
        step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    }
    correlator.snapshot()
}

/// The hosts by the last octets of their stations, each with its roles and their evidence.
#[track_caller]
fn check_hosts(input: &[&str], expected: &[&str]) {
    let rows = known(input);
    let mut told: Vec<String> = Vec::new();
    for host in &rows.hosts {
        let macs = rows.stations.iter().filter(|station| station.host == host.id);
        let mut line: Vec<String> = vec![macs.map(|s| format!("{:02x}", s.mac.0[5])).collect::<Vec<_>>().join("+")];
        let names = host.names.iter().map(|name| format!("\"{}\"", name.name));
        line.extend(names);
        for (role, evidence) in &host.roles {
            let evidence: Vec<&str> = evidence.iter().map(String::as_str).collect();
            line.push(format!("{}: {}", role.name(), evidence.join(", ")));
        }
        told.push(line.join(" | "));
    }
    told.sort();
    assert_eq!(told, expected, "{input:#?}");
}

/// Addresses and their holders.
#[track_caller]
fn check_holders(input: &[&str], expected: &[&str]) {
    let told = known(input).bindings;
    let told: Vec<String> = told.iter().map(|b| format!("{} {:02x}", b.ip, b.holders[0].mac.0[5])).collect();
    assert_eq!(told, expected, "{input:#?}");
}

/// The neighbours that are there, by name of their ports.
#[track_caller]
fn check_ports(input: &[&str], expected: &[&str]) {
    let mut there: Vec<Neighbour> = known(input).neighbours.into_iter().filter(|n| !n.gone).collect();
    there.sort_by(|a, b| a.port.cmp(&b.port));
    assert_eq!(there.iter().map(|n| n.port.as_str()).collect::<Vec<_>>(), expected, "{input:#?}");
}

#[test]
fn a_switch_is_one_host_with_its_name_and_role() {
    let lines = ["0 lldp 01 0a Gi1 name=sw1 does=4 mgmt=10.0.0.2", "1 lldp 02 0a Gi2 name=sw1 does=4 mgmt=10.0.0.2"];
    check(&[lines[0], lines[1], "60 finish"], &["new-host 10.0.0.2 01 \"sw1\""]);
    check_hosts(&lines, &["01+02 | \"sw1\" | switch: lldp: bridge"]);
    check_holders(&lines, &["10.0.0.2 01"]);
    check_hosts(&["0 lldp 01 0a Gi1 does=36 med=3"], &["01 | phone: lldp-med: class III, lldp: telephone"]);
    check_hosts(&["0 lldp 01 0a Gi1 does=12"], &["01 | access-point: lldp: wlan-access-point"]);
    check_hosts(&["0 lldp 01 0a Gi1 does=20"], &["01 | router: lldp: router | switch: lldp: bridge"]);
}

#[test]
fn cdp_shows_the_same() {
    check_hosts(
        &["0 cdp 01 sw1 Gi1 does=40 ip=10.0.0.2", "0 cdp 02 sw1 Gi2 does=40 ip=10.0.0.2"],
        &["01+02 | \"sw1\" | switch: cdp: Switch IGMP"],
    );
    // Two that nobody named.
    check_hosts(
        &["0 cdp 01 Switch Gi1 does=40", "0 cdp 02 Switch Gi1 does=40"],
        &["01 | \"Switch\" | switch: cdp: Switch IGMP", "02 | \"Switch\" | switch: cdp: Switch IGMP"],
    );
    check_hosts(&["0 cdp 01 ap Gi0 does=3"], &["01 | \"ap\""]);
    let bridges = |does| known(&[&format!("0 cdp 01 x Gi0 does={does}")]).neighbours[0].bridges;
    assert_eq!([2, 3, 11, 40, 0x82].map(bridges), [true, false, true, true, false], "an access point is no switch");
    check_hosts(&["0 cdp 01 SEP1 Port1 does=144"], &["01 | \"SEP1\" | phone: cdp: Host Phone"]);
}

#[test]
fn ids_that_are_no_text_are_written_readably() {
    let neighbour = |device: &str| {
        let neighbours = known(&[&format!("0 cdp 01 {device} Gi\0 does=40")]).neighbours;
        (neighbours[0].chassis.clone(), neighbours[0].port.clone(), neighbours[0].name.clone())
    };
    assert_eq!(neighbour("\0\u{1b}T\u{1}\u{2}\u{3}"), ("00:1b:54:01:02:03".to_owned(), "Gi".to_owned(), None));
    assert_eq!(neighbour("a\u{1}").0, "6101");
    assert_eq!(neighbour("sw1\0"), ("sw1".to_owned(), "Gi".to_owned(), Some("sw1".to_owned())));
    check_hosts(&["0 cdp 01 \0\u{1b}T\u{1}\u{2}\u{3} Gi1 does=40"], &["01 | switch: cdp: Switch IGMP"]);
}

#[test]
fn stations_known_before_are_joined_without_an_event() {
    // The spanning tree is heard first, by two ports, and the switch's own station by ARP.
    let lines = ["0 stp 01 0a 1", "1 arp 10.0.0.2 0a", "2 stp 02 0a 2", "30 lldp 01 0a Gi1 name=sw1", "90 finish"];
    check(&lines, &["new-host 10.0.0.2 0a"]);
    check_hosts(&lines, &["01+02+0a | \"sw1\" | switch: stp bridge"]);
    check(
        &["0 stp 01 0a 1", "9 arp 10.0.0.2 0a", "20 stp 01 0a 1", "90 finish"],
        &["new-host 01", "new-address 10.0.0.2 0a"],
    );
}

#[test]
fn a_switchs_own_station_is_known_before_it_sends() {
    check(
        &["0 lldp 01 0a Gi1 name=sw1", "9 arp 10.0.0.2 0a", "60 finish"],
        &["new-host 01 \"sw1\"", "new-address 10.0.0.2 0a \"sw1\""],
    );
    check_hosts(&["0 lldp 01 0a Gi1 name=sw1", "9 igmp 0a 10.0.0.2"], &["01+0a | \"sw1\""]);
}

#[test]
fn two_stations_with_addresses_are_not_joined() {
    // Somebody says that he is the switch.
    check_hosts(
        &["0 arp 10.0.0.2 0a", "0 arp 10.0.0.66 66", "1 lldp 66 0a Gi1 does=4"],
        &["0a", "66 | switch: lldp: bridge"],
    );
    check_hosts(&["0 lldp 01 factory 1", "0 lldp 02 factory 1"], &["01", "02"]);
    check_hosts(&["0 lldp 01 rack 1 name=sw1", "0 lldp 02 rack 2 name=sw1"], &["01+02 | \"sw1\""]);
}

#[test]
fn a_management_address_never_moves_an_address() {
    let lines = ["0 arp 10.0.0.2 0b", "1 lldp 01 0a Gi1 mgmt=10.0.0.2", "90 finish"];
    check(&lines, &["new-host 10.0.0.2 0b", "new-host 01"]);
    check_holders(&lines, &["10.0.0.2 0b"]);
    // The switch's own station answers later: nothing moved.
    let lines = ["0 lldp 01 0a Gi1 mgmt=10.0.0.2", "9 arp 10.0.0.2 0b", "90 lldp 01 0a Gi1 mgmt=10.0.0.2", "99 finish"];
    check(&lines, &["new-host 10.0.0.2 01", "new-host 10.0.0.2 0b"]);
    check_holders(&lines, &["10.0.0.2 0b"]);
    // Another station of the switch itself: the address was told with it.
    let lines = ["0 lldp 01 0a Gi1 mgmt=10.0.0.2", "9 arp 10.0.0.2 0a", "90 lldp 01 0a Gi1 mgmt=10.0.0.2", "99 finish"];
    check(&lines, &["new-host 10.0.0.2 01"]);
    check_holders(&lines, &["10.0.0.2 0a"]);
    // Foreign, and no address at all.
    check_holders(&["0 lldp 01 0a Gi1 mgmt=0.0.0.0,127.0.0.1,224.0.0.1"], &[]);
    check_with(
        with_prefixes(),
        Limits::default(),
        &["0 lldp 01 0a Gi1 mgmt=192.168.7.1", "1 lldp 02 0b Gi1 mgmt=10.0.0.2", "9 finish"],
        &["new-host 10.0.0.2 02", "new-host 01"],
    );
}

#[test]
fn a_neighbour_expires_with_its_announcement() {
    check_ports(&["0 lldp 01 0a Gi1", "0 lldp 02 0a Gi2 ttl=30"], &["Gi1", "Gi2"]);
    check_ports(&["0 lldp 01 0a Gi1", "0 lldp 02 0a Gi2 ttl=30", "60 wait"], &["Gi1"]);
    check_ports(&["0 lldp 01 0a Gi1", "100 lldp 01 0a Gi1", "200 wait"], &["Gi1"]);
    check_ports(&["0 lldp 01 0a Gi1", "100 restart", "121 wait"], &[]);
    check_ports(&["0 lldp 01 0a Gi1", "9 lldp 01 0a Gi1 ttl=0"], &[]);
    check_ports(&["0 lldp 01 0a Gi1", "9 lldp 01 0a Gi1 ttl=0", "19 lldp 01 0a Gi1"], &["Gi1"]);
    check_ports(&["0 lldp 01 0a Gi1 ttl=0"], &[]);
}

#[test]
fn another_system_name_is_reported() {
    check(
        &["0 lldp 01 0a Gi1 name=sw1", "30 lldp 01 0a Gi1 name=sw2", "60 lldp 02 0a Gi2 name=sw2"],
        &["new-host 01 \"sw1\"", "name-changed 01 \"sw2\""],
    );
}

const GROUP: &str = "00:00:5e:00:01:07";

#[test]
fn a_redundancy_group_is_a_router_with_a_station_of_its_own() {
    let lines = [
        "0 arp 10.0.0.11 11",
        "1 vrrp 00:00:5e:00:01:07 7 10.0.0.11 10.0.0.1",
        "2 announce 10.0.0.1 00:00:5e:00:01:07",
        "60 finish",
    ];
    check(&lines, &["new-host 10.0.0.11 11", &format!("new-host 10.0.0.1 {GROUP}")]);
    check_hosts(&lines, &["07 | router: vrrp group 7", "11"]);
    check_holders(&lines, &["10.0.0.1 07", "10.0.0.11 11"]);
    // By its own station, and the group's is known.
    check_hosts(
        &["0 announce 10.0.0.1 00:00:5e:00:01:07", "1 vrrp 11 7 10.0.0.11 10.0.0.1"],
        &["07 | router: vrrp group 7", "11 | router: vrrp group 7"],
    );
    check_hosts(&["0 carp 00:00:5e:00:01:03 3 10.0.0.11"], &["03 | router: carp group 3"]);
    check_hosts(
        &["0 hsrp 00:00:0c:07:ac:05 5 10.0.0.11 10.0.0.1", "0 hsrp 12 5 10.0.0.12 10.0.0.1"],
        &["05 | router: hsrp group 5", "12 | router: hsrp group 5"],
    );
}

#[test]
fn a_router_answers_for_its_group_by_its_own_station() {
    let hello = format!("0 vrrp {GROUP} 7 10.0.0.11 10.0.0.1");
    let new = format!("new-host 10.0.0.1 {GROUP}");
    check(&[&hello, &format!("1 reply 10.0.0.1 {GROUP}/11"), "9 finish"], &[&new, "new-host 11"]);
    // Another address, or another station than the group's.
    let other = format!("1 reply 10.0.0.5 {GROUP}/11");
    check(&[&hello, &other], &[&new, &format!("mac-mismatch 10.0.0.5 {GROUP}")]);
    check(&[&hello, "1 reply 10.0.0.1 66/11"], &[&new, "mac-mismatch 10.0.0.1 66 alert"]);
}

#[test]
fn routers_of_a_pair_alternate_and_are_not_new_again() {
    let turns = [
        "0 ra fe80::1 00:00:5e:00:02:07 1800",
        "0 arp 10.0.0.11 11",
        "1 vrrp 00:00:5e:00:01:07 7 10.0.0.11 10.0.0.1",
        "60 vrrp 00:00:5e:00:01:07 7 10.0.0.12 10.0.0.1",
        "61 announce 10.0.0.1 00:00:5e:00:01:07",
        "62 ra fe80::2 00:00:5e:00:02:07 1800",
    ];
    let expected =
        ["new-router fe80::1 00:00:5e:00:02:07", "new-host 10.0.0.11 11", &format!("new-host 10.0.0.1 {GROUP}")];
    let events = known_events(&turns);
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "new-router").count(), 1, "{expected:?}");
    assert!(!kinds.contains(&"changed-mac") && !kinds.contains(&"flip-flop"), "{kinds:?}");
}

fn known_events(input: &[&str]) -> Vec<Event> {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    input.iter().for_each(|line| step(&mut correlator, &settings(), Limits::default(), line, &mut events));
    events
}

#[test]
fn an_address_that_passes_within_a_group_is_a_failover() {
    check(
        &[
            "0 vrrp 11 7 10.0.0.11 10.0.0.1",
            "0 arp 10.0.0.1 11",
            "9 vrrp 12 7 10.0.0.12 10.0.0.1",
            "9 announce 10.0.0.1 12",
        ],
        &["new-host 10.0.0.1 11", "new-host 10.0.0.1 12", "changed-mac 10.0.0.1 12 old 11 failover info"],
    );
}

#[test]
fn a_load_balancer_answers_by_several_stations() {
    check(
        &[
            "0 reply 10.0.0.1 00:07:b4:00:09:01",
            "1 reply 10.0.0.1 00:07:b4:00:09:02",
            "2 reply 10.0.0.1 00:07:b4:00:09:01",
            "3 glbp 11 9 10.0.0.11 10.0.0.1",
            "9 finish",
        ],
        &["new-host 10.0.0.1 00:07:b4:00:09:01", "new-host 00:07:b4:00:09:02", "new-host 11"],
    );
}

#[test]
fn membership_refreshes_and_binds_nothing() {
    check(&["0 igmp 01 10.0.0.5", "9 finish"], &["new-host 01"]);
    check_holders(&["0 igmp 01 10.0.0.5"], &[]);
    check_holders(&["0 arp 10.0.0.5 02", "1 igmp 01 10.0.0.5"], &["10.0.0.5 02"]);
    let rows = known(&["0 arp 10.0.0.5 01", "50 igmp 01 10.0.0.5"]);
    assert_eq!(rows.bindings[0].holders[0].last_seen, time("50"));
}

#[test]
fn dhcp_option_3_makes_a_router() {
    check_hosts(
        &["0 arp 10.0.0.1 01", "0 arp 10.0.0.9 09", "1 dhcp ack 03/09 server=10.0.0.9 router=10.0.0.1 yiaddr=10.0.0.3"],
        &["01 | router: dhcp option 3", "03", "09 | dhcp-server: dhcp"],
    );
    // DHCPv6's, whose address is known before it serves.
    check_hosts(&["0 ns fe80::9 09", "5 dhcp6 advertise fe80::9 09 client=03"], &["09 | dhcp-server: dhcp"]);
}

#[test]
fn roles_do_not_depend_on_the_order_of_messages() {
    let ack = "1 dhcp ack 03/09 server=10.0.0.9 router=10.0.0.1 yiaddr=10.0.0.3";
    let expected = ["01 | router: dhcp option 3", "03", "09 | dhcp-server: dhcp"];
    check_hosts(&[ack, "2 arp 10.0.0.1 01", "2 arp 10.0.0.9 09"], &expected);
    check_hosts(&[ack, "2 restart", "2 arp 10.0.0.1 01", "2 arp 10.0.0.9 09"], &expected);
    check_hosts(
        &["0 vrrp 11 7 10.0.0.11 10.0.0.1", "1 announce 10.0.0.1 00:00:5e:00:01:07"],
        &["07 | router: vrrp group 7", "11 | router: vrrp group 7"],
    );
    check_read_twice(&[ack, "2 arp 10.0.0.1 01", "3 lldp 02 0a Gi1 name=sw1 mgmt=10.0.0.2", "4 arp 10.0.0.2 0a"]);
    check_read_twice(&[
        "0 arp 10.0.0.2 0a",
        "1 stp 02 0a 1",
        "2 stp 03 0a 2",
        "3 lldp 02 0a Gi1 ttl=1",
        "9 igmp 04 10.0.0.4",
    ]);
}

#[test]
fn hostile_repeats_stay_bounded() {
    let limits = Limits { neighbours_max: 8, ..Limits::default() };
    let mut correlator = Correlator::new(settings(), limits, Rows::default(), 1);
    let mut events = Vec::new();
    for i in 0..600 {
        let line = format!("0 lldp 02:00:00:00:{:02x}:{:02x} 0a Gi{i}", 1 + i / 256, i % 256);
        step(&mut correlator, &settings(), limits, &line, &mut events);
        step(&mut correlator, &settings(), limits, &format!("0 vrrp 77 {} 10.0.0.7", 1 + i % 255), &mut events);
    }
    let rows = correlator.snapshot();
    assert!(rows.neighbours.len() <= 8);
    assert!(rows.hosts.iter().flat_map(|host| host.roles.values()).all(|evidence| evidence.len() <= 8));
    let largest = rows.hosts.iter().map(|host| rows.stations.iter().filter(|s| s.host == host.id).count()).max();
    assert!(largest.is_some_and(|count| count > 1 && count <= 256), "{largest:?}");
}

#[test]
fn a_switch_port_that_takes_an_address_is_told() {
    let switch = ["0 stp 11 10 1", "0.1 stp 12 10 2", "1 arp 10.0.0.2 10", "4 wait"];
    let then = |lines: &[&'static str]| [&switch[..], lines].concat();
    let new = "new-host 10.0.0.2 10";
    let told = "new-address 10.0.0.66 13 notice";
    check(&then(&["90 stp 13 10 3", "91 arp 10.0.0.66 13"]), &[new, told]);
    check(&then(&["90 lldp 13 10 p3", "91 arp 10.0.0.66 13", "92 arp 10.0.0.66 13"]), &[new, told]);
    check(&then(&["90 lldp 13 10 p3", "90.5 restart", "91 arp 10.0.0.66 13"]), &[new, told]);
    // It announced the address before, as the switch's own.
    check(&then(&["90 lldp 13 10 p3 mgmt=10.0.0.66", "91 arp 10.0.0.66 13"]), &[new, told]);
    // One more of the switch's IPv6 prefix would not be told of the switch itself.
    check(
        &then(&["2 ns 2001:db8::2 10", "90 stp 13 10 3", "91 ns 2001:db8::66 13"]),
        &[new, "new-address 2001:db8::2 10", "new-address 2001:db8::66 13 notice"],
    );
    // The switch itself, which its ports named before.
    check(&["0 stp 11 10 1", "4 wait", "900 arp 10.0.0.2 10"], &["new-host 11", "new-address 10.0.0.2 10"]);
    // A second station that a late port vouches for is as late.
    check(
        &then(&["90 stp 13 10 3", "91 stp 13 14 3", "92 arp 10.0.0.66 14"]),
        &[new, "new-address 10.0.0.66 14 notice"],
    );
    // A new switch is one event.
    check(
        &["0 stp 11 10 1", "4 wait", "5 stp 12 10 2", "6 arp 10.0.0.2 12"],
        &["new-host 11", "new-address 10.0.0.2 12"],
    );
    let learning = Settings { learning_until: Some(time("600")), ..settings() };
    let input = then(&["90 stp 13 10 3", "91 arp 10.0.0.66 13"]);
    check_with(learning, Limits::default(), &input, &["new-host 10.0.0.2 10 info", "new-address 10.0.0.66 13"]);
}
