//! The sensor asks thousands of hosts while a storm of frames passes its mirror port: nothing is lost, no host is
//! missed, and its memory and descriptors stay within bounds.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::frames;
use sensor_tests::lab::crowd::{Crowd, IFACE, Kind, PORT, Way};
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sensor_process::{SensorProcess, events, of_kind};
use sensor_tests::lab::{self, MIRROR, sender, wait};
use serde_json::Value;
use tempfile::TempDir;

/// Room for twice as many as 4,096 hosts, so that there are silent addresses as well.
const PREFIX: &str = "10.80.0.0/19";
const HOSTS: u32 = 4096;
/// Frames a second, if the machine can do it.
const STORM_PER_S: u32 = 100_000;
/// Of a hundred frames one is ARP and one is mDNS: these two are harvested.
const HUNDRED: usize = 100;
/// Addresses that are claimed in the storm but never answer: questions to them time out.
const ABSENT: u32 = 128;
/// The most memory, in KiB: more than twice the 55 MiB that a debug build needs, so that a queue without a
/// bound shows.
const MEMORY_KIB: u64 = 128 * 1024;

#[test]
fn thousands_of_hosts_are_asked_in_a_storm() {
    if lab::possible() {
        check(4096);
    }
}

#[test]
fn thousands_of_hosts_are_asked_with_few_descriptors() {
    if lab::possible() {
        check(64);
    }
}

fn check(descriptors: usize) {
    let crowd = Crowd::build(PREFIX.parse().unwrap(), Way::Router, kind).unwrap();
    assert_eq!(crowd.members.len(), HOSTS as usize);
    let spout = mirror(&crowd);
    let folder = TempDir::new().unwrap();
    let sensor = start(&crowd, &folder, descriptors);
    let stop = AtomicBool::new(false);
    let storm = storm(&crowd);
    let begun = Instant::now();
    let (sent, most_open) = std::thread::scope(|scope| {
        let flood = scope.spawn(|| sender::flood(&spout, "out0", &storm, STORM_PER_S, &stop));
        let open = scope.spawn(|| most_descriptors(sensor.pid(), &stop));
        let found = wait::until("everybody to be found", || Ok(is_everybody_found(&sensor, &crowd)?.then_some(())));
        stop.store(true, Ordering::Relaxed);
        let ends = (flood.join().unwrap().unwrap(), open.join().unwrap());
        found.unwrap();
        ends
    });
    let took = begun.elapsed();
    println!("{sent} frames in {took:.1?}: {:.0} a second", sent as f64 / took.as_secs_f64());
    assert!(most_open <= descriptors, "{most_open} descriptors of {descriptors}");
    let memory_kib = memory_kib(sensor.pid());
    println!("{memory_kib} KiB of memory, {most_open} descriptors, at most");
    assert!(memory_kib < MEMORY_KIB, "{memory_kib} KiB");
    check_records(&sensor, &crowd);
    assert!(sensor.stop().unwrap().success());
    check_account(&crowd, &folder, &storm, sent);
}

/// The first of the prefix, each an ordinary host.
fn kind(ip: Ipv4Addr) -> Option<Kind> {
    let [_, _, c, d] = ip.octets();
    (u32::from(c) << 8 | u32::from(d) <= HOSTS).then_some(Kind::Full)
}

/// Addresses of the prefix that no host has.
fn absent() -> impl Iterator<Item = Ipv4Addr> {
    (1..=ABSENT).map(|number| Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 80, 16, 0)) + number))
}

fn station(ip: Ipv4Addr) -> Mac {
    let [_, _, c, d] = ip.octets();
    Mac([0x00, 0x14, 0x22, 80, c, d])
}

/// A cable to a mirror port of the prober.
fn mirror(crowd: &Crowd) -> Namespace {
    let spout = Namespace::new("spout").unwrap();
    spout.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1").unwrap();
    spout.sh(&format!("ip link add out0 type veth peer name {MIRROR} netns {}", crowd.prober.name())).unwrap();
    spout.sh("ip link set out0 up").unwrap();
    crowd.prober.sh(&format!("ip link set {MIRROR} up")).unwrap();
    spout
}

fn start(crowd: &Crowd, folder: &TempDir, descriptors: usize) -> SensorProcess {
    let mut command = crowd.prober.command("prlimit");
    command.arg(format!("--nofile={descriptors}:{descriptors}")).arg(sensor_binary());
    let flags = "--probe-interface eth0 --sweep on --rate 5000 --ports 80 --techniques icmp,tcp --concurrency 256";
    let mut flags: Vec<&str> = flags.split(' ').collect();
    flags.extend(["--mirror", MIRROR, "--network", PREFIX]);
    SensorProcess::start_by(command, folder.path(), &flags).unwrap()
}

/// The frames on the mirror port: every host is in them, mostly with frames that are not harvested.
fn storm(crowd: &Crowd) -> Vec<Vec<u8>> {
    let mut storm = Vec::new();
    for (place, ip) in absent().chain(crowd.members.keys().copied()).enumerate() {
        let (mac, octets) = (station(ip).0, ip.octets());
        let mut claim = frames::arp(1, mac, octets, [0; 6], octets);
        claim.resize(60, 0);
        storm.push(claim);
        storm.push(mdns(mac, octets, place));
        storm.extend((2..HUNDRED).map(|turn| talk(mac, octets, turn)));
    }
    storm
}

fn mdns(mac: [u8; 6], ip: [u8; 4], place: usize) -> Vec<u8> {
    let mut message = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    message.extend(format!("\x08host{place:04}\x05local\0\0\x01").bytes());
    message.extend([0x80, 1, 0, 0, 0, 120, 0, 4]);
    message.extend(ip);
    let mut frame = frames::ipv4(ip, [224, 0, 0, 251], 17, 0, &frames::udp(5353, 5353, &message));
    frame[..6].copy_from_slice(&[1, 0, 0x5e, 0, 0, 251]);
    frame[6..12].copy_from_slice(&mac);
    frame
}

/// Traffic between hosts: segments and datagrams of several lengths.
fn talk(mac: [u8; 6], ip: [u8; 4], turn: usize) -> Vec<u8> {
    let payload = vec![turn as u8; turn * 7 % 400];
    let peer = [10, 80, 0, turn as u8];
    let mut frame = match turn % 3 {
        0 => frames::ipv4(ip, peer, 17, 0x4000, &frames::udp(40_000, 443, &payload)),
        _ => frames::ipv4(ip, peer, 6, 0x4000, &[&[0; 20][..], &payload].concat()),
    };
    frame[6..12].copy_from_slice(&mac);
    frame.resize(frame.len().max(60), 0);
    frame
}

fn is_everybody_found(sensor: &SensorProcess, crowd: &Crowd) -> anyhow::Result<bool> {
    // An export of thousands of hosts is expensive: it should not be what keeps the machine busy.
    std::thread::sleep(Duration::from_secs(1));
    let found = sensor.export()?.iter().filter(|record| is_described(record)).count();
    Ok(found >= crowd.members.len())
}

/// It answered, and its port was found open.
fn is_described(record: &Value) -> bool {
    record["alive"] == true && record["ports"].as_array().is_some_and(|ports| ports.contains(&PORT.into()))
}

/// Every host is there, once, on the mirror's segment, with the MAC that was heard and the port that answered.
fn check_records(sensor: &SensorProcess, crowd: &Crowd) {
    let mut records: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in sensor.export().unwrap() {
        records.entry(record["ip"].as_str().unwrap_or_default().to_owned()).or_default().push(record);
    }
    for ip in crowd.members.keys() {
        let of_ip = records.remove(&ip.to_string()).unwrap_or_default();
        let [record] = &of_ip[..] else { panic!("{ip} is there {} times: {of_ip:#?}", of_ip.len()) };
        assert!(is_described(record), "{record:#}");
        assert_eq!(
            (&record["segment"], &record["mac"]),
            (&MIRROR.into(), &station(*ip).to_string().into()),
            "{record:#}"
        );
    }
    for record in absent().filter_map(|ip| records.remove(&ip.to_string())).flatten() {
        assert!(record["ports"].is_null(), "{record:#}");
    }
    // No other host but the router.
    let rest: Vec<&Value> = records.values().flatten().collect();
    let [router] = rest[..] else { panic!("{rest:#?}") };
    assert_eq!((&router["segment"], &router["mac"]), (&MIRROR.into(), &crowd.gateway().unwrap().to_string().into()));
}

/// Every frame that reached a port is accounted for, and none was lost.
fn check_account(crowd: &Crowd, folder: &TempDir, storm: &[Vec<u8>], sent: u64) {
    let events = events(folder.path()).unwrap();
    let lost = of_kind(&events, "sensor-loss");
    assert!(lost.is_empty(), "{lost:#?}");
    let stopped = &of_kind(&events, "sensor-stopped")[0]["details"];
    let counts = stopped.as_object().unwrap();
    let sum = |outcome: &str| {
        let of_outcome = counts.iter().filter(|(name, _)| name.starts_with(outcome));
        of_outcome.filter_map(|(_, count)| count.as_u64()).sum::<u64>()
    };
    let (mirrored, answers) = (arrived(crowd, MIRROR), arrived(crowd, IFACE));
    assert_eq!(mirrored, sent, "the cable lost none");
    assert_eq!(sum("seen_"), mirrored + answers, "{stopped:#}");
    assert_eq!(sum("lost_"), 0, "{stopped:#}");
    // mDNS comes from the storm alone; it is every hundredth frame, the second of its hundred.
    let rounds = sent / storm.len() as u64 * (storm.len() / HUNDRED) as u64;
    let rest = (sent % storm.len() as u64 + HUNDRED as u64 - 2) / HUNDRED as u64;
    assert_eq!(counts["seen_mdns"].as_u64(), Some(rounds + rest), "{stopped:#}");
}

/// Frames that an interface passed to an XDP program, as its driver counts them.
fn arrived(crowd: &Crowd, iface: &str) -> u64 {
    let text = crowd.prober.output(&format!("ethtool -S {iface}")).unwrap();
    let counts = text.lines().filter_map(|line| line.trim().split_once(": "));
    let counts: Vec<u64> = counts
        .filter(|(name, _)| name.starts_with("rx_queue_") && name.ends_with("_xdp_packets"))
        .map(|(_, count)| count.parse().unwrap())
        .collect();
    assert!(!counts.is_empty(), "{text}");
    counts.iter().sum()
}

/// The most descriptors that were seen open at a time.
fn most_descriptors(pid: u32, stop: &AtomicBool) -> usize {
    let mut most = 0;
    while !stop.load(Ordering::Relaxed) {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |folder| folder.count());
        most = most.max(open);
        std::thread::sleep(Duration::from_millis(20));
    }
    most
}

/// The peak of resident memory.
fn memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
