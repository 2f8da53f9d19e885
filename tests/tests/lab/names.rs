//! Names and announcements: real daemons on a hub, each captured through XDP and exported correctly.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;

use sensor_core::types::Mac;
use sensor_tests::lab::announcers::{LlmnrResponder, ask_llmnr, notify_ssdp, probe_wsd};
use sensor_tests::lab::daemon::Daemon;
use sensor_tests::lab::hub::{Hub, IFACE};
use sensor_tests::lab::namespace::Namespace;
use sensor_tests::lab::sensor_process::{SensorProcess, of_kind};
use sensor_tests::lab::{self, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The hosts, by their last octet.
const ROUTER: u8 = 1;
const DESK: u8 = 2;
const FILES: u8 = 3;
const SPEAKER: u8 = 4;
const WINDOWS: u8 = 5;
const ANSWERER: u8 = 6;
const GATEWAY: u8 = 7;
const MINISSDPD: u8 = 8;
const HOSTS: usize = 8;
const GATEWAY_TYPE: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";

struct Scene {
    hub: Hub,
    folder: TempDir,
    sensor: SensorProcess,
}

#[test]
fn every_host_is_known_by_its_announcements() {
    if !lab::possible() || !lab::has_announcers() {
        return;
    }
    let hub = Hub::build().unwrap();
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("sightings.jsonl");
    let flags = ["--mirror", IFACE, "--passive", "--learning", "0", "--sightings", log.to_str().unwrap()];
    let sensor = SensorProcess::start(&hub.listener, folder.path(), &flags).unwrap();
    let scene = Scene { hub, folder, sensor };

    let (router, _dnsmasq) = scene.router();
    let (desk, _dhclient) = scene.desk();
    let (_files, _nmbd) = scene.files();
    let (_speaker, _avahi) = scene.speaker();
    let (_windows, _wsdd) = scene.windows();
    let answerer = scene.host("answerer", ANSWERER);
    let _responder = LlmnrResponder::start(&answerer, "answerer", ip(ANSWERER)).unwrap();
    let answered = || Ok(ask_llmnr(&router, ip(ROUTER), "answerer")?.then_some(()));
    wait::until("an answer by LLMNR", answered).unwrap();
    // Its daemon takes a while to start.
    wait::until("wsdd to answer", || Ok(probe_wsd(&router, ip(ROUTER))?.then_some(()))).unwrap();
    let gateway = scene.host("gateway", GATEWAY);
    let minissdpd = scene.host("minissdpd", MINISSDPD);
    let socket = scene.folder.path().join("minissdpd");
    let command = format!("minissdpd -d -s {0}.sock -p {0}.pid -i {IFACE}", socket.display());
    let _minissdpd = Daemon::start(&minissdpd, &command).unwrap();

    scene.check("a router", ROUTER, |records| {
        records.iter().any(|record| {
            record["router"]["prefixes"] == json!(["2001:db8:77::/64"])
                && record["router"]["rdnss"] == json!(["2001:db8:77::53"])
                && record["router"]["dnssl"] == json!(["lab.test"])
                && record["router"]["managed"] == true
                && record["router"]["lifetime_s"].as_u64().is_some_and(|lifetime_s| lifetime_s > 0)
        })
    });
    let leased = wait::until("a DHCPv6 address", || {
        let text = desk.output(&format!("ip -6 -o addr show dev {IFACE} scope global"))?;
        let words = || text.split_whitespace().skip_while(|word| *word != "inet6");
        Ok(words().nth(1).and_then(|word| word.split('/').next()).map(str::to_owned))
    });
    let leased = leased.unwrap();
    scene.check("the client by its DHCPv6 name and address", DESK, |records| {
        is_named(records, "desk", "dhcpv6")
            && records.iter().any(|record| record["ip"] == leased.as_str() && has_source(record, "dhcpv6"))
    });
    scene.check("a file server", FILES, |records| {
        is_named(records, "FILES", "nbns") && has_service(records, 137, "nbns")
    });
    scene.check("a speaker", SPEAKER, |records| {
        is_named(records, "speaker", "mdns") && has_service(records, 5353, "mdns")
    });
    scene.check("a WS-Discovery target", WINDOWS, |records| has_service(records, 3702, "wsd"));
    scene.check("an LLMNR responder", ANSWERER, |records| {
        is_named(records, "answerer", "llmnr") && has_service(records, 5355, "llmnr")
    });
    scene.check("a UPnP device", GATEWAY, |records| {
        // Sent again and again: frames sent while a port comes up are lost.
        notify_ssdp(&gateway, ip(GATEWAY), GATEWAY_TYPE).unwrap();
        has_service(records, 1900, "ssdp")
    });
    scene.check("minissdpd", MINISSDPD, |records| records.iter().any(|record| has_source(record, "ssdp")));
    check_events(&scene);
    // The last lines are written when it ends.
    assert!(scene.sensor.stop().unwrap().success());
    check_log(&std::fs::read_to_string(log).unwrap(), &leased);
}

/// One event for each host, its roles once, and nothing else.
fn check_events(scene: &Scene) {
    let events = scene.sensor.wait_for("everybody to be told", |events| of_kind(events, "new-host").len() >= HOSTS);
    let events = events.unwrap();
    assert_eq!(of_kind(&events, "new-host").len(), HOSTS, "{events:#?}");
    let servers = of_kind(&events, "new-dhcp-server");
    let of_router = |events: &[&Value]| events.iter().all(|event| event["mac"] == mac(ROUTER).to_string());
    assert!(servers.len() == 1 && of_router(&servers), "{servers:#?}");
    assert!(
        servers[0]["ip"].as_str().is_some_and(|ip| ip.starts_with("fe80"))
            && servers[0]["details"]["protocol"] == "dhcpv6"
    );
    let routers = of_kind(&events, "new-router");
    assert!(routers.len() == 1 && of_router(&routers), "{routers:#?}");
    let known = ["new-host", "new-address", "new-dhcp-server", "new-router", "sensor-started"];
    let others: Vec<&Value> =
        events.iter().filter(|event| !known.contains(&event["kind"].as_str().unwrap_or_default())).collect();
    assert!(others.is_empty(), "{others:#?}");
}

/// Details that are in no record are in the log.
fn check_log(log: &str, leased: &str) {
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |what: &str, found: &dyn Fn(&Value) -> bool| assert!(lines.iter().any(found), "{what}\n{log}");
    has("a reply", &|line| {
        line["type"] == "reply" && line["addresses"] == json!([leased]) && line["server_duid"].is_string()
    });
    has("a hello", &|line| line["source"] == "wsd" && line["kind"] == "hello" && line["endpoint"].is_string());
    has("a match", &|line| {
        let types = line["types"].as_array();
        line["kind"] == "probe-matches" && types.is_some_and(|types| types.contains(&"pub:Computer".into()))
    });
    has("a notification", &|line| {
        line["kind"] == "notify"
            && line["nt"] == GATEWAY_TYPE
            && line["location"] == format!("http://{}:5000/root.xml", ip(GATEWAY))
    });
    has("a question", &|line| line["source"] == "llmnr" && line["record"] == "query" && line["name"] == "answerer");
    has("a registration", &|line| line["source"] == "nbns" && line["name"] == "LAB" && line["group"] == true);
    assert!(lines.iter().all(|line| line.get("malformed").is_none()), "{log}");
}

impl Scene {
    fn host(&self, name: &str, last: u8) -> Namespace {
        let mut addresses = vec![format!("{}/24", ip(last)).parse().unwrap()];
        if last == ROUTER {
            addresses.push("2001:db8:77::1/64".parse().unwrap());
        }
        self.hub.plug_in(name, mac(last), &addresses).unwrap()
    }

    /// dnsmasq: router advertisements and DHCPv6.
    fn router(&self) -> (Namespace, Daemon) {
        let host = self.host("router", ROUTER);
        host.sh("sysctl -qw net.ipv6.conf.all.forwarding=1").unwrap();
        let command = format!(
            "dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --no-resolv --no-hosts --port=0 --pid-file= \
             --interface={IFACE} --bind-interfaces --enable-ra --dhcp-authoritative --dhcp-leasefile={} \
             --dhcp-range=2001:db8:77::100,2001:db8:77::1ff,64,3600 --dhcp-option=option6:dns-server,[2001:db8:77::53] \
             --dhcp-option=option6:domain-search,lab.test",
            self.path("leases")
        );
        let daemon = Daemon::start(&host, &command).unwrap();
        wait::until("dnsmasq to listen", || Ok(host.output("ss -Hlun sport = :547")?.contains(":547").then_some(())))
            .unwrap();
        (host, daemon)
    }

    /// dhclient: a DHCPv6 client with a name.
    fn desk(&self) -> (Namespace, Daemon) {
        let host = self.host("desk", DESK);
        // Addresses by DHCPv6 only.
        host.sh(&format!("sysctl -qw net.ipv6.conf.{IFACE}.autoconf=0")).unwrap();
        let (config, script) = (self.path("dhclient.conf"), self.path("dhclient-script"));
        std::fs::write(&config, "send fqdn.fqdn \"desk.lab.test\";\n").unwrap();
        let lines = "#!/bin/sh\ncase $reason in BOUND6|RENEW6|REBIND6) \
                     ip -6 addr replace $new_ip6_address/128 dev $interface nodad ;; esac\n";
        std::fs::write(&script, lines).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let command = format!(
            "dhclient -d -6 -cf {config} -sf {script} -lf {} -pf {} {IFACE}",
            self.path("dhclient.leases"),
            self.path("dhclient.pid")
        );
        let daemon = Daemon::start(&host, &command).unwrap();
        (host, daemon)
    }

    /// nmbd: registers its name and its workgroup's.
    fn files(&self) -> (Namespace, Daemon) {
        let host = self.host("files", FILES);
        let (config, own) = (self.path("smb.conf"), self.folder.path().display());
        std::fs::write(
            &config,
            format!(
                "[global]\nnetbios name = FILES\nworkgroup = LAB\ninterfaces = {}/24\nbind interfaces only = yes\n\
                 lock directory = {own}\nstate directory = {own}\ncache directory = {own}\npid directory = {own}\n\
                 private dir = {own}\nlog file = {own}/log\n",
                ip(FILES)
            ),
        )
        .unwrap();
        let run = "mkdir -p /run/samba && mount -t tmpfs -o mode=755 none /run/samba";
        let daemon = format!("nmbd --foreground --no-process-group --configfile={config}");
        let daemon = Daemon::start(&host, &format!("unshare --mount sh -c '{run} && exec {daemon}'")).unwrap();
        (host, daemon)
    }

    fn speaker(&self) -> (Namespace, Daemon) {
        let host = self.host("speaker", SPEAKER);
        let config = self.path("avahi.conf");
        std::fs::write(
            &config,
            format!(
                "[server]\nhost-name=speaker\nallow-interfaces={IFACE}\nenable-dbus=no\nuse-ipv4=yes\nuse-ipv6=yes\n\
                 [publish]\npublish-workstation=no\npublish-hinfo=no\n"
            ),
        )
        .unwrap();
        let run = "for d in /run/avahi-daemon /etc/avahi/services; do mkdir -p $d && mount -t tmpfs -o mode=755 none $d; done";
        let daemon = format!("avahi-daemon -f {config} --no-drop-root --no-chroot --no-rlimits");
        let daemon = Daemon::start(&host, &format!("unshare --mount sh -c '{run}; exec {daemon}'")).unwrap();
        (host, daemon)
    }

    fn windows(&self) -> (Namespace, Daemon) {
        let host = self.host("windows", WINDOWS);
        let daemon = Daemon::start(&host, &format!("wsdd -i {IFACE} -4 -t -n windows -w LAB")).unwrap();
        (host, daemon)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Waits until the records of the host are as they must be.
    fn check(&self, what: &str, last: u8, is_right: impl Fn(&[Value]) -> bool) {
        let of_host = || -> anyhow::Result<Vec<Value>> {
            let records = self.sensor.export()?;
            Ok(records.into_iter().filter(|record| record["mac"] == mac(last).to_string()).collect())
        };
        let found = wait::until(what, || Ok(Some(of_host()?).filter(|records| is_right(records))));
        found.unwrap_or_else(|error| panic!("{error}: {:#?}", of_host()));
    }
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 79, 0, last)
}

fn mac(last: u8) -> Mac {
    Mac([0x00, 0x14, 0x22, 0, 0x79, last])
}

fn is_named(records: &[Value], name: &str, source: &str) -> bool {
    let wanted = json!({"name": name, "source": source});
    records.iter().any(|record| record["names"].as_array().is_some_and(|names| names.contains(&wanted)))
}

fn has_source(record: &Value, source: &str) -> bool {
    record["sources"].as_array().is_some_and(|sources| sources.contains(&source.into()))
}

fn has_service(records: &[Value], port: u16, source: &str) -> bool {
    let services = records.iter().filter_map(|record| record["services"].as_array()).flatten();
    let is_it =
        |service: &Value| service["port"] == port && service["protocol"] == "udp" && service["source"] == source;
    services.into_iter().any(is_it)
}
