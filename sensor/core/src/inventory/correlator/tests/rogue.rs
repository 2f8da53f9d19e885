//! Scenarios of servers and routers: allow lists, relays, what a router must not say, and gateways in other hands.
//! A prefix with `~` is deprecated.

use crate::inventory::correlator::tests::*;

fn allowing(dhcp_servers: &[&str], routers: &[&str]) -> Settings {
    let members = |words: &[&str]| Members {
        ips: words.iter().filter_map(|word| word.parse().ok()).collect(),
        macs: words.iter().filter(|word| word.parse::<IpAddr>().is_err()).map(|word| mac(word)).collect(),
    };
    let allow = Allow { segment: None, dhcp_servers: members(dhcp_servers), routers: members(routers) };
    Settings { allow: vec![allow], ..settings() }
}

/// Compares only the events about servers, routers and moved addresses.
#[track_caller]
fn check_told(settings: &Settings, input: &[&str], expected: &[&str]) {
    let mut correlator = Correlator::new(settings.clone(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in input {
        step(&mut correlator, settings, Limits::default(), line, &mut events);
    }
    let is_about = |event: &&Event| !matches!(event.kind, Kind::NewHost | Kind::NewAddress);
    assert_eq!(events.iter().filter(is_about).map(written).collect::<Vec<_>>(), expected, "events of {input:#?}");
}

#[test]
fn an_unlisted_server_is_a_rogue() {
    let listed = allowing(&["10.0.0.254"], &[]);
    check_told(&listed, &["0 dhcp offer aa/fe server=10.0.0.254"], &["new-dhcp-server 10.0.0.254 fe"]);
    let rogue = "0 dhcp offer aa/fd server=10.0.0.66";
    let told = ["rogue-dhcp-server 10.0.0.66 fd unlisted"];
    check_told(&listed, &[rogue, "1 dhcp ack aa/fd server=10.0.0.66", "9000 dhcp nak aa/fd server=10.0.0.66"], &told);
    check_told(&listed, &[rogue, "1 restart", "2 dhcp ack bb/fd server=10.0.0.66"], &told);
    check_told(&allowing(&["fd"], &[]), &[rogue], &["new-dhcp-server 10.0.0.66 fd"]);
    // What a router forwarded for a renewing client is the server's, too.
    check_told(&listed, &["0 dhcp ack aa/01 server=10.0.0.66 ttl=63"], &["rogue-dhcp-server 10.0.0.66 01 unlisted"]);
}

#[test]
fn a_relay_is_not_the_server() {
    let relayed = "0 dhcp offer aa/01 server=192.0.2.1 giaddr=10.0.0.1";
    check_told(&allowing(&["192.0.2.1"], &[]), &[relayed], &["new-dhcp-server 192.0.2.1 01"]);
    check_told(&allowing(&["fe"], &[]), &[relayed], &["new-dhcp-server 192.0.2.1 01"]);
    check_told(
        &allowing(&["fe"], &[]),
        &["0 dhcp ack aa/01 server=192.0.2.1 ttl=62"],
        &["new-dhcp-server 192.0.2.1 01"],
    );
    check_told(
        &allowing(&["fe"], &[]),
        &["0 dhcp ack aa/01 server=192.0.2.1 ttl=64"],
        &["rogue-dhcp-server 192.0.2.1 01 unlisted"],
    );
    // A listed relay does not vouch for whoever is behind it.
    check_told(&allowing(&["192.0.2.9"], &[]), &[relayed], &["rogue-dhcp-server 192.0.2.1 01 unlisted"]);
}

#[test]
fn an_unlisted_router_is_a_rogue() {
    let listed = allowing(&[], &["fe80::1", "bb"]);
    let own = ["0 ra fe80::1 aa 1800 2001:db8::/64", "0 ra fe80::2 bb 1800 2001:db8:1::/64"];
    check_told(&listed, &own, &["new-router fe80::1 aa", "new-router fe80::2 bb"]);
    let rogue = "5 ra fe80::3 cc 1800 2001:db8:2::/64";
    let told = ["rogue-router fe80::3 cc unlisted"];
    check_told(&listed, &[rogue, "6 restart", "9 ra fe80::3 cc 1800 2001:db8:2::/64"], &told);
    check_told(&listed, &["5 ra fe80::3 cc 0"], &[]);
}

const ROUTER: &str = "0 ra fe80::1 aa 1800 2001:db8::/64 dns=2001:db8::53";
const NEW: &str = "new-router fe80::1 aa";

#[track_caller]
fn check_router(input: &[&str], expected: &[&str]) {
    check_told(&settings(), &[&[ROUTER], input].concat(), &[&[NEW], expected].concat());
}

#[test]
fn an_advert_from_another_routers_address_is_spoofed() {
    let spoofed = ["rogue-router fe80::1 bb old aa spoofed"];
    check_router(&["9 ra fe80::1 bb 1800"], &spoofed);
    check_router(&["9 ra fe80::1 bb 0", "10 ra fe80::1 bb 0", "11 restart", "12 ra fe80::1 bb 0"], &spoofed);
    // It moved nothing: the router's own word is no news.
    check_router(&["9 ra fe80::1 bb 1800", "10 ra fe80::1 aa 1800 2001:db8::/64", "10 ns fe80::1 aa"], &spoofed);
    // ReportedOddity again when it comes back after an hour.
    let lasting: Vec<String> = (1..=20).map(|n| format!("{}0 ra fe80::1 aa 1800", n * 60)).collect();
    let lasting: Vec<&str> = lasting.iter().map(String::as_str).collect();
    check_router(
        &[&["9 ra fe80::1 bb 0"], &lasting[..], &["12001 ra fe80::1 bb 0"]].concat(),
        &[spoofed, spoofed].concat(),
    );
}

#[test]
fn adverts_from_a_routers_address_that_are_not_spoofed() {
    // A virtual router, before or after.
    let virtual_mac = "00:00:5e:00:02:07";
    check_router(
        &["1 vrrp aa 7 fe80::1 fe80::1", &format!("9 ra fe80::1 {virtual_mac} 1800")],
        &[&*format!("changed-mac fe80::1 {virtual_mac} old aa failover info")],
    );
    // Anybody may send with such a MAC.
    check_router(
        &[&format!("9 ra fe80::1 {virtual_mac} 1800")],
        &[&*format!("rogue-router fe80::1 {virtual_mac} old aa spoofed")],
    );
    // Routers of one group without a virtual station.
    let group = ["1 vrrp aa 7 fe80::11 fe80::1", "2 vrrp bb 7 fe80::12 fe80::1"];
    check_router(
        &[&group[..], &["9 ra fe80::1 bb 1800", "10 ra fe80::1 bb 0"]].concat(),
        &["changed-mac fe80::1 bb old aa failover info"],
    );
    // Stations of one switch.
    // Its lifetime is over: another one has taken its place, and the move of the address says so.
    check_router(&["1801 ra fe80::1 bb 1800"], &["changed-mac fe80::1 bb old aa unknown alert"]);
    // The address has passed, which was told.
    check_router(&["9 na fe80::1 bb", "10 ra fe80::1 bb 1800"], &["changed-mac fe80::1 bb old aa unknown alert"]);
}

#[test]
fn a_new_routers_prefixes_are_compared_with_the_known_ones() {
    check_router(&["9 ra fe80::2 bb 1800 2001:db8:bad::/64"], &["rogue-router fe80::2 bb foreign-prefix"]);
    let second = ["new-router fe80::2 bb"];
    check_router(&["9 ra fe80::2 bb 1800 2001:db8::/64"], &second);
    check_router(&["9 ra fe80::2 bb 1800 2001:db8::/64 fd00::/64"], &second);
    check_router(&["9 ra fe80::2 bb 1800"], &second);
    check_router(&["9 ra fe80::2 bb 1800 2001:db8:bad::/64~"], &second);
    // It renumbers.
    check_router(
        &["9 ra fe80::1 aa 1800 2001:db8::/64~ 2001:db8:9::/64", "10 ra fe80::1 aa 1800 2001:db8:9::/64"],
        &[],
    );
    // On another segment nothing is known.
    check_router(&["9 @eth2 ra fe80::2 bb 1800 2001:db8:bad::/64"], &["new-router @eth2 fe80::2 bb"]);
    // Both were there while the network was learned.
    let learning = Settings { learning_until: Some(time("10")), ..settings() };
    let later = ["20 ra fe80::2 bb 1800 2001:db8:1::/64", "20 restart", "30 ra fe80::2 bb 1800 2001:db8:1::/64"];
    check_told(
        &learning,
        &[&[ROUTER, "9 ra fe80::2 bb 1800 2001:db8:1::/64"], &later[..]].concat(),
        &["new-router fe80::1 aa info", "new-router fe80::2 bb info"],
    );
}

#[test]
fn configured_prefixes_decide_what_is_foreign() {
    let check = |input: &[&str], expected: &[&str]| check_told(&with_prefixes(), input, expected);
    check(&[ROUTER], &[NEW]);
    let foreign = ["rogue-router fe80::2 bb foreign-prefix"];
    let bad = "1 ra fe80::2 bb 1800 2001:db8:bad::/64";
    check(
        &[bad, "2 ra fe80::2 bb 1800 2001:db8:bad::/64", "3 restart", "9000 ra fe80::2 bb 1800 2001:db8:bad::/64"],
        &foreign,
    );
    check(
        &[ROUTER, "9 ra fe80::1 aa 1800 2001:db8::/64 2001:db8:bad::/64"],
        &[NEW, "rogue-router fe80::1 aa foreign-prefix"],
    );
    // It renumbers.
    check(
        &[ROUTER, "9 ra fe80::1 aa 1800 2001:db8::/64~ 2001:db8:9::/64", "10 ra fe80::1 aa 1800 2001:db8:9::/64"],
        &[NEW],
    );
    // While the network is learned it is remembered, not told.
    let learning = Settings { learning_until: Some(time("10")), ..with_prefixes() };
    check_told(&learning, &[bad, "20 ra fe80::2 bb 1800 2001:db8:bad::/64"], &["new-router fe80::2 bb info"]);
}

#[test]
fn name_servers_that_no_router_announced_before() {
    let foreign = ["rogue-router fe80::1 aa foreign-dns"];
    let bad = "9 ra fe80::1 aa 1800 dns=2001:db8:bad::66";
    check_router(
        &[bad, "10 ra fe80::1 aa 1800 dns=2001:db8::53", "11 restart", "12 ra fe80::1 aa 1800 dns=2001:db8:bad::66"],
        &foreign,
    );
    check_router(&["9 ra fe80::1 aa 1800 dns=2001:db8::53", "10 ra fe80::1 aa 1800"], &[]);
    // From one that wants nothing but that.
    check_router(&["9 ra fe80::66 bb 0 dns=2001:db8:bad::66"], &["rogue-router fe80::66 bb foreign-dns"]);
    // Its own address, and the same server in a renumbered network.
    check_router(&["9 ra fe80::1 aa 1800 dns=fe80::1"], &[]);
    check_router(&["8 na 2001:db8::1 aa", "9 ra fe80::1 aa 1800 dns=2001:db8::1"], &[]);
    check_router(&["9 ra fe80::1 aa 1800 2001:db8::/64~ 2001:db8:9::/64 dns=2001:db8:9::53"], &[]);
    // A new router is told as such, and announces what another one announces.
    check_router(
        &["9 ra fe80::2 bb 1800 dns=2001:db8::99", "10 ra fe80::1 aa 1800 dns=2001:db8::99"],
        &["new-router fe80::2 bb"],
    );
    let learning = Settings { learning_until: Some(time("10")), ..settings() };
    check_told(
        &learning,
        &[ROUTER, bad, "20 ra fe80::1 aa 1800 dns=2001:db8:bad::66"],
        &["new-router fe80::1 aa info"],
    );
}

#[test]
fn a_router_that_advertises_a_zero_lifetime() {
    let ended = ["rogue-router fe80::1 aa zero-lifetime warning"];
    check_router(&["9 ra fe80::1 aa 0", "10 ra fe80::1 aa 0"], &ended);
    // It restarts, and again.
    let again = [
        "9 ra fe80::1 aa 0",
        "20 ra fe80::1 aa 1800",
        "30 ra fe80::1 aa 0",
        "31 restart",
        "40 ra fe80::1 aa 1800",
        "50 ra fe80::1 aa 0",
    ];
    check_router(&again, &ended);
    check_router(&["9 ra fe80::1 aa 0", "20 ra fe80::1 aa 1800", "3700 ra fe80::1 aa 0"], &[ended, ended].concat());
    // A group's router goes, another one of it stays.
    check_router(&["1 vrrp aa 7 10.0.0.11 10.0.0.1", "9 ra fe80::1 aa 0"], &[]);
    check_told(
        &settings(),
        &["0 ra fe80::1 00:00:5e:00:02:07 9", "1 ra fe80::1 00:00:5e:00:02:07 0"],
        &["new-router fe80::1 00:00:5e:00:02:07"],
    );
}

/// `aa` is the gateway 10.0.0.1 by DHCP, `bb` a host.
const GATEWAY: [&str; 3] =
    ["0 arp 10.0.0.1 aa", "0 arp 10.0.0.2 bb", "1 dhcp offer cc/aa server=10.0.0.1 router=10.0.0.1"];

#[track_caller]
fn check_gateway(settings: &Settings, input: &[&str], expected: &[&str]) {
    check_told(settings, &[&GATEWAY[..], input].concat(), &[&["new-dhcp-server 10.0.0.1 aa"], expected].concat());
}

#[test]
fn a_gateways_address_in_other_hands_is_an_alert() {
    let forged = "9 reply 10.0.0.1 bb";
    let taken = "changed-mac 10.0.0.1 bb old aa unknown alert";
    check_gateway(&settings(), &[forged], &[taken]);
    // The gateway goes on, the attacker too.
    let quarrel = ["10 arp 10.0.0.1 aa", "11 reply 10.0.0.1 bb"];
    check_gateway(
        &settings(),
        &[&[forged], &quarrel[..]].concat(),
        &[taken, "flip-flop 10.0.0.1 aa old bb", "flip-flop 10.0.0.1 bb old aa"],
    );
    check_gateway(&settings(), &["9 reply 10.0.0.1 bb/cc"], &["mac-mismatch 10.0.0.1 bb alert"]);
    let listed = allowing(&[], &["10.0.0.9"]);
    check_told(
        &listed,
        &["0 arp 10.0.0.9 aa", "9 reply 10.0.0.9 bb"],
        &["changed-mac 10.0.0.9 bb old aa unknown alert"],
    );
    check_router(&["9 na fe80::1 bb"], &["changed-mac fe80::1 bb old aa unknown alert"]);
}

#[test]
fn both_claimants_of_a_gateways_address_are_asked() {
    let asking = Settings { explain: Some(Duration::from_secs(3)), ..settings() };
    let lie = "changed-mac 10.0.0.1 bb old aa spoof-suspected alert";
    let asked = ["9 reply 10.0.0.1 bb", "9.1 asked 10.0.0.1 aa", "12 wait"];
    check_gateway(&asking, &asked, &[lie]);
    // A restart does not repeat it, nor does the attacker by going on.
    let on = ["13 reply 10.0.0.1 bb", "14 restart", "15 reply 10.0.0.1 bb", "15.1 asked 10.0.0.1 aa", "18 wait"];
    check_gateway(&asking, &[&asked[..], &on].concat(), &[lie]);
    check_gateway(
        &asking,
        &["9 reply 10.0.0.1 bb", "9.1 asked 10.0.0.1 aa", "9.2 asked 10.0.0.1 bb"],
        &["ip-conflict 10.0.0.1 bb old aa conflict alert"],
    );
    check_gateway(
        &asking,
        &["9 reply 10.0.0.1 bb", "9.2 asked 10.0.0.1 bb", "12 wait"],
        &["changed-mac 10.0.0.1 bb old aa replaced alert"],
    );
}

#[test]
fn explained_moves_of_a_gateways_address() {
    let virtual_mac = "00:00:5e:00:01:07";
    check_gateway(
        &settings(),
        &["0 vrrp aa 7 10.0.0.1 10.0.0.1", &format!("9 announce 10.0.0.1 {virtual_mac}")],
        &[&*format!("changed-mac 10.0.0.1 {virtual_mac} old aa failover info")],
    );
    // Anybody may write a group's MAC, or take the address of one.
    check_gateway(
        &settings(),
        &[&format!("9 announce 10.0.0.1 {virtual_mac}")],
        &[&*format!("changed-mac 10.0.0.1 {virtual_mac} old aa unknown alert")],
    );
    // Somebody answers for the gateway with the gateway's MAC, or the gateway with another one.
    check_gateway(&settings(), &["9 reply 10.0.0.1 aa/cc"], &["mac-mismatch 10.0.0.1 aa"]);
    // A frame's source proves nothing.
    check_gateway(&settings(), &["9 reply 10.0.0.1 cc/aa"], &["mac-mismatch 10.0.0.1 cc alert"]);
    // Another address is no gateway.
    check_gateway(&settings(), &["9 reply 10.0.0.2 aa"], &["changed-mac 10.0.0.2 aa old bb unknown"]);
}

#[test]
fn a_gateways_alert_names_the_role() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in GATEWAY.iter().chain(&["9 reply 10.0.0.1 bb"]) {
        step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    }
    let details = format!("{:?}", events.last().unwrap().details);
    assert_eq!(details, r#"[("previous_age_s", Number(9)), ("role", Text("gateway"))]"#);
}

#[test]
fn a_dhcp_server_is_reported_once() {
    let offer = "0 dhcp offer aa/fe server=10.0.0.254";
    check(&[offer, "1 dhcp ack bb/fe server=10.0.0.254"], &["new-dhcp-server 10.0.0.254 fe"]);
    // Another station in its name.
    let spoofed = "rogue-dhcp-server 10.0.0.254 fd old fe spoofed";
    check(
        &[offer, "61 dhcp ack bb/fd server=10.0.0.254", "62 dhcp ack bb/fd server=10.0.0.254"],
        &["new-dhcp-server 10.0.0.254 fe", "new-host fe", spoofed],
    );
    check(
        &[offer, "1 dhcp nak bb/fd source=10.0.0.253"],
        &["new-dhcp-server 10.0.0.254 fe", "new-dhcp-server 10.0.0.253 fd"],
    );
    check(&["0 dhcp offer aa/fe source=0.0.0.0", "0 dhcp request aa server=10.0.0.254"], &[]);
    // Beyond a relay the client is not here, but the server (or the relay's leg) is.
    check(
        &["0 dhcp ack aa/fe server=10.0.0.254 yiaddr=10.1.0.1 here=no", "9 finish"],
        &["new-dhcp-server 10.0.0.254 fe", "new-host fe"],
    );
    check(&["0 dhcp request aa/fd name=pc ciaddr=10.1.0.1 here=no", "9 finish"], &[]);
}

#[test]
fn a_router_is_reported_once() {
    let ra = "0 ra fe80::1 aa 1800 2001:db8::/64";
    check(&[ra, "1 ra fe80::1 aa 1800", "9 wait"], &["new-router fe80::1 aa", "new-host fe80::1 aa"]);
    check(&["0 ra fe80::1 aa 0", "9 wait"], &["new-host fe80::1 aa"]);
    check(&[ra, "1 ra fe80::2 bb 9"], &["new-router fe80::1 aa", "new-router fe80::2 bb"]);
    check(&[ra, "1 @eth2 ra fe80::1 aa 9"], &["new-router fe80::1 aa", "new-router @eth2 fe80::1 aa"]);
}

#[test]
fn what_a_forger_hands_out_is_news_from_the_known_server() {
    let told = [
        "new-dhcp-server 10.0.0.254 fe",
        "new-host 10.0.0.254 fe",
        "rogue-dhcp-server 10.0.0.254 fd old fe spoofed",
        "new-host fd",
        "dhcp-changed 10.0.0.254 fe",
    ];
    check(
        &[
            "0 dhcp offer bb/fe server=10.0.0.254 router=10.0.0.1",
            "0 arp 10.0.0.254 fe",
            "100 dhcp offer bb/fd server=10.0.0.254 router=10.0.0.66",
            "200 dhcp offer bb/fe server=10.0.0.254 router=10.0.0.66",
            "201 dhcp offer bb/fe server=10.0.0.254 router=10.0.0.66",
        ],
        &told,
    );
}
