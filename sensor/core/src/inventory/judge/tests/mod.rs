//! Lines of events in, lines of told events out.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::inventory::event::Reason;
use crate::inventory::event::whole::{Other, Whole};
use crate::inventory::judge::mute::{MUTES_MAX, MuteTarget};
use crate::inventory::judge::policy::{Cluster, Hours};
use crate::inventory::judge::subjects::Subjects;
use crate::inventory::judge::*;
use crate::inventory::model::host::HostId;
use crate::inventory::model::quiet::Quiet;
use crate::types::{Iface, Segment};

/// Unknown hosts that are told again.
mod renotify;
/// Hosts that the owner listed by one of the things that they have.
mod whole;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// `seconds kind [ip [mac [old_mac]]] [name=value]...`; `reason=`, `segment=`, `host=`, `also=`, `dear=` and `severity=` are
/// fields, others details. A MAC is its last octet.
fn event(id: u64, line: &str) -> Event {
    let mut words = line.split_whitespace();
    let at = Timestamp::from_secs(words.next().unwrap().parse().unwrap());
    let kind = Kind::parse(words.next().unwrap()).unwrap();
    let mut event = Event {
        id,
        at,
        kind,
        severity: kind.severity(),
        segment: Some(Segment::untagged(Iface::new("eth1").unwrap())),
        ip: None,
        mac: None,
        old_mac: None,
        hostname: None,
        host: None,
        reason: None,
        confidence: None,
        details: Vec::new(),
        whole: Whole::default(),
    };
    let mut place = 0;
    for word in words {
        match word.split_once('=') {
            Some(("reason", value)) => event.reason = Reason::ALL.into_iter().find(|reason| reason.name() == value),
            Some(("severity", value)) => event.severity = Severity::parse(value).unwrap(),
            Some(("segment", value)) => event.segment = Some(Segment::untagged(Iface::new(value).unwrap())),
            Some(("also", value)) => also(&mut event.whole, value),
            Some(("dear", _)) => event.whole.is_dear = true,
            Some(("host", value)) => event.host = Some(HostId(value.parse().unwrap())),
            Some((name, value)) => event.details.push((name.to_owned().leak(), Detail::Text(value.to_owned()))),
            None => {
                match place {
                    0 => event.ip = Some(word.parse().unwrap()),
                    1 => event.mac = Some(mac(word)),
                    _ => event.old_mac = Some(mac(word)),
                }
                place += 1;
            }
        }
    }
    event
}

/// Another address or MAC of the host; with a `?` it is not proven.
fn also(whole: &mut Whole, text: &str) {
    let (text, is_proven) = (text.trim_end_matches('?'), !text.ends_with('?'));
    match text.parse() {
        Ok(it) => whole.ips.push(Other { it, is_proven }),
        Err(_) => whole.macs.push(Other { it: mac(text), is_proven }),
    }
}

fn mac(octet: &str) -> Mac {
    Mac([2, 0, 0, 0, 0, u8::from_str_radix(octet, 16).unwrap()])
}

/// What is kept of the lines: `seconds kind severity [xCOUNT until LAST] [muted by WHAT]`.
fn kept(judge: &mut Judge, lines: &[&str]) -> Vec<String> {
    let mut kept: BTreeMap<u64, (String, String)> = BTreeMap::new();
    for (id, line) in (1..).zip(lines) {
        let mut event = event(id, line);
        match judge.judge(&mut event) {
            Verdict::Ignored => {}
            Verdict::Folded(Fold { id, count, last_at }) => {
                kept.get_mut(&id).unwrap().1 = format!(" x{count} until {}", last_at.as_nanos() / 1_000_000_000);
            }
            Verdict::Kept { muted, .. } => {
                let muted = muted.map(|muted| format!(" muted by {muted}")).unwrap_or_default();
                let at = event.at.as_nanos() / 1_000_000_000;
                let text = format!("{at} {} {}{muted}", event.kind.name(), event.severity.name());
                kept.insert(id, (text, String::new()));
            }
        }
    }
    kept.into_values().map(|(text, count)| text + &count).collect()
}

#[track_caller]
fn check(policy: EventPolicy, lines: &[&str], expected: &[&str]) {
    let mut judge = Judge::default();
    judge.set_policy(policy);
    assert_eq!(kept(&mut judge, lines), expected);
}

fn policy() -> EventPolicy {
    EventPolicy::default()
}

fn rule() -> Rule {
    Rule { mute: true, ..Rule::default() }
}

fn named(macs: &[&str]) -> Subjects {
    Subjects { macs: macs.iter().map(|octet| mac(octet)).collect(), ..Subjects::default() }
}

fn network(prefix: &str) -> Subjects {
    Subjects { prefixes: vec![prefix.parse().unwrap()], ..Subjects::default() }
}

#[test]
fn an_address_that_goes_to_and_fro_is_one_event_and_a_third_station_another() {
    check(
        policy(),
        &[
            "0 changed-mac 10.0.0.1 b a reason=unknown",
            "60 flip-flop 10.0.0.1 a b",
            "120 flip-flop 10.0.0.1 b a",
            "180 flip-flop 10.0.0.1 a b",
            "240 changed-mac 10.0.0.1 c a reason=unknown",
            "300 flip-flop 10.0.0.1 a c",
            "360 flip-flop 10.0.0.2 a b",
            "420 flip-flop 10.0.0.1 b a segment=eth2",
        ],
        &[
            "0 changed-mac warning",
            "60 flip-flop warning x3 until 180",
            "240 changed-mac warning",
            "300 flip-flop warning",
            "360 flip-flop warning",
            "420 flip-flop warning",
        ],
    );
}

#[test]
fn another_reason_is_another_cause_and_so_is_a_louder_repeat() {
    check(
        policy(),
        &[
            "0 changed-mac 10.0.0.1 b a reason=dhcp severity=info",
            "10 changed-mac 10.0.0.1 b a reason=replaced",
            "20 new-host 10.0.0.9 d severity=info",
            "30 new-host 10.0.0.9 d",
            "40 new-host 10.0.0.9 d severity=info",
        ],
        &["0 changed-mac info", "10 changed-mac warning", "20 new-host info", "30 new-host notice x2 until 40"],
    );
}

#[test]
fn the_window_slides_for_a_day() {
    let hourly: Vec<String> = (0..50).map(|n| format!("{} flip-flop 10.0.0.1 a b", n * HOUR)).collect();
    let lines: Vec<&str> = hourly.iter().map(String::as_str).collect();
    let day = |n: i64| format!("{} flip-flop warning x24 until {}", n * DAY, n * DAY + 23 * HOUR);
    let rest = format!("{} flip-flop warning x2 until {}", 2 * DAY, 2 * DAY + HOUR);
    check(policy(), &lines, &[&day(0), &day(1), &rest]);
}

#[test]
fn after_a_pause_it_is_told_anew_and_without_folding_always() {
    let lines = ["0 bogon 10.9.0.1 a", "3600 bogon 10.9.0.1 a", "7201 bogon 10.9.0.1 a"];
    check(policy(), &lines, &["0 bogon info x2 until 3600", "7201 bogon info"]);
    let each = ["0 bogon info", "3600 bogon info", "7201 bogon info"];
    check(EventPolicy { fold: Duration::ZERO, ..policy() }, &lines, &each);
}

#[test]
fn a_clock_that_goes_back_hides_nothing() {
    check(
        policy(),
        &["100000 bogon 10.9.0.1 a", "99998 bogon 10.9.0.1 a", "5 bogon 10.9.0.1 a", "6 bogon 10.9.0.1 a"],
        &["100000 bogon info x2 until 100000", "5 bogon info x2 until 6"],
    );
}

#[test]
fn details_that_make_a_difference_do() {
    check(
        policy(),
        &[
            "0 name-changed 10.0.0.1 a new_name=b old_name=a source=dhcp",
            "1 name-changed 10.0.0.1 a new_name=c old_name=b source=dhcp",
            "2 name-changed 10.0.0.1 a new_name=b old_name=a source=dhcp",
            "3 service-opened 10.0.0.1 a port=22",
            "4 service-closed 10.0.0.1 a port=22",
            "5 service-opened 10.0.0.1 a port=22",
            "6 sensor-loss lost_arp=5",
            "66 sensor-loss lost_arp=7",
            "126 sensor-loss lost_arp=7 lost_dhcp=1",
            "130 host-gone 10.0.0.1 a",
            "131 host-back 10.0.0.1 a",
            "132 host-gone 10.0.0.1 a",
            "133 sensor-started",
            "134 sensor-started",
        ],
        &[
            "0 name-changed info x2 until 2",
            "1 name-changed info",
            "3 service-opened notice",
            "4 service-closed info",
            "5 service-opened notice",
            "6 sensor-loss warning x3 until 126",
            "130 host-gone notice",
            "131 host-back info",
            "132 host-gone notice",
            "133 sensor-started info",
            "134 sensor-started info",
        ],
    );
}

#[test]
fn who_is_ignored_is_not_kept_but_cannot_hide_behind_it() {
    let ignore = Subjects { prefixes: vec!["10.9.0.0/16".parse().unwrap()], ..named(&["a"]) };
    check(
        EventPolicy { ignore, ..policy() },
        &[
            "0 new-host 10.0.0.1 a",
            "1 new-host 10.9.3.4 b",
            "2 new-host 10.0.0.2 b",
            "3 changed-mac 10.0.0.2 a b reason=spoof-suspected severity=alert",
            "4 changed-mac 10.9.0.2 a b reason=replaced",
            "5 sensor-started",
        ],
        &["2 new-host notice", "3 changed-mac alert", "5 sensor-started info"],
    );
}

#[test]
fn lists_change_how_loud_it_is_said() {
    let policy = EventPolicy {
        known: named(&["a"]),
        always_on: Subjects { hosts: [HostId(7)].into(), ..network("10.0.5.0/24") },
        kin: vec![Cluster {
            segment: Some(Segment::untagged(Iface::new("eth1").unwrap())),
            macs: [mac("1"), mac("2")].into(),
        }],
        ..policy()
    };
    check(
        policy,
        &[
            "0 new-host 10.0.0.1 a",
            "1 new-host 10.0.0.2 b",
            "2 host-gone 10.0.5.1 b",
            "3 host-gone 10.0.0.1 a host=7",
            "4 host-gone 10.0.0.2 b host=8",
            "5 host-back 10.0.5.1 b",
            "6 changed-mac 10.0.0.254 2 1 reason=unknown",
            "7 changed-mac 10.0.0.254 2 1 reason=unknown segment=eth2",
            "8 changed-mac 10.0.0.254 3 1 reason=spoof-suspected severity=alert",
            "9 mac-mismatch 10.0.0.254 2 frame_mac=02:00:00:00:00:01 severity=warning",
        ],
        &[
            "0 new-host info",
            "1 new-host notice",
            "2 host-gone alert",
            "3 host-gone alert",
            "4 host-gone notice",
            "5 host-back info",
            "6 changed-mac info",
            "7 changed-mac warning",
            "8 changed-mac alert",
            "9 mac-mismatch info",
        ],
    );
}

#[test]
fn the_first_rule_that_holds_decides() {
    let kinds = |kinds: &[Kind]| kinds.iter().copied().collect();
    let rules = vec![
        Rule {
            kinds: kinds(&[Kind::NewHost]),
            networks: network("10.1.0.0/16"),
            severity: Some(Severity::Alert),
            ..Rule::default()
        },
        Rule { kinds: kinds(&[Kind::NewHost]), severity: Some(Severity::Info), ..Rule::default() },
        Rule { segments: [Segment::untagged(Iface::new("guest").unwrap())].into(), ..rule() },
        Rule { hosts: named(&["e"]), below: Some(Severity::Warning), ..rule() },
    ];
    check(
        EventPolicy { rules, ..policy() },
        &[
            "0 new-host 10.1.0.1 a",
            "1 new-host 10.2.0.1 b",
            "2 new-host 10.1.0.2 c segment=guest",
            "3 host-gone 10.2.0.3 e",
            "4 changed-mac 10.2.0.3 e d reason=unknown",
        ],
        &[
            "0 new-host alert",
            "1 new-host info",
            "2 new-host alert muted by rule 3",
            "3 host-gone notice muted by rule 4",
            "4 changed-mac warning",
        ],
    );
}

#[test]
fn hours_are_local_and_belong_to_the_day_on_which_they_begin() {
    // Friday nights. The epoch was a Thursday; an hour east of UTC.
    let mut days = [false; 7];
    days[4] = true;
    let hours = Some(Hours { day: Quiet { from: 22 * 60, to: 6 * 60 }, days });
    let mut judge = Judge::default();
    judge.set_policy(EventPolicy { rules: vec![Rule { hours, ..rule() }], ..policy() });
    judge.set_utc_offset_s(3600);
    let friday = DAY;
    let at = |hour: i64, minute: i64| friday + hour * HOUR + minute * MINUTE;
    for (at, is_muted) in [
        (at(-20, 0), false),
        (at(4, 0), false),
        (at(20, 59), false),
        (at(21, 0), true),
        (at(24, 0), true),
        (at(28, 59), true),
        (at(29, 0), false),
        (at(45, 30), false),
    ] {
        let verdict = judge.judge(&mut event(1, &format!("{at} host-gone 10.0.0.1 a")));
        let Verdict::Kept { muted, .. } = verdict else { panic!("{verdict:?}") };
        assert_eq!(muted.is_some(), is_muted, "{at}");
    }
}

#[test]
fn a_mute_lasts_as_long_as_it_was_said() {
    let mut judge = Judge::default();
    let start = Timestamp::from_secs(100);
    let two_hours = Duration::from_secs(7200);
    mute::add(judge.mutes_mut(), MuteTarget::Mac(mac("a")), start, two_hours, Some("moving".to_owned())).unwrap();
    mute::add(judge.mutes_mut(), MuteTarget::Kind(Kind::Bogon), start, two_hours, None).unwrap();
    assert!(mute::end(judge.mutes_mut(), 2, Timestamp::from_secs(150)));
    assert!(!mute::end(judge.mutes_mut(), 2, Timestamp::from_secs(151)) && !mute::end(judge.mutes_mut(), 9, start));
    let lines = [
        "99 host-gone 10.0.0.1 a",
        "100 host-back 10.0.0.1 a",
        "120 bogon 10.9.0.1 c",
        "200 bogon 10.9.0.1 d",
        "201 host-gone 10.0.0.2 b",
        "202 changed-mac 10.0.0.1 b a reason=replaced",
        "7299 host-gone 10.0.0.1 a",
        "7300 host-back 10.0.0.1 a",
    ];
    let expected = [
        "99 host-gone notice",
        "100 host-back info muted by mute 1",
        "120 bogon info muted by mute 2",
        "200 bogon info",
        "201 host-gone notice",
        "202 changed-mac warning muted by mute 1",
        "7299 host-gone notice muted by mute 1",
        "7300 host-back info",
    ];
    assert_eq!(kept(&mut judge, &lines), expected);
    // Numbers rise, and there is an end to it.
    let later = Timestamp::from_secs(DAY);
    for number in 3..3 + MUTES_MAX as u64 {
        assert_eq!(
            mute::add(judge.mutes_mut(), MuteTarget::Kind(Kind::Flood), later, two_hours, None).unwrap().id,
            number
        );
    }
    assert_eq!(mute::add(judge.mutes_mut(), MuteTarget::Kind(Kind::Flood), later, two_hours, None), None);
    assert_eq!(judge.mutes().len(), MUTES_MAX, "none is lost");
}

#[test]
fn what_was_muted_is_told_when_it_goes_on_afterwards() {
    let mut judge = Judge::default();
    mute::add(
        judge.mutes_mut(),
        MuteTarget::Network("10.0.0.0/8".parse().unwrap()),
        Timestamp::from_secs(0),
        Duration::from_secs(100),
        None,
    );
    let lines = [
        "1 flip-flop 10.0.0.1 a b",
        "2 flip-flop 10.0.0.1 b a",
        "101 flip-flop 10.0.0.1 a b",
        "102 flip-flop 10.0.0.1 b a",
    ];
    let expected = ["1 flip-flop warning muted by mute 1 x2 until 2", "101 flip-flop warning x2 until 102"];
    assert_eq!(kept(&mut judge, &lines), expected);
}

#[test]
fn a_restart_in_the_middle_gives_the_same_counts() {
    let lines: Vec<String> =
        (0..40_u64).map(|n| format!("{} flip-flop 10.0.0.{} {} {}", n * 600, n % 3, n % 2, (n + 1) % 2)).collect();
    let run = |restart_at: Option<usize>| {
        let mut judge = Judge::default();
        let mut past: BTreeMap<u64, Past> = BTreeMap::new();
        for (id, line) in (1..).zip(&lines) {
            if restart_at == Some(id) {
                judge = Judge::default();
                judge.restore(past.values().cloned().collect(), Vec::new(), None);
            }
            let mut event = event(id as u64, line);
            match judge.judge(&mut event) {
                Verdict::Ignored => {}
                Verdict::Folded(Fold { id, count, last_at }) => {
                    let past = past.get_mut(&id).unwrap();
                    (past.count, past.last_at) = (count, last_at);
                }
                Verdict::Kept { cause, muted } => {
                    let (id, at, severity) = (event.id, event.at, event.severity);
                    let (cause, muted) = (cause.unwrap(), muted.is_some());
                    past.insert(id, Past { cause, id, at, last_at: at, count: 1, severity, muted });
                }
            }
        }
        past
    };
    let whole = run(None);
    assert_eq!(whole.len(), 3);
    for restart_at in 1..=lines.len() {
        assert_eq!(run(Some(restart_at)), whole, "restart before {restart_at}");
    }
}

#[test]
fn causes_are_bounded_and_the_latest_are_remembered() {
    let mut judge = Judge::default();
    for number in 0..40_000_u32 {
        let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
        let kept = judge.judge(&mut event(number.into(), &format!("{number} bogon {ip} a")));
        assert!(matches!(kept, Verdict::Kept { .. }));
        assert!(judge.folds.len() <= fold::CAUSES_MAX);
    }
    let last = judge.judge(&mut event(50_000, "40000 bogon 10.0.156.63 a"));
    assert_eq!(last, Verdict::Folded(Fold { id: 39_999, count: 2, last_at: Timestamp::from_secs(40_000) }));
}
