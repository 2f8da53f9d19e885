//! The rules of a run: drawn at random, written as a configuration file, and applied to what was sent.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use sensor_core::types::Mac;

use super::outgoing::Outgoing;
use crate::frames::Random;

/// What the owner allows.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Networks that may be asked; the longest prefix decides.
    pub networks: Vec<Network>,
    /// Addresses that are never asked.
    pub never: Vec<IpNet>,
    /// Stations that are never asked.
    pub never_macs: Vec<Mac>,
    /// Packets a second.
    pub rate: u32,
    /// Packets to one host in an hour.
    pub host_per_hour: u32,
    /// Hours that cover the present.
    pub is_quiet: bool,
    /// The quiet hours as written in the file.
    pub quiet_hours: Option<String>,
    /// The name server, wherever it is.
    pub name_servers: Vec<IpAddr>,
    /// Techniques where a network has none of its own.
    pub techniques: Vec<&'static str>,
    /// Ports where a network has none of its own.
    pub ports: Vec<u16>,
}

/// One network.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its addresses.
    pub prefix: IpNet,
    /// Whether it is in the file; otherwise it is only attached.
    pub is_named: bool,
    /// Whether no host in it may be asked.
    pub is_passive: bool,
    /// Techniques that may be used; `None`: the general ones.
    pub techniques: Option<Vec<&'static str>>,
    /// Ports that may be connected to; `None`: the general ones.
    pub ports: Option<Vec<u16>>,
    /// Its own name server, where it has one.
    pub name_server: Option<Ipv4Addr>,
    /// Whether and how often it is swept.
    pub sweep: Option<&'static str>,
}

/// What a frame costs, in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Counted against the sensor's rate.
    pub sensor: u32,
    /// Counted against the rate to one host.
    pub host: Option<(IpAddr, u32)>,
}

/// Packets that the sensor sends in a TCP connection that is opened and closed.
pub const CONNECT: u32 = 4;

/// The attached network of the lab.
pub const ATTACHED: &str = "10.66.0.0/24";
/// The prober in it.
pub const PROBER: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 254);
/// The router in it.
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 1);
/// The router's station.
pub const ROUTER_MAC: Mac = Mac([2, 66, 2, 0, 0, 1]);
/// A name server that a network may have for itself, behind the router.
pub const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 53);
/// The name server of the machine, behind the router; it never answers.
pub const SYSTEM_NAME_SERVER: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 54);
/// The IPv6 network in which the prober may be.
const ATTACHED_V6: &str = "fd77::/64";
/// The addresses in it that members may have.
const MEMBERS_V6: &str = "fd77::a42:0/120";

const TECHNIQUES: [&str; 7] = ["arp", "icmp", "mdns", "nbns", "ndp", "ptr", "tcp"];
const PORTS: [u16; 10] = [22, 80, 443, 515, 631, 8080, 9099, 9100, 9107, 9108];
/// Ports of printers and controllers, which are asked only by name.
const PRINTERS: [u16; 10] = [515, 631, 9100, 9101, 9102, 9103, 9104, 9105, 9106, 9107];

impl Rules {
    /// Random rules. `minute` is the local minute of the day; the prober speaks IPv6 if `has_ipv6`.
    pub fn random(random: &mut Random, minute: u16, has_ipv6: bool) -> Self {
        let quiet = random.below(8);
        let (from, to) = if quiet == 0 { (1430, 10) } else { (120, 180) };
        let clock = |after: u16| format!("{:02}:{:02}", (minute + after) % 1440 / 60, (minute + after) % 60);
        let mut rules = Self {
            networks: networks(random, has_ipv6),
            never: never(random),
            never_macs: Vec::new(),
            rate: pick(random, &[5, 20, 60, 200]),
            host_per_hour: pick(random, &[6, 20, 60, 240]),
            is_quiet: quiet == 0,
            quiet_hours: (quiet < 4).then(|| format!("{}-{}", clock(from), clock(to))),
            name_servers: vec![NAME_SERVER.into(), SYSTEM_NAME_SERVER.into()],
            techniques: subset(random, &TECHNIQUES, 2),
            ports: subset(random, &PORTS, 2),
        };
        if random.below(2) == 0 {
            rules.never_macs = (0..3).map(|_| member_mac(random.below(254) as u8)).collect();
        }
        if random.below(4) == 0 {
            // A station that is never asked claims the address of the router to everything outside.
            rules.never_macs.push(member_mac(ROUTER.octets()[3]));
        }
        rules
    }

    /// Rules for a scan, which takes them from its flags alone, and what it is to scan; nothing: the attached network.
    pub fn of_scan(random: &mut Random, has_ipv6: bool) -> (Self, Vec<IpNet>) {
        let all: [&[&str]; 5] = [
            &[],
            &[ATTACHED],
            &["10.66.0.0/26", "10.66.0.77/32"],
            &[ATTACHED, "10.99.0.0/28"],
            // The attached network is a part of this one.
            &["10.66.0.0/23"],
        ];
        let mut targets: Vec<&str> = pick(random, &all).to_vec();
        if has_ipv6 && !targets.is_empty() {
            targets.push(MEMBERS_V6);
        }
        let targets: Vec<IpNet> = targets.iter().filter_map(|text| text.parse().ok()).collect();
        let attached = [ATTACHED, ATTACHED_V6].into_iter().take(1 + usize::from(has_ipv6));
        let attached = attached.filter_map(|text| text.parse().ok());
        let far = targets.iter().copied().filter(|prefix| !prefix.addr().is_ipv6() && prefix.prefix_len() != 26);
        let network = |prefix| Network {
            prefix,
            is_named: false,
            is_passive: false,
            techniques: None,
            ports: None,
            name_server: None,
            sweep: None,
        };
        let mut rules = Self {
            networks: attached.chain(far).map(network).collect(),
            never: never(random),
            never_macs: Vec::new(),
            // What hosts may be asked in a second and in an hour is no rule of a scan.
            rate: u32::MAX / 8,
            host_per_hour: u32::MAX,
            is_quiet: false,
            quiet_hours: None,
            name_servers: vec![NAME_SERVER.into()],
            techniques: subset(random, &TECHNIQUES, 2),
            ports: subset(random, &PORTS, 2),
        };
        if random.below(4) > 0 {
            // Who they are only ARP and NDP can tell.
            rules.never_macs = (0..12).map(|_| member_mac(random.below(254) as u8)).collect();
            let missing = ["arp", "ndp"].into_iter().filter(|technique| !rules.techniques.contains(technique));
            let missing: Vec<_> = missing.collect();
            rules.techniques.extend(missing);
        }
        if !["arp", "icmp", "tcp"].iter().any(|technique| rules.techniques.contains(technique)) {
            rules.techniques.push("icmp");
        }
        (rules, targets)
    }

    /// The flags of `sensor scan` that state them.
    pub fn flags(&self) -> Vec<String> {
        let never = self.never.iter().map(|prefix| prefix_words(*prefix));
        let never: Vec<String> = never.chain(self.never_macs.iter().map(Mac::to_string)).collect();
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        let servers: Vec<String> = self.name_servers.iter().map(IpAddr::to_string).collect();
        let flags = [
            ("--never-probe", never.join(",")),
            ("--techniques", self.techniques.join(",")),
            ("--ports", ports.join(",")),
            ("--nameservers", servers.join(",")),
        ];
        flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }

    /// The configuration file that states them.
    pub fn file(&self) -> String {
        let mut text = String::new();
        let words = |list: Vec<String>| format!("[{}]", list.join(", "));
        let quoted = |list: Vec<String>| words(list.iter().map(|word| format!("\"{word}\"")).collect());
        let names = |list: &[&str]| quoted(list.iter().map(|word| (*word).to_owned()).collect());
        let numbers = |list: &[u16]| words(list.iter().map(u16::to_string).collect());
        let never = self.never.iter().map(|prefix| prefix_words(*prefix));
        let never = never.chain(self.never_macs.iter().map(Mac::to_string)).collect();
        let line = |text: &mut String, key: &str, value: &str| writeln!(text, "{key} = {value}").unwrap_or_default();
        line(&mut text, "interface", "[\"eth0\"]");
        line(&mut text, "learning_s", "0");
        line(&mut text, "refresh_s", "1");
        line(&mut text, "timeout_ms", "300");
        line(&mut text, "rate", &self.rate.to_string());
        line(&mut text, "host_per_hour", &self.host_per_hour.to_string());
        line(&mut text, "gone_after", "\"10s\"");
        line(&mut text, "techniques", &names(&self.techniques));
        line(&mut text, "ports", &numbers(&self.ports));
        line(&mut text, "never_probe", &quoted(never));
        if let Some(hours) = &self.quiet_hours {
            line(&mut text, "quiet_hours", &format!("[\"{hours}\"]"));
        }
        for network in self.networks.iter().filter(|network| network.is_named) {
            line(&mut text, "\n[[network]]\nprefix", &format!("\"{}\"", prefix_words(network.prefix)));
            line(&mut text, "passive", &network.is_passive.to_string());
            if let Some(techniques) = &network.techniques {
                line(&mut text, "techniques", &names(techniques));
            }
            if let Some(ports) = &network.ports {
                line(&mut text, "ports", &numbers(ports));
            }
            if let Some(server) = network.name_server {
                line(&mut text, "nameservers", &format!("[\"{server}\"]"));
            }
            if let Some(sweep) = network.sweep {
                line(&mut text, "sweep", &format!("\"{sweep}\""));
            }
        }
        text
    }

    /// What a frame that left costs, or which rule forbids it.
    pub fn judge(&self, frame: Outgoing) -> Result<Cost, &'static str> {
        match frame {
            // Sent by the kernel about what came in: no question of the sensor.
            Outgoing::ArpReply | Outgoing::Ipv6OfKernel => Ok(Cost::default()),
            Outgoing::ArpOfKernel(ip) => {
                self.allowed(ip.into(), &["icmp", "mdns", "nbns", "tcp"]).map(|()| Cost::default())
            }
            Outgoing::IcmpError(ip) if self.name_servers.contains(&ip) => Ok(Cost::default()),
            Outgoing::IcmpError(ip) => self.allowed(ip, &TECHNIQUES).map(|()| Cost::default()),
            Outgoing::ArpQuestion(ip) => self.allowed(ip.into(), &["arp"]).map(|()| to_host(ip.into(), 1)),
            Outgoing::Echo(ip) if ip == IpAddr::V6(ALL_NODES) => self.everybody().map(|()| of_sensor(1)),
            Outgoing::Echo(ip) => self.allowed(ip, &["icmp"]).map(|()| to_host(ip, 1)),
            // Before it sends anything else to an IPv6 neighbour, the kernel sends the same solicitation.
            Outgoing::Solicit(ip) => self.allowed(ip.into(), &TECHNIQUES).map(|()| Cost::default()),
            Outgoing::Syn(ip, 53) | Outgoing::Udp(ip, 53) if self.name_servers.contains(&ip) => {
                self.names().map(|()| of_sensor(1))
            }
            Outgoing::Tcp(ip, 53) if self.name_servers.contains(&ip) => self.names().map(|()| Cost::default()),
            Outgoing::Udp(ip, 5353) => self.allowed(ip, &["mdns"]).map(|()| to_host(ip, 1)),
            Outgoing::Udp(ip, 137) => self.allowed(ip, &["nbns"]).map(|()| to_host(ip, 1)),
            // The later segments of the connection are paid for with the first one.
            Outgoing::Syn(ip, port) => self.port(ip, port).map(|()| to_host(ip, CONNECT)),
            Outgoing::Tcp(ip, port) => self.port(ip, port).map(|()| Cost::default()),
            Outgoing::Udp(..) | Outgoing::Unknown => Err("nothing that the sensor asks"),
        }
    }

    fn names(&self) -> Result<(), &'static str> {
        let asks = |network: &Network| !network.is_passive && self.techniques(network).contains(&"ptr");
        let is_allowed = !self.is_quiet && self.networks.iter().any(asks);
        if is_allowed { Ok(()) } else { Err("nobody may ask for names") }
    }

    /// All nodes of a segment may be asked only where no host is excepted.
    fn everybody(&self) -> Result<(), &'static str> {
        if self.is_quiet {
            return Err("quiet hours");
        }
        let is_anybody_excepted = !self.never_macs.is_empty()
            || self.never.iter().any(|prefix| matches!(prefix, IpNet::V6(_)))
            || self.networks.iter().any(|network| network.is_passive);
        if is_anybody_excepted { Err("all nodes, and somebody is excepted") } else { Ok(()) }
    }

    fn port(&self, ip: IpAddr, port: u16) -> Result<(), &'static str> {
        self.allowed(ip, &["tcp"])?;
        let network = self.network(ip)?;
        let ports = network.ports.as_ref().unwrap_or(&self.ports);
        match ports.contains(&port) {
            true => Ok(()),
            false if PRINTERS.contains(&port) => Err("a printer's port that was not named"),
            false => Err("a port that was not named"),
        }
    }

    fn allowed(&self, ip: IpAddr, techniques: &[&str]) -> Result<(), &'static str> {
        let network = self.network(ip)?;
        let has = techniques.iter().any(|technique| self.techniques(network).contains(technique));
        if has { Ok(()) } else { Err("a technique that is not the network's") }
    }

    /// The network under whose rules an address may be asked.
    fn network(&self, ip: IpAddr) -> Result<&Network, &'static str> {
        let holding = self.networks.iter().filter(|network| network.prefix.contains(&ip));
        let network =
            holding.max_by_key(|network| network.prefix.prefix_len()).ok_or("outside the allowed networks")?;
        if self.is_quiet {
            return Err("quiet hours");
        }
        if network.is_passive {
            return Err("a passive network");
        }
        if self.never.iter().any(|prefix| prefix.contains(&ip)) {
            return Err("never to be asked");
        }
        if ip == IpAddr::V4(PROBER) {
            return Err("ourselves");
        }
        if self.networks.iter().any(|network| edges(network.prefix).contains(&ip)) {
            return Err("a network's own or broadcast address");
        }
        let is_bogon = match ip {
            IpAddr::V4(ip) => ip.is_loopback() || ip.octets()[0] == 0 || ip.octets()[0] >= 224,
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_multicast() || ip.is_unspecified() || ip.to_ipv4().is_some(),
        };
        if is_bogon { Err("a bogon") } else { Ok(network) }
    }

    fn techniques<'a>(&'a self, network: &'a Network) -> &'a [&'static str] {
        network.techniques.as_ref().unwrap_or(&self.techniques)
    }
}

impl Cost {
    /// Whether the sensor asked at all.
    pub fn is_question(&self) -> bool {
        self.sensor > 0
    }
}

fn to_host(ip: IpAddr, packets: u32) -> Cost {
    Cost { sensor: packets, host: Some((ip, packets)) }
}

fn of_sensor(packets: u32) -> Cost {
    Cost { sensor: packets, host: None }
}

/// The network's own address and its broadcast address, where it has them (RFC 3021).
pub fn edges(prefix: IpNet) -> Vec<IpAddr> {
    match prefix {
        IpNet::V4(net) if net.prefix_len() < 31 => vec![net.network().into(), net.broadcast().into()],
        _ => Vec::new(),
    }
}

/// The station of a member of the crowd.
pub fn member_mac(last: u8) -> Mac {
    Mac([0x00, 0x14, 0x22, 66, 0, last])
}

fn networks(random: &mut Random, has_ipv6: bool) -> Vec<Network> {
    let mut networks = Vec::new();
    let mut add = |random: &mut Random, text: &str, is_named: bool| {
        let Ok(prefix) = text.parse::<IpNet>() else { return };
        let own = is_named && random.below(2) == 0;
        networks.push(Network {
            prefix,
            is_named,
            is_passive: is_named && random.below(4) == 0,
            techniques: own.then(|| subset(random, &TECHNIQUES, 2)),
            ports: (is_named && random.below(2) == 0).then(|| subset(random, &PORTS, 2)),
            name_server: (is_named && random.below(2) == 0).then_some(NAME_SERVER),
            sweep: if is_named {
                pick(random, &[None, Some("off"), Some("on"), Some("1s"), Some("60s")])
            } else {
                None
            },
        });
    };
    let is_named = random.below(2) == 0;
    add(random, ATTACHED, is_named);
    if has_ipv6 {
        let is_named = random.below(2) == 0;
        add(random, ATTACHED_V6, is_named);
    }
    let inner = pick(random, &[None, Some("10.66.0.64/26"), Some("10.66.0.128/25"), Some("10.66.0.20/31")]);
    inner.into_iter().for_each(|text| add(random, text, true));
    let routed =
        pick(random, &[None, Some("10.99.0.0/24"), Some("10.96.0.0/12"), Some("10.99.0.6/31"), Some("10.99.0.9/32")]);
    routed.into_iter().for_each(|text| add(random, text, true));
    networks
}

fn never(random: &mut Random) -> Vec<IpNet> {
    let all = ["10.66.0.32/29", "10.66.0.77/32", "10.66.0.130/32", "10.99.0.64/27", "10.99.0.5/32", "fd77::a42:19/128"];
    subset(random, &all, 1).iter().filter_map(|text| text.parse().ok()).collect()
}

/// Each with a chance of one half, but at least so many.
fn subset<T: Copy + PartialEq>(random: &mut Random, all: &[T], least: usize) -> Vec<T> {
    let mut chosen: Vec<T> = all.iter().copied().filter(|_| random.below(2) == 0).collect();
    while chosen.len() < least {
        let more = pick(random, all);
        if !chosen.contains(&more) {
            chosen.push(more);
        }
    }
    chosen
}

/// One of them.
pub fn pick<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[random.below(all.len())]
}

/// A single address is written without a prefix length.
fn prefix_words(prefix: IpNet) -> String {
    if prefix.prefix_len() == prefix.max_prefix_len() { prefix.addr().to_string() } else { prefix.to_string() }
}

/// RFC 4291, section 2.7.1.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
