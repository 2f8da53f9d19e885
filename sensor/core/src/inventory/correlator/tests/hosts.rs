//! New hosts, other addresses of known ones, and stations that make none.

use crate::inventory::correlator::tests::*;

#[test]
fn a_host_is_reported_once_at_its_first_ipv4_address() {
    check(&["0 arp 10.0.0.1 aa", "1 reply 10.0.0.1 aa", "2 announce 10.0.0.1 aa"], &["new-host 10.0.0.1 aa"]);
    check(&["0 rs aa", "1 arp 10.0.0.1 aa", "9 wait"], &["new-host 10.0.0.1 aa"]);
    check(&["0 mdns 10.0.0.1 aa query x.local", "9 wait"], &["new-host 10.0.0.1 aa"]);
    check(&["0 dhcp ack aa/fe yiaddr=10.0.0.1", "9 wait"], &["new-host 10.0.0.1 aa", "new-host fe"]);
}

#[test]
fn a_host_without_ipv4_waits() {
    check(&["0 rs aa", "2.999 wait"], &[]);
    check(&["0 rs aa", "3 wait"], &["new-host aa"]);
    check(&["0 rs aa", "1 finish"], &["new-host aa"]);
    check(&["0 ns fe80::1 aa", "1 ns 2001:db8::1 aa", "3 wait"], &["new-host 2001:db8::1 aa"]);
    check(&["0 ns fe80::1 aa", "1 restart", "3 wait"], &["new-host fe80::1 aa"]);
    // The clock was set back: nobody waits until it caught up.
    check(&["100 rs aa", "98 wait"], &["new-host aa"]);
    check(&["100 rs aa", "99.5 wait"], &[]);
}

#[test]
fn the_timeout_is_that_of_the_host_that_waits_longest() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    assert_eq!(correlator.poll_timeout(), None);
    let mut events = Vec::new();
    for line in ["5 rs aa", "4.5 rs bb", "5 arp 10.0.0.3 cc"] {
        step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    }
    assert_eq!(correlator.poll_timeout(), Some(time("7.5")));
    correlator.handle_timeout(time("7.5"), &mut events);
    assert_eq!(correlator.poll_timeout(), Some(time("8")));
    assert_eq!(events.last().map(|event| (event.at, event.mac)), Some((time("4.5"), Some(mac("bb")))));
}

#[test]
fn during_the_learning_period_new_hosts_are_info() {
    let learning = Settings { learning_until: Some(time("10")), ..settings() };
    let input = ["9 arp 10.0.0.1 aa", "9 rs bb", "10 arp 10.0.0.3 cc", "20 wait", "21 ra fe80::1 dd 9"];
    let expected = ["new-host 10.0.0.1 aa info", "new-host 10.0.0.3 cc", "new-host bb info", "new-router fe80::1 dd"];
    check_with(learning, Limits::default(), &input, &expected);
}

#[test]
fn a_known_host_gets_another_address() {
    check(
        &["0 arp 10.0.0.1 aa", "1 arp 10.0.0.2 aa", "2 na fe80::1 aa"],
        &["new-host 10.0.0.1 aa", "new-address 10.0.0.2 aa", "new-address fe80::1 aa"],
    );
    // What belongs to it before it is told is no news.
    check(&["0 ns fe80::1 aa", "1 ns 2001:db8::1 aa", "2 arp 10.0.0.1 aa"], &["new-host 10.0.0.1 aa"]);
    // A move is told as a move only.
    check(
        &["0 arp 10.0.0.1 aa", "0 arp 10.0.0.2 bb", "1 arp 10.0.0.2 aa"],
        &["new-host 10.0.0.1 aa", "new-host 10.0.0.2 bb", "changed-mac 10.0.0.2 aa old bb unknown"],
    );
}

#[test]
fn ipv6_addresses_of_a_station_are_limited() {
    let limits = Limits { bindings_per_station_max: 2, ..Limits::default() };
    let mut correlator = Correlator::new(settings(), limits, Rows::default(), 1);
    for line in ["0 ns 2001:db8::1 aa", "1 ns 2001:db8::2 aa", "2 ns 2001:db8::1 aa", "3 ns 2001:db8::3 aa"] {
        step(&mut correlator, &settings(), limits, line, &mut Vec::new());
    }
    let held: Vec<_> = correlator.snapshot().bindings.iter().map(|binding| binding.ip.to_string()).collect();
    assert_eq!(held, ["2001:db8::1", "2001:db8::3"]);
    assert_eq!(correlator.evictions_total(), 1);
}

#[test]
fn segments_are_independent() {
    check(
        &["0 arp 10.0.0.1 aa", "0 @eth1.30 arp 10.0.0.1 bb", "1 @eth1.30 arp 10.0.0.1 bb"],
        &["new-host 10.0.0.1 aa", "new-host @eth1.30 10.0.0.1 bb"],
    );
}

#[test]
fn the_sensors_own_stations_make_no_event() {
    let own = Settings { own_macs: [mac("ee")].into(), ..with_prefixes() };
    let input = [
        "0 arp 10.0.0.1 ee",
        "0 arp 192.0.2.1 ee",
        "0 arp 10.0.0.1 aa/ee",
        "0 arp 10.0.0.1 ee/aa",
        "0 dhcp discover ee name=me",
        "0 dhcp ack ee/fe yiaddr=10.0.0.1 server=10.0.0.254",
        "0 mdns 10.0.0.1 ee a me.local 10.0.0.1",
        "0 ra fe80::1 ee 9",
        "9 finish",
    ];
    // Who answers the sensor's own client is told: it serves, and perhaps nobody else hears it.
    check_with(own, Limits::default(), &input, &["new-dhcp-server 10.0.0.254 fe", "new-host fe"]);
}

#[test]
fn unusable_macs_and_addresses_are_ignored() {
    check(&["0 arp 10.0.0.1 ff:ff:ff:ff:ff:ff", "0 arp 10.0.0.1 00:00:00:00:00:00", "9 finish"], &[]);
    // Hosts believe it nonetheless, so it is for the record.
    check(
        &["0 arp 10.0.0.1 ff:ff:ff:ff:ff:ff/aa", "9 finish"],
        &["mac-mismatch 10.0.0.1 ff:ff:ff:ff:ff:ff", "new-host aa"],
    );
    for ip in ["0.1.2.3", "127.0.0.1", "224.0.0.251", "255.255.255.255", "::1", "ff02::1", "::"] {
        check(&[&format!("0 arp {ip} aa"), "9 finish"], &["new-host aa"]);
    }
}
