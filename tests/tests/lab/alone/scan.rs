//! One sweep of a network of hundreds of hosts of mixed kinds: each is found once and described correctly.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::lab;
use sensor_tests::lab::crowd::{Crowd, Kind, PORT, Way};
use sensor_tests::lab::services::{
    COMMUNITY, MDNS_NAME, NETBIOS_NAME, SNMP_PASSWORD, SNMP_USER, SYS_DESCR, SYS_NAME, Service, Services, TITLE,
    TLS_NAMES,
};
use serde_json::{Value, json};

const PREFIX: &str = "10.66.0.0/23";
const FLAGS: [&str; 5] = ["--json", "--ports", "22,80,443", "--techniques", "arp,ndp,icmp,tcp,ptr,mdns,nbns,snmp"];

#[test]
fn every_host_is_found_once_and_described() {
    if !lab::possible() || !lab::has_services() {
        return;
    }
    let crowd = Crowd::build(PREFIX.parse().unwrap(), Way::Switch, member).unwrap();
    let services = Services::start(&crowd).unwrap();
    let (silent, alive) = (services.host(Service::SilentDns).ip, services.host(Service::Dns).ip);
    let community = format!("[[snmp]]\ncommunity = \"{COMMUNITY}\"\n");
    let user = format!(
        "[[snmp]]\nuser = \"{SNMP_USER}\"\nauth = \"sha-1\"\nauth_password = \"{SNMP_PASSWORD}\"\n\
         privacy = \"aes-128\"\nprivacy_password = \"{SNMP_PASSWORD}\"\n"
    );
    let records = scan(&crowd, services.folder.path(), &[silent, alive], &community);
    check_crowd(&crowd, &records);
    check_services(&services, &records);
    for host in &services.hosts {
        let record = &records[&IpAddr::V4(host.ip)];
        assert_eq!(record["reverse_dns"], Services::dns_name(host.service), "{record:#}");
    }
    let nobody_else = crowd.members.len() + services.hosts.len();
    let strangers: Vec<&IpAddr> = records.keys().filter(|ip| !is_expected(&crowd, &services, **ip)).collect();
    assert!(strangers.is_empty() && records.len() >= nobody_else, "{strangers:?}, {} records", records.len());
    // Without a name server that answers there are no names from DNS, and nothing else is missing.
    let nameless = scan(&crowd, services.folder.path(), &[silent], &user);
    assert_eq!(lasting(&nameless), lasting(&records));
    assert!(nameless.values().all(|record| record.get("reverse_dns").is_none()));
}

/// The kind of host at each address.
fn member(ip: Ipv4Addr) -> Option<Kind> {
    let [_, _, third, fourth] = ip.octets();
    match (third, fourth) {
        (0, 1..=120) => Some(Kind::Full),
        (0, 121..=150) => Some(Kind::NoIcmp),
        (0, 151..=170) => Some(Kind::ArpOnly),
        (0, 171..=180) => Some(Kind::Slow),
        (0, 181..=190) => Some(Kind::RateLimited(1)),
        (0, 191..=196) => Some(Kind::NdpOnly),
        (1, fourth) if fourth.is_multiple_of(3) => Some(Kind::Full),
        _ => None,
    }
}

/// One sweep, with name servers and SNMP credentials of its own: records by address.
fn scan(crowd: &Crowd, folder: &Path, nameservers: &[Ipv4Addr], snmp: &str) -> BTreeMap<IpAddr, Value> {
    let credentials = folder.join("snmp.toml");
    std::fs::write(&credentials, snmp).unwrap();
    std::fs::set_permissions(&credentials, std::fs::Permissions::from_mode(0o600)).unwrap();
    let six = crowd.members.iter().filter(|(_, kind)| **kind == Kind::NdpOnly);
    let six: Vec<String> = six.map(|(ip, _)| Crowd::ipv6_of(*ip).to_string()).collect();
    let nameservers: Vec<String> = nameservers.iter().map(Ipv4Addr::to_string).collect();
    let mut command = crowd.prober.command(sensor_binary());
    command.args(["scan", PREFIX]).args(six).args(FLAGS).args(["--nameservers", &nameservers.join(",")]);
    let output = command.arg("--snmp").arg(credentials).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let records: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let mut by_address = BTreeMap::new();
    for record in records {
        let ip = record["ip"].as_str().unwrap().parse().unwrap();
        let twice = by_address.insert(ip, record);
        assert!(twice.is_none(), "{ip} is there twice: {twice:#?}");
    }
    by_address
}

fn check_crowd(crowd: &Crowd, records: &BTreeMap<IpAddr, Value>) {
    let mut wrong = Vec::new();
    for (ip, kind) in &crowd.members {
        let address = if *kind == Kind::NdpOnly { Crowd::ipv6_of(*ip).into() } else { IpAddr::V4(*ip) };
        let Some(record) = records.get(&address) else {
            wrong.push(format!("{address} ({kind:?}) is missing"));
            continue;
        };
        if !is_right(*kind, crowd.station_of(*ip).unwrap(), record) {
            wrong.push(format!("{kind:?}: {record:#}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {}", wrong.len(), crowd.members.len(), wrong[..wrong.len().min(5)].join("\n"));
}

/// Whether a member's record is correct and complete.
fn is_right(kind: Kind, station: Mac, record: &Value) -> bool {
    let talks_tcp = matches!(kind, Kind::Full | Kind::NoIcmp);
    let ports = if talks_tcp { json!([PORT]) } else { Value::Null };
    let banner = &record["banners"][PORT.to_string()];
    let technique = if kind == Kind::NdpOnly { "ndp" } else { "arp" };
    record["alive"] == true
        && record["mac"] == station.to_string()
        && contains(&record["vendor"], "Dell")
        && sources(record).iter().any(|source| source.starts_with(technique))
        && (kind != Kind::NoIcmp || !sources(record).contains(&"icmp"))
        && ports_of(record) == ports
        && (!talks_tcp || contains(banner, "crowd") && contains(banner, "One of many"))
}

fn check_services(services: &Services, records: &BTreeMap<IpAddr, Value>) {
    for host in &services.hosts {
        let record = records.get(&IpAddr::V4(host.ip)).unwrap_or_else(|| panic!("{:?} is missing", host.service));
        assert_eq!(record["alive"], true, "{record:#}");
        assert_eq!(record["mac"], host.mac.to_string(), "{record:#}");
        assert!(contains(&record["vendor"], "Hewlett"), "{record:#}");
        assert!(sources(record).contains(&"icmp"), "{record:#}");
        let (port, words): (Option<u16>, &[&str]) = match host.service {
            Service::Ssh => (Some(22), &["SSH-2.0-OpenSSH"]),
            Service::Tls => (Some(443), &TLS_NAMES),
            Service::Web => (Some(80), &["nginx", TITLE]),
            Service::Dns | Service::Mdns | Service::Netbios | Service::SilentDns | Service::Snmp => (None, &[]),
        };
        assert_eq!(ports_of(record), port.map_or(Value::Null, |port| json!([port])), "{record:#}");
        for word in words {
            assert!(contains(&record["banners"][port.unwrap().to_string()], word), "{word}: {record:#}");
        }
        match host.service {
            Service::Mdns => assert!(is_called(record, "mdns", MDNS_NAME), "{record:#}"),
            Service::Netbios => assert!(is_called(record, "nbns", NETBIOS_NAME), "{record:#}"),
            Service::Snmp => {
                assert_eq!(record["snmp"]["sysName"], SYS_NAME, "{record:#}");
                assert_eq!(record["snmp"]["sysDescr"], SYS_DESCR, "{record:#}");
            }
            _ => {}
        }
    }
}

/// A member, a service, or the prober itself.
fn is_expected(crowd: &Crowd, services: &Services, ip: IpAddr) -> bool {
    ip == IpAddr::V4(crowd.prober_address())
        || services.hosts.iter().any(|host| IpAddr::V4(host.ip) == ip)
        || crowd.members.iter().any(|(own, kind)| match kind {
            Kind::NdpOnly => IpAddr::V6(Crowd::ipv6_of(*own)) == ip,
            _ => IpAddr::V4(*own) == ip,
        })
}

/// The fields in which two sweeps must agree.
fn lasting(records: &BTreeMap<IpAddr, Value>) -> BTreeMap<IpAddr, Vec<Value>> {
    let fields = ["alive", "mac", "vendor", "ports", "snmp"];
    records.iter().map(|(ip, record)| (*ip, fields.map(|field| record[field].clone()).to_vec())).collect()
}

/// The open ports; an empty list counts as absent.
fn ports_of(record: &Value) -> Value {
    if record["ports"] == json!([]) { Value::Null } else { record["ports"].clone() }
}

fn sources(record: &Value) -> Vec<&str> {
    record["sources"].as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

fn contains(text: &Value, word: &str) -> bool {
    text.as_str().is_some_and(|text| text.contains(word))
}

/// Whether it has this name from that source; case and domain do not matter.
fn is_called(record: &Value, source: &str, name: &str) -> bool {
    let label = |value: &Value| value.as_str().and_then(|name| name.split('.').next()).map(str::to_lowercase);
    let names = record["names"].as_array().map(Vec::as_slice).unwrap_or_default();
    names.iter().any(|entry| entry["source"] == source && label(&entry["name"]) == Some(name.to_lowercase()))
}
