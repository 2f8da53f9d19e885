//! Filter for packet sockets and capture files, with the same tables as the XDP program: which frames are delivered.
//! Unlike there, a known sender is delivered again at each interval, because its presence table is not read from
//! outside.

use std::net::IpAddr;

use sensor_ebpf::abi::{Class, Counters, FLAG_FLOOD, FLAG_SCAN};
use sensor_ebpf::classify::{Harvest, Opens};
use sensor_ebpf::found::{Claim, kind};
use sensor_ebpf::gate::{self, Decision};
use sensor_ebpf::presence::{self, Look};
use sensor_ebpf::watched::{Table, is_watched, table};
use sensor_ebpf::{message, police, scan};

use crate::capture::options::Options;
use crate::capture::watched;
use crate::capture::watched::{Watching, place, words};
use sensor_core::types::{Iface, Segment, Timestamp};

/// Tables and counters of one source of frames.
pub(super) struct Sieve {
    presence: Vec<presence::Bucket>,
    gate: Vec<gate::Bucket>,
    scan: Vec<scan::Bucket>,
    watch: Box<Table>,
    source: FrameSource,
    seed: u64,
    keys: presence::Keys,
    limits: Option<LiveLimits>,
    /// Frames that were seen, delivered and suppressed.
    pub(super) counters: Counters,
}

/// Where the frames come from, which decides which tunnels are decapsulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameSource {
    File,
    HostPort,
    MirrorPort,
}

/// Limits on a live source. A capture file has none: a flood in it delays nobody, and the result must not depend on how
/// fast it is read.
struct LiveLimits {
    police: Option<Vec<police::Bucket>>,
    /// Refresh interval of claims and messages, in ticks of the gate; `None` delivers all of them.
    refresh: Option<u64>,
    /// Boot-time clock in nanoseconds: a step of the wall clock must not change a sender's allowance.
    now_ns: u64,
}

/// Bucket and slot of a presence entry that was just renewed; to be forgotten when its frame is not delivered.
type PresenceSlot = (u32, usize);

/// Interval at which a known sender is delivered again, in milliseconds and in ticks of the presence table.
const INTERVAL_MS: u32 = 10_000;
const INTERVAL: u32 = INTERVAL_MS >> presence::TICK_BITS;
/// Interval at which services and fingerprints are delivered again, in ticks of the gate.
const REFRESH: u64 = gate::ticks(60);
/// Seed for files: the result must be the same each time.
const SEED: u64 = 0x5e45;

/// The interface's number in the tables: a sieve has only one interface.
const PLACE: u32 = 1;

impl Sieve {
    /// For a capture file: watches every address and decapsulates every tunnel.
    pub(super) fn of_file() -> Self {
        Self::new(Box::new(table(&watched::EVERYTHING, &[])), FrameSource::File, SEED, None)
    }

    /// For a port: watches no prefix and opens no tunnel before [`Sieve::watch`]. `seed` is a secret.
    /// A refresh interval of zero delivers every claim.
    pub(super) fn of_port(is_mirror: bool, seed: u64, options: &Options) -> Self {
        // A repeated claim is also a sign of life, so it passes at least as often as a known sender's other frames.
        let refresh = options.refresh.as_secs().min(u64::from(INTERVAL_MS / 1000));
        let refresh = (refresh > 0).then(|| gate::ticks(refresh));
        let police = options.policing.then(|| vec![[0; _]; police::BUCKETS]);
        let limits = LiveLimits { police, refresh, now_ns: 0 };
        let source = if is_mirror { FrameSource::MirrorPort } else { FrameSource::HostPort };
        Self::new(Box::new(table(&[], &[])), source, seed, Some(limits))
    }

    fn new(watch: Box<Table>, source: FrameSource, seed: u64, limits: Option<LiveLimits>) -> Self {
        Self {
            presence: vec![[0; _]; presence::BUCKETS],
            gate: vec![[0; _]; gate::BUCKETS],
            scan: vec![[0; _]; scan::BUCKETS],
            watch,
            source,
            seed,
            keys: presence::keys(seed),
            limits,
            counters: Counters::default(),
        }
    }

    /// Sets what is looked at; prefixes of other interfaces are ignored.
    pub(super) fn watch(&mut self, iface: Iface, watching: &Watching) {
        let number = |name| (name == iface).then_some(PLACE);
        *self.watch = watched::table(watching, &number);
    }

    /// Which tunnels are decapsulated.
    pub(super) fn opens(&self) -> Opens<'_> {
        let is_mirror = self.source == FrameSource::MirrorPort;
        if self.source == FrameSource::File { Opens::All } else { Opens::Named { table: &self.watch, is_mirror } }
    }

    /// Sets the boot-time clock, in nanoseconds.
    pub(super) fn set_boot_ns(&mut self, now_ns: u64) {
        if let Some(limits) = &mut self.limits {
            limits.now_ns = now_ns;
        }
    }

    /// Makes the gate forget an address, so that the answer to a probe of it is delivered even if it is a repeat.
    pub(super) fn forget(&mut self, segment: Segment, ip: IpAddr) {
        let kind = if ip.is_ipv4() { kind::ARP_REPLY } else { kind::NEIGHBOR_ADVERTISEMENT };
        let claim = Claim { kind, address: words(ip), mac: 0, frame_mac: 0 };
        let mark = gate::mark(self.seed, place(segment, PLACE), &claim);
        self.gate[mark.bucket as usize] = [0; _];
    }

    /// Counts a frame, and sets its flag when it completes a scan. `rest` is the frame from its body on. Returns
    /// whether it is to be delivered.
    pub(super) fn admit(&mut self, harvest: &mut Harvest, rest: &[u8], at: Timestamp) -> bool {
        let class = harvest.class as usize;
        let place = harvest.place(PLACE);
        if let Some(shut) = harvest.shut {
            self.counters.shut += 1;
            self.counters.last_shut = shut;
        }
        if !harvest.class.is_watched() {
            self.counters.seen[class] += 1;
            let is_scan = self.mark_scan(harvest, at);
            if !harvest.class.is_harvested() {
                return false;
            }
            let refresh = self.limits.as_ref().and_then(|limits| limits.refresh);
            let is_repeat = refresh.is_some_and(|refresh| {
                let body = rest.get(..usize::from(harvest.header.body_len)).unwrap_or(rest);
                let claim = harvest.claim.or_else(|| message::repeated(self.seed, harvest, body));
                claim.is_some_and(|claim| self.is_repeat(place, &claim, at, refresh))
            });
            return self.decide(harvest, !is_repeat, is_scan, None);
        }
        let Some(address) = harvest.sender.filter(|address| is_watched(&self.watch, place, *address)) else {
            self.counters.seen[Class::Other as usize] += 1;
            return false;
        };
        self.counters.seen[class] += 1;
        let (is_news, slot) = match &harvest.claim {
            Some(claim) => (!self.is_repeat(place, claim, at, REFRESH), None),
            None => {
                let slot = self.is_new(place, address, harvest.frame_mac, at);
                (slot.is_some(), slot.flatten())
            }
        };
        let is_scan = self.mark_scan(harvest, at);
        self.decide(harvest, is_news, is_scan, slot)
    }

    /// Whether the claim is a repeat within the refresh interval.
    fn is_repeat(&mut self, place: u64, claim: &Claim, at: Timestamp, refresh: u64) -> bool {
        let mark = gate::mark(self.seed, place, claim);
        let now = at.as_nanos() as u64 >> gate::TICK_BITS;
        let decision = gate::decide(&mut self.gate[mark.bucket as usize], &mark, now, refresh);
        self.counters.gate_evictions += u64::from(self.limits.is_some() && decision == Decision::PassEvicting);
        decision == Decision::Gated
    }

    /// The final decision, in the order of the XDP program: a scan is always delivered, a repeat is suppressed, and
    /// anything new is subject to the sender's rate limit.
    fn decide(&mut self, harvest: &mut Harvest, is_news: bool, is_scan: bool, refreshed: Option<PresenceSlot>) -> bool {
        let class = harvest.class as usize;
        if !is_news && !is_scan {
            self.counters.gated[class] += 1;
            return false;
        }
        let Some(LiveLimits { police: Some(police), now_ns, .. }) = &mut self.limits else { return true };
        let mark = police::mark(self.seed, PLACE, harvest.frame_mac, harvest.class);
        match police::decide(&mut police[mark.bucket as usize], &mark, *now_ns) {
            police::Decision::Pass => true,
            police::Decision::First => {
                harvest.header.flags |= FLAG_FLOOD;
                true
            }
            police::Decision::Over if is_scan => true,
            police::Decision::Over => {
                self.counters.policed[class] += 1;
                if let Some((bucket, slot)) = refreshed {
                    presence::forget(&mut self.presence[bucket as usize], slot);
                }
                false
            }
        }
    }

    fn mark_scan(&mut self, harvest: &mut Harvest, at: Timestamp) -> bool {
        let Some(asked) = &harvest.asked else { return false };
        let mark = scan::mark(&self.keys, harvest.place(PLACE), harvest.frame_mac, asked);
        let is_scan = scan::is_scan(&mut self.scan[mark.bucket as usize], &mark, at.as_nanos() as u64);
        if is_scan {
            harvest.header.flags |= FLAG_SCAN;
        }
        is_scan
    }

    /// `Some` when the sender is new or was silent for an interval, with its presence entry unless the table had no
    /// room.
    fn is_new(&mut self, place: u64, address: [u64; 2], mac: u64, at: Timestamp) -> Option<Option<PresenceSlot>> {
        let mark = presence::mark(&self.keys, place, address, mac);
        let bucket = &mut self.presence[mark.bucket as usize];
        let now = ((at.as_nanos() / 1_000_000) >> presence::TICK_BITS) as u32;
        match presence::peek(bucket, &mark, now, INTERVAL) {
            Look::Known | Look::Outside => None,
            Look::Back(slot) => {
                presence::renew(bucket, slot, now, 0);
                Some(Some((mark.bucket, slot)))
            }
            Look::Absent => {
                let entered = presence::enter(bucket, &mark, now, INTERVAL, 0, true);
                self.counters.presence_evictions += u64::from(entered.as_ref().is_some_and(|entered| entered.evicted));
                Some(entered.map(|entered| (mark.bucket, entered.slot)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sensor_ebpf::classify::classify;
    use sensor_ebpf::packet::Captured;

    use super::*;

    const LOUD: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const QUIET: [u8; 6] = [2, 0, 0, 0, 0, 2];

    /// A sieve with its clocks.
    struct SieveHarness {
        sieve: Sieve,
        wall: Timestamp,
        boot_ns: u64,
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Delivery {
        Flood,
        HeldBack,
        Passed,
    }
    use Delivery::{Flood, HeldBack, Passed};

    impl SieveHarness {
        fn of(sieve: Sieve) -> Self {
            Self { sieve, wall: Timestamp::from_secs(1_000_000), boot_ns: 1 << 50 }
        }

        fn live() -> Self {
            Self::of_port(&Options::default())
        }

        fn of_port(options: &Options) -> Self {
            let mut sieve = Sieve::of_port(false, 7, options);
            *sieve.watch = table(&watched::EVERYTHING, &[]);
            Self::of(sieve)
        }

        fn after(&mut self, s: u64) {
            self.wall = self.wall.after(Duration::from_secs(s));
            self.boot_ns += s * 1_000_000_000;
        }

        fn receive(&mut self, bytes: &[u8]) -> Delivery {
            self.sieve.set_boot_ns(self.boot_ns);
            let mut harvest = classify(&Captured { bytes, wire_len: bytes.len() }, self.sieve.opens());
            let rest = &bytes[harvest.body_at..];
            match (self.sieve.admit(&mut harvest, rest, self.wall), harvest.header.flags & FLAG_FLOOD) {
                (false, _) => HeldBack,
                (true, 0) => Passed,
                (true, _) => Flood,
            }
        }

        /// Numbers of gated and of policed frames of a class; all others were delivered.
        fn held_back(&self, class: Class) -> (u64, u64) {
            (self.sieve.counters.gated[class as usize], self.sieve.counters.policed[class as usize])
        }
    }

    /// A station's ARP announcement of one of 2^24 addresses.
    fn arp(from: [u8; 6], address: u32) -> Vec<u8> {
        let [_, a, b, c] = address.to_be_bytes();
        let mut frame = [&[0xff; 6][..], &from, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &from, &[10, a, b, c]].concat();
        frame.extend([0, 0, 0, 0, 0, 0, 10, a, b, c]);
        frame.resize(60, 0);
        frame
    }

    /// A UDP datagram without a payload.
    fn datagram(from: [u8; 6], address: u16) -> Vec<u8> {
        let [a, b] = address.to_be_bytes();
        let mut frame = [&[2, 0, 0, 0, 0, 9][..], &from, &[8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]].concat();
        frame.extend([10, 1, a, b, 10, 2, 0, 1, 0x9c, 0x40, 0x9c, 0x41, 0, 8, 0, 0]);
        frame.resize(60, 0);
        frame
    }

    #[test]
    fn only_the_flooding_sender_is_limited() {
        let mut harness = SieveHarness::live();
        let burst = u32::try_from(police::BURST_NEIGHBOR).expect("a small number");
        for n in 0..burst {
            assert_eq!(harness.receive(&arp(LOUD, n)), Passed, "{n}");
        }
        assert_eq!(harness.receive(&arp(LOUD, burst)), Flood, "the flood is reported once");
        assert!((1..=1000).all(|n| harness.receive(&arp(LOUD, burst + n)) == HeldBack));
        assert_eq!(harness.receive(&arp(QUIET, 1 << 20)), Passed);
        assert_eq!(harness.held_back(Class::Arp), (0, 1000));
        assert_eq!(harness.sieve.counters.seen[Class::Arp as usize], u64::from(burst) + 1002);
        harness.after(1);
        let passed = (0..1000).filter(|n| harness.receive(&arp(LOUD, (1 << 21) + n)) == Passed).count();
        assert_eq!(passed as u64, police::RATE);
    }

    #[test]
    fn without_policing_no_sender_is_limited() {
        let mut harness = SieveHarness::of_port(&Options { policing: false, ..Options::default() });
        assert!((0..20_000).all(|n| harness.receive(&arp(LOUD, n)) == Passed));
    }

    #[test]
    fn repeats_do_not_use_up_the_senders_rate_limit() {
        let mut harness = SieveHarness::live();
        assert_eq!(harness.receive(&arp(LOUD, 1)), Passed);
        assert!((0..20_000).all(|_| harness.receive(&arp(LOUD, 1)) == HeldBack));
        assert_eq!(harness.held_back(Class::Arp), (20_000, 0));
        assert_eq!(harness.receive(&arp(LOUD, 2)), Passed);
        assert_eq!(harness.receive(&arp(QUIET, 1)), Passed, "another station is a change");
        assert_eq!(harness.receive(&arp(LOUD, 1)), Passed);
        let segment = Segment::untagged(Iface::new("eth1").expect("a name"));
        harness.sieve.forget(segment, IpAddr::from([10, 0, 0, 1]));
        assert_eq!(harness.receive(&arp(LOUD, 1)), Passed, "it was probed");
        assert_eq!(harness.receive(&arp(LOUD, 1)), HeldBack);
        harness.after(11);
        assert_eq!(harness.receive(&arp(LOUD, 1)), Passed, "it is still there");
    }

    #[test]
    fn a_repeated_message_is_suppressed() {
        let lldp = |name: u8| [&[1, 0x80, 0xc2, 0, 0, 0xe][..], &LOUD, &[0x88, 0xcc, 2, 2, 7, name, 0, 0]].concat();
        let mut harness = SieveHarness::live();
        assert_eq!(harness.receive(&lldp(1)), Passed);
        assert_eq!(harness.receive(&lldp(1)), HeldBack);
        assert_eq!(harness.receive(&lldp(2)), Passed);
        assert_eq!(harness.receive(&lldp(1)), Passed, "it changed back");
        harness.after(11);
        assert_eq!(harness.receive(&lldp(1)), Passed, "it is still there");
        let mut file = SieveHarness::of(Sieve::of_file());
        assert!((0..9).all(|_| file.receive(&lldp(1)) == Passed));
    }

    #[test]
    fn a_policed_new_sender_is_new_again_the_next_time() {
        let mut harness = SieveHarness::live();
        let burst = u16::try_from(police::BURST).expect("a small number");
        assert!((0..burst).all(|n| harness.receive(&datagram(LOUD, n)) == Passed));
        assert_eq!(harness.receive(&datagram(LOUD, burst)), Flood);
        assert_eq!(harness.receive(&datagram(LOUD, burst + 1)), HeldBack);
        assert_eq!(harness.held_back(Class::Traffic), (0, 1));
        harness.after(1);
        assert_eq!(harness.receive(&datagram(LOUD, burst)), HeldBack);
        assert_eq!(harness.receive(&datagram(LOUD, burst + 1)), Passed);
        assert_eq!(harness.held_back(Class::Traffic), (1, 1));
    }

    #[test]
    fn setting_the_wall_clock_back_does_not_limit_senders() {
        let mut harness = SieveHarness::live();
        assert!((0..1000).all(|n| harness.receive(&arp(LOUD, n)) == Passed));
        harness.after(3600);
        harness.wall = Timestamp::from_secs(1000);
        assert!((0..8000).all(|n| harness.receive(&arp(LOUD, (1 << 20) + n)) == Passed));
    }

    #[test]
    fn every_claim_of_a_file_is_delivered() {
        let mut harness = SieveHarness::of(Sieve::of_file());
        assert!((0..20_000).all(|n| harness.receive(&arp(LOUD, n % 10_000)) == Passed));
        assert!((0..2_000).all(|n| harness.receive(&datagram(LOUD, n)) == Passed));
        assert_eq!((harness.held_back(Class::Arp), harness.held_back(Class::Traffic)), ((0, 0), (0, 0)));
    }
}
