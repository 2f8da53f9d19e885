//! Scenarios of two stations that want one address: checks, leases, and stations that only ask.

use crate::inventory::correlator::tests::*;

const HELD: [&str; 2] = ["0 arp 10.0.0.1 aa", "0 arp 10.0.0.2 bb"];
const TOLD: [&str; 2] = ["new-host 10.0.0.1 aa", "new-host 10.0.0.2 bb"];

#[track_caller]
fn check_held(input: &[&str], expected: &[&str]) {
    check(&[&HELD[..], input].concat(), &[&TOLD[..], expected].concat());
}

#[test]
fn a_check_that_is_answered_is_a_conflict() {
    let told = ["ip-conflict 10.0.0.1 bb old aa defended"];
    check_held(&["9 probe 10.0.0.1 bb", "9.1 reply 10.0.0.1 aa", "30 wait"], &told);
    check_held(&["9 probe 10.0.0.1 bb", "10 announce 10.0.0.1 aa", "10 finish"], &told);
    check_held(&["9 probe 10.0.0.1 bb", "12 reply 10.0.0.1 aa", "15 arp 10.0.0.2 bb", "23 arp 10.0.0.2 bb"], &told);
    // Once, whatever goes on.
    let again = [
        "9 probe 10.0.0.1 bb",
        "9 reply 10.0.0.1 aa",
        "60 probe 10.0.0.1 bb",
        "60 reply 10.0.0.1 aa",
        "70 restart",
        "80 probe 10.0.0.1 bb",
        "80 reply 10.0.0.1 aa",
        "99 wait",
    ];
    check_held(&again, &told);
    check(
        &["0 na 2001:db8::1 aa", "0 rs bb", "9 dad 2001:db8::1 bb", "9.5 na 2001:db8::1 aa", "30 wait"],
        &["new-host bb", "new-host 2001:db8::1 aa", "ip-conflict 2001:db8::1 bb old aa defended"],
    );
}

#[test]
fn a_check_without_a_conflict() {
    // Nobody answers, somebody late, the asker itself, or somebody who asks too.
    check_held(&["9 probe 10.0.0.9 bb", "30 wait"], &[]);
    check_held(&["9 probe 10.0.0.1 bb", "12.1 reply 10.0.0.1 aa", "30 wait"], &[]);
    check_held(&["9 probe 10.0.0.1 aa", "9.1 announce 10.0.0.1 aa", "30 wait"], &[]);
    check_held(&["9 probe 10.0.0.1 bb", "9.1 probe 10.0.0.1 aa", "9.2 arp 10.0.0.1 aa", "30 wait"], &[]);
    // It is asked alone: a switch tracks its hosts.
    check_held(&["9 track 10.0.0.1 bb", "9.1 reply 10.0.0.1 aa", "30 wait"], &[]);
    // It answers us.
    check_held(&["9 probe 10.0.0.1 bb", "9.1 asked 10.0.0.1 aa", "30 wait"], &[]);
    // A host comes back for which a proxy answered while it slept.
    check_held(
        &["5 announce 10.0.0.1 bb", "9 probe 10.0.0.1 aa", "9.1 reply 10.0.0.1 bb", "30 wait"],
        &["changed-mac 10.0.0.1 bb old aa unknown"],
    );
}

#[test]
fn a_station_that_checks_many_tracks_hosts() {
    let mut lines = Vec::new();
    for n in 1..=6 {
        lines.extend([format!("{n} probe 10.0.0.{n} dd"), format!("{n}.1 reply 10.0.0.{n} 0{n}")]);
    }
    lines.push("60 wait".to_owned());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let told = (1..=6).map(|n| format!("new-host 10.0.0.{n} 0{n}")).collect::<Vec<_>>();
    let mut told: Vec<&str> = told.iter().map(String::as_str).collect();
    told.insert(3, "new-host dd");
    check(&lines, &told);
    // And a server that looks before it gives an address away.
    let serves = "1 dhcp offer cc/bb server=10.0.0.2";
    check_held(&[serves, "9 probe 10.0.0.1 bb", "9.1 reply 10.0.0.1 aa", "30 wait"], &["new-dhcp-server 10.0.0.2 bb"]);
}

#[test]
fn answers_of_proxies_virtual_routers_and_balancers_are_no_conflict() {
    let proxy = ["1 arp 10.0.0.11 aa", "1 arp 10.0.0.12 aa", "1 arp 10.0.0.13 aa"];
    let check_input = ["9 probe 10.0.0.1 bb", "9.1 reply 10.0.0.1 aa", "30 wait"];
    let more = ["new-address 10.0.0.11 aa", "new-address 10.0.0.12 aa", "new-address 10.0.0.13 aa"];
    check_held(&[&proxy[..], &check_input].concat(), &more);
    let vrrp = "00:00:5e:00:01:07";
    check(
        &[
            "0 vrrp cc 7 10.0.0.3 10.0.0.1",
            &format!("1 arp 10.0.0.1 {vrrp}"),
            "9 probe 10.0.0.1 bb",
            &format!("9.1 reply 10.0.0.1 {vrrp}"),
            "30 wait",
        ],
        &[&*format!("new-host 10.0.0.1 {vrrp}"), "new-host cc", "new-host bb"],
    );
    // Who has no address yet looks for its gateway as if it wanted its address.
    let serves = "0 dhcp offer cc/aa server=10.0.0.1 router=10.0.0.1";
    check_held(&[serves, "9 probe 10.0.0.1 bb", "9.1 reply 10.0.0.1 aa", "30 wait"], &["new-dhcp-server 10.0.0.1 aa"]);
}

const ACK: &str = "9 dhcp ack cc/fe yiaddr=10.0.0.1 server=10.0.0.254 lease=3600";
const SERVER: [&str; 2] = ["new-dhcp-server 10.0.0.254 fe", "ip-conflict 10.0.0.1 cc old aa leased"];

#[test]
fn an_address_in_use_is_leased() {
    let late = ["new-host cc", "new-host fe"];
    check_held(&[ACK, "10 arp 10.0.0.1 aa", "11 arp 10.0.0.1 aa", "30 wait"], &[&SERVER[..], &late].concat());
    // It answers us.
    check_held(&[ACK, "10 asked 10.0.0.1 aa", "30 wait"], &[&SERVER[..], &late].concat());
    // It has left; or the client has taken the address, and that is told.
    check_held(&[ACK, "30 wait"], &[&SERVER[..1], &late].concat());
    let moved = [
        "new-host 10.0.0.1 cc",
        "changed-mac 10.0.0.1 cc old aa dhcp info",
        "ip-conflict 10.0.0.1 cc old aa leased",
        "flip-flop 10.0.0.1 aa old cc conflict info",
    ];
    check_held(&[ACK, "9.1 arp 10.0.0.1 cc", "10 arp 10.0.0.1 aa"], &[&SERVER[..1], &moved].concat());
    // Whatever shows it, it is one conflict: the client checks, is answered, declines, and begins anew.
    let on = [
        "9.1 probe 10.0.0.1 cc",
        "9.2 reply 10.0.0.1 aa",
        "9.3 dhcp decline cc wants=10.0.0.1 server=10.0.0.254",
        "20 dhcp ack cc/fe yiaddr=10.0.0.1 server=10.0.0.254 lease=3600",
        "30 wait",
    ];
    let defended = [SERVER[0], "ip-conflict 10.0.0.1 cc old aa defended"];
    check_held(&[&[ACK], &on[..]].concat(), &[&defended[..], &late].concat());
    // Nobody has been heard with it for long.
    check_held(
        &["1900 dhcp ack cc/fe yiaddr=10.0.0.1 server=10.0.0.254", "1901 arp 10.0.0.1 aa", "1930 wait"],
        &[&SERVER[..1], &late].concat(),
    );
}

#[test]
fn a_leased_address_passes_back_and_forth() {
    let lease = |at: &str, client: &str, lease: &str| {
        format!("{at} dhcp ack {client}/fe yiaddr=10.0.0.9 server=10.0.0.254 lease={lease}")
    };
    let first = [&*lease("1", "cc", "60"), "2 arp 10.0.0.9 cc"];
    let told = ["new-host 10.0.0.9 cc", "new-dhcp-server 10.0.0.254 fe"];
    let told = [told[1], told[0], "new-host fe"];
    // Renewed; given back; ended; taken over by the same client with another MAC.
    check_held(&[&first[..], &[&lease("30", "cc", "60")]].concat(), &told);
    let moved = ["new-host 10.0.0.9 dd", "changed-mac 10.0.0.9 dd old cc dhcp info"];
    let release = ["30 dhcp release cc ciaddr=10.0.0.9", &lease("31", "dd", "60"), "32 arp 10.0.0.9 dd"];
    check_held(&[&first[..], &release].concat(), &[&told[..], &moved].concat());
    check_held(
        &[&first[..], &[&lease("90", "dd", "60"), "91 arp 10.0.0.9 dd"]].concat(),
        &[&told[..], &moved].concat(),
    );
    check_held(
        &[&first[..], &[&lease("40", "dd", "60"), "41 arp 10.0.0.9 dd"]].concat(),
        &[&told[..], &moved].concat(),
    );
    // Who keeps it after its end is in the way.
    let squats = ["200 arp 10.0.0.9 cc", &lease("210", "dd", "60"), "211 arp 10.0.0.9 cc"];
    check_held(&[&first[..], &squats].concat(), &[&told[..], &["ip-conflict 10.0.0.9 dd old cc leased"]].concat());
    // Its leases go by unheard, or it is the same client.
    check_held(&["5 dhcp request aa", ACK, "10 arp 10.0.0.1 aa"], &SERVER[..1]);
    check_held(
        &["5 dhcp request aa id=x", "6 dhcp discover cc id=x", ACK, "10 arp 10.0.0.1 aa"],
        &["new-host cc", "new-dhcp-server 10.0.0.254 fe"],
    );
}

#[test]
fn a_lease_that_was_never_used_is_no_holding() {
    // Nobody had been heard with it; the client asks, and somebody is there.
    let ack = "1 dhcp ack cc/fe yiaddr=10.0.0.9 server=10.0.0.254 lease=3600";
    let told = ["new-dhcp-server 10.0.0.254 fe", "new-host 10.0.0.9 cc", "new-host fe"];
    check_held(
        &[ack, "5 probe 10.0.0.9 cc", "5.1 reply 10.0.0.9 dd", "5.2 dhcp decline cc wants=10.0.0.9", "30 wait"],
        &[&told[..], &["ip-conflict 10.0.0.9 cc old dd defended", "new-host 10.0.0.9 dd"]].concat(),
    );
    check_held(
        &[ack, "5 arp 10.0.0.9 dd", "6 arp 10.0.0.9 dd"],
        &[&told[..], &["new-host 10.0.0.9 dd", "ip-conflict 10.0.0.9 cc old dd leased"]].concat(),
    );
    check_held(
        &[ack, "5 dhcp decline cc wants=10.0.0.9 server=10.0.0.254", "9 dhcp decline cc wants=10.0.0.9"],
        &[&told[..], &["ip-conflict 10.0.0.9 cc declined"]].concat(),
    );
    check_held(
        &["5 dhcp decline cc wants=10.0.0.1", "9 wait"],
        &["ip-conflict 10.0.0.1 cc old aa declined", "new-host cc"],
    );
}

#[test]
fn conflicts_are_kept_in_bounds() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for n in 0..3000 {
        let station = format!("02:00:00:00:{:02x}:{:02x}", n / 256, n % 256);
        let line = format!("{} probe 10.1.{}.{} {station}", n / 1000, n / 200, n % 200);
        step(&mut correlator, &settings(), Limits::default(), &line, &mut events);
        let line = format!("{} reply 10.1.{}.{} dd", n / 1000, n / 200, n % 200);
        step(&mut correlator, &settings(), Limits::default(), &line, &mut events);
    }
    let size = format!("{:?}", correlator.conflicts).len();
    assert!(size < 1 << 20, "{size} characters");
}
