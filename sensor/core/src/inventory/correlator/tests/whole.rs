//! What an event's host has beside what the event names.

use crate::inventory::correlator::tests::*;

/// The last event's other addresses and MACs; with a `?` those that are not proven.
#[track_caller]
fn check_others(input: &[&str], expected: &str) {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in input {
        step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    }
    let whole = &events.last().unwrap().whole;
    let mark = |is_proven: bool| if is_proven { "" } else { "?" };
    let ips = whole.ips.iter().map(|other| format!("{}{}", other.it, mark(other.is_proven)));
    let macs = whole.macs.iter().map(|other| format!("{}{}", short(other.it), mark(other.is_proven)));
    assert_eq!(ips.chain(macs).collect::<Vec<_>>().join(" "), expected, "{input:#?}");
}

#[test]
fn an_event_knows_the_hosts_other_addresses() {
    let here = ["0 ns fe80::1 aa", "0.1 arp 10.0.0.1 aa", "5 arp 10.0.0.7 aa"];
    check_others(&here, "10.0.0.1 fe80::1");
    check_others(&[&here[..], &["400 miss fe80::1 390"]].concat(), "10.0.0.7 fe80::1");
    check_others(&[&here[..], &["9 arp 10.0.0.9 bb"]].concat(), "");
    // An address that passed on is no more the host's.
    check_others(&[&here[..], &["9 arp 10.0.0.7 bb", "20 arp 10.0.0.2 aa"]].concat(), "10.0.0.1 fe80::1");
}

#[test]
fn a_host_that_is_gone_is_known_by_its_best_address() {
    check(
        &["0 ns fe80::1 aa", "0.1 arp 10.0.0.1 aa", "400 miss fe80::1 390"],
        &["new-host 10.0.0.1 aa", "host-gone 10.0.0.1 aa info"],
    );
}

#[test]
fn what_anybody_can_repeat_proves_no_other_station() {
    let switch = ["0 lldp 10 10 p1", "1 arp 10.0.0.2 10", "90 lldp 11 10 p2"];
    check_others(&[&switch[..], &["100 arp 10.0.0.66 11"]].concat(), "10.0.0.2? 10?");
}

#[test]
fn those_that_are_known_for_longest_are_kept() {
    let mut input = vec!["0 arp 10.0.9.1 aa".to_owned()];
    input.extend((1..=90).map(|n| format!("{n} arp 10.0.0.{n} aa")));
    input.push("100 ns fe80::1 aa".to_owned());
    let lines: Vec<&str> = input.iter().map(String::as_str).collect();
    let kept = (1..=63).map(|n| format!("10.0.0.{n}")).chain(["10.0.9.1".to_owned()]).collect::<Vec<_>>();
    check_others(&lines, &kept.join(" "));
}
