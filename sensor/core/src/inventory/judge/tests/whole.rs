//! A host that the owner listed by one of its addresses or MACs counts by all of them; nobody hides behind that.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use super::{check, event, kept, mac, named, network, policy, rule};
use crate::inventory::event::{Kind, Severity};
use crate::inventory::judge::mute::MuteTarget;
use crate::inventory::judge::policy::{EventPolicy, Rule};
use crate::inventory::judge::subjects::Subjects;
use crate::inventory::judge::{Judge, mute};
use crate::types::Timestamp;

fn single(ip: &str) -> Subjects {
    Subjects { ips: [ip.parse().unwrap()].into(), ..Subjects::default() }
}

#[test]
fn an_always_on_host_is_missed_by_whichever_address_was_asked() {
    let policy = EventPolicy { always_on: single("10.0.0.1"), ..policy() };
    check(
        policy.clone(),
        &[
            "0 host-gone fe80::1 a also=10.0.0.1 also=10.0.0.7",
            "1 host-back 10.0.0.7 a also=10.0.0.1",
            "2 host-gone fe80::1 b also=10.0.0.1?",
            "3 host-gone fe80::1 c also=10.0.0.2",
        ],
        &["0 host-gone alert", "1 host-back info", "2 host-gone alert", "3 host-gone notice"],
    );
    let mut judge = Judge::default();
    judge.set_policy(policy);
    let mut gone = event(1, "0 host-gone fe80::1 a also=10.0.0.1 also=10.0.0.7");
    judge.judge(&mut gone);
    assert_eq!(gone.ip, Some("10.0.0.1".parse().unwrap()), "the address that the owner listed");
    let others: Vec<String> = gone.whole.ips.iter().map(|other| other.it.to_string()).collect();
    assert_eq!(others, ["10.0.0.7", "fe80::1"]);
}

#[test]
fn always_on_by_mac_or_network_is_the_whole_host() {
    let always_on = Subjects { prefixes: vec!["10.0.5.0/24".parse().unwrap()], ..named(&["c"]) };
    check(
        EventPolicy { always_on, ..policy() },
        &[
            "0 host-gone 10.0.0.1 a also=c",
            "1 host-gone 10.0.0.2 b also=10.0.5.2",
            "2 host-gone 10.0.0.3 d also=10.0.6.2",
        ],
        &["0 host-gone alert", "1 host-gone alert", "2 host-gone notice"],
    );
}

#[test]
fn a_prefix_of_link_local_addresses_names_nobody_by_another_address() {
    check(
        EventPolicy { known: network("fe80::/10"), ignore: network("2001:db8::/32"), ..policy() },
        &[
            "0 new-host 10.0.0.1 a also=fe80::1",
            "1 new-host fe80::2 b",
            "2 new-host 10.0.0.3 c also=2001:db8::3",
            "3 host-gone fe80::4 d also=2001:db8::4",
            "4 host-gone 2001:db9::4 d also=2001:db8::4",
        ],
        // The event's own address decides within its family.
        &["0 new-host notice", "1 new-host info", "4 host-gone notice"],
    );
}

#[test]
fn known_and_muted_is_the_whole_host_but_not_what_it_is_accused_of() {
    let policy = EventPolicy { known: named(&["c"]), ..policy() };
    let mut judge = Judge::default();
    judge.set_policy(policy);
    let (start, hour) = (Timestamp::from_secs(0), Duration::from_secs(3600));
    mute::add(judge.mutes_mut(), MuteTarget::Network("10.0.0.20/32".parse().unwrap()), start, hour, None).unwrap();
    mute::add(judge.mutes_mut(), MuteTarget::Mac(mac("e")), start, hour, None).unwrap();
    let lines = [
        "0 new-host 10.0.0.1 a also=c",
        "1 new-host 10.0.0.2 b also=c?",
        "2 service-opened fe80::20 d also=10.0.0.20 port=22",
        "3 rogue-dhcp-server 10.0.0.66 d also=10.0.0.20",
        "4 scan-detected 10.0.0.66 d also=10.0.0.20",
        "5 changed-mac 10.0.0.20 d a reason=replaced",
        "6 host-gone 10.0.0.21 9 also=e",
        "7 host-gone 10.0.0.21 9 also=e?",
        "8 changed-mac 10.0.0.30 9 8 also=e reason=spoof-suspected severity=alert",
    ];
    let expected = [
        "0 new-host info",
        "1 new-host notice",
        "2 service-opened notice muted by mute 1",
        "3 rogue-dhcp-server alert",
        "4 scan-detected warning",
        "5 changed-mac warning muted by mute 1",
        "6 host-gone notice muted by mute 2",
        "7 host-gone notice",
        "8 changed-mac alert",
    ];
    assert_eq!(kept(&mut judge, &lines), expected);
}

#[test]
fn rules_look_at_the_whole_host_and_need_more_to_make_it_quieter() {
    let louder = Rule { hosts: single("10.0.0.1"), severity: Some(Severity::Alert), ..Rule::default() };
    let of_network = Rule {
        networks: network("10.5.0.0/16"),
        severity: Some(Severity::Warning),
        kinds: [Kind::NewHost].into(),
        ..louder.clone()
    };
    let of_network = Rule { hosts: Subjects::default(), ..of_network };
    let of_server = Rule { hosts: named(&["5"]), severity: Some(Severity::Alert), ..Rule::default() };
    let quieter = Rule { hosts: single("10.0.0.9"), ..rule() };
    check(
        EventPolicy { rules: vec![louder, of_network, of_server, quieter], ..policy() },
        &[
            "0 service-opened fe80::1 a also=10.0.0.1? port=22",
            "1 new-host fe80::2 b also=10.5.0.2",
            "2 new-host 10.0.0.9 c also=10.5.0.2",
            "3 changed-mac 10.0.0.5 c 5 reason=replaced",
            "4 host-gone fe80::9 d also=10.0.0.9",
            "5 host-gone fe80::9 d also=10.0.0.9?",
            "6 scan-detected fe80::9 d also=10.0.0.9",
        ],
        &[
            "0 service-opened alert",
            "1 new-host warning",
            "2 new-host warning muted by rule 4",
            "3 changed-mac alert",
            "4 host-gone notice muted by rule 4",
            "5 host-gone notice",
            "6 scan-detected warning",
        ],
    );
}

#[test]
fn an_ignored_prefix_swallows_no_attack_from_it() {
    check(
        EventPolicy { ignore: network("10.9.0.0/16"), ..policy() },
        &[
            "0 new-host 10.9.0.1 a",
            "1 host-gone fe80::1 a also=10.9.0.1",
            "2 name-changed 10.9.0.1 a new_name=b old_name=a source=dhcp",
            "3 changed-mac 10.9.0.1 b a reason=dhcp severity=info",
            "4 bogon 10.9.0.1 a",
            "10 rogue-dhcp-server 10.9.0.1 a",
            "11 rogue-router 10.9.0.1 a",
            "12 new-dhcp-server 10.9.0.1 a",
            "13 new-router 10.9.0.1 a",
            "14 scan-detected 10.9.0.1 a",
            "15 flood 10.9.0.1 a class=arp",
            "16 dhcp-changed 10.9.0.1 a",
            "17 changed-mac 10.9.0.254 b a dear=yes reason=spoof-suspected severity=alert",
            "18 mac-mismatch 10.9.0.254 b frame_mac=02:00:00:00:00:0a dear=yes",
            "19 changed-mac 10.0.0.1 b a also=10.9.0.1 reason=replaced",
        ],
        &[
            "10 rogue-dhcp-server alert",
            "11 rogue-router alert",
            "12 new-dhcp-server notice",
            "13 new-router notice",
            "14 scan-detected warning",
            "15 flood warning",
            "16 dhcp-changed warning",
            "17 changed-mac alert",
            "18 mac-mismatch info",
            "19 changed-mac warning",
        ],
    );
}
