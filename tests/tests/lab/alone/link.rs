//! Switches and routers on mirror ports: what lldpd, a bridge with a spanning tree and keepalived send, and group
//! membership, on the right segments; and frames made by hand where Debian has no daemon.

use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

use sensor_core::types::Mac;
use sensor_tests::frames;
use sensor_tests::lab::daemon::Daemon;
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sensor_process::{SensorProcess, of_kind};
use sensor_tests::lab::{self, sender, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The sensor's port on the switch.
const UPLINK: &str = "uplink";
/// Its port on the routers' network.
const ROUTERS: &str = "routers";
const SWITCH: Mac = Mac([0x00, 0x14, 0x22, 1, 2, 1]);
const FIRST: Mac = Mac([0x00, 0x14, 0x22, 1, 2, 11]);
const SECOND: Mac = Mac([0x00, 0x14, 0x22, 1, 2, 12]);
const GROUP: &str = "10.79.1.1";

#[test]
fn switches_and_routers_are_heard() {
    if !lab::possible() || !lab::has_links() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let scene = Scene::build(&folder);
    let log = folder.path().join("sightings.jsonl");
    let log = log.to_str().unwrap();
    let flags = ["--mirror", UPLINK, "--mirror", ROUTERS, "--learning", "0", "--sightings", log];
    let sensor = SensorProcess::start(&scene.sensor, folder.path(), &flags).unwrap();

    let switch = scene.start_switch(&folder);
    check_switch(&sensor);
    let [first, second] = scene.start_routers(&folder);
    check_routers(&sensor);
    check_membership(&scene, &sensor);
    check_by_hand(&scene, &sensor);
    drop(first);
    check_failover(&sensor);
    drop((second, switch));

    assert!(sensor.stop().unwrap().success());
    check_log(&std::fs::read_to_string(log).unwrap());
    let events = lab::sensor_process::events(folder.path()).unwrap();
    check_events(&events);
}

struct Scene {
    sensor: Namespace,
    switch: Namespace,
    first: Namespace,
    second: Namespace,
    /// Connects the routers and the sensor's second port.
    _hub: Namespace,
}

impl Scene {
    fn build(folder: &TempDir) -> Self {
        let [sensor, switch, first, second, hub] =
            ["sensor", "switch", "first", "second", "hub"].map(|purpose| Namespace::new(purpose).unwrap());
        std::fs::write(folder.path().join("lldpd.conf"), LLDPD).unwrap();
        let quiet = |iface: &str| format!("echo 1 > /proc/sys/net/ipv6/conf/{iface}/disable_ipv6");
        let pair = |a: &Namespace, a_iface: &str, b: &Namespace, b_iface: &str| {
            let (a_name, b_name) = (a.name(), b.name());
            a.sh(&format!("ip link add {a_iface} type veth peer name {b_iface} netns {b_name}")).unwrap();
            b.sh(&format!("ip link set {b_iface} up")).unwrap();
            a.sh(&format!("ip link set {a_iface} up")).unwrap();
            assert!(a_name != b_name);
        };
        // A switch whose one port is the sensor's uplink.
        pair(&switch, "eth0", &sensor, UPLINK);
        switch.sh(&format!("{}; ip link set eth0 address {SWITCH}", quiet("eth0"))).unwrap();
        switch
            .sh("ip link add br0 type bridge stp_state 1 hello_time 100 forward_delay 200; \
                 ip link set eth0 master br0; ip link set br0 up; echo 1 > /proc/sys/net/ipv6/conf/br0/disable_ipv6")
            .unwrap();
        // Two routers on a network that floods groups, and the sensor's other port there.
        hub.sh("ip link add br0 type bridge mcast_snooping 0; ip link set br0 up").unwrap();
        for (namespace, iface, port) in
            [(&sensor, ROUTERS, "to-sensor"), (&first, "eth0", "to-first"), (&second, "eth0", "to-second")]
        {
            pair(namespace, iface, &hub, port);
            hub.sh(&format!("{}; ip link set {port} master br0", quiet(port))).unwrap();
        }
        hub.sh(&quiet("br0")).unwrap();
        sensor.sh(&format!("{}; {}", quiet(UPLINK), quiet(ROUTERS))).unwrap();
        for (namespace, mac, last) in [(&first, FIRST, 11), (&second, SECOND, 12)] {
            namespace
                .sh(&format!(
                    "ip link set eth0 address {mac}; ip addr add 10.79.1.{last}/24 dev eth0; \
                     sysctl -q net.ipv6.conf.eth0.accept_dad=0; ip addr add fe80::{last}/64 dev eth0 || true"
                ))
                .unwrap();
        }
        Self { sensor, switch, first, second, _hub: hub }
    }

    fn start_switch(&self, folder: &TempDir) -> Daemon {
        let path = folder.path().display();
        // A mount namespace gives it its own folder for sockets.
        let command = format!(
            "unshare --mount sh -c 'mount -t tmpfs none /run && mkdir -p /run/lldpd && exec lldpd -d -ccccc -l \
             -m 10.79.0.2 -I eth0 -C eth0 -P \"Lab switch\" -O {path}/lldpd.conf -u /run/lldpd.socket'"
        );
        Daemon::start(&self.switch, &command).unwrap()
    }

    fn start_routers(&self, folder: &TempDir) -> [Daemon; 2] {
        [(&self.first, "first", 150), (&self.second, "second", 100)].map(|(namespace, name, priority)| {
            let path = folder.path().join(name);
            let config = format!(
                "global_defs {{\n vrrp_garp_master_repeat 1\n}}\nvrrp_instance lab {{\n state BACKUP\n interface eth0\n \
                 virtual_router_id 7\n priority {priority}\n advert_int 1\n virtual_ipaddress {{\n  {GROUP}/24\n }}\n}}\n"
            );
            std::fs::write(&path, config).unwrap();
            let path = path.display();
            let command = format!("keepalived -n -P -f {path} -p {path}.pid -r {path}.vrrp");
            Daemon::start(namespace, &command).unwrap()
        })
    }
}

/// It announces itself once a second, and an announcement is valid for half a minute.
const LLDPD: &str = "configure system hostname lab-switch\n\
                     configure lldp tx-interval 1\n\
                     configure lldp tx-hold 30\n\
                     configure ports eth0 lldp portidsubtype local Port-7\n\
                     configure ports eth0 lldp portdescription \"to the roof\"\n";

/// Records of a segment when they satisfy `found`.
fn wait_for(sensor: &SensorProcess, segment: &str, what: &str, found: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let of_segment = || {
        let mut records = sensor.export()?;
        records.retain(|record| record["segment"] == segment);
        Ok(Some(records).filter(|records| found(records)))
    };
    wait::until(what, of_segment).unwrap_or_else(|error| panic!("{error}: {:#?}", sensor.export()))
}

fn role<'a>(record: &'a Value, role: &str) -> Vec<&'a str> {
    let roles = record["roles"].as_array().into_iter().flatten();
    let evidence = roles.filter(|known| known["role"] == role).flat_map(|known| known["evidence"].as_array());
    evidence.flatten().filter_map(Value::as_str).collect()
}

fn of<'a>(records: &'a [Value], key: &str, value: &str) -> Option<&'a Value> {
    records.iter().find(|record| record[key] == value)
}

/// One host with a name and a role from each protocol, and every record of the segment says which switch port it is on.
fn check_switch(sensor: &SensorProcess) {
    let is_whole = |records: &[Value]| records.iter().any(|record| role(record, "switch").len() == 3);
    let records = wait_for(sensor, UPLINK, "the switch", is_whole);
    let [record] = records.as_slice() else { panic!("{records:#?}") };
    assert_eq!(role(record, "switch"), ["cdp: Switch Host", "lldp: bridge", "stp bridge"]);
    assert_eq!((&record["mac"], &record["ip"]), (&json!(SWITCH.to_string()), &json!("10.79.0.2")));
    assert_eq!(record["hostname"], "lab-switch");
    let by = |source: &str| json!({"name": "lab-switch", "source": source});
    let names = record["names"].as_array().unwrap();
    assert!(names.contains(&by("lldp")) && names.contains(&by("cdp")), "{names:?}");
    let expected = json!({
        "name": "lab-switch",
        "chassis": SWITCH.to_string(),
        "port": "Port-7",
        "port_description": "to the roof",
        "source": "lldp",
    });
    assert_eq!(record["switch"], expected);
}

/// The group's address has the role of a router, and the routers' network has no switch that announces itself.
fn check_routers(sensor: &SensorProcess) {
    let leads = |records: &[Value]| {
        of(records, "ip", GROUP).is_some_and(|record| role(record, "router").contains(&"vrrp group 7"))
    };
    let records = wait_for(sensor, ROUTERS, "the group", leads);
    let group = of(&records, "ip", GROUP).unwrap();
    assert_eq!((&group["mac"], group.get("switch")), (&json!(FIRST.to_string()), None));
}

/// A host that joins groups is there, with the address that it has.
fn check_membership(scene: &Scene, sensor: &SensorProcess) {
    scene.second.sh("ping -n -q -c 1 -W 2 10.79.1.11 >/dev/null").unwrap();
    wait_for(sensor, ROUTERS, "the second router", |records| of(records, "ip", "10.79.1.12").is_some());
    let joined = scene
        .second
        .enter(|| {
            let four = UdpSocket::bind("0.0.0.0:0")?;
            four.join_multicast_v4(&Ipv4Addr::new(239, 1, 1, 1), &Ipv4Addr::new(10, 79, 1, 12))?;
            let six = UdpSocket::bind("[::]:0")?;
            let index = std::fs::read_to_string("/proc/thread-self/net/if_inet6")?;
            let line = index.lines().find(|line| line.ends_with("eth0")).map(str::to_owned);
            let index = line.and_then(|line| u32::from_str_radix(line.split_whitespace().nth(1)?, 16).ok());
            six.join_multicast_v6(&Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 7), index.unwrap_or(0))?;
            Ok((four, six))
        })
        .unwrap();
    let is_heard = |records: &[Value]| {
        let of_second = records.iter().filter(|record| record["mac"] == SECOND.to_string());
        let sources: Vec<&Value> = of_second.flat_map(|record| record["sources"].as_array().unwrap()).collect();
        ["igmp", "mld"].iter().all(|source| sources.contains(&&json!(source)))
    };
    wait_for(sensor, ROUTERS, "the second router's groups", is_heard);
    drop(joined);
}

/// The frame's IPv4 packet with this time to live and a correct checksum (RFC 1071): some bridges forward no other.
fn packet_of(frame: &[u8], time_to_live: u8) -> Vec<u8> {
    let mut packet = frame[14..].to_vec();
    packet[8] = time_to_live;
    let words = packet[..20].chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    packet[10..12].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    packet
}

/// HSRP, GLBP and CARP, from virtual stations.
fn check_by_hand(scene: &Scene, sensor: &SensorProcess) {
    let udp = |mac: [u8; 6], port: u16, body: &[u8]| {
        let packet = frames::ipv4([10, 79, 1, 30], [224, 0, 0, 2], 17, 0, &frames::udp(port, port, body));
        frames::ethernet([1, 0, 0x5e, 0, 0, 2], mac, 0x0800, &packet_of(&packet, 64))
    };
    let hsrp = [0, 0, 16, 3, 10, 110, 5, 0, b'c', b'i', b's', b'c', b'o', 0, 0, 0, 10, 79, 1, 31];
    let hello = [1, 28, 0, 32, 0, 100, 0, 0, 0, 0, 11, 184, 0, 0, 39, 16, 2, 88, 56, 64, 0, 0, 1, 4, 10, 79, 1, 32];
    let forwarder = [2, 20, 1, 32, 0, 167, 100, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x07, 0xb4, 0, 9, 1];
    let glbp = [&[1, 0, 0, 9, 0, 0, 2, 0, 0, 0, 0, 9][..], &hello, &forwarder].concat();
    let carp = [&[0x21, 3, 0, 7, 0, 1, 0, 0][..], &[9; 28]].concat();
    let carp = frames::ipv4([10, 79, 1, 33], [224, 0, 0, 18], 112, 0, &carp);
    let carp = frames::ethernet([1, 0, 0x5e, 0, 0, 18], [0, 0, 0x5e, 0, 1, 3], 0x0800, &packet_of(&carp, 255));
    let frames = [
        udp([0x00, 0x00, 0x0c, 0x07, 0xac, 0x05], 1985, &hsrp),
        udp([0x00, 0x07, 0xb4, 0x00, 0x09, 0x01], 3222, &glbp),
        carp,
    ];
    sender::send(&scene.second, "eth0", &frames).unwrap();
    let expected = [
        ("00:00:0c:07:ac:05", Some("10.79.1.31"), "hsrp group 5"),
        ("00:07:b4:00:09:01", Some("10.79.1.32"), "glbp group 9"),
        ("00:00:5e:00:01:03", None, "carp group 3"),
    ];
    let records = wait_for(sensor, ROUTERS, "groups by hand", |records| {
        expected.iter().all(|(mac, ..)| of(records, "mac", mac).is_some_and(|record| record["roles"].is_array()))
    });
    for (mac, ip, evidence) in expected {
        let record = of(&records, "mac", mac).unwrap();
        assert_eq!(role(record, "router"), [evidence]);
        assert_eq!((record["ip"].as_str(), &record["mac_kind"]), (ip, &json!("virtual")));
    }
}

/// The second router takes over: the address failed over, and no router is new.
fn check_failover(sensor: &SensorProcess) {
    let moved = |event: &&Value| event["kind"] == "changed-mac" && event["ip"] == GROUP;
    let events = sensor.wait_for("the failover", |events| events.iter().any(|event| moved(&event))).unwrap();
    let moves: Vec<&Value> = events.iter().filter(moved).collect();
    let [event] = moves.as_slice() else { panic!("{moves:#?}") };
    assert_eq!((&event["mac"], &event["reason"]), (&json!(SECOND.to_string()), &json!("failover")));
}

fn check_log(log: &str) {
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = |source: &str| {
        let found = lines.iter().find(|line| line["source"] == source && line.get("malformed").is_none());
        found.unwrap_or_else(|| panic!("no {source}"))
    };
    let lldp = first("lldp");
    assert_eq!((&lldp["ttl"], &lldp["mgmt"]), (&json!(30), &json!(["10.79.0.2"])), "{lldp}");
    assert_eq!((&lldp["chassis"], &lldp["segment"]), (&json!(SWITCH.to_string()), &json!(UPLINK)), "{lldp}");
    let cdp = first("cdp");
    assert_eq!((&cdp["device_id"], &cdp["platform"]), (&json!("lab-switch"), &json!("Lab switch")), "{cdp}");
    let stp = first("stp");
    assert_eq!((&stp["root"], &stp["cost"]), (&stp["bridge"], &json!(0)), "{stp}");
    let vrrp = first("vrrp");
    assert_eq!((&vrrp["group"], &vrrp["addresses"]), (&json!(7), &json!([GROUP])), "{vrrp}");
    assert_eq!(vrrp["segment"], ROUTERS);
    let joins = |source: &str, group: &str| {
        let groups = lines.iter().filter(|line| line["source"] == source).map(|line| line["groups"].clone());
        groups.flat_map(|groups| groups.as_array().cloned().unwrap_or_default()).any(|joined| joined == group)
    };
    assert!(joins("igmp", "239.1.1.1") && joins("mld", "ff02::1:7"));
    assert_eq!((&first("hsrp")["state"], &first("glbp")["state"]), (&json!("active"), &json!("active")));
    assert_eq!(first("carp")["group"], 3);
    assert_eq!(lines.iter().filter(|line| line.get("malformed").is_some()).count(), 0);
}

/// Each host and the failover are reported once, and nothing else is.
fn check_events(events: &[Value]) {
    for kind in ["new-router", "flip-flop", "ip-conflict", "mac-mismatch", "bogon", "name-changed", "reused-mac"] {
        assert!(of_kind(events, kind).is_empty(), "{:#?}", of_kind(events, kind));
    }
    let mut told: Vec<&str> = of_kind(events, "new-host").iter().filter_map(|event| event["mac"].as_str()).collect();
    told.sort_unstable();
    let [switch, first, second] = [SWITCH, FIRST, SECOND].map(|mac| mac.to_string());
    let mut expected = ["00:00:0c:07:ac:05", "00:07:b4:00:09:01", "00:00:5e:00:01:03", &switch, &first, &second];
    expected.sort_unstable();
    assert_eq!(told, expected, "{events:#?}");
}
