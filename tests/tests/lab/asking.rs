//! Active questions with real hosts on a switch: which host took over an address, which is gone, which is back.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::IpNet;
use sensor_core::types::Mac;
use sensor_tests::lab::crowd::{Crowd, IFACE, Kind, Way};
use sensor_tests::lab::daemon::Daemon;
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sensor_process::{SensorProcess, of_kind};
use sensor_tests::lab::{self, sender, wait};
use serde_json::Value;
use tempfile::TempDir;

const FLAGS: [&str; 16] = [
    "-i",
    IFACE,
    "--learning",
    "0",
    "--gone-after",
    "6s",
    "--rate",
    "200",
    "--host-per-hour",
    "5000",
    "--timeout-ms",
    "500",
    "--ports",
    "80",
    "--refresh",
    "1",
];

/// A switch with the sensor on it, and no host yet.
struct Scene {
    crowd: Crowd,
    folder: TempDir,
    sensor: Option<SensorProcess>,
}

impl Scene {
    fn new() -> Self {
        let crowd = Crowd::build("10.66.0.0/24".parse().unwrap(), Way::Switch, |_| None).unwrap();
        let mut scene = Self { crowd, folder: TempDir::new().unwrap(), sensor: None };
        scene.start();
        scene
    }

    fn start(&mut self) {
        self.sensor = Some(SensorProcess::start(&self.crowd.prober, self.folder.path(), &FLAGS).unwrap());
    }

    fn sensor(&self) -> &SensorProcess {
        self.sensor.as_ref().unwrap()
    }

    /// Plugs in a host that announces itself; returns when it was reported.
    fn host(&self, name: &str, last_mac: u8, last: u8) -> Namespace {
        let namespace = self.plug_in(name, last_mac, last);
        self.speak(&namespace);
        let ip = ip(last).to_string();
        let is_it = |event: &&Value| event["kind"] == "new-host" && event["ip"] == ip.as_str();
        self.sensor().wait_for(name, |events| events.iter().any(|event| is_it(&event))).unwrap();
        namespace
    }

    fn plug_in(&self, name: &str, last_mac: u8, last: u8) -> Namespace {
        let address = IpNet::new(ip(last).into(), 24).unwrap();
        self.crowd.plug_in(name, mac(last_mac), &[address]).unwrap()
    }

    /// Makes a host send an ARP request, which announces its address.
    fn speak(&self, host: &Namespace) {
        let prober = self.crowd.prober_address();
        host.sh(&format!("ip neigh flush dev {IFACE}; ping -n -q -c 1 -W 2 {prober} >/dev/null || true")).unwrap();
    }

    /// The only reported move of an address.
    fn moved(&self, last: u8) -> Value {
        self.only("changed-mac", last)
    }

    /// The only event of a kind about an address.
    fn only(&self, kind: &str, last: u8) -> Value {
        let ip = ip(last).to_string();
        let is_it = |event: &&Value| event["kind"] == kind && event["ip"] == ip.as_str();
        let events = self
            .sensor()
            .wait_for(&format!("{kind} of {ip}"), |events| events.iter().any(|event| is_it(&event)))
            .unwrap();
        let moves: Vec<&Value> = events.iter().filter(is_it).collect();
        assert_eq!(moves.len(), 1, "{moves:#?}");
        moves[0].clone()
    }

    fn holder(&self, last: u8) -> String {
        let records = self.sensor().export().unwrap();
        let ip = ip(last).to_string();
        let record = records.iter().find(|record| record["ip"] == ip.as_str()).unwrap();
        record["mac"].as_str().unwrap().to_owned()
    }

    fn of(&self, kind: &str, last: u8) -> Vec<Value> {
        let ip = ip(last).to_string();
        let events = self.sensor().events().unwrap();
        of_kind(&events, kind).into_iter().filter(|event| event["ip"] == ip.as_str()).cloned().collect()
    }
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 66, 0, last)
}

fn mac(last: u8) -> Mac {
    Mac([0x00, 0x14, 0x22, 1, 1, last])
}

fn unplug(host: &Namespace) {
    host.sh(&format!("ip link set {IFACE} down")).unwrap();
}

#[track_caller]
fn check_move(event: &Value, reason: &str, severity: &str, [old, new]: [u8; 2]) {
    let told = ["reason", "severity", "old_mac", "mac"].map(|key| event[key].as_str().unwrap_or_default().to_owned());
    assert_eq!(told, [reason.to_owned(), severity.to_owned(), mac(old).to_string(), mac(new).to_string()], "{event:#}");
}

#[test]
fn a_replaced_card_is_reported_as_replaced() {
    if !lab::possible() {
        return;
    }
    let scene = Scene::new();
    let old = scene.host("old", 1, 10);
    unplug(&old);
    let new = scene.plug_in("new", 2, 10);
    scene.speak(&new);
    let event = scene.moved(10);
    check_move(&event, "replaced", "warning", [1, 2]);
    assert_eq!((&event["details"]["old_answered"], &event["details"]["new_answered"]), (&"no".into(), &"yes".into()));
    assert_eq!(scene.holder(10), mac(2).to_string());
}

#[test]
fn two_hosts_with_one_address_are_one_conflict() {
    if !lab::possible() {
        return;
    }
    let scene = Scene::new();
    let one = scene.host("one", 1, 11);
    let other = scene.plug_in("other", 2, 11);
    for _ in 0..6 {
        scene.speak(&other);
        scene.speak(&one);
        std::thread::sleep(Duration::from_millis(700));
    }
    check_move(&scene.only("ip-conflict", 11), "conflict", "warning", [1, 2]);
    // Who had the address keeps it while it answers.
    assert_eq!(scene.holder(11), mac(1).to_string());
    assert!(["changed-mac", "flip-flop", "reused-mac"].iter().all(|kind| scene.of(kind, 11).is_empty()));
}

#[test]
fn a_spoofer_is_suspected_and_gets_no_address() {
    if !lab::possible() {
        return;
    }
    let scene = Scene::new();
    let _victim = scene.host("victim", 1, 12);
    let liar = scene.host("liar", 2, 13);
    let forged = sender::arp_request(mac(2), ip(12), ip(12), &[]);
    for _ in 0..6 {
        sender::send(&liar, IFACE, std::slice::from_ref(&forged)).unwrap();
        std::thread::sleep(Duration::from_secs(1));
    }
    check_move(&scene.moved(12), "spoof-suspected", "alert", [1, 2]);
    assert_eq!(scene.holder(12), mac(1).to_string(), "the liar is not believed");
    assert!(scene.of("flip-flop", 12).is_empty() && scene.of("ip-conflict", 12).is_empty());
}

#[test]
fn a_lease_explains_a_change_of_mac() {
    if !lab::possible() {
        return;
    }
    let scene = Scene::new();
    let server = scene.host("server", 1, 1);
    let folder = scene.folder.path().display().to_string();
    let _dnsmasq = daemon(
        &server,
        &format!(
            "dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface={IFACE} --bind-interfaces --no-ping \
             --dhcp-authoritative --dhcp-broadcast --dhcp-range={0},{0},1h --dhcp-leasefile={folder}/leases",
            ip(20)
        ),
    );
    for (number, name) in [(2, "first"), (3, "second")] {
        let client = scene.crowd.plug_in(name, mac(number), &[]).unwrap();
        let files = format!("-sf /bin/true -pf {folder}/{name}.pid -lf {folder}/{name}.leases {IFACE}");
        client.sh(&format!("dhclient -1 -q {files} >/dev/null 2>&1")).unwrap();
        client.sh(&format!("ip addr add {}/24 dev {IFACE}", ip(20))).unwrap();
        scene.speak(&client);
        let mac = mac(number).to_string();
        scene
            .sensor()
            .wait_for(name, |events| {
                events.iter().any(|event| event["ip"] == ip(20).to_string() && event["mac"] == mac)
            })
            .unwrap();
        if number == 2 {
            client.sh(&format!("dhclient -r -q {files} >/dev/null 2>&1; ip addr flush dev {IFACE}")).unwrap();
            unplug(&client);
        }
        std::mem::forget(client);
    }
    let event = scene.moved(20);
    check_move(&event, "dhcp", "info", [2, 3]);
    assert_eq!(event["details"]["dhcp_server"], ip(1).to_string());
}

#[test]
fn a_virtual_router_that_moves_is_a_failover() {
    if !lab::possible() {
        return;
    }
    let scene = Scene::new();
    let folder = scene.folder.path().display().to_string();
    let virtual_ip = ip(254 - 4);
    // The master uses the virtual MAC for the address, its partner its own MAC.
    let master = scene.host("master", 1, 31);
    let backup = scene.host("backup", 2, 32);
    let configure = |name: &str, state: &str, priority: u8, vmac: &str| {
        let text = format!(
            "global_defs {{ vrrp_garp_master_refresh 1 }}\nvrrp_instance v {{ state {state}\n interface {IFACE}\n \
             virtual_router_id 51\n priority {priority}\n advert_int 1\n {vmac}\n virtual_ipaddress {{ {virtual_ip}/24 }} }}\n"
        );
        std::fs::write(format!("{folder}/{name}.conf"), text).unwrap();
        format!(
            "keepalived -n -D -l -f {folder}/{name}.conf -p {folder}/{name}.pid -r {folder}/{name}.vrrp.pid \
             -c {folder}/{name}.check.pid"
        )
    };
    let command = configure("master", "MASTER", 200, "use_vmac");
    let running = daemon(&master, &command);
    let ip = virtual_ip.to_string();
    let held =
        |events: &[Value], mac: &str| events.iter().any(|event| event["ip"] == ip.as_str() && event["mac"] == mac);
    scene.sensor().wait_for("the virtual router", |events| held(events, "00:00:5e:00:01:33")).unwrap();
    let _second = daemon(&backup, &configure("backup", "BACKUP", 100, ""));
    std::thread::sleep(Duration::from_secs(2));
    unplug(&master);
    let event = scene.moved(250);
    let told = ["reason", "severity", "old_mac", "mac"].map(|key| event[key].as_str().unwrap_or_default().to_owned());
    assert_eq!(told, ["failover", "info", "00:00:5e:00:01:33", &mac(2).to_string()], "{event:#}");
    drop(running);
}

#[test]
fn a_router_that_answers_for_many_is_reported_as_proxy_arp() {
    if !lab::possible() {
        return;
    }
    let scene = Scene::new();
    let mover = scene.host("mover", 1, 60);
    let router = scene.host("router", 2, 2);
    // The router answers for the addresses behind it.
    router.sh("ip link add behind type veth peer name far && ip link set behind up && ip link set far up").unwrap();
    for last in 61..66 {
        router.sh(&format!("ip route add {}/32 dev behind", ip(last))).unwrap();
    }
    router
        .sh(&format!(
            "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.{IFACE}.proxy_arp=1 net.ipv4.conf.all.forwarding=1"
        ))
        .unwrap();
    // Gratuitous ARP of the router for addresses behind it, as mobile-IP home agents and load balancers send it.
    for last in 61..66 {
        let claim = sender::arp_request(mac(2), ip(last), ip(last), &[]);
        sender::send(&router, IFACE, &[claim]).unwrap();
    }
    unplug(&mover);
    router.sh(&format!("ip route add {}/32 dev behind", ip(60))).unwrap();
    check_move(&scene.moved(60), "proxy-arp", "warning", [1, 2]);
}

#[test]
fn an_unplugged_host_is_gone_once_and_back_once() {
    if !lab::possible() {
        return;
    }
    let mut scene = Scene::new();
    let leaver = scene.host("leaver", 1, 40);
    let deaf_to_ping = scene.host("deaf", 2, 41);
    deaf_to_ping.sh("sysctl -qw net.ipv4.icmp_echo_ignore_all=1").unwrap();
    let _web = daemon(&deaf_to_ping, "python3 -m http.server 80");
    unplug(&leaver);
    scene.sensor().wait_for("host-gone", |events| !of_kind(events, "host-gone").is_empty()).unwrap();
    let gone = scene.of("host-gone", 40);
    assert_eq!(gone.len(), 1);
    assert!(gone[0]["details"]["unanswered"].as_array().unwrap().len() >= 2, "{gone:#?}");
    let record = |scene: &Scene| {
        let records = scene.sensor().export().unwrap();
        records.into_iter().find(|record| record["ip"] == ip(40).to_string()).unwrap()
    };
    assert_eq!(record(&scene)["alive"], false);
    // Longer than it takes to be gone: silence is reported once, and a host that answers by TCP and ARP is there.
    std::thread::sleep(Duration::from_secs(9));
    assert_eq!(scene.of("host-gone", 40).len(), 1);

    // The sensor is stopped for longer than it takes to be gone: no host is reported as gone for that.
    assert!(scene.sensor.take().unwrap().stop().unwrap().success());
    std::thread::sleep(Duration::from_secs(8));
    scene.start();
    leaver.sh(&format!("ip link set {IFACE} up")).unwrap();
    scene.speak(&leaver);
    scene.sensor().wait_for("host-back", |events| !of_kind(events, "host-back").is_empty()).unwrap();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(scene.of("host-back", 40).len(), 1);
    assert_ne!(record(&scene)["alive"], false);
    assert_eq!(of_kind(&scene.sensor().events().unwrap(), "host-gone").len(), 1, "nobody else is gone");
    assert!(scene.of("host-gone", 41).is_empty());

    // The sensor's own cable is pulled: no host is reported as gone for that.
    unplug(&scene.crowd.prober);
    std::thread::sleep(Duration::from_secs(8));
    scene.crowd.prober.sh(&format!("ip link set {IFACE} up")).unwrap();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(of_kind(&scene.sensor().events().unwrap(), "host-gone").len(), 1, "nobody is gone for our own cable");
}

#[test]
fn a_passive_sensor_sends_nothing() {
    if !lab::possible() {
        return;
    }
    let mut scene = Scene::new();
    assert!(scene.sensor.take().unwrap().stop().unwrap().success());
    let tap = scene.crowd.tap().unwrap();
    let flags: Vec<&str> = FLAGS.into_iter().chain(["--passive", "--network", "10.66.0.0/24"]).collect();
    scene.sensor = Some(SensorProcess::start(&scene.crowd.prober, scene.folder.path(), &flags).unwrap());
    // Nothing that would make the prober's own kernel send.
    let host = scene.plug_in("host", 1, 50);
    let claim = sender::arp_request(mac(1), ip(50), ip(51), &[]);
    sender::send(&host, IFACE, &[claim]).unwrap();
    scene.sensor().wait_for("new-host", |events| !of_kind(events, "new-host").is_empty()).unwrap();
    std::thread::sleep(Duration::from_secs(8));
    let heard = tap.frames().unwrap();
    assert!(heard.is_empty(), "{} frames left the prober", heard.len());
}

#[test]
fn a_sensor_that_changes_its_network_asks_in_the_new_one_only() {
    if !lab::possible() {
        return;
    }
    let scene = Scene::new();
    let old = scene.host("old", 1, 50);
    let new = scene.crowd.plug_in("new", mac(2), &["10.77.0.50/24".parse().unwrap()]).unwrap();
    // The route by which a question to the former network would leave.
    let move_there =
        "ip addr flush dev eth0 scope global; ip addr add 10.77.0.1/24 dev eth0; ip route add default via 10.77.0.50";
    scene.crowd.prober.sh(move_there).unwrap();
    wait::until("the new network to be attached", || {
        let claim = sender::arp_request(mac(2), Ipv4Addr::new(10, 77, 0, 50), Ipv4Addr::new(10, 77, 0, 51), &[]);
        sender::send(&new, IFACE, &[claim])?;
        let records = scene.sensor().export()?;
        Ok(records.iter().any(|record| record["ip"] == "10.77.0.50" && record["alive"] == true).then_some(()))
    })
    .unwrap();
    let tap = scene.crowd.tap().unwrap();
    // A host in the former network still sends.
    let claim = sender::arp_request(mac(1), ip(50), ip(51), &[]);
    sender::send(&old, IFACE, &[claim]).unwrap();
    std::thread::sleep(Duration::from_secs(8));
    let asked = |prefix: [u8; 3]| {
        let frames = tap.frames().unwrap();
        let of = |bytes: &[u8]| match bytes[12..14] {
            [0x08, 0x06] => bytes[38..41] == prefix,
            [0x08, 0x00] => bytes[30..33] == prefix,
            _ => false,
        };
        (frames.iter().filter(|frame| of(&frame.bytes)).count(), frames.len())
    };
    let (there, all) = asked([10, 66, 0]);
    assert!(there == 0 && all > 0, "{there} of {all} questions went to the network that was left");
    let events = scene.sensor().events().unwrap();
    let strange = ["bogon", "host-gone", "changed-mac"].map(|kind| of_kind(&events, kind).len());
    assert_eq!(strange, [0; 3], "{events:#?}");
    let hosts = of_kind(&events, "new-host").iter().map(|event| event["ip"].as_str().unwrap()).collect::<Vec<_>>();
    assert!(hosts.contains(&"10.66.0.50") && hosts.contains(&"10.77.0.50"), "{hosts:?}");
}

#[test]
fn a_recreated_interface_asks_again() {
    check_renewal("auto");
}

#[test]
fn a_recreated_interface_asks_again_with_a_packet_socket() {
    check_renewal("packet");
}

/// The hosts are silent until they are asked by ARP, one after the other; the switch sends the sensor's frames back to
/// it.
fn check_renewal(capture: &str) {
    if !lab::possible() {
        return;
    }
    let crowd = Crowd::build("10.67.0.0/24".parse().unwrap(), Way::Switch, |_| Some(Kind::ArpOnly)).unwrap();
    crowd.reflect_prober().unwrap();
    let old = crowd.prober.macs().unwrap().into_iter().find(|mac| mac.is_station()).unwrap();
    let folder = TempDir::new().unwrap();
    let sightings = folder.path().join("sightings.jsonl");
    let flags = ["-i", IFACE, "--learning", "0", "--techniques", "arp", "--sweep", "10m", "--capture", capture];
    let flags = [&flags[..], &["--sightings", sightings.to_str().unwrap()]].concat();
    let sensor = SensorProcess::start(&crowd.prober, folder.path(), &flags).unwrap();
    let found = |events: &[Value]| of_kind(events, "new-host").len();
    sensor.wait_for("a host that was asked", |events| found(events) > 0).unwrap();

    let said = || std::fs::read_to_string(folder.path().join("stderr")).unwrap();
    let lines = |words: &str| said().matches(words).count();
    let (gone, back) = ("eth0 is gone: nothing is asked", "eth0 is back and asks again");
    crowd.prober.sh(&format!("ip link del {IFACE}")).unwrap();
    wait::until("the voice to be missed", || Ok((lines(gone) > 0).then_some(()))).unwrap();
    let before = found(&sensor.events().unwrap());
    let new = Mac([0x00, 0x0c, 0x29, 0, 0, 7]);
    crowd.replug_prober(new).unwrap();
    let tap = crowd.tap().unwrap();
    let events = sensor.wait_for("a new host that was asked", |events| found(events) > before + 2).unwrap();
    assert_eq!((lines(gone), lines(back)), (1, 1), "{}", said());
    assert!(of_kind(&events, "host-gone").is_empty(), "{events:#?}");
    let questions = tap.frames().unwrap();
    let own = [&new.0[..], &crowd.prober_address().octets()].concat();
    assert!(!questions.is_empty());
    // The sender is in the frame and in the question; until the interface has its addresses again it has none to give.
    for frame in &questions {
        let bytes = &frame.bytes;
        assert_eq!((&bytes[6..12], &bytes[12..14]), (&new.0[..], &[0x08, 0x06][..]), "{bytes:02x?}");
    }
    assert!(questions.iter().any(|frame| frame.bytes[22..32] == own), "{questions:02x?}");
    let sightings = std::fs::read_to_string(&sightings).unwrap();
    for own in [old, new] {
        assert!(!sightings.contains(&own.to_string()), "{sightings}");
        assert!(!sensor.export().unwrap().iter().any(|record| record["mac"] == own.to_string()));
    }
    assert!(sensor.stop().unwrap().success());
}

fn daemon(namespace: &Namespace, command: &str) -> Daemon {
    Daemon::start(namespace, command).unwrap()
}
