//! Kinds of machines, and how many of each there are.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use sensor_core::types::Mac;

use super::calendar::{DAY, HOUR};
use super::words::{ClientWords, Server};
use crate::simulation::rng::Rng;

/// A kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A laptop, or its docking station's network card.
    Laptop,
    /// A desktop computer.
    Desktop,
    /// The telephone of an employee.
    Phone,
    /// A virtual machine.
    Vm,
    /// A printer, which sleeps most of the time.
    Printer,
    /// A camera, a thermostat, a telephone on a desk: always on, by DHCP.
    Thing,
    /// A machine with an address that was set by hand, always on.
    Fixed,
    /// A server: always on, as the configuration says.
    Server,
    /// A router.
    Router,
    /// A device without IPv4.
    SixOnly,
    /// A guest's device, here once for an hour.
    Guest,
}

/// When a machine takes another MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotates {
    /// Never.
    Never,
    /// On one day of the week.
    Once(u64),
    /// Each day, when it comes.
    Daily,
    /// Each time that it comes.
    Always,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What it is.
    pub sort: Sort,
    /// Its MAC.
    pub mac: Mac,
    /// Its DHCP options.
    pub words: ClientWords,
    /// Its client id is made from its MAC.
    pub id_is_mac: bool,
    /// Addresses that were set by hand; else DHCP gives one.
    pub fixed: Vec<Ipv4Addr>,
    /// How long its leases are, in milliseconds.
    pub lease_ms: u64,
    /// It speaks IPv4.
    pub four: bool,
    /// It speaks IPv6.
    pub six: bool,
    /// It checks whether an address is free before it uses it (RFC 5227).
    pub checks: bool,
    /// Its name in mDNS.
    pub mdns: Option<String>,
    /// Its instance of a service in mDNS.
    pub instance: Option<String>,
    /// Its model, as Apple's machines tell it in `_device-info`.
    pub model: Option<&'static str>,
    /// It registers its name by NetBIOS.
    pub netbios: bool,
    /// When it takes another MAC.
    pub rotates: Rotates,
    /// It answers echo.
    pub echo: bool,
    /// It refuses or accepts connections; otherwise it drops them.
    pub tcp: bool,
    /// Ports that are open.
    pub open: BTreeSet<u16>,
    /// It sleeps: its network card answers ARP and NDP, and nothing else is answered.
    pub asleep: bool,
    /// Whether it is switched on and connected.
    pub online: bool,
    /// How often it joined: acts that were planned before that are void.
    pub life: u32,
    /// Its IPv4 address at present.
    pub ip: Option<Ipv4Addr>,
    /// Its IPv6 addresses at present: link-local, stable, and temporary ones.
    pub sixes: Vec<Ipv6Addr>,
    /// Nothing that it sends distinguishes it from others of its kind.
    pub is_generic: bool,
    /// The station and address of its last lease.
    pub leased: Option<(Mac, Ipv4Addr)>,
    /// The day on which it came last.
    pub came_on: Option<u64>,
}

impl Machine {
    /// A machine that answers everything and sends little.
    pub fn new(sort: Sort, mac: Mac) -> Self {
        Self {
            sort,
            mac,
            words: ClientWords::default(),
            id_is_mac: false,
            fixed: Vec::new(),
            lease_ms: DAY,
            four: true,
            six: false,
            checks: false,
            mdns: None,
            instance: None,
            model: None,
            netbios: false,
            rotates: Rotates::Never,
            echo: true,
            tcp: true,
            open: BTreeSet::new(),
            asleep: false,
            online: false,
            life: 0,
            ip: None,
            sixes: Vec::new(),
            is_generic: false,
            leased: None,
            came_on: None,
        }
    }
}

/// The gateway's address, which two routers share.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 1);
/// Its MAC.
pub const GATEWAY_MAC: Mac = Mac([0, 0, 0x5e, 0, 1, 10]);
/// A second one, of another protocol.
pub const HSRP_IP: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 254);
/// Its MAC.
pub const HSRP_MAC: Mac = Mac([0, 0, 0x0c, 7, 0xac, 5]);
/// An address that two servers share by VRRP without a station of its own.
pub const SHARED_IP: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 200);
/// The sensor's MAC.
pub const OWN_MAC: Mac = Mac([0x00, 0x16, 0x3e, 0, 0, 1]);
/// The sensor's address.
pub const OWN_IP: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 99);
/// The prefixes of the segment's routers.
pub const PREFIXES: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0x2001, 0xdb8, 0x20, 0, 0, 0, 0, 0), Ipv6Addr::new(0xfd20, 0, 0, 1, 0, 0, 0, 0)];
/// The name server that routers announce.
pub const RDNSS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x20, 0, 0, 0, 0, 0x53);

/// The machines, and the numbers of those with a special part.
#[derive(Clone, Debug, Default)]
pub struct Population {
    /// All of them; those that come later follow the residents.
    pub machines: Vec<Machine>,
    /// How many residents there are.
    pub residents: usize,
    /// The two routers of the gateway's group.
    pub routers: [usize; 2],
    /// The two of the HSRP group.
    pub hsrp: [usize; 2],
    /// The router that answers for what is behind it.
    pub proxy: usize,
    /// The DHCP server.
    pub dhcp: usize,
    /// Two servers that share an address by VRRP.
    pub shared: [usize; 2],
    /// One server's two network cards, of which one at a time is used.
    pub bond: [usize; 2],
    /// A machine of a Microsoft load-balancing cluster.
    pub cluster: usize,
    /// The sleep proxy.
    pub sleep_proxy: usize,
    /// The computers that it answers for.
    pub proxied: Vec<usize>,
    /// Laptops, and the network cards of their docking stations.
    pub docked: Vec<(usize, usize)>,
    /// Another administrator's scanner, which the owner listed.
    pub scanner: usize,
}

/// DHCP parameter lists (option 55), as such systems send them.
const WINDOWS: [u8; 14] = [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252];
const APPLE: [u8; 10] = [1, 121, 3, 6, 15, 108, 114, 119, 162, 252];
const ANDROID: [u8; 11] = [1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114];
const LINUX: [u8; 13] = [1, 2, 6, 12, 15, 26, 28, 121, 3, 33, 40, 41, 42];
const SMALL: [u8; 5] = [1, 3, 6, 12, 15];

const DELL: [u8; 3] = [0x00, 0x14, 0x22];
const INTEL: [u8; 3] = [0x00, 0x1b, 0x21];
const APPLE_OUI: [u8; 3] = [0x00, 0x1e, 0xc2];
const HP: [u8; 3] = [0x00, 0x1f, 0x29];
const AXIS: [u8; 3] = [0x00, 0x40, 0x8c];
const CISCO: [u8; 3] = [0x00, 0x1b, 0x54];

/// Makes machines, each with its own station.
#[derive(Debug)]
pub struct Maker {
    rng: Rng,
    number: u32,
}

impl Maker {
    /// The maker of a seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed ^ 0x686f_7374), number: 0 }
    }

    /// A MAC of this vendor.
    pub fn mac(&mut self, vendor: [u8; 3]) -> Mac {
        self.number += 1;
        let [_, high, middle, low] = self.number.to_be_bytes();
        Mac([vendor[0], vendor[1], vendor[2], high, middle, low])
    }

    /// A computer with one of three systems.
    pub fn computer(&mut self, sort: Sort) -> Machine {
        match self.rng.below(5) {
            0 | 1 => self.windows(sort),
            2 => self.linux(sort),
            _ => self.apple(sort),
        }
    }

    /// With Windows.
    pub fn windows(&mut self, sort: Sort) -> Machine {
        let mac = self.mac(DELL);
        let name = format!("DESKTOP-{:05X}", self.number);
        let words = ClientWords { name: Some(name), class: Some("MSFT 5.0"), parameters: &WINDOWS, client_id: None };
        Machine {
            words,
            id_is_mac: true,
            six: true,
            checks: true,
            netbios: true,
            echo: false,
            ..Machine::new(sort, mac)
        }
    }

    /// With Linux.
    pub fn linux(&mut self, sort: Sort) -> Machine {
        let mac = self.mac(INTEL);
        let name = format!("ws-{}", self.number);
        let client_id = Some([&[0xff][..], &self.rng.number().to_be_bytes(), &[0, 2, 0, 0, 0xab, 0x11]].concat());
        let words = ClientWords { name: Some(name.clone()), class: None, parameters: &LINUX, client_id };
        let mdns = Some(format!("{name}.local"));
        Machine { words, six: true, checks: self.rng.one_in(2), mdns, ..Machine::new(sort, mac) }
    }

    /// With macOS.
    pub fn apple(&mut self, sort: Sort) -> Machine {
        let mac = self.mac(APPLE_OUI);
        let name = format!("mac-{}", self.number);
        let words = ClientWords { name: Some(name.clone()), class: None, parameters: &APPLE, client_id: None };
        let mdns = Some(format!("{name}.local"));
        let instance = Some(format!("{name}._companion-link._tcp.local"));
        Machine {
            words,
            id_is_mac: true,
            six: true,
            checks: true,
            mdns,
            instance,
            model: Some("Mac14,3"),
            ..Machine::new(sort, mac)
        }
    }

    /// A phone with a name of its own.
    pub fn android(&mut self, sort: Sort) -> Machine {
        let mac = random_mac(&mut self.rng);
        self.number += 1;
        // Some names begin with the vendor's default, some with the owner's name.
        let name = match self.number % 2 {
            0 => format!("Galaxy-of-person-{}", self.number),
            _ => format!("person-{}s-S23", self.number),
        };
        let name = Some(name);
        let words = ClientWords { name, class: Some("android-dhcp-14"), parameters: &ANDROID, client_id: None };
        Machine { words, six: true, lease_ms: 8 * HOUR, tcp: false, ..Machine::new(sort, mac) }
    }

    /// A phone with the default name of its model.
    pub fn iphone(&mut self, sort: Sort) -> Machine {
        let mac = random_mac(&mut self.rng);
        let words = ClientWords { name: Some("iPhone".to_owned()), class: None, parameters: &APPLE, client_id: None };
        let is_generic = true;
        Machine { words, six: true, checks: true, lease_ms: 8 * HOUR, is_generic, ..Machine::new(sort, mac) }
    }

    /// A small device that is always on.
    pub fn thing(&mut self, sort: Sort) -> Machine {
        let mac = self.mac(AXIS);
        let name = Some(format!("thing-{}", self.number));
        let words = ClientWords { name, class: Some("udhcp 1.36"), parameters: &SMALL, client_id: None };
        let (open, is_deaf) = ([80].into(), self.rng.one_in(4));
        Machine { words, open, echo: !is_deaf, tcp: !is_deaf || self.rng.one_in(2), ..Machine::new(sort, mac) }
    }

    /// A virtual machine: its MAC is locally administered, or a hypervisor's, and stays.
    pub fn vm(&mut self) -> Machine {
        let mac = match self.rng.below(3) {
            0 => self.mac([0x52, 0x54, 0x00]),
            1 => self.mac([0x02, 0x42, 0x0a]),
            _ => self.mac([0x00, 0x50, 0x56]),
        };
        let words = self.linux(Sort::Vm).words;
        Machine { words, six: true, open: [22].into(), ..Machine::new(Sort::Vm, mac) }
    }

    /// A machine whose address was set by hand.
    pub fn fixed(&mut self, sort: Sort, ips: &[Ipv4Addr]) -> Machine {
        let mac = self.mac(if sort == Sort::Router { CISCO } else { HP });
        let open = [22, 443].into();
        Machine { fixed: ips.to_vec(), open, six: sort == Sort::Router, ..Machine::new(sort, mac) }
    }

    /// A machine without IPv4.
    pub fn six_only(&mut self) -> Machine {
        let mac = self.mac(AXIS);
        Machine { four: false, six: true, ..Machine::new(Sort::SixOnly, mac) }
    }

    fn printer(&mut self) -> Machine {
        let mac = self.mac(HP);
        let name = format!("NPI{:06X}", self.number);
        let words = ClientWords { name: Some(name.clone()), parameters: &SMALL, ..ClientWords::default() };
        let mdns = Some(format!("{name}.local"));
        let instance = Some(format!("{name}._ipp._tcp.local"));
        Machine { words, mdns, instance, open: [80, 443].into(), asleep: true, ..Machine::new(Sort::Printer, mac) }
    }

    /// The phones, by how much of what they send stays the same when their MAC changes.
    fn phones(&mut self, machines: &mut Vec<Machine>) {
        for number in 0..120_u64 {
            let mut phone = if number < 50 { self.android(Sort::Phone) } else { self.iphone(Sort::Phone) };
            match number {
                0..20 => phone.rotates = Rotates::Daily,
                20..30 => phone.rotates = Rotates::Always,
                30..50 => {}
                // A client id that stays (RFC 4361).
                50..70 => {
                    let id = self.rng.number().to_be_bytes();
                    phone.words.client_id = Some([&[0xff][..], &id, &[0, 4]].concat());
                    phone.rotates = if number < 60 { Rotates::Daily } else { Rotates::Always };
                }
                // Its owner's name in mDNS.
                70..90 => {
                    phone.instance = Some(format!("Phone of {number}._companion-link._tcp.local"));
                    phone.mdns = Some(format!("person-{number}s-phone.local"));
                    phone.model = Some(["D53gAP", "D63AP", "D73AP"][usize::try_from(number % 3).unwrap_or(0)]);
                    phone.rotates = Rotates::Daily;
                }
                // Nothing distinguishes it from others of its kind; it changes its MAC once in a while.
                _ => {
                    phone.id_is_mac = true;
                    phone.rotates = Rotates::Once(1 + self.rng.below(4));
                }
            }
            machines.push(phone);
        }
    }
}

/// A random, locally administered MAC.
pub fn random_mac(rng: &mut Rng) -> Mac {
    let [a, b, c, d, e, f, ..] = rng.number().to_be_bytes();
    // Not the prefix of a hypervisor.
    Mac([(a & 0xf0) | 0x0a, b | 1, c, d, e, f])
}

/// All residents.
pub fn population(maker: &mut Maker) -> Population {
    let mut p = Population::default();
    let low = |last| Ipv4Addr::new(10, 20, 0, last);
    let add = |p: &mut Population, machine| {
        p.machines.push(machine);
        p.machines.len() - 1
    };
    p.routers = [2, 3].map(|last| add(&mut p, maker.fixed(Sort::Router, &[low(last)])));
    p.hsrp = [252, 253].map(|last| add(&mut p, maker.fixed(Sort::Router, &[low(last)])));
    p.proxy = add(&mut p, maker.fixed(Sort::Router, &[low(4)]));
    p.machines[p.proxy].six = false;
    for router in p.hsrp {
        p.machines[router].six = false;
    }
    p.dhcp = add(&mut p, maker.fixed(Sort::Server, &[low(5)]));
    p.shared = [201, 202].map(|last| add(&mut p, maker.fixed(Sort::Server, &[low(last)])));
    p.bond = [low(210), low(210)].map(|ip| add(&mut p, maker.fixed(Sort::Server, &[ip])));
    p.cluster = add(&mut p, maker.fixed(Sort::Server, &[low(60)]));
    p.scanner = add(&mut p, maker.fixed(Sort::Server, &[low(70)]));
    for number in 0..16 {
        let own = 10 + 2 * number;
        let ips = if number < 5 { vec![low(own), low(own + 1), low(180 + number)] } else { vec![low(own)] };
        add(&mut p, maker.fixed(Sort::Server, &ips));
    }
    for last in 100..170 {
        add(&mut p, maker.fixed(Sort::Fixed, &[low(last)]));
    }
    p.sleep_proxy = add(&mut p, maker.apple(Sort::Thing));
    p.machines[p.sleep_proxy].instance = Some("70-35-60-63.1 Living Room._sleep-proxy._udp.local".to_owned());
    for number in 0..80 {
        let machine = maker.computer(Sort::Laptop);
        let laptop = add(&mut p, machine);
        if number < 2 {
            let mac = maker.mac(INTEL);
            let card = Machine { mac, ..p.machines[laptop].clone() };
            let card = add(&mut p, card);
            p.docked.push((laptop, card));
        }
    }
    for _ in 0..50 {
        let machine = maker.computer(Sort::Desktop);
        add(&mut p, machine);
    }
    for _ in 0..3 {
        let machine = maker.apple(Sort::Desktop);
        let desktop = add(&mut p, machine);
        p.proxied.push(desktop);
    }
    maker.phones(&mut p.machines);
    for _ in 0..60 {
        let machine = maker.vm();
        add(&mut p, machine);
    }
    for _ in 0..20 {
        let machine = maker.printer();
        add(&mut p, machine);
    }
    for _ in 0..60 {
        let machine = maker.thing(Sort::Thing);
        add(&mut p, machine);
    }
    for _ in 0..8 {
        let machine = maker.six_only();
        add(&mut p, machine);
    }
    p.residents = p.machines.len();
    p
}

impl Population {
    /// The DHCP server's MAC, address and router.
    pub fn server(&self) -> Server {
        Server { mac: self.machines[self.dhcp].mac, ip: self.machines[self.dhcp].fixed[0], router: GATEWAY }
    }
}
