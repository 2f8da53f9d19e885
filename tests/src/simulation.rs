//! Seeded networks whose truth is known: a generator that tells stories (a host joins, a lease is handed over, somebody
//! spoofs) and writes down, as it tells them, what an observer must report and know in the end. It does not use the
//! correlator's code: each story knows its own outcome, and stories share a segment but no address.
//! The harm is simulated too: frames are lost (never all of a burst), doubled, delayed up to 50 ms, and the
//! sensor is restarted at random points.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sensor_core::inventory::correlator::settings::Settings;
use sensor_core::inventory::correlator::state::Correlator;
use sensor_core::inventory::event::{Event, Kind, Reason};
use sensor_core::inventory::model::host::HostRole;
use sensor_core::inventory::model::role::Role;
use sensor_core::inventory::model::rows::Limits;
use sensor_core::inventory::model::rows::Rows;
use sensor_core::inventory::model::source::Source;
use sensor_core::inventory::sighting::arp::{ArpClaim, ArpOperation};
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Iface, Mac, Segment, Text, Timestamp, Vlans};
use sensor_core::wire::ndp::Prefix;

/// Networks that answer questions.
pub mod asking;
/// What must be known in the end.
pub mod known;
/// Stories of switches, telephones and groups of routers.
mod link;
/// Stories of machines that announce themselves.
mod names;
/// Stories of who is behind a router or in a tunnel.
mod paths;
/// A week of an office.
pub mod week;

pub use known::{Known, Port, Service, known};

/// A network's life as the sensor lives it, and the truth about it.
#[derive(Clone, Debug)]
pub struct Lan {
    /// What the correlator is told beforehand.
    pub settings: Settings,
    /// What happens to it, in order.
    pub steps: Vec<Step>,
    /// What it must tell, by station of its segment; in order for each.
    pub told: BTreeMap<(Segment, Mac), Vec<Told>>,
    /// What it must know in the end.
    pub known: Known,
    /// Addresses of redundant gateways: that they pass from one router to the other is for the record only.
    pub redundant: BTreeSet<(Segment, IpAddr)>,
}

/// One thing that happens to the correlator.
#[derive(Clone, Debug)]
pub enum Step {
    /// The input ends.
    Finish(Timestamp),
    /// A sighting arrives.
    Observe(Sighting, Timestamp),
    /// The sensor is restarted.
    Restart,
    /// A timeout is handled.
    Wait(Timestamp),
}

/// What identifies an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What happened.
    pub kind: Kind,
    /// The address.
    pub ip: Option<IpAddr>,
    /// The station before.
    pub old_mac: Option<Mac>,
    /// Why.
    pub reason: Option<Reason>,
}

/// Lives through the network: the events, and what is known in the end.
pub fn live(lan: &Lan) -> (Vec<Event>, Rows) {
    let mut correlator = Correlator::new(lan.settings.clone(), Limits::default(), Rows::default(), 1);
    let mut events = Vec::new();
    for step in &lan.steps {
        match step {
            Step::Finish(now) => correlator.finish(*now, &mut events),
            Step::Observe(sighting, now) => correlator.observe(sighting, *now, &mut events),
            Step::Restart => {
                let next = events.last().map_or(1, |event: &Event| event.id + 1);
                correlator = Correlator::new(lan.settings.clone(), Limits::default(), correlator.snapshot(), next);
            }
            Step::Wait(now) => correlator.handle_timeout(*now, &mut events),
        }
    }
    (events, correlator.snapshot())
}

/// Events in the form in which the truth is written.
pub fn told(events: &[Event]) -> BTreeMap<(Segment, Mac), Vec<Told>> {
    let mut by_station: BTreeMap<_, Vec<Told>> = BTreeMap::new();
    for event in events {
        let (segment, mac) = event.segment.zip(event.mac).expect("a simulated network makes no events of the sensor");
        let told = Told { kind: event.kind, ip: event.ip, old_mac: event.old_mac, reason: event.reason };
        by_station.entry((segment, mac)).or_default().push(told);
    }
    by_station
}

/// The network of a seed.
pub fn lan(seed: u64) -> Lan {
    let mut rng = Rng::new(seed);
    let epoch = if rng.one_in(4) { Timestamp::EPOCH } else { Timestamp::from_secs(1_700_000_000) };
    let mut teller = Teller {
        frames: Vec::new(),
        told: BTreeMap::new(),
        known: Known::default(),
        redundant: BTreeSet::new(),
        lapses: Vec::new(),
        epoch,
        segment: SEGMENTS[0].segment(),
        numbers: BTreeMap::new(),
        story: 0,
        at_ms: 0,
        rng,
    };
    let segments = 1 + teller.rng.below(SEGMENTS.len() as u64) as usize;
    for place in &SEGMENTS[..segments] {
        teller.segment = place.segment();
        teller.segment_story();
    }
    let Teller { frames, told, mut known, redundant, lapses, mut rng, .. } = teller;
    let steps = delivered(frames, &mut rng);
    if let Some(Step::Finish(end)) = steps.last() {
        link::lapse(&mut known, &lapses, *end);
    }
    let settings = Settings {
        learning_until: None,
        settle: SETTLE,
        own_macs: [OWN].into(),
        prefixes: vec![(None, "10.0.0.0/8".parse().expect("a prefix"))],
        allow: Vec::new(),
        explain: None,
        history: false,
    };
    Lan { settings, steps, told, known, redundant }
}

/// A small generator of numbers (SplitMix64): the same for a seed on every machine.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// How long a host without IPv4 waits for it.
const SETTLE: Duration = Duration::from_secs(3);
/// The sensor's own station.
const OWN: Mac = Mac([0x02, 0xff, 0, 0, 0, 1]);

/// An interface and its VLANs.
struct Place(&'static str, [u16; 2]);

const SEGMENTS: [Place; 4] =
    [Place("eth1", [0, 0]), Place("eth1", [30, 0]), Place("eth1", [100, 30]), Place("eth2", [0, 0])];

impl Place {
    fn segment(&self) -> Segment {
        Segment::tagged(Iface::new(self.0).expect("a short name"), Vlans::new(self.1))
    }
}

/// A sighting of a story on its way to the sensor.
struct Sent {
    story: u32,
    sighting: Sighting,
}

/// Tells stories, one after the other; their times overlap.
struct Teller {
    frames: Vec<Sent>,
    told: BTreeMap<(Segment, Mac), Vec<Told>>,
    known: Known,
    redundant: BTreeSet<(Segment, IpAddr)>,
    /// Ports, and when their word ends unless they say it again.
    lapses: Vec<(Port, Timestamp)>,
    epoch: Timestamp,
    segment: Segment,
    /// MACs and addresses given so far: every segment counts from the start, so that the same numbers live on several.
    numbers: BTreeMap<Segment, u32>,
    story: u32,
    at_ms: u64,
    rng: Rng,
}

impl Teller {
    fn segment_story(&mut self) {
        let server = self.someone();
        self.begin(0);
        self.arp(server.mac, server.ip, ArpOperation::Gratuitous);
        self.tell(Kind::NewHost, server.ip, server.mac);
        self.holds(server.ip, server.mac);
        let mut served = false;
        for _ in 0..4 + self.rng.below(9) {
            let start_ms = 5_000 + self.rng.below(60_000);
            self.begin(start_ms);
            match self.rng.below(25) {
                0 => self.static_host(),
                1 => self.dual_stack(),
                2 => self.six_only(),
                3 => self.spoofed(),
                4 => self.passed_around(),
                5 => self.announcer(),
                6 => self.misfit(),
                7 => self.asks_only(),
                8 => self.router(),
                9 => self.sensor_itself(),
                10 => served |= self.dhcp_client(&server),
                11 => served |= self.handed_over(&server),
                12 => self.reflected(),
                13 => served |= self.rotating(&server),
                14 => served |= self.leased_twice(&server),
                15 => self.switch(),
                16 => served |= self.telephone(&server),
                17 => self.access_point(),
                18 => self.group(),
                19 => served |= self.workstation(&server),
                20 => self.printer(),
                21 => self.busy_server(),
                22 => self.forwarder(),
                23 => self.tunnel(),
                _ => self.whole_router(),
            }
        }
        if served {
            self.tell(Kind::NewDhcpServer, server.ip, server.mac);
            self.known.roles.insert((self.segment, Role::DhcpServer, server.ip, server.mac));
            self.is_for(server.mac, HostRole::DhcpServer);
        }
    }

    // Stories.

    fn static_host(&mut self) {
        let host = self.someone();
        if self.rng.one_in(2) {
            self.arp(host.mac, host.ip, ArpOperation::ConflictCheck);
            self.pause(10, 900);
        }
        self.arp(host.mac, host.ip, ArpOperation::Gratuitous);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        for _ in 0..self.rng.below(5) {
            self.pause(1, 30_000);
            let operation = if self.rng.one_in(2) { ArpOperation::Request } else { ArpOperation::Reply };
            self.arp(host.mac, host.ip, operation);
        }
        if self.rng.one_in(2) {
            let second = self.someone().ip;
            self.arp(host.mac, second, ArpOperation::Gratuitous);
            self.tell(Kind::NewAddress, second, host.mac);
            self.holds(second, host.mac);
        }
    }

    fn dual_stack(&mut self) {
        let host = self.someone();
        let late = self.rng.one_in(2);
        if late {
            self.arp(host.mac, host.ip, ArpOperation::Gratuitous);
            self.tell(Kind::NewHost, host.ip, host.mac);
            self.pause(1, 9_000);
        }
        for ip in [host.link_local, host.global] {
            self.ndp(host.mac, Some(ip), NdpClaim::Dad);
            self.pause(1, 300);
            self.ndp(host.mac, Some(ip), solicit());
            self.holds(ip, host.mac);
            if late {
                self.tell(Kind::NewAddress, ip, host.mac);
            }
            self.pause(1, 300);
        }
        if !late {
            self.arp(host.mac, host.ip, ArpOperation::Request);
            self.tell(Kind::NewHost, host.ip, host.mac);
        }
        self.holds(host.ip, host.mac);
    }

    fn six_only(&mut self) {
        let host = self.someone();
        self.ndp(host.mac, None, NdpClaim::RouterSolicit);
        self.ndp(host.mac, Some(host.link_local), solicit());
        self.holds(host.link_local, host.mac);
        let late = self.rng.one_in(2);
        if late {
            self.tell(Kind::NewHost, host.link_local, host.mac);
            self.pause(4_000, 9_000);
        }
        self.ndp(host.mac, Some(host.global), NdpClaim::Advert { router: false, solicited: true, asked: false });
        self.tell(if late { Kind::NewAddress } else { Kind::NewHost }, host.global, host.mac);
        self.holds(host.global, host.mac);
    }

    /// The attacker claims the victim's address, the victim claims it back, as fast as they like.
    fn spoofed(&mut self) {
        let (victim, attacker) = (self.someone(), self.someone());
        for host in [&victim, &attacker] {
            self.arp(host.mac, host.ip, ArpOperation::Request);
            self.tell(Kind::NewHost, host.ip, host.mac);
            self.holds(host.ip, host.mac);
        }
        let mut kind = Kind::ChangedMac;
        for _ in 0..1 + self.rng.below(4) {
            self.pause(1, 50);
            self.arp(attacker.mac, victim.ip, ArpOperation::Reply);
            self.tell_move(kind, victim.ip, attacker.mac, victim.mac, Reason::Unknown);
            kind = Kind::FlipFlop;
            self.pause(1, 50);
            self.arp(victim.mac, victim.ip, ArpOperation::Request);
            self.tell_move(kind, victim.ip, victim.mac, attacker.mac, Reason::Unknown);
        }
        self.known.holders.insert((self.segment, victim.ip), vec![victim.mac, attacker.mac]);
    }

    /// Three stations have the same address set by hand.
    fn passed_around(&mut self) {
        let (a, b, c) = (self.someone(), self.someone(), self.someone());
        let ip = if self.rng.one_in(2) { a.ip } else { a.global };
        let claim = |teller: &mut Self, host: &Someone| match ip {
            IpAddr::V4(_) => teller.arp(host.mac, ip, ArpOperation::Request),
            IpAddr::V6(_) => {
                teller.ndp(host.mac, Some(ip), NdpClaim::Advert { router: false, solicited: true, asked: false })
            }
        };
        // Each is known before, so that the moves stand alone.
        for host in [&b, &c] {
            self.arp(host.mac, host.ip, ArpOperation::Request);
            self.tell(Kind::NewHost, host.ip, host.mac);
            self.holds(host.ip, host.mac);
        }
        claim(self, &a);
        self.tell(Kind::NewHost, ip, a.mac);
        self.pause(4_000, 5_000);
        claim(self, &b);
        self.tell_move(Kind::ChangedMac, ip, b.mac, a.mac, Reason::Unknown);
        self.pause(1, 5_000);
        claim(self, &c);
        self.tell_move(Kind::ChangedMac, ip, c.mac, b.mac, Reason::Unknown);
        self.pause(1, 5_000);
        claim(self, &a);
        self.tell_move(Kind::ReusedMac, ip, a.mac, c.mac, Reason::Unknown);
        self.known.holders.insert((self.segment, ip), vec![a.mac, c.mac, b.mac]);
    }

    /// Says its name and service by mDNS, is renamed, and withdraws.
    fn announcer(&mut self) {
        let host = self.someone();
        let station = (self.segment, host.mac);
        let name = |n: u8| Text::new(format!("printer-{n}.local").as_bytes());
        let renames = self.rng.below(3) as u8;
        for n in 0..=renames {
            self.mdns(&host, MdnsClaim::Address { name: name(n), addr: host.ip });
            self.tell(if n == 0 { Kind::NewHost } else { Kind::NameChanged }, host.ip, host.mac);
            self.pause(1, 4_000);
        }
        if renames > 0 && self.rng.one_in(2) {
            // The name before comes back: known, first again.
            self.mdns(&host, MdnsClaim::Address { name: name(renames - 1), addr: host.ip });
            self.known
                .names
                .entry(station)
                .or_default()
                .entry(Source::Mdns)
                .or_default()
                .push(text(&name(renames - 1)));
        }
        let elsewhere = self.someone().ip;
        self.mdns(&host, MdnsClaim::Address { name: Text::new(b"somebody-else.local"), addr: elsewhere });
        let names = self.known.names.entry(station).or_default().entry(Source::Mdns).or_default();
        for n in (0..=renames).rev() {
            if !names.contains(&text(&name(n))) {
                names.push(text(&name(n)));
            }
        }
        self.holds(host.ip, host.mac);
        let srv = MdnsClaim::Srv { name: Text::new(b"It._ipp._tcp.local"), target: name(renames), port: 631 };
        self.mdns(&host, srv.clone());
        let closed = self.rng.one_in(2);
        if closed {
            self.pause(1, 4_000);
            self.mdns(&host, MdnsClaim::Goodbye { record: Box::new(srv) });
        }
        let services = self.known.services.entry(station).or_default();
        services.insert(Service { instance: "It._ipp._tcp.local".to_owned(), port: 631, closed });
        self.answers(host.mac, "udp", 5353, Source::Mdns);
        self.is_for(host.mac, HostRole::Printer);
        if !closed {
            self.taken_for(host.mac, None, Some("printer"));
        }
    }

    /// Speaks with another's MAC in its payload, and from a foreign address.
    fn misfit(&mut self) {
        let (host, payload) = (self.someone(), self.someone());
        self.arp(host.mac, host.ip, ArpOperation::Request);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        self.pause(1, 4_000);
        for _ in 0..3 {
            self.send(payload.mac, host.mac, Some(payload.ip), arp(ArpOperation::Reply));
        }
        self.tell(Kind::MacMismatch, payload.ip, payload.mac);
        let foreign = IpAddr::V4(Ipv4Addr::new(192, 0, 2, self.rng.below(250) as u8 + 1));
        for _ in 0..3 {
            self.pause(1, 4_000);
            self.arp(host.mac, foreign, ArpOperation::Request);
        }
        self.tell(Kind::Bogon, foreign, host.mac);
    }

    fn asks_only(&mut self) {
        let host = self.someone();
        self.arp(host.mac, host.ip, ArpOperation::ConflictCheck);
        self.tell_bare(Kind::NewHost, host.mac);
    }

    fn router(&mut self) {
        let host = self.someone();
        let lifetime_s = if self.rng.one_in(3) { 0 } else { 1800 };
        let prefixes = vec![Prefix::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 64)];
        let advert = NdpClaim::RouterAdvert(Box::new(RouterAdvert { lifetime_s, prefixes, ..RouterAdvert::default() }));
        for _ in 0..2 {
            self.ndp(host.mac, Some(host.link_local), advert.clone());
            self.pause(1, 500);
        }
        if lifetime_s > 0 {
            self.tell(Kind::NewRouter, host.link_local, host.mac);
            self.known.roles.insert((self.segment, Role::Router, host.link_local, host.mac));
            self.is_for(host.mac, HostRole::Router);
            self.taken_for(host.mac, None, Some("router"));
        }
        self.tell(Kind::NewHost, host.link_local, host.mac);
        self.holds(host.link_local, host.mac);
    }

    fn sensor_itself(&mut self) {
        let ip = self.someone().ip;
        let sighting = |mac, frame_mac, claim| (mac, frame_mac, Some(ip), claim);
        let other = self.someone().mac;
        for (mac, frame_mac, ip, claim) in [
            sighting(OWN, OWN, arp(ArpOperation::Request)),
            sighting(OWN, other, arp(ArpOperation::Reply)),
            sighting(OWN, OWN, Claim::Mdns(MdnsClaim::Query { name: Text::new(b"x.local") })),
        ] {
            let at = self.now();
            let sighting = Sighting { at, segment: self.segment, frame_mac, mac, ip, claim };
            self.frames.push(Sent { story: self.story, sighting });
            self.pause(1, 100);
        }
    }

    fn dhcp_client(&mut self, server: &Someone) -> bool {
        let host = self.someone();
        self.lease(&host, host.ip, server, "laptop", 600);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        self.arp(host.mac, host.ip, ArpOperation::Gratuitous);
        let mut names = vec!["laptop".to_owned()];
        if self.rng.one_in(2) {
            self.pause(1_000, 20_000);
            self.lease(&host, host.ip, server, "renamed", 600);
            self.tell(Kind::NameChanged, host.ip, host.mac);
            names.insert(0, "renamed".to_owned());
            if self.rng.one_in(2) {
                self.pause(1_000, 20_000);
                self.lease(&host, host.ip, server, "LAPTOP", 600);
                names.rotate_left(1);
            }
        }
        self.known.names.entry((self.segment, host.mac)).or_default().insert(Source::Dhcp, names);
        true
    }

    /// One host's lease ends or is given back, and the server gives the address to the next.
    fn handed_over(&mut self, server: &Someone) -> bool {
        let (old, new) = (self.someone(), self.someone());
        let ip = old.ip;
        self.lease(&old, ip, server, "old", 10);
        self.tell(Kind::NewHost, ip, old.mac);
        self.arp(old.mac, ip, ArpOperation::Gratuitous);
        if self.rng.one_in(2) {
            self.pause(100, 1_000);
            self.dhcp(&old, None, DhcpClaim { ciaddr: four(ip), ..message(DhcpMessage::Release) });
        } else {
            self.pause(11_000, 12_000);
        }
        self.pause(100, 20_000);
        self.lease(&new, ip, server, "new", 60);
        self.pause(1, 200);
        self.arp(new.mac, ip, ArpOperation::Gratuitous);
        self.tell(Kind::NewHost, ip, new.mac);
        self.tell_move(Kind::ChangedMac, ip, new.mac, old.mac, Reason::Dhcp);
        let mut holders = vec![new.mac, old.mac];
        if self.rng.one_in(2) {
            // The lease explains it no more: the third just takes the address.
            let thief = self.someone();
            self.pause(61_000, 62_000);
            self.arp(thief.mac, ip, ArpOperation::Request);
            self.tell(Kind::NewHost, ip, thief.mac);
            self.tell_move(Kind::ChangedMac, ip, thief.mac, new.mac, Reason::Unknown);
            holders.insert(0, thief.mac);
        }
        self.known.holders.insert((self.segment, ip), holders);
        for (host, name) in [(&old, "old"), (&new, "new")] {
            self.named(host, name);
        }
        true
    }

    /// The server gives away an address that somebody holds. The promise alone moves nothing; the new station's claim
    /// does, and the lease explains it until it ends.
    fn leased_twice(&mut self, server: &Someone) -> bool {
        let (holder, client) = (self.someone(), self.someone());
        let ip = holder.ip;
        self.arp(holder.mac, ip, ArpOperation::Gratuitous);
        self.tell(Kind::NewHost, ip, holder.mac);
        self.pause(1, 5_000);
        self.lease(&client, ip, server, "client", 10);
        self.named(&client, "client");
        self.tell_bare(Kind::NewHost, client.mac);
        let expires = self.rng.one_in(2);
        if expires {
            self.pause(10_000, 20_000);
        } else {
            self.pause(4_000, 9_000);
        }
        self.arp(client.mac, ip, ArpOperation::Request);
        let reason = if expires { Reason::Unknown } else { Reason::Dhcp };
        self.tell_move(Kind::ChangedMac, ip, client.mac, holder.mac, reason);
        self.known.holders.insert((self.segment, ip), vec![client.mac, holder.mac]);
        true
    }

    /// A repeater sends another's mDNS on, from the other's address: that stays where it is.
    fn reflected(&mut self) {
        let (host, repeater) = (self.someone(), self.someone());
        self.arp(host.mac, host.ip, ArpOperation::Request);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        self.pause(1, 5_000);
        self.burst(repeater.mac, Some(host.ip), Claim::Mdns(MdnsClaim::Query { name: Text::new(b"x.local") }));
        self.tell_bare(Kind::NewHost, repeater.mac);
        self.arp(host.mac, host.ip, ArpOperation::Reply);
    }

    /// A phone that comes back with another MAC each time.
    fn rotating(&mut self, server: &Someone) -> bool {
        for _ in 0..2 + self.rng.below(3) {
            let host = self.someone();
            self.lease(&host, host.ip, server, "phone", 3600);
            self.tell(Kind::NewHost, host.ip, host.mac);
            self.holds(host.ip, host.mac);
            self.named(&host, "phone");
            self.pause(100, 10_000);
        }
        true
    }

    // What stories are made of.

    /// A whole DHCP conversation: four messages, none of them lost.
    fn lease(&mut self, host: &Someone, ip: IpAddr, server: &Someone, name: &str, lease_s: u32) {
        let words = DhcpClaim { hostname: Some(Text::new(name.as_bytes())), ..DhcpClaim::default() };
        self.lease_to(host, ip, server, &words, lease_s);
    }

    /// As [`Self::lease`], to a client that says more of itself.
    fn lease_to(&mut self, host: &Someone, ip: IpAddr, server: &Someone, words: &DhcpClaim, lease_s: u32) {
        let server_ip = four(server.ip);
        self.dhcp(host, None, DhcpClaim { message: DhcpMessage::Discover, ..words.clone() });
        self.pause(1, 20);
        let offer =
            DhcpClaim { yiaddr: four(ip), server: server_ip, lease_s: Some(lease_s), ..message(DhcpMessage::Offer) };
        self.dhcp(host, Some(server), offer.clone());
        self.pause(1, 20);
        let message = DhcpMessage::Request;
        self.dhcp(host, None, DhcpClaim { message, requested_ip: four(ip), server: server_ip, ..words.clone() });
        self.pause(1, 20);
        self.dhcp(host, Some(server), DhcpClaim { message: DhcpMessage::Ack, ..offer });
        self.pause(1, 20);
    }

    fn dhcp(&mut self, host: &Someone, server: Option<&Someone>, claim: DhcpClaim) {
        let ip = claim.yiaddr.filter(|_| claim.message == DhcpMessage::Ack).or(claim.ciaddr).map(IpAddr::V4);
        let frame_mac = server.map_or(host.mac, |server| server.mac);
        let source = server.map(|server| server.ip);
        let claim = DhcpClaim { from_server: server.is_some(), client_is_here: true, source, ..claim };
        self.send(host.mac, frame_mac, ip, Claim::Dhcp(Box::new(claim)));
        self.heard(host.mac);
    }

    fn mdns(&mut self, host: &Someone, claim: MdnsClaim) {
        self.burst(host.mac, Some(host.ip), Claim::Mdns(claim));
    }

    fn arp(&mut self, mac: Mac, ip: IpAddr, operation: ArpOperation) {
        self.burst(mac, Some(ip), arp(operation));
    }

    fn ndp(&mut self, mac: Mac, ip: Option<IpAddr>, claim: NdpClaim) {
        self.burst(mac, ip, Claim::Ndp(claim));
    }

    /// The same said several times; some of it is lost on the way, but not all.
    fn burst(&mut self, mac: Mac, ip: Option<IpAddr>, claim: Claim) {
        let mut arrived = false;
        for left in (0..1 + self.rng.below(4)).rev() {
            if self.rng.one_in(3) && (arrived || left > 0) {
                self.pause(1, 20);
                continue;
            }
            arrived = true;
            self.send(mac, mac, ip, claim.clone());
            if self.rng.one_in(8) {
                self.send(mac, mac, ip, claim.clone());
            }
            self.pause(1, 20);
        }
    }

    fn send(&mut self, mac: Mac, frame_mac: Mac, ip: Option<IpAddr>, claim: Claim) {
        self.send_on(mac, frame_mac, ip, claim);
        self.heard(frame_mac);
    }

    /// A frame that tells nobody's presence, or whose sender is heard otherwise.
    fn send_on(&mut self, mac: Mac, frame_mac: Mac, ip: Option<IpAddr>, claim: Claim) {
        let sighting = Sighting { at: self.now(), segment: self.segment, frame_mac, mac, ip, claim };
        self.frames.push(Sent { story: self.story, sighting });
    }

    fn heard(&mut self, mac: Mac) {
        let now = self.now();
        let (first, last) = self.known.stations.entry((self.segment, mac)).or_insert((now, now));
        *first = now.min(*first);
        *last = now.max(*last);
    }

    fn named(&mut self, host: &Someone, name: &str) {
        self.called(host.mac, Source::Dhcp, &[name]);
    }

    fn called(&mut self, mac: Mac, source: Source, names: &[&str]) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.known.names.entry((self.segment, mac)).or_default().insert(source, names);
    }

    fn is_for(&mut self, mac: Mac, role: HostRole) {
        self.known.host_roles.entry((self.segment, mac)).or_default().insert(role);
    }

    fn taken_for(&mut self, mac: Mac, os: Option<&str>, kind: Option<&str>) {
        let guess = (os.map(str::to_owned), kind.map(str::to_owned));
        self.known.guesses.insert((self.segment, mac), guess);
    }

    fn answers(&mut self, mac: Mac, protocol: &'static str, port: u16, source: Source) {
        self.known.answered.entry((self.segment, mac)).or_default().insert((protocol, port, source));
    }

    fn holds(&mut self, ip: IpAddr, mac: Mac) {
        self.known.holders.insert((self.segment, ip), vec![mac]);
    }

    fn tell(&mut self, kind: Kind, ip: IpAddr, mac: Mac) {
        self.tell_it(mac, Told { kind, ip: Some(ip), old_mac: None, reason: None });
    }

    fn tell_bare(&mut self, kind: Kind, mac: Mac) {
        self.tell_it(mac, Told { kind, ip: None, old_mac: None, reason: None });
    }

    fn tell_move(&mut self, kind: Kind, ip: IpAddr, mac: Mac, old_mac: Mac, reason: Reason) {
        let reason = (kind == Kind::ChangedMac).then_some(reason);
        self.tell_it(mac, Told { kind, ip: Some(ip), old_mac: Some(old_mac), reason });
    }

    fn tell_it(&mut self, mac: Mac, told: Told) {
        self.told.entry((self.segment, mac)).or_default().push(told);
    }

    fn begin(&mut self, at_ms: u64) {
        self.story += 1;
        self.at_ms = at_ms;
    }

    fn pause(&mut self, ms_min: u64, ms_max: u64) {
        self.at_ms += ms_min + self.rng.below(ms_max - ms_min);
    }

    fn now(&self) -> Timestamp {
        self.epoch.after(Duration::from_millis(self.at_ms))
    }

    fn someone(&mut self) -> Someone {
        let number = self.numbers.entry(self.segment).or_default();
        *number += 1;
        let [_, _, high, low] = number.to_be_bytes();
        Someone {
            mac: Mac([if low % 2 == 0 { 0x02 } else { 0x52 }, 0x54, 0, 0, high, low]),
            ip: IpAddr::V4(Ipv4Addr::new(10, 1, high, low)),
            link_local: IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, u16::from(high), u16::from(low))),
            global: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, u16::from(high), u16::from(low))),
        }
    }
}

/// A station and addresses that nobody else in the segment has.
struct Someone {
    mac: Mac,
    ip: IpAddr,
    link_local: IpAddr,
    global: IpAddr,
}

/// Each frame is delayed by up to 50 ms; those of one story keep their order.
fn delivered(frames: Vec<Sent>, rng: &mut Rng) -> Vec<Step> {
    let mut last: BTreeMap<u32, Timestamp> = BTreeMap::new();
    let mut arrivals = Vec::new();
    for (number, sent) in frames.into_iter().enumerate() {
        let late = sent.sighting.at.after(Duration::from_millis(rng.below(50)));
        let arrival = last.entry(sent.story).or_insert(late);
        *arrival = late.max(*arrival);
        arrivals.push((*arrival, number, sent.sighting));
    }
    arrivals.sort_by_key(|(arrival, number, _)| (*arrival, *number));
    let mut steps = Vec::new();
    let mut end = Timestamp::EPOCH;
    for (arrival, _, sighting) in arrivals {
        if rng.one_in(20) {
            steps.push(Step::Restart);
        }
        if rng.one_in(10) {
            steps.push(Step::Wait(arrival));
        }
        steps.push(Step::Observe(sighting, arrival));
        end = arrival;
    }
    steps.push(Step::Finish(end));
    steps
}

fn arp(operation: ArpOperation) -> Claim {
    Claim::Arp(ArpClaim { operation, target: Ipv4Addr::new(10, 1, 0, 1), asked: false })
}

fn solicit() -> NdpClaim {
    NdpClaim::Solicit { target: IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)) }
}

fn message(message: DhcpMessage) -> DhcpClaim {
    DhcpClaim { message, ..DhcpClaim::default() }
}

fn four(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}

fn text(name: &Text) -> String {
    name.escaped().trim_end_matches(".local").to_owned()
}
