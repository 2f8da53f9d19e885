//! Incidents of hosts and their addresses: newcomers, guests, replaced cards, addresses that two hosts have.

use std::net::{IpAddr, Ipv4Addr};

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::sighting::arp::ArpOperation;

use super::calendar::{DAY, HOUR, MINUTE};
use super::hosts::{Machine, Rotates, Sort};
use super::plot::{Plot, SOON, sign};
use super::words::{self, ClientWords};
use super::world::Act;

/// How an incident's machine is made.
type Make<'a> = fn(&mut Plot<'a>) -> Machine;

impl Plot<'_> {
    pub(super) fn newcomers(&mut self) {
        let kinds: [(&str, Make<'_>); 6] = [
            ("new computer", |plot| plot.world.maker.windows(Sort::Desktop)),
            ("new machine with an address set by hand", |plot| {
                let ip = plot.free();
                plot.world.maker.fixed(Sort::Fixed, &[ip])
            }),
            ("new device without IPv4", |plot| plot.world.maker.six_only()),
            ("new camera", |plot| plot.world.maker.thing(Sort::Thing)),
            ("new phone", |plot| plot.world.maker.android(Sort::Guest)),
            // It has the name and system of its template, as other running clones do.
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

    pub(super) fn guests(&mut self) {
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

    pub(super) fn replacements(&mut self) {
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
        // A spare takes over, and the original comes back.
        let (old, ip) = self.victim();
        let (at, new) = (self.moment(), self.successor(ip));
        let back = at + 2 * HOUR;
        let (old_mac, new_mac) = (self.world.machine(old).mac, self.world.machine(new).mac);
        self.swap(old, new, at);
        self.swap(new, old, back);
        let must = vec![
            sign(Kind::ChangedMac, Some(ip), Some(new_mac), &[Reason::Replaced], at + SOON),
            sign(Kind::FlipFlop, Some(ip), Some(old_mac), &[Reason::Replaced], back + SOON),
        ];
        self.told("spare and back", at, must, vec![sign(Kind::NewHost, None, Some(new_mac), &[], at + SOON)]);
        // Two spares take over, one after the other, and the original comes back.
        let (old, ip) = self.victim();
        let (at, one, two) = (self.moment(), self.successor(ip), self.successor(ip));
        let macs = [old, one, two].map(|number| self.world.machine(number).mac);
        self.swap(old, one, at);
        self.swap(one, two, at + HOUR);
        self.swap(two, old, at + 2 * HOUR);
        let must = vec![
            sign(Kind::ChangedMac, Some(ip), Some(macs[1]), &[Reason::Replaced], at + SOON),
            sign(Kind::ChangedMac, Some(ip), Some(macs[2]), &[Reason::Replaced], at + HOUR + SOON),
            sign(Kind::ReusedMac, Some(ip), Some(macs[0]), &[Reason::Replaced], at + 2 * HOUR + SOON),
        ];
        let new = |mac| sign(Kind::NewHost, None, Some(mac), &[], at + HOUR + SOON);
        self.told("two spares and back", at, must, vec![new(macs[1]), new(macs[2])]);
    }

    pub(super) fn conflicts(&mut self) {
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
                // The host that stays holds the address alone again.
                sign(Kind::FlipFlop, Some(ip), None, &[], at + 6 * HOUR),
            ];
            self.told("address set twice by hand", at, must, may);
        }
        // A host asks whether the address is free, is answered, and takes another one.
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
}
