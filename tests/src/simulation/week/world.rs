//! Time passes among the machines: what is due, in order, and what the sensor hears of it.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::{Class, Mac};

use super::super::Rng;
use super::dhcp::Book;
use super::hosts::{Machine, Maker, Population, Rotates, population, random_mac};
use super::mirror::Mirror;
use super::talk;
use super::{DAY, DAYS};

/// One thing that is due.
#[derive(Clone, Debug)]
pub enum Act {
    /// A machine's day or part of it is talked through; void when the machine went meanwhile.
    Chat(usize, u32),
    /// The plans of a day are made.
    Dawn(u64),
    /// Something about the sensor itself.
    Deed(Deed),
    /// A frame arrives at the sensor.
    Frame(Box<Sighting>),
    /// The same, as the answer to a question of the sensor's.
    Answer(Box<Sighting>),
    /// A machine is switched on, or comes in.
    Join(usize),
    /// A machine is switched off, or goes.
    Leave(usize),
    /// A machine's lease is at half its time.
    Renew(usize, u32),
    /// A group of routers speaks.
    Speak(Group),
    /// A group's next member takes over.
    FailOver(Group),
    /// A computer falls asleep, and its proxy speaks for it.
    SleepByProxy(usize),
    /// A printer wakes up for a while, or falls asleep again.
    Wake(usize, bool),
    /// A service of a machine is started or stopped.
    Serve(usize, u16, bool),
    /// A machine is called otherwise from now on.
    Rename(usize, String),
    /// A station answers for an address from now on, or no more.
    Vouch(usize, IpAddr, bool),
    /// The DHCP server gives this address to the next client without one.
    Force(Ipv4Addr),
}

/// What happens to the sensor, or what it is told by the kernel.
#[derive(Clone, Debug)]
pub enum Deed {
    /// It is stopped, in order or not, and starts that much later (milliseconds).
    Restart(bool, u64),
    /// It starts.
    Start,
    /// Frames were lost, and it knows.
    Loss(u64),
    /// The kernel holds back a station's surplus.
    Flood(Mac, Class),
    /// The kernel counts a station that asks for very many addresses, or ports of this address.
    Scan(Mac, Option<IpAddr>),
}

/// Routers that share an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Two network cards of one server.
    Bond,
    /// HSRP with a virtual station.
    Hsrp,
    /// VRRP with a virtual station.
    Vrrp,
    /// VRRP between the servers' own stations.
    Shared,
}

/// A machine took another MAC.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// Which machine.
    pub machine: usize,
    /// Its MAC until then.
    pub old: Mac,
    /// Its MAC from then on.
    pub new: Mac,
}

/// The network.
#[derive(Debug)]
pub struct World {
    /// Milliseconds since the begin.
    pub now_ms: u64,
    /// Who lives here.
    pub people: Population,
    /// Chance.
    pub rng: Rng,
    /// Makes machines that come later.
    pub maker: Maker,
    /// The DHCP server's book.
    pub book: Book,
    /// Which member of each group is active.
    pub active: HashMap<Group, usize>,
    /// Who answers for an address, and by which station.
    pub holders: HashMap<IpAddr, Vec<(usize, Mac)>>,
    /// Machines that took another MAC.
    pub rotations: Vec<Rotation>,
    /// The port.
    pub mirror: Mirror,
    queue: BTreeMap<(u64, u64), Act>,
    queued: u64,
}

impl World {
    /// The network of a seed, before anybody is there.
    pub fn new(seed: u64) -> Self {
        let mut maker = Maker::new(seed);
        let people = population(&mut maker);
        let pool = (1..=3_u8).flat_map(|third| (1..=220).map(move |last| Ipv4Addr::new(10, 20, third, last)));
        let mut world = Self {
            now_ms: 0,
            people,
            rng: Rng::new(seed ^ 0x7765_656b),
            maker,
            book: Book::new(pool),
            active: HashMap::new(),
            holders: HashMap::new(),
            rotations: Vec::new(),
            mirror: Mirror::new(seed),
            queue: BTreeMap::new(),
            queued: 0,
        };
        for day in 0..DAYS {
            world.plan(day * DAY, Act::Dawn(day));
        }
        for group in [Group::Bond, Group::Hsrp, Group::Vrrp, Group::Shared] {
            world.active.insert(group, 0);
            world.plan(super::MINUTE, Act::Speak(group));
        }
        world
    }

    /// When something is due next.
    pub fn next_at(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// What is due by `now_ms`.
    pub fn pop(&mut self, now_ms: u64) -> Option<Act> {
        let first = self.queue.first_entry().filter(|first| first.key().0 <= now_ms)?;
        let ((at, _), act) = first.remove_entry();
        self.now_ms = at;
        Some(act)
    }

    /// Something is due at `at_ms`.
    pub fn plan(&mut self, at_ms: u64, act: Act) {
        self.queue.insert((at_ms, self.queued), act);
        self.queued += 1;
    }

    /// Something is due in so many milliseconds.
    pub fn later(&mut self, ms: u64, act: Act) {
        self.plan(self.now_ms + ms, act);
    }

    /// A frame is sent that much later; the mirror does with it what it does.
    pub fn send(&mut self, ms: u64, sighting: Sighting) {
        for delay in self.mirror.copies().into_iter().flatten() {
            self.later(ms + delay, Act::Frame(Box::new(sighting.clone())));
        }
    }

    /// A machine of this world.
    pub fn machine(&self, number: usize) -> &Machine {
        &self.people.machines[number]
    }

    /// As [`World::machine`], to be changed.
    pub fn machine_mut(&mut self, number: usize) -> &mut Machine {
        &mut self.people.machines[number]
    }

    /// One more machine, which is not there yet.
    pub fn add(&mut self, machine: Machine) -> usize {
        self.people.machines.push(machine);
        self.people.machines.len() - 1
    }

    /// A machine answers for an address from now on.
    pub fn hold(&mut self, number: usize, ip: IpAddr) {
        let mac = self.machine(number).mac;
        self.hold_as(number, mac, ip);
    }

    /// As [`World::hold`], by another station of its own.
    pub fn hold_as(&mut self, number: usize, mac: Mac, ip: IpAddr) {
        let holders = self.holders.entry(ip).or_default();
        if !holders.contains(&(number, mac)) {
            holders.push((number, mac));
        }
    }

    /// A machine answers for an address no more.
    pub fn release(&mut self, number: usize, ip: IpAddr) {
        if let Some(holders) = self.holders.get_mut(&ip) {
            holders.retain(|(holder, _)| *holder != number);
        }
    }

    /// A machine goes: nobody answers for it.
    pub fn leave(&mut self, number: usize) {
        let machine = self.machine_mut(number);
        machine.online = false;
        machine.life += 1;
        let four = machine.ip.take().map(IpAddr::V4).into_iter().chain(machine.fixed.iter().copied().map(IpAddr::V4));
        let six = std::mem::take(&mut machine.sixes).into_iter().map(IpAddr::V6);
        let addresses: Vec<IpAddr> = four.chain(six).collect();
        for ip in addresses {
            self.release(number, ip);
        }
    }

    /// A machine takes another MAC.
    pub fn rotate(&mut self, number: usize) {
        let new = random_mac(&mut self.rng);
        let at_ms = self.now_ms;
        let machine = self.machine_mut(number);
        let old = std::mem::replace(&mut machine.mac, new);
        if machine.came_on.is_some() {
            self.rotations.push(Rotation { at_ms, machine: number, old, new });
        }
    }

    /// Whether a machine that comes now takes another MAC.
    pub fn is_to_rotate(&self, number: usize) -> bool {
        let today = self.now_ms / DAY;
        let is_first_today = self.machine(number).came_on != Some(today);
        match self.machine(number).rotates {
            Rotates::Never => false,
            Rotates::Once(day) => is_first_today && day == today,
            Rotates::Daily => is_first_today,
            Rotates::Always => true,
        }
    }

    /// Does what a machine or a group does.
    pub fn act(&mut self, act: Act) {
        match act {
            Act::Answer(_) | Act::Deed(_) | Act::Frame(_) => {}
            Act::Chat(number, life) => talk::chat(self, number, life),
            Act::Dawn(day) => super::days::dawn(self, day),
            Act::FailOver(group) => talk::fail_over(self, group),
            Act::Force(ip) => self.book.forced = Some(ip),
            Act::Join(number) => talk::join(self, number),
            Act::Leave(number) => self.leave(number),
            Act::Rename(number, name) => self.machine_mut(number).words.name = Some(name),
            Act::Renew(number, life) => talk::renew(self, number, life),
            Act::Serve(number, port, true) => drop(self.machine_mut(number).open.insert(port)),
            Act::Serve(number, port, false) => drop(self.machine_mut(number).open.remove(&port)),
            Act::SleepByProxy(number) => talk::sleep_by_proxy(self, number),
            Act::Speak(group) => talk::speak(self, group),
            Act::Vouch(number, ip, true) => self.hold(number, ip),
            Act::Vouch(number, ip, false) => self.release(number, ip),
            Act::Wake(number, is_awake) => {
                self.machine_mut(number).asleep = !is_awake;
                if is_awake {
                    talk::announce_names(self, number, 100);
                }
            }
        }
    }
}

/// The address that a machine makes of a prefix and a number.
pub fn address(prefix: Ipv6Addr, number: u64) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(prefix) | u128::from(number))
}
