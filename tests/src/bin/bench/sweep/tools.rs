//! The programs that sweep, their command lines, and how their output is read.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context as _;
use sensor_tests::lab::crowd::{Crowd, IFACE, PORT};

/// How a network is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// On the link.
    Arp,
    /// Echo requests through a router.
    Icmp,
    /// One port, through a router.
    Tcp,
}

/// A program with its flags.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) whose: Whose,
    pub(super) words: Vec<String>,
    pub(super) hits: fn(&str) -> anyhow::Result<BTreeSet<Ipv4Addr>>,
    /// One round is enough.
    pub(super) is_slow: bool,
    /// Larger networks take it too long for a bench.
    pub(super) shortest_prefix: u8,
    /// Its exit status is 1 when somebody is silent.
    pub(super) fails_for_silent: bool,
    /// It waits for its end until a frame arrives, and so for ever where nobody speaks.
    pub(super) needs_traffic: bool,
}

/// What a figure is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// At `scan`'s own rate.
    Ours,
    /// With its rate opened up.
    OursOpened,
    /// A program with its default settings.
    PeerDefault,
    /// A program with flags that make it fast.
    PeerTuned,
}

/// All programs that sweep in this way. None resolves names: there is no name server in these namespaces.
pub(super) fn tools(family: Family, ours: &Path, crowd: &Crowd) -> anyhow::Result<Vec<Tool>> {
    let prefix = crowd.prefix.to_string();
    let gateway = crowd.gateway()?.to_string();
    let port = PORT.to_string();
    let sensor = ours.to_string_lossy().into_owned();
    let scan = [&sensor, "scan", &prefix, "--no-resolve", "--json", "--techniques"];
    let opened = ["--rate", "1000000", "--timeout-ms", "50"];
    let hurry = ["-n", "-T5", "--min-rate", "20000", "--min-parallelism", "2000", "-oG", "-", &prefix];
    let tuned = Whose::PeerTuned;
    Ok(match family {
        Family::Arp => {
            let flags = [&scan[..], &["arp", "-i", IFACE]].concat();
            vec![
                tool("sensor scan", Whose::Ours, &flags, records),
                tool("sensor scan, opened up", Whose::OursOpened, &[&flags[..], &opened].concat(), records),
                slow("arp-scan", &["arp-scan", "-I", IFACE, "-x", &prefix], lines, 0),
                tool(
                    "arp-scan, tuned",
                    tuned,
                    &["arp-scan", "-I", IFACE, "-x", "-B", "100M", "-r", "2", "-t", "200", &prefix],
                    lines,
                ),
                slow("nmap -sn", &["nmap", "-sn", "-n", "-oG", "-", &prefix], grepable_up, 0),
                tool("nmap -sn, tuned", tuned, &[&["nmap", "-sn"][..], &hurry].concat(), grepable_up),
            ]
        }
        Family::Icmp => {
            let flags = [&scan[..], &["icmp"]].concat();
            let zmap = ["zmap", "--probe-module=icmp_echoscan", "-i", IFACE, "-G", &gateway];
            let zmap = [&zmap[..], &["-b", "/dev/null", "-q", "-o", "-"]].concat();
            let fping_tuned = ["fping", "-a", "-q", "-i", "0.01", "-r", "1", "-t", "200", "-g", &prefix];
            vec![
                tool("sensor scan", Whose::Ours, &flags, records),
                tool("sensor scan, opened up", Whose::OursOpened, &[&flags[..], &opened].concat(), records),
                Tool { fails_for_silent: true, ..slow("fping", &["fping", "-a", "-q", "-g", &prefix], lines, 24) },
                Tool { fails_for_silent: true, ..tool("fping, tuned", tuned, &fping_tuned, lines) },
                slow("zmap", &[&zmap[..], &[&prefix]].concat(), lines, 22),
                tool("zmap, tuned", tuned, &[&zmap[..], &["-r", "100000", "-c", "1", &prefix]].concat(), lines),
                slow("nmap -sn -PE", &["nmap", "-sn", "-PE", "-n", "-oG", "-", &prefix], grepable_up, 0),
                tool("nmap -sn -PE, tuned", tuned, &[&["nmap", "-sn", "-PE"][..], &hurry].concat(), grepable_up),
            ]
        }
        Family::Tcp => {
            let flags = [&scan[..], &["tcp", "--ports", &port, "--no-banners"]].concat();
            let masscan = ["masscan", &prefix, "-p", &port, "-i", IFACE, "--router-mac", &gateway, "-oL", "-"];
            let nmap = ["nmap", "-sS", "-p", &port];
            vec![
                tool("sensor scan", Whose::Ours, &flags, records_with_port),
                tool("sensor scan, opened up", Whose::OursOpened, &[&flags[..], &opened].concat(), records_with_port),
                slow("nmap -sS", &[&nmap[..], &["-n", "-oG", "-", &prefix]].concat(), grepable_open, 0),
                tool("nmap -sS -Pn, tuned", tuned, &[&nmap[..], &["-Pn"], &hurry].concat(), grepable_open),
                Tool { needs_traffic: true, ..slow("masscan", &masscan, list, 24) },
                Tool {
                    needs_traffic: true,
                    ..tool("masscan, tuned", tuned, &[&masscan[..], &["--rate", "20000", "--wait", "1"]].concat(), list)
                },
            ]
        }
    })
}

fn tool(
    name: &'static str,
    whose: Whose,
    words: &[&str],
    hits: fn(&str) -> anyhow::Result<BTreeSet<Ipv4Addr>>,
) -> Tool {
    let words = words.iter().map(|&word| word.to_owned()).collect();
    Tool { name, whose, words, hits, is_slow: false, shortest_prefix: 0, fails_for_silent: false, needs_traffic: false }
}

/// A program with its default settings.
fn slow(
    name: &'static str,
    words: &[&str],
    hits: fn(&str) -> anyhow::Result<BTreeSet<Ipv4Addr>>,
    shortest_prefix: u8,
) -> Tool {
    Tool { is_slow: true, shortest_prefix, ..tool(name, Whose::PeerDefault, words, hits) }
}

/// Ours: a JSON array of records.
fn records(text: &str) -> anyhow::Result<BTreeSet<Ipv4Addr>> {
    hits_of_records(text, |record| record["alive"] == true)
}

fn records_with_port(text: &str) -> anyhow::Result<BTreeSet<Ipv4Addr>> {
    let is_open = |port: &serde_json::Value| port.as_u64() == Some(u64::from(PORT));
    hits_of_records(text, |record| record["ports"].as_array().is_some_and(|ports| ports.iter().any(is_open)))
}

fn hits_of_records(text: &str, is_hit: impl Fn(&serde_json::Value) -> bool) -> anyhow::Result<BTreeSet<Ipv4Addr>> {
    let records: Vec<serde_json::Value> = serde_json::from_str(text).context("its output is no JSON array")?;
    let mut found = BTreeSet::new();
    for record in records.iter().filter(|record| is_hit(record)) {
        let ip = record["ip"].as_str().and_then(|ip| ip.parse().ok()).context("a record has no IPv4 address")?;
        anyhow::ensure!(found.insert(ip), "{ip} is there twice");
    }
    Ok(found)
}

/// An address at the start of a line.
fn lines(text: &str) -> anyhow::Result<BTreeSet<Ipv4Addr>> {
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect())
}

/// `open tcp 80 ADDRESS TIME`
fn list(text: &str) -> anyhow::Result<BTreeSet<Ipv4Addr>> {
    let open = text.lines().filter(|line| line.starts_with("open "));
    Ok(open.filter_map(|line| line.split_whitespace().nth(3)?.parse().ok()).collect())
}

/// `Host: ADDRESS () Status: Up`
fn grepable_up(text: &str) -> anyhow::Result<BTreeSet<Ipv4Addr>> {
    Ok(grepable(text, "Status: Up"))
}

/// `Host: ADDRESS () Ports: 80/open/tcp//http///`
fn grepable_open(text: &str) -> anyhow::Result<BTreeSet<Ipv4Addr>> {
    Ok(grepable(text, "/open/"))
}

fn grepable(text: &str, word: &str) -> BTreeSet<Ipv4Addr> {
    let hosts = text.lines().filter(|line| line.contains(word));
    hosts.filter_map(|line| line.strip_prefix("Host: ")?.split_whitespace().next()?.parse().ok()).collect()
}

impl Family {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Arp => "ARP",
            Self::Icmp => "ICMP",
            Self::Tcp => "TCP",
        }
    }
}
