//! Scenarios of asking: disputes and their reasons, feuds, ports, hosts known by an address only, presence.

use crate::inventory::correlator::tests::*;

fn explaining() -> Settings {
    Settings { explain: Some(Duration::from_secs(3)), ..settings() }
}

/// Both stations of a claim can be asked.
fn check_explained(input: &[&str], expected: &[&str]) {
    check_with(explaining(), Limits::default(), input, expected);
}

/// `aa` holds 10.0.0.1, then `bb`, a host with an address of its own, claims it.
const BEFORE: [&str; 3] = ["0 arp 10.0.0.1 aa", "0 arp 10.0.0.2 bb", "10 announce 10.0.0.1 bb"];
const TOLD: [&str; 2] = ["new-host 10.0.0.1 aa", "new-host 10.0.0.2 bb"];

fn check_claim(input: &[&str], expected: &[&str]) {
    check_explained(&[&BEFORE[..], input].concat(), &[&TOLD[..], expected].concat());
}

#[test]
fn a_claim_is_explained_by_which_stations_answer() {
    let conflict = ["ip-conflict 10.0.0.1 bb old aa conflict"];
    check_claim(&["10.1 asked 10.0.0.1 aa", "10.2 asked 10.0.0.1 bb"], &conflict);
    check_claim(&["10.1 asked 10.0.0.1 bb", "10.2 asked 10.0.0.1 aa"], &conflict);
    check_claim(&["10.1 asked 10.0.0.1 bb", "13 wait"], &["changed-mac 10.0.0.1 bb old aa replaced"]);
    check_claim(&["10.1 asked 10.0.0.1 aa", "13 wait"], &["changed-mac 10.0.0.1 bb old aa spoof-suspected alert"]);
    check_claim(&["13 wait"], &["changed-mac 10.0.0.1 bb old aa unknown"]);
    check_claim(&["10 refuse"], &["changed-mac 10.0.0.1 bb old aa unknown"]);
    check_claim(&["12.999 wait"], &[]);
    check_claim(&["11 finish"], &["changed-mac 10.0.0.1 bb old aa unknown"]);
    // The answers of others, and what was not asked for, prove nothing.
    check_claim(
        &["10.1 asked 10.0.0.1 cc", "10.2 reply 10.0.0.1 bb", "13 wait"],
        &["changed-mac 10.0.0.1 bb old aa unknown"],
    );
}

#[test]
fn an_ipv6_claim_is_explained_as_well() {
    check_explained(
        &["0 na 2001:db8::1 aa", "0 rs bb", "3 wait", "10 na 2001:db8::1 bb", "10.1 asked 2001:db8::1 aa", "13 wait"],
        &["new-host bb", "new-host 2001:db8::1 aa", "changed-mac 2001:db8::1 bb old aa spoof-suspected alert"],
    );
}

#[test]
fn explained_moves_are_asked_about_too() {
    let lease = ["0 arp 10.0.0.1 aa", "1 dhcp ack bb/fe yiaddr=10.0.0.1 lease=60", "2 arp 10.0.0.1 bb"];
    check_explained(
        &[&lease[..], &["5 wait"]].concat(),
        &["new-host 10.0.0.1 aa", "new-host 10.0.0.1 bb", "changed-mac 10.0.0.1 bb old aa dhcp info", "new-host fe"],
    );
    // Whoever answers has not given the address away.
    check_explained(
        &[&lease[..], &["2.1 asked 10.0.0.1 aa", "5 wait"]].concat(),
        &["new-host 10.0.0.1 aa", "ip-conflict 10.0.0.1 bb old aa leased", "new-host bb", "new-host fe"],
    );
    let vrrp = "00:00:5e:00:01:07";
    // A router answers with its group's MAC too.
    check_explained(
        &[
            "0 arp 10.0.0.1 aa",
            "0.5 vrrp aa 7 10.0.0.1",
            &format!("1 announce 10.0.0.1 {vrrp}"),
            "1.1 asked 10.0.0.1 aa",
            "4 wait",
        ],
        &[
            "new-host 10.0.0.1 aa",
            &format!("new-host 10.0.0.1 {vrrp}"),
            &format!("changed-mac 10.0.0.1 {vrrp} old aa failover info"),
            &format!("flip-flop 10.0.0.1 aa old {vrrp} failover info"),
        ],
    );
    // It held the address before.
    check_claim(
        &["10.1 asked 10.0.0.1 bb", "13 wait", "20 arp 10.0.0.1 aa", "20.1 asked 10.0.0.1 aa", "23 wait"],
        &["changed-mac 10.0.0.1 bb old aa replaced", "flip-flop 10.0.0.1 aa old bb replaced"],
    );
}

#[test]
fn a_lease_heard_while_a_claim_waits_explains_it() {
    check_claim(
        &["10.5 dhcp ack bb/fe yiaddr=10.0.0.1 lease=60", "10.6 asked 10.0.0.1 bb", "13 wait"],
        &["changed-mac 10.0.0.1 bb old aa dhcp info"],
    );
}

#[test]
fn a_station_that_answers_for_many_is_a_proxy() {
    let many = ["1 arp 10.0.0.3 bb", "1 arp 10.0.0.4 bb", "1 arp 10.0.0.5 bb"];
    let input = [&BEFORE[..2], &many, &BEFORE[2..], &["10.1 asked 10.0.0.1 bb", "13 wait"]].concat();
    let further = ["new-address 10.0.0.3 bb", "new-address 10.0.0.4 bb", "new-address 10.0.0.5 bb"];
    let told = [&TOLD[..], &further, &["changed-mac 10.0.0.1 bb old aa proxy-arp"]].concat();
    check_explained(&input, &told);
    // The host is there too: both answer every question from now on, which is no news.
    let both = ["10.1 asked 10.0.0.1 aa", "10.2 asked 10.0.0.1 bb", "20 asked 10.0.0.1 aa", "20 asked 10.0.0.1 bb"];
    let input = [&BEFORE[..2], &many, &BEFORE[2..], &both, &["30 arp 10.0.0.1 aa", "31 arp 10.0.0.1 bb"]].concat();
    check_explained(&input, &told);
}

#[test]
fn a_new_host_in_a_dispute_is_reported_with_its_address() {
    let input = ["0 arp 10.0.0.1 aa", "10 announce 10.0.0.1 bb", "10.1 asked 10.0.0.1 bb", "13 wait"];
    check_explained(
        &input,
        &["new-host 10.0.0.1 aa", "new-host 10.0.0.1 bb", "changed-mac 10.0.0.1 bb old aa replaced"],
    );
    let input = ["0 arp 10.0.0.1 aa", "10 announce 10.0.0.1 bb", "10.1 asked 10.0.0.1 aa", "13 wait"];
    check_explained(
        &input,
        &["new-host 10.0.0.1 aa", "changed-mac 10.0.0.1 bb old aa spoof-suspected alert", "new-host bb"],
    );
}

#[test]
fn a_third_claim_waits_for_its_own_explanation() {
    check_claim(
        &["11 announce 10.0.0.1 cc", "11.1 asked 10.0.0.1 bb", "13 wait", "13.1 asked 10.0.0.1 cc", "16.1 wait"],
        &["changed-mac 10.0.0.1 bb old aa replaced", "new-host 10.0.0.1 cc", "changed-mac 10.0.0.1 cc old bb replaced"],
    );
}

#[test]
fn a_feud_is_reported_once() {
    let begin = ["10.1 asked 10.0.0.1 aa", "10.2 asked 10.0.0.1 bb"];
    let told = ["ip-conflict 10.0.0.1 bb old aa conflict"];
    let words: Vec<String> =
        (1..60).flat_map(|n| [format!("{n}1 arp 10.0.0.1 aa"), format!("{n}2 arp 10.0.0.1 bb")]).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    check_claim(&[&begin[..], &words].concat(), &told);
    // The holder goes on alone.
    check_claim(&[&begin[..], &["11 arp 10.0.0.1 aa", "600 arp 10.0.0.1 aa", "612 arp 10.0.0.1 aa"]].concat(), &told);
    check_claim(&[&begin[..], &["610 arp 10.0.0.1 aa"]].concat(), &told);
}

#[test]
fn a_spoofer_is_reported_once_and_gets_no_address() {
    let spoofed = "changed-mac 10.0.0.1 bb old aa spoof-suspected alert";
    let lies: Vec<String> = (7..300).map(|n| format!("{} announce 10.0.0.1 bb", 2 * n)).collect();
    let lies: Vec<&str> = lies.iter().map(String::as_str).collect();
    let input = [&["10.1 asked 10.0.0.1 aa", "13 wait"][..], &lies, &["600 arp 10.0.0.1 aa"]].concat();
    check_claim(&input, &[spoofed]);
}

#[test]
fn ports_found_for_the_first_time_make_no_event() {
    let before = ["0 arp 10.0.0.1 aa", "10 port 10.0.0.1 22 open", "10 port 10.0.0.1 80 closed"];
    check(&before, &["new-host 10.0.0.1 aa"]);
    let opened = "service-opened 10.0.0.1 aa";
    check(&[&before[..], &["20 port 10.0.0.1 80 open"]].concat(), &["new-host 10.0.0.1 aa", opened]);
    check(&[&before[..], &["11 restart", "20 port 10.0.0.1 80 open"]].concat(), &["new-host 10.0.0.1 aa", opened]);
    check(
        &[&before[..], &["20 port 10.0.0.1 443 open", "30 port 10.0.0.1 22 open"]].concat(),
        &["new-host 10.0.0.1 aa"],
    );
}

#[test]
fn a_port_is_closed_after_two_confirmations() {
    let before = ["0 arp 10.0.0.1 aa", "10 port 10.0.0.1 22 open"];
    let check_port = |input: &[&str], expected: &[&str]| {
        check(&[&before[..], input].concat(), &[&["new-host 10.0.0.1 aa"][..], expected].concat());
    };
    let closed = "service-closed 10.0.0.1 aa";
    let times =
        |n: usize| &["20 port 10.0.0.1 22 closed", "30 port 10.0.0.1 22 closed", "40 port 10.0.0.1 22 closed"][..n];
    check_port(times(2), &[]);
    check_port(times(3), &[closed]);
    check_port(&[times(3), &["50 port 10.0.0.1 22 closed"]].concat(), &[closed]);
    check_port(&[times(3), &["50 port 10.0.0.1 22 open"]].concat(), &[closed, "service-opened 10.0.0.1 aa"]);
    check_port(&[times(2), &["35 port 10.0.0.1 22 open"], &times(3)[2..]].concat(), &[]);
    // Restarts in between forget nothing.
    check_port(&[times(2), &["35 restart"], &times(3)[2..]].concat(), &[closed]);
}

#[test]
fn a_silent_port_counts_while_its_host_is_heard() {
    let before = ["0 arp 10.0.0.1 aa", "10 port 10.0.0.1 22 open"];
    let check_port = |input: &[&str], expected: &[&str]| {
        check(&[&before[..], input].concat(), &[&["new-host 10.0.0.1 aa"][..], expected].concat());
    };
    let silent = |at: u32| format!("{at} port 10.0.0.1 22 silent");
    let (first, second, third) = (silent(21), silent(31), silent(41));
    let spoken = ["20 echo 10.0.0.1", &first, "30 asked 10.0.0.1 aa", &second, "40 asked 10.0.0.1 aa", &third];
    check_port(&spoken, &["service-closed 10.0.0.1 aa"]);
    // It left while it was asked: that is no news of its services.
    check_port(&["20 echo 10.0.0.1", &first, &second, &third, &silent(51), &silent(61)], &[]);
    check_port(&[&silent(71), &silent(81), &silent(91)], &[]);
}

#[test]
fn a_port_found_closed_is_asked_again() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut doubts = |line: &str| {
        step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new());
        correlator.take_doubts().iter().map(|doubt| doubt.port).collect::<Vec<_>>()
    };
    assert_eq!(doubts("0 port 10.0.0.1 22 open"), [0u16; 0]);
    assert_eq!(doubts("1 port 10.0.0.1 80 closed"), [0u16; 0]);
    assert_eq!(doubts("2 port 10.0.0.1 22 closed"), [22]);
    assert_eq!(doubts("3 port 10.0.0.1 22 closed"), [22]);
    assert_eq!(doubts("4 port 10.0.0.1 22 closed"), [0u16; 0]);
}

#[test]
fn answers_of_the_earlier_holder_are_forgotten() {
    let before = ["0 arp 10.0.0.1 aa", "1 port 10.0.0.1 22 open", "1 port 10.0.0.1 80 closed", "1 nbns 10.0.0.1 OLD"];
    let moved = ["2 arp 10.0.0.1 bb"];
    let closed = ["3 port 10.0.0.1 22 closed", "4 port 10.0.0.1 22 closed", "5 port 10.0.0.1 22 closed"];
    let opened = ["6 port 10.0.0.1 80 open", "7 nbns 10.0.0.1 NEW"];
    check(
        &[&before[..], &moved, &closed, &opened].concat(),
        &["new-host 10.0.0.1 aa", "new-host 10.0.0.1 bb", "changed-mac 10.0.0.1 bb old aa unknown"],
    );
}

#[test]
fn an_address_that_answers_becomes_a_host_without_a_station() {
    check(&["0 echo 10.9.0.1", "2.999 wait"], &[]);
    check(&["0 echo 10.9.0.1", "3 wait", "9 echo 10.9.0.1", "9 restart", "20 echo 10.9.0.1"], &["new-host 10.9.0.1"]);
    check(&["0 port 10.9.0.1 22 closed", "1 finish"], &["new-host 10.9.0.1"]);
    check(&["0 echo 10.9.0.1", "1 restart", "3 wait"], &["new-host 10.9.0.1"]);
    // Silence and a name server's word make no host.
    check(&["0 port 10.9.0.1 22 silent", "0 ptr 10.9.0.2 pc.example", "9 finish"], &[]);
    // The station was heard in time.
    check(&["0 echo 10.0.0.1", "1 arp 10.0.0.1 aa", "9 finish"], &["new-host 10.0.0.1 aa"]);
}

#[test]
fn a_host_known_by_its_address_is_reported_once() {
    check(&["0 echo 10.0.0.1", "3 wait", "9 arp 10.0.0.1 aa", "20 finish"], &["new-host 10.0.0.1"]);
    check(&["0 echo 10.0.0.1", "3 wait", "4 restart", "9 arp 10.0.0.1 aa", "20 finish"], &["new-host 10.0.0.1"]);
    check(&["0 echo 2001:db8::1", "3 wait", "9 na 2001:db8::1 aa", "20 finish"], &["new-host 2001:db8::1"]);
    // A host that was told already has one more address.
    check(
        &["0 arp 10.0.0.2 aa", "0 echo 10.0.0.1", "3 wait", "9 arp 10.0.0.1 aa"],
        &["new-host 10.0.0.2 aa", "new-host 10.0.0.1", "new-address 10.0.0.1 aa"],
    );
}

#[test]
fn a_host_is_gone_once_and_back_once() {
    let gone = ["new-host 10.0.0.1 aa", "host-gone 10.0.0.1 aa info"];
    check(&["0 arp 10.0.0.1 aa", "309 miss 10.0.0.1 300"], &gone);
    check(
        &[
            "0 arp 10.0.0.1 aa",
            "309 miss 10.0.0.1 300",
            "909 miss 10.0.0.1 900",
            "910 restart",
            "1809 miss 10.0.0.1 1800",
        ],
        &gone,
    );
    let back = [&gone[..], &["host-back 10.0.0.1 aa"]].concat();
    for word in ["2000 rs aa", "2000 arp 10.0.0.1 aa", "2000 echo 10.0.0.1", "2000 port 10.0.0.1 22 closed"] {
        check(&["0 arp 10.0.0.1 aa", "309 miss 10.0.0.1 300", word, "2001 arp 10.0.0.1 aa"], &back);
        check(&["0 arp 10.0.0.1 aa", "309 miss 10.0.0.1 300", "310 restart", word, "2001 arp 10.0.0.1 aa"], &back);
    }
    // One that was here for a day is missed.
    check(
        &["0 arp 10.0.0.1 aa", "86400 arp 10.0.0.1 aa", "86800 miss 10.0.0.1 86500"],
        &["new-host 10.0.0.1 aa", "host-gone 10.0.0.1 aa"],
    );
    // Behind a router.
    check(
        &["0 echo 10.9.0.1", "3 wait", "309 miss 10.9.0.1 300 icmp tcp", "400 echo 10.9.0.1"],
        &["new-host 10.9.0.1", "host-gone 10.9.0.1 info", "host-back 10.9.0.1"],
    );
}

#[test]
fn silence_has_to_be_long_and_by_two_techniques() {
    let here = ["new-host 10.0.0.1 aa"];
    check(&["0 arp 10.0.0.1 aa", "309 miss 10.0.0.1 300 arp"], &here);
    check(&["0 arp 10.0.0.1 aa", "299 miss 10.0.0.1 290"], &here);
    // It spoke while it was asked, or with another of its addresses.
    check(&["0 arp 10.0.0.1 aa", "305 rs aa", "309 miss 10.0.0.1 300"], &here);
    check(
        &["0 arp 10.0.0.1 aa", "305 arp 10.0.0.2 aa", "309 miss 10.0.0.1 300"],
        &["new-host 10.0.0.1 aa", "new-address 10.0.0.2 aa"],
    );
    // A silent port and a name server say nothing of it.
    check(
        &["0 arp 10.0.0.1 aa", "305 port 10.0.0.1 22 silent", "305 ptr 10.0.0.1 pc", "309 miss 10.0.0.1 300"],
        &["new-host 10.0.0.1 aa", "host-gone 10.0.0.1 aa \"pc\" info"],
    );
    // Nobody is gone who was never there, or not told yet.
    check(&["309 miss 10.0.0.1 300"], &[]);
}

#[test]
fn no_host_is_gone_while_the_sensor_was_deaf() {
    let here = ["new-host 10.0.0.1 aa"];
    check(&["0 arp 10.0.0.1 aa", "200 deaf", "309 miss 10.0.0.1 300", "499 miss 10.0.0.1 490"], &here);
    check(&["0 arp 10.0.0.1 aa", "200 deaf", "100 deaf", "499 miss 10.0.0.1 490"], &here);
    check(
        &["0 arp 10.0.0.1 aa", "200 deaf", "500 miss 10.0.0.1 490"],
        &["new-host 10.0.0.1 aa", "host-gone 10.0.0.1 aa info"],
    );
}

/// Which ports are to be asked again after the lines.
#[track_caller]
fn check_doubts(input: &[&str], expected: &[(u16, bool)]) {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in input {
        step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    }
    let doubts: Vec<_> = correlator.take_doubts().iter().map(|doubt| (doubt.port, doubt.seen_open)).collect();
    assert_eq!(doubts, expected, "{input:#?}");
    assert!(events.iter().all(|event| event.kind == Kind::NewHost), "a frame alone opens nothing: {events:#?}");
}

#[test]
fn a_closed_port_that_seems_to_answer_is_asked_at_once() {
    let closed = ["0 arp 10.0.0.1 aa", "10 port 10.0.0.1 80 closed"];
    let then = |lines: &[&'static str]| [&closed[..], lines].concat();
    check_doubts(&then(&["20 served 10.0.0.1 aa 80"]), &[(80, true)]);
    check_doubts(&then(&["19 restart", "20 served 10.0.0.1 aa 80"]), &[(80, true)]);
    // It was never asked: whatever answers there may have done so for years.
    check_doubts(&then(&["20 served 10.0.0.1 aa 8080"]), &[]);
    // In somebody else's name.
    check_doubts(&then(&["20 served 10.0.0.1 bb 80"]), &[]);
    check_doubts(&["0 arp 10.0.0.1 aa", "10 port 10.0.0.1 80 open", "20 served 10.0.0.1 aa 80"], &[]);
    // Nobody takes them.
    let many: Vec<String> = (0..500).map(|n| format!("{} served 10.0.0.1 aa 80", 20 + n)).collect();
    let many: Vec<&str> = closed.into_iter().chain(many.iter().map(String::as_str)).collect();
    check_doubts(&many, &[(80, true); 64]);
}

#[test]
fn a_port_that_opened_is_told_once_it_answers() {
    check(
        &["0 arp 10.0.0.1 aa", "10 port 10.0.0.1 80 closed", "20 served 10.0.0.1 aa 80", "21 port 10.0.0.1 80 open"],
        &["new-host 10.0.0.1 aa", "service-opened 10.0.0.1 aa"],
    );
    check(
        &["0 arp 10.0.0.1 aa", "10 port 10.0.0.1 80 closed", "20 served 10.0.0.1 aa 80", "21 port 10.0.0.1 80 closed"],
        &["new-host 10.0.0.1 aa"],
    );
}
