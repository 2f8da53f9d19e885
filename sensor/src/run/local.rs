//! The prefixes in which every frame counts as a sign of life. They come from the interfaces, from the configuration, and
//! from what DHCP servers and routers say; on a mirror port the private ranges are added.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::capture::iface::addresses::Addresses;
use crate::capture::options::{Port, PortRole};
use crate::capture::watched::{TUNNEL_SOURCES_MAX, TunnelSource, WATCHED_MAX, Watched, Watching};
use crate::pipeline::speakers::Alias;
use sensor_core::types::{Iface, Mac, Segment};

/// The local prefixes, but for those that are learned.
#[derive(Clone, Debug)]
pub struct LocalPrefixes {
    ports: Vec<Port>,
    named: Vec<(Option<Iface>, IpNet)>,
    attached: BTreeMap<Iface, InterfacePrefixes>,
    /// The networks that interfaces were attached to since the start, the newest last.
    were_attached: Vec<(Iface, IpNet)>,
    /// All of them together, as the capture takes them.
    fixed: BTreeMap<Watched, Origin>,
    /// The sensor's own addresses: tunnels that end there may be opened.
    own: Vec<IpAddr>,
    /// Where tunnels come from that are opened: what the owner named, then what this machine's interfaces lead to.
    named_tunnels: Vec<TunnelSource>,
    own_tunnels: Vec<TunnelSource>,
}

/// The prefixes and the addresses of one interface.
#[derive(Clone, Debug, Default)]
struct InterfacePrefixes {
    prefixes: Vec<IpNet>,
    own: Vec<IpAddr>,
    mac: Option<Mac>,
}

/// How a prefix came to be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The owner named it.
    Configured,
    /// An interface is attached to it.
    Interface,
    /// A DHCP server or a router said that it is on the segment.
    Learned,
    /// A private or link-local range, and one of the ports is a mirror port.
    Private,
}

impl Origin {
    /// The word in the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Interface => "interface",
            Self::Learned => "learned",
            Self::Private => "private",
        }
    }
}

/// RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291.
const LOCAL: [&str; 7] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

/// Networks that are remembered in [`LocalPrefixes::were_attached`]; the oldest are forgotten.
const WERE_ATTACHED_MAX: usize = 256;

impl LocalPrefixes {
    /// For these ports, the networks and the senders of tunnels that the owner named, and this machine's interfaces.
    pub fn new(ports: &[Port], named: &[(Option<Iface>, IpNet)], tunnels: &[TunnelSource], here: &Addresses) -> Self {
        let (ports, named, named_tunnels) = (ports.to_vec(), named.to_vec(), tunnels.to_vec());
        let mut local = Self {
            ports,
            named,
            attached: BTreeMap::new(),
            were_attached: Vec::new(),
            fixed: BTreeMap::new(),
            own: Vec::new(),
            named_tunnels,
            own_tunnels: Vec::new(),
        };
        local.renew(here);
        local
    }

    /// Takes in the addresses as they are now. A port whose interface is not found keeps what it had: the interface may have
    /// been renamed.
    pub fn renew(&mut self, here: &Addresses) {
        let ifaces = here.ifaces();
        self.own_tunnels = here.tunnels();
        for iface in self.ports.iter().map(|port| port.iface).filter(|iface| ifaces.contains(iface)) {
            let prefixes = here.prefixes_of(iface).into_iter().collect();
            let own = here.of(iface).iter().map(IpNet::addr).collect();
            self.attached.insert(iface, InterfacePrefixes { prefixes, own, mac: here.mac_of(iface) });
        }
        self.fix();
    }

    fn fix(&mut self) {
        self.own = self.attached.values().flat_map(|attached| &attached.own).copied().collect();
        let at = |iface: Option<Iface>, prefix| Watched { segment: iface.map(Segment::untagged), prefix };
        let named = self.named.iter().map(|&(iface, prefix)| (at(iface, prefix), Origin::Configured));
        let attached = self.attached.iter().flat_map(|(&iface, attached)| {
            attached.prefixes.iter().map(move |&prefix| (at(Some(iface), prefix), Origin::Interface))
        });
        let has_mirror = self.ports.iter().any(|port| port.role == PortRole::Mirror);
        let local = LOCAL.iter().filter(|_| has_mirror).filter_map(|net| net.parse().ok());
        let local = local.map(|prefix| (at(None, prefix), Origin::Private));
        for (&iface, attached) in &self.attached {
            for &prefix in &attached.prefixes {
                if !self.were_attached.contains(&(iface, prefix)) {
                    self.were_attached.push((iface, prefix));
                }
            }
        }
        self.were_attached.drain(..self.were_attached.len().saturating_sub(WERE_ATTACHED_MAX));
        self.fixed.clear();
        for (watched, origin) in named.chain(attached).chain(local) {
            self.fixed.entry(watched).or_insert(origin);
        }
    }

    /// The networks whose addresses are no bogons, by interface: those that the owner named, and those that the ports are or
    /// were attached to, since other hosts may stay when the sensor moves to a new network. The neighbours of `alias` are
    /// filed under its mirror port.
    pub fn homes(&self, alias: Option<Alias>) -> Vec<(Option<Iface>, IpNet)> {
        let mut homes = self.named.clone();
        let attached = |to: Iface| self.were_attached.iter().filter(move |(iface, _)| *iface == to);
        let is_speaker = |port: &&Port| alias.is_some_and(|alias| port.iface == alias.speaker);
        for port in self.ports.iter().filter(|port| port.role == PortRole::Host && !is_speaker(port)) {
            homes.extend(attached(port.iface).map(|&(iface, prefix)| (Some(iface), prefix)));
        }
        if let Some(Alias { speaker, mirror }) = alias {
            // Where the mirror port has no networks, any address is at home there, and the speaker's networks alone would make
            // bogons of all others.
            let is_bounded = |(_, new): &&(Iface, IpNet)| {
                let bounds = |on: Option<Iface>, known: IpNet| {
                    on.is_none_or(|on| on == mirror) && known.addr().is_ipv4() == new.addr().is_ipv4()
                };
                homes.iter().any(|&(on, known)| bounds(on, known))
            };
            let near: Vec<_> =
                attached(speaker).filter(is_bounded).map(|&(_, prefix)| (Some(mirror), prefix)).collect();
            homes.extend(near);
        }
        homes
    }

    /// The routers among these that are reached through a port, on the segments where they are heard.
    pub fn gateways(&self, routers: Vec<(Iface, IpAddr)>, alias: Option<Alias>) -> Vec<(Segment, IpAddr)> {
        let is_port = |iface: Iface| self.ports.iter().any(|port| port.iface == iface);
        let known = routers.into_iter().filter(|(iface, _)| is_port(*iface));
        known.map(|(iface, ip)| (heard_at(iface, alias), ip)).collect()
    }

    /// The addresses of the ports' interfaces, each on the segment where its neighbours are filed, and the station that holds it.
    pub fn own_addresses(&self, alias: Option<Alias>) -> BTreeMap<(Segment, IpAddr), Mac> {
        let of_iface = |(iface, attached): (&Iface, &InterfacePrefixes)| {
            let (segment, mac) = (heard_at(*iface, alias), attached.mac);
            attached.own.iter().filter_map(move |ip| Some(((segment, *ip), mac?))).collect::<Vec<_>>()
        };
        self.attached.iter().flat_map(of_iface).collect()
    }

    /// What the capture is to look at: all prefixes, at most as many as the kernel's table holds, learned ones last.
    pub fn watching(&self, learned: impl Iterator<Item = (Segment, IpNet)>) -> Watching {
        let mut tunnels = [&self.named_tunnels[..], &self.own_tunnels].concat();
        tunnels.truncate(TUNNEL_SOURCES_MAX);
        let prefixes = self.watched(learned).into_iter().map(|(watched, _)| watched).collect();
        Watching { prefixes, own: self.own.clone(), tunnels }
    }

    /// The prefixes of [`LocalPrefixes::watching`], each with its origin; then at most as many learned ones that lie within another prefix.
    pub fn origins(&self, learned: impl Iterator<Item = (Segment, IpNet)> + Clone) -> Vec<(Watched, Origin)> {
        let within = learned.clone().map(watched).filter(|watched| !self.fixed.contains_key(watched));
        let within = within.filter(|watched| self.covers(watched)).map(|watched| (watched, Origin::Learned));
        let mut all = self.watched(learned);
        all.extend(within.take(WATCHED_MAX));
        all
    }

    fn watched(&self, learned: impl Iterator<Item = (Segment, IpNet)>) -> Vec<(Watched, Origin)> {
        let mut all: Vec<_> = self.fixed.iter().map(|(&watched, &origin)| (watched, origin)).collect();
        let new = learned.map(watched).filter(|watched| !self.covers(watched));
        all.extend(new.map(|watched| (watched, Origin::Learned)));
        all.truncate(WATCHED_MAX);
        all
    }

    fn covers(&self, watched: &Watched) -> bool {
        self.fixed.keys().any(|known| {
            (known.segment.is_none() || known.segment == watched.segment) && known.prefix.contains(&watched.prefix)
        })
    }
}

/// The segment where what an interface is attached to is filed: of a speaker that asks for a mirror port, the mirror port's.
fn heard_at(iface: Iface, alias: Option<Alias>) -> Segment {
    Segment::untagged(alias.filter(|alias| alias.speaker == iface).map_or(iface, |alias| alias.mirror))
}

fn watched((segment, prefix): (Segment, IpNet)) -> Watched {
    Watched { segment: Some(segment), prefix }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn local(role: PortRole, named: Vec<(Option<Iface>, IpNet)>, attached: &[&str]) -> (Iface, LocalPrefixes) {
        let iface = Iface::new("eth1").unwrap();
        let prefixes = attached.iter().map(|prefix| net(prefix)).collect();
        let attached = BTreeMap::from([(iface, InterfacePrefixes { prefixes, ..InterfacePrefixes::default() })]);
        let ports = vec![Port { iface, role }];
        let mut local = LocalPrefixes {
            ports,
            named,
            attached,
            were_attached: Vec::new(),
            fixed: BTreeMap::new(),
            own: Vec::new(),
            named_tunnels: Vec::new(),
            own_tunnels: Vec::new(),
        };
        local.fix();
        (iface, local)
    }

    #[track_caller]
    fn check(role: PortRole, learned: &[&str], expected: &[&str]) {
        let named = vec![(None, net("192.0.2.0/24")), (Iface::new("eth1"), net("198.51.100.0/24"))];
        let (iface, local) = local(role, named, &["10.1.0.0/16", "198.51.100.0/24"]);
        let learned = learned.iter().map(|prefix| (Segment::untagged(iface), net(prefix)));
        let words = |(watched, origin): (Watched, Origin)| {
            let segment = watched.segment.map_or("all".to_owned(), |segment| segment.to_string());
            format!("{} {segment} {}", watched.prefix, origin.name())
        };
        let origins: Vec<String> = local.origins(learned.clone()).into_iter().map(words).collect();
        assert_eq!(origins, expected);
        assert!(local.watching(learned).prefixes.len() <= origins.len());
    }

    const OWN: [&str; 3] =
        ["192.0.2.0/24 all configured", "10.1.0.0/16 eth1 interface", "198.51.100.0/24 eth1 configured"];

    #[test]
    fn each_prefix_has_its_origin() {
        check(PortRole::Host, &[], &OWN);
        let [configured, attached, both] = OWN;
        let new = ["203.0.113.0/24 eth1 learned", "2001:db8::/64 eth1 learned"];
        check(PortRole::Host, &["203.0.113.0/24", "2001:db8::/64"], &[configured, attached, both, new[0], new[1]]);
        // A learned prefix within another is listed, too; one that is the same as another is not.
        let within = "10.1.2.0/24 eth1 learned";
        check(
            PortRole::Host,
            &["10.1.0.0/16", "10.1.2.0/24", "2001:db8::/64"],
            &[configured, attached, both, new[1], within],
        );
    }

    fn attach(local: &mut LocalPrefixes, iface: Iface, prefixes: &[&str]) {
        let prefixes = prefixes.iter().map(|prefix| net(prefix)).collect();
        local.attached.insert(iface, InterfacePrefixes { prefixes, ..InterfacePrefixes::default() });
        local.fix();
    }

    #[test]
    fn networks_that_were_attached_stay_at_home() {
        let (iface, mut local) = local(PortRole::Host, vec![(None, net("192.0.2.0/24"))], &["10.1.0.0/24"]);
        attach(&mut local, iface, &["10.2.0.0/24", "fe80::/64"]);
        attach(&mut local, iface, &["10.2.0.0/24"]);
        let expected = ["10.1.0.0/24", "10.2.0.0/24", "fe80::/64"].map(|prefix| (Some(iface), net(prefix)));
        assert_eq!(local.homes(None), [&[(None, net("192.0.2.0/24"))], &expected[..]].concat());
        for n in 0..=255 {
            attach(&mut local, iface, &[&format!("10.3.{n}.0/24")]);
        }
        assert_eq!(local.homes(None).len(), 1 + WERE_ATTACHED_MAX);
        assert_eq!(local.homes(None).last(), Some(&(Some(iface), net("10.3.255.0/24"))));
    }

    #[test]
    fn the_networks_of_a_speaker_are_at_home_where_others_are() {
        let (mirror, mut local) = local(PortRole::Mirror, Vec::new(), &[]);
        let speaker = Iface::new("eth0").unwrap();
        local.ports.push(Port { iface: speaker, role: PortRole::Host });
        attach(&mut local, speaker, &["10.1.0.0/24", "2001:db8::/64"]);
        assert_eq!(local.homes(Some(Alias { speaker, mirror })), [], "the mirror port has no networks");
        local.named = vec![(Some(mirror), net("192.0.2.0/24"))];
        let named = (Some(mirror), net("192.0.2.0/24"));
        assert_eq!(local.homes(Some(Alias { speaker, mirror })), [named, (Some(mirror), net("10.1.0.0/24"))]);
        assert_eq!(local.homes(None).len(), 3, "a port like any other");
    }

    #[test]
    fn own_addresses_are_where_their_neighbours_are() {
        let (mirror, mut local) = local(PortRole::Mirror, Vec::new(), &[]);
        let (speaker, ip, mac) = (Iface::new("eth0").unwrap(), "10.1.0.9".parse().unwrap(), Mac([2, 0, 0, 0, 0, 9]));
        let own = InterfacePrefixes { prefixes: Vec::new(), own: vec![ip], mac: Some(mac) };
        local.attached.insert(speaker, own);
        let check = |alias, iface| {
            assert_eq!(local.own_addresses(alias), BTreeMap::from([((Segment::untagged(iface), ip), mac)]));
        };
        check(None, speaker);
        check(Some(Alias { speaker, mirror }), mirror);
    }

    #[test]
    fn a_mirror_port_watches_private_ranges_on_every_segment() {
        let (_, local) = local(PortRole::Mirror, Vec::new(), &[]);
        let origins = local.origins(std::iter::empty());
        assert_eq!(origins.len(), LOCAL.len());
        assert!(origins.iter().all(|(watched, origin)| watched.segment.is_none() && *origin == Origin::Private));
    }

    #[test]
    fn the_lists_are_bounded() {
        let (iface, local) = local(PortRole::Host, Vec::new(), &["10.0.0.0/8"]);
        let learned = (0..=255).flat_map(|n| [format!("10.{n}.0.0/16"), format!("11.{n}.0.0/16")]);
        let learned: Vec<_> = learned.map(|prefix| (Segment::untagged(iface), net(&prefix))).collect();
        assert_eq!(local.watching(learned.iter().copied()).prefixes.len(), WATCHED_MAX);
        assert_eq!(local.origins(learned.iter().copied()).len(), 2 * WATCHED_MAX);
    }
}
