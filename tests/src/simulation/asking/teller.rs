//! Writes the stories of a run: hosts, what they do and when, and what must be reported of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::types::Mac;

use super::machine::{Machine, Word};
use super::script::{Happening, Story, Told};
use crate::simulation::rng::Rng;

/// Milliseconds.
pub(super) const SECOND: u64 = 1000;
/// Milliseconds.
pub(super) const MINUTE: u64 = 60 * SECOND;
/// The least time between frames that a story needs and a loss or restart.
pub(super) const MARGIN: u64 = 10 * SECOND;

/// Writes one story after the other.
pub(super) struct Teller {
    pub(super) rng: Rng,
    /// The first network is swept.
    pub(super) is_swept: bool,
    pub(super) machines: Vec<Machine>,
    pub(super) happenings: Vec<(u64, Happening)>,
    pub(super) stories: Vec<Story>,
    /// Spans, in milliseconds, in which the sensor must not lose a frame.
    pub(super) delicate: Vec<(u64, u64)>,
    /// The number of the next machine.
    pub(super) number: u8,
    pub(super) now_ms: u64,
}

/// Which network a machine is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Described once, perhaps swept.
    Plain,
    /// Described every quarter of an hour.
    Watched,
    /// Behind a router.
    Far,
    /// ARP is not among the techniques.
    Shy,
    /// IPv6.
    Six,
}

impl Teller {
    /// Two hosts that are there and were reported; the clock is past both.
    pub(super) fn two(&mut self) -> (usize, usize) {
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

    pub(super) fn anywhere(&mut self) -> Place {
        [Place::Plain, Place::Plain, Place::Watched, Place::Far, Place::Shy, Place::Six]
            [usize::try_from(self.rng.below(6)).unwrap_or(0)]
    }

    pub(super) fn host(&mut self, place: Place) -> usize {
        let (mac, ip) = (self.mac(), self.address(place));
        let mac = if place == Place::Far { Mac::ZERO } else { mac };
        self.machine(Machine::new(mac, ip))
    }

    pub(super) fn machine(&mut self, machine: Machine) -> usize {
        let story = self.stories_last();
        story.ips.extend(&machine.ips);
        story.macs.extend(Some(machine.mac).filter(|mac| *mac != Mac::ZERO));
        self.machines.push(machine);
        self.machines.len() - 1
    }

    /// Which questions it answers, and how reliably.
    pub(super) fn character(&mut self, host: usize, place: Place) {
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
        // So late that only the capture sees the answer: a round ends eight seconds after it began.
        machine.late_ms = match late {
            0 if is_near && machine.near && !lossy => 7000,
            1 if is_near && machine.near => 2000,
            2 => 600,
            _ => 0,
        };
    }

    /// It is plugged in and announces itself, more than once.
    pub(super) fn join(&mut self, host: usize, place: Place) {
        self.happen(Happening::Join(host));
        let ip = self.ip(host);
        match place {
            // The sweep finds it, the second time if need be.
            Place::Far => self.now_ms += 25 * MINUTE,
            _ => self.say_often(host, Word::Announce(ip)),
        }
        self.delicate.push((self.now_ms, self.now_ms + MARGIN));
    }

    pub(super) fn say_often(&mut self, host: usize, word: Word) {
        for late_ms in [0, 300, 700] {
            self.happenings.push((self.now_ms + late_ms, Happening::Say(host, word)));
        }
        self.delicate.push((self.now_ms, self.now_ms + MARGIN));
    }

    pub(super) fn leave(&mut self, host: usize) {
        self.happen(Happening::Leave(host));
    }

    pub(super) fn say(&mut self, host: usize, word: Word) {
        self.happen(Happening::Say(host, word));
    }

    /// It sends from time to time without being asked.
    pub(super) fn chat(&mut self, host: usize, until_ms: u64, pause_ms: u64) {
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

    pub(super) fn chat_as(&mut self, host: usize, ip: IpAddr, until_ms: u64) {
        let mut at_ms = self.now_ms;
        while at_ms < until_ms {
            at_ms += MINUTE;
            self.happenings.push((at_ms, Happening::Say(host, Word::Ask(ip))));
        }
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        self.happenings.push((self.now_ms, happening));
    }

    pub(super) fn pause(&mut self, ms_min: u64, ms_max: u64) {
        self.now_ms += ms_min + self.rng.below(ms_max - ms_min);
    }

    pub(super) fn name(&mut self, name: &'static str) {
        self.stories_last().name = name;
    }

    pub(super) fn tell_new(&mut self, host: usize) {
        self.tell(Kind::NewHost, host, None);
    }

    pub(super) fn tell(&mut self, kind: Kind, host: usize, reason: Option<Reason>) {
        let mac = Some(self.machines[host].mac).filter(|mac| *mac != Mac::ZERO);
        self.stories_last().told.push(Told { kind, mac, reason });
    }

    pub(super) fn holds(&mut self, ip: IpAddr, host: usize) {
        let mac = self.machines[host].mac;
        self.stories_last().holders.insert(ip, mac);
    }

    /// It is described once, and again for each event that makes its description doubtful.
    pub(super) fn described(&mut self, host: usize, place: Place, doubts: usize) {
        if matches!(place, Place::Plain | Place::Six) {
            let ip = self.ip(host);
            self.stories_last().described.insert(ip, 1..=1 + doubts);
        }
    }

    pub(super) fn stories_last(&mut self) -> &mut Story {
        self.stories.last_mut().expect("a story was begun")
    }

    pub(super) fn ip(&self, host: usize) -> IpAddr {
        *self.machines[host].ips.first().expect("a host has an address")
    }

    pub(super) fn mac(&mut self) -> Mac {
        self.number += 1;
        Mac([0x02, 0x54, 0, 0, 0, self.number])
    }

    pub(super) fn address(&mut self, place: Place) -> IpAddr {
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
}
