//! Events in a real journal, read back with the reader that operators use.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

use sensor::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::lab::{self, Lab, MIRROR, sender, wait};
use serde_json::Value;

#[test]
fn journalctl_finds_events_by_their_fields() {
    if !lab::possible() || !lab::has_journald() {
        return;
    }
    let lab = Lab::build().unwrap();
    let folder = lab.folder.path();
    // A mount namespace of its own: journald's sockets and files are then not the machine's.
    let script = format!(
        "set -e
         mkdir -p /run/systemd /run/log
         mount -t tmpfs none /run/systemd && mount -t tmpfs none /run/log && mkdir -p /run/systemd/journal /run/log/journal
         [ ! -d /var/log/journal ] || mount -t tmpfs none /var/log/journal
         [ -s /etc/machine-id ] || {{ cp /proc/sys/kernel/random/boot_id {folder}/id && sed -i s/-//g {folder}/id; }}
         [ -s /etc/machine-id ] || {{ touch /etc/machine-id; mount --bind {folder}/id /etc/machine-id; }}
         {journald} & journald=$!
         until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
         {sensor} run --mirror {MIRROR} --learning 0 --db {folder}/sensor.db --json > {folder}/stdout 2> {folder}/stderr &
         sensor=$!
         until [ -e {folder}/stop ]; do
           journalctl --sync 2>/dev/null || true
           journalctl -D /run/log/journal -o json -t sensor > {folder}/journal.part 2>/dev/null || true
           journalctl -D /run/log/journal -o json SENSOR_EVENT=new-host > {folder}/new-host.part 2>/dev/null || true
           mv {folder}/new-host.part {folder}/new-host.json
           mv {folder}/journal.part {folder}/journal.json
           sleep 0.1
         done
         kill -TERM $sensor; wait $sensor; kill $journald",
        folder = folder.display(),
        journald = lab::tools::JOURNALD,
        sensor = sensor_binary().display(),
    );
    let mut shell = lab
        .probe
        .command("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &script])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let (mac, ip) = (Mac([0x00, 0x14, 0x22, 1, 2, 3]), Ipv4Addr::new(10, 77, 0, 70));
    wait::until("the sensor in the journal", || Ok((!read(&folder.join("journal.json")).is_empty()).then_some(())))
        .unwrap();
    lab.host("static").namespace.sh("ip link set eth0 up").unwrap();
    let frame = sender::arp_request(mac, ip, Ipv4Addr::new(10, 77, 0, 1), &[]);
    sender::send(&lab.host("static").namespace, "eth0", &[frame]).unwrap();
    let entry = wait::until("new-host in the journal", || {
        let entries = read(&folder.join("new-host.json"));
        Ok(entries.into_iter().find(|entry| entry["SENSOR_MAC"] == mac.to_string()))
    })
    .unwrap();
    std::fs::write(folder.join("stop"), "").unwrap();
    assert!(shell.wait().unwrap().success());

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

/// The catalog that is shipped is one that `journalctl` can compile, and it explains the entry.
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

fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
