//! Capture files through the whole path, as a user replays them.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::bpf::root;
use sensor_tests::lab::sender::arp_request;
use serde_json::Value;
use tempfile::TempDir;

const MAC: Mac = Mac([0x00, 0x14, 0x22, 0, 0, 1]);
const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn capture(name: &str) -> PathBuf {
    root().join("tests/data/captures").join(name)
}

fn replay(arguments: &[&str], input: &Path) -> Output {
    let mut command = Command::new(sensor_binary());
    command.arg("replay").arg(input).args(arguments).env_remove("JOURNAL_STREAM").stdin(Stdio::null());
    command.output().unwrap()
}

fn records(output: &Output) -> Vec<Value> {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A file of these bytes is read without a message, and holds the one station.
fn check_reads(what: &str, bytes: &[u8], first_seen: &str) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("capture");
    std::fs::write(&file, bytes).unwrap();
    let output = replay(&["--json"], &file);
    assert!(output.status.success() && output.stderr.is_empty(), "{what}: {output:?}");
    let records = records(&output);
    let seen: Vec<[&str; 3]> =
        records.iter().map(|record| ["ip", "mac", "first_seen"].map(|key| record[key].as_str().unwrap())).collect();
    assert_eq!(seen, [["10.0.0.1", "00:14:22:00:00:01", first_seen]], "{what}");
}

fn pcap(big_endian: bool, magic: u32, link_type: u32, frame: &[u8]) -> Vec<u8> {
    let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let version = if big_endian { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
    let len = frame.len() as u32;
    [
        &word(magic)[..],
        &version,
        &word(0),
        &word(0),
        &word(65_535),
        &word(link_type),
        &word(1_000),
        &word(5),
        &word(len),
        &word(len),
        frame,
    ]
    .concat()
}

fn pcapng(big_endian: bool, frame: &[u8]) -> Vec<u8> {
    let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let len = word(12 + body.len() as u32);
        [&word(kind)[..], &len, body, &len].concat()
    };
    let section = [&word(0x1a2b_3c4d)[..], &half(1), &half(0), &[0xff; 8]].concat();
    let interface = [&half(1)[..], &half(0), &word(0)].concat();
    // Microseconds since 1970, in two words.
    let stamp = 1_000_000_005_u64;
    let len = frame.len() as u32;
    let mut packet = [word(0), word((stamp >> 32) as u32), word(stamp as u32), word(len), word(len)].concat();
    packet.extend_from_slice(frame);
    packet.resize(packet.len().next_multiple_of(4), 0);
    [block(0x0a0d_0d0a, &section), block(1, &interface), block(6, &packet)].concat()
}

#[test]
fn every_format_of_capture_files() {
    let frame = arp_request(MAC, IP, Ipv4Addr::new(10, 0, 0, 2), &[]);
    let (us, ns) = ("1970-01-01T00:16:40.000005Z", "1970-01-01T00:16:40.000000005Z");
    check_reads("pcap", &pcap(false, 0xa1b2_c3d4, 1, &frame), us);
    check_reads("pcap, big endian", &pcap(true, 0xa1b2_c3d4, 1, &frame), us);
    check_reads("pcap, nanoseconds", &pcap(false, 0xa1b2_3c4d, 1, &frame), ns);
    check_reads("pcap, nanoseconds, big endian", &pcap(true, 0xa1b2_3c4d, 1, &frame), ns);
    check_reads("pcapng", &pcapng(false, &frame), us);
    check_reads("pcapng, big endian", &pcapng(true, &frame), us);
    let mut gzip = flate(&pcap(false, 0xa1b2_c3d4, 1, &frame));
    check_reads("gzip", &gzip, us);
    gzip.clear();
    // Linux cooked: packet type, ARPHRD, address length and address, protocol; then the message.
    let v1 = [&[0, 1, 0, 1, 0, 6][..], &MAC.0, &[0, 0, 8, 6], &frame[14..42]].concat();
    check_reads("cooked", &pcap(false, 0xa1b2_c3d4, 113, &v1), us);
    let v2 = [&[8, 6, 0, 0, 0, 0, 0, 3, 0, 1, 1, 6][..], &MAC.0, &[0, 0], &frame[14..42]].concat();
    check_reads("cooked v2", &pcap(false, 0xa1b2_c3d4, 276, &v2), us);
}

fn flate(bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn standard_input() {
    let mut child = Command::new(sensor_binary())
        .args(["replay", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(capture("vlan11.pcap")).unwrap()).unwrap();
    let piped = child.wait_with_output().unwrap();
    assert!(piped.status.success(), "{piped:?}");
    assert_eq!(piped.stdout, replay(&["--json"], &capture("vlan11.pcap")).stdout);
}

#[test]
fn a_cut_file_keeps_what_came_before() {
    let folder = TempDir::new().unwrap();
    let whole = std::fs::read(capture("vlan11.pcap")).unwrap();
    let cut = folder.path().join("cut.pcap");
    std::fs::write(&cut, &whole[..whole.len() - 10]).unwrap();
    let output = replay(&["--json"], &cut);
    assert_eq!(output.status.code(), Some(5));
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("cut.pcap"), "{said}");
    assert_eq!(records(&output).len(), records(&replay(&["--json"], &capture("vlan11.pcap"))).len());
}

#[test]
fn a_second_replay_is_the_same_and_adds_nothing() {
    let folder = TempDir::new().unwrap();
    for entry in std::fs::read_dir(root().join("tests/data/captures")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            continue;
        }
        let events = |number: u8| {
            let file = folder.path().join(format!("events-{number}"));
            drop(std::fs::remove_file(&file));
            replay(&["--json", "--events", file.to_str().unwrap()], &path);
            std::fs::read(file).unwrap()
        };
        assert_eq!(events(1), events(2), "{}", path.display());
        let database = folder.path().join(path.file_name().unwrap()).with_extension("db");
        let (told, told_again) = (folder.path().join("told"), folder.path().join("told-again"));
        drop(std::fs::remove_file(&told));
        drop(std::fs::remove_file(&told_again));
        let database = database.to_str().unwrap();
        replay(&["--json", "--db", database, "--events", told.to_str().unwrap()], &path);
        let export =
            || Command::new(sensor_binary()).args(["export", "--json", "--db", database]).output().unwrap().stdout;
        let first = export();
        replay(&["--json", "--db", database, "--events", told_again.to_str().unwrap()], &path);
        assert_eq!(first, export(), "{}", path.display());
        assert_eq!(String::from_utf8(std::fs::read(told_again).unwrap()).unwrap(), "", "{}", path.display());
        assert_eq!(std::fs::read(told).unwrap(), events(1), "with a database or without: {}", path.display());
    }
}

#[test]
fn printed_records_match_the_schema() {
    let output = Command::new(sensor_binary()).args(["export", "--schema"]).output().unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for name in ["dhcp.pcap", "mdns.pcap", "ndp.pcap", "arp-qinq.pcap"] {
        let output = replay(&["--json"], &capture(name));
        let records = records(&output);
        assert!(!records.is_empty(), "{name}");
        for record in &records {
            assert!(validator.is_valid(record), "{name}: {record:#}");
        }
        let csv = replay(&["--csv"], &capture(name)).stdout;
        assert_eq!(String::from_utf8(csv).unwrap().lines().count(), records.len() + 1, "{name}");
    }
}

#[test]
fn a_sender_outside_the_networks_is_a_bogon() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("events");
    let output =
        replay(&["--json", "--network", "192.0.2.0/24", "--events", file.to_str().unwrap()], &capture("vlan11.pcap"));
    assert!(output.status.success());
    let events = std::fs::read_to_string(file).unwrap();
    assert!(events.contains("\"kind\":\"bogon\""), "{events}");
    assert!(records(&output).iter().all(|record| record.get("ip").is_none()), "a bogon's address is not bound");
}

#[test]
fn the_output_for_two_captures() {
    for name in ["vlan11.pcap", "ndp.pcap"] {
        let output = replay(&["--learning", "0"], &capture(name));
        insta::assert_snapshot!(name, String::from_utf8(output.stdout).unwrap());
    }
}
