//! Two machines with one client id: `id=` of a DHCP message.

use crate::inventory::correlator::tests::*;
use crate::inventory::event::Reason;

const FIRST: [&str; 2] = ["0 dhcp discover aa id=machine-7", "0.2 arp 10.0.0.7 aa"];
const SECOND: [&str; 2] = ["300 dhcp discover bb id=machine-7", "300.2 arp 10.0.0.8 bb"];
const NEW: &str = "new-host 10.0.0.7 aa";
const CLONED: &str = "ip-conflict 10.0.0.8 bb old aa cloned";

#[track_caller]
fn check_pair(lines: &[&str], expected: &[&str]) {
    check(&[&FIRST[..], &SECOND, lines].concat(), expected);
}

#[test]
fn two_that_speak_by_turns_are_two_and_it_is_told_once() {
    let turns =
        ["305 arp 10.0.0.7 aa", "310 arp 10.0.0.8 bb", "315 arp 10.0.0.7 aa", "320 arp 10.0.0.8 bb", "330 wait"];
    let mut expected = [NEW, CLONED, "new-host 10.0.0.8 bb"];
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in [&FIRST[..], &SECOND, &turns].concat() {
        step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    }
    let mut found: Vec<String> = events.iter().map(written).filter(|line| !line.starts_with("mac-rotated")).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let rows = correlator.snapshot();
    let [a, b] = [0xaa, 0xbb].map(|last| rows.stations.iter().find(|station| station.mac.0[5] == last).unwrap().host);
    assert_ne!(a, b);
    // Renewals say it again, and it is the same.
    for n in 0..20 {
        let at = 400 + n * 10;
        let lines = [format!("{at} dhcp request aa id=machine-7"), format!("{} dhcp request bb id=machine-7", at + 5)];
        lines.iter().for_each(|line| step(&mut correlator, &settings(), Limits::default(), line, &mut events));
    }
    assert_eq!(events.iter().filter(|event| event.reason == Some(Reason::Cloned)).count(), 1, "{events:#?}");
}

#[test]
fn who_keeps_asking_for_an_address_does_not_hide_behind_that() {
    let mut lines: Vec<String> = [&FIRST[..], &SECOND].concat().into_iter().map(str::to_owned).collect();
    for n in 0..10 {
        let at = 310 + n * 20;
        lines.extend([
            format!("{at} rs bb"),
            format!("{at}.5 dhcp request bb id=machine-7"),
            format!("{} arp 10.0.0.8 bb", at + 3),
            format!("{} arp 10.0.0.7 aa", at + 10),
        ]);
    }
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    lines.iter().for_each(|line| step(&mut correlator, &settings(), Limits::default(), line, &mut events));
    assert_eq!(events.iter().filter(|event| event.reason == Some(Reason::Cloned)).count(), 1, "{events:#?}");
}

#[test]
fn a_stood_join_is_parted() {
    // Silent for long, so that the join has stood; then both are there.
    let stood = [
        "500 arp 10.0.0.8 bb",
        "900 arp 10.0.0.8 bb",
        "1000 arp 10.0.0.7 aa",
        "1010 arp 10.0.0.8 bb",
        "1020 arp 10.0.0.7 aa",
        "1030 wait",
    ];
    check_pair(&stood, &[NEW, "mac-rotated 10.0.0.8 bb old aa", CLONED, "new-host 10.0.0.8 bb"]);
}

#[test]
fn a_machine_that_changes_its_mac_is_no_clone() {
    let no_clone = |lines: &[&str]| {
        let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
        let mut events = Vec::new();
        for line in lines {
            step(&mut correlator, &settings(), Limits::default(), line, &mut events);
        }
        assert!(events.iter().all(|event| event.reason != Some(Reason::Cloned)), "{lines:#?}: {events:#?}");
    };
    let pair = [&FIRST[..], &SECOND].concat();
    let with = |lines: &[&'static str]| [&pair[..], lines].concat();
    no_clone(&with(&["301 arp 10.0.0.7 aa", "400 arp 10.0.0.8 bb", "800 arp 10.0.0.8 bb"]));
    // It goes back to the first one, and forth, hours apart.
    no_clone(&with(&[
        "4000 arp 10.0.0.7 aa",
        "8000 arp 10.0.0.8 bb",
        "12000 arp 10.0.0.7 aa",
        "16000 arp 10.0.0.8 bb",
    ]));
    // A laptop that is docked and undocked asks for its address each time.
    let docked: Vec<String> = (0..20)
        .flat_map(|n| {
            let (mac, at) = (["aa", "bb"][n % 2], 400 + n * 60);
            [
                format!("{at} rs {mac}"),
                format!("{at}.5 dhcp discover {mac} id=machine-7"),
                format!("{at}.7 dhcp request {mac} id=machine-7"),
                format!("{} arp 10.0.0.7 {mac}", at + 3),
                format!("{} arp 10.0.0.7 {mac}", at + 30),
            ]
        })
        .collect();
    no_clone(&pair.iter().copied().chain(docked.iter().map(String::as_str)).collect::<Vec<_>>());
    let turns = ["305 rs aa", "310 rs bb", "315 rs aa", "320 rs bb", "325 rs aa"];
    // A repeater sends a client's message on with its own MAC.
    no_clone(&[&["0 dhcp discover aa id=machine-7", "0.3 dhcp discover bb id=machine-7"], &turns[..]].concat());
    // What a server or a relay repeats was not sent by the client.
    no_clone(&[&FIRST[..], &["300 dhcp ack bb/fe id=machine-7 yiaddr=10.0.0.8", "300 rs bb"], &turns].concat());
    no_clone(&[&FIRST[..], &["300 dhcp discover bb/fe id=machine-7 giaddr=10.0.0.254", "300 rs bb"], &turns].concat());
    // A maker's constant.
    no_clone(&[&["0 dhcp discover aa id=x", "60 dhcp discover bb id=x"], &turns[..]].concat());
}
