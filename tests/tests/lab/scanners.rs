//! Real scanners are reported once each; the sensor's own sweep and a busy client are not.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::lab;
use sensor_tests::lab::hub::{Hub, IFACE};
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sender::{self, arp_request};
use sensor_tests::lab::sensor_process::{SensorProcess, of_kind};
use sensor_tests::{frames, lab::wait};
use serde_json::Value;
use tempfile::TempDir;

const FLAGS: [&str; 5] = ["--mirror", IFACE, "--learning", "0", "--passive"];
const HOST: Mac = Mac([0, 0x0c, 0x29, 0x5c, 0, 2]);
const SWEEPER: Mac = Mac([0, 0x0c, 0x29, 0x5c, 0, 7]);
const PORTER: Mac = Mac([0, 0x0c, 0x29, 0x5c, 0, 8]);
const BUSY: Mac = Mac([0, 0x0c, 0x29, 0x5c, 0, 9]);
const UDP_PORTER: Mac = Mac([0, 0x0c, 0x29, 0x5c, 0, 6]);
/// Sent last: once it is known, everything before it has been handled.
const MARKER: Mac = Mac([0, 0x0c, 0x29, 0x5c, 0, 250]);

#[test]
fn scanners_are_reported_once_each_and_no_other_host_is() {
    if !lab::has_scanners() {
        return;
    }
    let (hub, folder) = (Hub::build().unwrap(), TempDir::new().unwrap());
    // The sensor has an address from which it sweeps.
    hub.listener.sh(&format!("ip addr add 10.92.0.1/24 dev {IFACE}")).unwrap();
    let sensor = SensorProcess::start(&hub.listener, folder.path(), &FLAGS).unwrap();
    let _host = hub.plug_in("host", HOST, &["10.92.0.2/24".parse().unwrap()]).unwrap();
    let sweeper = hub.plug_in("sweeper", SWEEPER, &["10.92.0.7/24".parse().unwrap()]).unwrap();
    let porter = hub.plug_in("porter", PORTER, &["10.92.0.8/24".parse().unwrap()]).unwrap();
    let busy = hub.plug_in("busy", BUSY, &["10.92.0.9/24".parse().unwrap()]).unwrap();

    sender::send(&busy, IFACE, &busy_client()).unwrap();
    let sweep = hub.listener.command(sensor_binary()).args(["scan", "10.92.0.0/24", "--json"]).output().unwrap();
    assert!(sweep.status.success(), "{}", String::from_utf8_lossy(&sweep.stderr));
    await_marker(&hub, &sensor, 1);
    assert_eq!(scans(&sensor.events().unwrap()), Vec::<Value>::new());

    // Twice, but reported once.
    for _ in 0..2 {
        run(&sweeper, &["nmap", "-n", "-sn", "-T4", "10.92.0.0/24"]);
    }
    run(&porter, &["nmap", "-n", "-Pn", "-sS", "-T4", "-p1-1000", "10.92.0.2"]);
    run(&porter, &["nmap", "-n", "-Pn", "-sT", "-T4", "-p1-1000", "10.92.0.2"]);
    await_marker(&hub, &sensor, 2);
    let told: Vec<String> = scans(&sensor.events().unwrap()).iter().map(words).collect();
    assert_eq!(
        told,
        [
            format!("arp-scan {SWEEPER} 10.92.0.7 null warning"),
            format!("port-scan {PORTER} 10.92.0.8 \"10.92.0.2\" warning"),
        ]
    );

    // After a restart it is not reported again.
    assert!(sensor.stop().unwrap().success());
    let sensor = SensorProcess::start(&hub.listener, folder.path(), &FLAGS).unwrap();
    run(&sweeper, &["nmap", "-n", "-sn", "-T4", "10.92.0.0/24"]);
    await_marker(&hub, &sensor, 3);
    assert_eq!(scans(&sensor.events().unwrap()).len(), 2);
    assert!(sensor.stop().unwrap().success());
}

#[test]
fn scans_without_connections_are_reported_once_each() {
    if !lab::has_scanners() {
        return;
    }
    let (hub, folder) = (Hub::build().unwrap(), TempDir::new().unwrap());
    let sensor = SensorProcess::start(&hub.listener, folder.path(), &FLAGS).unwrap();
    let _host = hub.plug_in("host", HOST, &["10.92.0.2/24".parse().unwrap()]).unwrap();
    let mut expected = Vec::new();
    for (last, flag, technique) in [
        (11, "-sF", "tcp-without-ack"),
        (12, "-sN", "tcp-without-ack"),
        (13, "-sX", "tcp-without-ack"),
        (14, "-sU", "udp"),
    ] {
        let mac = Mac([0, 0x0c, 0x29, 0x5c, 0, last]);
        let own = format!("10.92.0.{last}");
        let scanner = hub.plug_in(&format!("scanner{last}"), mac, &[format!("{own}/24").parse().unwrap()]).unwrap();
        // A closed UDP port is answered once a second, and nmap would wait for that.
        let rest = ["-T4", "--min-rate", "200", "--max-retries", "0", "-p1-200", "10.92.0.2"];
        run(&scanner, &[&["nmap", "-n", "-Pn", flag][..], &rest].concat());
        expected.push(format!("port-scan {mac} {own} \"10.92.0.2\" warning {technique}"));
    }
    await_marker(&hub, &sensor, 4);
    let with_technique =
        |event: &Value| format!("{} {}", words(event), event["details"]["technique"].as_str().unwrap());
    let told: Vec<String> = scans(&sensor.events().unwrap()).iter().map(with_technique).collect();
    assert_eq!(told, expected);
    assert!(sensor.stop().unwrap().success());
}

#[test]
fn a_scan_in_a_capture_is_reported() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("scan.pcap");
    let sweep = (1..=254).map(|n| arp_request(SWEEPER, Ipv4Addr::new(10, 92, 0, 7), Ipv4Addr::new(10, 92, 0, n), &[]));
    // An ARP probe has no sender address; a scan may omit it too.
    let nameless = (1..=254).map(|n| arp_request(PORTER, Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(10, 92, 0, n), &[]));
    let ports = (1..=200).map(|port| syn(HOST, [10, 92, 0, 2], [10, 92, 0, 9], port));
    let empty = (20_000..20_200).map(|port| datagram(UDP_PORTER, [10, 92, 0, 6], [10, 92, 0, 9], [40_000, port], 0));
    write_capture(&file, sweep.chain(nameless).chain(ports).chain(empty).chain(busy_client()).chain(many_flows()));
    let output = Command::new(sensor_binary())
        .args(["replay", "--events", "-"])
        .arg(&file)
        .env_remove("JOURNAL_STREAM")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let lines: Vec<Value> =
        output.stdout.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let told: Vec<String> = scans(&lines).iter().map(words).collect();
    assert_eq!(
        told,
        [
            format!("arp-scan {SWEEPER} 10.92.0.7 null warning"),
            format!("arp-scan {PORTER} null null warning"),
            format!("port-scan {HOST} 10.92.0.2 \"10.92.0.9\" warning"),
            format!("port-scan {UDP_PORTER} 10.92.0.6 \"10.92.0.9\" warning"),
        ],
        "{output:?}"
    );
}

/// Thirty neighbours, and three hundred connections to the two ports of fifty hosts.
fn busy_client() -> Vec<Vec<u8>> {
    let own = [10, 92, 0, 9];
    let neighbours = (100..130).map(|n| arp_request(BUSY, own.into(), Ipv4Addr::new(10, 92, 0, n), &[]));
    let connections = (0..300_u16).map(|n| {
        let port = if n % 2 == 0 { 80 } else { 443 };
        syn(BUSY, own, [198, 51, 100, (n % 50) as u8], port)
    });
    neighbours.chain(connections).collect()
}

/// What flows between two hosts with very many ports and no scan: answers of a name server to a resolver, calls, a
/// traceroute, and calls of a file server's clients from privileged ports.
fn many_flows() -> Vec<Vec<u8>> {
    let (own, other) = ([10, 92, 0, 9], [10, 92, 0, 2]);
    let names = (1_024..2_024).map(|port| datagram(BUSY, own, other, [53, port], 60));
    let calls = (10_000..10_200).map(|port| datagram(BUSY, own, other, [port + 1_000, port], 172));
    let hops = (33_434..33_534).map(|port| datagram(BUSY, own, other, [40_000, port], 32));
    let privileged = (600..1_023).map(|port| datagram(BUSY, own, other, [20_048, port], 28));
    names.chain(calls).chain(hops).chain(privileged).collect()
}

fn datagram(from: Mac, source: [u8; 4], to: [u8; 4], ports: [u16; 2], len: usize) -> Vec<u8> {
    let mut frame = frames::ipv4(source, to, 17, 0x4000, &frames::udp(ports[0], ports[1], &vec![7; len]));
    frame[6..12].copy_from_slice(&from.0);
    frame
}

/// The first segment of a connection.
fn syn(from: Mac, source: [u8; 4], to: [u8; 4], port: u16) -> Vec<u8> {
    let mut segment = [50_000_u16.to_be_bytes(), port.to_be_bytes()].concat();
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x72, 0x10, 0, 0, 0, 0]);
    let mut frame = frames::ipv4(source, to, 6, 0x4000, &segment);
    frame[6..12].copy_from_slice(&from.0);
    frame
}

fn scans(events: &[Value]) -> Vec<Value> {
    of_kind(events, "scan-detected").into_iter().cloned().collect()
}

fn words(event: &Value) -> String {
    let word = |key: &str| event[key].as_str().unwrap_or("null").to_owned();
    let target = &event["details"]["target"];
    format!("{} {} {} {target} {}", word("reason"), word("mac"), word("ip"), word("severity"))
}

fn run(namespace: &Namespace, line: &[&str]) {
    let output = namespace.command(line[0]).args(&line[1..]).output().unwrap();
    assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn await_marker(hub: &Hub, sensor: &SensorProcess, number: u8) {
    let ip = Ipv4Addr::new(10, 92, 1, number);
    let frame = arp_request(MARKER, ip, Ipv4Addr::new(10, 92, 1, 254), &[]);
    let marker = hub.plug_in(&format!("marker{number}"), Mac([0, 0x0c, 0x29, 0x5c, 1, number]), &[]).unwrap();
    wait::until("the marker", || {
        sender::send(&marker, IFACE, std::slice::from_ref(&frame))?;
        Ok(sensor.export()?.iter().any(|record| record["ip"] == ip.to_string()).then_some(()))
    })
    .unwrap();
}

/// A capture file (pcap, Ethernet), a frame each millisecond.
fn write_capture(file: &Path, frames: impl Iterator<Item = Vec<u8>>) {
    let mut bytes: Vec<u8> =
        [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1].iter().flat_map(|w| w.to_le_bytes()).collect();
    for (n, frame) in (0..).zip(frames) {
        let len = u32::try_from(frame.len()).unwrap();
        for word in [1_700_000_000 + n / 1_000, n % 1_000 * 1_000, len, len] {
            bytes.extend(u32::to_le_bytes(word));
        }
        bytes.extend(frame);
    }
    std::fs::write(file, bytes).unwrap();
}
