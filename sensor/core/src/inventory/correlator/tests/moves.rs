//! Addresses that pass from one station to another, and claims that bind nothing.

use crate::inventory::correlator::tests::*;

#[test]
fn an_address_moves_by_the_rule_of_arpwatch() {
    let told = ["new-host 10.0.0.1 aa", "new-host 10.0.0.1 bb", "changed-mac 10.0.0.1 bb old aa unknown"];
    check(&["0 arp 10.0.0.1 aa", "1 arp 10.0.0.1 bb"], &told);
    let back = "flip-flop 10.0.0.1 aa old bb";
    check(&["0 arp 10.0.0.1 aa", "1 arp 10.0.0.1 bb", "1.01 arp 10.0.0.1 aa"], &[&told[..], &[back]].concat());
    check(
        &["0 arp 10.0.0.1 aa", "1 arp 10.0.0.1 bb", "2 arp 10.0.0.1 cc", "3 arp 10.0.0.1 aa", "4 arp 10.0.0.1 cc"],
        &[
            &told[..],
            &["new-host 10.0.0.1 cc", "changed-mac 10.0.0.1 cc old bb unknown"],
            &["reused-mac 10.0.0.1 aa old cc", "flip-flop 10.0.0.1 cc old aa"],
        ]
        .concat(),
    );
    // Capture order decides, not time: equal, zero and backward times give the same events.
    check(&["0 arp 10.0.0.1 aa", "0 arp 10.0.0.1 bb", "0 arp 10.0.0.1 aa"], &[&told[..], &[back]].concat());
    check(&["9 arp 10.0.0.1 aa", "5 arp 10.0.0.1 bb", "7 arp 10.0.0.1 aa"], &[&told[..], &[back]].concat());
    // And after a restart at any point.
    check(
        &["0 arp 10.0.0.1 aa", "0 restart", "1 arp 10.0.0.1 bb", "1 restart", "2 arp 10.0.0.1 aa", "2 restart"],
        &[&told[..], &[back]].concat(),
    );
}

#[test]
fn ndp_moves_addresses_too() {
    let input = ["0 na 2001:db8::1 aa", "0.1 ns 2001:db8::1 bb", "1 ra 2001:db8::1 aa 0", "9 wait"];
    let moved = ["changed-mac 2001:db8::1 bb old aa unknown", "flip-flop 2001:db8::1 aa old bb"];
    check(&input, &[&moved[..], &["new-host 2001:db8::1 aa", "new-host bb"]].concat());
}

#[test]
fn a_lease_explains_a_move() {
    let check = |input: &[&str], last: &str| {
        let before = ["0 arp 10.0.0.1 aa", "1 dhcp ack bb/fe yiaddr=10.0.0.1 server=10.0.0.254 lease=60"];
        let told = ["new-host 10.0.0.1 aa", "new-dhcp-server 10.0.0.254 fe", "new-host bb", "new-host fe"];
        check(&[&before[..], input].concat(), &[&told[..], &[last]].concat());
    };
    let by_lease = "changed-mac 10.0.0.1 bb old aa dhcp info";
    let unknown = "changed-mac 10.0.0.1 bb old aa unknown";
    check(&["60 arp 10.0.0.1 bb"], by_lease);
    check(&["61 arp 10.0.0.1 bb"], unknown);
    check(&["5 dhcp release bb ciaddr=10.0.0.1", "6 arp 10.0.0.1 bb"], unknown);
    // Somebody else's release ends nothing. Who held the address a moment ago may still speak.
    check(&["1 dhcp release aa ciaddr=10.0.0.1", "6 arp 10.0.0.1 bb", "16 wait"], by_lease);
}

#[test]
fn hints_fill_and_refresh_but_never_move() {
    check(&["0 arp 10.0.0.1 aa", "1 mdns 10.0.0.1 bb query x", "2 finish"], &["new-host 10.0.0.1 aa", "new-host bb"]);
    check(
        &["0 arp 10.0.0.1 aa", "1 dhcp request bb ciaddr=10.0.0.1", "2 finish"],
        &["new-host 10.0.0.1 aa", "new-host bb"],
    );
    check(&["0 dhcp request aa ciaddr=10.0.0.1"], &["new-host 10.0.0.1 aa"]);
    check(&["0 dhcp release aa ciaddr=10.0.0.1", "1 finish"], &["new-host aa"]);
    check(&["0 dhcp decline aa ciaddr=10.0.0.1", "1 finish"], &["new-host aa"]);
    // The server's echo of a client's address is not the client's word.
    check(&["0 dhcp ack aa/fe ciaddr=10.0.0.1", "1 finish"], &["new-host aa", "new-host fe"]);
}

#[test]
fn questions_move_nothing() {
    // An IPv6 address that nobody defends is assigned.
    check(&["0 probe 10.0.0.1 aa", "1 dad fe80::1 bb", "2 finish"], &["new-host aa", "new-host fe80::1 bb"]);
    check(&["0 arp 10.0.0.1 aa", "1 probe 10.0.0.1 bb", "2 finish"], &["new-host 10.0.0.1 aa", "new-host bb"]);
}

#[test]
fn a_mac_mismatch_is_reported_once_and_binds_nothing() {
    let told = ["mac-mismatch 10.0.0.1 aa", "new-host bb"];
    check(&["0 arp 10.0.0.1 aa/bb", "1 reply 10.0.0.1 aa/bb", "1 restart", "2 arp 10.0.0.1 aa/bb", "9 wait"], &told);
    check(&["0 arp 10.0.0.1 aa/bb", "1 arp 10.0.0.2 aa/bb"], &["mac-mismatch 10.0.0.1 aa", "mac-mismatch 10.0.0.2 aa"]);
    // Virtual routers answer with their virtual MAC (VRRP).
    let vrrp = "00:00:5e:00:02:01";
    check(
        &[&format!("0 na 2001:db8::1 {vrrp}/aa"), "9 finish"],
        &[&*format!("new-host 2001:db8::1 {vrrp}"), "new-host aa"],
    );
}

#[test]
fn a_bogon_is_reported_once_and_binds_nothing() {
    let check = |input: &[&str], expected: &[&str]| check_with(with_prefixes(), Limits::default(), input, expected);
    check(&["0 arp 192.0.2.1 aa", "1 arp 192.0.2.1 aa", "9 wait"], &["bogon 192.0.2.1 aa", "new-host aa"]);
    check(&["0 arp 192.0.2.1 aa", "1 arp 192.0.2.1 bb"], &["bogon 192.0.2.1 aa", "bogon 192.0.2.1 bb"]);
    check(&["0 na 2001:db9::1 aa", "0 na fe80::1 aa", "9 wait"], &["bogon 2001:db9::1 aa", "new-host fe80::1 aa"]);
    check(&["0 arp 169.254.1.1 aa"], &["new-host 169.254.1.1 aa"]);
    check(&["0 probe 192.0.2.1 aa", "1 finish"], &["new-host aa"]);
    // mDNS and DHCP are no bogons, but bind no foreign address.
    check(
        &["0 mdns 192.0.2.1 aa query x", "0.1 dhcp request bb ciaddr=192.0.2.1", "9 finish"],
        &["new-host aa", "new-host bb"],
    );
    // An interface's prefix says nothing of its VLANs; a prefix without interface speaks for all.
    check(&["0 @eth1.30 arp 192.0.2.1 aa"], &["new-host @eth1.30 192.0.2.1 aa"]);
    check(&["0 @eth1.30 na 2001:db9::1 aa"], &["bogon @eth1.30 2001:db9::1 aa"]);
}
