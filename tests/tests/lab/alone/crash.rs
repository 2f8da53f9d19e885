//! `kill -9` at any moment: reported events are in the database, events in the database are reported, and nothing of
//! the dead process is in the way of the next.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sensor_core::types::Mac;
use sensor_tests::frames::Random;
use sensor_tests::lab::sensor_process::{SensorProcess, events};
use sensor_tests::lab::{self, Lab, MIRROR, sender};
use serde_json::Value;

const KILLS: usize = 20;
const FLAGS: [&str; 4] = ["--mirror", MIRROR, "--learning", "0"];

#[test]
fn a_kill_at_any_moment_loses_no_reported_event() {
    if !lab::possible() {
        return;
    }
    let seed = std::env::var("SENSOR_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_121);
    println!("seed {seed} (SENSOR_SEED repeats it)");
    let mut random = Random(seed);
    let lab = Lab::build().unwrap();
    let folder = lab.folder.path().to_owned();
    let speaker = &lab.host("static").namespace;
    speaker.sh("ip link set eth0 up").unwrap();
    for number in 0..KILLS {
        let sensor = start(&lab, &folder, number);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let load = scope.spawn(|| {
                let mut random = Random(seed ^ number as u64);
                while !over.load(Ordering::Relaxed) {
                    sender::send(speaker, "eth0", &busy_network(&mut random)).unwrap();
                }
            });
            // A different moment under load each time: at the start, in the middle of a commit, or between two.
            std::thread::sleep(Duration::from_micros(random.below(250_000) as u64));
            sensor.kill().unwrap();
            over.store(true, Ordering::Relaxed);
            load.join().unwrap();
        });
        check_database(&folder, &events(&folder).unwrap());
        let link = lab.probe.output(&format!("ip -d link show {MIRROR}")).unwrap();
        assert!(!link.contains("xdp") && link.contains("promiscuity 0"), "left behind: {link}");
    }
    let sensor = SensorProcess::start(&lab.probe, &folder, &FLAGS).unwrap();
    assert!(sensor.stop().unwrap().success());
    let told = events(&folder).unwrap();
    assert_eq!(untold(&ids_in_database(&folder), &told), [0_u64; 0]);
    assert!(told.len() > KILLS * 2, "there was load: {} events", told.len());
}

/// Every fourth is killed without waiting until it listens: while it opens, reports what is left over, or attaches. One
/// that listens has reported everything that its predecessors had not.
fn start(lab: &Lab, folder: &Path, number: usize) -> SensorProcess {
    if number % 4 == 3 {
        return SensorProcess::spawn(&lab.probe, folder, &FLAGS).unwrap();
    }
    let before = if number == 0 { Vec::new() } else { ids_in_database(folder) };
    let sensor = SensorProcess::start(&lab.probe, folder, &FLAGS).unwrap();
    assert_eq!(untold(&before, &sensor.events().unwrap()), [0_u64; 0]);
    sensor
}

fn untold(ids: &[u64], told: &[Value]) -> Vec<u64> {
    let told: BTreeSet<u64> = told.iter().filter_map(|event| event["id"].as_u64()).collect();
    ids.iter().copied().filter(|id| !told.contains(id)).collect()
}

/// New hosts, and addresses that pass from host to host.
fn busy_network(random: &mut Random) -> Vec<Vec<u8>> {
    let frame = |random: &mut Random| {
        let [a, b] = [random.below(250) as u8, random.below(4) as u8];
        let mac = Mac([0x00, 0x50, 0x56, 3, a, b]);
        sender::arp_request(mac, Ipv4Addr::new(10, 77, 3, a), Ipv4Addr::new(10, 77, 0, 1), &[])
    };
    (0..32).map(|_| frame(random)).collect()
}

/// The database is intact, and holds each reported event as it was reported.
fn check_database(folder: &Path, told: &[Value]) {
    let database = open(folder);
    let integrity: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    let mut find = database.prepare("SELECT record FROM events WHERE id = ?").unwrap();
    for event in told {
        let id = event["id"].as_i64().unwrap();
        let saved: String =
            find.query_row([id], |row| row.get(0)).unwrap_or_else(|_| panic!("told, not saved: {event}"));
        assert_eq!(once(serde_json::from_str(&saved).unwrap()), once(event.clone()));
    }
}

/// Without the number of repeats, which a sink that reads late also gets.
fn once(mut event: Value) -> Value {
    let fields = event.as_object_mut().unwrap();
    fields.retain(|name, _| !["count", "last_at"].contains(&name.as_str()));
    event
}

fn ids_in_database(folder: &Path) -> Vec<u64> {
    let database = open(folder);
    let mut ids = database.prepare("SELECT id FROM events ORDER BY id").unwrap();
    let ids = ids.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    ids.map(|id| id.unwrap().cast_unsigned()).collect()
}

fn open(folder: &Path) -> Connection {
    Connection::open_with_flags(folder.join("sensor.db"), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}
