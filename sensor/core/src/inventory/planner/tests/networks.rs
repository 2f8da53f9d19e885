//! Addresses that are known from before, networks that come and go, and the bounds of tables.

use crate::inventory::planner::tests::bench::*;

/// Rows of addresses in 10.0.0.0/24, each with its holder.
fn known(numbers: std::ops::Range<u8>) -> Rows {
    let binding = |number| {
        let holders = vec![Holder { mac: mac(number), first_seen: START, last_seen: START, sources: EnumSet::empty() }];
        Binding { segment: segment("eth0"), ip: IpAddr::V4([10, 0, 0, number].into()), holders }
    };
    Rows { bindings: numbers.map(binding).collect(), ..Rows::default() }
}

#[test]
fn known_addresses_are_taken_up_slowly() {
    let rows = known(10..210);
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.now = START.after(DAY);
    bench.planner.restore(&rows, bench.now);
    assert_eq!(bench.planner.targets(), 200);
    let mut rounds = Vec::new();
    for _ in 0..16 {
        bench.run(MINUTE);
        rounds.push(bench.sent.drain(..).filter(|(_, p)| matches!(p.question, Question::Arp { .. })).count());
    }
    assert!(rounds.iter().all(|arps| *arps < 100), "{rounds:?}");
    assert!(rounds.iter().sum::<usize>() >= 590, "{rounds:?}");
}

#[test]
fn a_network_that_comes_later_is_asked_and_one_that_went_is_not() {
    let (old, new) = ("10.0.0.0/24", "10.1.0.0/24");
    let mut bench = Bench::new(policy(vec![network(old)]));
    bench.hear(&request("10.0.0.5", 1));
    bench.hear(&request("10.1.0.5", 2));
    bench.run(MINUTE);
    assert!(!bench.sent_to("10.0.0.5").is_empty() && bench.sent_to("10.1.0.5").is_empty());
    bench.sent.clear();
    bench.planner.set_policy(policy(vec![network(new)]), bench.now);
    bench.hear(&request("10.0.0.5", 1));
    bench.hear(&request("10.1.0.5", 2));
    bench.run(HOUR);
    assert_eq!((bench.planner.targets(), bench.sent_to("10.0.0.5")), (1, Vec::new()));
    assert!(!bench.sent_to("10.1.0.5").is_empty());
    // An address that became our own, and one of a network whose settings are others.
    let own = Policy { own_ips: [ip("10.1.0.5")].into(), ..policy(vec![network(new)]) };
    bench.hear(&request("10.1.0.6", 3));
    bench.run(Duration::from_secs(1));
    bench.sent.clear();
    bench.planner.set_policy(own.clone(), bench.now);
    let brief = Network { techniques: [Technique::Icmp].into(), ..network(new) };
    bench.planner.set_policy(Policy { networks: vec![brief], ..own }, bench.now);
    bench.run(HOUR);
    assert!(bench.sent_to("10.1.0.5").is_empty() && !bench.sent_to("10.1.0.6").is_empty());
    assert!(bench.sent.iter().all(|(_, probe)| probe.question == Question::Echo), "{:?}", bench.sent);
}

/// However often the networks change, nobody is asked more often, in another order or too fast.
#[test]
fn networks_that_change_places_change_nothing_else() {
    let swept = || Network { sweep: Some(HOUR), ..network("10.0.0.0/26") };
    let slow = || Network { rate_per_s: 4, ..network("10.1.0.0/16") };
    let changes = |every: Option<u64>| {
        let mut bench = Bench::new(policy(vec![swept(), slow()]));
        for number in 1..=100 {
            bench.hear(&request(&format!("10.1.0.{number}"), number));
        }
        for second in 0..3000 {
            bench.run(Duration::from_secs(1));
            match every.map(|every| (second % every, second / every % 3)) {
                Some((0, 0)) => bench.planner.set_policy(policy(vec![slow(), swept()]), bench.now),
                Some((0, 1)) => {
                    bench.planner.set_policy(policy(vec![network("10.9.0.0/24"), swept(), slow()]), bench.now);
                }
                Some((0, _)) => {
                    // Gone and back at once.
                    bench.planner.set_policy(policy(vec![slow()]), bench.now);
                    bench.planner.set_policy(policy(vec![swept(), slow()]), bench.now);
                }
                _ => {}
            }
        }
        bench.sent
    };
    let steady = changes(None);
    assert!(steady.len() > 1000, "{}", steady.len());
    assert_eq!(changes(Some(7)), steady);
}

#[test]
fn what_is_known_of_a_network_is_asked_about_when_it_may_be() {
    let rows = known(10..20);
    let mut bench = Bench::new(policy(vec![]));
    bench.planner.restore(&rows, bench.now);
    assert_eq!(bench.planner.targets(), 0);
    bench.planner.set_policy(policy(vec![network("10.0.0.0/24")]), bench.now);
    bench.hear(&request("10.0.0.10", 10));
    bench.planner.restore(&rows, bench.now);
    assert_eq!(bench.planner.targets(), 10);
    // One that was just heard is as new as it was.
    bench.run(MINUTE);
    assert!(!bench.sent_to("10.0.0.10").is_empty());
}

#[test]
fn tables_are_bounded() {
    let mut planner = Planner::new(policy(vec![network("10.0.0.0/8"), network("2001:db8::/64")]), 7, START);
    for number in 0..70_000u32 {
        let address = Ipv4Addr::from_bits(0x0a01_0001 + number).to_string();
        planner.observe(&request(&address, 1), START.after(Duration::from_millis(number.into())));
    }
    assert!((60_000..=65_536).contains(&planner.targets()), "{}", planner.targets());
    let now = START.after(HOUR);
    let v4 = planner.targets();
    for number in 0..200u128 {
        let address = Ipv6Addr::from_bits("2001:db8::".parse::<Ipv6Addr>().unwrap().to_bits() + 1 + number);
        planner.observe(&advert(&address.to_string(), 3), now);
    }
    assert!(planner.targets() <= v4 + 64, "{} {v4}", planner.targets());
}
