//! Which interfaces may probe which networks: speakers, attached and configured networks, and their settings.

use std::collections::BTreeSet;
use std::time::Duration;

use ipnet::IpNet;

use crate::capture::iface::addresses::Addresses;
use crate::capture::iface::link::Link;
use crate::capture::options::{Port, PortRole};
use crate::config::{network::NetworkSettings, probing::Probing};
use crate::probe::prober::{ProberConfig, Scope, SegmentSpeaker};
use crate::probe::raw::Speaker;
use crate::probe::snmp::Credentials;
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use sensor_core::inventory::planner::policy::{Network, Policy};
use sensor_core::types::{Iface, Segment};

/// Setup for probing: the planner's policy and the prober's configuration.
#[derive(Debug)]
pub struct ProbeSetup {
    /// What may be probed.
    pub policy: Policy,
    /// The prober's configuration.
    pub prober_config: ProberConfig,
}

/// An interface that sends probes on behalf of a mirror port, which cannot send. Answers arrive at the interface, and
/// its neighbours are recorded on the mirror port's segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The interface that sends.
    pub speaker: Iface,
    /// The mirror port that it sends for; the first of several.
    pub mirror: Iface,
}

/// Interval at which ports and names of a host are probed again.
const DESCRIBE_EVERY: Duration = Duration::from_secs(6 * 3600);

/// The setup for probing on these ports; `None` when nothing may be probed.
pub fn set_up(
    ports: &[Port],
    asking: &Probing,
    named: &[Iface],
    here: &Addresses,
) -> Result<Option<ProbeSetup>, Failure> {
    let speakers = speakers(ports, asking, named, here)?;
    if speakers.is_empty() {
        return Ok(None);
    }
    let policy = policy(&speakers, asking);
    let prober_config = prober_config(speakers, scopes(asking)?, asking);
    Ok(Some(ProbeSetup { policy, prober_config }))
}

/// The speakers of the ports: each host port for itself, and `probe_interface` for mirror ports and for itself. Virtual
/// interfaces are included only when they are named. Empty in passive mode.
pub fn speakers(
    ports: &[Port],
    asking: &Probing,
    named: &[Iface],
    here: &Addresses,
) -> Result<Vec<SegmentSpeaker>, Failure> {
    let mut speakers = Vec::new();
    if asking.passive {
        return Ok(speakers);
    }
    for port in ports.iter().filter(|port| port.role == PortRole::Host) {
        // The capture reports a missing interface.
        let Ok(link) = Link::of(port.iface, here) else { continue };
        if link.is_virtual() && !named.contains(&port.iface) {
            let kind = link.kind.unwrap_or_default();
            notice::info(&format!("{0}: a {kind} link is not probed unless it is named: -i {0}", port.iface));
            continue;
        }
        speakers.extend(speaker(port.iface, link).map(|speaker| SegmentSpeaker { iface: port.iface, speaker }));
    }
    if let Some(iface) = asking.interface {
        let what = || format!("{iface} cannot send probes; name an Ethernet interface with --probe-interface");
        let link = Link::of(iface, here).map_err(Failure::system(what()))?;
        let unfit = || Failure::system(what())(std::io::ErrorKind::Unsupported.into());
        let speaker = speaker(iface, link).ok_or_else(unfit)?;
        for port in ports.iter().filter(|port| port.role == PortRole::Mirror) {
            speakers.push(SegmentSpeaker { iface: port.iface, speaker: speaker.clone() });
        }
        if ports.iter().all(|port| port.iface != iface && port.role == PortRole::Host) {
            speakers.push(SegmentSpeaker { iface, speaker });
        }
    }
    Ok(speakers)
}

/// The ports to capture on, including an interface that sends for mirror ports: it receives the answers.
pub fn capture_ports(ports: &[Port], speaker: Option<Iface>) -> (Vec<Port>, Option<Alias>) {
    let mut all = ports.to_vec();
    let mirror = ports.iter().find(|port| port.role == PortRole::Mirror);
    let Some(speaker) = speaker.filter(|iface| ports.iter().all(|port| port.iface != *iface)) else {
        return (all, None);
    };
    all.push(Port { iface: speaker, role: PortRole::Host });
    (all, mirror.map(|mirror| Alias { speaker, mirror: mirror.iface }))
}

/// The speaker of an interface; `None` when it is not an Ethernet interface.
pub(crate) fn speaker(iface: Iface, link: Link) -> Option<Speaker> {
    Some(Speaker { iface, index: link.index, mac: link.mac?, addresses: link.addresses })
}

/// What may be probed: attached networks with the general settings, and configured networks with their own.
pub fn policy(speakers: &[SegmentSpeaker], asking: &Probing) -> Policy {
    let mut networks: Vec<Network> = Vec::new();
    for speaker in speakers {
        let prefixes: BTreeSet<IpNet> = speaker.speaker.addresses.iter().map(IpNet::trunc).collect();
        for prefix in prefixes.into_iter().filter(|prefix| is_askable(*prefix)) {
            networks.push(network(prefix, Segment::untagged(speaker.iface), true, false, &asking.defaults, asking));
        }
    }
    for named in &asking.networks {
        let attached =
            |speaker: &&SegmentSpeaker| speaker.speaker.addresses.iter().any(|own| own.trunc().contains(&named.prefix));
        let is_here = |speaker: &&SegmentSpeaker| match (named.segment, named.interface) {
            (Some(segment), _) => speaker.iface == segment.iface,
            (None, Some(iface)) => speaker.iface == iface || speaker.speaker.iface == iface,
            (None, None) => true,
        };
        let mut here = speakers.iter().filter(is_here);
        let near = here.clone().find(attached);
        // A network without an attached speaker is probed through a router, and recorded on the configured segment.
        let Some(speaker) = near.or_else(|| here.next()) else { continue };
        let segment = named.segment.unwrap_or_else(|| Segment::untagged(speaker.iface));
        let new = network(named.prefix, segment, near.is_some(), true, &named.settings, asking);
        match networks.iter_mut().find(|known| known.prefix == new.prefix && known.segment == new.segment) {
            Some(known) => *known = new,
            None => networks.push(new),
        }
    }
    Policy {
        networks,
        never_prefixes: asking.never_prefixes.clone(),
        never_macs: asking.never_macs.clone(),
        own_ips: speakers.iter().flat_map(|speaker| &speaker.speaker.addresses).map(IpNet::addr).collect(),
        own_macs: speakers.iter().map(|speaker| speaker.speaker.mac).collect(),
        rate_per_s: asking.rate_per_s,
        host_per_hour: asking.host_per_hour,
        quiet: asking.quiet.clone(),
    }
}

/// Whether hosts of a prefix may be probed: not on loopback, and not if the prefix is a single address.
fn is_askable(prefix: IpNet) -> bool {
    !prefix.addr().is_loopback() && prefix.prefix_len() < prefix.max_prefix_len()
}

/// A network for the planner; `named`: it is configured explicitly, so it is swept even if it is large.
pub fn network(
    prefix: IpNet,
    segment: Segment,
    attached: bool,
    named: bool,
    settings: &NetworkSettings,
    asking: &Probing,
) -> Network {
    Network {
        prefix,
        segment,
        attached,
        passive: settings.passive,
        sweep: settings.sweep,
        named,
        techniques: settings.techniques.clone(),
        ports: settings.ports.clone(),
        delicate_ports: settings.delicate_ports.clone(),
        gone_after: settings.gone_after,
        describe_every: DESCRIBE_EVERY,
        rate_per_s: asking.rate_per_s,
    }
}

/// The prober's configuration.
pub fn prober_config(speakers: Vec<SegmentSpeaker>, scopes: Vec<Scope>, asking: &Probing) -> ProberConfig {
    let Probing { timeout, concurrency, rate_per_s, .. } = *asking;
    ProberConfig { speakers, timeout, concurrency, rate_per_s, scopes }
}

/// Name servers and SNMP credentials of each configured network, and those for all other networks.
pub fn scopes(asking: &Probing) -> Result<Vec<Scope>, Failure> {
    let mut scopes = Vec::new();
    let everywhere = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|text| text.parse::<IpNet>().ok());
    let general = everywhere.map(|prefix| (prefix, &asking.defaults));
    for (prefix, settings) in asking.networks.iter().map(|named| (named.prefix, &named.settings)).chain(general) {
        let credentials = match &settings.snmp {
            Some(path) => Credentials::load(path).map_err(Failure::from)?,
            None => Vec::new(),
        };
        scopes.push(Scope { prefix, nameservers: settings.nameservers.clone(), credentials });
    }
    Ok(scopes)
}
