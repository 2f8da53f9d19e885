//! Random policies, networks that come and go, exceptions, quiet hours, clocks that are set, and stations that forge
//! sightings. The rules are written here a second time, as plainly as possible; every probe has to keep them.

use crate::inventory::planner::policy::DELICATE_PORTS;
use crate::inventory::planner::tests::bench::*;

const WORLDS: u64 = 150;

#[test]
fn no_probe_breaks_a_rule() {
    let mut questions = BTreeMap::new();
    let mut quiet = 0;
    for seed in 1..=WORLDS {
        let mut world = SimulatedNetwork::new(seed);
        world.run(1500);
        quiet += u64::from(world.sent.is_empty());
        for (_, probe) in &world.sent {
            *questions.entry(probe.question.technique()).or_insert(0u32) += 1;
        }
    }
    // A planner that says nothing would keep every rule.
    assert!(questions.len() == Technique::ALL.len() && questions.values().all(|sent| *sent > 100), "{questions:?}");
    assert!(quiet < WORLDS / 2, "{quiet} of {WORLDS} worlds were silent");
}

/// xorshift64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }

    fn coin(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// Addresses that matter in these policies: inside, outside, edges, bogons.
fn address(chance: &mut Chance) -> IpAddr {
    let low = u8::try_from(chance.below(256)).unwrap();
    match chance.below(10) {
        0 => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(chance.below(1 << 32)).unwrap())),
        1 => chance
            .pick(&["0.0.0.0", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"])
            .parse()
            .unwrap(),
        2 => IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, low.into())),
        3 => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, u16::from(low & 1), 0, 0, 0, low.into())),
        4 => IpAddr::V4([10, 0, 0, chance.pick(&[0, 3, 4, 127, 128, 255])].into()),
        5 | 6 => IpAddr::V4([10, 0, chance.pick(&[0, 1, 3]), low].into()),
        7 => IpAddr::V4([192, 168, 1, low].into()),
        _ => IpAddr::V4([10, 0, 0, low % 16].into()),
    }
}

fn random_network(chance: &mut Chance) -> Network {
    let prefix = chance.pick(&[
        "10.0.0.0/24",
        "10.0.0.0/25",
        "10.0.0.0/16",
        "10.0.0.8/29",
        "10.0.0.4/30",
        "10.0.0.6/31",
        "10.0.0.9/32",
        "10.0.0.0/8",
        "192.168.1.0/24",
        "0.0.0.0/0",
        "2001:db8::/64",
        "2001:db8::/32",
        "fe80::/64",
        "::/0",
    ]);
    let minutes = 1 + u32::try_from(chance.below(200)).unwrap();
    Network {
        segment: segment(chance.pick(&["eth0", "eth0", "eth1"])),
        attached: !chance.coin(3),
        passive: chance.coin(5),
        sweep: chance.coin(2).then_some(minutes * MINUTE),
        named: chance.coin(2),
        techniques: Technique::ALL.into_iter().filter(|_| !chance.coin(4)).collect(),
        ports: [22, 80, 443, 515, 631, 9100].into_iter().filter(|_| chance.coin(2)).collect(),
        delicate_ports: if chance.coin(3) { [631].into() } else { BTreeSet::new() },
        gone_after: chance.pick(&[1, 30, 900]) * Duration::from_secs(1),
        describe_every: chance.pick(&[1, 600, 86_400]) * Duration::from_secs(1),
        rate_per_s: chance.pick(&[1, 5, 50, 1000]),
        ..network(prefix)
    }
}

fn random_policy(chance: &mut Chance) -> Policy {
    let count = 1 + chance.below(5);
    let minute = |chance: &mut Chance| u16::try_from(chance.below(1440)).unwrap();
    Policy {
        networks: (0..count).map(|_| random_network(chance)).collect(),
        never_prefixes: ["10.0.0.12/30", "2001:db8::10/124", "192.168.1.128/25"]
            .into_iter()
            .filter(|_| chance.coin(2))
            .map(|prefix| prefix.parse().unwrap())
            .collect(),
        never_macs: if chance.coin(2) { [mac(9), mac(10)].into() } else { BTreeSet::new() },
        own_ips: [ip(OWN), ip("fe80::2")].into(),
        own_macs: BTreeSet::new(),
        rate_per_s: chance.pick(&[1, 7, 20, 400]),
        host_per_hour: chance.pick(&[0, 1, 2, 5, 60, 100_000]),
        quiet: (0..chance.below(3)).map(|_| Quiet { from: minute(chance), to: minute(chance) }).collect(),
    }
}

struct SimulatedNetwork {
    seed: u64,
    chance: Chance,
    policy: Policy,
    /// The networks that may come and go.
    networks: Vec<Network>,
    planner: Planner,
    /// Time that really passes, and how far the wall clock is ahead of it.
    real: Timestamp,
    ahead: Duration,
    utc_offset_s: i32,
    /// Bucket's view of what was sent: real time, packets.
    sent: Vec<(Timestamp, Probe)>,
    /// Real times at which the wall clock was set forward: a bucket may be believed full once more.
    set_at: Vec<Timestamp>,
    /// Addresses last heard with a station that is never asked, and when.
    never: BTreeMap<(Segment, IpAddr), Timestamp>,
}

impl SimulatedNetwork {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let policy = random_policy(&mut chance);
        let utc_offset_s = chance.pick(&[0, 3600, -18_000, 20_700]);
        let mut planner = Planner::new(policy.clone(), seed, START);
        planner.set_utc_offset_s(utc_offset_s);
        Self {
            seed,
            chance,
            networks: policy.networks.clone(),
            policy,
            planner,
            real: START,
            ahead: Duration::ZERO,
            utc_offset_s,
            sent: Vec::new(),
            set_at: Vec::new(),
            never: BTreeMap::new(),
        }
    }

    fn now(&self) -> Timestamp {
        self.real.after(self.ahead)
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
        self.check_rates();
    }

    fn step(&mut self) {
        let now = self.now();
        let segment = segment(self.chance.pick(&["eth0", "eth0", "eth1"]));
        match self.chance.below(12) {
            0..=4 => self.lie(segment),
            5 => {
                let kinds = [Kind::NewHost, Kind::HostBack, Kind::ChangedMac, Kind::FlipFlop, Kind::NewAddress];
                let kind = self.chance.pick(&kinds);
                let about = address(&mut self.chance).to_string();
                self.planner.consider(&Event { segment: Some(segment), ..event(kind, &about) }, now);
            }
            6 => {
                let (a, b) = (self.station(), self.station());
                let about = address(&mut self.chance);
                if self.planner.check(segment, about, [a, b], now) {
                    self.check_rules(now, &Probe { segment, ip: about, question: Question::Echo }, false);
                    assert!(
                        a != b && [a, b].iter().all(|mac| !self.policy.never_macs.contains(mac)),
                        "seed {}",
                        self.seed
                    );
                }
            }
            7 => {
                let about = address(&mut self.chance);
                let port = self.chance.pick(&[22, 80, 631, 9100]);
                self.planner.confirm(segment, about, port, now);
            }
            8 if self.chance.coin(8) => {
                self.ahead = Duration::from_secs(self.chance.below(200_000));
                self.set_at.push(self.real);
            }
            8 => self.planner.set_deaf(now),
            9 if self.chance.coin(8) => {
                let mut networks = self.networks.clone();
                networks.rotate_left(usize::from(self.chance.coin(2)));
                networks.retain(|_| !self.chance.coin(4));
                self.policy.networks = networks;
                self.planner.set_policy(self.policy.clone(), now);
            }
            _ => self.pass(),
        }
        let now = self.now();
        let mut out = Vec::new();
        let room = usize::try_from(self.chance.below(64)).unwrap();
        self.planner.plan(now, room, &mut out);
        assert!(out.len() <= room, "seed {}", self.seed);
        for probe in out {
            self.check_rules(now, &probe, true);
            self.sent.push((self.real, probe));
        }
        for silence in self.planner.take_silences() {
            assert!(silence.techniques.len() >= 2, "seed {}: {silence:?}", self.seed);
        }
    }

    fn pass(&mut self) {
        let wanted = self.planner.poll_timeout(self.now()).map_or(HOUR, |at| at.since(self.now()));
        let span = match self.chance.below(3) {
            0 => Duration::from_millis(self.chance.below(300)),
            1 => wanted.min(HOUR),
            _ => Duration::from_secs(self.chance.below(100)),
        };
        self.real = self.real.after(span);
    }

    fn station(&mut self) -> Mac {
        mac(u8::try_from(self.chance.below(12)).unwrap())
    }

    /// A sighting that may be true, forged, late or nonsense.
    fn lie(&mut self, segment: Segment) {
        let now = self.now();
        let (holder, frame_mac) = (self.station(), self.station());
        let about = match (self.chance.coin(3), self.sent.last()) {
            (true, Some((_, probe))) => probe.ip,
            _ => address(&mut self.chance),
        };
        let text = about.to_string();
        let mut said = match (self.chance.below(6), about) {
            (0, _) => echo(&text),
            (1, _) => port(&text, self.chance.pick(&[22, 80, 9100]), PortState::Open),
            (2, IpAddr::V4(_)) => arp(ArpOperation::Reply, &text, holder),
            (_, IpAddr::V4(_)) => arp(ArpOperation::Request, &text, holder),
            (_, IpAddr::V6(_)) => advert(&text, holder.0[5]),
        };
        said.segment = segment;
        if said.mac != Mac::ZERO {
            said.frame_mac = frame_mac;
            if [holder, frame_mac].iter().any(|mac| self.policy.never_macs.contains(mac)) {
                self.never.insert((segment, about), self.real);
            }
        }
        self.planner.observe(&said, now);
    }

    /// The rules once more.
    fn check_rules(&self, now: Timestamp, probe: &Probe, is_sent: bool) {
        let about = format!("seed {}: {probe:?} at {now:?} under {:#?}", self.seed, self.policy);
        let minute = (now.as_nanos() / 1_000_000_000 + i64::from(self.utc_offset_s)).rem_euclid(86_400) / 60;
        for quiet in &self.policy.quiet {
            let (from, to) = (i64::from(quiet.from), i64::from(quiet.to));
            let is_quiet = if from <= to { minute >= from && minute < to } else { minute >= from || minute < to };
            assert!(!is_quiet, "quiet: {about}");
        }
        if probe.question == Question::AllNodes {
            assert_eq!(probe.ip, ip("ff02::1"), "{about}");
            assert!(self.policy.never_macs.is_empty(), "{about}");
            let here = || self.policy.networks.iter().filter(|network| network.segment == probe.segment);
            assert!(here().any(|n| n.attached && n.sweep.is_some() && n.prefix.addr().is_ipv6()), "{about}");
            assert!(here().all(|network| !network.passive), "{about}");
            return;
        }
        if probe.question == Question::Discover {
            assert_eq!(probe.ip, ip("255.255.255.255"), "{about}");
            assert!(self.policy.host_per_hour > 0, "{about}");
            let here = || self.policy.networks.iter().filter(|network| network.segment == probe.segment);
            let is_never = |n: &Network| self.policy.never_prefixes.iter().any(|never| never.contains(&n.prefix));
            let may_ask = |n: &Network| n.attached && n.techniques.contains(&Technique::Dhcp) && !is_never(n);
            assert!(here().any(|n| may_ask(n) && n.prefix.addr().is_ipv4()), "{about}");
            assert!(here().all(|network| !network.passive), "{about}");
            return;
        }
        let mut best: Vec<&Network> = self.policy.networks.iter().filter(|n| n.prefix.contains(&probe.ip)).collect();
        let longest = best.iter().map(|n| n.prefix.prefix_len()).max().unwrap_or_else(|| panic!("outside: {about}"));
        best.retain(|n| n.prefix.prefix_len() == longest && n.segment == probe.segment);
        assert!(!best.is_empty(), "other segment: {about}");
        // The same prefix may be listed twice; one of the entries has to allow it.
        best.retain(|n| !n.passive);
        assert!(!best.is_empty(), "passive: {about}");
        assert!(!self.policy.own_ips.contains(&probe.ip), "own: {about}");
        assert!(!self.policy.never_prefixes.iter().any(|never| never.contains(&probe.ip)), "never: {about}");
        if let IpAddr::V4(ip) = probe.ip {
            let [first, ..] = ip.octets();
            assert!(first != 0 && first != 127 && first < 224, "bogon: {about}");
            for network in &best {
                if let IpNet::V4(net) = network.prefix
                    && net.prefix_len() <= 30
                {
                    assert!(ip != net.network() && ip != net.broadcast(), "edge: {about}");
                }
            }
        } else {
            assert!(!["::", "::1"].contains(&probe.ip.to_string().as_str()) && !probe.ip.is_multicast(), "{about}");
        }
        if !is_sent {
            return;
        }
        assert!(best.iter().any(|n| n.techniques.contains(&probe.question.technique())), "technique: {about}");
        let is_near =
            matches!(probe.question, Question::Arp { .. } | Question::ConflictCheck { .. } | Question::Ndp { .. });
        assert!(!is_near || best.iter().any(|n| n.attached), "link: {about}");
        if let Question::Arp { to } | Question::ConflictCheck { to } | Question::Ndp { to: Some(to) } = probe.question {
            assert!(!self.policy.never_macs.contains(&to), "station: {about}");
        }
        let heard = self.never.get(&(probe.segment, probe.ip));
        assert!(heard.is_none_or(|heard| self.real.since(*heard) > 20 * HOUR), "never's address: {about}");
        if let Question::Connect { ports } | Question::Knock { ports } = &probe.question {
            for port in ports.iter() {
                let is_allowed = |n: &&Network| {
                    n.ports.contains(port) && (!DELICATE_PORTS.contains(port) || n.delicate_ports.contains(port))
                };
                assert!(best.iter().any(is_allowed), "port {port}: {about}");
            }
        }
    }

    /// No second sees more than rate and burst, no hour more than a host may get; one burst more where the wall clock
    /// was set within it.
    fn check_rates(&self) {
        let of = |only: &dyn Fn(&Probe) -> bool, packets: &dyn Fn(&Question) -> u32| -> Vec<(Timestamp, u32)> {
            self.sent
                .iter()
                .filter(|(_, probe)| only(probe))
                .map(|(at, probe)| (*at, packets(&probe.question)))
                .collect()
        };
        let rate = self.policy.rate_per_s;
        self.check_window("sensor", &of(&|_| true, &packets), Duration::from_secs(1), rate, (rate / 4).max(4));
        for network in &self.networks {
            let has_twin = self.networks.iter().filter(|other| other.prefix.contains(&network.prefix)).count() > 1
                || self.networks.iter().any(|other| network.prefix.contains(&other.prefix) && other != network);
            if !has_twin {
                let inside = of(&|probe| network.prefix.contains(&probe.ip), &host_packets);
                let rate = network.rate_per_s;
                self.check_window("network", &inside, Duration::from_secs(1), rate, (rate / 4).max(4));
            }
        }
        for segment in self.networks.iter().map(|network| network.segment) {
            let discover = |probe: &Probe| probe.segment == segment && probe.question == Question::Discover;
            // The clock that is set may make it believe that the hours have passed.
            let searches = of(&discover, &packets);
            let set = |from: Timestamp, to: Timestamp| self.set_at.iter().any(|at| (from..=to).contains(at));
            let is_early = |pair: &[(Timestamp, u32)]| pair[1].0.since(pair[0].0) < 4 * HOUR;
            let early = searches.windows(2).find(|pair| is_early(pair) && !set(pair[0].0, pair[1].0));
            assert_eq!(early, None, "seed {}: looked for servers too often", self.seed);
        }
        let hosts: BTreeSet<(Segment, IpAddr)> = self.sent.iter().map(|(_, probe)| (probe.segment, probe.ip)).collect();
        for (segment, host) in
            hosts.into_iter().filter(|(_, host)| !host.is_multicast() && *host != ip("255.255.255.255"))
        {
            let one = of(&|probe| (probe.segment, probe.ip) == (segment, host), &host_packets);
            self.check_window("host", &one, HOUR, self.policy.host_per_hour, 0);
        }
    }

    fn check_window(&self, whose: &str, sent: &[(Timestamp, u32)], window: Duration, rate: u32, burst: u32) {
        for (first, (from, _)) in sent.iter().enumerate() {
            let inside = sent[first..].iter().take_while(|(at, _)| at.since(*from) < window);
            let packets: u32 = inside.map(|(_, packets)| packets).sum();
            let is_in = |at: &&Timestamp| **at >= *from && at.since(*from) < window;
            let set = u32::try_from(self.set_at.iter().filter(is_in).count()).unwrap();
            let most = rate + burst * (1 + set) + if whose == "host" { set * rate.div_ceil(2) } else { 0 };
            assert!(packets <= most, "seed {}: {whose} got {packets} of {most} from {from:?}", self.seed);
        }
    }
}

fn packets(question: &Question) -> u32 {
    match question {
        Question::Connect { ports } | Question::Knock { ports } => 4 * u32::try_from(ports.len()).unwrap(),
        Question::Mdns | Question::Nbns | Question::Snmp => 2,
        Question::Ptr => 3,
        _ => 1,
    }
}

fn host_packets(question: &Question) -> u32 {
    if *question == Question::Ptr { 0 } else { packets(question) }
}
