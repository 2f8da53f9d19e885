//! One machine with several MACs: real DHCP clients that change theirs, and the owner's decisions on which are one
//! host.

use std::path::Path;
use std::process::{Command, Output};

use sensor_tests::binary::sensor_binary;
use sensor_tests::lab::sensor_process::{SensorProcess, of_kind};
use sensor_tests::lab::{self, Lab, MIRROR};
use serde_json::Value;

const PHONE: &str = "phone-3";

fn sensor(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(sensor_binary()).args(arguments).arg("--db").arg(folder.join("sensor.db")).output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Takes another MAC and requests an address again, as a phone does that joins the network again.
fn rejoin(lab: &Lab, mac: &str, says: &str) {
    let namespace = &lab.host(PHONE).namespace;
    let path = |name: &str| lab.path(name).display().to_string();
    let config = lab.path("again.conf");
    std::fs::write(&config, format!("{says}\nrequest subnet-mask, broadcast-address, routers, domain-name-servers;\n"))
        .unwrap();
    let script = format!(
        "pkill -x dhclient --ns $$ --nslist net || true
         ip link set eth0 down; ip addr flush dev eth0; ip link set eth0 address {mac}; ip link set eth0 up
         rm -f {leases}; dhclient -1 -q -4 -cf {config} -sf {script} -lf {leases} -pf {pid} eth0 >/dev/null 2>&1",
        config = config.display(),
        script = path("dhclient-script"),
        leases = path("again.leases"),
        pid = path("again.pid"),
    );
    namespace.sh(&script).unwrap();
    lab.ping(PHONE, lab::SERVER.into()).unwrap();
}

fn of_mac<'a>(events: &'a [Value], kind: &str, mac: &str) -> Vec<&'a Value> {
    of_kind(events, kind).into_iter().filter(|event| event["mac"] == mac).collect()
}

#[test]
fn a_phone_that_changes_its_mac_is_the_same_phone() {
    if !lab::possible() {
        return;
    }
    let mut lab = Lab::build().unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let folder = folder.path();
    let flags = ["--mirror", MIRROR, "--passive", "--learning", "0"];
    let running = SensorProcess::start(&lab.probe, folder, &flags).unwrap();
    lab.start_hosts().unwrap();
    let first = lab.host(PHONE).mac.to_string();
    running.wait_for("the phone", |events| !of_mac(events, "new-host", &first).is_empty()).unwrap();

    // By similarity: the same name and the same DHCP fingerprint.
    let like = format!("send host-name \"{PHONE}\";\nsend vendor-class-identifier \"{}\";", lab::VENDOR_CLASS);
    let second = "06:5a:c1:99:00:02";
    rejoin(&lab, second, &like);
    let told = running.wait_for("the phone again", |events| !of_mac(events, "mac-rotated", second).is_empty()).unwrap();
    let event = of_mac(&told, "mac-rotated", second)[0];
    assert_eq!((&event["old_mac"], &event["hostname"]), (&first.as_str().into(), &PHONE.into()), "{event:#}");
    assert_eq!((&event["severity"], event["ip"].is_string()), (&"info".into(), true), "{event:#}");
    assert_eq!(event["details"]["evidence"], serde_json::json!(["hostname+dhcp-fingerprint"]));
    let host = event["host"].as_str().unwrap().to_owned();

    // By its client identifier, whatever its name; it gets one now.
    let named = format!("{like}\nsend dhcp-client-identifier \"phone-three\";");
    rejoin(&lab, second, &named);
    let third = "06:5a:c1:99:00:03";
    rejoin(&lab, third, "send dhcp-client-identifier \"phone-three\";");
    let told =
        running.wait_for("the phone once more", |events| !of_mac(events, "mac-rotated", third).is_empty()).unwrap();
    assert_eq!(of_mac(&told, "mac-rotated", third)[0]["details"]["evidence"], serde_json::json!(["client-id"]));
    for mac in [second, third] {
        assert_eq!(of_mac(&told, "new-host", mac).len(), 0, "{mac} is no new host: {told:#?}");
        assert_eq!(of_mac(&told, "mac-rotated", mac).len(), 1, "told once: {told:#?}");
    }
    let moved: Vec<_> = ["changed-mac", "flip-flop", "ip-conflict"].map(|kind| of_kind(&told, kind)).concat();
    assert!(moved.is_empty(), "{moved:#?}");

    // The owner looks, and disagrees; the running sensor remembers that.
    let shown = said(&sensor(folder, &["host", "show", second]));
    for part in [&host, &first, second, third, "85 % by hostname+dhcp-fingerprint", "95 % by client-id"] {
        assert!(shown.contains(part), "'{part}' is not in:\n{shown}");
    }
    said(&sensor(folder, &["host", "split", &host, third]));
    let parted = said(&sensor(folder, &["host", "show", third]));
    assert!(!parted.contains(&first) && parted.contains("split from"), "{parted}");
    lab.ping(PHONE, lab::SERVER.into()).unwrap();
    assert!(running.stop().unwrap().success());

    // And without a running sensor.
    let unknown = sensor(folder, &["host", "show", "nobody"]);
    let error = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(unknown.status.code() == Some(2) && error.contains("no host 'nobody'"), "{error}");
    assert_eq!(sensor(folder, &["host", "split", third, third]).status.code(), Some(2), "it is the only one");
    said(&sensor(folder, &["host", "join", &host, third]));
    let joined = said(&sensor(folder, &["host", "show", third]));
    assert!(joined.contains(&first) && joined.contains("100 % by owner"), "{joined}");
}
