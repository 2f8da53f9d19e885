//! Redirects: `redirect ROUTER MAC HOP [to=DESTINATION] [at=HOPS MAC]`, by default for 198.51.100.7 or 2001:db8:9::7.

use crate::inventory::correlator::tests::*;
use crate::inventory::sighting::redirect::Redirect;

pub(super) fn said<'a>(words: &[&'a str]) -> (&'a str, Option<IpAddr>, Claim) {
    let router: IpAddr = words[0].parse().unwrap();
    let given = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
    let far = if router.is_ipv4() { "198.51.100.7" } else { "2001:db8:9::7" };
    let redirect = Redirect {
        hop: words[2].parse().unwrap(),
        hop_mac: given("at=").map(mac),
        destination: given("to=").unwrap_or(far).parse().unwrap(),
    };
    let claim = if router.is_ipv4() { Claim::Redirect(redirect) } else { Claim::Ndp(NdpClaim::Redirect(redirect)) };
    (words[1], Some(router), claim)
}

/// Two routers that a DHCP server at `fe` names in the learning period, a host at `cc`, and half a minute: 10.0.0.1 at `aa`, 10.0.0.2 at `bb`.
const ROUTERS: [&str; 7] = [
    "0 arp 10.0.0.253 fe",
    "1 arp 10.0.0.1 aa",
    "2 arp 10.0.0.2 bb",
    "3 arp 10.0.0.3 cc",
    "4 dhcp ack 0c/fe yiaddr=10.0.0.9 server=10.0.0.253 router=10.0.0.1",
    "5 dhcp ack 0c/fe yiaddr=10.0.0.9 server=10.0.0.253 router=10.0.0.2",
    "90 wait",
];

/// The events of these lines after [`ROUTERS`], without those of the routers.
#[track_caller]
fn check_after(lines: &[&str], expected: &[&str]) {
    let learning = Settings { learning_until: Some(time("60")), ..settings() };
    let mut correlator = Correlator::new(learning.clone(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in ROUTERS {
        step(&mut correlator, &learning, Limits::default(), line, &mut events);
    }
    events.clear();
    for line in lines {
        step(&mut correlator, &learning, Limits::default(), line, &mut events);
    }
    let told = events.iter().map(written).filter(|line| !line.starts_with("new-"));
    assert_eq!(told.collect::<Vec<_>>(), expected, "{lines:#?}");
}

#[test]
fn a_router_that_names_another_one_is_innocent() {
    check_after(
        &[
            "100 redirect 10.0.0.1 aa 10.0.0.2",
            "101 redirect 10.0.0.1 aa 10.0.0.2 to=192.0.2.9",
            "99999 redirect 10.0.0.1 aa 10.0.0.2",
        ],
        &["redirect 10.0.0.1 aa info"],
    );
    // A host that forwards what it should not get, and a destination that is a neighbour.
    check_after(
        &["100 redirect 10.0.0.3 cc 10.0.0.1", "101 redirect 10.0.0.1 aa 10.0.0.3 to=10.0.0.3"],
        &["redirect 10.0.0.3 cc info", "redirect 10.0.0.1 aa info"],
    );
    // Nobody was heard there, but it is near.
    check_after(&["100 redirect 10.0.0.1 aa 10.0.0.77 to=10.0.0.77"], &["redirect 10.0.0.1 aa info"]);
}

#[test]
fn a_hop_that_is_no_router_is_an_alarm() {
    check_after(&["100 redirect 10.0.0.1 aa 10.0.0.3"], &["redirect 10.0.0.1 aa unknown alert"]);
    check_after(&["100 redirect 10.0.0.1 aa 10.0.0.66"], &["redirect 10.0.0.1 aa unknown alert"]);
    // It has just come.
    check_after(
        &["100 arp 10.0.0.66 dd", "101 redirect 10.0.0.1 aa 10.0.0.66 to=10.0.0.66"],
        &["redirect 10.0.0.1 aa unknown alert"],
    );
    // To itself, and of hosts that are no gateways.
    check_after(&["100 redirect 10.0.0.3 cc 10.0.0.3 to=10.0.0.3"], &["redirect 10.0.0.3 cc unknown"]);
    check_after(&["100 redirect 10.0.0.3 cc 10.0.0.253"], &["redirect 10.0.0.3 cc unknown"]);
    // An address that is not near.
    check_after(&["100 redirect 10.0.0.1 aa 198.51.100.7 to=198.51.100.7"], &["redirect 10.0.0.1 aa unknown alert"]);
}

#[test]
fn a_routers_address_in_another_stations_redirect_is_an_alarm() {
    check_after(&["100 redirect 10.0.0.1 cc 10.0.0.2"], &["redirect 10.0.0.1 cc old aa spoofed alert"]);
    check_after(&["100 redirect 10.0.0.3 dd 10.0.0.2"], &["redirect 10.0.0.3 dd old cc spoofed alert"]);
    check_after(&["100 redirect 10.0.0.3 dd 10.0.0.253"], &["redirect 10.0.0.3 dd old cc spoofed"]);
    // Whoever comes and redirects at once, but for who leads to a router of old, or to whom the traffic goes anyway: he leads nobody astray.
    check_after(&["100 redirect 10.0.0.60 dd 10.0.0.77 to=10.0.0.77"], &["redirect 10.0.0.60 dd unknown"]);
    check_after(&["100 redirect 10.0.0.60 dd 10.0.0.3 to=10.0.0.3"], &["redirect 10.0.0.60 dd info"]);
    check_after(&["100 redirect 10.0.0.60 dd 10.0.0.2"], &["redirect 10.0.0.60 dd info"]);
    // What was innocent before keeps nothing back, and it is told once until it was not seen for an hour.
    check_after(
        &[
            "100 redirect 10.0.0.3 cc 10.0.0.1",
            "101 redirect 10.0.0.2 cc 10.0.0.1",
            "102 redirect 10.0.0.2 cc 10.0.0.1 to=192.0.2.8",
            "3000 redirect 10.0.0.2 cc 10.0.0.1",
            "6601 redirect 10.0.0.2 cc 10.0.0.1",
        ],
        &[
            "redirect 10.0.0.3 cc info",
            "redirect 10.0.0.2 cc old bb spoofed alert",
            "redirect 10.0.0.2 cc old bb spoofed alert",
        ],
    );
    // A group's router speaks by the group's address with its own MAC; a host does not.
    let group = "91 vrrp 00:00:5e:00:01:07 7 10.0.0.4 10.0.0.5";
    check_after(&[group, "200 redirect 10.0.0.5 aa 10.0.0.2"], &["redirect 10.0.0.5 aa info"]);
    check_after(
        &[group, "200 redirect 10.0.0.5 cc 10.0.0.2"],
        &["redirect 10.0.0.5 cc old 00:00:5e:00:01:07 spoofed alert"],
    );
    check_after(&["100 redirect 224.0.0.1 cc 10.0.0.1", "101 redirect 10.0.0.1 aa 0.0.0.0"], &[]);
}

#[test]
fn a_redirect_moves_no_address_and_its_option_is_weighed() {
    let routers = [
        "0 ra fe80::1 aa 1800 2001:db8::/64",
        "1 ra fe80::2 bb 1800 2001:db8::/64",
        "2 ns fe80::3 cc",
        "3 ns 2001:db8::3 cc",
        "4 ns fe80::66 dd",
    ];
    let check_later = |lines: &[&str], expected: &[&str]| {
        let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
        let mut events = Vec::new();
        for line in routers.iter().chain(lines) {
            step(&mut correlator, &settings(), Limits::default(), line, &mut events);
        }
        let told =
            events.iter().map(written).filter(|line| line.starts_with("redirect") || line.starts_with("changed"));
        assert_eq!(told.collect::<Vec<_>>(), expected, "{lines:#?}");
    };
    check_later(
        &["90000 redirect fe80::1 aa fe80::2 at=bb", "90001 redirect fe80::1 aa 2001:db8::3 to=2001:db8::3 at=cc"],
        &["redirect fe80::1 aa info", "redirect fe80::1 aa info"],
    );
    check_later(&["90000 redirect fe80::1 aa fe80::2 at=dd"], &["redirect fe80::1 aa unknown alert"]);
    check_later(
        &["90000 redirect fe80::1 aa 2001:db8::3 to=2001:db8::3 at=dd", "90001 ns fe80::1 aa"],
        &["redirect fe80::1 aa unknown alert"],
    );
    check_later(
        &["90000 redirect fe80::1 aa 2001:db8::4 to=2001:db8::4 at=dd"],
        &["redirect fe80::1 aa unknown alert"],
    );
    check_later(
        &["90000 redirect fe80::1 dd fe80::66 at=dd", "90001 ns fe80::1 aa"],
        &["redirect fe80::1 dd old aa spoofed alert"],
    );
}

#[test]
fn what_is_learned_is_not_told_again() {
    let learning = Settings { learning_until: Some(time("80")), ..settings() };
    let redirects = ["70 redirect 10.0.0.1 aa 10.0.0.3", "99999 redirect 10.0.0.1 aa 10.0.0.3"];
    let lines = [&ROUTERS[..6], &redirects].concat();
    let mut correlator = Correlator::new(learning.clone(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in lines {
        step(&mut correlator, &learning, Limits::default(), line, &mut events);
    }
    let told = events.iter().map(written).filter(|line| line.starts_with("redirect"));
    assert_eq!(told.collect::<Vec<_>>(), ["redirect 10.0.0.1 aa unknown info"]);
    check_read_twice(
        &[&ROUTERS[..], &["100 redirect 10.0.0.1 cc 10.0.0.2", "101 redirect 10.0.0.1 aa 10.0.0.2"]].concat(),
    );
}
