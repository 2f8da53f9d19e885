//! Stories of addresses that pass from one station to another, and of stations that lie.

use sensor_core::inventory::event::{Kind, Reason};
use sensor_core::types::Mac;

use super::machine::{Machine, Side, Word};
use super::script::Happening;
use super::teller::{MARGIN, MINUTE, Place, SECOND, Teller};

impl Teller {
    /// Two stations hold one address, and both go on for a while.
    pub(super) fn conflict(&mut self) {
        self.name("conflict");
        let (old, new) = self.two();
        let ip = self.ip(old);
        self.machines[new].ips.insert(ip);
        // Which of the two is asked for its ports is random, so both have none.
        [old, new].iter().for_each(|&host| self.machines[host].open.clear());
        let end = self.now_ms + 2 * MINUTE + self.rng.below(20 * MINUTE);
        self.delicate.push((self.now_ms, end + MARGIN));
        self.say(new, Word::Announce(ip));
        self.tell(Kind::IpConflict, new, Some(Reason::Conflict));
        self.tell(Kind::ChangedMac, new, Some(Reason::Replaced));
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

    /// A station claims another's address again and again; the holder is asked and answers.
    pub(super) fn spoofed(&mut self) {
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
        // A second forged reply to the sensor would count as the answer to the question that the first one causes.
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

    /// Another machine takes the place of one that left, at once or long after that one was reported as gone.
    pub(super) fn replaced(&mut self) {
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

    pub(super) fn leased(&mut self) {
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
    pub(super) fn failover(&mut self) {
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
    pub(super) fn proxied(&mut self) {
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
}
