//! Which events are reported: mutes, a policy that is read again on SIGHUP, and repeats that are counted across
//! restarts.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output};

use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::bpf::require_root;
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sensor_process::{SensorProcess, events, of_kind};
use sensor_tests::lab::{sender, wait};
use serde_json::Value;
use tempfile::TempDir;

const PORT: &str = "mir1";
const FLAGS: [&str; 7] = ["--mirror", PORT, "--passive", "--learning", "0", "--refresh", "0"];
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 1);

fn port() -> Namespace {
    let namespace = Namespace::new("policy").unwrap();
    namespace.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1").unwrap();
    namespace.sh("ip link add mir1 type veth peer name out1; ip link set out1 up; ip link set mir1 up").unwrap();
    namespace
}

fn mac(number: u8) -> Mac {
    Mac([0x00, 0x0c, 0x29, 7, 0, number])
}

fn speak(namespace: &Namespace, station: u8, ip: [u8; 4]) {
    let frame = sender::arp_request(mac(station), ip.into(), ROUTER, &[]);
    sender::send(namespace, "out1", &[frame]).unwrap();
}

fn sensor(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(sensor_binary()).args(arguments).arg("--db").arg(folder.join("sensor.db")).output().unwrap()
}

#[track_caller]
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Events in the database, as `sensor events --json` shows them.
fn kept(folder: &Path) -> Vec<Value> {
    let lines = said(&sensor(folder, &["events", "--json"]));
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_ip<'a>(events: &'a [Value], kind: &str, ip: &str) -> Vec<&'a Value> {
    of_kind(events, kind).into_iter().filter(|event| event["ip"] == ip).collect()
}

/// Waits until an event is in the database.
fn wait_kept(folder: &Path, kind: &str, ip: &str, found: impl Fn(&Value) -> bool) -> Value {
    wait::until("the event to be kept", || {
        Ok(of_ip(&kept(folder), kind, ip).into_iter().find(|event| found(event)).cloned())
    })
    .unwrap()
}

#[test]
fn muted_events_are_stored_and_not_reported() {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    let folder = folder.path();
    let running = SensorProcess::start(&namespace, folder, &FLAGS).unwrap();
    speak(&namespace, 1, [10, 7, 0, 11]);
    running.wait_for("a host", |events| !of_ip(events, "new-host", "10.7.0.11").is_empty()).unwrap();

    let muted = said(&sensor(folder, &["mute", PORT, "--for", "2h", "--reason", "moving\u{1b}[31m"]));
    assert!(muted.starts_with("mute 1 until 20"), "{muted}");
    let unknown = sensor(folder, &["mute", "nohost", "--for", "2h"]);
    let error = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(unknown.status.code() == Some(2) && error.contains("'nohost' is no kind of event"), "{error}");
    let list = said(&sensor(folder, &["mute", "--list"]));
    assert!(list.contains("mir1") && list.contains("moving") && !list.contains('\u{1b}'), "{list}");
    let status: Value = serde_json::from_str(&said(&sensor(folder, &["status", "--json"]))).unwrap();
    assert_eq!(
        (&status["status"]["mutes"][0]["target"], &status["status"]["mutes"][0]["id"]),
        (&PORT.into(), &1.into())
    );
    speak(&namespace, 2, [10, 7, 0, 12]);
    wait_kept(folder, "new-host", "10.7.0.12", |event| event["muted"] == "mute 1");

    // A user other than root and the sensor's own may read the status only.
    let mode = namespace.output(&format!("stat -c %a {}", folder.join("sensor.db.control").display())).unwrap();
    assert_eq!(mode.trim(), "600");

    // A mute survives a restart, also after SIGKILL, until it is ended.
    running.kill().unwrap();
    let running = SensorProcess::start(&namespace, folder, &FLAGS).unwrap();
    speak(&namespace, 3, [10, 7, 0, 13]);
    wait_kept(folder, "new-host", "10.7.0.13", |event| event["muted"] == "mute 1");
    assert!(said(&sensor(folder, &["mute", "--end", "1"])).contains("mute 1 has ended"));
    assert_eq!(sensor(folder, &["mute", "--end", "1"]).status.code(), Some(2));
    speak(&namespace, 4, [10, 7, 0, 14]);
    let told = running.wait_for("a host", |events| !of_ip(events, "new-host", "10.7.0.14").is_empty()).unwrap();
    for ip in ["10.7.0.12", "10.7.0.13"] {
        assert!(of_ip(&told, "new-host", ip).is_empty(), "{ip} was muted: {told:#?}");
    }
    assert!(running.stop().unwrap().success());

    // Where no sensor runs the command writes to the database itself.
    assert!(!folder.join("sensor.db.control").exists());
    assert!(said(&sensor(folder, &["mute", "new-host", "--for", "1h"])).starts_with("mute 2 until 20"));
    let running = SensorProcess::start(&namespace, folder, &FLAGS).unwrap();
    speak(&namespace, 5, [10, 7, 0, 15]);
    wait_kept(folder, "new-host", "10.7.0.15", |event| event["muted"] == "mute 2");
    assert!(running.stop().unwrap().success());
    assert!(of_ip(&events(folder).unwrap(), "new-host", "10.7.0.15").is_empty());
}

#[test]
fn repeats_are_counted_across_restarts() {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    let folder = folder.path();
    let ip = "10.7.0.50";
    let mut running = SensorProcess::start(&namespace, folder, &FLAGS).unwrap();
    // A, then B: changed-mac. Then back and forth: flip-flops, of which the first is reported.
    speak(&namespace, 1, [10, 7, 0, 50]);
    running.wait_for("a host", |events| !of_ip(events, "new-host", ip).is_empty()).unwrap();
    speak(&namespace, 2, [10, 7, 0, 50]);
    running.wait_for("the move", |events| !of_ip(events, "changed-mac", ip).is_empty()).unwrap();
    for number in 1..=12_u64 {
        let station = if number % 2 == 1 { 1 } else { 2 };
        speak(&namespace, station, [10, 7, 0, 50]);
        wait_kept(folder, "flip-flop", ip, |event| event["count"].as_u64().unwrap_or(1) == number);
        if number % 4 == 0 {
            running.kill().unwrap();
            running = SensorProcess::start(&namespace, folder, &FLAGS).unwrap();
        }
    }
    // A move to a third station is no repeat.
    speak(&namespace, 3, [10, 7, 0, 50]);
    let told = running.wait_for("the third", |events| of_ip(events, "changed-mac", ip).len() == 2).unwrap();
    assert_eq!(of_ip(&told, "flip-flop", ip).len(), 1, "told once: {told:#?}");
    let text = said(&sensor(folder, &["events", "--kind", "flip-flop"]));
    assert!(text.contains("(12 times, last 20"), "{text}");
    assert_eq!(of_ip(&kept(folder), "flip-flop", ip).len(), 1);
    assert!(running.stop().unwrap().success());
}

#[test]
fn the_policy_is_read_again_on_sighup() {
    if !require_root() {
        return;
    }
    let (namespace, folder) = (port(), TempDir::new().unwrap());
    let folder = folder.path();
    let file = folder.join("sensor.toml");
    std::fs::write(&file, "[policy]\n").unwrap();
    let flags = [&FLAGS[..], &["--config", file.to_str().unwrap()]].concat();
    let running = SensorProcess::start(&namespace, folder, &flags).unwrap();
    let reload = |text: &str, sentence: &str| {
        let stderr = || std::fs::read_to_string(folder.join("stderr")).unwrap();
        let before = stderr().matches("files opened anew").count();
        std::fs::write(&file, text).unwrap();
        running.signal(libc::SIGHUP);
        let said = wait::until("the policy to be read", || {
            Ok(Some(stderr()).filter(|text| text.matches("files opened anew").count() > before))
        })
        .unwrap();
        let line = said.lines().rfind(|line| line.contains("files opened anew")).unwrap();
        assert!(line.contains(sentence), "{line}");
    };
    speak(&namespace, 1, [10, 7, 0, 11]);
    running.wait_for("a host", |events| !of_ip(events, "new-host", "10.7.0.11").is_empty()).unwrap();
    reload(
        "[policy]\nignore = [\"10.7.0.12\"]\n[[policy.rule]]\nkinds = [\"new-host\"]\nseverity = \"alert\"\n",
        "policy and allow lists read anew",
    );
    speak(&namespace, 2, [10, 7, 0, 12]);
    speak(&namespace, 3, [10, 7, 0, 13]);
    wait_kept(folder, "new-host", "10.7.0.13", |event| event["severity"] == "alert");
    reload("[policy]\nfold = 1\n", "the policy stays as it was");
    speak(&namespace, 4, [10, 7, 0, 14]);
    let told = running.wait_for("a host", |events| !of_ip(events, "new-host", "10.7.0.14").is_empty()).unwrap();
    assert_eq!(of_ip(&told, "new-host", "10.7.0.14")[0]["severity"], "alert");
    assert!(of_ip(&kept(folder), "new-host", "10.7.0.12").is_empty(), "it was ignored");
    assert!(running.stop().unwrap().success());
}
