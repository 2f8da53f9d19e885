//! Which stations are recognised as the same machine, and which are not.

use crate::inventory::correlator::tests::{check, check_read_twice};

/// A phone joins the network: it asks for an address and gets it.
fn join(at: u32, mac: &str, ip: u8, says: &str) -> [String; 3] {
    [
        format!("{at} dhcp discover {mac} {says}"),
        format!("{at}.1 dhcp ack {mac}/fe yiaddr=10.0.0.{ip}"),
        format!("{at}.2 announce 10.0.0.{ip} {mac}"),
    ]
}

fn check_story(parts: &[&[String]], expected: &[&str]) {
    let lines: Vec<&str> = parts.iter().flat_map(|part| part.iter().map(String::as_str)).collect();
    let server = ["0 arp 10.0.0.254 fe"];
    let told = ["new-host 10.0.0.254 fe"];
    check(&[&server[..], &lines].concat(), &[&told[..], expected].concat());
    // A restart between any two lines changes nothing.
    let restarted: Vec<String> = lines
        .iter()
        .flat_map(|line| [format!("{} restart", line.split(' ').next().unwrap_or_default()), (*line).to_owned()])
        .collect();
    let restarted: Vec<&str> = restarted.iter().map(String::as_str).collect();
    check(&[&server[..], &restarted].concat(), &[&told[..], expected].concat());
}

const ANNA: &str = "name=anna-phone asks=1,3,6 class=android-dhcp-14";
const PHONE: &str = "name=iPhone asks=1,121,3,6";

#[test]
fn a_rotated_mac_is_no_new_host() {
    let first = join(1, "aa", 7, ANNA);
    check_story(
        &[&first, &join(5000, "bb", 8, ANNA), &join(90_000, "cc", 9, ANNA)],
        &[
            "new-host 10.0.0.7 aa \"anna-phone\"",
            "mac-rotated 10.0.0.8 bb old aa \"anna-phone\"",
            "mac-rotated 10.0.0.9 cc old bb \"anna-phone\"",
        ],
    );
    // The address moves along, and says nothing more.
    check_story(
        &[&first, &join(5000, "bb", 7, ANNA)],
        &["new-host 10.0.0.7 aa \"anna-phone\"", "mac-rotated 10.0.0.7 bb old aa \"anna-phone\""],
    );
    // Without an address it is told when it has settled.
    check_story(
        &[&first, &[format!("5000 dhcp discover bb {ANNA}"), "5004 wait".to_owned()]],
        &["new-host 10.0.0.7 aa \"anna-phone\"", "mac-rotated bb old aa \"anna-phone\""],
    );
}

#[test]
fn identifiers_join_whatever_the_name() {
    check_story(
        &[&join(1, "aa", 7, "id=station-7"), &join(5000, "bb", 8, "id=station-7")],
        &["new-host 10.0.0.7 aa", "mac-rotated 10.0.0.8 bb old aa"],
    );
    // So is a second adapter with a maker's number: what joins a known host is told.
    check_story(
        &[&join(1, "aa", 7, "id=station-7"), &join(5000, "00:14:22:00:00:01", 8, "id=station-7")],
        &["new-host 10.0.0.7 aa", "mac-rotated 10.0.0.8 00:14:22:00:00:01 old aa"],
    );
}

#[test]
fn likeness_needs_a_random_mac() {
    let one = join(1, "00:14:22:00:00:01", 7, ANNA);
    check_story(
        &[&one, &join(5000, "00:14:22:00:00:02", 8, ANNA)],
        &["new-host 10.0.0.7 00:14:22:00:00:01 \"anna-phone\"", "new-host 10.0.0.8 00:14:22:00:00:02 \"anna-phone\""],
    );
    // A hypervisor's number is no changing one.
    check_story(
        &[&join(1, "52:54:00:00:00:01", 7, ANNA), &join(5000, "52:54:00:00:00:02", 8, ANNA)],
        &["new-host 10.0.0.7 52:54:00:00:00:01 \"anna-phone\"", "new-host 10.0.0.8 52:54:00:00:00:02 \"anna-phone\""],
    );
}

#[test]
fn hosts_there_at_the_same_time_are_not_joined() {
    check_story(
        &[&join(1, "aa", 7, ANNA), &["4990 arp 10.0.0.7 aa".to_owned()], &join(4980, "bb", 8, ANNA)],
        &["new-host 10.0.0.7 aa \"anna-phone\"", "new-host 10.0.0.8 bb \"anna-phone\""],
    );
}

#[test]
fn a_makers_name_joins_nothing() {
    check_story(
        &[&join(1, "aa", 7, PHONE), &join(5000, "bb", 8, PHONE)],
        &["new-host 10.0.0.7 aa \"iPhone\"", "new-host 10.0.0.8 bb \"iPhone\""],
    );
    // One that was there for a day may have come back with another MAC.
    check_story(
        &[&join(1, "aa", 7, PHONE), &join(86500, "bb", 8, PHONE)],
        &["new-host 10.0.0.7 aa \"iPhone\"", "new-host 10.0.0.8 bb \"iPhone\" info"],
    );
}

#[test]
fn a_named_machine_is_recognised_by_snmp() {
    let lines = |name: &str| {
        [
            "1 arp 10.0.0.7 aa".to_owned(),
            format!("2 snmp 10.0.0.7 {name} Linux-6.1"),
            "5000 arp 10.0.0.8 bb".to_owned(),
            format!("5001 snmp 10.0.0.8 {name} Linux-6.1"),
            "5010 wait".to_owned(),
        ]
    };
    let told = ["new-host 10.0.0.7 aa", "new-host 10.0.0.8 bb"];
    // It was told before it was asked; that it was no new host is told as soon as it is known.
    check_story(&[&lines("lab-probe-7")], &[&told[..], &["mac-rotated 10.0.0.8 bb old aa"]].concat());
    check_story(&[&lines("openwrt")], &told);
}

#[test]
fn a_wrong_join_undoes_itself() {
    let turns: Vec<String> = [(6000, "aa", 7), (6010, "bb", 8), (6020, "aa", 7), (6030, "bb", 8)]
        .map(|(at, mac, ip)| format!("{at} arp 10.0.0.{ip} {mac}"))
        .into();
    check_story(
        &[&join(1, "aa", 7, ANNA), &join(5990, "bb", 8, ANNA), &turns, &["6040 wait".to_owned()]],
        &[
            "new-host 10.0.0.7 aa \"anna-phone\"",
            "mac-rotated 10.0.0.8 bb old aa \"anna-phone\"",
            "new-host 10.0.0.8 bb \"anna-phone\"",
        ],
    );
}

#[test]
fn a_capture_read_twice_joins_once() {
    let lines: Vec<String> = [join(1, "aa", 7, ANNA), join(500, "bb", 7, ANNA)].concat();
    check_read_twice(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn more_addresses_of_a_prefix_make_no_event() {
    check(
        &["0 arp 10.0.0.1 aa", "1 ns 2001:db8::1 aa", "2 ns 2001:db8::2 aa", "3 ns 2001:db8:0:1::1 aa"],
        &["new-host 10.0.0.1 aa", "new-address 2001:db8::1 aa", "new-address 2001:db8:0:1::1 aa"],
    );
}
