//! Rogue DHCP servers, routers and spoofers: real daemons, and frames of an attacker.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Stdio};

use ipnet::IpNet;
use sensor_core::types::Mac;
use sensor_tests::lab::crowd::{Crowd, IFACE, Way};
use sensor_tests::lab::sensor_process::{SensorProcess, of_kind};
use sensor_tests::lab::{self, Lab, MIRROR, sender};
use serde_json::Value;
use tempfile::TempDir;

/// The station that spoofs.
const ATTACKER: Mac = Mac([0x00, 0x14, 0x22, 0xba, 0xdb, 0xad]);

fn config(folder: &Path, text: &str) -> String {
    let path = folder.join("sensor.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn of<'a>(events: &'a [Value], kind: &str, reason: &str) -> Vec<&'a Value> {
    of_kind(events, kind).into_iter().filter(|event| event["reason"] == reason).collect()
}

/// A daemon; dropping it ends it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A second dnsmasq, as if a home router were plugged in.
fn rogue(lab: &Lab) -> Running {
    let host = &lab.host("static").namespace;
    host.sh("ip addr add 2001:db8:bad::1/64 dev eth0 nodad").unwrap();
    let daemon = host
        .command("dnsmasq")
        .args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--user=root",
            "--no-ping",
            "--no-resolv",
            "--no-hosts",
        ])
        .args(["--interface=eth0", "--bind-interfaces", "--pid-file=", "--dhcp-authoritative", "--enable-ra"])
        .args(["--dhcp-range=10.77.0.200,10.77.0.220,255.255.255.0,120", "--dhcp-range=2001:db8:bad::,ra-only"])
        .arg(format!("--dhcp-leasefile={}", lab.path("rogue.leases").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running(daemon)
}

#[test]
fn a_rogue_router_is_reported() {
    if !lab::possible() {
        return;
    }
    let mut lab = Lab::build().unwrap();
    let folder = TempDir::new().unwrap();
    let allowed = "[[network]]\nprefix = \"10.77.0.0/24\"\nallow_dhcp_servers = [\"10.77.0.1\"]\n\
                   allow_routers = [\"10.77.0.1\"]\n";
    let config = config(folder.path(), allowed);
    let flags = ["--mirror", MIRROR, "--passive", "--learning", "0", "--config", &config];
    let running = SensorProcess::start(&lab.probe, folder.path(), &flags).unwrap();
    lab.start_hosts().unwrap();
    running.wait_for("the lab", |events| of_kind(events, "new-host").len() >= 5).unwrap();
    let quiet = running.events().unwrap();
    for kind in ["rogue-dhcp-server", "rogue-router", "ip-conflict", "scan-detected", "flood"] {
        assert_eq!(of_kind(&quiet, kind), Vec::<&Value>::new(), "nobody did anything wrong");
    }

    let mac = lab.host("static").mac.to_string();
    let _rogue = rogue(&lab);
    let told =
        running.wait_for("the rogue router", |events| !of(events, "rogue-router", "unlisted").is_empty()).unwrap();
    let router = of(&told, "rogue-router", "unlisted")[0];
    assert_eq!((&router["severity"], router["mac"].as_str()), (&"alert".into(), Some(mac.as_str())), "{router:#}");
    assert_eq!(router["details"]["prefixes"], serde_json::json!(["2001:db8:bad::/64"]), "{router:#}");
    // Both servers answer a client.
    let client = &lab.host("phone-3").namespace;
    client
        .sh(&format!(
            "dhclient -1 -q -4 -sf /bin/true -lf {} -pf {} eth0 >/dev/null 2>&1 || true",
            lab.path("rogue-client.leases").display(),
            lab.path("rogue-client.pid").display()
        ))
        .unwrap();
    let told =
        running.wait_for("the rogue server", |events| !of(events, "rogue-dhcp-server", "unlisted").is_empty()).unwrap();
    let servers = of(&told, "rogue-dhcp-server", "unlisted");
    assert_eq!(servers.len(), 1, "{servers:#?}");
    assert_eq!((&servers[0]["ip"], &servers[0]["mac"]), (&"10.77.0.20".into(), &mac.as_str().into()));
    assert_eq!(servers[0]["severity"], "alert");

    // The gateway's address from another MAC, to a passive sensor: it is reported at once.
    let gateway: Ipv4Addr = lab::SERVER;
    let frame = sender::arp_request(ATTACKER, gateway, Ipv4Addr::new(10, 77, 0, 130), &[]);
    sender::send(&lab.host("static").namespace, "eth0", &[frame]).unwrap();
    let is_it = |event: &&Value| event["kind"] == "changed-mac" && event["mac"] == ATTACKER.to_string();
    let told = running.wait_for("the spoof", |events| events.iter().any(|event| is_it(&event))).unwrap();
    let spoof = told.iter().find(is_it).unwrap();
    assert_eq!((&spoof["severity"], &spoof["details"]["role"]), (&"alert".into(), &"gateway".into()), "{spoof:#}");
    assert!(running.stop().unwrap().success());
}

/// On a port that the sensor lives on, nobody else's lease is heard: servers answer whom they serve.
#[test]
fn a_second_dhcp_server_is_found_by_asking() {
    if !lab::possible() {
        return;
    }
    let mut lab = Lab::build().unwrap();
    lab.start_hosts().unwrap();
    let _rogue = rogue(&lab);
    let folder = TempDir::new().unwrap();
    let allowed = "[[network]]\nprefix = \"10.77.0.0/24\"\nallow_dhcp_servers = [\"10.77.0.1\"]\n";
    let config = config(folder.path(), allowed);
    let here = &lab.host("six").namespace;
    here.sh("ip addr add 10.77.0.30/24 dev eth0").unwrap();
    let flags = ["-i", "eth0", "--learning", "0", "--config", &config];
    let running = SensorProcess::start(here, folder.path(), &flags).unwrap();
    let told = running.wait_for("the rogue server", |events| !of_kind(events, "rogue-dhcp-server").is_empty()).unwrap();
    let servers = of_kind(&told, "rogue-dhcp-server");
    assert_eq!(servers.len(), 1, "{servers:#?}");
    assert_eq!((&servers[0]["ip"], &servers[0]["reason"]), (&"10.77.0.20".into(), &"unlisted".into()));
    // The server that the owner listed is for the record only.
    let listed = |event: &&Value| event["ip"] == "10.77.0.1";
    let told =
        running.wait_for("the listed server", |events| of_kind(events, "new-dhcp-server").iter().any(listed)).unwrap();
    let servers = of_kind(&told, "new-dhcp-server");
    assert!(servers.iter().filter(|event| listed(event)).all(|event| event["severity"] == "info"), "{servers:#?}");
    assert!(running.stop().unwrap().success());
    // It took no lease of either.
    for leases in ["rogue.leases", "dnsmasq.leases"] {
        let leases = std::fs::read_to_string(lab.path(leases)).unwrap_or_default();
        assert!(!leases.contains(&lab.host("six").mac.to_string()), "{leases}");
    }
}

/// Somebody configures the address of the sensor's own machine.
#[test]
fn a_station_that_takes_the_sensors_own_address_is_reported() {
    if !lab::possible() {
        return;
    }
    let mut lab = Lab::build().unwrap();
    lab.start_hosts().unwrap();
    let folder = TempDir::new().unwrap();
    let here = &lab.host("six").namespace;
    here.sh("ip addr add 10.77.0.30/24 dev eth0").unwrap();
    let running = SensorProcess::start(here, folder.path(), &["-i", "eth0", "--learning", "0"]).unwrap();
    let claim = sender::arp_request(ATTACKER, Ipv4Addr::new(10, 77, 0, 30), lab::SERVER, &[]);
    let told = running
        .wait_for("the conflict", |events| {
            sender::send(&lab.host("static").namespace, "eth0", std::slice::from_ref(&claim)).unwrap();
            !of_kind(events, "ip-conflict").is_empty()
        })
        .unwrap();
    let conflicts = of_kind(&told, "ip-conflict");
    assert_eq!(conflicts.len(), 1, "{conflicts:#?}");
    assert_eq!((&conflicts[0]["ip"], &conflicts[0]["severity"]), (&"10.77.0.30".into(), &"warning".into()));
    assert_eq!(conflicts[0]["old_mac"], lab.host("six").mac.to_string());
    let records = running.export().unwrap();
    assert!(records.iter().all(|record| record["ip"] != "10.77.0.30"), "{records:#?}");
    assert!(running.stop().unwrap().success());
}

#[test]
fn a_station_that_takes_the_gateways_address_is_reported() {
    if !lab::possible() {
        return;
    }
    let crowd = Crowd::build("10.66.0.0/24".parse().unwrap(), Way::Switch, |_| None).unwrap();
    let folder = TempDir::new().unwrap();
    let allowed = "[[network]]\nprefix = \"10.66.0.0/24\"\nallow_routers = [\"10.66.0.1\"]\n";
    let config = config(folder.path(), allowed);
    let flags = [
        "-i",
        IFACE,
        "--learning",
        "0",
        "--rate",
        "200",
        "--host-per-hour",
        "5000",
        "--refresh",
        "1",
        "--config",
        &config,
    ];
    let running = SensorProcess::start(&crowd.prober, folder.path(), &flags).unwrap();
    let gateway = Ipv4Addr::new(10, 66, 0, 1);
    let mac = Mac([0x00, 0x14, 0x22, 1, 1, 1]);
    let router = crowd.plug_in("gateway", mac, &[IpNet::new(gateway.into(), 24).unwrap()]).unwrap();
    let prober = crowd.prober_address();
    router.sh(&format!("ping -n -q -c 1 -W 2 {prober} >/dev/null || true")).unwrap();
    let is_known = |events: &[Value]| of_kind(events, "new-host").iter().any(|event| event["ip"] == "10.66.0.1");
    running.wait_for("the gateway", is_known).unwrap();

    // The attacker answers no questions: it only claims the address, again and again.
    let attacker = crowd.plug_in("attacker", ATTACKER, &[]).unwrap();
    let frame = sender::arp_request(ATTACKER, gateway, gateway, &[]);
    let frames = vec![frame; 3];
    sender::send(&attacker, IFACE, &frames).unwrap();
    let told =
        running.wait_for("the verdict", |events| !of(events, "changed-mac", "spoof-suspected").is_empty()).unwrap();
    sender::send(&attacker, IFACE, &frames).unwrap();
    let spoofs = of(&told, "changed-mac", "spoof-suspected");
    assert_eq!(spoofs.len(), 1, "{spoofs:#?}");
    let spoof = spoofs[0];
    let words = ["severity", "ip", "mac", "old_mac"].map(|key| spoof[key].as_str().unwrap_or_default().to_owned());
    assert_eq!(words, ["alert".to_owned(), gateway.to_string(), ATTACKER.to_string(), mac.to_string()]);
    let details = &spoof["details"];
    assert_eq!((&details["old_answered"], &details["new_answered"]), (&"yes".into(), &"no".into()), "{spoof:#}");
    assert_eq!(details["role"], "gateway", "{spoof:#}");
    let records = running.export().unwrap();
    let record = records.iter().find(|record| record["ip"] == "10.66.0.1").unwrap();
    assert_eq!(record["mac"], mac.to_string(), "the address stays where it is");
    assert!(running.stop().unwrap().success());
}
