//! Stories of DHCP: leases that are given, handed over, given twice; and a phone that changes its MAC.

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::inventory::model::source::Source;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};

use super::teller::{Someone, Teller, four, message};

impl Teller {
    pub(super) fn dhcp_client(&mut self, server: &Someone) -> bool {
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
    pub(super) fn handed_over(&mut self, server: &Someone) -> bool {
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
            // The lease has ended and explains nothing: a third host takes the address.
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

    /// The server leases an address that a host already holds. The lease alone moves nothing; the new station's claim
    /// does, and the lease explains it until it ends.
    pub(super) fn leased_twice(&mut self, server: &Someone) -> bool {
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

    /// A phone that comes back with another MAC each time.
    pub(super) fn rotating(&mut self, server: &Someone) -> bool {
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
}
