//! Addresses that this box holds itself: `own [ADDRESS MAC]...`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::inventory::correlator::tests::*;

pub(super) fn addresses(segment: Segment, words: &[&str]) -> BTreeMap<(Segment, IpAddr), Mac> {
    words.chunks(2).map(|own| ((segment, own[0].parse().unwrap()), mac(own[1]))).collect()
}

/// This box is `ee`, and holds 10.0.0.9.
fn check_own(input: &[&str], expected: &[&str]) {
    check(&[&["0 own 10.0.0.9 ee"], input].concat(), expected);
}

#[test]
fn who_claims_an_address_of_this_box_is_reported_once_and_does_not_get_it() {
    let conflict = "ip-conflict 10.0.0.9 aa old ee conflict";
    check_own(&["1 announce 10.0.0.9 aa", "3.9 wait"], &[]);
    check_own(&["1 announce 10.0.0.9 aa", "4 wait"], &[conflict, "new-host aa"]);
    check_own(
        &["1 arp 10.0.0.9 aa", "2 reply 10.0.0.9 aa", "9 arp 10.0.0.9 aa", "3600 arp 10.0.0.9 aa", "3610 wait"],
        &[conflict, "new-host aa"],
    );
    // Once an address: each is another trouble.
    check_own(
        &["0 own 10.0.0.9 ee 2001:db8::9 ee", "1 arp 10.0.0.9 aa", "1 na 2001:db8::9 aa", "9 wait"],
        &[conflict, "ip-conflict 2001:db8::9 aa old ee conflict", "new-host aa"],
    );
    // The station has another address, which is its own.
    check_own(&["0 arp 10.0.0.5 aa", "1 arp 10.0.0.9 aa", "9 wait"], &["new-host 10.0.0.5 aa", conflict]);
}

#[test]
fn nothing_but_a_claim_is_reported() {
    check_own(&["1 probe 10.0.0.9 aa", "1 mdns 10.0.0.9 aa a a.local 10.0.0.9", "9 wait"], &["new-host aa \"a\""]);
    check_own(&["1 @eth2 arp 10.0.0.9 aa", "9 wait"], &["new-host @eth2 10.0.0.9 aa"]);
}

#[test]
fn an_address_that_this_box_gives_up_is_nobody_elses_fault() {
    check_own(
        &["1 announce 10.0.0.9 aa", "2 own", "9 wait", "10 arp 10.0.0.9 aa"],
        &["new-host aa", "new-address 10.0.0.9 aa"],
    );
}

#[test]
fn claims_are_kept_in_bounds() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    step(&mut correlator, &settings(), Limits::default(), "0 own 10.0.0.9 ee", &mut events);
    for n in 0..1000 {
        let line = format!("1 arp 10.0.0.9 02:00:00:00:{:02x}:{:02x}", n / 256, n % 256);
        step(&mut correlator, &settings(), Limits::default(), &line, &mut events);
    }
    assert!(correlator.own_claims.len() <= 64);
}
