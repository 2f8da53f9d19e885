//! Incidents of hosts that stop and start again, of names and services that change, and of the sensor itself.

use sensor_core::inventory::event::Kind;
use sensor_core::inventory::sighting::traffic::ServedClaim;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::Class;

use super::calendar::{DAY, DAYS, HOUR, MINUTE};
use super::hosts::Sort;
use super::plot::{Plot, SOON, sign};
use super::words;
use super::world::{Act, Deed};

/// Hosts that are always on are reported as gone after an hour of silence and a round of questions.
const GONE_LATEST: u64 = 3 * HOUR;
impl Plot<'_> {
    pub(super) fn deaths(&mut self) {
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

    pub(super) fn changes(&mut self) {
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
            // At once, or when it renews its lease if the mirror port lost the one frame with the name.
            let must = vec![sign(Kind::NameChanged, None, Some(mac), &[], at + 13 * HOUR)];
            self.told("renamed", at, must, Vec::new());
        }
        let (number, ip) = self.victim();
        let at = self.moment_before(DAYS * DAY - 40 * HOUR);
        let shut = at + 16 * HOUR;
        self.world.plan(at, Act::Serve(number, 3389, true));
        self.world.plan(shut, Act::Serve(number, 3389, false));
        // Somebody uses it before the sensor looks at the host again.
        let claim = Claim::Served(ServedClaim { protocol: "tcp", port: 3389, hop_limit: Some(64) });
        let used = Sighting { claim, ..words::frame(self.world.machine(number).mac, ip) };
        (1..4).for_each(|n| self.frame(at + n * 10 * MINUTE, used.clone()));
        let must = vec![
            sign(Kind::ServiceOpened, Some(ip), None, &[], at + HOUR),
            sign(Kind::ServiceClosed, Some(ip), None, &[], shut + 8 * HOUR),
        ];
        self.told("service opened and closed", at, must, Vec::new());
    }

    pub(super) fn of_the_sensor(&mut self) {
        let (number, _) = self.victim();
        let (at, mac) = (self.moment(), self.world.machine(number).mac);
        for again in 0..5 {
            self.world.plan(at + again * MINUTE, Act::Deed(Deed::Flood(mac, Class::Arp)));
        }
        self.told("flood", at, vec![sign(Kind::Flood, None, Some(mac), &[], at + SOON)], Vec::new());
        // Small losses all week long keep no host from being missed.
        for n in 0..DAYS * DAY / (10 * MINUTE) {
            self.world.plan(n * 10 * MINUTE, Act::Deed(Deed::Trickle));
        }
        let at = self.moment();
        self.world.plan(at, Act::Deed(Deed::Loss(1000)));
        self.told("frames lost", at, vec![sign(Kind::SensorLoss, None, None, &[], at + SOON)], Vec::new());
    }
}
