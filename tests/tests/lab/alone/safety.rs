//! With random rules and random hostile traffic, every frame that leaves the prober is within the rules.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::frames::Random;
use sensor_tests::lab::crowd::{Crowd, IFACE, Kind, Way};
use sensor_tests::lab::daemon::Daemon;
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sensor_process::{SensorProcess, of_kind};
use sensor_tests::lab::tap::Heard;
use sensor_tests::lab::{self, sender};
use sensor_tests::safety::lure;
use sensor_tests::safety::outgoing::{self, Outgoing};
use sensor_tests::safety::rules::{
    ATTACHED, CONNECT, NAME_SERVER, ROUTER, ROUTER_MAC, Rules, SYSTEM_NAME_SERVER, member_mac, pick,
};

/// Runs, each with rules of its own.
const RUNS: u64 = 9;
/// Runs at the same time: few enough that each gets a processor when it needs one.
const LANES: u64 = 3;
/// Scans with rules of their own, all at a time.
const SCANS: u64 = 4;
/// How long hostile traffic is sent in each.
const TALK: Duration = Duration::from_secs(14);
/// The pause between two batches of it.
const BREATH: Duration = Duration::from_millis(40);
/// Questions that began before a rule could be known to apply are over by then: the ports of one question, one by one.
const UNDER_WAY: Duration = Duration::from_secs(2);
/// Time zones other than the machine's, in minutes east of UTC.
const ZONES: [(&str, u16); 3] = [("UTC0", 0), ("LAB-5:30", 330), ("LAB+3", 1440 - 180)];

#[test]
fn no_packet_leaves_against_the_rules() {
    if !lab::possible() {
        return;
    }
    let (seeds, is_chosen) = seeds(RUNS);
    // They mostly wait, so several run at the same time.
    let asked: usize = std::thread::scope(|scope| {
        let lanes: Vec<_> = seeds
            .chunks(RUNS.div_ceil(LANES) as usize)
            .map(|seeds| scope.spawn(|| seeds.iter().map(|seed| run(*seed)).sum::<usize>()))
            .collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).sum()
    });
    assert!(asked > 0 || is_chosen, "nobody was asked anything");
}

#[test]
fn nothing_of_a_scan_leaves_outside_the_rules() {
    if !lab::possible() {
        return;
    }
    let (seeds, _) = seeds(SCANS);
    let asked: usize = std::thread::scope(|scope| {
        let scans: Vec<_> = seeds.iter().map(|seed| scope.spawn(|| scan(*seed))).collect();
        scans.into_iter().map(|scan| scan.join().unwrap()).sum()
    });
    assert!(asked > 0, "nobody was asked anything");
}

/// So many seeds, or the one of `SENSOR_SEED`; whether that was given.
fn seeds(count: u64) -> (Vec<u64>, bool) {
    let chosen = std::env::var("SENSOR_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    let first = chosen.unwrap_or_else(|| now().as_nanos() as u64 >> 10);
    ((first..first + chosen.map_or(count, |_| 1)).collect(), chosen.is_some())
}

/// The exit status of a command that cannot do what it was told.
const USAGE: i32 = 2;

/// One scan, among strangers that talk. How many questions left.
fn scan(seed: u64) -> usize {
    let mut random = Random(seed);
    let has_ipv6 = random.below(2) == 0;
    let (rules, targets) = Rules::of_scan(&mut random, has_ipv6);
    println!("SENSOR_SEED={seed}: IPv6 {has_ipv6}, {targets:?} {}", rules.flags().join(" "));
    let shift = random.below(8);
    let crowd = Crowd::build(ATTACHED.parse().unwrap(), Way::Switch, |ip| kind(ip, shift, has_ipv6)).unwrap();
    let (_router, _names) = router(&crowd);
    let stranger = crowd.plug_in("stranger", Mac([2, 66, 0, 0, 0, 0]), &[]).unwrap();
    stranger.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1").unwrap();
    let way = format!("ip neigh add {ROUTER} lladdr {ROUTER_MAC} nud permanent dev {IFACE}");
    crowd.prober.sh(&format!("ip route add default via {ROUTER} && {way}")).unwrap();
    let tap = crowd.tap().unwrap();
    let mut command = crowd.prober.command(sensor_binary());
    command.args(["scan", "-i", IFACE, "--json", "--rate", "1000", "--timeout-ms", "1000"]).args(rules.flags());
    command.args(targets.iter().map(ToString::to_string)).stdout(Stdio::null());
    let mut sensor = command.spawn().unwrap();
    // The router has a MAC of its own, and is excepted only once a station that is claims its address.
    let members = rules.never_macs.iter().map(|mac| address_of(*mac)).filter(|ip| *ip != ROUTER);
    let members: Vec<Ipv4Addr> = members.collect();
    let mut shunned = BTreeMap::new();
    let status = loop {
        let mut words: Vec<Vec<u8>> = (0..=random.below(24)).map(|_| lure::frame(&mut random, &rules)).collect();
        // Who takes the address of a station that is never asked, before that has said a word, hides it.
        words.retain(|frame| claim(frame).is_none_or(|(_, ip)| !members.contains(&ip)));
        for (mac, ip) in words.iter().filter_map(|frame| claim(frame)) {
            if rules.never_macs.contains(&mac) {
                shunned.entry(ip).or_insert_with(now);
            }
        }
        sender::send(&stranger, IFACE, &words).unwrap();
        if let Some(status) = sensor.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(BREATH);
    };
    // What is not attached is not reached by ARP and NDP: then there is nothing to scan, and it says so.
    assert!(status.success() || status.code() == Some(USAGE), "SENSOR_SEED={seed}: {status}");
    let frames = tap.frames().unwrap();
    let asked = audit(&rules, &shunned, &frames).unwrap_or_else(|wrong| panic!("SENSOR_SEED={seed}: {wrong}"));
    for frame in &frames {
        let (_, what) = outgoing::read(&frame.bytes);
        let Some(ip) = what.target().filter(|ip| *ip != NAME_SERVER) else { continue };
        // Its MAC is known once it has answered: nothing but ARP's question may come before.
        let is_never = members.contains(&ip) && !matches!(what, Outgoing::ArpQuestion(_));
        assert!(!is_never, "SENSOR_SEED={seed}: {what:?}, a station that is never to be asked");
        let is_inside = targets.is_empty() || targets.iter().any(|prefix| prefix.contains(&IpAddr::V4(ip)));
        assert!(is_inside, "SENSOR_SEED={seed}: {what:?}, which is no target");
    }
    println!("SENSOR_SEED={seed}: {} frames, {asked} of them questions: {:?}\n", frames.len(), count_kinds(&frames));
    asked
}

/// One run; returns how many questions were sent.
fn run(seed: u64) -> usize {
    let mut random = Random(seed);
    let (zone, east) = pick(&mut random, &ZONES);
    let has_ipv6 = random.below(2) == 0;
    let minute = (now().as_secs() / 60 % 1440) as u16 + east;
    let rules = Rules::random(&mut random, minute % 1440, has_ipv6);
    println!("SENSOR_SEED={seed}: TZ={zone}, IPv6 {has_ipv6}\n{}", rules.file());

    let shift = random.below(8);
    let crowd = Crowd::build(ATTACHED.parse().unwrap(), Way::Switch, |ip| kind(ip, shift, has_ipv6)).unwrap();
    let (_router, _names) = router(&crowd);
    let stranger = crowd.plug_in("stranger", Mac([2, 66, 0, 0, 0, 0]), &[]).unwrap();
    stranger.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1").unwrap();
    // Packets to addresses outside really leave. The router's MAC is fixed: the kernel never asks for it of its
    // own accord, so that such a question is judged as any other, and no station can take the router's place.
    let way = format!("ip neigh add {ROUTER} lladdr {ROUTER_MAC} nud permanent dev {IFACE}");
    crowd.prober.sh(&format!("ip route add default via {ROUTER} && {way}")).unwrap();

    let folder = tempfile::TempDir::new().unwrap();
    let tap = crowd.tap().unwrap();
    let sensor = start(&crowd, folder.path(), &rules, zone);
    // The stations that must never be asked announce themselves, and from then on the sensor knows them.
    let cards: Vec<Vec<u8>> = rules.never_macs.iter().map(|mac| lure::announcement(*mac, address_of(*mac))).collect();
    sender::send(&stranger, IFACE, &cards).unwrap();
    let mut shunned: BTreeMap<Ipv4Addr, Duration> =
        rules.never_macs.iter().map(|mac| (address_of(*mac), now())).collect();
    std::thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    while begun.elapsed() < TALK {
        let words: Vec<Vec<u8>> = (0..=random.below(24)).map(|_| lure::frame(&mut random, &rules)).collect();
        for (mac, ip) in words.iter().filter_map(|frame| claim(frame)) {
            if rules.never_macs.contains(&mac) {
                shunned.entry(ip).or_insert_with(now);
            }
        }
        sender::send(&stranger, IFACE, &words).unwrap();
        std::thread::sleep(BREATH);
    }
    let told = sensor.events().unwrap();
    assert!(!of_kind(&told, "new-host").is_empty(), "the sensor hears");
    assert!(sensor.stop().unwrap().success());
    let frames = tap.frames().unwrap();
    let asked = audit(&rules, &shunned, &frames).unwrap_or_else(|wrong| panic!("SENSOR_SEED={seed}: {wrong}"));
    let kinds = count_kinds(&frames);
    println!(
        "SENSOR_SEED={seed}: {} frames, {asked} of them questions, all within the rules: {kinds:?}\n",
        frames.len()
    );
    asked
}

/// Checks every frame; returns how many were questions.
fn audit(rules: &Rules, shunned: &BTreeMap<Ipv4Addr, Duration>, frames: &[Heard]) -> Result<usize, String> {
    let mut wrong = Vec::new();
    let mut sent: Vec<(Duration, u32, Outgoing)> = Vec::new();
    let mut to_hosts: BTreeMap<IpAddr, u32> = BTreeMap::new();
    let mut held = Held::default();
    let mut said = BTreeMap::new();
    let mut asked = 0;
    for frame in frames {
        let (mac, what) = outgoing::read(&frame.bytes);
        let mut object = |why: &str| wrong.push(format!("{:?} {mac} {what:?}: {why}", frame.at));
        let is_answer = matches!(what, Outgoing::ArpReply | Outgoing::Ipv6OfKernel);
        if rules.never_macs.contains(&mac) && !is_answer {
            object("a station that is never to be asked");
        }
        let ip = what.target();
        if ip.and_then(|ip| shunned.get(&ip)).is_some_and(|since| frame.at > *since + UNDER_WAY) {
            object("the address of a station that is never to be asked");
        }
        let at = held.sent_at(frame.at, what);
        match rules.judge(what) {
            Err(why) => object(why),
            Ok(cost) => {
                asked += usize::from(cost.is_question());
                // A repeat is paid for with the first question, if that left.
                let again = matches!(what, Outgoing::Udp(..))
                    && said
                        .insert((what, outgoing::question(&frame.bytes)), frame.at)
                        .is_some_and(|before| frame.at < before + UNDER_WAY);
                sent.extend(at.filter(|_| cost.is_question() && !again).map(|at| (at, cost.sensor, what)));
                if let Some((ip, packets)) = cost.host {
                    *to_hosts.entry(ip).or_default() += packets;
                }
            }
        }
    }
    sent.sort_by_key(|(at, ..)| *at);
    let burst = (rules.rate / 4).max(CONNECT);
    if let Some((at, packets)) = fullest_second(&sent).filter(|(_, packets)| *packets > rules.rate + burst) {
        wrong.push(format!("{packets} packets in a second, with a rate of {} and a burst of {burst}:", rules.rate));
        let second = sent.iter().filter(|(sent_at, ..)| (at..at + Duration::from_secs(1)).contains(sent_at));
        wrong.extend(second.map(|(sent_at, packets, what)| format!("  {:?} {packets} {what:?}", *sent_at - at)));
    }
    for (ip, packets) in to_hosts.into_iter().filter(|(_, packets)| *packets > rules.host_per_hour) {
        wrong.push(format!("{packets} packets to {ip}, which may have {}", rules.host_per_hour));
    }
    if wrong.is_empty() {
        Ok(asked)
    } else {
        Err(format!("{} wrongs:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n")))
    }
}

/// Neighbours that the kernel resolves: since when, and when the first packet left for them afterwards.
#[derive(Default)]
struct Held(BTreeMap<Ipv4Addr, (Duration, Option<Duration>)>);

/// A neighbour that answers at once has done so within this time, and the packets that waited for it have left.
const FLUSH: Duration = Duration::from_millis(20);

impl Held {
    /// When the sensor sent it. `None`: unknown, because the kernel held it back until a slow neighbour had
    /// answered, perhaps together with others.
    fn sent_at(&mut self, left_at: Duration, what: Outgoing) -> Option<Duration> {
        let Some(ip) = what.target() else { return Some(left_at) };
        match what {
            Outgoing::ArpQuestion(_) => return Some(left_at),
            Outgoing::ArpOfKernel(_) => {
                let wait = self.0.entry(ip).or_insert((left_at, None));
                if wait.1.is_some() {
                    *wait = (left_at, None);
                }
                return Some(left_at);
            }
            _ => {}
        }
        let Some((since, flushed_at)) = self.0.get_mut(&ip) else { return Some(left_at) };
        let flushed_at = *flushed_at.get_or_insert(left_at);
        let was_held = flushed_at > *since + FLUSH && left_at <= flushed_at + FLUSH;
        (!was_held).then_some(left_at)
    }
}

/// How many frames of each kind.
fn count_kinds(frames: &[Heard]) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for frame in frames {
        let words = format!("{:?}", outgoing::read(&frame.bytes).1);
        *kinds.entry(words.split('(').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    kinds
}

/// The second in which most packets left, and how many.
fn fullest_second(sent: &[(Duration, u32, Outgoing)]) -> Option<(Duration, u32)> {
    let mut from = 0;
    let mut packets = 0;
    let mut fullest = None;
    for (at, cost, _) in sent {
        packets += cost;
        while sent[from].0 + Duration::from_secs(1) <= *at {
            packets -= sent[from].1;
            from += 1;
        }
        fullest = fullest.max(Some((packets, sent[from].0)));
    }
    fullest.map(|(packets, at)| (at, packets))
}

/// The MAC and the address that an ARP frame claims.
fn claim(frame: &[u8]) -> Option<(Mac, Ipv4Addr)> {
    let packet = frame.get(14..).filter(|_| frame[12..14] == [8, 6])?;
    Some((Mac(packet[8..14].try_into().ok()?), <[u8; 4]>::try_from(&packet[14..18]).ok()?.into()))
}

/// The kind of host at each address: all kinds, at other addresses for each seed.
fn kind(ip: Ipv4Addr, shift: usize, has_ipv6: bool) -> Option<Kind> {
    let last = ip.octets()[3];
    let kinds = [
        Some(Kind::Full),
        Some(Kind::ArpOnly),
        None,
        Some(Kind::NoIcmp),
        Some(Kind::Slow),
        None,
        Some(Kind::RateLimited(2)),
        has_ipv6.then_some(Kind::NdpOnly),
    ];
    if ip == ROUTER { None } else { kinds[(usize::from(last) + shift) % kinds.len()] }
}

fn address_of(mac: Mac) -> Ipv4Addr {
    let address = Ipv4Addr::new(10, 66, 0, mac.0[5]);
    debug_assert_eq!(mac, member_mac(mac.0[5]));
    address
}

/// The router to everything outside: it answers for every address there, and has the name server behind it.
fn router(crowd: &Crowd) -> (Namespace, Daemon) {
    let address = format!("{ROUTER}/24").parse().unwrap();
    let router = crowd.plug_in("router", ROUTER_MAC, &[address]).unwrap();
    router.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1").unwrap();
    router.sh("ip route add local 10.96.0.0/12 dev lo && ip route add blackhole default").unwrap();
    router
        .sh(&format!(
            "ip addr add {NAME_SERVER}/32 dev lo && ip route add blackhole {SYSTEM_NAME_SERVER}/32 table local"
        ))
        .unwrap();
    let line = format!(
        "dnsmasq --no-daemon --conf-file=/dev/null --user=root --no-resolv --no-hosts --bogus-priv --bind-interfaces \
         --listen-address={NAME_SERVER}"
    );
    let names = Daemon::start(&router, &line).unwrap();
    (router, names)
}

/// The sensor with the rules in its file, a resolv.conf of the lab, and a time zone.
fn start(crowd: &Crowd, folder: &Path, rules: &Rules, zone: &str) -> SensorProcess {
    let (file, resolv) = (folder.join("sensor.toml"), folder.join("resolv.conf"));
    std::fs::write(&file, rules.file()).unwrap();
    std::fs::write(&resolv, format!("nameserver {SYSTEM_NAME_SERVER}\n")).unwrap();
    let mut command: Command = crowd.prober.command("unshare");
    command.env("TZ", zone).args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""]);
    command.arg(resolv).arg(sensor_binary());
    SensorProcess::start_by(command, folder, &["--config", file.to_str().unwrap()]).unwrap()
}

fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}
