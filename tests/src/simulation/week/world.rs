//! The network: its machines, and what is due when.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sensor_core::inventory::sighting::Sighting;
use sensor_core::inventory::sighting::scan::ScanTarget;
use sensor_core::types::{Class, Mac};

use super::calendar::{DAY, DAYS, MINUTE};
use super::dhcp::Book;
use super::hosts::{Machine, Maker, Population, Rotates, population, random_mac};
use super::mirror::Mirror;
use crate::simulation::rng::Rng;

/// One thing that is due.
#[derive(Clone, Debug)]
pub enum Act {
    /// A machine sends its usual traffic; void when it has left meanwhile.
    Chat(usize, u32),
    /// A day is planned.
    Dawn(u64),
    /// Something happens to the sensor itself.
    Deed(Deed),
    /// A frame arrives at the sensor.
    Frame(Box<Sighting>),
    /// A frame arrives that answers a question of the sensor.
    Answer(Box<Sighting>),
    /// A machine is switched on, or connects.
    Join(usize),
    /// A machine is switched off, or disconnects.
    Leave(usize),
    /// A machine's lease is at half its time.
    Renew(usize, u32),
    /// A group of routers sends its messages.
    Speak(Group),
    /// A group's next member takes over.
    FailOver(Group),
    /// A computer falls asleep, and its proxy answers for it.
    SleepByProxy(usize),
    /// A printer wakes up for a while, or falls asleep again.
    Wake(usize, bool),
    /// A service of a machine is started or stopped.
    Serve(usize, u16, bool),
    /// A machine has another name from now on.
    Rename(usize, String),
    /// A machine answers for an address from now on, or no longer does.
    Vouch(usize, IpAddr, bool),
    /// The DHCP server gives this address to the next client without one.
    Force(Ipv4Addr),
}

/// What happens to the sensor, or what the kernel reports to it.
#[derive(Clone, Debug)]
pub enum Deed {
    /// It is stopped (cleanly, or else by a crash), and starts that much later (milliseconds).
    Restart(bool, u64),
    /// It starts.
    Start,
    /// Frames were lost, and the sensor knows.
    Loss(u64),
    /// The kernel polices a station that sends too much.
    Flood(Mac, Class),
    /// The kernel counts a station that asks for very many addresses, or for very many ports of this address.
    Scan(Mac, ScanTarget),
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
    /// The machines.
    pub people: Population,
    /// Random numbers.
    pub rng: Rng,
    /// Makes machines that come later.
    pub maker: Maker,
    /// The DHCP server's leases.
    pub book: Book,
    /// Which member of each group is active.
    pub active: HashMap<Group, usize>,
    /// Which machines answer for an address, and with which MAC.
    pub holders: HashMap<IpAddr, Vec<(usize, Mac)>>,
    /// Machines that took another MAC.
    pub rotations: Vec<Rotation>,
    /// The mirror port.
    pub mirror: Mirror,
    queue: BTreeMap<(u64, u64), Act>,
    queued: u64,
}

impl World {
    /// The network of a seed, before any machine is there.
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
            world.plan(MINUTE, Act::Speak(group));
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

    /// A frame is sent that much later, through the mirror port.
    pub fn send(&mut self, ms: u64, sighting: Sighting) {
        for delay in self.mirror.copies().into_iter().flatten() {
            self.later(ms + delay, Act::Frame(Box::new(sighting.clone())));
        }
    }

    /// A machine of this world.
    pub fn machine(&self, number: usize) -> &Machine {
        &self.people.machines[number]
    }

    /// As [`World::machine`], mutable.
    pub fn machine_mut(&mut self, number: usize) -> &mut Machine {
        &mut self.people.machines[number]
    }

    /// Adds a machine, which is not there yet.
    pub fn add(&mut self, machine: Machine) -> usize {
        self.people.machines.push(machine);
        self.people.machines.len() - 1
    }

    /// A machine answers for an address from now on.
    pub fn hold(&mut self, number: usize, ip: IpAddr) {
        let mac = self.machine(number).mac;
        self.hold_as(number, mac, ip);
    }

    /// As [`World::hold`], with another MAC of the machine.
    pub fn hold_as(&mut self, number: usize, mac: Mac, ip: IpAddr) {
        let holders = self.holders.entry(ip).or_default();
        if !holders.contains(&(number, mac)) {
            holders.push((number, mac));
        }
    }

    /// A machine no longer answers for an address.
    pub fn release(&mut self, number: usize, ip: IpAddr) {
        if let Some(holders) = self.holders.get_mut(&ip) {
            holders.retain(|(holder, _)| *holder != number);
        }
    }

    /// A machine leaves: its addresses are no longer answered for.
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
}

/// The address with this prefix and interface number.
pub fn address(prefix: Ipv6Addr, number: u64) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(prefix) | u128::from(number))
}
