//! What a scan asks, and of whom: networks by lanes, hosts that were found by questions.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::capture::iface;
use crate::capture::iface::addresses::Addresses;
use crate::capture::iface::link::Link;
use crate::capture::options::{Port, Role};
use crate::commands::scan::lane::{Lane, Way};
use crate::commands::scan::questions::{connects, family, knocks};
use crate::config::error::ConfigError;
use crate::config::scan::Scan;
use crate::pipeline::speakers;
use crate::probe::icmp::family::Family;
use crate::probe::icmp::sweep::EchoSweep;
use crate::probe::prober::Voice;
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use sensor_core::inventory::planner::policy::{DELICATE_PORTS, Policy};
use sensor_core::inventory::planner::probe::{Probe, Question, Technique};
use sensor_core::inventory::planner::sweep::Sweep;
use sensor_core::types::{Iface, Segment};

/// What is asked, of whom.
#[derive(Debug)]
pub(super) struct Plan {
    /// Who speaks.
    pub(super) voices: Vec<Voice>,
    /// Between two passes.
    pub(super) gap: Duration,
    /// After the last question.
    pub(super) wait: Duration,
    wants_banners: bool,
    policy: Policy,
    techniques: BTreeSet<Technique>,
    ports: Arc<[u16]>,
    targets: Vec<Target>,
}

/// A network or an address to be scanned.
#[derive(Clone, Debug)]
struct Target {
    prefix: IpNet,
    segment: Segment,
    /// ARP and NDP reach it.
    attached: bool,
}

/// The largest network that is swept without being named: a /16.
const UNNAMED_BITS_MAX: u8 = 16;
/// IPv6 networks larger than this are not swept: all nodes are asked at once instead.
const IPV6_BITS_MAX: u8 = 12;
/// A routed host that drops pings is tried on so many of the ports.
const KNOCKS: usize = 3;
/// Two passes are this far apart, or as far as the wait for answers, if that is less.
const GAP: Duration = Duration::from_millis(100);

impl Plan {
    /// From the configuration and the world's interfaces.
    pub(super) fn new(config: &Scan, here: &Addresses) -> Result<Self, Failure> {
        let asking = &config.probing;
        let mut named: Vec<_> = config.interface.into_iter().collect();
        let ifaces = match config.interface {
            Some(iface) => vec![iface],
            None => every_interface(config, here)?,
        };
        let ports: Vec<Port> = ifaces.into_iter().map(|iface| Port { iface, role: Role::Host }).collect();
        // Who names an address names the way to it.
        if !config.targets.is_empty() {
            named.extend(ports.iter().map(|port| port.iface));
        }
        let voices = speakers::speaking(&ports, asking, &named, here)?;
        let policy = speakers::policy(&voices, asking);
        let targets = targets(config, &voices, &policy, here);
        // An interface that no target needs is left alone.
        let voices: Vec<Voice> = voices
            .into_iter()
            .filter(|voice| targets.iter().any(|target| target.segment.iface == voice.iface))
            .collect();
        let techniques = asking.defaults.techniques.clone();
        Ok(Self {
            gap: GAP.min(config.wait),
            wait: config.wait,
            ports: asking
                .defaults
                .ports
                .iter()
                .copied()
                .filter(|port| !DELICATE_PORTS.contains(port) || asking.defaults.delicate_ports.contains(port))
                .collect(),
            voices,
            wants_banners: config.banners,
            policy,
            techniques,
            targets,
        })
    }

    /// One sweep socket a family that a target needs.
    pub(super) fn echo_sweeps(&self, config: &Scan) -> Vec<EchoSweep> {
        if !self.techniques.contains(&Technique::Icmp) {
            return Vec::new();
        }
        match EchoSweep::open(Family::V4, None, config.probing.timeout.max(self.wait)) {
            Ok(sweep) => vec![sweep],
            Err(error) => {
                notice::warning(&format!("no ping here: {error}"));
                Vec::new()
            }
        }
    }

    /// The lanes: ARP where it reaches, else echo; TCP where that was chosen alone, or hosts may drop pings.
    pub(super) fn lanes(&self, config: &Scan, has_frames: bool, echoes: &[EchoSweep], key: u64) -> Vec<Lane> {
        let mut lanes = Vec::new();
        for target in &self.targets {
            let IpNet::V4(prefix) = target.prefix else { continue };
            let mut add = |way: Way, passes: u32, ports: Arc<[u16]>| {
                lanes.push(Lane::new(target.segment, way, Sweep::new(prefix, key), passes, ports));
            };
            let none: Arc<[u16]> = Arc::from([]);
            let by_arp = has_frames && target.attached && self.techniques.contains(&Technique::Arp);
            if by_arp {
                add(Way::Frame, config.tries, none);
                continue;
            }
            if !echoes.is_empty() {
                add(Way::Echo(0), config.tries, none);
            }
            if self.techniques.contains(&Technique::Tcp) && !self.ports.is_empty() {
                // Alone it is all there is; beside echo it finds those that drop pings.
                let knocks = if echoes.is_empty() { self.ports.len() } else { self.ports.len().min(KNOCKS) };
                add(Way::Knock, 1, self.ports[..knocks].into());
            }
        }
        lanes
    }

    /// What would be asked, for a person: a line a target, and how long it takes at the least.
    pub(super) fn describe(&self, config: &Scan, out: &mut dyn Write) -> io::Result<()> {
        let words = self.techniques.iter().map(|technique| technique.name()).collect::<Vec<_>>().join(" ");
        let mut packets = 0;
        for target in &self.targets {
            let (way, count) = match target.prefix {
                IpNet::V4(prefix) => {
                    let way = match (target.attached, self.techniques.contains(&Technique::Icmp)) {
                        (true, _) if self.techniques.contains(&Technique::Arp) => "by ARP",
                        (_, true) => "by ping",
                        (_, false) => "by TCP",
                    };
                    (way, Sweep::new(prefix, 0).total())
                }
                IpNet::V6(prefix) if prefix.prefix_len() >= 128 - IPV6_BITS_MAX => {
                    ("by NDP and ping", 1 << (128 - prefix.prefix_len()))
                }
                IpNet::V6(_) => ("by one ping to all nodes", 1),
            };
            packets += count * u64::from(config.tries.max(1));
            writeln!(out, "{} on {}: {count} addresses {way}", target.prefix, target.segment)?;
        }
        let rate = config.probing.rate_per_s;
        writeln!(
            out,
            "at most {rate} packets a second, each silent address {} times; techniques: {words}",
            config.tries
        )?;
        writeln!(
            out,
            "{packets} packets at most, {} s, besides what hosts that are found are asked",
            packets.div_ceil(u64::from(rate))
        )
    }

    /// Questions to whole segments and to single IPv6 addresses.
    pub(super) fn first_questions(&self) -> Vec<Probe> {
        let mut probes = Vec::new();
        let mut asked = BTreeSet::new();
        for target in &self.targets {
            let IpNet::V6(prefix) = target.prefix else { continue };
            let segment = target.segment;
            if prefix.prefix_len() >= 128 - IPV6_BITS_MAX {
                for ip in prefix.hosts().map(IpAddr::V6).filter(|ip| self.may_ask(*ip)) {
                    if target.attached && self.techniques.contains(&Technique::Ndp) {
                        probes.push(Probe { segment, ip, question: Question::Ndp { to: None } });
                    }
                    if self.techniques.contains(&Technique::Icmp) {
                        probes.push(Probe { segment, ip, question: Question::Echo });
                    }
                }
            } else if target.attached && self.techniques.contains(&Technique::Icmp) && asked.insert(segment) {
                let ip = std::net::Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into();
                probes.push(Probe { segment, ip, question: Question::AllNodes });
            }
        }
        probes
    }

    /// What a host that was found is asked.
    pub(super) fn questions(&self, segment: Segment, ip: IpAddr) -> Vec<Probe> {
        let has = |technique| self.techniques.contains(&technique);
        let mut probes = Vec::new();
        let mut add = |question| probes.push(Probe { segment, ip, question });
        if !self.may_ask(ip) {
            return probes;
        }
        if has(Technique::Ndp) && ip.is_ipv6() && self.is_attached(segment, ip) {
            add(Question::Ndp { to: None });
        }
        // Who was found by echo alone has said that already.
        if has(Technique::Icmp) && self.techniques.len() > 1 {
            add(Question::Echo);
        }
        if has(Technique::Ptr) {
            add(Question::Ptr);
        }
        if has(Technique::Mdns) && self.is_attached(segment, ip) {
            add(Question::Mdns);
        }
        if has(Technique::Nbns) && ip.is_ipv4() {
            add(Question::Nbns);
        }
        if has(Technique::Snmp) {
            add(Question::Snmp);
        }
        if has(Technique::Tcp) && self.wants_banners {
            probes.extend(connects(segment, ip, &self.ports));
        } else if has(Technique::Tcp) && self.techniques.len() > 1 {
            probes.extend(knocks(segment, ip, &self.ports));
        }
        probes
    }

    /// Whether the address may be asked at all.
    pub(super) fn may_ask(&self, ip: IpAddr) -> bool {
        !self.policy.own_ips.contains(&ip) && !self.policy.never_prefixes.iter().any(|prefix| prefix.contains(&ip))
    }

    /// Whether the address is one of those to be found.
    pub(super) fn is_wanted(&self, segment: Segment, ip: IpAddr) -> bool {
        self.targets.iter().any(|target| {
            target.segment == segment && (target.prefix.contains(&ip) || (is_neighbourly(ip) && target.is_six()))
        })
    }

    /// Where an address of the targets lives.
    pub(super) fn segment_of(&self, ip: IpAddr) -> Option<Segment> {
        let inside = self.targets.iter().filter(|target| target.prefix.contains(&ip));
        inside.max_by_key(|target| target.prefix.prefix_len()).map(|target| target.segment)
    }

    /// Whether a target lies on a link of ours.
    pub(super) fn has_neighbours(&self) -> bool {
        self.targets.iter().any(|target| target.attached)
    }

    fn is_attached(&self, segment: Segment, ip: IpAddr) -> bool {
        is_neighbourly(ip) || self.targets.iter().any(|t| t.attached && t.segment == segment && t.prefix.contains(&ip))
    }
}

impl Target {
    fn is_six(&self) -> bool {
        self.attached && matches!(self.prefix, IpNet::V6(_))
    }
}

/// What a question costs, in packets to the network.
pub(super) fn cost(question: &Question) -> usize {
    usize::try_from(question.cost().sensor).unwrap_or(usize::MAX)
}

fn is_neighbourly(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// Interfaces to scan when none was named: with targets those that lead to them, else that of the default route.
fn every_interface(config: &Scan, here: &Addresses) -> Result<Vec<Iface>, Failure> {
    let mut found = Vec::new();
    let mut add = |iface: Option<Iface>| found.extend(iface.filter(|iface| !found.contains(iface)));
    for target in &config.targets {
        // The network's own address may be no host's, and one of ours leads to loopback.
        let mut around = here.around(*target).into_iter();
        let attached = around.find(|name| Link::of(*name, here).is_ok_and(|link| link.mac.is_some()));
        add(attached.or_else(|| here.towards(target.hosts().next().unwrap_or(target.addr()))));
    }
    if config.targets.is_empty() {
        add(iface::proc::default_route_iface());
    }
    if found.is_empty() {
        return Err(ConfigError::NoWay.into());
    }
    Ok(found)
}

fn targets(config: &Scan, voices: &[Voice], policy: &Policy, here: &Addresses) -> Vec<Target> {
    if config.targets.is_empty() {
        let attached = policy.networks.iter().filter(|network| network.attached);
        let mut targets = Vec::new();
        for network in attached {
            let bits = network.prefix.max_prefix_len() - network.prefix.prefix_len();
            if network.prefix.addr().is_ipv4() && bits > UNNAMED_BITS_MAX {
                notice::warning(&format!(
                    "{0} is larger than a /16 and left out; name it to scan it: sensor scan {0}",
                    network.prefix
                ));
                continue;
            }
            targets.push(Target { prefix: network.prefix, segment: network.segment, attached: true });
        }
        return targets;
    }
    let mut targets = Vec::new();
    for &prefix in &config.targets {
        let is_near = |voice: &&Voice| voice.speaker.addresses.iter().any(|own| own.trunc().contains(&prefix));
        let near = voices.iter().find(is_near);
        let way = || here.towards(prefix.hosts().next().unwrap_or(prefix.addr()));
        let far = || match voices {
            [only] => Some(only),
            _ => voices.iter().find(|voice| Some(voice.iface) == way()).or_else(|| voices.first()),
        };
        let Some(voice) = near.or_else(far) else { continue };
        targets.push(Target { prefix, segment: Segment::untagged(voice.iface), attached: near.is_some() });
        if family(prefix) == Family::V6 && near.is_none() && prefix.prefix_len() < 128 - IPV6_BITS_MAX {
            notice::warning(&format!("{prefix} is too large to ask each address; name addresses, or a /116 at most"));
        }
    }
    targets
}
