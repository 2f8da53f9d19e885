//! Rows: changes, presence, evictions, restoring; and capture files that are read twice.

use crate::inventory::correlator::tests::*;

#[test]
fn first_seen_is_never_after_last_seen() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    for line in ["10 arp 10.0.0.1 aa", "5 arp 10.0.0.1 aa", "7 arp 10.0.0.1 aa"] {
        step(&mut correlator, &settings(), Limits::default(), line, &mut Vec::new());
    }
    let rows = correlator.snapshot();
    let holder = &rows.bindings[0].holders[0];
    assert_eq!((holder.first_seen, holder.last_seen), (time("5"), time("10")));
    assert_eq!((rows.hosts[0].first_seen, rows.hosts[0].last_seen), (time("5"), time("10")));
}

#[test]
fn changes_are_given_once_and_presence_apart() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let feed = |correlator: &mut Correlator, line: &str| {
        step(correlator, &settings(), Limits::default(), line, &mut Vec::new());
        let rows = correlator.take_changes().rows;
        (rows.hosts.len(), rows.stations.len(), rows.bindings.len(), correlator.take_presence().len())
    };
    assert_eq!(feed(&mut correlator, "0 arp 10.0.0.1 aa"), (1, 1, 1, 0));
    assert_eq!(feed(&mut correlator, "1 arp 10.0.0.1 aa"), (0, 0, 0, 3));
    assert_eq!(feed(&mut correlator, "1 arp 10.0.0.1 aa"), (0, 0, 0, 0));
    assert_eq!(feed(&mut correlator, "2 mdns 10.0.0.1 aa query x"), (0, 1, 1, 1));
    assert_eq!(feed(&mut correlator, "2 restart"), (0, 0, 0, 0));
    assert_eq!(feed(&mut correlator, "3 arp 10.0.0.1 aa"), (0, 0, 0, 3));
}

#[test]
fn a_flood_evicts_the_oldest_rows() {
    let limits = Limits { hosts_max: 8, ..Limits::default() };
    let mut correlator = Correlator::new(settings(), limits, Rows::default(), 1);
    for i in 0..20 {
        let line = format!("{i} arp 10.0.0.{i} {i:02x}");
        step(&mut correlator, &settings(), limits, &line, &mut Vec::new());
        if i == 7 {
            assert_eq!(correlator.take_changes().removed, Default::default());
        }
    }
    let changes = correlator.take_changes();
    let rows = correlator.snapshot();
    assert_eq!((rows.hosts.len(), rows.stations.len(), rows.bindings.len()), (8, 8, 8));
    assert_eq!(changes.rows.stations, rows.stations, "the old ones were given before, the dead ones never");
    assert_eq!(changes.removed.stations.len(), 8, "only what the store has is removed from it");
    assert_eq!((changes.removed.hosts.len(), changes.removed.bindings.len()), (8, 8));
    assert_eq!(correlator.evictions_total(), 36);
}

#[test]
fn a_file_read_twice_makes_no_event() {
    check_read_twice(&["0 arp 10.0.0.1 aa", "1 arp 10.0.0.1 bb", "2 arp 10.0.0.1 aa", "3 arp 10.0.0.1 cc"]);
    check_read_twice(&["9 arp 10.0.0.1 aa", "5 arp 10.0.0.1 bb", "7 arp 10.0.0.1 aa", "1 rs aa"]);
    check_read_twice(&["1 arp 10.0.0.1 bb", "2 mdns 10.0.0.1 aa query x", "3 arp 10.0.0.1 aa"]);
    check_read_twice(&["1 dhcp discover aa name=a", "2 dhcp request aa name=b", "3 dhcp request aa name=a"]);
    // Names of other sources stand between those that take turns.
    check_read_twice(&[
        "1 nbname 10.0.0.1 aa unique old 10.0.0.1",
        "2 llmnr 10.0.0.1 aa a x 10.0.0.1",
        "90 nbname 10.0.0.1 aa unique new 10.0.0.1",
    ]);
    // The name comes before the address is known to be its sender's, and the service before its host's name.
    check_read_twice(&[
        "1 mdns 10.0.0.1 aa a x.local 10.0.0.1",
        "2 mdns 10.0.0.1 aa a y.local fe80::1",
        "3 mdns fe80::1 aa query z",
    ]);
    check_read_twice(&[
        "1 mdns 10.0.0.1 aa a x.local 10.0.0.1",
        "2 mdns 10.0.0.1 aa srv i._ipp._tcp.local y.local 631",
        "3 mdns 10.0.0.1 aa a y.local 10.0.0.1",
    ]);
    check_read_twice(&[
        "0 arp 10.0.0.1 aa",
        "21 dhcp ack bb/fe yiaddr=10.0.0.1 server=10.0.0.254 lease=60",
        "22 arp 10.0.0.1 bb",
        "23 dhcp release bb ciaddr=10.0.0.1",
        "24 arp 10.0.0.1 aa/cc",
        "25 ra fe80::1 dd 9 2001:db8::/64",
        "26 mdns 10.0.0.1 bb a pc.local 10.0.0.1",
        "27 mdns 10.0.0.1 bb srv x._ipp._tcp.local pc.local 631",
        "28 mdns 10.0.0.1 bb bye srv x._ipp._tcp.local pc.local 631",
    ]);
}

#[test]
fn what_a_file_adds_makes_events() {
    let mut first = Correlator::new(history(), Limits::default(), Rows::default(), 1);
    for line in ["0 arp 10.0.0.1 aa", "1 arp 10.0.0.1 bb", "2 arp 10.0.0.1 bb"] {
        step(&mut first, &history(), Limits::default(), line, &mut Vec::new());
    }
    let mut second = Correlator::new(history(), Limits::default(), first.snapshot(), 5);
    let mut events = Vec::new();
    for line in ["0 arp 10.0.0.1 aa", "2 arp 10.0.0.1 bb", "3 arp 10.0.0.1 aa"] {
        step(&mut second, &history(), Limits::default(), line, &mut events);
    }
    assert_eq!(events.iter().map(written).collect::<Vec<_>>(), ["flip-flop 10.0.0.1 aa old bb"]);
}

#[test]
fn details_have_fixed_keys() {
    let keys = |input: &[&str]| {
        let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
        let mut events = Vec::new();
        input.iter().for_each(|line| step(&mut correlator, &settings(), Limits::default(), line, &mut events));
        format!("{:?}", events.last().unwrap().details)
    };
    assert_eq!(keys(&["0 arp 10.0.0.1 aa", "9.9 arp 10.0.0.1 bb"]), r#"[("previous_age_s", Number(9))]"#);
    assert_eq!(keys(&["0 arp 10.0.0.1 aa/bb"]), r#"[("frame_mac", Text("02:00:00:00:00:bb"))]"#);
    assert_eq!(
        keys(&["0 dhcp discover aa name=a", "0 dhcp discover aa name=b"]),
        r#"[("new_name", Text("b")), ("old_name", Text("a")), ("source", Text("dhcp"))]"#
    );
    assert_eq!(
        keys(&["0 ra fe80::1 aa 9 2001:db8:1::/64 2001:db8::1/64"]),
        r#"[("lifetime_s", Number(9)), ("prefixes", Texts(["2001:db8::/64", "2001:db8:1::/64"]))]"#
    );
    assert_eq!(
        keys(&["0 arp 10.0.0.1 aa", "1 dhcp ack bb/fe yiaddr=10.0.0.1 server=10.0.0.2", "20 arp 10.0.0.1 bb"]),
        r#"[("previous_age_s", Number(20)), ("dhcp_server", Text("10.0.0.2"))]"#
    );
}

#[test]
fn events_of_the_sensor_itself_share_the_ids() {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 7);
    let mut events = Vec::new();
    correlator.emit(Kind::SensorStarted, time("1"), vec![("version", Detail::Text("1".into()))], &mut events);
    correlator.observe(&sighting(time("2"), segment("eth1"), "arp", &["10.0.0.1", "aa"]), time("2"), &mut events);
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [7, 8]);
    assert_eq!((events[0].kind, events[0].severity), (Kind::SensorStarted, Severity::Info));
}
