//! Whom to hear: the prefixes in which every frame counts as a sign of life. They come from the interfaces, from the
//! configuration, and from what DHCP servers and routers say; on a mirror port also those that networks give out by
//! themselves.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::capture::iface::addresses::Addresses;
use crate::capture::options::{Port, Role};
use crate::capture::watched::{WATCHED_MAX, Watched};
use sensor_core::types::{Iface, Segment};

/// Whom to hear, but for what is learned.
#[derive(Clone, Debug)]
pub struct Watch {
    ports: Vec<Port>,
    named: Vec<(Option<Iface>, IpNet)>,
    attached: BTreeMap<Iface, Attached>,
    /// What an interface was attached to since the start, the newest last.
    were_attached: Vec<(Iface, IpNet)>,
    fixed: BTreeMap<Watched, Origin>,
    /// The sensor's own addresses: tunnels that end there are looked into.
    pub own: Vec<IpAddr>,
}

/// What an interface has.
#[derive(Clone, Debug, Default)]
struct Attached {
    prefixes: Vec<IpNet>,
    own: Vec<IpAddr>,
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
    /// Networks give it out by themselves, and one of the ports is a mirror port.
    Private,
}

impl Origin {
    /// The word for it.
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

/// Networks that interfaces were attached to; when there are more, the oldest are forgotten.
const WERE_ATTACHED_MAX: usize = 256;

impl Watch {
    /// For these ports, the networks that the owner named, and the prefixes of this machine's interfaces.
    pub fn new(ports: &[Port], named: &[(Option<Iface>, IpNet)], here: &Addresses) -> Self {
        let (ports, named) = (ports.to_vec(), named.to_vec());
        let mut watch = Self {
            ports,
            named,
            attached: BTreeMap::new(),
            were_attached: Vec::new(),
            fixed: BTreeMap::new(),
            own: Vec::new(),
        };
        watch.renew(here);
        watch
    }

    /// Takes in how the interfaces are now: what was made anew may have other addresses. Where none bears a port's name, it may
    /// have been renamed, and the port keeps what it had.
    pub fn renew(&mut self, here: &Addresses) {
        let ifaces = here.ifaces();
        for iface in self.ports.iter().map(|port| port.iface).filter(|iface| ifaces.contains(iface)) {
            let prefixes = here.prefixes_of(iface).into_iter().collect();
            let own = here.of(iface).iter().map(IpNet::addr).collect();
            self.attached.insert(iface, Attached { prefixes, own });
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
        let has_mirror = self.ports.iter().any(|port| port.role == Role::Mirror);
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

    /// Whose senders are at home, by interface: the networks that the owner named, and those that the ports are or were
    /// attached to, since not everybody moves to a new one when the sensor does. `alias`: a port that speaks for a mirror
    /// port, under which its neighbours are filed.
    pub fn homes(&self, alias: Option<(Iface, Iface)>) -> Vec<(Option<Iface>, IpNet)> {
        let mut homes = self.named.clone();
        let attached = |to: Iface| self.were_attached.iter().filter(move |(iface, _)| *iface == to);
        let is_speaker = |port: &&Port| alias.is_some_and(|(speaker, _)| port.iface == speaker);
        for port in self.ports.iter().filter(|port| port.role == Role::Host && !is_speaker(port)) {
            homes.extend(attached(port.iface).map(|&(iface, prefix)| (Some(iface), prefix)));
        }
        if let Some((speaker, mirror)) = alias {
            // Where no prefix bounds the mirror port, they need none, and theirs alone would shut out whatever else passes it.
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

    /// All that is known by now, in order, and no more than the kernel's table holds: what was learned goes last.
    pub fn prefixes(&self, learned: impl Iterator<Item = (Segment, IpNet)>) -> Vec<Watched> {
        self.watched(learned).into_iter().map(|(watched, _)| watched).collect()
    }

    /// As [`Watch::prefixes`], each with its origin; behind them what was learned and lies within another, as many at most.
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

    fn watch(role: Role, named: Vec<(Option<Iface>, IpNet)>, attached: &[&str]) -> (Iface, Watch) {
        let iface = Iface::new("eth1").unwrap();
        let prefixes = attached.iter().map(|prefix| net(prefix)).collect();
        let attached = BTreeMap::from([(iface, Attached { prefixes, own: Vec::new() })]);
        let ports = vec![Port { iface, role }];
        let (were_attached, fixed, own) = (Vec::new(), BTreeMap::new(), Vec::new());
        let mut watch = Watch { ports, named, attached, were_attached, fixed, own };
        watch.fix();
        (iface, watch)
    }

    #[track_caller]
    fn check(role: Role, learned: &[&str], expected: &[&str]) {
        let named = vec![(None, net("192.0.2.0/24")), (Iface::new("eth1"), net("198.51.100.0/24"))];
        let (iface, watch) = watch(role, named, &["10.1.0.0/16", "198.51.100.0/24"]);
        let learned = learned.iter().map(|prefix| (Segment::untagged(iface), net(prefix)));
        let words = |(watched, origin): (Watched, Origin)| {
            let segment = watched.segment.map_or("all".to_owned(), |segment| segment.to_string());
            format!("{} {segment} {}", watched.prefix, origin.name())
        };
        let origins: Vec<String> = watch.origins(learned.clone()).into_iter().map(words).collect();
        assert_eq!(origins, expected);
        assert!(watch.prefixes(learned).len() <= origins.len());
    }

    const OWN: [&str; 3] =
        ["192.0.2.0/24 all configured", "10.1.0.0/16 eth1 interface", "198.51.100.0/24 eth1 configured"];

    #[test]
    fn each_prefix_says_how_it_came_to_be_watched() {
        check(Role::Host, &[], &OWN);
        let [configured, attached, both] = OWN;
        let new = ["203.0.113.0/24 eth1 learned", "2001:db8::/64 eth1 learned"];
        check(Role::Host, &["203.0.113.0/24", "2001:db8::/64"], &[configured, attached, both, new[0], new[1]]);
        // Watched already, and of interest all the same; what is known word by word is not.
        let within = "10.1.2.0/24 eth1 learned";
        check(
            Role::Host,
            &["10.1.0.0/16", "10.1.2.0/24", "2001:db8::/64"],
            &[configured, attached, both, new[1], within],
        );
    }

    fn attach(watch: &mut Watch, iface: Iface, prefixes: &[&str]) {
        let prefixes = prefixes.iter().map(|prefix| net(prefix)).collect();
        watch.attached.insert(iface, Attached { prefixes, own: Vec::new() });
        watch.fix();
    }

    #[test]
    fn whoever_was_at_home_still_is() {
        let (iface, mut watch) = watch(Role::Host, vec![(None, net("192.0.2.0/24"))], &["10.1.0.0/24"]);
        attach(&mut watch, iface, &["10.2.0.0/24", "fe80::/64"]);
        attach(&mut watch, iface, &["10.2.0.0/24"]);
        let expected = ["10.1.0.0/24", "10.2.0.0/24", "fe80::/64"].map(|prefix| (Some(iface), net(prefix)));
        assert_eq!(watch.homes(None), [&[(None, net("192.0.2.0/24"))], &expected[..]].concat());
        for n in 0..=255 {
            attach(&mut watch, iface, &[&format!("10.3.{n}.0/24")]);
        }
        assert_eq!(watch.homes(None).len(), 1 + WERE_ATTACHED_MAX);
        assert_eq!(watch.homes(None).last(), Some(&(Some(iface), net("10.3.255.0/24"))));
    }

    #[test]
    fn a_speakers_neighbours_are_at_home_where_anybody_is() {
        let (mirror, mut watch) = watch(Role::Mirror, Vec::new(), &[]);
        let speaker = Iface::new("eth0").unwrap();
        watch.ports.push(Port { iface: speaker, role: Role::Host });
        attach(&mut watch, speaker, &["10.1.0.0/24", "2001:db8::/64"]);
        assert_eq!(watch.homes(Some((speaker, mirror))), [], "nothing bounds the mirror port");
        watch.named = vec![(Some(mirror), net("192.0.2.0/24"))];
        let named = (Some(mirror), net("192.0.2.0/24"));
        assert_eq!(watch.homes(Some((speaker, mirror))), [named, (Some(mirror), net("10.1.0.0/24"))]);
        assert_eq!(watch.homes(None).len(), 3, "a port like any other");
    }

    #[test]
    fn a_mirror_port_watches_private_networks_of_every_segment() {
        let (_, watch) = watch(Role::Mirror, Vec::new(), &[]);
        let origins = watch.origins(std::iter::empty());
        assert_eq!(origins.len(), LOCAL.len());
        assert!(origins.iter().all(|(watched, origin)| watched.segment.is_none() && *origin == Origin::Private));
    }

    #[test]
    fn no_more_is_told_than_is_bounded() {
        let (iface, watch) = watch(Role::Host, Vec::new(), &["10.0.0.0/8"]);
        let learned = (0..=255).flat_map(|n| [format!("10.{n}.0.0/16"), format!("11.{n}.0.0/16")]);
        let learned: Vec<_> = learned.map(|prefix| (Segment::untagged(iface), net(&prefix))).collect();
        assert_eq!(watch.prefixes(learned.iter().copied()).len(), WATCHED_MAX);
        assert_eq!(watch.origins(learned.iter().copied()).len(), 2 * WATCHED_MAX);
    }
}
