//! Conflict checks, answers, the order of work, rates and clocks.

use crate::inventory::planner::tests::bench::*;

#[test]
fn both_holders_are_checked_within_two_seconds() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24"), network("2001:db8::/64")]));
    bench.run(MINUTE);
    let begun = bench.now;
    for address in ["10.0.0.5", "2001:db8::5"] {
        assert!(bench.planner.check(segment("eth0"), ip(address), [mac(1), mac(3)], bench.now));
    }
    bench.run(MINUTE);
    let sent = std::mem::take(&mut bench.sent);
    let mut told = BTreeMap::<bool, Vec<String>>::new();
    for (at, probe) in sent {
        let word = format!("{} {}", at.since(begun).as_millis(), word(&probe.question));
        told.entry(probe.ip.is_ipv6()).or_default().push(word);
    }
    let v4 = [
        "0 check-1",
        "0 check-3",
        "500 arp-1",
        "500 arp-3",
        "1000 check-1",
        "1000 check-3",
        "1500 arp-1",
        "1500 arp-3",
        "2000 check-1",
        "2000 check-3",
    ];
    assert_eq!(told[&false], v4);
    assert_eq!(told[&true], ["0 ndp-1", "0 ndp-3", "1000 ndp-1", "1000 ndp-3", "2000 ndp-1", "2000 ndp-3"]);
}

#[test]
fn each_holder_answers_for_itself() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.planner.check(segment("eth0"), ip("10.0.0.5"), [mac(1), mac(3)], bench.now);
    bench.run(Duration::from_millis(100));
    let reply = |number| arp(ArpOperation::Reply, "10.0.0.5", mac(number));
    assert!(bench.hear(&reply(1)));
    assert!(!bench.hear(&reply(1)), "once");
    assert!(!bench.hear(&reply(4)), "nobody asked it");
    assert!(bench.hear(&reply(3)));
    let answers = bench.planner.answers();
    assert_eq!((answers.in_time, answers.duplicate, answers.unasked), (2, 1, 1));
    bench.sent.clear();
    bench.run(Duration::from_secs(2));
    assert_eq!(bench.sent, [], "who answered is left alone");
}

#[test]
fn checks_keep_to_the_rules() {
    let mut networks =
        vec![network("10.0.0.0/24"), network("10.1.0.0/24"), network("10.2.0.0/24"), network("10.3.0.0/24")];
    networks[1].passive = true;
    networks[2].attached = false;
    networks[3].techniques = [Technique::Icmp].into();
    let mut planner = Planner::new(policy(networks), 7, START);
    let mut check = |address: &str, holders, expected| {
        assert_eq!(planner.check(segment("eth0"), ip(address), holders, START), expected, "{address} {holders:?}");
    };
    check("10.0.0.5", [mac(1), mac(3)], true);
    check("10.0.0.5", [mac(1), mac(1)], false);
    check("10.0.0.5", [mac(1), Mac::BROADCAST], false);
    check("10.1.0.5", [mac(1), mac(3)], false);
    check("10.2.0.5", [mac(1), mac(3)], false);
    check("10.3.0.5", [mac(1), mac(3)], false);
    check("10.4.0.5", [mac(1), mac(3)], false);
    check(OWN, [mac(1), mac(3)], false);
}

#[test]
fn answers_are_told_apart() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    assert!(!bench.hear(&echo("10.0.0.5")), "not asked yet");
    bench.run(Duration::from_secs(5));
    assert!(!bench.sent.is_empty());
    assert!(!bench.hear(&arp(ArpOperation::Reply, "10.0.0.5", mac(1))), "asked by echo, not by ARP");
    assert!(bench.hear(&echo("10.0.0.5")));
    assert!(!bench.hear(&echo("10.0.0.5")), "answered before");
    assert_eq!(bench.planner.answers(), AnswerCounts { in_time: 1, duplicate: 1, late: 0, unasked: 2 });
    // Late: the next description's echo, answered after six seconds.
    bench.planner.consider(&event(Kind::HostBack, "10.0.0.5"), bench.now);
    bench.run(Duration::from_secs(11));
    assert!(!bench.hear(&echo("10.0.0.5")));
    assert_eq!(bench.planner.answers().late, 1);
    // What somebody else asked for is no answer at all.
    let others =
        ArpClaim { operation: ArpOperation::Reply, target: [10, 0, 0, 77].into(), asked: false, to: Mac::ZERO };
    assert!(!bench.hear(&sighting("10.0.0.5", mac(1), Claim::Arp(others))));
    assert_eq!(bench.planner.answers().unasked, 2);
}

#[test]
fn urgent_work_comes_first() {
    // Slow enough that everything queues; nobody sweeps in the first second.
    let slow = Policy { rate_per_s: 1, ..policy(vec![network("10.0.0.0/24")]) };
    let mut bench = Bench::new(slow);
    for number in 10..20 {
        bench.hear(&request(&format!("10.0.0.{number}"), number));
    }
    bench.run(HOUR);
    bench.sent.clear();
    bench.hear(&request("10.0.0.5", 5));
    bench.run(Duration::from_secs(10));
    let news = bench.sent.iter().position(|(_, probe)| probe.ip == ip("10.0.0.5"));
    assert!(news.is_some_and(|place| place <= 8), "{news:?}");
    bench.sent.clear();
    bench.planner.check(segment("eth0"), ip("10.0.0.6"), [mac(1), mac(3)], bench.now);
    bench.run(Duration::from_secs(2));
    assert!(bench.sent.iter().all(|(_, probe)| probe.ip == ip("10.0.0.6")), "{:?}", bench.sent);
}

#[test]
fn rates_hold_for_the_sensor_and_each_network() {
    let slow = Network { rate_per_s: 4, ..network("10.1.0.0/16") };
    let mut bench = Bench::new(Policy { rate_per_s: 20, ..policy(vec![network("10.0.0.0/16"), slow]) });
    for number in 1..=250 {
        bench.hear(&request(&format!("10.0.0.{number}"), 1));
        bench.hear(&request(&format!("10.1.0.{number}"), 1));
    }
    bench.run(2 * MINUTE);
    let packets = |only: &str| {
        let only: IpNet = only.parse().unwrap();
        let inside = bench.sent.iter().filter(|(_, probe)| only.contains(&probe.ip));
        inside.map(|(_, probe)| probe.question.cost().sensor).sum::<u32>()
    };
    assert!((1200..=2405).contains(&packets("10.0.0.0/8")), "{}", packets("10.0.0.0/8"));
    assert!((400..=483).contains(&packets("10.1.0.0/16")), "{}", packets("10.1.0.0/16"));
}

#[test]
fn a_clock_that_is_set_makes_nobody_silent_and_fills_no_bucket() {
    let mut bench = Bench::new(Policy { rate_per_s: 8, ..policy(vec![network("10.0.0.0/24")]) });
    for number in 10..100 {
        bench.hear(&request(&format!("10.0.0.{number}"), number));
    }
    bench.run(Duration::from_secs(10));
    bench.sent.clear();
    for stride in [30 * DAY, 365 * DAY] {
        bench.now = bench.now.after(stride);
        let mut out = Vec::new();
        bench.planner.plan(bench.now, 1000, &mut out);
        let packets: u32 = out.iter().map(|probe| probe.question.cost().sensor).sum();
        assert!(packets <= 4, "{packets}");
        assert_eq!(bench.planner.take_silences(), []);
    }
    // Back by a year: work goes on at once, not in a year.
    bench.now = START;
    bench.run(Duration::from_secs(30));
    assert!(bench.sent.len() > 60, "{}", bench.sent.len());
}

#[test]
fn the_same_inputs_give_the_same_probes() {
    let run = || {
        let swept = Network { sweep: Some(HOUR), ..network("10.0.0.0/24") };
        let mut bench = Bench::new(policy(vec![swept]));
        for number in 10..60 {
            bench.hear(&request(&format!("10.0.0.{number}"), number));
        }
        bench.run(2 * HOUR);
        bench.sent
    };
    assert_eq!(run(), run());
}
