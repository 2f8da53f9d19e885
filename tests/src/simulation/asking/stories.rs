//! The stories, and the network that they make together. Stories share a segment, but no address and no station.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::planner::policy::Policy;
use sensor_core::types::Mac;

use super::super::Rng;
use super::machine::Machine;
use super::{Happening, OWN_IP, Script, Side, Story, Told, Word, networks};

/// The script of a seed.
pub fn script(seed: u64) -> Script {
    let mut rng = Rng::new(seed);
    let is_swept = rng.one_in(2);
    let mut teller = Teller {
        rng,
        is_swept,
        machines: Vec::new(),
        happenings: Vec::new(),
        stories: Vec::new(),
        delicate: Vec::new(),
        number: 10,
        now_ms: 0,
    };
    for _ in 0..6 + teller.rng.below(10) {
        teller.story();
    }
    let starts = 1 + teller.mishaps();
    let Teller { mut rng, machines, mut happenings, mut stories, .. } = teller;
    for described in stories.iter_mut().flat_map(|story| story.described.values_mut()) {
        // Descriptions are taken up anew after a start, spread over their interval.
        *described = *described.start()..=*described.end() + starts - 1;
    }
    happenings.sort_by_key(|(ms, _)| *ms);
    let policy = Policy {
        networks: networks(is_swept.then_some(Duration::from_secs(1800))),
        never_prefixes: vec!["10.0.0.240/28".parse().expect("a prefix")],
        never_macs: BTreeSet::new(),
        own_ips: [IpAddr::from(OWN_IP)].into(),
        rate_per_s: if rng.one_in(2) { 10 } else { 100 },
        host_per_hour: if rng.one_in(2) { 120 } else { 1000 },
        quiet: Vec::new(),
    };
    Script { seed, machines, happenings, policy, stories }
}

struct Teller {
    rng: Rng,
    /// The first network is swept.
    is_swept: bool,
    machines: Vec<Machine>,
    happenings: Vec<(u64, Happening)>,
    stories: Vec<Story>,
    /// While the sensor should hear everything: spans in milliseconds.
    delicate: Vec<(u64, u64)>,
    /// The next machine's.
    number: u8,
    now_ms: u64,
}

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
/// Last changes come before this, so that what follows from them is told in time.
const CHANGES_UNTIL: u64 = 100 * MINUTE;
/// Between what a story expects to be heard whole and a mishap.
const MARGIN: u64 = 10 * SECOND;

/// Where a machine lives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Described once, perhaps swept.
    Plain,
    /// Described every quarter of an hour.
    Watched,
    /// Behind a router.
    Far,
    /// Its station is not asked.
    Shy,
    /// IPv6.
    Six,
}

impl Teller {
    fn story(&mut self) {
        self.now_ms = 2 * SECOND + self.rng.below(20 * MINUTE);
        self.stories.push(Story::default());
        match self.rng.below(16) {
            0 | 1 => self.resident(),
            2 | 3 => self.leaver(),
            4 | 5 => self.returner(),
            6 => self.short_absence(),
            7 => self.conflict(),
            8 => self.spoofed(),
            9 => self.replaced(),
            10 => self.leased(),
            11 => self.failover(),
            12 => self.proxied(),
            13 => self.services(),
            14 => self.found(),
            _ => self.late_station(),
        }
    }

    // Hosts that answer, and hosts that fall silent.

    fn resident(&mut self) {
        self.name("resident");
        let place = self.anywhere();
        let host = self.host(place);
        self.character(host, place);
        self.join(host, place);
        self.described(host, place, 0);
        self.tell_new(host);
        if self.rng.one_in(2) {
            self.chat(host, 240 * MINUTE, 7 * MINUTE);
        }
    }

    fn leaver(&mut self) {
        self.name("leaver");
        let place = self.anywhere();
        let host = self.host(place);
        self.character(host, place);
        self.join(host, place);
        self.described(host, place, 0);
        self.tell_new(host);
        self.pause(MINUTE, 60 * MINUTE);
        self.leave(host);
        self.tell(Kind::HostGone, host, None);
    }

    fn returner(&mut self) {
        self.name("returner");
        let place = self.anywhere();
        let host = self.host(place);
        self.character(host, place);
        self.join(host, place);
        self.tell_new(host);
        self.pause(MINUTE, 20 * MINUTE);
        self.leave(host);
        self.tell(Kind::HostGone, host, None);
        self.pause(75 * MINUTE, 100 * MINUTE);
        self.join(host, place);
        self.tell(Kind::HostBack, host, None);
        if place != Place::Far && self.rng.one_in(2) {
            self.pause(MINUTE, 10 * MINUTE);
            self.leave(host);
            self.tell(Kind::HostGone, host, None);
        }
    }

    /// Away for less than it takes to be missed.
    fn short_absence(&mut self) {
        self.name("short absence");
        let place = if self.rng.one_in(2) { Place::Plain } else { Place::Watched };
        let host = self.host(place);
        self.character(host, place);
        self.join(host, place);
        self.tell_new(host);
        for _ in 0..1 + self.rng.below(4) {
            let until = self.now_ms + MINUTE + self.rng.below(5 * MINUTE);
            self.chat(host, until, 40 * SECOND);
            self.now_ms = until;
            self.delicate.push((until.saturating_sub(2 * MINUTE), until + 5 * MINUTE));
            self.leave(host);
            self.pause(SECOND, 150 * SECOND);
            self.join(host, place);
        }
    }

    /// It is known by its answers before its station is heard.
    fn late_station(&mut self) {
        self.name("late station");
        let host = self.host(Place::Shy);
        self.happen(Happening::Join(host));
        self.tell(Kind::NewHost, host, None);
        self.stories_last().told[0].mac = None;
        self.pause(50 * MINUTE, 90 * MINUTE);
        self.say_often(host, Word::Announce(self.ip(host)));
    }

    /// It says nothing by itself.
    fn found(&mut self) {
        self.name("found");
        let place = if self.is_swept { Place::Plain } else { Place::Far };
        let host = self.host(place);
        if place == Place::Plain && self.rng.one_in(2) {
            // Too late for an answer, but it is heard.
            self.machines[host].late_ms = 7000;
        }
        self.happen(Happening::Join(host));
        self.tell_new(host);
        self.described(host, place, 0);
        if self.rng.one_in(2) {
            self.pause(50 * MINUTE, 70 * MINUTE);
            self.leave(host);
            self.tell(Kind::HostGone, host, None);
        }
    }

    fn services(&mut self) {
        self.name("services");
        let host = self.host(Place::Watched);
        self.machines[host].lossy = self.rng.one_in(2);
        self.join(host, Place::Watched);
        self.tell_new(host);
        for _ in 0..1 + self.rng.below(2) {
            self.pause(40 * MINUTE, 50 * MINUTE);
            self.happen(Happening::Serve(host, 80, true));
            self.tell(Kind::ServiceOpened, host, None);
            self.pause(40 * MINUTE, 50 * MINUTE);
            self.happen(Happening::Serve(host, 80, false));
            self.tell(Kind::ServiceClosed, host, None);
        }
    }

    // Addresses that pass, and liars.

    /// Two stations hold one address, and both go on for a while.
    fn conflict(&mut self) {
        self.name("conflict");
        let (old, new) = self.two();
        let ip = self.ip(old);
        self.machines[new].ips.insert(ip);
        // Whose ports are looked at is a matter of luck, so both have none.
        [old, new].iter().for_each(|&host| self.machines[host].open.clear());
        let end = self.now_ms + 2 * MINUTE + self.rng.below(20 * MINUTE);
        self.delicate.push((self.now_ms, end + MARGIN));
        self.say(new, Word::Announce(ip));
        self.tell(Kind::IpConflict, new, Some(Reason::Conflict));
        self.tell(Kind::ChangedMac, new, Some(Reason::Conflict));
        self.holds(ip, new);
        self.now_ms += 5 * SECOND;
        while self.now_ms + 40 * SECOND < end {
            self.pause(SECOND, 40 * SECOND);
            self.say(old, Word::Ask(ip));
            self.say(new, Word::Ask(ip));
        }
        self.now_ms = end;
        self.happen(Happening::Leave(old));
        self.chat_as(new, ip, 240 * MINUTE);
    }

    /// Somebody says that it has another's address, again and again; the holder is asked and answers.
    fn spoofed(&mut self) {
        self.name("spoofed");
        let (victim, liar) = self.two();
        let ip = self.ip(victim);
        let word = match self.rng.below(3) {
            0 => Word::Announce(ip),
            1 => Word::Forge(ip, Side::Other),
            _ => Word::Forge(ip, Side::Sensor),
        };
        self.tell(Kind::ChangedMac, liar, Some(Reason::SpoofSuspected));
        self.holds(ip, victim);
        let begin = self.now_ms;
        self.say(liar, word);
        // A forged reply to the sensor would answer the question that the first one raised.
        let times = if matches!(word, Word::Forge(_, Side::Sensor)) { 0 } else { self.rng.below(200) };
        self.now_ms += if times == 0 { 0 } else { SECOND };
        for number in 0..times {
            self.pause(SECOND, 3 * SECOND);
            self.say(liar, word);
            if number % 20 == 0 {
                self.say(victim, Word::Ask(ip));
            }
        }
        self.delicate.push((begin, self.now_ms + 5 * SECOND));
    }

    /// Another machine takes the place of one that left, at once or long after it was told to be gone.
    fn replaced(&mut self) {
        self.name("replaced");
        let old = self.host(Place::Plain);
        self.join(old, Place::Plain);
        self.tell_new(old);
        let ip = self.ip(old);
        let until = self.now_ms + 5 * MINUTE;
        self.chat(old, until, 30 * SECOND);
        self.now_ms = until;
        self.happen(Happening::Leave(old));
        if self.rng.one_in(2) {
            self.pause(75 * MINUTE, 90 * MINUTE);
            self.tell(Kind::HostGone, old, None);
        } else {
            self.delicate.push((self.now_ms.saturating_sub(MINUTE), self.now_ms + 3 * MINUTE));
            self.pause(SECOND, MINUTE);
        }
        let mac = self.mac();
        let new = self.machine(Machine::new(mac, ip));
        self.machines[new].lossy = self.rng.one_in(2);
        self.happen(Happening::Join(new));
        self.say(new, Word::Announce(ip));
        self.delicate.push((self.now_ms, self.now_ms + MARGIN));
        self.tell(Kind::NewHost, new, None);
        self.tell(Kind::ChangedMac, new, Some(Reason::Replaced));
        self.holds(ip, new);
    }

    fn leased(&mut self) {
        self.name("leased");
        let (old, new) = (self.host(Place::Plain), self.host(Place::Plain));
        let server = self.host(Place::Plain);
        let ip = self.ip(old);
        self.machines[new].ips = [ip].into();
        self.join(server, Place::Plain);
        self.tell_new(server);
        self.now_ms += 5 * SECOND;
        self.join(old, Place::Plain);
        self.tell_new(old);
        let until = self.now_ms + 2 * MINUTE;
        self.chat(old, until, 30 * SECOND);
        self.now_ms = until;
        self.happen(Happening::Leave(old));
        self.delicate.push((self.now_ms - MINUTE, self.now_ms + 2 * MINUTE));
        self.pause(SECOND, 30 * SECOND);
        self.happen(Happening::Join(new));
        let mac = self.machines[new].mac;
        self.say(server, Word::Lease(ip, mac));
        self.tell(Kind::NewDhcpServer, server, None);
        self.pause(SECOND, 2 * SECOND);
        self.say(new, Word::Announce(ip));
        self.tell(Kind::NewHost, new, None);
        self.tell(Kind::ChangedMac, new, Some(Reason::Dhcp));
        self.holds(ip, new);
    }

    /// A router's address passes to its virtual station and back.
    fn failover(&mut self) {
        self.name("failover");
        let router = self.host(Place::Plain);
        let ip = self.ip(router);
        self.join(router, Place::Plain);
        self.tell_new(router);
        let [.., last] = self.machines[router].mac.0;
        let group = Mac([0, 0, 0x5e, 0, 1, last]);
        let other = self.machine(Machine::new(group, ip));
        self.say(router, Word::Hello(ip, group));
        self.now_ms += MINUTE;
        self.delicate.push((self.now_ms, self.now_ms + MARGIN));
        self.happen(Happening::Leave(router));
        self.happen(Happening::Join(other));
        self.say(other, Word::Announce(ip));
        self.tell(Kind::NewHost, other, None);
        self.tell(Kind::ChangedMac, other, Some(Reason::Failover));
        self.pause(MINUTE, 3 * MINUTE);
        self.delicate.push((self.now_ms, self.now_ms + MARGIN));
        self.happen(Happening::Leave(other));
        self.happen(Happening::Join(router));
        self.say(router, Word::Announce(ip));
        self.tell(Kind::FlipFlop, router, Some(Reason::Failover));
        self.holds(ip, router);
        self.chat(router, 240 * MINUTE, MINUTE);
    }

    /// A router answers for a host that left.
    fn proxied(&mut self) {
        self.name("proxied");
        let (host, router) = self.two();
        let ip = self.ip(host);
        for _ in 0..3 {
            let further = self.address(Place::Plain);
            self.machines[router].ips.insert(further);
            self.now_ms += SECOND;
            self.say(router, Word::Announce(further));
            self.tell(Kind::NewAddress, router, None);
        }
        self.delicate.push((self.now_ms - MINUTE, self.now_ms + 20 * MINUTE));
        self.chat(host, self.now_ms + MINUTE, 10 * SECOND);
        self.now_ms += MINUTE;
        self.happen(Happening::Leave(host));
        self.happen(Happening::Vouch(router, ip));
        self.pause(SECOND, 30 * SECOND);
        self.say(router, Word::Forge(ip, Side::Other));
        self.tell(Kind::ChangedMac, router, Some(Reason::ProxyArp));
        self.holds(ip, router);
    }

    // What stories are made of.

    /// Two hosts that are there and were told; the clock stands after both.
    fn two(&mut self) -> (usize, usize) {
        let hosts = (self.host(Place::Plain), self.host(Place::Plain));
        for host in [hosts.0, hosts.1] {
            self.machines[host].lossy = self.rng.one_in(2);
            self.machines[host].late_ms = [0, 0, 400][usize::try_from(self.rng.below(3)).unwrap_or(0)];
            self.join(host, Place::Plain);
            self.tell_new(host);
            self.now_ms += 5 * SECOND;
        }
        self.pause(MINUTE, 20 * MINUTE);
        hosts
    }

    fn anywhere(&mut self) -> Place {
        [Place::Plain, Place::Plain, Place::Watched, Place::Far, Place::Shy, Place::Six]
            [usize::try_from(self.rng.below(6)).unwrap_or(0)]
    }

    fn host(&mut self, place: Place) -> usize {
        let (mac, ip) = (self.mac(), self.address(place));
        let mac = if place == Place::Far { Mac::ZERO } else { mac };
        self.machine(Machine::new(mac, ip))
    }

    fn machine(&mut self, machine: Machine) -> usize {
        let story = self.stories_last();
        story.ips.extend(&machine.ips);
        story.macs.extend(Some(machine.mac).filter(|mac| *mac != Mac::ZERO));
        self.machines.push(machine);
        self.machines.len() - 1
    }

    /// Which questions it answers, and how badly.
    fn character(&mut self, host: usize, place: Place) {
        let (kind, late) = (self.rng.below(4), self.rng.below(8));
        let (lossy, doubles) = (self.rng.one_in(2), self.rng.one_in(3));
        let is_near = matches!(place, Place::Plain | Place::Watched | Place::Six);
        let is_far = place == Place::Far;
        let machine = &mut self.machines[host];
        (machine.lossy, machine.doubles) = (lossy, doubles);
        match kind {
            // ICMP is dropped.
            0 if !is_far => machine.echo = false,
            // Nothing but ARP or NDP.
            1 if is_near => (machine.echo, machine.tcp) = (false, false),
            // Nothing but TCP.
            2 if place != Place::Six && !is_far => (machine.near, machine.echo) = (false, false),
            _ => {}
        }
        // So late that only the capture still hears it; a round is over eight seconds after it began.
        machine.late_ms = match late {
            0 if is_near && machine.near && !lossy => 7000,
            1 if is_near && machine.near => 2000,
            2 => 600,
            _ => 0,
        };
    }

    /// It is plugged in and says so, more than once.
    fn join(&mut self, host: usize, place: Place) {
        self.happen(Happening::Join(host));
        let ip = self.ip(host);
        match place {
            // The sweep finds it, the second time if need be.
            Place::Far => self.now_ms += 25 * MINUTE,
            _ => self.say_often(host, Word::Announce(ip)),
        }
        self.delicate.push((self.now_ms, self.now_ms + MARGIN));
    }

    fn say_often(&mut self, host: usize, word: Word) {
        for late_ms in [0, 300, 700] {
            self.happenings.push((self.now_ms + late_ms, Happening::Say(host, word)));
        }
        self.delicate.push((self.now_ms, self.now_ms + MARGIN));
    }

    fn leave(&mut self, host: usize) {
        self.happen(Happening::Leave(host));
    }

    fn say(&mut self, host: usize, word: Word) {
        self.happen(Happening::Say(host, word));
    }

    /// It talks from time to time, whoever asks.
    fn chat(&mut self, host: usize, until_ms: u64, pause_ms: u64) {
        let ip = self.ip(host);
        let mut at_ms = self.now_ms;
        loop {
            at_ms += pause_ms / 2 + self.rng.below(pause_ms / 2);
            if at_ms >= until_ms {
                return;
            }
            self.happenings.push((at_ms, Happening::Say(host, Word::Ask(ip))));
        }
    }

    fn chat_as(&mut self, host: usize, ip: IpAddr, until_ms: u64) {
        let mut at_ms = self.now_ms;
        while at_ms < until_ms {
            at_ms += MINUTE;
            self.happenings.push((at_ms, Happening::Say(host, Word::Ask(ip))));
        }
    }

    fn happen(&mut self, happening: Happening) {
        self.happenings.push((self.now_ms, happening));
    }

    fn pause(&mut self, ms_min: u64, ms_max: u64) {
        self.now_ms += ms_min + self.rng.below(ms_max - ms_min);
    }

    fn name(&mut self, name: &'static str) {
        self.stories_last().name = name;
    }

    fn tell_new(&mut self, host: usize) {
        self.tell(Kind::NewHost, host, None);
    }

    fn tell(&mut self, kind: Kind, host: usize, reason: Option<Reason>) {
        let mac = Some(self.machines[host].mac).filter(|mac| *mac != Mac::ZERO);
        self.stories_last().told.push(Told { kind, mac, reason });
    }

    fn holds(&mut self, ip: IpAddr, host: usize) {
        let mac = self.machines[host].mac;
        self.stories_last().holders.insert(ip, mac);
    }

    /// It is described once, and once more for each event that casts doubt on it.
    fn described(&mut self, host: usize, place: Place, doubts: usize) {
        if matches!(place, Place::Plain | Place::Six) {
            let ip = self.ip(host);
            self.stories_last().described.insert(ip, 1..=1 + doubts);
        }
    }

    fn stories_last(&mut self) -> &mut Story {
        self.stories.last_mut().expect("a story was begun")
    }

    fn ip(&self, host: usize) -> IpAddr {
        *self.machines[host].ips.first().expect("a host has an address")
    }

    fn mac(&mut self) -> Mac {
        self.number += 1;
        Mac([0x02, 0x54, 0, 0, 0, self.number])
    }

    fn address(&mut self, place: Place) -> IpAddr {
        self.number += 1;
        let number = self.number;
        let ip = match place {
            Place::Plain => Ipv4Addr::new(10, 0, 0, number).into(),
            Place::Watched => Ipv4Addr::new(10, 0, 1, number).into(),
            Place::Far => Ipv4Addr::new(10, 9, 0, number).into(),
            Place::Shy => Ipv4Addr::new(10, 0, 2, number).into(),
            Place::Six => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into(),
        };
        self.stories_last().ips.insert(ip);
        ip
    }

    /// Losses and restarts, where no story needs every frame; how many restarts.
    fn mishaps(&mut self) -> usize {
        let mut restarts = 0;
        for _ in 0..self.rng.below(5) {
            let from = 5 * MINUTE + self.rng.below(CHANGES_UNTIL);
            let span = SECOND + self.rng.below(8 * MINUTE);
            let is_delicate = |(begin, end): &(u64, u64)| *begin < from + span + MARGIN && from < *end;
            if self.delicate.iter().any(is_delicate) {
                continue;
            }
            self.delicate.push((from, from + span + MINUTE));
            if self.rng.one_in(2) {
                self.happenings.push((from, Happening::Deaf(from + span)));
            } else {
                restarts += 1;
                let in_order = self.rng.one_in(2);
                self.happenings.push((from, Happening::Restart(in_order, span)));
            }
        }
        restarts
    }
}
