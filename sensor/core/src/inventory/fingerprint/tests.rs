//! The program's own rules, and everything that guesses are made of together.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::inventory::fingerprint::clue::Clue;
use crate::inventory::fingerprint::guess::Conclusion;
use crate::inventory::fingerprint::rules::RuleSet;
use crate::inventory::fingerprint::{BUILTIN, Fingerprints};
use crate::inventory::model::evidence::Evidence;

#[test]
fn our_own_rules_are_read() {
    let rules = RuleSet::parse(BUILTIN).unwrap();
    assert!(rules.len() >= 100);
    drop(Fingerprints::builtin());
}

#[test]
fn p0fs_signatures_join_in() {
    let mut prints = Fingerprints::builtin();
    let file = "classes = unix\n[tcp:request]\nlabel = s:unix:Linux:9 and newer\nsig = *:64:0:*:*,*:mss,sok:df,id+:0\n\
        label = s:!:Tool:\nsig = *:64:0:*:*,*:mss::0";
    prints.add_signatures(file).unwrap();
    let syn = |value: &str| vec![Clue { evidence: Evidence::Syn, value: value.to_owned() }];
    let os = prints.guess(&syn("4:64+0:0:1460:1,0:mss,sok:df,id+:0")).os.unwrap();
    assert_eq!((os.name.as_str(), os.confidence), ("Linux 9 and newer", 70));
    assert_eq!(prints.guess(&syn("4:64+0:0:1460:1,0:mss::0")).os, None);
    assert_eq!(prints.guess(&syn("rubbish")).os, None);
}

/// What our own rules make of what well-known hosts show.
#[track_caller]
fn check_known(clues: &[(Evidence, &str)], os: Option<&str>, kind: Option<&str>) {
    let clues = clues.iter().map(|(evidence, value)| Clue { evidence: *evidence, value: (*value).to_owned() });
    let guess = Fingerprints::builtin().guess(&clues.collect::<Vec<_>>());
    let name = |conclusion: &Option<Conclusion>| conclusion.as_ref().map(|conclusion| conclusion.name.clone());
    assert_eq!((name(&guess.os).as_deref(), name(&guess.kind).as_deref()), (os, kind), "{guess:?}");
}

#[test]
fn well_known_hosts() {
    check_known(
        &[(Evidence::DhcpVendor, "MSFT 5.0"), (Evidence::Hostname, "DESKTOP-4F2K9QX")],
        Some("Windows"),
        Some("computer"),
    );
    check_known(&[(Evidence::DhcpVendor, "android-dhcp-13")], Some("Android"), Some("phone"));
    check_known(&[(Evidence::MdnsModel, "MacBookPro18,3")], Some("macOS"), Some("computer"));
    check_known(&[(Evidence::DhcpParameters, "1,121,3,6,15,108,114,119,252")], Some("Apple"), None);
    check_known(&[(Evidence::Ssh, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3")], Some("Debian"), None);
    check_known(&[(Evidence::Snmp, "Cisco IOS Software, C2960 Software")], Some("Cisco IOS"), None);
    check_known(
        &[(Evidence::MdnsService, "_ipp._tcp"), (Evidence::MdnsService, "_pdl-datastream._tcp")],
        None,
        Some("printer"),
    );
    check_known(&[(Evidence::Syn, "4:64+0:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0")], Some("Linux"), None);
    check_known(&[(Evidence::Vendor, "Apple, Inc.")], None, None);
}
