//! What incidents are made of: moments, victims, frames, and what must be reported.

use std::net::{IpAddr, Ipv4Addr};

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::Mac;

use super::calendar::{DAY, DAYS, HOUR, MINUTE, SECOND};
use super::hosts::Sort;
use super::world::{Act, World};

/// One planted incident.
#[derive(Clone, Debug)]
pub struct Incident {
    /// What it is.
    pub name: &'static str,
    /// When it begins, in milliseconds.
    pub at_ms: u64,
    /// Events that must be reported, each once.
    pub must: Vec<Sign>,
    /// Events that may be reported too, each once: they are true and have the same cause.
    pub may: Vec<Sign>,
}

/// What identifies an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// What happened.
    pub kind: Kind,
    /// The address, where it is known beforehand.
    pub ip: Option<IpAddr>,
    /// The station, where it is known beforehand.
    pub mac: Option<Mac>,
    /// The reason must be one of these. Empty: the kind has no reasons.
    pub reasons: Vec<Reason>,
    /// When it must be reported at the latest, in milliseconds.
    pub until_ms: u64,
}

/// The incidents that are planned so far.
pub(super) struct Plot<'a> {
    pub(super) world: &'a mut World,
    /// Machines with an address set by hand that no incident has yet.
    pub(super) victims: Vec<usize>,
    /// The next address that nobody has.
    pub(super) free: u8,
    pub(super) incidents: Vec<Incident>,
    pub(super) restarts: Vec<u64>,
}

/// Long enough for any change to be explained.
pub(super) const SOON: u64 = MINUTE;

impl Plot<'_> {
    pub(super) fn told(&mut self, name: &'static str, at_ms: u64, must: Vec<Sign>, may: Vec<Sign>) {
        self.incidents.push(Incident { name, at_ms, must, may });
    }

    /// Tuesday to Sunday, not near a restart.
    pub(super) fn moment(&mut self) -> u64 {
        self.moment_before(DAYS * DAY - 8 * HOUR)
    }

    pub(super) fn moment_before(&mut self, end_ms: u64) -> u64 {
        loop {
            let at = DAY + HOUR + self.world.rng.below(end_ms - DAY - HOUR);
            if self.restarts.iter().all(|restart| at.abs_diff(*restart) > 4 * HOUR) {
                return at;
            }
        }
    }

    /// A machine with an address set by hand, and the address.
    pub(super) fn victim(&mut self) -> (usize, IpAddr) {
        let place = usize::try_from(self.world.rng.below(self.victims.len() as u64)).unwrap_or(0);
        let number = self.victims.swap_remove(place);
        (number, self.world.machine(number).fixed[0].into())
    }

    pub(super) fn free(&mut self) -> Ipv4Addr {
        self.free += 1;
        Ipv4Addr::new(10, 20, 0, self.free)
    }

    /// Another machine with the same address, not there yet.
    pub(super) fn successor(&mut self, ip: IpAddr) -> usize {
        let IpAddr::V4(ip) = ip else { return 0 };
        let machine = self.world.maker.fixed(Sort::Fixed, &[ip]);
        self.world.add(machine)
    }

    pub(super) fn swap(&mut self, old: usize, new: usize, at_ms: u64) {
        self.world.plan(at_ms - 20 * SECOND, Act::Leave(old));
        self.world.plan(at_ms, Act::Join(new));
    }

    /// The MAC of a resident that spoofs.
    pub(super) fn liar(&mut self) -> Mac {
        let (number, _) = self.victim();
        self.world.machine(number).mac
    }

    /// The same forged frame, every two seconds for a minute.
    pub(super) fn lie(&mut self, at_ms: u64, lie: impl Fn(u64) -> Sighting) {
        for again in 0..30 {
            self.frame(at_ms + again * 2 * SECOND, lie(again));
        }
    }

    pub(super) fn frame(&mut self, at_ms: u64, sighting: Sighting) {
        let in_ms = at_ms - self.world.now_ms;
        self.world.send(in_ms, sighting);
    }
}

/// What identifies an event.
pub(super) fn sign(kind: Kind, ip: Option<IpAddr>, mac: Option<Mac>, reasons: &[Reason], until_ms: u64) -> Sign {
    Sign { kind, ip, mac, reasons: reasons.to_vec(), until_ms }
}
