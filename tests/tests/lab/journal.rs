//! Events in a real journal, read back by journalctl.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::lab::journald::Journald;
use sensor_tests::lab::sensor_process::SensorProcess;
use sensor_tests::lab::{self, Lab, MIRROR, sender, wait};
use serde_json::Value;

#[test]
fn journalctl_finds_events_by_their_fields() {
    if !lab::possible() || !lab::has_journald() {
        return;
    }
    let lab = Lab::build().unwrap();
    let folder = lab.folder.path();
    let journald = Journald::start(&lab.probe, folder, "").unwrap();
    let flags = ["--mirror", MIRROR, "--learning", "0"];
    let sensor = SensorProcess::start_by(journald.command(sensor_binary()), folder, &flags).unwrap();
    let (mac, ip) = (Mac([0x00, 0x14, 0x22, 1, 2, 3]), Ipv4Addr::new(10, 77, 0, 70));
    wait::until("the sensor in the journal", || Ok((!journald.entries("-t sensor")?.is_empty()).then_some(())))
        .unwrap();
    lab.host("static").namespace.sh("ip link set eth0 up").unwrap();
    let frame = sender::arp_request(mac, ip, Ipv4Addr::new(10, 77, 0, 1), &[]);
    sender::send(&lab.host("static").namespace, "eth0", &[frame]).unwrap();
    let entry = wait::until("new-host in the journal", || {
        let entries = journald.entries("SENSOR_EVENT=new-host")?;
        Ok(entries.into_iter().find(|entry| entry["SENSOR_MAC"] == mac.to_string()))
    })
    .unwrap();
    let told = sensor.events().unwrap();
    assert!(sensor.stop().unwrap().success());

    let record: Value = serde_json::from_str(entry["SENSOR_RECORD"].as_str().unwrap()).unwrap();
    assert!(told.contains(&record), "the whole record goes along: {record}");
    for (field, expected) in [
        ("SENSOR_EVENT", "new-host"),
        ("SENSOR_IP", "10.77.0.70"),
        ("SENSOR_VENDOR", "Dell Inc."),
        ("SENSOR_SEGMENT", MIRROR),
        ("SENSOR_IFACE", MIRROR),
        ("SYSLOG_IDENTIFIER", "sensor"),
        ("PRIORITY", "5"),
        ("MESSAGE_ID", "079d919f182941389c510b0ab6b42931"),
    ] {
        assert_eq!(entry[field], expected, "{field}: {entry:#}");
    }
    assert_eq!(entry["SENSOR_HOST"].as_str().map(str::len), Some(16));
    assert!(entry["SENSOR_EVENT_ID"].as_str().unwrap().parse::<u64>().unwrap() > 0);
    assert!(entry["MESSAGE"].as_str().unwrap().starts_with("new host 10.77.0.70 at 00:14:22:01:02:03"));
    for absent in ["SENSOR_OLD_MAC", "SENSOR_HOSTNAME", "SENSOR_VLAN", "SENSOR_REASON", "SENSOR_CONFIDENCE"] {
        assert_eq!(entry.get(absent), None, "{absent}");
    }
    check_catalog(folder, &entry);
}

/// `journalctl` can compile the shipped catalog, and the catalog explains the entry.
fn check_catalog(folder: &Path, entry: &Value) {
    let catalog = concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd/sensor.catalog");
    let database = folder.join("catalog");
    let root = folder.join("root");
    std::fs::create_dir_all(root.join("usr/lib/systemd/catalog")).unwrap();
    std::fs::create_dir_all(root.join("var/lib/systemd/catalog")).unwrap();
    std::fs::copy(catalog, root.join("usr/lib/systemd/catalog/sensor.catalog")).unwrap();
    let update = Command::new("journalctl").arg("--root").arg(&root).arg("--update-catalog").output().unwrap();
    assert!(update.status.success(), "{}", String::from_utf8_lossy(&update.stderr));
    std::fs::rename(root.join("var/lib/systemd/catalog/database"), &database).unwrap();
    let listed = std::fs::read(&database).unwrap();
    let id: String = entry["MESSAGE_ID"].as_str().unwrap().to_owned();
    let bytes: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&id[at * 2..at * 2 + 2], 16).unwrap()).collect();
    assert!(listed.windows(16).any(|window| window == bytes), "the catalog explains the entry's MESSAGE_ID");
}
