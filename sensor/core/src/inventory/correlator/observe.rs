//! What happens to a sighting, by its claim; and what is due when time passes.

use crate::inventory::correlator::state::{CLOCK_STEP_MIN, Correlator};
use crate::inventory::event::Event;
use crate::inventory::sighting::{Claim, Sighting};
use crate::types::{Mac, Timestamp};

impl Correlator {
    /// Takes in one sighting; appends the events that it causes.
    pub fn observe(&mut self, sighting: &Sighting, now: Timestamp, events: &mut Vec<Event>) {
        self.handle_timeout(now, events);
        if self.bears_own_mac(sighting) {
            if !self.is_own(sighting) {
                self.observe_forged(sighting, events);
            }
            return;
        }
        match &sighting.claim {
            Claim::Answer(answer) => self.observe_answer(sighting, answer, events),
            Claim::Arp(claim) => self.observe_arp(sighting, claim, events),
            Claim::Cdp(message) => self.observe_cdp(sighting, message, events),
            Claim::Dhcp(claim) => self.observe_dhcp(sighting, claim, events),
            Claim::Lldp(message) => self.observe_lldp(sighting, message, events),
            Claim::Mdns(claim) if sighting.mac == Mac::ZERO => self.observe_mdns_answer(sighting, claim, events),
            Claim::Mdns(claim) => self.observe_mdns(sighting, claim, events),
            Claim::Membership(message) => self.observe_membership(sighting, message, events),
            Claim::Dhcpv6(claim) => self.observe_dhcpv6(sighting, claim, events),
            Claim::Llmnr(heard) => self.observe_llmnr(sighting, heard, events),
            Claim::Nbns(heard) => self.observe_nbns(sighting, heard, events),
            Claim::Ndp(claim) => self.observe_ndp(sighting, claim, events),
            Claim::Redirect(redirect) => self.observe_redirect(sighting, redirect, events),
            Claim::Redundancy(message) => self.observe_redundancy(sighting, message, events),
            Claim::Stp(message) => self.observe_stp(sighting, message),
            Claim::Served(claim) => self.observe_served(sighting, claim, events),
            Claim::Traffic(claim) => self.observe_traffic(sighting, claim, events),
            Claim::Syn(syn) => self.observe_syn(sighting, syn),
            Claim::Ssdp(heard) => self.observe_ssdp(sighting, heard, events),
            Claim::Wsd(heard) => self.observe_wsd(sighting, heard, events),
        }
        self.recognise(sighting, events);
        self.emit_returned(events);
    }

    /// Does what is due at `now`; appends the events that it causes.
    pub fn handle_timeout(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        self.memory.expire_neighbours(now);
        self.memory.forget_old(now);
        self.settle_defences(Some(now), events);
        self.settle_checks(Some(now), events);
        // A verdict may give a new host its address, so it comes before the host is reported.
        if !self.disputes.is_empty() {
            self.decide_due(Some(now), events);
        }
        if self.memory.first_waiting().is_none() {
            return;
        }
        let settle_ns = i64::try_from(self.settings.settle.as_nanos()).unwrap_or(i64::MAX);
        let settled = now.as_nanos().checked_sub(settle_ns).map(Timestamp::from_nanos);
        for id in self.memory.due(settled, now.after(CLOCK_STEP_MIN)) {
            self.announce(id, events);
        }
        self.settle_rotations(settled, now.after(CLOCK_STEP_MIN), events);
        self.settle_answers(settled, events);
        self.memory.merge_changed();
    }

    /// When `handle_timeout` has something to do next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let settled = self.memory.first_waiting().map(|first_seen| first_seen.after(self.settings.settle));
        [settled, self.next_verdict(), self.memory.first_neighbour_expiry()].into_iter().flatten().min()
    }

    /// The input has ended: reports everything that still waits for more evidence.
    pub fn finish(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        self.decide_due(None, events);
        self.settle_defences(None, events);
        self.settle_checks(None, events);
        self.handle_timeout(now, events);
        for id in self.memory.pending() {
            self.announce(id, events);
        }
        let end = Timestamp::from_nanos(i64::MAX);
        self.settle_rotations(Some(end), end, events);
        self.settle_answers(Some(end), events);
        self.memory.merge_changed();
    }
}
