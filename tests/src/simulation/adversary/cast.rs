//! Who is in the network: a gateway that serves DHCP and IPv6, a desktop with a lease, a server with a fixed address; and
//! the attacker's stations.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::types::Mac;

use crate::simulation::rng::Rng;

/// One of the innocent, by its place in [`RESIDENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resident {
    /// What it is called in words.
    pub name: &'static str,
    /// Its MAC.
    pub mac: Mac,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its link-local address.
    pub six: Ipv6Addr,
}

/// The gateway's place among the residents.
pub const GATEWAY: usize = 0;
/// The desktop's place among the residents.
pub const DESKTOP: usize = 1;
/// The server's place among the residents.
pub const SERVER: usize = 2;
/// The innocent.
pub const RESIDENTS: [Resident; 3] =
    [resident("the gateway", 1, 1), resident("the desktop", 2, 20), resident("the server", 3, 5)];
/// The prefix that the gateway advertises.
pub const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
/// The name server that the gateway advertises.
pub const NAME_SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x53);
/// The desktop's client identifier of DHCP.
pub const CLIENT_ID: &[u8] = b"\0desk-7f3k2-serial";
/// The desktop's DUID of DHCPv6.
pub const DUID: &[u8] = &[0, 4, 0x4c, 0x4c, 0x45, 0x44, 0, 0x35, 0x10, 0x42];
/// The uuid of the server's UPnP device.
pub const UUID: &str = "uuid:2fac1234-31f8-11b4-a222-08002b34c003";
/// The desktop's name.
pub const NAME: &str = "anna-desktop";

const fn resident(name: &'static str, number: u8, host: u8) -> Resident {
    Resident {
        name,
        mac: Mac([0x00, 0x1a, 0x2b, 0, 0, number]),
        ip: Ipv4Addr::new(10, 0, 0, host),
        six: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, host as u16),
    }
}

/// One of the attacker's stations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its letter in words.
    pub name: char,
    /// Its MAC.
    pub mac: Mac,
    /// An address that nobody else has.
    pub ip: Ipv4Addr,
    /// Its link-local address.
    pub six: Ipv6Addr,
}

/// The attacker's stations.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Those that may make any move; the first one makes the incident, where nobody new has to.
    pub stations: Vec<Station>,
    /// The one that is not heard before the incident.
    pub fresh: Station,
}

impl Cast {
    /// The cast of a game.
    pub fn new(rng: &mut Rng) -> Self {
        let count = 1 + u8::try_from(rng.below(3)).unwrap_or(0);
        let stations = (0..count).map(|number| station(number, rng, true)).collect();
        Self { stations, fresh: station(3, rng, false) }
    }

    /// All of the attacker's stations, the fresh one last.
    pub fn all(&self) -> impl Iterator<Item = &Station> {
        self.stations.iter().chain([&self.fresh])
    }

    /// One that may make any move.
    pub fn any(&self, rng: &mut Rng) -> Station {
        *rng.pick(&self.stations)
    }

    /// Somebody's address: a resident's, the attacker's, or nobody's.
    pub fn ip(&self, rng: &mut Rng) -> Ipv4Addr {
        match rng.below(8) {
            0..3 => RESIDENTS[GATEWAY].ip,
            3 => RESIDENTS[DESKTOP].ip,
            4 => RESIDENTS[SERVER].ip,
            5 | 6 => self.any(rng).ip,
            _ => Ipv4Addr::new(10, 0, 0, 200),
        }
    }

    /// Somebody's MAC: a resident's, the attacker's, a virtual router's, or one that nobody has.
    pub fn mac(&self, rng: &mut Rng) -> Mac {
        match rng.below(9) {
            0 | 1 => RESIDENTS[GATEWAY].mac,
            2 => RESIDENTS[DESKTOP].mac,
            3 => RESIDENTS[SERVER].mac,
            4 | 5 => self.any(rng).mac,
            6 => virtual_mac(rng),
            7 => Mac([0x01, 0x00, 0x5e, 0, 0, 0x12]),
            _ => Mac([0x00, 0x1c, 0x42, 0, 0, 0x77]),
        }
    }
}

/// Whose address this is, in words.
pub fn whose(ip: IpAddr) -> String {
    let known = RESIDENTS.iter().find(|resident| IpAddr::V4(resident.ip) == ip || IpAddr::V6(resident.six) == ip);
    known.map_or_else(|| ip.to_string(), |known| format!("{ip} ({})", known.name))
}

/// Whose MAC this is, in words.
pub fn named(mac: Mac) -> String {
    let known = RESIDENTS.iter().find(|resident| resident.mac == mac);
    known.map_or_else(|| mac.to_string(), |known| format!("{mac} ({})", known.name))
}

/// A virtual router's MAC: VRRP's, HSRP's, or GLBP's.
pub fn virtual_mac(rng: &mut Rng) -> Mac {
    let group = 1 + u8::try_from(rng.below(3)).unwrap_or(0);
    *rng.pick(&[
        Mac([0, 0, 0x5e, 0, 1, group]),
        Mac([0, 0, 0x0c, 0x07, 0xac, group]),
        Mac([0, 7, 0xb4, 0, group, 1]),
        Mac([0, 7, 0xb4, 0, group, 2]),
    ])
}

fn station(number: u8, rng: &mut Rng, may_be_virtual: bool) -> Station {
    let mac = match rng.below(if may_be_virtual { 8 } else { 7 }) {
        0..3 => Mac([0x00, 0x1b, 0x21, 0, 0, number]),
        3..5 => Mac([0xd6, 0x5c, 0x11, 0, 0, number]),
        5 | 6 => Mac([0x52, 0x54, 0x00, 0, 0, number]),
        _ => virtual_mac(rng),
    };
    let host = 60 + number;
    Station {
        name: char::from(b'A' + number),
        mac,
        ip: Ipv4Addr::new(10, 0, 0, host),
        six: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, host.into()),
    }
}
