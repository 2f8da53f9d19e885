//! Innocent habits that look like attacks: names that many ask for, repeaters of names, counters in names, devices that look
//! for their gateway before they have an address, a router that speaks by two stations, a bridge that speaks for what is
//! behind it, addresses that pass round by lease.

use std::net::{IpAddr, Ipv4Addr};

use sensor_core::inventory::sighting::Sighting;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::types::{Mac, Text};

use super::calendar::{DAY, DAYS, HOUR, MINUTE, SECOND};
use super::hosts::{GATEWAY, GATEWAY_MAC, Sort};
use super::words::{self, ClientWords};
use super::world::{Act, World};

/// Names under which a file server is reached.
const ALIASES: [&str; 6] = ["archive", "backup", "media", "music", "photos", "shared"];
/// Names that nobody has, which users type.
const TYPOS: [&str; 5] = ["intranett", "pritner", "fielserver", "wikki", "maill"];

/// Plans all habits.
pub fn settle_in(world: &mut World) {
    let mut people = Habits { fixed: Vec::new(), world };
    let numbers = 0..people.world.people.residents;
    people.fixed = numbers.filter(|number| people.world.machine(*number).sort == Sort::Thing).collect();
    people.file_server();
    people.computers_ask_and_answer();
    people.reflector();
    people.counted_names();
    people.gateway_lookups();
    people.lease_carousel();
    people.client_bridge();
}

struct Habits<'a> {
    world: &'a mut World,
    /// Machines that are always here and have no other habit.
    fixed: Vec<usize>,
}

impl Habits<'_> {
    /// An address outside of the pool, and the station of a machine that always has it.
    fn station(&mut self, last: u8) -> (Mac, Ipv4Addr) {
        let ip = Ipv4Addr::new(10, 20, 0, last);
        let machine = self.world.maker.fixed(Sort::Fixed, &[ip]);
        let mac = machine.mac;
        let number = self.world.add(machine);
        self.world.plan(MINUTE, Act::Join(number));
        (mac, ip)
    }

    fn send(&mut self, at_ms: u64, sighting: Sighting) {
        self.world.send(at_ms, sighting);
    }

    /// A moment of the working hours of a day.
    fn by_day(&mut self, day: u64) -> u64 {
        day * DAY + 9 * HOUR + self.world.rng.below(8 * HOUR)
    }

    /// A file server with many names, which it registers at its start; everybody asks for all of them.
    fn file_server(&mut self) {
        let (mac, ip) = self.station(244);
        for (alias, n) in ALIASES.into_iter().zip(0..) {
            self.send(2 * MINUTE + n * SECOND, words::netbios(mac, ip, alias));
            self.send(2 * MINUTE + n * SECOND + 500, words::mdns_address(mac, ip, &format!("{alias}.local")));
        }
        for day in 0..DAYS {
            for alias in ALIASES {
                let asker = self.asker();
                let at = self.by_day(day);
                self.send(at, words::netbios_query(asker, alias));
                self.send(at + 3, words::netbios_answer(mac, ip, alias));
                self.send(at + HOUR / 2, words::mdns_query(asker, &format!("{alias}.local")));
                self.send(at + HOUR / 2 + 20, words::mdns_address(mac, ip, &format!("{alias}.local")));
            }
        }
    }

    /// A machine that is always here, which asks.
    fn asker(&mut self) -> Mac {
        let place = usize::try_from(self.world.rng.below(self.fixed.len() as u64)).unwrap_or(0);
        self.world.machine(self.fixed[place]).mac
    }

    /// Two computers that answer for their own names only, while others mistype and look for a web proxy.
    fn computers_ask_and_answer(&mut self) {
        let computers = [245, 246].map(|last| self.station(last));
        for day in 0..DAYS {
            for (number, (mac, ip)) in computers.into_iter().enumerate() {
                let asker = self.asker();
                let at = self.by_day(day);
                let name = format!("office-pc-{number}");
                self.send(at, words::llmnr_query(asker, &name));
                self.send(at + 2, words::llmnr_answer(mac, ip, &name));
            }
            for name in TYPOS.into_iter().chain(["wpad", "isatap"]) {
                let (asker, at) = (self.asker(), self.by_day(day));
                self.send(at, words::llmnr_query(asker, name));
                self.send(at + 400, words::netbios_query(asker, name));
            }
        }
    }

    /// A router that repeats the names of another network, with that network's addresses.
    fn reflector(&mut self) {
        let (mac, ip) = self.station(247);
        for hour in 1..DAYS * 24 {
            let last = u8::try_from(hour % 40).unwrap_or(0);
            let other = IpAddr::from([10, 90, 0, last]);
            let name = Text::new(format!("tablet-{last}.local").as_bytes());
            let record = Box::new(MdnsClaim::Address { name, addr: other });
            let claim = MdnsClaim::OfAnother { record, addresses: vec![other] };
            self.send(hour * HOUR, words::mdns(mac, ip.into(), claim));
        }
    }

    /// A speaker that meets its own echo and counts its name up.
    fn counted_names(&mut self) {
        let (mac, ip) = self.station(248);
        for n in 1..60 {
            let name = if n == 1 { "speaker.local".to_owned() } else { format!("speaker-{n}.local") };
            self.send(DAY + n * 2 * HOUR, words::mdns_address(mac, ip, &name));
        }
    }

    /// A lamp that asks for its gateway from 0.0.0.0 each time that it wakes.
    fn gateway_lookups(&mut self) {
        let (mac, _) = self.station(249);
        for hour in 2..DAYS * 24 {
            let at = hour * HOUR + self.world.rng.below(HOUR / 2);
            self.send(at, words::conflict_check(mac, GATEWAY));
            self.send(at + 2, words::arp(GATEWAY_MAC, ArpOperation::Reply, GATEWAY, Ipv4Addr::UNSPECIFIED));
        }
    }

    /// Two devices that take turns with one leased address: each gives it back before it leaves.
    fn lease_carousel(&mut self) {
        let ip = Ipv4Addr::new(10, 20, 3, 240);
        let server = self.world.people.server();
        let devices = [0, 1].map(|_| {
            let machine = self.world.maker.fixed(Sort::Fixed, &[ip]);
            (machine.mac, self.world.add(machine))
        });
        let client = ClientWords { parameters: &[1, 3, 6], ..ClientWords::default() };
        for turn in 0..DAYS * 48 - 4 {
            let at = HOUR + turn * HOUR / 2;
            let (mac, number) = devices[usize::try_from(turn % 2).unwrap_or(0)];
            let request = words::dhcp_client(&client, DhcpMessage::Request);
            let release = words::dhcp_client(&client, DhcpMessage::Release);
            self.send(at, words::dhcp_from_client(mac, DhcpClaim { requested_ip: Some(ip), ..request }));
            self.send(at + 20, words::dhcp_from_server(server, mac, DhcpMessage::Ack, ip, 7200));
            self.world.plan(at + 100, Act::Join(number));
            let leaves = at + 28 * MINUTE;
            self.world.plan(leaves, Act::Leave(number));
            self.send(leaves, words::dhcp_from_client(mac, DhcpClaim { ciaddr: Some(ip), ..release }));
        }
    }

    /// A bridge to a wired device: it asks for the device's lease in frames of its own, and speaks for its address.
    fn client_bridge(&mut self) {
        let (bridge, _) = self.station(250);
        let (device, ip) = (self.world.maker.mac([0x00, 0x1b, 0xa9]), Ipv4Addr::new(10, 20, 3, 241));
        let server = self.world.people.server();
        let number = self.world.people.machines.len() - 1;
        let client = ClientWords { parameters: &[1, 3, 6], name: Some("wired".to_owned()), ..ClientWords::default() };
        for turn in 0..DAYS * 3 {
            let at = 2 * HOUR + turn * 8 * HOUR;
            let request = words::dhcp_client(&client, DhcpMessage::Request);
            let request = words::dhcp_from_client(device, DhcpClaim { requested_ip: Some(ip), ..request });
            self.send(at, Sighting { frame_mac: bridge, ..request });
            self.send(at + 20, words::dhcp_from_server(server, device, DhcpMessage::Ack, ip, 86_400));
            self.send(at + 200, words::arp(bridge, ArpOperation::Request, ip, GATEWAY));
            self.world.plan(at + 200, Act::Vouch(number, ip.into(), true));
        }
    }
}
