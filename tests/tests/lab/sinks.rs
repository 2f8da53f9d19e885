//! The sinks of a running sensor: a rotation of the log loses no line, and a sink that does not read stops no other.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::lab::hub::{Hub, IFACE};
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sensor_process::{SensorProcess, events};
use sensor_tests::lab::{self, sender, wait};
use serde_json::Value;
use tempfile::TempDir;

const ROTATIONS: u8 = 5;
/// Their events exceed what a pipe holds, and what a connection holds whose other side does not read.
const HOSTS_A_ROTATION: u8 = 200;

/// Killed when the test ends early.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_rotation_loses_no_line_and_a_sink_that_does_not_read_stops_nothing() {
    if !lab::possible() {
        return;
    }
    let hub = Hub::build().unwrap();
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let speaker = hub.plug_in("speaker", Mac([0, 0x50, 0x56, 9, 9, 9]), &[]).unwrap();
    // Its backlog takes the connection, which is never read.
    let silent = hub.listener.enter(|| Ok(TcpListener::bind("127.0.0.1:0")?)).unwrap();
    let syslog = format!("tcp:{}", silent.local_addr().unwrap());
    let flags = ["--mirror", IFACE, "--passive", "--learning", "0", "--syslog", &syslog];
    let mut command = SensorProcess::command(hub.listener.command(sensor_binary()), folder, &flags).unwrap();
    // A pipe that is never read.
    let mut sensor = Running(command.stdout(Stdio::piped()).spawn().unwrap());

    wait::until("the sensor to listen", || Ok((!events(folder)?.is_empty()).then_some(()))).unwrap();
    for rotation in 0..ROTATIONS {
        speak(&speaker, rotation, 0..HOSTS_A_ROTATION / 2);
        std::fs::rename(folder.join("events.jsonl"), folder.join(format!("events.{rotation}"))).unwrap();
        signal(&sensor.0, libc::SIGHUP);
        speak(&speaker, rotation, HOSTS_A_ROTATION / 2..HOSTS_A_ROTATION);
        // Shows that the new file is open, and that neither pipe nor connection blocks the loop.
        let last = Ipv4Addr::new(10, 77, rotation, HOSTS_A_ROTATION - 1).to_string();
        wait::until("the last host", || Ok(events(folder)?.iter().any(|event| event["ip"] == *last).then_some(())))
            .unwrap();
    }
    let sink = wait::until("a sink that takes nothing", || {
        let status: Value = serde_json::from_slice(&status(folder))?;
        let sinks = status["status"]["sinks"].as_array().cloned().unwrap_or_default();
        Ok(sinks.into_iter().find(|sink| sink["error"].is_string()))
    })
    .unwrap();
    assert_eq!((&sink["name"], &sink["error"]), (&format!("syslog {syslog}").into(), &"the peer does not read".into()));
    assert!(sink["waiting"].as_u64() > Some(0) && sink["missed"] == 0, "{sink}");
    signal(&sensor.0, libc::SIGTERM);
    assert!(sensor.0.wait().unwrap().success(), "{}", std::fs::read_to_string(folder.join("stderr")).unwrap());

    let mut told = Vec::new();
    for name in (0..ROTATIONS).map(|rotation| format!("events.{rotation}")).chain(["events.jsonl".to_owned()]) {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        told.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_u64().unwrap()));
    }
    assert!(told.is_sorted_by(|a, b| a < b), "{told:?}");
    let database = rusqlite::Connection::open(folder.join("sensor.db")).unwrap();
    let mut ids = database.prepare("SELECT id FROM events").unwrap();
    let ids: BTreeSet<u64> =
        ids.query_map([], |row| row.get::<_, i64>(0)).unwrap().map(|id| id.unwrap().cast_unsigned()).collect();
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), ids);
    let marks = "SELECT count(*) FROM sinks WHERE written_to < (SELECT max(id) FROM events)";
    let behind: i64 = database.query_row(marks, [], |row| row.get(0)).unwrap();
    assert_eq!(behind, 1, "only the connection is behind, and that is remembered");
}

fn speak(speaker: &Namespace, rotation: u8, hosts: std::ops::Range<u8>) {
    let request = |host| {
        let mac = Mac([0, 0x50, 0x56, 7, rotation, host]);
        sender::arp_request(mac, Ipv4Addr::new(10, 77, rotation, host), Ipv4Addr::new(10, 77, 0, 1), &[])
    };
    sender::send(speaker, IFACE, &hosts.map(request).collect::<Vec<_>>()).unwrap();
}

fn status(folder: &Path) -> Vec<u8> {
    let mut command = Command::new(sensor_binary());
    command.args(["status", "--json", "--db"]).arg(folder.join("sensor.db")).output().unwrap().stdout
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: the child is ours and not yet waited for, so the number is still its own.
    unsafe { libc::kill(child.id().cast_signed(), signal) };
}
