//! What is learned of a host: names, services, DHCP, and what it shows of its system.

use crate::inventory::correlator::tests::*;

#[test]
fn names_change_at_their_own_source() {
    let named = "new-host 10.0.0.1 aa \"pc\"";
    let before = ["0 dhcp discover aa name=pc", "1 arp 10.0.0.1 aa"];
    check(&before, &[named]);
    check(&[&before[..], &["2 dhcp request aa name=PC"]].concat(), &[named]);
    check(&[&before[..], &["2 mdns 10.0.0.1 aa a other.local 10.0.0.1"]].concat(), &[named]);
    let renamed = "name-changed 10.0.0.1 aa \"box\"";
    check(&[&before[..], &["2 dhcp request aa name=box"]].concat(), &[named, renamed]);
    // A name that comes back is no news.
    let input = ["2 dhcp request aa name=box", "3 dhcp request aa name=pc", "4 dhcp request aa name=box"];
    check(&[&before[..], &input].concat(), &[named, renamed]);
    // Option 81 speaks where option 12 does not; a server's echo is not the client's name.
    check(&[&before[..], &["2 dhcp request aa fqdn=box.example"]].concat(), &[named, renamed]);
    check(&[&before[..], &["2 dhcp ack aa/aa name=box"]].concat(), &[named]);
    // mDNS: the sender's own address only, a goodbye is no change.
    let input = ["0 mdns 10.0.0.1 aa a pc.local 10.0.0.1", "1 mdns 10.0.0.1 aa a box.local 10.0.0.9"];
    check(&input, &[named]);
    let input = ["0 mdns 10.0.0.1 aa a pc.local 10.0.0.1", "1 mdns 10.0.0.1 aa bye a pc.local 10.0.0.1"];
    check(
        &[&input[..], &["2 mdns 10.0.0.1 aa a Box.LOCAL 10.0.0.1"]].concat(),
        &[named, "name-changed 10.0.0.1 aa \"Box\""],
    );
}

#[test]
fn services_open_and_close() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut services = |line: &str| {
        step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new());
        let host = correlator.snapshot().hosts.remove(0);
        let written = |s: &crate::inventory::model::host::Service| {
            format!("{} {}/{} {}", s.instance, s.port, s.protocol, s.closed)
        };
        // The first is mDNS itself.
        assert_eq!(host.services.first().map(|s| (s.port, s.instance.as_str())), Some((5353, "")));
        host.services.iter().skip(1).map(written).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(services("0 mdns 10.0.0.1 aa a pc.local 10.0.0.1"), "");
    assert_eq!(
        services("1 mdns 10.0.0.1 aa srv a.b._ipp._tcp.local pc.local 631"),
        "a.b._ipp._tcp.local 631/tcp false"
    );
    assert_eq!(
        services("2 mdns 10.0.0.1 aa srv a.b._ipp._tcp.local pc.local 632"),
        "a.b._ipp._tcp.local 632/tcp false"
    );
    assert_eq!(
        services("3 mdns 10.0.0.1 aa bye srv a.b._ipp._tcp.local pc.local 0"),
        "a.b._ipp._tcp.local 632/tcp true"
    );
    // Another host's service, announced by a sleep proxy, and one without a transport.
    assert_eq!(services("4 mdns 10.0.0.1 aa srv c._ipp._tcp.local tv.local 1"), "a.b._ipp._tcp.local 632/tcp true");
    assert_eq!(services("5 mdns 10.0.0.1 aa srv odd.local pc.local 1"), "a.b._ipp._tcp.local 632/tcp true");
}

#[test]
fn dhcp_facts_are_the_last_ones() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    for line in [
        "0 dhcp discover aa name=pc class=udhcp",
        "1 dhcp request aa class=systemd",
        "2 dhcp ack aa/fe yiaddr=10.0.0.1 server=10.0.0.254 lease=60",
        "3 dhcp ack aa/fe name=echo",
    ] {
        step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new());
    }
    let facts = correlator.snapshot().hosts.into_iter().find_map(|host| host.dhcp).unwrap();
    assert_eq!(facts.hostname.as_deref(), Some("pc"));
    assert_eq!(facts.vendor_class.as_deref(), Some("systemd"));
    assert_eq!(facts.server, "10.0.0.254".parse().ok());
    assert_eq!(facts.lease_until, Some(time("62")));
}

#[test]
fn what_is_no_text_names_nobody() {
    check(&["0 dhcp discover aa name=a\u{1b}[2Jb", "0 arp 10.0.0.1 aa"], &["new-host 10.0.0.1 aa"]);
    check(&["0 dhcp discover aa name=Büro", "0 arp 10.0.0.1 aa"], &["new-host 10.0.0.1 aa \"Büro\""]);
    check(&["0 mdns 10.0.0.1 aa a a\u{202e}b.local 10.0.0.1", "9 finish"], &["new-host 10.0.0.1 aa"]);
}

#[test]
fn two_names_in_one_message_are_no_change() {
    check(
        &[
            "0 mdns 10.0.0.1 aa a pc.local 10.0.0.1",
            "0 mdns 10.0.0.1 aa a pcE143.local 10.0.0.1",
            "9 wait",
            "3600 mdns 10.0.0.1 aa a garage.local 10.0.0.1",
        ],
        &["new-host 10.0.0.1 aa \"pc\"", "name-changed 10.0.0.1 aa \"garage\""],
    );
}

#[test]
fn a_name_that_counts_up_is_one_story() {
    let mut input = vec!["0 mdns 10.0.0.1 aa a pc.local 10.0.0.1".to_owned(), "9 wait".to_owned()];
    input.extend((2..40).map(|n| format!("{} mdns 10.0.0.1 aa a pc-{n}.local 10.0.0.1", n * 12)));
    input.push("900 mdns 10.0.0.1 aa a box.local 10.0.0.1".to_owned());
    let input: Vec<&str> = input.iter().map(String::as_str).collect();
    let changed = |name| format!("name-changed 10.0.0.1 aa \"{name}\"");
    let told = ["pc-2", "pc-3", "pc-4", "box"].map(changed);
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    check(&input, &[&["new-host 10.0.0.1 aa \"pc\""], &told[..]].concat());
}

#[test]
fn a_reflector_is_not_what_it_repeats() {
    let services = |line: &str| {
        let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
        for line in ["0 arp 10.0.0.1 aa", "0 arp 10.0.0.2 aa", line] {
            step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new());
        }
        correlator.snapshot().hosts.remove(0).services.iter().map(|service| service.port).collect::<Vec<_>>()
    };
    let of_another = "1 mdns 10.0.0.1 aa of 10.9.0.7 srv Attic._airplay._tcp.local attic.local 7000";
    assert_eq!(services(of_another), [5353]);
    // Another address of the same host.
    assert_eq!(services(&of_another.replace("10.9.0.7", "10.0.0.2")), [5353, 7000]);
}

/// Compares the prints of all hosts after `input`.
#[track_caller]
fn check_prints(input: &[&str], expected: &[&str]) {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    input.iter().for_each(|line| step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new()));
    let rows = correlator.snapshot();
    let prints = rows.hosts.iter().flat_map(|host| &host.prints);
    let shown: Vec<String> = prints.map(|print| format!("{}: {}", print.evidence.name(), print.value)).collect();
    assert_eq!(shown, expected);
}

const SYN: &str = "4:64+0:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0";

#[test]
fn a_syn_is_a_print_of_the_holder_of_its_address() {
    let line = format!("1 syn 10.0.0.1 aa {SYN}");
    check_prints(&["0 arp 10.0.0.1 aa", &line, &line], &[&format!("syn: {SYN}")]);
}

/// Otherwise a router would have the systems of all hosts behind it.
#[test]
fn a_syn_from_behind_a_router_is_no_print() {
    let (stranger, other) = (format!("1 syn 198.51.100.7 aa {SYN}"), format!("1 syn 10.0.0.2 aa {SYN}"));
    check_prints(&["0 arp 10.0.0.1 aa", "0 arp 10.0.0.2 bb", &stranger, &other], &[]);
    check_prints(&[&stranger], &[]);
}

#[test]
fn models_and_options_are_kept_in_bounds() {
    check_prints(&["0 model 10.0.0.1 aa model=Mac14,2", "1 model 10.0.0.1 aa osxvers=22"], &["mdns-model: Mac14,2"]);
    let lines: Vec<String> = (0..9).map(|number| format!("0 model 10.0.0.1 aa model={number}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check_prints(&lines, &["mdns-model: 0", "mdns-model: 1", "mdns-model: 2", "mdns-model: 3"]);
}
