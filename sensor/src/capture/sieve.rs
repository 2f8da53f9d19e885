//! The native sieve: what the XDP program decides beside the class of a frame, for packet sockets and capture files. The
//! same tables, but a known sender is told again at each interval, because nobody reads them from outside.

use sensor_ebpf::abi::{Class, Counters, FLAG_SCAN};
use sensor_ebpf::classify::{Harvest, Opens};
use sensor_ebpf::gate::{self, Decision};
use sensor_ebpf::presence::{self, Look};
use sensor_ebpf::scan;
use sensor_ebpf::watch::{self, Table};

use super::watched::{self, Watched};
use crate::types::{Iface, Timestamp};

/// Tables and counters of one source of frames.
pub(super) struct Sieve {
    presence: Vec<presence::Bucket>,
    gate: Vec<gate::Bucket>,
    scan: Vec<scan::Bucket>,
    watch: Box<Table>,
    opens_all: bool,
    /// What was seen, told and held back.
    pub(super) counters: Counters,
}

/// A sender of any frame is told this often, milliseconds.
const INTERVAL_MS: u32 = 10_000;
/// Services and fingerprints are told again after this, ticks of the gate.
const REFRESH: u64 = gate::ticks(60);
/// Who could choose addresses that share a slot gains nothing here: the tables only thin out what is heard anyway.
const SEED: u64 = 0x5e45;

/// The interface's number in the tables of a sieve, which has one only.
const PLACE: u32 = 1;

impl Sieve {
    /// Hears everybody, and looks into every tunnel.
    pub(super) fn of_file() -> Self {
        Self::new(Box::new(watch::table(&watched::EVERYTHING, &[])), true)
    }

    /// Hears nobody until [`Sieve::watch`] says whom; `is_mirror`: looks into every tunnel.
    pub(super) fn of_port(is_mirror: bool) -> Self {
        Self::new(Box::new(watch::table(&[], &[])), is_mirror)
    }

    fn new(watch: Box<Table>, opens_all: bool) -> Self {
        Self {
            presence: vec![[0; _]; presence::BUCKETS],
            gate: vec![[0; _]; gate::BUCKETS],
            scan: vec![[0; _]; scan::BUCKETS],
            watch,
            opens_all,
            counters: Counters::default(),
        }
    }

    /// Whom to hear on the interface of this name.
    pub(super) fn watch(&mut self, iface: Iface, watched: &[Watched], own: &[[u64; 2]]) {
        let number = |name| (name == iface).then_some(PLACE);
        *self.watch = watched::table(watched, own, &number);
    }

    /// Which tunnels are looked into.
    pub(super) fn opens(&self) -> Opens<'_> {
        if self.opens_all { Opens::All } else { Opens::Own(&self.watch) }
    }

    /// Counts a frame, and marks one that makes a scan; whether it is to be told.
    pub(super) fn hear(&mut self, harvest: &mut Harvest, at: Timestamp) -> bool {
        let class = harvest.class as usize;
        if !harvest.class.is_watched() {
            self.counters.seen[class] += 1;
            self.mark_scan(harvest, at);
            return harvest.class.is_harvested();
        }
        let place = harvest.place(PLACE);
        let Some(address) = harvest.sender.filter(|address| watch::is_watched(&self.watch, place, *address)) else {
            self.counters.seen[Class::Other as usize] += 1;
            return false;
        };
        self.counters.seen[class] += 1;
        let is_news = match &harvest.claim {
            Some(claim) => {
                let mark = gate::mark(SEED, place, claim);
                let now = at.as_nanos() as u64 >> gate::TICK_BITS;
                gate::decide(&mut self.gate[mark.bucket as usize], &mark, now, REFRESH) != Decision::Gated
            }
            None => self.is_new(place, address, harvest.frame_mac, at),
        };
        let is_told = self.mark_scan(harvest, at) || is_news;
        if !is_told {
            self.counters.gated[class] += 1;
        }
        is_told
    }

    fn mark_scan(&mut self, harvest: &mut Harvest, at: Timestamp) -> bool {
        let Some(asked) = &harvest.asked else { return false };
        let mark = scan::mark(&presence::keys(SEED), harvest.place(PLACE), harvest.frame_mac, asked);
        let is_scan = scan::is_scan(&mut self.scan[mark.bucket as usize], &mark, at.as_nanos() as u64);
        if is_scan {
            harvest.header.flags |= FLAG_SCAN;
        }
        is_scan
    }

    fn is_new(&mut self, place: u64, address: [u64; 2], mac: u64, at: Timestamp) -> bool {
        let mark = presence::mark(&presence::keys(SEED), place, address, mac);
        let bucket = &mut self.presence[mark.bucket as usize];
        let now = (at.as_nanos() / 1_000_000) as u32;
        match presence::peek(bucket, &mark, now, INTERVAL_MS) {
            Look::Known | Look::Outside => false,
            Look::Back(slot) => {
                presence::renew(bucket, slot, now, 0);
                true
            }
            Look::Absent => {
                let entered = presence::enter(bucket, &mark, now, INTERVAL_MS, 0, true);
                self.counters.presence_evictions += u64::from(entered.is_some_and(|entered| entered.evicted));
                true
            }
        }
    }
}
