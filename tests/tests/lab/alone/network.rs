//! The sensor on a mirror port of a switch with real daemons and hosts behind it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::types::{Mac, MacKind};
use sensor_tests::frames;
use sensor_tests::lab::sensor_process::{SensorProcess, of_kind};
use sensor_tests::lab::{self, Host, HostKind, Lab, MIRROR, NOBODY, SERVER, SERVICE_PORT, VENDOR_CLASS, sender, wait};
use serde_json::{Value, json};

const FLAGS: [&str; 4] = ["--mirror", MIRROR, "--learning", "0"];
const STORM: u32 = 200_000;
const SPEAKERS: u32 = 400;

#[test]
fn every_host_is_found_and_every_move_is_reported_once() {
    if !lab::possible() {
        return;
    }
    let mut lab = Lab::build().unwrap();
    let sensor = SensorProcess::start(&lab.probe, lab.folder.path(), &FLAGS).unwrap();
    lab.start_hosts().unwrap();
    check_hosts(&lab, &sensor);
    check_moves(&lab, &sensor);
    check_storm(&lab, &sensor);
    check_end(&lab, sensor);
    check_nothing_else(&lab);
}

#[test]
fn what_the_ring_cannot_hold_is_reported_and_counted() {
    if !lab::possible() {
        return;
    }
    let lab = Lab::build().unwrap();
    // The smallest ring, and messages that the gate does not hold back.
    let flags = ["--mirror", MIRROR, "--learning", "0", "--ring", "65536"];
    let sensor = SensorProcess::start(&lab.probe, lab.folder.path(), &flags).unwrap();
    let speaker = &lab.host("static").namespace;
    speaker.sh("ip link set eth0 up").unwrap();
    let options = [&[0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255][..], &[0; 300]].concat();
    let mut message = vec![0; 236];
    message[..3].copy_from_slice(&[1, 1, 6]);
    message[28..34].copy_from_slice(&[0x00, 0x0c, 0x29, 0, 0, 0x20]);
    message.extend_from_slice(&options);
    // So many senders that none of them is policed, and none sends the same message twice in a row.
    let storm: Vec<Vec<u8>> = (0..2 * SPEAKERS)
        .map(|turn| {
            let speaker = turn % SPEAKERS;
            message[4] = u8::from(turn == speaker);
            let mut frame = frames::ipv4([0; 4], [255; 4], 17, 0, &frames::udp(68, 67, &message));
            frame[6..12].copy_from_slice(&[0x00, 0x0c, 0x29, 1, (speaker >> 8) as u8, speaker as u8]);
            frame
        })
        .collect();
    sender::storm(speaker, "eth0", &storm, STORM / 4 / SPEAKERS).unwrap();
    sensor.wait_for("sensor-loss", |events| !of_kind(events, "sensor-loss").is_empty()).unwrap();
    assert!(sensor.stop().unwrap().success());
    let events = lab::sensor_process::events(lab.folder.path()).unwrap();
    let stopped = &of_kind(&events, "sensor-stopped")[0]["details"];
    let count = |outcome: &str| stopped[format!("{outcome}_dhcp")].as_u64().unwrap_or(0);
    assert_eq!(count("seen"), u64::from(STORM / 2), "{stopped:#}");
    assert_eq!(count("seen"), count("passed") + count("lost"), "{stopped:#}");
    let told: u64 =
        of_kind(&events, "sensor-loss").iter().filter_map(|event| event["details"]["lost_dhcp"].as_u64()).sum();
    assert_eq!(told, count("lost"), "every loss is told, once");
}

/// Every host is exported correctly, and reported once.
fn check_hosts(lab: &Lab, sensor: &SensorProcess) {
    for host in &lab.hosts {
        let seen = wait::until(host.name, || Ok(Some(sensor.export()?).filter(|records| is_complete(host, records))));
        let records = seen.unwrap_or_else(|error| panic!("{error}: {:#?}", sensor.export()));
        check_host(lab, host, &records);
    }
    let events =
        sensor.wait_for("everybody to be told", |events| of_kind(events, "new-host").len() >= lab.hosts.len()).unwrap();
    let mut told: Vec<String> = of_kind(&events, "new-host").iter().map(|event| text(event, "mac")).collect();
    told.sort();
    let mut hosts: Vec<String> = lab.hosts.iter().map(|host| host.mac.to_string()).collect();
    hosts.sort();
    assert_eq!(told, hosts, "one new-host for each host, and none for the switch or the sensor");
    assert!(of_kind(&events, "changed-mac").is_empty() && of_kind(&events, "flip-flop").is_empty());
    assert_eq!(of_kind(&events, "new-dhcp-server").len(), 1);
}

/// Whether the last fact about a host has arrived.
fn is_complete(host: &Host, records: &[Value]) -> bool {
    match host.kind {
        HostKind::Announcing => {
            services(records, host.mac).iter().any(|service| service["port"] == SERVICE_PORT)
                && is_named(of_mac(records, host.mac)[0], host.name, "mdns")
        }
        HostKind::Dhcp => field(records, host.mac, "dhcp").is_some_and(|dhcp| dhcp["lease_until"].is_string()),
        HostKind::Ipv6Only(address) => holds(records, host.mac, address.into()),
        HostKind::Server(address) | HostKind::Static(address) | HostKind::Tagged(address, _) => {
            holds(records, host.mac, address.into())
        }
    }
}

fn check_host(lab: &Lab, host: &Host, records: &[Value]) {
    let all = of_mac(records, host.mac);
    let name = host.name;
    assert!(!all.is_empty(), "{name}");
    for record in &all {
        match host.mac.kind() {
            MacKind::Local => {
                assert_eq!((&record["mac_kind"], record.get("vendor")), (&"local".into(), None), "{name}")
            }
            _ => {
                assert_eq!(record["mac_kind"], "universal", "{name}");
                assert!(record["vendor"].as_str().is_some_and(|vendor| !vendor.is_empty()), "{name}: {record}");
            }
        }
        let (segment, vlan) = match host.kind {
            HostKind::Tagged(_, [outer, inner]) => (format!("{MIRROR}.{outer}.{inner}"), Some(vec![outer, inner])),
            _ => (MIRROR.to_owned(), None),
        };
        assert_eq!(record["segment"], segment, "{name}");
        assert_eq!(record.get("vlan").map(|vlan| serde_json::from_value(vlan.clone()).unwrap()), vlan, "{name}");
        assert!(record["first_seen"].as_str() <= record["last_seen"].as_str(), "{name}: {record}");
    }
    let ipv4 = match host.kind {
        HostKind::Ipv6Only(_) => None,
        HostKind::Server(address) | HostKind::Static(address) | HostKind::Tagged(address, _) => Some(address),
        HostKind::Announcing | HostKind::Dhcp => Some(lab.ipv4_of(name).unwrap()),
    };
    let own = lab.ipv6_of(name).unwrap();
    for ip in all.iter().filter_map(|record| text(record, "ip").parse::<Ipv6Addr>().ok()) {
        assert!(own.contains(&ip), "{name} has {own:?}, not {ip}");
    }
    let exported: Vec<Ipv4Addr> = all.iter().filter_map(|record| text(record, "ip").parse().ok()).collect();
    assert_eq!(exported, Vec::from_iter(ipv4), "{name}");
    let sources = |ip: IpAddr| {
        let record = all.iter().find(|record| record["ip"] == ip.to_string()).unwrap();
        serde_json::from_value::<Vec<String>>(record["sources"].clone()).unwrap()
    };
    if let Some(ip) = ipv4 {
        assert!(sources(ip.into()).contains(&"arp".to_owned()), "{name}");
    }
    match host.kind {
        HostKind::Announcing | HostKind::Dhcp => {
            let record = &all[0];
            assert_eq!(record["hostname"], name);
            assert!(is_named(record, name, "dhcp"), "{record}");
            let from = sources(ipv4.unwrap().into());
            assert!(from.contains(&"dhcp".to_owned()), "{name}: {from:?}");
            assert_eq!(from.contains(&"mdns".to_owned()), host.kind == HostKind::Announcing, "{name}: {from:?}");
            let dhcp = &record["dhcp"];
            assert_eq!((&dhcp["hostname"], &dhcp["vendor_class"]), (&name.into(), &VENDOR_CLASS.into()));
            assert_eq!((&dhcp["parameters"], &dhcp["server"]), (&json!([1, 28, 3, 6]), &SERVER.to_string().into()));
            assert!(dhcp["lease_until"].as_str() > record["first_seen"].as_str());
        }
        HostKind::Ipv6Only(address) => assert_eq!(sources(address.into()), ["ndp"]),
        HostKind::Server(_) | HostKind::Static(_) | HostKind::Tagged(..) => {}
    }
}

/// An address passes to another MAC, and back, slowly and within an instant.
fn check_moves(lab: &Lab, sensor: &SensorProcess) {
    let (old, new) = (lab.host("static").mac, Mac([0x00, 0x0c, 0x29, 0, 0, 0x99]));
    let ip = Ipv4Addr::new(10, 77, 0, 20);
    lab.change_mac("static", new, ip).unwrap();
    let events = sensor.wait_for("changed-mac", |events| !of_kind(events, "changed-mac").is_empty()).unwrap();
    let changed = of_kind(&events, "changed-mac");
    assert_eq!(changed.len(), 1, "{changed:#?}");
    check_move(changed[0], ip, new, old);
    assert_eq!(changed[0]["reason"], "unknown");

    lab.change_mac("static", old, ip).unwrap();
    let events = sensor.wait_for("flip-flop", |events| !of_kind(events, "flip-flop").is_empty()).unwrap();
    let flips = of_kind(&events, "flip-flop");
    assert_eq!(flips.len(), 1, "{flips:#?}");
    check_move(flips[0], ip, old, new);
    let records = sensor.export().unwrap();
    let record = records.iter().find(|record| record["ip"] == ip.to_string()).unwrap();
    assert_eq!((text(record, "mac"), &record["previous_macs"]), (old.to_string(), &json!([new.to_string()])));

    // A-B-A at once: within the kernel's interval for repeats, which must not hold back the second A.
    let (a, b, ip) = (Mac([0x00, 0x50, 0x56, 0, 1, 1]), Mac([0x00, 0x50, 0x56, 0, 1, 2]), Ipv4Addr::new(10, 77, 0, 60));
    let frames = [a, b, a].map(|mac| sender::arp_request(mac, ip, SERVER, &[]));
    sender::send(&lab.host("static").namespace, "eth0", &frames).unwrap();
    let events = sensor.wait_for("a second flip-flop", |events| of_kind(events, "flip-flop").len() > 1).unwrap();
    let (changed, flips) = (of_kind(&events, "changed-mac"), of_kind(&events, "flip-flop"));
    assert_eq!((changed.len(), flips.len()), (2, 2));
    check_move(changed[1], ip, b, a);
    check_move(flips[1], ip, a, b);
}

fn check_move(event: &Value, ip: Ipv4Addr, mac: Mac, old_mac: Mac) {
    let expected = [ip.to_string(), mac.to_string(), old_mac.to_string()];
    assert_eq!(["ip", "mac", "old_mac"].map(|key| text(event, key)), expected, "{event:#}");
}

/// One host repeats itself very often: nothing more is reported, and every frame is accounted for.
fn check_storm(lab: &Lab, sensor: &SensorProcess) {
    let (mac, ip) = (Mac([0x00, 0x50, 0x56, 0, 2, 1]), Ipv4Addr::new(10, 77, 0, 61));
    // No host answers, so that only the frames of the storm are counted.
    let frame = sender::arp_request(mac, ip, NOBODY, &[]);
    sender::storm(&lab.host("static").namespace, "eth0", &[frame], STORM).unwrap();
    let about = |events: &[Value]| events.iter().filter(|event| event["ip"] == ip.to_string()).count();
    let events = sensor.wait_for("the storm's host", |events| about(events) > 0).unwrap();
    assert_eq!(about(&events), 1, "the host is new once, and no repeat is told");
}

/// The sensor stops on SIGTERM, accounts for every frame, and leaves nothing behind.
fn check_end(lab: &Lab, sensor: SensorProcess) {
    let link = || lab.probe.output(&format!("ip -d link show {MIRROR}")).unwrap();
    assert!(link().contains("xdp") && link().contains("promiscuity 1"), "{}", link());
    let folder = lab.folder.path();
    // A frame that arrives while the sensor stops would be counted on one side only.
    lab.unplug().unwrap();
    assert!(sensor.stop().unwrap().success());
    assert!(!link().contains("xdp") && link().contains("promiscuity 0"), "{}", link());
    let events = lab::sensor_process::events(folder).unwrap();
    let stopped = &of_kind(&events, "sensor-stopped")[0]["details"];
    let count = |outcome: &str, class: &str| stopped[format!("{outcome}_{class}")].as_u64().unwrap_or(0);
    for class in ["arp", "ndp", "dhcp", "mdns"] {
        let accounted = count("passed", class) + count("gated", class) + count("lost", class);
        assert_eq!(count("seen", class), accounted, "{class}: {stopped:#}");
    }
    // The switch counts what it sent to the mirror port, and what it dropped there.
    let (sent, dropped) = lab.mirrored().unwrap();
    let seen = stopped.as_object().unwrap().iter().filter(|(key, _)| key.starts_with("seen_"));
    assert_eq!(seen.filter_map(|(_, value)| value.as_u64()).sum::<u64>(), sent, "{stopped:#}");
    let (seen, storm) = (count("seen", "arp"), u64::from(STORM));
    assert!(seen + dropped >= storm, "{stopped:#}");
    assert!(seen < storm + storm / 10, "each frame is mirrored once: {stopped:#}");
    assert!(count("gated", "arp") > 0, "{stopped:#}");
    let of_switch = lab.switch_macs().unwrap();
    assert!(events.iter().all(|event| of_switch.iter().all(|mac| event["mac"] != mac.to_string())));
}

/// Everything that happened was reported once, and nothing else was.
fn check_nothing_else(lab: &Lab) {
    let events = lab::sensor_process::events(lab.folder.path()).unwrap();
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &events {
        *told.entry(event["kind"].as_str().unwrap()).or_default() += 1;
    }
    // When and whether a host uses each of its IPv6 addresses is up to its kernel; losses are checked elsewhere.
    assert!(of_kind(&events, "new-address").iter().all(|event| text(event, "ip").parse::<Ipv6Addr>().is_ok()));
    told.retain(|kind, _| !["new-address", "sensor-loss"].contains(kind));
    // The stations to which an address moved, and the one of the storm, are new as well.
    let expected = [
        ("changed-mac", 2),
        ("flip-flop", 2),
        ("new-dhcp-server", 1),
        ("new-host", lab.hosts.len() + 4),
        ("sensor-started", 1),
        ("sensor-stopped", 1),
    ];
    assert_eq!(told, BTreeMap::from(expected), "{events:#?}");
}

fn is_named(record: &Value, name: &str, source: &str) -> bool {
    record["names"].as_array().is_some_and(|names| names.contains(&json!({"name": name, "source": source})))
}

fn of_mac(records: &[Value], mac: Mac) -> Vec<&Value> {
    records.iter().filter(|record| record["mac"] == mac.to_string()).collect()
}

fn field<'a>(records: &'a [Value], mac: Mac, key: &str) -> Option<&'a Value> {
    of_mac(records, mac).first()?.get(key)
}

fn services(records: &[Value], mac: Mac) -> Vec<Value> {
    field(records, mac, "services").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn holds(records: &[Value], mac: Mac, ip: IpAddr) -> bool {
    of_mac(records, mac).iter().any(|record| record["ip"] == ip.to_string())
}

fn text(record: &Value, key: &str) -> String {
    record[key].as_str().unwrap_or_default().to_owned()
}
