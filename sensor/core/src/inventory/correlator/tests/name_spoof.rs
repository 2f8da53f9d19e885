//! Answers for names that belong to others or to nobody.

use crate::inventory::correlator::tests::*;

/// Known since long: the gateway `fe` (10.0.0.254), a laptop `bb`, a file server `cc` called `files` by DHCP; the station `aa`
/// has 10.0.0.66.
const BEFORE: [&str; 6] = [
    "0 dhcp ack bb/fe server=10.0.0.254 yiaddr=10.0.0.11 router=10.0.0.254 lease=86400",
    "0 arp 10.0.0.254 fe",
    "0 dhcp request cc name=files",
    "0 arp 10.0.0.20 cc",
    "1 arp 10.0.0.66 aa",
    "9 wait",
];

#[track_caller]
fn check_after(input: &[&str], expected: &[&str]) {
    let input = [&BEFORE, input].concat();
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in &input {
        step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    }
    events.retain(|event| event.kind == Kind::NameSpoofSuspected);
    assert_eq!(events.iter().map(with_names).collect::<Vec<_>>(), expected, "events of {input:#?}");
}

/// The event with its names.
fn with_names(event: &Event) -> String {
    let names = event.details.iter().find_map(|(_, detail)| match detail {
        Detail::Texts(names) => Some(names.join(",")),
        _ => None,
    });
    format!("{}: {}", written(event), names.unwrap_or_default())
}

#[test]
fn who_answers_for_wpad_is_told_at_once() {
    let told = |name| format!("name-spoof-suspected 10.0.0.66 aa: {name}");
    check_after(&["100 llmnr 10.0.0.66 aa a wpad 10.0.0.66 port=5355"], &[&told("wpad")]);
    check_after(&["100 nbname 10.0.0.66 aa answer WPAD 10.0.0.66 port=137"], &[&told("wpad")]);
    check_after(
        &["99 mdns 10.0.0.11 bb query isatap.local", "100 mdns 10.0.0.66 aa a isatap.local 10.0.0.66"],
        &[&told("isatap")],
    );
    // Whatever it says of itself.
    check_after(
        &[
            "90 dhcp request aa name=wpad",
            "91 nbname 10.0.0.66 aa name WPAD 10.0.0.66",
            "100 llmnr 10.0.0.66 aa a wpad 10.0.0.66 port=5355",
            "900 llmnr 10.0.0.66 aa a wpad 10.0.0.66 port=5355",
        ],
        &["name-spoof-suspected 10.0.0.66 aa \"wpad\": wpad"],
    );
    // The network's own server, and an answer that gives another one's address.
    check_after(&["100 llmnr 10.0.0.254 fe a wpad 10.0.0.254 port=5355"], &[]);
    check_after(&["100 llmnr 10.0.0.66 aa a wpad 10.0.0.20 port=5355"], &[]);
    check_after(&["100 llmnr 10.0.0.11 bb query wpad"], &[]);
}

#[test]
fn who_answers_for_everything_is_told_once() {
    let answers = |names: &[&str], askers: &[&str]| {
        let mut lines = Vec::new();
        for (n, name) in names.iter().enumerate() {
            let (at, asker) = (100 + n, askers[n % askers.len()]);
            lines.push(format!("{at} llmnr 10.0.0.1{n} {asker} query {name} port=50000"));
            lines.push(format!("{at}.1 llmnr 10.0.0.66 aa a {name} 10.0.0.66 port=5355"));
        }
        lines
    };
    let check_names = |names: &[&str], askers: &[&str], expected: &[&str]| {
        let lines = answers(names, askers);
        check_after(&lines.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    };
    check_names(&["prntsrv", "intranett", "fielserver"], &["bb", "dd"], &[]);
    check_names(
        &["prntsrv", "intranett", "fielserver", "xkqzjw", "qwertz"],
        &["bb", "dd"],
        &["name-spoof-suspected 10.0.0.66 aa \"fielserver\": prntsrv,intranett,fielserver,xkqzjw"],
    );
    check_names(&["n1", "n2", "n3", "n4", "n5", "n6", "n7"], &["bb"], &[]);
    check_names(
        &["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"],
        &["bb"],
        &["name-spoof-suspected 10.0.0.66 aa \"n7\": n1,n2,n3,n4,n5,n6,n7,n8"],
    );
}

#[test]
fn a_few_stable_or_announced_names_are_a_hosts_own() {
    // NetBIOS aliases that were registered, and names that are not a computer's.
    let registered = ["NAS", "MEDIA", "BACKUP", "PHOTOS", "MUSIC"];
    let registers = registered.map(|name| format!("50 nbname 10.0.0.66 aa name {name} 10.0.0.66 port=137"));
    let answers = registered.iter().flat_map(|name| {
        [
            format!("100 nbname 10.0.0.11 bb query {name} port=137"),
            format!("100 nbname 10.0.0.12 dd query {name} port=137"),
            format!("101 nbname 10.0.0.66 aa answer {name} 10.0.0.66 port=137"),
        ]
    });
    let answers: Vec<String> = answers.collect();
    for between in ["60 wait", "60 restart"] {
        let lines = [&registers[..], &[between.to_owned()], &answers].concat();
        check_after(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    }
    // mDNS aliases: announced before they are asked for.
    let lines = (0..12).flat_map(|n| {
        [
            format!("50 mdns 10.0.0.66 aa a app{n}.local 10.0.0.66"),
            format!("100 mdns 10.0.0.11 bb query app{n}.local"),
            format!("100 mdns 10.0.0.12 dd query app{n}.local"),
            format!("101 mdns 10.0.0.66 aa a app{n}.local 10.0.0.66"),
        ]
    });
    let lines: Vec<String> = lines.collect();
    check_after(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    // A reflector repeats the addresses of others.
    let lines = (0..12).flat_map(|n| {
        [
            format!("100 mdns 10.0.0.11 bb query host{n}.local"),
            format!("101 mdns 10.0.0.66 aa of 10.9.0.{n} a host{n}.local 10.9.0.{n}"),
        ]
    });
    let lines: Vec<String> = lines.collect();
    check_after(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
}

#[test]
fn another_hosts_name_is_told_where_the_station_has_its_own() {
    let told = "name-spoof-suspected 10.0.0.66 aa old cc";
    let answer = "100 llmnr 10.0.0.66 aa a FILES 10.0.0.66 port=5355";
    let is_here = "99 arp 10.0.0.20 cc";
    check_after(
        &["20 dhcp request aa name=kali", is_here, answer, "400 nbname 10.0.0.66 aa answer FILES 10.0.0.66"],
        &[&format!("{told} \"kali\": files")],
    );
    // Also when it announces the name as well: DHCP says whose it is.
    check_after(
        &["20 dhcp request aa name=kali", is_here, "50 mdns 10.0.0.66 aa a files.local 10.0.0.66", answer],
        &[&format!("{told} \"kali\": files")],
    );
    // The same machine by its other interface, and one that counts on after it heard itself.
    check_after(&[is_here, answer], &[]);
    check_after(&["20 dhcp request aa name=files", is_here, answer], &[]);
    check_after(&["20 mdns 10.0.0.66 aa a files-2.local 10.0.0.66", is_here, answer], &[]);
    // The other host is gone, was never established, or answers itself.
    check_after(&["20 dhcp request aa name=kali", "900 llmnr 10.0.0.66 aa a files 10.0.0.66 port=5355"], &[]);
    check_after(
        &["20 dhcp request aa name=kali", "90 dhcp request dd name=new", "100 llmnr 10.0.0.66 aa a new 10.0.0.66"],
        &[],
    );
    check_after(&["100 llmnr 10.0.0.20 cc a files 10.0.0.20 port=5355"], &[]);
}

#[test]
fn the_name_of_a_server_of_the_network_is_an_alert() {
    check_after(
        &[
            "9 mdns 10.0.0.254 fe a router.local 10.0.0.254",
            "20 dhcp request aa name=kali",
            "90 arp 10.0.0.20 cc",
            "90 arp 10.0.0.254 fe",
            "100 llmnr 10.0.0.66 aa a files 10.0.0.66 port=5355",
            "101 llmnr 10.0.0.66 aa a router 10.0.0.66 port=5355",
            "102 llmnr 10.0.0.66 aa a router 10.0.0.66 port=5355",
        ],
        &[
            "name-spoof-suspected 10.0.0.66 aa old cc \"kali\": files",
            "name-spoof-suspected 10.0.0.66 aa old fe \"kali\" alert: files,router",
        ],
    );
}

#[test]
fn what_is_kept_of_names_is_bounded() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for n in 0..6000 {
        let mac = format!("02:00:00:00:{:02x}:{:02x}", n / 4 / 256, n / 4 % 256);
        for said in ["query", "a"] {
            let line = format!("{} llmnr 10.0.0.9 {mac} {said} name{n} 10.0.0.9 port=5355", n / 100);
            step(&mut correlator, &settings(), Limits::default(), &line, &mut events);
        }
    }
    let size = format!("{:?}", correlator.name_log).len();
    assert!(size < 1 << 20, "{size} characters");
}
