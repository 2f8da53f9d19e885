//! The port itself: it goes, comes back, changes its name and MTU, and the sensor captures again each time and leaks
//! nothing; the status meanwhile; and what the doctor says of a mirror port.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::bpf::require_root;
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sensor_process::SensorProcess;
use sensor_tests::lab::{sender, wait};
use serde_json::Value;
use tempfile::TempDir;

const PORT: &str = "mir1";
/// Rounds of all changes; `PORT_ROUNDS` for more by hand.
const ROUNDS: u32 = 30;
/// Changes of the port, one in each round.
const CHANGES: [&str; 4] = [
    "ip link del mir1; ip link add mir1 type veth peer name out1; ip link set out1 up; ip link set mir1 up",
    "ip link set mir1 down; ip link set mir1 name other1; ip link set other1 up; sleep 0.1; ip link set other1 down; \
     ip link set other1 name mir1; ip link set mir1 up",
    "ip link set mir1 down; sleep 0.05; ip link set mir1 up",
    "ip link set mir1 mtu 9000; ip link set out1 mtu 9000; sleep 0.05; ip link set out1 mtu 1500; ip link set mir1 mtu 1500",
];

#[test]
fn a_port_that_changes_is_captured_again_and_nothing_leaks() {
    check_rounds("auto");
}

#[test]
fn a_port_that_changes_is_captured_again_with_a_packet_socket() {
    check_rounds("packet");
}

fn check_rounds(capture: &str) {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    let sensor = start(&namespace, folder.path(), &["--capture", capture]);
    let begun = Instant::now();
    let hear = |number: u32| hear(&namespace, folder.path(), number);
    hear(0);
    let before = held(sensor.pid());
    assert_eq!(before.objects.is_empty(), capture == "packet", "{before:?}");
    let rounds = std::env::var("PORT_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    for (number, change) in (1..=rounds).zip(CHANGES.iter().cycle()) {
        namespace.sh(change).unwrap();
        hear(number);
    }
    let after = wait::until("what it holds to be what it held", || {
        let now = held(sensor.pid());
        Ok((now == before).then_some(now))
    });
    assert!(after.is_ok(), "{before:?} became {:?}", held(sensor.pid()));
    let link = namespace.output("ip -d link show mir1").unwrap();
    assert!(link.contains("promiscuity 1") && link.contains("xdp") != (capture == "packet"), "{link}");
    assert_eq!(namespace.output("ip -d link show").unwrap().matches("prog/xdp").count(), before.programs_attached());

    // At most one line of each kind a minute, and one that sums up the others.
    let said = std::fs::read_to_string(folder.path().join("stderr")).unwrap();
    let about: Vec<&str> = said.lines().filter(|line| line.contains(PORT)).collect();
    let minutes = usize::try_from(begun.elapsed().as_secs() / 60 + 1).unwrap();
    assert!(about.len() <= 8 * minutes + 4, "{} lines in {minutes} minutes: {said}", about.len());

    let status = status(folder.path());
    check_balance(&status, capture);
    assert_eq!(status["losses"], Value::Array(Vec::new()), "{status:#}");
    assert!(sensor.stop().unwrap().success());
    let link = namespace.output("ip -d link show mir1").unwrap();
    assert!(!link.contains("xdp") && link.contains("promiscuity 0"), "{link}");
    for program in before.objects.iter().filter_map(|object| object.strip_prefix("prog_id:")) {
        let id: u32 = program.trim().parse().unwrap();
        let left = aya::programs::loaded_programs().filter_map(Result::ok).any(|loaded| loaded.id() == id);
        assert!(!left, "program {id} is still loaded");
    }
}

#[test]
fn the_status_says_which_ports_hear_and_since_when() {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    let sensor = start(&namespace, folder.path(), &[]);
    hear(&namespace, folder.path(), 1);
    let first = status(folder.path());
    let port = &first["ports"][0];
    assert_eq!((&port["iface"], &port["role"], &port["hears"]), (&PORT.into(), &"mirror".into(), &true.into()));
    assert_eq!((&port["capture"], &port["promiscuous"]), (&"driver".into(), &true.into()));
    check_balance(&first, "auto");

    namespace.sh("ip link set mir1 down").unwrap();
    let down = wait_for_deafness(folder.path(), "down");
    namespace.sh("ip link set out1 down; ip link set mir1 up").unwrap();
    wait_for_deafness(folder.path(), "no carrier");
    namespace.sh("ip link del mir1").unwrap();
    let gone = wait_for_deafness(folder.path(), "removed");
    let since = |status: &Value| status["ports"][0]["since"].as_str().unwrap().to_owned();
    assert!(since(&gone).as_str() < down["at"].as_str().unwrap(), "deaf all the time since it was down: {gone:#}");
    let text = Command::new(sensor_binary()).arg("status").arg("--db").arg(folder.path().join("sensor.db")).output();
    let text = String::from_utf8(text.unwrap().stdout).unwrap();
    assert!(text.contains("deaf since") && text.contains("removed"), "{text}");
    namespace.sh(CHANGES[0]).unwrap();
    hear(&namespace, folder.path(), 2);
    let output = namespace.command(sensor_binary()).args(["doctor", "--mirror", PORT]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(4) && said.contains("drops its frames; stop that sensor"), "{said}");
    assert!(sensor.stop().unwrap().success());
    let output = Command::new(sensor_binary()).arg("status").arg("--db").arg(folder.path().join("sensor.db")).output();
    assert_eq!(output.unwrap().status.code(), Some(4), "nobody runs any more");
}

#[test]
fn offloads_are_restored_on_sigterm() {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    let is_on = || namespace.output("ethtool -k mir1").unwrap().contains("rx-vlan-offload: on");
    assert!(is_on());
    let sensor = start(&namespace, folder.path(), &["--fix-nic"]);
    assert!(!is_on());
    // A new interface has its offloads on again.
    namespace.sh(CHANGES[0]).unwrap();
    hear(&namespace, folder.path(), 1);
    assert!(!is_on());
    assert!(sensor.stop().unwrap().success());
    assert!(is_on());
}

#[test]
fn the_doctor_says_what_a_mirror_port_shows() {
    if !require_root() {
        return;
    }
    let (switch, probe, host) =
        (Namespace::new("switch").unwrap(), Namespace::new("probe").unwrap(), Namespace::new("host").unwrap());
    for namespace in [&switch, &probe, &host] {
        namespace.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1").unwrap();
    }
    let mirror = "action mirred egress mirror dev mir0";
    switch.sh(&format!("ip link add mir0 type veth peer name {PORT} netns {}", probe.name())).unwrap();
    switch.sh("ethtool -K mir0 txvlan off; ip link set mir0 up").unwrap();
    // One port of the switch is mirrored once, the other twice.
    for (number, actions) in [mirror.to_owned(), format!("{mirror} pipe {mirror}")].iter().enumerate() {
        switch.sh(&format!("ip link add port{number} type veth peer name eth{number} netns {}", host.name())).unwrap();
        let filter = format!("tc filter add dev port{number} parent ffff: protocol all u32 match u32 0 0 {actions}");
        switch
            .sh(&format!("ip link set port{number} up; tc qdisc add dev port{number} handle ffff: ingress; {filter}"))
            .unwrap();
        host.sh(&format!("ethtool -K eth{number} txvlan off; ip link set eth{number} up")).unwrap();
    }
    probe.sh("ip link set mir1 up").unwrap();
    let doctor = probe
        .command(sensor_binary())
        .args(["doctor", "--mirror", PORT, "--for", "4s", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait::until("the doctor to listen", || {
        Ok(probe.output("ip -d link show mir1")?.contains("promiscuity 1").then_some(()))
    })
    .unwrap();
    let (a, b) = (Mac([0x00, 0x0c, 0x29, 0, 0, 1]), Mac([0x00, 0x0c, 0x29, 0, 0, 2]));
    let unicast = |from: Mac, to: Mac, vlans: &[u16], number: u8| {
        let mut frame = sender::arp_request(from, Ipv4Addr::new(10, 0, 0, number), Ipv4Addr::new(10, 0, 0, 1), vlans);
        frame[..6].copy_from_slice(&to.0);
        frame
    };
    for number in 0..20 {
        sender::send(&host, "eth0", &[unicast(a, b, &[], number)]).unwrap();
        let both = [unicast(a, b, &[30], number), unicast(b, a, &[30], number)];
        sender::send(&host, "eth1", &both).unwrap();
    }
    let output = doctor.wait_with_output().unwrap();
    assert!(output.status.success());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = answer["vlans"].as_array().unwrap();
    let counts =
        |row: &Value| ["frames", "copies", "stations", "both_ways", "one_way"].map(|key| row[key].as_u64().unwrap());
    let vlans: Vec<_> = rows.iter().map(|row| row["vlan"].to_string()).collect();
    assert_eq!(vlans, ["[]", "[30]"], "{answer:#}");
    assert_eq!(counts(&rows[0]), [20, 0, 1, 0, 1], "{answer:#}");
    assert_eq!(counts(&rows[1]), [40, 40, 2, 1, 0], "{answer:#}");
    let verdicts: Vec<_> =
        answer["verdicts"].as_array().unwrap().iter().map(|verdict| verdict.as_str().unwrap()).collect();
    assert_eq!(verdicts.len(), 2, "{verdicts:?}");
    assert!(verdicts[0].starts_with("untagged: one direction only"), "{verdicts:?}");
    assert!(verdicts[1].starts_with("VLAN 30: duplicated, 50 % of frames are second copies"), "{verdicts:?}");
}

/// A namespace with the port, and `out1` at the other end of its cable.
fn port() -> Namespace {
    let namespace = Namespace::new("port").unwrap();
    namespace.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1").unwrap();
    namespace.sh("ip link add mir1 type veth peer name out1; ip link set out1 up; ip link set mir1 up").unwrap();
    namespace
}

fn start(namespace: &Namespace, folder: &Path, flags: &[&str]) -> SensorProcess {
    let sightings = folder.join("sightings.jsonl");
    let flags = [&["--mirror", PORT, "--passive", "--sightings", sightings.to_str().unwrap()], flags].concat();
    SensorProcess::start(namespace, folder, &flags).unwrap()
}

/// An unknown host sends until it is captured.
fn hear(namespace: &Namespace, folder: &Path, number: u32) {
    let [_, _, high, low] = number.to_be_bytes();
    let (mac, ip) = (Mac([0x00, 0x0c, 0x29, 7, high, low]), Ipv4Addr::new(10, 7, high, low));
    let frame = sender::arp_request(mac, ip, Ipv4Addr::new(10, 7, 0, 1), &[]);
    let mut next = Instant::now();
    let heard = wait::until("the port to hear", || {
        if Instant::now() >= next {
            sender::send(namespace, "out1", std::slice::from_ref(&frame))?;
            next = Instant::now() + Duration::from_millis(500);
        }
        let sightings = std::fs::read_to_string(folder.join("sightings.jsonl")).unwrap_or_default();
        let segment = format!("\"segment\":\"{PORT}\"");
        Ok(sightings.lines().any(|line| line.contains(&mac.to_string()) && line.contains(&segment)).then_some(()))
    });
    let said = || std::fs::read_to_string(folder.join("stderr")).unwrap_or_default();
    assert!(heard.is_ok(), "round {number}: {:?}; {}", heard, said());
}

/// The kernel's resources that a process holds.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    /// Programs and maps by their numbers.
    objects: BTreeSet<String>,
    links: usize,
}

impl Held {
    fn programs_attached(&self) -> usize {
        self.links
    }
}

fn held(pid: u32) -> Held {
    let mut held = Held { descriptors: 0, objects: BTreeSet::new(), links: 0 };
    for entry in std::fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap() {
        // A descriptor that was closed meanwhile does not count.
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path()) else { continue };
        held.descriptors += 1;
        if text.contains("link_type:") {
            held.links += 1;
            continue;
        }
        let is_object = |line: &&str| line.starts_with("prog_id:") || line.starts_with("map_id:");
        held.objects.extend(text.lines().filter(is_object).map(str::to_owned));
    }
    held
}

fn status(folder: &Path) -> Value {
    let output = Command::new(sensor_binary())
        .args(["status", "--json", "--db"])
        .arg(folder.join("sensor.db"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["status"].take()
}

/// Every frame of a harvested class is accounted for, in total and by CPU.
fn check_balance(status: &Value, capture: &str) {
    let frames = |outcome: &str, class: &str| status["frames"][outcome][class].as_u64().unwrap_or(0);
    let accounted = frames("passed", "arp") + frames("gated", "arp") + frames("lost", "arp");
    assert!(frames("seen", "arp") > 0, "{status:#}");
    assert_eq!(frames("seen", "arp"), accounted, "{status:#}");
    let seen: u64 = status["frames"]["seen"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    let of_cpus: u64 = status["cpus"].as_array().unwrap().iter().filter_map(|cpu| cpu["seen"].as_u64()).sum();
    assert_eq!(of_cpus, if capture == "packet" { 0 } else { seen }, "{status:#}");
}

fn wait_for_deafness(folder: &Path, reason: &str) -> Value {
    wait::until(reason, || {
        let status = status(folder);
        let port = &status["ports"][0];
        Ok((port["hears"] == false && port["deaf"] == reason).then_some(status))
    })
    .unwrap()
}
