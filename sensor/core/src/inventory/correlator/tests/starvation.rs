//! Scenarios of DHCP starvation, and of crowds that are none.

use crate::inventory::correlator::tests::*;

fn run(lines: &[String]) -> Vec<String> {
    let mut correlator = Correlator::new(settings(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for line in lines {
        step(&mut correlator, &settings(), Limits::default(), line, &mut events);
    }
    events.iter().map(written).collect()
}

fn client(n: usize) -> String {
    format!("02:00:00:01:{:02x}:{:02x}", n / 256, n % 256)
}

/// `count` clients ask within as many times `step_s`, by `rest`.
fn asking(count: usize, step_s: f64, rest: impl Fn(String) -> String) -> Vec<String> {
    let at = |n: usize| u32::try_from(n).map_or(0.0, f64::from) * step_s;
    (0..count).map(|n| format!("{:.3} {}", at(n), rest(client(n)))).collect()
}

#[track_caller]
fn check_floods(lines: &[String], expected: &[&str]) {
    let told = run(lines);
    let floods: Vec<&String> = told.iter().filter(|line| line.starts_with("flood")).collect();
    assert_eq!(floods, expected);
}

#[test]
fn one_station_asks_for_too_many_clients() {
    let told = ["flood aa dhcp-starvation alert"];
    check_floods(&asking(33, 1.0, |mac| format!("dhcp discover {mac}/aa")), &told);
    check_floods(&asking(500, 0.01, |mac| format!("dhcp request {mac}/aa here=no")), &told);
    check_floods(&asking(32, 1.0, |mac| format!("dhcp discover {mac}/aa")), &[]);
    check_floods(&asking(500, 2.0, |mac| format!("dhcp discover {mac}/aa")), &[]);
    // The same few again and again.
    let few: Vec<String> = (0..500).map(|n| format!("0 dhcp discover {}/aa", client(n % 30))).collect();
    check_floods(&few, &[]);
    // A relay, and a router that passes renewals on.
    check_floods(&asking(500, 0.01, |mac| format!("dhcp discover {mac}/aa giaddr=10.0.0.1 here=no")), &[]);
    let renews = |mac| format!("dhcp request {mac}/aa source=10.9.0.9 ciaddr=10.9.0.9 here=no");
    check_floods(&asking(500, 0.01, renews), &[]);
}

#[test]
fn a_starvation_is_reported_again_after_it_was_over() {
    let mut lines = asking(200, 0.1, |mac| format!("dhcp discover {mac}/aa"));
    lines.extend((0..200).map(|n| format!("500 dhcp discover {}/aa", client(n))));
    let told = "flood aa dhcp-starvation alert";
    check_floods(&lines, &[told]);
    lines.extend((0..200).map(|n| format!("1101 dhcp discover {}/aa", client(n))));
    check_floods(&lines, &[told, told]);
}

#[test]
fn too_many_stations_send_nothing_but_dhcp() {
    let lines = asking(300, 0.01, |mac| format!("dhcp discover {mac}"));
    let told = run(&[&lines[..], &["30 wait".to_owned()]].concat());
    assert_eq!(told[0], "flood dhcp-starvation alert");
    assert_eq!(told.len(), 301);
    assert!(told[1..].iter().all(|line| line.starts_with("new-host") && line.ends_with("info")), "{told:#?}");
    check_floods(&lines[..100], &[]);
    check_floods(&asking(300, 1.0, |mac| format!("dhcp discover {mac}")), &[]);
}

#[test]
fn a_crowd_that_sends_more_than_dhcp_is_no_starvation() {
    let mut lines = Vec::new();
    for n in 0..300 {
        let (mac, begin, end) = (client(n), n * 100, n * 100 + 5_000);
        let at = |ms: usize| format!("{}.{:03}", ms / 1000, ms % 1000);
        lines.push((begin, format!("{} dhcp discover {mac}", at(begin))));
        lines.push((end, format!("{} announce 10.0.{}.{} {mac}", at(end), n / 200, n % 200)));
    }
    lines.sort();
    let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    check_floods(&lines, &[]);
    assert!(run(&lines).iter().all(|line| !line.ends_with("info")));
}

#[test]
fn a_host_that_comes_during_a_starvation_is_reported_as_ever() {
    let mut lines = asking(40, 0.01, |mac| format!("dhcp discover {mac}/aa"));
    lines.extend(["2 arp 10.0.0.7 bb", "3 dhcp discover cc", "4 rs dd", "20 wait"].map(str::to_owned));
    let told = run(&lines);
    let others: Vec<&String> = told.iter().filter(|line| line.starts_with("new-host") && !line.contains(":")).collect();
    assert_eq!(others, ["new-host 10.0.0.7 bb", "new-host cc info", "new-host dd"]);
}
