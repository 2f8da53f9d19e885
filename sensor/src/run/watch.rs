//! Whom to hear: the prefixes in which every frame counts as a sign of life. They come from the interfaces, from the
//! configuration, and from what DHCP servers and routers say; on a mirror port also those that networks give out by
//! themselves.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::capture::{Port, Role, WATCHED_MAX, Watched, iface};
use crate::types::{Iface, Segment};

/// What does not change while the sensor runs.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    fixed: BTreeSet<Watched>,
    /// The sensor's own addresses: tunnels that end there are looked into.
    pub own: Vec<IpAddr>,
}

/// RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291.
const LOCAL: [&str; 7] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

impl Watch {
    /// For these ports, the networks that the owner named, and the prefixes of this machine's interfaces.
    pub fn new(ports: &[Port], named: &[(Option<Iface>, IpNet)]) -> io::Result<Self> {
        let at = |iface: Option<Iface>, prefix| Watched { segment: iface.map(Segment::untagged), prefix };
        let mut fixed: BTreeSet<Watched> = named.iter().map(|&(iface, prefix)| at(iface, prefix)).collect();
        let mut own = Vec::new();
        for port in ports {
            own.extend(iface::own_addresses(port.iface)?);
            let attached = iface::attached_prefixes(port.iface)?;
            fixed.extend(attached.into_iter().map(|prefix| at(Some(port.iface), prefix)));
        }
        let local = LOCAL.iter().filter_map(|net| net.parse::<IpNet>().ok());
        if ports.iter().any(|port| port.role == Role::Mirror) {
            fixed.extend(local.map(|prefix| Watched { segment: None, prefix }));
        }
        Ok(Self { fixed, own })
    }

    /// All that is known by now, in order, and no more than the kernel's table holds: what was learned goes last.
    pub fn prefixes(&self, learned: impl Iterator<Item = (Segment, IpNet)>) -> Vec<Watched> {
        let mut all: Vec<Watched> = self.fixed.iter().copied().collect();
        let learned = learned.map(|(segment, prefix)| Watched { segment: Some(segment), prefix });
        all.extend(learned.filter(|watched| !self.covers(watched)));
        all.truncate(WATCHED_MAX);
        all
    }

    fn covers(&self, watched: &Watched) -> bool {
        self.fixed.iter().any(|known| {
            (known.segment.is_none() || known.segment == watched.segment) && known.prefix.contains(&watched.prefix)
        })
    }
}
