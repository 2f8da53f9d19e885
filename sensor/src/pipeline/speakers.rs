//! Who may ask whom: the interfaces that speak, the networks that they reach, and what the owner set for each.

use std::collections::BTreeSet;
use std::time::Duration;

use ipnet::IpNet;

use crate::capture::iface::addresses::Addresses;
use crate::capture::iface::link::Link;
use crate::capture::options::{Port, Role};
use crate::config::network::NetworkSettings;
use crate::config::probing::Probing;
use crate::probe::prober::{Equipment, Scope, Voice};
use crate::probe::raw::Speaker;
use crate::probe::snmp::Credentials;
use crate::terminal::failure::Failure;
use crate::terminal::notice;
use sensor_core::inventory::planner::policy::{Network, Policy};
use sensor_core::types::{Iface, Segment};

/// What asking needs.
#[derive(Debug)]
pub struct Voices {
    /// The rules.
    pub policy: Policy,
    /// The tools.
    pub equipment: Equipment,
}

/// Hosts are described anew this often.
pub(crate) const DESCRIBE_EVERY: Duration = Duration::from_secs(6 * 3600);

/// The voices of the ports: each host port speaks for itself, and `probe_interface` for mirror ports and for itself.
/// Interfaces that software makes speak only when they were named. `None`: nobody may speak.
pub fn voices(ports: &[Port], asking: &Probing, named: &[Iface], here: &Addresses) -> Result<Option<Voices>, Failure> {
    let voices = speaking(ports, asking, named, here)?;
    if voices.is_empty() {
        return Ok(None);
    }
    let policy = policy(&voices, asking);
    let equipment = equipment(voices, scopes(asking)?, asking);
    Ok(Some(Voices { policy, equipment }))
}

/// The voices alone; none when only listening was asked for.
pub fn speaking(ports: &[Port], asking: &Probing, named: &[Iface], here: &Addresses) -> Result<Vec<Voice>, Failure> {
    let mut voices = Vec::new();
    if asking.passive {
        return Ok(voices);
    }
    for port in ports.iter().filter(|port| port.role == Role::Host) {
        // One that is not there is the capture's to complain of.
        let Ok(link) = Link::of(port.iface, here) else { continue };
        if link.is_virtual() && !named.contains(&port.iface) {
            let kind = link.kind.unwrap_or_default();
            notice::info(&format!("{0}: a {kind} link is not asked unless it is named: -i {0}", port.iface));
            continue;
        }
        voices.extend(speaker(port.iface, link).map(|speaker| Voice { iface: port.iface, speaker }));
    }
    if let Some(iface) = asking.interface {
        let what = || format!("{iface} cannot ask; name an Ethernet interface with --probe-interface");
        let link = Link::of(iface, here).map_err(Failure::system(what()))?;
        let unfit = || Failure::system(what())(std::io::ErrorKind::Unsupported.into());
        let speaker = speaker(iface, link).ok_or_else(unfit)?;
        for port in ports.iter().filter(|port| port.role == Role::Mirror) {
            voices.push(Voice { iface: port.iface, speaker: speaker.clone() });
        }
        if ports.iter().all(|port| port.iface != iface && port.role == Role::Host) {
            voices.push(Voice { iface, speaker });
        }
    }
    Ok(voices)
}

/// The ports to listen on: where an interface speaks for mirror ports, it is heard too, for the answers, and what it hears
/// belongs to the first of them.
pub fn ports(ports: &[Port], speaks: Option<Iface>) -> (Vec<Port>, Option<(Iface, Iface)>) {
    let mut all = ports.to_vec();
    let mirror = ports.iter().find(|port| port.role == Role::Mirror);
    let Some(iface) = speaks.filter(|iface| ports.iter().all(|port| port.iface != *iface)) else { return (all, None) };
    all.push(Port { iface, role: Role::Host });
    (all, mirror.map(|mirror| (iface, mirror.iface)))
}

/// Who speaks on an interface that looks so; nobody where it is not an Ethernet interface.
pub(crate) fn speaker(iface: Iface, link: Link) -> Option<Speaker> {
    Some(Speaker { iface, index: link.index, mac: link.mac?, addresses: link.addresses })
}

/// The rules: attached prefixes with the general settings, and named networks with theirs.
pub fn policy(voices: &[Voice], asking: &Probing) -> Policy {
    let mut networks: Vec<Network> = Vec::new();
    for voice in voices {
        let prefixes: BTreeSet<IpNet> = voice.speaker.addresses.iter().map(IpNet::trunc).collect();
        for prefix in prefixes.into_iter().filter(|prefix| is_askable(*prefix)) {
            networks.push(network(prefix, Segment::untagged(voice.iface), true, false, &asking.defaults, asking));
        }
    }
    for named in &asking.networks {
        let attached = |voice: &&Voice| voice.speaker.addresses.iter().any(|own| own.trunc().contains(&named.prefix));
        let is_here = |voice: &&Voice| match (named.segment, named.interface) {
            (Some(segment), _) => voice.iface == segment.iface,
            (None, Some(iface)) => voice.iface == iface || voice.speaker.iface == iface,
            (None, None) => true,
        };
        let mut here = voices.iter().filter(is_here);
        let near = here.clone().find(attached);
        // What no voice is attached to is asked through a router, and filed where it was said to live.
        let Some(voice) = near.or_else(|| here.next()) else { continue };
        let segment = named.segment.unwrap_or_else(|| Segment::untagged(voice.iface));
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
        own_ips: voices.iter().flat_map(|voice| &voice.speaker.addresses).map(IpNet::addr).collect(),
        rate_per_s: asking.rate_per_s,
        host_per_hour: asking.host_per_hour,
        quiet: asking.quiet.clone(),
    }
}

/// Loopback is nobody's network, and a single address has no neighbours.
pub(crate) fn is_askable(prefix: IpNet) -> bool {
    !prefix.addr().is_loopback() && prefix.prefix_len() < prefix.max_prefix_len()
}

pub(crate) fn network(
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

/// The tools.
pub fn equipment(voices: Vec<Voice>, scopes: Vec<Scope>, asking: &Probing) -> Equipment {
    let Probing { timeout, concurrency, rate_per_s, .. } = *asking;
    Equipment { voices, timeout, concurrency, rate_per_s, scopes }
}

/// Name servers and credentials of each network.
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
