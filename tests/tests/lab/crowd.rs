//! The crowd answers ordinary programs as its members should.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use sensor_tests::lab;
use sensor_tests::lab::crowd::{Crowd, Kind, PAGE, Way};
use sensor_tests::lab::services::{
    NETBIOS_NAME, SNMP_PASSWORD, SNMP_USER, SYS_NAME, Service, Services, TITLE, TLS_NAMES,
};

/// One of each kind, by the last octet.
fn mixed(ip: Ipv4Addr) -> Option<Kind> {
    match ip.octets()[3] {
        1..=20 => Some(Kind::Full),
        21 => Some(Kind::ArpOnly),
        22 => Some(Kind::NoIcmp),
        23 => Some(Kind::Slow),
        24 => Some(Kind::RateLimited(1)),
        25 => Some(Kind::NdpOnly),
        _ => None,
    }
}

#[test]
fn on_a_cable_the_kernel_answers_for_ordinary_hosts() {
    if lab::possible() {
        check(Way::Link, &[1, 20, 23], &[1, 20, 22]);
    }
}

#[test]
fn on_a_switch_each_has_its_own_station() {
    if !lab::possible() {
        return;
    }
    let crowd = check(Way::Switch, &[1, 20, 23], &[1, 20, 22]);
    let neighbours = crowd.prober.output("ip neigh").unwrap();
    let stations: BTreeSet<&str> = neighbours.split_whitespace().filter(|word| word.starts_with("00:14:22:")).collect();
    assert!(stations.len() >= 5, "{neighbours}");
    let page = crowd.prober.output("curl -s -m 3 -i http://10.66.0.20/").unwrap();
    assert_eq!(page, PAGE);
    crowd.prober.sh("ping -c 1 -W 1 fd77::a42:19 || true").unwrap();
    let neighbours = crowd.prober.output("ip -6 neigh").unwrap();
    assert!(neighbours.contains("fd77::a42:19 dev eth0 lladdr 00:14:22:42:00:19"), "{neighbours}");
}

#[test]
fn behind_a_router_there_is_no_arp() {
    if lab::possible() {
        check(Way::Router, &[1, 20, 23, 24], &[1, 20, 22]);
    }
}

#[test]
fn daemons_identify_themselves() {
    if !lab::possible() || !lab::has_services() {
        return;
    }
    let crowd = Crowd::build("10.66.0.0/24".parse().unwrap(), Way::Switch, |_| None).unwrap();
    let services = Services::start(&crowd).unwrap();
    let says = |service: Service, line: &str, word: &str| {
        let ip = services.host(service).ip.to_string();
        let said = crowd.prober.output(&format!("({}) 2>&1 || true", line.replace("IP", &ip))).unwrap();
        assert!(said.contains(word), "{service:?} does not say {word}: {said}");
    };
    says(Service::Web, "curl -s -m 3 -i http://IP/", "Server: nginx");
    says(Service::Web, "curl -s -m 3 -i http://IP/", TITLE);
    says(Service::Ssh, "timeout 3 bash -c 'read -r line </dev/tcp/IP/22; echo $line'", "SSH-2.0-OpenSSH");
    for name in TLS_NAMES {
        let line = "openssl s_client -connect IP:443 </dev/null | openssl x509 -noout -subject -ext subjectAltName";
        says(Service::Tls, line, name);
    }
    let snmpget = "snmpget -t 2 -Oqv -On IP .1.3.6.1.2.1.1.5.0";
    let three = format!("-v3 -l authPriv -u {SNMP_USER} -a SHA -A {SNMP_PASSWORD} -x AES -X {SNMP_PASSWORD}");
    if std::path::Path::new("/usr/bin/snmpget").exists() {
        says(Service::Snmp, &snmpget.replace("-t 2", "-t 2 -v2c -c lab-community"), SYS_NAME);
        says(Service::Snmp, &snmpget.replace("-t 2", &format!("-t 2 {three}")), SYS_NAME);
    }
    let dns = services.host(Service::Dns).ip;
    let answer = crowd.prober.enter(|| {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
        socket.set_read_timeout(Some(std::time::Duration::from_secs(3)))?;
        socket.send_to(
            b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x03208\x010\x0266\x0210\x07in-addr\x04arpa\0\0\x0c\0\x01",
            (dns, 53),
        )?;
        let mut buffer = [0; 512];
        let len = socket.recv(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..len]).into_owned())
    });
    let answer = answer.unwrap();
    assert!(answer.contains("web\u{5}crowd\u{4}test"), "{answer:?}");
    says(Service::Netbios, "nmblookup -A IP", NETBIOS_NAME);
}

/// Checks which members of a crowd of all kinds answer `ping` within five seconds and accept a connection.
fn check(way: Way, icmp: &[u8], tcp: &[u8]) -> Crowd {
    let crowd = Crowd::build("10.66.0.0/24".parse().unwrap(), way, mixed).unwrap();
    let tap = crowd.tap().unwrap();
    let answering = |line: &str| -> Vec<u8> {
        let numbers = [1, 20, 21, 22, 23, 24, 25, 26];
        let all: String =
            numbers.iter().map(|n| format!("({}) & ", line.replace("IP", &format!("10.66.0.{n}")))).collect();
        let said = crowd.prober.output(&format!("{all} wait")).unwrap();
        let mut answering: Vec<u8> =
            said.split_whitespace().map(|ip| ip.rsplit_once('.').unwrap().1.parse().unwrap()).collect();
        answering.sort_unstable();
        answering
    };
    assert_eq!(answering("ping -q -c 1 -W 5 IP >/dev/null && echo IP"), icmp);
    assert_eq!(answering("timeout 3 bash -c 'exec 3<>/dev/tcp/IP/80' 2>/dev/null && echo IP"), tcp);
    let frames = tap.frames().unwrap();
    assert!(frames.len() > 20, "{}", frames.len());
    let seconds: BTreeSet<u64> = frames.iter().map(|frame| frame.at.as_secs()).collect();
    assert!(seconds.first().unwrap() + 60 > *seconds.last().unwrap(), "{seconds:?}");
    crowd
}
