//! Descriptions and presence rounds of one host.

use crate::inventory::planner::tests::bench::*;

#[test]
fn a_new_host_is_described_once_and_slowly() {
    let mut all = network("10.0.0.0/24");
    all.techniques = Technique::ALL.into();
    let mut bench = Bench::new(policy(vec![all]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(2 * MINUTE);
    let sent = bench.sent_to("10.0.0.5");
    assert!((2..5).contains(&sent[0].0.as_secs()), "after its own chatter: {sent:?}");
    assert!(sent.windows(2).all(|pair| pair[1].0 - pair[0].0 >= Duration::from_secs(1)), "one in flight: {sent:?}");
    let words: Vec<String> = sent.iter().map(|(_, question)| word(question)).collect();
    assert_eq!(words, ["echo", "ptr", "mdns", "nbns", "snmp", "connect[22, 80]"]);
}

#[test]
fn a_network_has_the_techniques_it_has() {
    let mut few = network("2001:db8::/64");
    few.techniques = [Technique::Icmp, Technique::Nbns].into();
    let mut bench = Bench::new(policy(vec![few]));
    bench.hear(&advert("2001:db8::5", 1));
    bench.run(MINUTE);
    let words: Vec<String> = bench.sent.iter().map(|(_, probe)| word(&probe.question)).collect();
    assert_eq!(words, ["echo"]);
}

#[test]
fn a_host_that_speaks_is_described_again_about_daily() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    for _ in 0..(50 * 60) {
        bench.hear(&request("10.0.0.5", 1));
        bench.run(MINUTE);
    }
    let echoes: Vec<Duration> =
        bench.sent_to("10.0.0.5").into_iter().filter(|(_, q)| *q == Question::Echo).map(|(at, _)| at).collect();
    assert_eq!(echoes.len(), 3);
    for pair in echoes.windows(2) {
        assert!((DAY * 9 / 10..DAY * 11 / 10).contains(&(pair[1] - pair[0])), "{echoes:?}");
    }
}

#[test]
fn events_put_an_address_first() {
    for kind in [Kind::NewHost, Kind::NewAddress, Kind::HostBack, Kind::ChangedMac, Kind::FlipFlop] {
        let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
        bench.hear(&request("10.0.0.5", 1));
        bench.run(10 * MINUTE);
        bench.sent.clear();
        bench.planner.consider(&event(kind, "10.0.0.5"), bench.now);
        bench.run(MINUTE);
        assert!(!bench.sent.is_empty(), "{kind:?}");
    }
}

/// One network that presence is asked in, and the questions of a round with their seconds.
fn check_round(network: Network, heard: &Sighting, expected: &[&str]) {
    let address = heard.ip.unwrap().to_string();
    let gone_after = network.gone_after;
    let mut bench = Bench::new(policy(vec![network]));
    bench.run(MINUTE);
    bench.hear(heard);
    bench.run(MINUTE);
    bench.sent.clear();
    bench.hear(heard);
    bench.run(gone_after - Duration::from_secs(1));
    assert_eq!(bench.take(&address, bench.now), [""; 0]);
    bench.run(Duration::from_secs(1));
    let begun = bench.now;
    bench.run(MINUTE);
    assert_eq!(bench.take(&address, begun), expected);
    let techniques = expected.iter().map(|word| match word.split(' ').nth(1).unwrap().get(..3).unwrap() {
        "arp" => Technique::Arp,
        "ech" => Technique::Icmp,
        "ndp" => Technique::Ndp,
        _ => Technique::Tcp,
    });
    let silence = Silence {
        segment: segment("eth0"),
        ip: ip(&address),
        techniques: techniques.collect(),
        since: begun,
        gone_after,
    };
    assert_eq!(bench.silences, [silence]);
}

#[test]
fn presence_rounds() {
    let knocks =
        ["0 arp-1", "1 echo", "2 knock[22]", "3 arp", "4 echo", "5 knock[22]", "6 arp", "7 echo", "8 knock[22]"];
    check_round(network("10.0.0.0/24"), &request("10.0.0.5", 1), &knocks);
    let portless = Network { ports: [].into(), ..network("10.0.0.0/24") };
    check_round(portless, &request("10.0.0.5", 1), &["0 arp-1", "1 echo", "2 arp", "3 echo", "5 arp", "6 echo"]);
    check_round(
        network("2001:db8::/64"),
        &advert("2001:db8::5", 1),
        &["0 ndp-1", "1 echo", "2 ndp", "3 echo", "5 ndp", "6 echo"],
    );
    let far = Network { attached: false, ..network("10.9.0.0/24") };
    check_round(
        far,
        &port("10.9.0.5", 80, PortState::Open),
        &["0 echo", "1 knock[80]", "2 echo", "3 knock[80]", "5 echo", "6 knock[80]"],
    );
}

#[test]
fn whoever_is_heard_is_not_silent() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(MINUTE);
    bench.hear(&request("10.0.0.5", 1));
    bench.run(15 * MINUTE + Duration::from_secs(4));
    bench.sent.clear();
    bench.hear(&port("10.0.0.5", 22, PortState::Closed));
    bench.run(10 * MINUTE);
    assert_eq!((bench.sent.len(), bench.silences.len()), (0, 0));
    // A port that stays silent is nobody's word.
    bench.run(5 * MINUTE + Duration::from_secs(4));
    bench.hear(&port("10.0.0.5", 22, PortState::Silent));
    bench.run(MINUTE);
    assert_eq!(bench.silences.len(), 1);
}

#[test]
fn the_silent_are_asked_ever_more_seldom() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(6 * DAY);
    let minutes: Vec<u64> =
        bench.silences.windows(2).map(|pair| pair[1].since.since(pair[0].since).as_secs() / 60).collect();
    assert_eq!(minutes[..9], [30, 60, 120, 240, 480, 960, 1440, 1440, 1440]);
    // Anything heard resets it.
    bench.hear(&request("10.0.0.5", 1));
    bench.silences.clear();
    bench.run(16 * MINUTE);
    assert_eq!(bench.silences.len(), 1);
}

#[test]
fn one_technique_proves_nothing() {
    let one = Network { techniques: [Technique::Icmp].into(), ..network("10.0.0.0/24") };
    let mut bench = Bench::new(policy(vec![one]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(2 * HOUR);
    assert!(bench.sent.len() > 3);
    assert_eq!(bench.silences, []);
}

#[test]
fn what_a_bucket_withholds_was_not_asked() {
    // The description takes what the host may get; rounds come too soon after it.
    let mut bench = Bench::new(Policy { host_per_hour: 2, ..policy(vec![network("10.0.0.0/24")]) });
    bench.hear(&request("10.0.0.5", 1));
    bench.run(45 * MINUTE);
    assert_eq!(bench.sent.len(), 1, "{:?}", bench.sent);
    assert_eq!(bench.silences, []);
}

#[test]
fn the_deaf_call_nobody_silent() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(15 * MINUTE + Duration::from_secs(4));
    bench.planner.set_deaf(bench.now);
    bench.run(MINUTE);
    assert_eq!(bench.silences, []);
    bench.run(HOUR);
    assert!(!bench.silences.is_empty());
}

#[test]
fn a_port_in_doubt_is_asked_again() {
    let mut bench = Bench::new(policy(vec![network("10.0.0.0/24")]));
    bench.hear(&request("10.0.0.5", 1));
    bench.run(MINUTE);
    bench.sent.clear();
    assert!(bench.planner.confirm(segment("eth0"), ip("10.0.0.5"), 80, bench.now));
    assert!(!bench.planner.confirm(segment("eth0"), ip("10.0.0.5"), 81, bench.now));
    let since = bench.now;
    // Doubted once more while that is asked: it waits as long again.
    bench.run(Duration::from_millis(11_500));
    assert!(bench.planner.confirm(segment("eth0"), ip("10.0.0.5"), 80, bench.now));
    bench.run(MINUTE);
    assert_eq!(bench.take("10.0.0.5", since), ["10 arp-1", "11 connect[80]", "21 arp-1", "22 connect[80]"]);
}

#[test]
fn a_round_is_asked_whole_or_waits() {
    // A budget of 40 an hour holds 20, of which a round takes 18.
    let mut bench = Bench::new(Policy { host_per_hour: 40, ..policy(vec![network("10.0.0.0/24")]) });
    bench.hear(&request("10.0.0.5", 1));
    bench.run(14 * MINUTE);
    bench.sent.clear();
    bench.run(12 * HOUR);
    let asked = bench.take("10.0.0.5", START);
    let whole = ["arp-1", "echo", "knock[22]", "arp", "echo", "knock[22]", "arp", "echo", "knock[22]"];
    for round in asked.chunks(whole.len()) {
        let words: Vec<_> = round.iter().map(|line| line.split_once(' ').unwrap().1).collect();
        assert_eq!(words, whole);
    }
    assert!(bench.silences.len() > 3, "{asked:?}");
}
