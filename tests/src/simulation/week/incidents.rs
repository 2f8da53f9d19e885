//! What is planted, and what must be told of it: from Tuesday on, each at a random time, none near a restart. An incident
//! has its own machines and addresses, so that what is told of them is told of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::sighting::Sighting;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::types::{Class, Mac};

use super::hosts::{GATEWAY, Machine, PREFIXES, Rotates, SHARED_IP, Sort, random_mac};
use super::talk::{discover, interface_id, link_local};
use super::words::{self, ClientWords, Server};
use super::world::{Act, Deed, World, address};
use super::{DAY, DAYS, HOUR, MINUTE, SECOND};

/// One planted incident.
#[derive(Clone, Debug)]
pub struct Incident {
    /// What it is.
    pub name: &'static str,
    /// When it begins, in milliseconds.
    pub at_ms: u64,
    /// What must be told, each once.
    pub must: Vec<Sign>,
    /// What may be told besides, each once: true as well, and of the same cause.
    pub may: Vec<Sign>,
}

/// An event as the truth knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// What happened.
    pub kind: Kind,
    /// The address, where the truth knows it.
    pub ip: Option<IpAddr>,
    /// The station, where the truth knows it.
    pub mac: Option<Mac>,
    /// Why: one of these. Empty: the kind has no reasons.
    pub reasons: Vec<Reason>,
    /// When it is told at the latest, in milliseconds.
    pub until_ms: u64,
}

/// Plants everything; the sensor's two restarts are among it.
pub fn plant(world: &mut World) -> Vec<Incident> {
    let victims = (0..world.people.machines.len()).filter(|&number| world.machine(number).sort == Sort::Fixed);
    let mut plot = Plot { victims: victims.collect(), free: 171, incidents: Vec::new(), restarts: Vec::new(), world };
    plot.restarts();
    plot.newcomers();
    plot.guests();
    plot.replacements();
    plot.conflicts();
    plot.spoofs();
    plot.rogues();
    plot.dhcp_mischief();
    plot.scans();
    plot.oddities();
    plot.deaths();
    plot.changes();
    plot.of_the_sensor();
    plot.incidents
}

struct Plot<'a> {
    world: &'a mut World,
    /// Machines with an address set by hand that no incident has yet.
    victims: Vec<usize>,
    /// The next address that nobody has.
    free: u8,
    incidents: Vec<Incident>,
    restarts: Vec<u64>,
}

/// How an incident's machine is made.
type Make<'a> = fn(&mut Plot<'a>) -> Machine;

/// Hosts that are always on are gone after an hour of silence, and a round of questions.
const GONE_LATEST: u64 = 3 * HOUR;
/// Long enough for any explanation.
const SOON: u64 = MINUTE;

impl Plot<'_> {
    fn restarts(&mut self) {
        for (day, is_in_order) in [(2, true), (4, false)] {
            let at_ms = day * DAY + self.world.rng.below(20 * HOUR);
            self.restarts.push(at_ms);
            let down_ms = 20 * SECOND + self.world.rng.below(60 * SECOND);
            self.world.plan(at_ms, Act::Deed(Deed::Restart(is_in_order, down_ms)));
        }
    }

    // Who is new.

    fn newcomers(&mut self) {
        let kinds: [(&str, Make<'_>); 6] = [
            ("new computer", |plot| plot.world.maker.windows(Sort::Desktop)),
            ("new machine with an address set by hand", |plot| {
                let ip = plot.free();
                plot.world.maker.fixed(Sort::Fixed, &[ip])
            }),
            ("new device without IPv4", |plot| plot.world.maker.six_only()),
            ("new camera", |plot| plot.world.maker.thing(Sort::Thing)),
            ("new phone", |plot| plot.world.maker.android(Sort::Guest)),
            // Its template's name and system are those of others that are running.
            ("cloned virtual machine", |plot| {
                let mac = plot.world.maker.mac([0x52, 0x54, 0]);
                let alike = plot.world.people.machines.iter().find(|machine| machine.sort == Sort::Vm).cloned();
                let clone = alike.expect("virtual machines live here");
                let words = ClientWords { client_id: None, ..clone.words.clone() };
                Machine { mac, words, ..clone }
            }),
        ];
        for (name, make) in kinds {
            let machine = make(self);
            let at = self.moment();
            let (mac, number) = (machine.mac, self.world.add(machine));
            self.world.plan(at, Act::Join(number));
            self.told(name, at, vec![sign(Kind::NewHost, None, Some(mac), &[], at + SOON)], Vec::new());
        }
    }

    fn guests(&mut self) {
        for number in 0..8_u8 {
            let mut machine = if number % 2 == 0 {
                self.world.maker.android(Sort::Guest)
            } else {
                self.world.maker.linux(Sort::Guest)
            };
            machine.rotates = Rotates::Never;
            let at = self.moment();
            let (mac, number) = (machine.mac, self.world.add(machine));
            self.world.plan(at, Act::Join(number));
            self.world.plan(at + HOUR, Act::Leave(number));
            self.told("guest", at, vec![sign(Kind::NewHost, None, Some(mac), &[], at + SOON)], Vec::new());
        }
    }

    // Whose address it is.

    fn replacements(&mut self) {
        for _ in 0..2 {
            let (old, ip) = self.victim();
            let at = self.moment();
            let new = self.successor(ip);
            self.swap(old, new, at);
            let mac = self.world.machine(new).mac;
            let must = vec![sign(Kind::ChangedMac, Some(ip), Some(mac), &[Reason::Replaced], at + SOON)];
            let old = self.world.machine(old).mac;
            let may = vec![
                sign(Kind::NewHost, None, Some(mac), &[], at + SOON),
                sign(Kind::HostGone, None, Some(old), &[], at + DAY),
            ];
            self.told("replaced card", at, must, may);
        }
        // A spare takes over and gives back.
        let (old, ip) = self.victim();
        let (at, new) = (self.moment(), self.successor(ip));
        let back = at + 2 * HOUR;
        let (old_mac, new_mac) = (self.world.machine(old).mac, self.world.machine(new).mac);
        self.swap(old, new, at);
        self.swap(new, old, back);
        let must = vec![
            sign(Kind::ChangedMac, Some(ip), Some(new_mac), &[Reason::Replaced], at + SOON),
            sign(Kind::FlipFlop, Some(ip), Some(old_mac), &[], back + SOON),
        ];
        self.told("spare and back", at, must, vec![sign(Kind::NewHost, None, Some(new_mac), &[], at + SOON)]);
        // Two spares, one after the other, and back.
        let (old, ip) = self.victim();
        let (at, one, two) = (self.moment(), self.successor(ip), self.successor(ip));
        let macs = [old, one, two].map(|number| self.world.machine(number).mac);
        self.swap(old, one, at);
        self.swap(one, two, at + HOUR);
        self.swap(two, old, at + 2 * HOUR);
        let must = vec![
            sign(Kind::ChangedMac, Some(ip), Some(macs[1]), &[Reason::Replaced], at + SOON),
            sign(Kind::ChangedMac, Some(ip), Some(macs[2]), &[Reason::Replaced], at + HOUR + SOON),
            sign(Kind::ReusedMac, Some(ip), Some(macs[0]), &[], at + 2 * HOUR + SOON),
        ];
        let new = |mac| sign(Kind::NewHost, None, Some(mac), &[], at + HOUR + SOON);
        self.told("two spares and back", at, must, vec![new(macs[1]), new(macs[2])]);
    }

    fn conflicts(&mut self) {
        for _ in 0..2 {
            let (_, ip) = self.victim();
            let (at, double) = (self.moment(), self.successor(ip));
            self.world.plan(at, Act::Join(double));
            self.world.plan(at + 3 * HOUR, Act::Leave(double));
            let mac = self.world.machine(double).mac;
            let (conflict, changed) = ([Reason::Conflict, Reason::Defended], [Reason::Conflict]);
            let must = vec![sign(Kind::IpConflict, Some(ip), None, &conflict, at + SOON)];
            let may = vec![
                sign(Kind::ChangedMac, Some(ip), None, &changed, at + SOON),
                sign(Kind::NewHost, None, Some(mac), &[], at + SOON),
                // The one that stays has the address alone again.
                sign(Kind::FlipFlop, Some(ip), None, &[], at + 6 * HOUR),
            ];
            self.told("address set twice by hand", at, must, may);
        }
        // Asks first, is answered, and takes another address.
        let (holder, ip) = self.victim();
        let at = self.moment();
        let own = self.free();
        let machine = self.world.maker.fixed(Sort::Fixed, &[own]);
        let (mac, number) = (machine.mac, self.world.add(machine));
        let holder_mac = self.world.machine(holder).mac;
        let IpAddr::V4(four) = ip else { return };
        for again in [0, 1100, 2300] {
            self.frame(at + again, words::conflict_check(mac, four));
            self.frame(at + again + 1, words::arp(holder_mac, ArpOperation::Reply, four, Ipv4Addr::UNSPECIFIED));
        }
        self.world.plan(at + MINUTE, Act::Join(number));
        let must = vec![sign(Kind::IpConflict, Some(ip), None, &[Reason::Defended], at + SOON)];
        self.told("address defended", at, must, vec![sign(Kind::NewHost, None, Some(mac), &[], at + 2 * MINUTE)]);
    }

    // Who lies.

    fn spoofs(&mut self) {
        for number in 0..2 {
            let (at, liar) = (self.moment(), self.liar());
            self.lie(at, |_| words::arp(liar, ArpOperation::Reply, GATEWAY, Ipv4Addr::new(10, 20, 1, 7 + number)));
            let must = vec![sign(
                Kind::ChangedMac,
                Some(GATEWAY.into()),
                Some(liar),
                &[Reason::SpoofSuspected],
                at + 3 * SECOND,
            )];
            self.told("gateway spoofed by ARP", at, must, Vec::new());
        }
        for _ in 0..2 {
            let (_, ip) = self.victim();
            let (at, liar) = (self.moment(), self.liar());
            let IpAddr::V4(four) = ip else { return };
            self.lie(at, |_| words::announcement(liar, four));
            let must = vec![sign(Kind::ChangedMac, Some(ip), Some(liar), &[Reason::SpoofSuspected], at + 5 * SECOND)];
            self.told("host spoofed by ARP", at, must, Vec::new());
        }
        let router = link_local(self.world.machine(self.world.people.routers[0]).mac);
        let server = self.world.machine(self.world.people.routers[1]).mac;
        for (name, ip) in
            [("router spoofed by ND", router), ("host spoofed by ND", address(PREFIXES[0], interface_id(server)))]
        {
            let (at, liar) = (self.moment(), self.liar());
            self.lie(at, |_| words::unasked_advert(liar, ip));
            let must =
                vec![sign(Kind::ChangedMac, Some(ip.into()), Some(liar), &[Reason::SpoofSuspected], at + 5 * SECOND)];
            self.told(name, at, must, Vec::new());
        }
    }

    fn rogues(&mut self) {
        for _ in 0..2 {
            let (rogue, ip) = self.victim();
            let (at, mac) = (self.moment(), self.world.machine(rogue).mac);
            let IpAddr::V4(four) = ip else { return };
            let server = Server { mac, ip: four, router: four };
            for again in 0..10_u64 {
                // It answers a client that is known, and is not heard by it.
                let given = Ipv4Addr::new(10, 20, 3, 230);
                let to = self.world.machine(self.world.people.scanner).mac;
                self.frame(
                    at + again * 20 * MINUTE,
                    words::dhcp_from_server(server, to, DhcpMessage::Offer, given, 600),
                );
            }
            let must = vec![sign(Kind::RogueDhcpServer, Some(ip), Some(mac), &[Reason::Unlisted], at + SOON)];
            self.told("rogue DHCP server", at, must, Vec::new());
        }
        let foreign = Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 0);
        let unlisted = [Reason::Unlisted, Reason::ForeignPrefix];
        for prefix in [foreign, PREFIXES[0]] {
            let (number, _) = self.victim();
            let (at, mac) = (self.moment(), self.world.machine(number).mac);
            let own = link_local(mac);
            for again in 0..20_u64 {
                self.frame(at + again * 5 * MINUTE, words::router_advert(mac, own, 1800, &[prefix], &[]));
            }
            let must = vec![sign(Kind::RogueRouter, Some(own.into()), Some(mac), &unlisted, at + SOON)];
            self.told("rogue router", at, must, vec![sign(Kind::NewAddress, None, Some(mac), &[], at + SOON)]);
        }
        // In a router's name: it takes its service back, or names another name server.
        let router_mac = self.world.machine(self.world.people.routers[0]).mac;
        let router = link_local(router_mac);
        // One of them ends as the segment's own name server does.
        let bad = |last| Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, last);
        let forged: [(&str, u16, Vec<Ipv6Addr>, Reason); 3] = [
            ("router's service taken back", 0, Vec::new(), Reason::ZeroLifetime),
            ("foreign name server", 1800, vec![bad(1)], Reason::ForeignDns),
            ("foreign name server", 1800, vec![bad(0x53)], Reason::ForeignDns),
        ];
        for (name, lifetime_s, rdnss, reason) in forged {
            let at = self.moment();
            for again in 0..5_u64 {
                let advert = words::router_advert(router_mac, router, lifetime_s, &PREFIXES, &rdnss);
                self.frame(at + again * 2 * SECOND, advert);
            }
            let must = vec![sign(Kind::RogueRouter, Some(router.into()), None, &[reason], at + SOON)];
            self.told(name, at, must, Vec::new());
        }
    }

    fn dhcp_mischief(&mut self) {
        // Addresses are asked for in the name of clients that do not exist.
        let at = self.moment();
        let client = ClientWords { parameters: &[1, 3, 6], ..ClientWords::default() };
        for number in 0..600_u64 {
            let mac = random_mac(&mut self.world.rng);
            discover(self.world, at - self.world.now_ms + number * 20, mac, &client);
        }
        let must = vec![sign(Kind::Flood, None, None, &[Reason::DhcpStarvation], at + 10 * MINUTE)];
        self.told("DHCP starvation", at, must, Vec::new());
        // A client declines what it was given.
        let (_, ip) = self.victim();
        let at = self.moment();
        let mac = self.world.maker.windows(Sort::Guest).mac;
        let IpAddr::V4(four) = ip else { return };
        let server = self.world.people.server();
        for again in [0, 10_000] {
            self.frame(at + again, words::dhcp_from_server(server, mac, DhcpMessage::Ack, four, 600));
            let decline = words::dhcp_client(&client, DhcpMessage::Decline);
            let decline = DhcpClaim { requested_ip: Some(four), server: Some(server.ip), ..decline };
            self.frame(at + again + 500, words::dhcp_from_client(mac, decline));
        }
        // The server gave what somebody else has: told by that, or by the client's refusal, and once.
        let reasons = [Reason::Declined, Reason::Leased];
        let must = vec![sign(Kind::IpConflict, Some(ip), None, &reasons, at + SOON)];
        self.told("address declined", at, must, vec![sign(Kind::NewHost, None, Some(mac), &[], at + SOON)]);
        // Somebody took an address of the pool by hand, and then the server gives it to a client that does not ask.
        let ip = self.world.book.withhold();
        let squatter = self.world.maker.fixed(Sort::Fixed, &[ip]);
        let squatter = self.world.add(squatter);
        let settles = self.world.rng.below(20 * MINUTE);
        self.world.plan(settles, Act::Join(squatter));
        let client = Machine { tcp: false, echo: false, ..self.world.maker.android(Sort::Guest) };
        let (at, mac) = (self.moment(), client.mac);
        let client = self.world.add(client);
        self.world.plan(at - 1, Act::Force(ip));
        self.world.plan(at, Act::Join(client));
        self.world.plan(at + 2 * HOUR, Act::Leave(client));
        let ip = IpAddr::from(ip);
        let must = vec![sign(Kind::IpConflict, Some(ip), None, &[Reason::Leased, Reason::Conflict], at + HOUR)];
        let may = vec![
            sign(Kind::NewHost, None, Some(mac), &[], at + SOON),
            sign(Kind::ChangedMac, Some(ip), None, &[Reason::Dhcp, Reason::Conflict], at + SOON),
            sign(Kind::FlipFlop, Some(ip), None, &[], at + HOUR),
        ];
        self.told("leased address in use", at, must, may);
    }

    fn scans(&mut self) {
        for (name, target, reason) in [
            ("ARP scan", None, Reason::ArpScan),
            ("ARP scan", None, Reason::ArpScan),
            ("port scan", Some(IpAddr::from(SHARED_IP)), Reason::PortScan),
        ] {
            let (number, _) = self.victim();
            let (at, mac) = (self.moment(), self.world.machine(number).mac);
            if target.is_none() {
                super::talk::scan(self.world, number, at - self.world.now_ms);
            }
            // The kernel says so again as long as it goes on.
            for again in [5, 8] {
                self.world.plan(at + again * SECOND, Act::Deed(Deed::Scan(mac, target)));
            }
            let must = vec![sign(Kind::ScanDetected, None, Some(mac), &[reason], at + SOON)];
            self.told(name, at, must, Vec::new());
        }
    }

    fn oddities(&mut self) {
        for last in [9, 10] {
            let (number, _) = self.victim();
            let (at, mac) = (self.moment(), self.world.machine(number).mac);
            let ip = Ipv4Addr::new(192, 168, 7, last);
            for again in 0..4_u64 {
                self.frame(at + again * 30 * SECOND, words::arp(mac, ArpOperation::Request, ip, GATEWAY));
            }
            self.told(
                "bogon",
                at,
                vec![sign(Kind::Bogon, Some(ip.into()), Some(mac), &[], at + 2 * MINUTE)],
                Vec::new(),
            );
        }
        let (number, _) = self.victim();
        let (at, frame_mac, own) = (self.moment(), self.world.machine(number).mac, self.free());
        let mac = self.world.maker.mac([0x00, 0x0d, 0xb9]);
        for again in 0..4_u64 {
            let reply = words::arp(mac, ArpOperation::Reply, own, GATEWAY);
            self.frame(at + again * 30 * SECOND, Sighting { frame_mac, ..reply });
        }
        let must = vec![sign(Kind::MacMismatch, Some(own.into()), Some(mac), &[], at + 2 * MINUTE)];
        self.told("forged frame", at, must, Vec::new());
    }

    // Who dies, and what changes.

    fn deaths(&mut self) {
        let servers: Vec<usize> = (0..self.world.people.machines.len())
            .filter(|&number| {
                let machine = self.world.machine(number);
                machine.sort == Sort::Server && machine.fixed.len() == 1 && machine.fixed[0].octets()[3] < 60
            })
            .filter(|number| *number != self.world.people.dhcp)
            .collect();
        for &number in servers.iter().take(2) {
            let at = self.moment_before(DAYS * DAY - 10 * HOUR);
            let back = at + GONE_LATEST + HOUR;
            let (mac, ip) = (self.world.machine(number).mac, self.world.machine(number).fixed[0].into());
            self.world.plan(at, Act::Leave(number));
            self.world.plan(back, Act::Join(number));
            let must = vec![
                sign(Kind::HostGone, Some(ip), Some(mac), &[], at + GONE_LATEST),
                sign(Kind::HostBack, Some(ip), Some(mac), &[], back + SOON),
            ];
            self.told("server dead and back", at, must, Vec::new());
        }
    }

    fn changes(&mut self) {
        let things: Vec<usize> = (0..self.world.people.machines.len())
            .filter(|&number| {
                self.world.machine(number).sort == Sort::Thing && self.world.machine(number).mdns.is_none()
            })
            .collect();
        for &number in things.iter().take(2) {
            let (at, mac) = (self.moment(), self.world.machine(number).mac);
            self.world.plan(at, Act::Rename(number, format!("renamed-{number}")));
            self.world.plan(at + 1, Act::Leave(number));
            self.world.plan(at + MINUTE, Act::Join(number));
            // At once, or when it renews its lease, should the mirror lose the one frame that says it.
            let must = vec![sign(Kind::NameChanged, None, Some(mac), &[], at + 13 * HOUR)];
            self.told("renamed", at, must, Vec::new());
        }
        let (number, ip) = self.victim();
        let at = self.moment_before(DAYS * DAY - 40 * HOUR);
        let shut = at + 16 * HOUR;
        self.world.plan(at, Act::Serve(number, 3389, true));
        self.world.plan(shut, Act::Serve(number, 3389, false));
        let must = vec![
            sign(Kind::ServiceOpened, Some(ip), None, &[], at + 8 * HOUR),
            sign(Kind::ServiceClosed, Some(ip), None, &[], shut + 8 * HOUR),
        ];
        self.told("service opened and closed", at, must, Vec::new());
    }

    fn of_the_sensor(&mut self) {
        let (number, _) = self.victim();
        let (at, mac) = (self.moment(), self.world.machine(number).mac);
        for again in 0..5 {
            self.world.plan(at + again * MINUTE, Act::Deed(Deed::Flood(mac, Class::Arp)));
        }
        self.told("flood", at, vec![sign(Kind::Flood, None, Some(mac), &[], at + SOON)], Vec::new());
        let at = self.moment();
        self.world.plan(at, Act::Deed(Deed::Loss(1000)));
        self.told("frames lost", at, vec![sign(Kind::SensorLoss, None, None, &[], at + SOON)], Vec::new());
    }

    // What incidents are made of.

    fn told(&mut self, name: &'static str, at_ms: u64, must: Vec<Sign>, may: Vec<Sign>) {
        self.incidents.push(Incident { name, at_ms, must, may });
    }

    /// Tuesday to Sunday, not near a restart.
    fn moment(&mut self) -> u64 {
        self.moment_before(DAYS * DAY - 8 * HOUR)
    }

    fn moment_before(&mut self, end_ms: u64) -> u64 {
        loop {
            let at = DAY + HOUR + self.world.rng.below(end_ms - DAY - HOUR);
            if self.restarts.iter().all(|restart| at.abs_diff(*restart) > 4 * HOUR) {
                return at;
            }
        }
    }

    /// A machine with an address set by hand, and the address.
    fn victim(&mut self) -> (usize, IpAddr) {
        let place = usize::try_from(self.world.rng.below(self.victims.len() as u64)).unwrap_or(0);
        let number = self.victims.swap_remove(place);
        (number, self.world.machine(number).fixed[0].into())
    }

    fn free(&mut self) -> Ipv4Addr {
        self.free += 1;
        Ipv4Addr::new(10, 20, 0, self.free)
    }

    /// Another machine with the same address, not there yet.
    fn successor(&mut self, ip: IpAddr) -> usize {
        let IpAddr::V4(ip) = ip else { return 0 };
        let machine = self.world.maker.fixed(Sort::Fixed, &[ip]);
        self.world.add(machine)
    }

    fn swap(&mut self, old: usize, new: usize, at_ms: u64) {
        self.world.plan(at_ms - 20 * SECOND, Act::Leave(old));
        self.world.plan(at_ms, Act::Join(new));
    }

    /// The station of somebody who lives here and lies.
    fn liar(&mut self) -> Mac {
        let (number, _) = self.victim();
        self.world.machine(number).mac
    }

    /// The same lie, every two seconds for a minute.
    fn lie(&mut self, at_ms: u64, lie: impl Fn(u64) -> Sighting) {
        for again in 0..30 {
            self.frame(at_ms + again * 2 * SECOND, lie(again));
        }
    }

    fn frame(&mut self, at_ms: u64, sighting: Sighting) {
        let in_ms = at_ms - self.world.now_ms;
        self.world.send(in_ms, sighting);
    }
}

fn sign(kind: Kind, ip: Option<IpAddr>, mac: Option<Mac>, reasons: &[Reason], until_ms: u64) -> Sign {
    Sign { kind, ip, mac, reasons: reasons.to_vec(), until_ms }
}
