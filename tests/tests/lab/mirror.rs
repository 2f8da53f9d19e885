//! What a mirror port shows besides the protocols of neighbours: presence from any frame, services that answer, hosts
//! behind a router, tunnels, and a flood that costs only its sender.

use std::net::Ipv4Addr;
use std::process::Command;

use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::bpf::require_root;
use sensor_tests::frames::{self, arp};
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sensor_process::{SensorProcess, of_kind};
use sensor_tests::lab::{sender, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The sensor's port and the other end of its cable.
const PORT: &str = "mir1";
const CABLE: &str = "out1";
/// A storm's frames; the machine's own limit is about half a million a second.
const STORM: u32 = 1_000_000;
const HONEST: u8 = 20;

fn port() -> Namespace {
    let namespace = Namespace::new("ear").unwrap();
    namespace
        .sh("ip link set lo up; sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
        .unwrap();
    namespace
        .sh(&format!("ip link add {PORT} type veth peer name {CABLE}; ip link set {PORT} up; ip link set {CABLE} up"))
        .unwrap();
    namespace
}

fn start(namespace: &Namespace, folder: &TempDir, flags: &[&str]) -> SensorProcess {
    let flags = [&["--learning", "0", "--passive"], flags].concat();
    SensorProcess::start(namespace, folder.path(), &flags).unwrap()
}

/// A segment of a connection, as a station sends it or, with a smaller `ttl`, a router sends it on.
fn tcp(from: Mac, source: [u8; 4], ttl: u8, port: u16, flags: u8) -> Vec<u8> {
    let mut segment = [port.to_be_bytes(), 50_000_u16.to_be_bytes()].concat();
    segment.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x72, 0x10, 0, 0, 0, 0]);
    let mut frame = frames::ipv4(source, [203, 0, 113, 9], 6, 0x4000, &segment);
    frame[6..12].copy_from_slice(&from.0);
    frame[22] = ttl;
    frame
}

fn station(n: u8) -> Mac {
    Mac([0, 0x0c, 0x29, 0xea, 0, n])
}

fn record<'a>(records: &'a [Value], ip: &str) -> Option<&'a Value> {
    records.iter().find(|record| record["ip"] == ip)
}

fn await_record(sensor: &SensorProcess, ip: &str) -> Value {
    let found = wait::until(ip, || Ok(record(&sensor.export()?, ip).cloned()));
    found.unwrap_or_else(|error| panic!("{error}: {:#?}", sensor.export()))
}

#[test]
fn any_frame_shows_that_its_sender_is_there() {
    check_presence("auto");
}

#[test]
fn any_frame_shows_that_its_sender_is_there_with_a_packet_socket() {
    check_presence("packet");
}

fn check_presence(capture: &str) {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    let log = folder.path().join("sightings");
    let flags = ["--mirror", PORT, "--capture", capture, "--sightings", log.to_str().unwrap()];
    let sensor = start(&namespace, &folder, &flags);
    let router = station(1);
    let client = tcp(station(5), [10, 9, 0, 5], 64, 40_000, 0x18);
    let words = [
        client.clone(),
        // A server accepts a connection.
        tcp(station(6), [10, 9, 0, 6], 128, 443, 0x12),
        // The router forwards frames of others, from private and from public addresses.
        tcp(router, [10, 77, 0, 7], 63, 40_001, 0x18),
        tcp(router, [10, 77, 0, 8], 127, 40_001, 0x18),
        tcp(router, [198, 51, 100, 7], 57, 443, 0x12),
    ];
    let udp = |port: u16, body: &[u8]| {
        let mut frame = frames::ipv4([10, 9, 0, 6], [10, 9, 0, 5], 17, 0, &frames::udp(port, 50_001, body));
        frame[6..12].copy_from_slice(&station(6).0);
        frame
    };
    sender::send(&namespace, CABLE, &words).unwrap();
    let answers = [udp(53, &[0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]), udp(123, &[0x24, 2, 0, 0])];
    sender::send(&namespace, CABLE, &answers).unwrap();
    // Who sent one frame, and nothing else, is a host when it goes on.
    let found = wait::until("a station that goes on sending", || {
        sender::send(&namespace, CABLE, std::slice::from_ref(&client))?;
        Ok(record(&sensor.export()?, "10.9.0.5").cloned())
    });
    let seen = found.unwrap();
    assert_eq!((&seen["mac"], &seen["sources"]), (&json!(station(5).to_string()), &json!(["traffic"])), "{seen:#}");
    let served = |record: &Value| -> Vec<(u64, String)> {
        let services = record["services"].as_array().cloned().unwrap_or_default();
        let mut ports: Vec<_> = services
            .iter()
            .map(|service| (service["port"].as_u64().unwrap(), service["protocol"].as_str().unwrap().to_owned()))
            .collect();
        ports.sort();
        ports
    };
    let expected = [(53, "udp".to_owned()), (123, "udp".to_owned()), (443, "tcp".to_owned())];
    let all = wait::until("its services", || {
        Ok(record(&sensor.export()?, "10.9.0.6").map(served).filter(|ports| ports.len() == expected.len()))
    });
    assert_eq!(all.unwrap(), expected);
    // No address was bound to the router, and addresses outside are no hosts.
    let records = sensor.export().unwrap();
    assert!(records.iter().all(|record| record["mac"] != json!(router.to_string()) || record["ip"].is_null()));
    assert!(["10.77.0.7", "10.77.0.8", "198.51.100.7"].iter().all(|ip| record(&records, ip).is_none()), "{records:#?}");

    // A host that goes on sending is seen again, though nothing about it is new.
    let again = wait::until("it to be seen again", || {
        sender::send(&namespace, CABLE, std::slice::from_ref(&client))?;
        let lines = std::fs::read_to_string(&log)?;
        let times = lines.lines().filter(|line| line.contains("10.9.0.5") && line.contains("traffic")).count();
        Ok((times > 1).then_some(()))
    });
    again.unwrap();
    let events = sensor.events().unwrap();
    assert_eq!(of_kind(&events, "new-host").len(), 2, "{events:#?}");
    assert!(sensor.stop().unwrap().success());
}

#[test]
fn the_status_lists_watched_prefixes_and_their_origin() {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    namespace.sh(&format!("ip addr add 198.51.100.9/24 dev {PORT}")).unwrap();
    let sensor = start(&namespace, &folder, &["--mirror", PORT, "--network", "203.0.113.0/24"]);
    // A router advertises that 2001:db8:77::/64 is on the link.
    let mut advert = frames::ndp(134, 0x4000_0708, &[], &[0; 8]);
    advert.extend([3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 14, 16, 0, 0, 0, 0]);
    advert.extend([0x20, 1, 0x0d, 0xb8, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let everybody = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let advert = frames::ipv6(frames::link_local(1), everybody, 58, 255, &advert);
    let status = |flags: &[&str]| {
        let db = folder.path().join("sensor.db");
        let output = Command::new(sensor_binary()).arg("status").args(flags).arg("--db").arg(db).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let row = |prefix: &str, segment: Option<&str>, origin: &str| json!({"prefix": prefix, "segment": segment, "origin": origin});
    let expected = [
        row("203.0.113.0/24", None, "configured"),
        row("198.51.100.0/24", Some(PORT), "interface"),
        row("10.0.0.0/8", None, "private"),
        row("2001:db8:77::/64", Some(PORT), "learned"),
    ];
    let listed = wait::until("the prefix to be learned", || {
        sender::send(&namespace, CABLE, std::slice::from_ref(&advert))?;
        let answer: Value = serde_json::from_str(&status(&["--json"]))?;
        let watched = answer["status"]["watched"].as_array().unwrap().clone();
        Ok(expected.iter().all(|row| watched.contains(row)).then_some(()))
    });
    listed.unwrap_or_else(|error| panic!("{error}: {}", status(&["--json"])));
    let is_it = |line: &str| line.split_whitespace().eq(["2001:db8:77::/64", PORT, "learned"]);
    assert!(status(&[]).lines().any(is_it), "{}", status(&[]));
    assert!(sensor.stop().unwrap().success());
}

#[test]
fn tunnels_are_segments_of_their_own() {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    let config = folder.path().join("sensor.toml");
    std::fs::write(&config, "[[tunnel]]\nsources = [\"192.0.2.0/24\"]\n").unwrap();
    let config = config.display().to_string();
    let sensor = start(&namespace, &folder, &["--mirror", PORT, "--config", &config]);
    // A real VXLAN device without a host at the other end, and the kernel's own ARP in it.
    namespace
        .sh(&format!(
            "ip addr add 192.0.2.1/24 dev {CABLE}; ip neigh add 192.0.2.2 lladdr 00:0c:29:ea:00:63 dev {CABLE}"
        ))
        .unwrap();
    namespace.sh("ip link add vx42 type vxlan id 42 remote 192.0.2.2 dstport 4789").unwrap();
    namespace.sh("ip link set vx42 address 00:0c:29:ea:00:2a up; ip addr add 10.42.0.1/24 dev vx42").unwrap();
    namespace.sh("ping -c 1 -W 1 10.42.0.9 || true").unwrap();

    let inner = |n: u8, net: u8| arp(2, station(n).0, [10, net, 0, n], [0; 6], [10, net, 0, 99]);
    let gre = |head: &[u8], inner: &[u8]| frames::ipv4([192, 0, 2, 5], [192, 0, 2, 6], 47, 0, &[head, inner].concat());
    let tagged = frames::tagged(&inner(13, 13), 0x8100, 130);
    sender::send(
        &namespace,
        CABLE,
        &[
            gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 30, 0, 5, 0, 0, 0, 0], &inner(11, 11)),
            gre(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0], &inner(12, 12)),
            gre(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 77], &tagged),
            // The same address in another session is another host.
            gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 30, 0, 9, 0, 0, 0, 0], &inner(14, 11)),
        ],
    )
    .unwrap();
    for (ip, segment) in [
        ("10.42.0.1", "mir1/vxlan42"),
        ("10.11.0.11", "mir1/erspan5.30"),
        ("10.12.0.12", "mir1/erspan6"),
        ("10.13.0.13", "mir1/gre77.130"),
        ("10.11.0.14", "mir1/erspan9.30"),
    ] {
        assert_eq!(await_record(&sensor, ip)["segment"], segment, "{ip}");
    }
    assert!(sensor.stop().unwrap().success());
    // The records from the database are the same.
    let records = Vec::from_iter(of_segment(&sensor_export(&namespace, &folder), "mir1/vxlan42").cloned());
    assert!(record(&records, "10.42.0.1").is_some(), "{records:#?}");
}

fn of_segment<'a>(records: &'a [Value], segment: &'a str) -> impl Iterator<Item = &'a Value> {
    records.iter().filter(move |record| record["segment"] == segment)
}

fn sensor_export(namespace: &Namespace, folder: &TempDir) -> Vec<Value> {
    let sensor = start(namespace, folder, &["--mirror", PORT]);
    let records = sensor.export().unwrap();
    assert!(sensor.stop().unwrap().success());
    records
}

/// A tunnel from afar to the sensor's own address, in which somebody makes up a segment.
#[test]
fn a_forged_tunnel_makes_no_segment_and_is_told_once() {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    namespace.sh(&format!("ip addr add 192.0.2.200/24 dev {PORT}")).unwrap();
    // This machine's own tunnel: its other end is opened without being named.
    namespace
        .sh(&format!(
            "ip link add vx22 type vxlan id 22 remote 192.0.2.5 dstport 4790 dev {PORT} && ip link set vx22 up"
        ))
        .unwrap();
    let inner = |n: u8| arp(2, station(n).0, [10, 11, 0, n], [0; 6], [10, 11, 0, 99]);
    let vxlan = |from: [u8; 4], to: [u8; 4], n: u8| {
        let body = [&[8, 0, 0, 0, 0, 0, n, 0][..], &inner(n)].concat();
        frames::ipv4(from, to, 17, 0, &frames::udp(50_000, 4789, &body))
    };
    for role in ["-i", "--mirror"] {
        let sensor = start(&namespace, &folder, &[role, PORT]);
        let (near, far, own) = ([192, 0, 2, 5], [198, 51, 100, 5], [192, 0, 2, 200]);
        let forged = [vxlan(far, own, 21), vxlan(far, own, 22), vxlan(near, own, 23)];
        // Once the program in the kernel knows whose tunnels are opened, that of the other end is.
        let ours = wait::until("the tunnel that ends here", || {
            sender::send(&namespace, CABLE, &forged)?;
            sender::send(&namespace, CABLE, &[vxlan(near, own, 22)])?;
            Ok(record(&sensor.export()?, "10.11.0.22").cloned())
        });
        assert_eq!(ours.unwrap()["segment"], "mir1/vxlan22", "{role}");
        let records = sensor.export().unwrap();
        for forged in ["10.11.0.21", "10.11.0.23"] {
            assert!(record(&records, forged).is_none(), "{role}: {records:#?}");
        }
        let told = wait::until("the line", || {
            let said = std::fs::read_to_string(folder.path().join("stderr"))?;
            Ok(said.contains("[[tunnel]] sources = [").then_some(said))
        })
        .unwrap();
        assert_eq!(told.matches("is not opened").count(), 1, "{role}: {told}");
        assert!(sensor.stop().unwrap().success());
    }
}

#[test]
fn a_flood_costs_only_its_sender() {
    check_storm("auto");
}

#[test]
fn a_flood_costs_only_its_sender_with_a_packet_socket() {
    check_storm("packet");
}

fn check_storm(capture: &str) {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    let sensor = start(&namespace, &folder, &["--mirror", PORT, "--capture", capture]);
    let culprit = station(200);
    // 262,144 addresses, again and again: twice as many as the gate remembers.
    let noise: Vec<Vec<u8>> = (0..1_u32 << 18)
        .map(|n| {
            let [_, net, high, low] = n.wrapping_mul(0x9e37_79b1).to_be_bytes();
            let address = Ipv4Addr::new(10, 200 + net % 4, high, low);
            sender::arp_request(culprit, address, Ipv4Addr::new(10, 200, 0, 1), &[])
        })
        .collect();
    let honest: Vec<Vec<u8>> = (1..=HONEST)
        .map(|n| sender::arp_request(station(n), Ipv4Addr::new(10, 9, 0, n), Ipv4Addr::new(10, 9, 0, 254), &[]))
        .collect();
    let (mut sent, mut guests) = (0, u64::from(HONEST));
    let begun = std::time::Instant::now();
    for share in noise.chunks(noise.len() / usize::from(HONEST)).cycle().take_while(|_| true) {
        if sent >= STORM {
            break;
        }
        let guest = (sent / (STORM / u32::from(HONEST))) as usize;
        sender::send(&namespace, CABLE, &honest[guest.min(honest.len() - 1)..=guest.min(honest.len() - 1)]).unwrap();
        sender::send(&namespace, CABLE, share).unwrap();
        sent += share.len() as u32;
        guests += 1;
    }
    let lasted = begun.elapsed();
    sender::send(&namespace, CABLE, &honest).unwrap();
    for n in 1..=HONEST {
        let found = wait::until("an honest host", || {
            if record(&sensor.export()?, &format!("10.9.0.{n}")).is_some() {
                return Ok(Some(()));
            }
            // A full socket drops frames of any host.
            sender::send(&namespace, CABLE, &honest[usize::from(n) - 1..usize::from(n)])?;
            guests += 1;
            Ok(None)
        });
        found.unwrap();
    }
    let events = sensor.wait_for("the flood to be told", |events| !of_kind(events, "flood").is_empty()).unwrap();
    assert_eq!(of_kind(&events, "flood").len(), 1);
    assert_eq!(of_kind(&events, "flood")[0]["mac"], culprit.to_string());
    let pid = sensor.pid();
    let (cpu_s, mib) = (cpu_s(pid), peak_mib(pid));
    assert!(sensor.stop().unwrap().success());
    let events = sensor_tests::lab::sensor_process::events(folder.path()).unwrap();
    let stopped = &of_kind(&events, "sensor-stopped")[0]["details"];
    let count = |outcome: &str| stopped[format!("{outcome}_arp")].as_u64().unwrap_or(0);
    let parts = count("passed") + count("gated") + count("policed") + count("lost");
    // A full socket drops frames before they are classified.
    let lost = stopped["lost_other"].as_u64().unwrap_or(0);
    assert!(lost == 0 || capture == "packet", "{stopped:#}");
    assert_eq!(count("seen") + lost, u64::from(sent) + guests, "{stopped:#}");
    assert_eq!(count("seen"), parts, "{stopped:#}");
    // After gaps more of the frames are repeats.
    let least = if capture == "packet" { count("seen") / 4 } else { u64::from(STORM) / 2 };
    assert!(count("policed") > least && count("lost") == 0, "{stopped:#}");
    let hosts: std::collections::BTreeSet<_> =
        of_kind(&events, "new-host").iter().map(|event| event["mac"].to_string()).collect();
    assert!(hosts.len() >= usize::from(HONEST), "every honest host is told: {hosts:?}");
    println!("{sent} frames in {lasted:?}: {stopped}; {cpu_s:.2} CPU seconds, {mib} MiB");
}

/// User and system time of a process, seconds.
fn cpu_s(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
