//! What a scan asks, of whom, and by which rules: the owner's, as for `sensor run` (`inventory/planner/permit.rs`). A network
//! or an address that was named on the command line is one that may be asked.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::capture::iface::addresses::Addresses;
use crate::capture::iface::proc::neighbours;
use crate::capture::options::{Port, PortRole};
use crate::commands::scan::targets::{self, ScanTarget, is_swept};
use crate::config::probing::Probing;
use crate::config::scan::Scan;
use crate::pipeline::speakers;
use crate::probe::prober::SegmentSpeaker;
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::inventory::planner::address::SegmentAddress;
use sensor_core::inventory::planner::permit::Permit;
use sensor_core::inventory::planner::policy::{Network, Policy};
use sensor_core::inventory::planner::probe::{DESCRIPTION, Probe, Question, Technique};
use sensor_core::inventory::planner::sweep::Sweep;
use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::{Segment, Timestamp};

/// What is asked, of whom.
#[derive(Debug)]
pub(super) struct ScanPlan {
    /// The interfaces that ask.
    pub speakers: Vec<SegmentSpeaker>,
    /// The networks and addresses to be scanned.
    pub targets: Vec<ScanTarget>,
    /// The techniques that were chosen.
    pub techniques: BTreeSet<Technique>,
    /// How long after one pass over silent addresses the next begins.
    pub gap: Duration,
    /// How long answers to the last question are waited for.
    pub wait: Duration,
    /// ARP and NDP can be sent and heard: set when the sockets for them are open.
    pub has_frames: bool,
    wants_banners: bool,
    permit: Permit,
}

/// The longest gap between two passes.
const GAP: Duration = Duration::from_millis(100);

impl ScanPlan {
    /// From the configuration and this machine's interfaces.
    pub fn new(config: &Scan, here: &Addresses) -> Result<Self, Failure> {
        let asking = &config.probing;
        let mut named: Vec<_> = config.interface.into_iter().collect();
        let ifaces = match config.interface {
            Some(iface) => vec![iface],
            None => targets::interfaces(config, here)?,
        };
        let ports: Vec<Port> = ifaces.into_iter().map(|iface| Port { iface, role: PortRole::Host }).collect();
        // Naming an address names the interface that leads to it.
        if !config.targets.is_empty() {
            named.extend(ports.iter().map(|port| port.iface));
        }
        let speakers = speakers::speakers(&ports, asking, &named, here)?;
        let policy = speakers::policy(&speakers, asking);
        let targets = targets::targets(config, &speakers, &policy, here);
        let mut plan = Self::with_rules(policy, targets, asking);
        plan.gap = GAP.min(config.wait);
        plan.wait = config.wait;
        plan.wants_banners = config.banners;
        // An interface that no target needs is left alone.
        let is_needed =
            |speaker: &SegmentSpeaker| plan.targets.iter().any(|target| target.segment.iface == speaker.iface);
        plan.speakers = speakers.into_iter().filter(is_needed).collect();
        Ok(plan)
    }

    /// `policy` knows the attached networks. Targets that lie in none of them were named, and may be asked, too.
    fn with_rules(mut policy: Policy, targets: Vec<ScanTarget>, asking: &Probing) -> Self {
        let attached = policy.networks.len();
        for target in &targets {
            let is_around = |known: &Network| known.segment == target.segment && known.prefix.contains(&target.prefix);
            if !policy.networks[..attached].iter().any(is_around) {
                let ScanTarget { prefix, segment, attached } = *target;
                policy.networks.push(speakers::network(prefix, segment, attached, true, &asking.defaults, asking));
            }
        }
        Self {
            speakers: Vec::new(),
            targets,
            techniques: asking.defaults.techniques.clone(),
            gap: GAP,
            wait: GAP,
            has_frames: false,
            wants_banners: false,
            permit: Permit::new(policy),
        }
    }

    /// What would be asked, for a person: a line for each target, and how long it takes at least.
    pub fn describe(&self, config: &Scan, out: &mut dyn Write) -> io::Result<()> {
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
                IpNet::V6(prefix) if is_swept(target.prefix) => ("by NDP and ping", 1 << (128 - prefix.prefix_len())),
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

    /// Questions to whole segments, and to the single addresses of IPv6 targets.
    pub fn first_questions(&self, now: Timestamp) -> Vec<Probe> {
        let mut probes = Vec::new();
        let mut asked = BTreeSet::new();
        for target in &self.targets {
            let IpNet::V6(prefix) = target.prefix else { continue };
            let segment = target.segment;
            if is_swept(target.prefix) {
                for ip in prefix.hosts().map(IpAddr::V6) {
                    probes.push(Probe { segment, ip, question: Question::Ndp { to: None } });
                    if !self.is_station_asked_first(SegmentAddress { segment, ip }) {
                        probes.push(Probe { segment, ip, question: Question::Echo });
                    }
                }
            } else if target.attached && self.techniques.contains(&Technique::Icmp) && asked.insert(segment) {
                let ip = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into();
                match self.permit.allows_everybody(segment) {
                    true => probes.push(Probe { segment, ip, question: Question::AllNodes }),
                    false => notice::warning(&format!(
                        "{segment}: the ping to all IPv6 nodes is left out, because it would reach hosts of --never-probe, \
                         too"
                    )),
                }
            }
        }
        probes.retain(|probe| self.allows(probe, now));
        probes
    }

    /// What a host that was found is asked.
    pub fn questions(&self, segment: Segment, ip: IpAddr, now: Timestamp) -> Vec<Probe> {
        let address = SegmentAddress { segment, ip };
        let Ok(index) = self.permit.allows_address(address, None, now) else { return Vec::new() };
        let (network, ports) = (self.permit.network(index), self.permit.ports(index));
        let has = |technique| network.techniques.contains(&technique);
        let mut probes = Vec::new();
        let mut add = |question| probes.push(Probe { segment, ip, question });
        if has(Technique::Ndp) && ip.is_ipv6() && network.attached {
            add(Question::Ndp { to: None });
        }
        for technique in DESCRIPTION.into_iter().filter(|technique| has(*technique) && technique.info().family.has(ip))
        {
            let is_asked = match technique {
                // Where echo is the only technique, the host was found by it.
                Technique::Icmp => self.techniques.len() > 1,
                Technique::Mdns => network.attached,
                _ => true,
            };
            // TCP, which asks ports, has no question here.
            technique.question(None).filter(|_| is_asked).into_iter().for_each(&mut add);
        }
        // One question for each port, so that a silent port does not delay the others.
        if has(Technique::Tcp) && self.wants_banners {
            ports.iter().for_each(|&port| add(Question::Connect { ports: [port].into() }));
        } else if has(Technique::Tcp) && self.techniques.len() > 1 {
            ports.iter().for_each(|&port| add(Question::Knock { ports: [port].into() }));
        }
        probes
    }

    /// Whether the rules let a question be sent, by what is known now.
    pub fn allows(&self, probe: &Probe, now: Timestamp) -> bool {
        self.permit.allows_probe(probe, None, now).is_ok()
    }

    /// Whether the rules let the address be asked anything, by what is known now.
    pub fn may_ask(&self, segment: Segment, ip: IpAddr, now: Timestamp) -> bool {
        self.permit.allows_address(SegmentAddress { segment, ip }, None, now).is_ok()
    }

    /// Whether a pass by this technique may ask the address.
    pub fn may_sweep(&self, technique: Technique, segment: Segment, ip: IpAddr, now: Timestamp) -> bool {
        let address = SegmentAddress { segment, ip };
        self.permit.allows(address, None, technique, None, now).is_ok()
            && (technique == Technique::Arp || !self.is_station_asked_first(address))
    }

    /// The ports of a target that may be asked.
    pub fn ports(&self, target: &ScanTarget) -> Arc<[u16]> {
        let networks = self.permit.policy().networks.iter().enumerate();
        let around = networks
            .filter(|(_, known)| known.segment == target.segment && known.prefix.contains(&target.prefix))
            .max_by_key(|(_, known)| known.prefix.prefix_len());
        around.map_or_else(|| Arc::from([]), |(index, _)| Arc::clone(self.permit.ports(index)))
    }

    /// Whether stations are excepted by their MACs.
    pub fn excepts_stations(&self) -> bool {
        !self.permit.policy().never_macs.is_empty()
    }

    /// Where stations are excepted by MAC: attached IPv4 networks that are part of a target, but not a target themselves. They
    /// have to be asked by ARP, too, because only that tells whose the addresses are.
    pub fn networks_within(&self, target: &ScanTarget) -> Vec<ScanTarget> {
        if !self.excepts_stations() || !self.has_frames || target.attached {
            return Vec::new();
        }
        let is_within = |known: &&Network| {
            let is_part = known.segment == target.segment && target.prefix.contains(&known.prefix);
            is_part && known.attached && known.prefix.addr().is_ipv4() && known.techniques.contains(&Technique::Arp)
        };
        let within = self.permit.policy().networks.iter().filter(is_within);
        let within = within.map(|known| ScanTarget { prefix: known.prefix, segment: known.segment, attached: true });
        within.filter(|network| !self.targets.contains(network)).collect()
    }

    /// Where stations are excepted by MAC, an address of an attached network is asked by ARP or NDP before anything else: the
    /// answer tells which station has it.
    fn is_station_asked_first(&self, address: SegmentAddress) -> bool {
        let technique = if address.ip.is_ipv4() { Technique::Arp } else { Technique::Ndp };
        let network = || Some(self.permit.network(self.permit.network_of(address).ok()?));
        self.excepts_stations()
            && self.has_frames
            && network().is_some_and(|network| network.attached && network.techniques.contains(&technique))
    }

    /// Takes in a sighting: the addresses of excepted stations are not asked any more.
    pub fn observe(&mut self, sighting: &Sighting, now: Timestamp) {
        self.permit.observe(sighting, now);
    }

    /// Excepted stations that the database knows are not asked.
    pub fn restore(&mut self, rows: &Rows, now: Timestamp) {
        for binding in &rows.bindings {
            if binding.holders.iter().any(|holder| !self.permit.allows_station(holder.mac)) {
                self.permit.exclude(SegmentAddress { segment: binding.segment, ip: binding.ip }, now);
            }
        }
    }

    /// Excepted stations that the kernel knows are not asked. It learns of a neighbour when it sends to it.
    pub fn look_at_neighbours(&mut self, now: Timestamp) {
        if self.excepts_stations() {
            for (iface, ip, mac) in neighbours() {
                self.observe(&Sighting::of_neighbour(Segment::untagged(iface), ip, mac, now), now);
            }
        }
    }

    /// Whether the address is one of those to be found.
    pub fn is_wanted(&self, segment: Segment, ip: IpAddr) -> bool {
        let is_link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        self.targets.iter().any(|target| {
            target.segment == segment && (target.prefix.contains(&ip) || (is_link_local && target.is_attached_ipv6()))
        })
    }

    /// The segment on which an address of the targets is filed.
    pub fn segment_of(&self, ip: IpAddr) -> Option<Segment> {
        let inside = self.targets.iter().filter(|target| target.prefix.contains(&ip));
        inside.max_by_key(|target| target.prefix.prefix_len()).map(|target| target.segment)
    }

    /// Whether this machine is attached to a target.
    pub fn has_neighbours(&self) -> bool {
        self.targets.iter().any(|target| target.attached)
    }
}

#[cfg(test)]
mod tests;
