//! What gate, policing, scan detection and the watched prefixes say about a frame: the decisions are the library's,
//! here they get their keys, clocks and buckets.

use aya_ebpf::bindings::xdp_md;
use sensor_ebpf::abi::{Counters, FLAG_FLOOD};
use sensor_ebpf::found::{Claim, Found};
use sensor_ebpf::gate::{self, Decision, TICK_BITS};
use sensor_ebpf::packet::Packet;
use sensor_ebpf::scan::Asked;
use sensor_ebpf::{police, scan, watched};

use super::maps::{self, KEYS, POLICING, REFRESH, SEED};
use super::read::ifindex;

/// Whether an address on a segment is in a watched prefix. A global function, so that the verifier follows its loop
/// once.
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn is_in_watched(place: u64, high: u64, low: u64) -> u32 {
    maps::watched().map_or(0, |table| u32::from(watched::is_watched(table, place, [high, low])))
}

/// The flags of a record that may be written; `None` when its sender exceeds its share. `scan` is the flag of a frame
/// that makes a scan: it is always written.
#[inline(always)]
pub(super) fn police(ctx: *mut xdp_md, found: &Found, now_ns: u64, scan: u8) -> Option<u8> {
    if POLICING.load() == 0 {
        return Some(scan);
    }
    let mark = police::mark(SEED.load(), ifindex(ctx), found.frame_mac, found.class);
    let Some(bucket) = maps::police_bucket(mark.bucket) else { return Some(scan) };
    match police::decide(bucket, &mark, now_ns) {
        police::Decision::Pass => Some(scan),
        police::Decision::First => Some(FLAG_FLOOD | scan),
        police::Decision::Over => (scan != 0).then_some(scan),
    }
}

/// Counts what a frame asks for, and answers whether that makes it a scan.
#[inline(always)]
pub(super) fn is_scan<P: Packet>(packet: &P, place: u64, found: &Found, now_ns: u64) -> bool {
    let Some(asked) = scan::asked(packet, found) else { return false };
    count(place, asked.of, asked.item, asked.bits.into(), now_ns) != 0
}

/// As [`is_scan`], by the parts of [`Asked`]. A global function, so that the verifier does not follow each of the table's slots
/// to the end of the program.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn count(place: u64, of: u64, item: u64, bits: u64, now_ns: u64) -> u64 {
    let Some(found) = maps::found() else { return 0 };
    let mark = scan::mark(&KEYS.load(), place, found.frame_mac, &Asked { of, item, bits: bits as u32 });
    let Some(bucket) = maps::scan_bucket(mark.bucket) else { return 0 };
    scan::is_scan(bucket, &mark, now_ns).into()
}

/// Whether the gate holds a claim back.
#[inline(always)]
pub(super) fn is_repeat(place: u64, counters: &mut Counters, claim: &Claim, now_ns: u64) -> bool {
    let refresh = REFRESH.load();
    if refresh == 0 {
        return false;
    }
    let mark = gate::mark(SEED.load(), place, claim);
    let Some(bucket) = maps::gate_bucket(mark.bucket) else { return false };
    match gate::decide(bucket, &mark, now_ns >> TICK_BITS, refresh) {
        Decision::Gated => true,
        Decision::Pass => false,
        Decision::PassEvicting => {
            counters.gate_evictions += 1;
            false
        }
    }
}

/// The record of a claim could not be written: its next repeat passes the gate.
#[inline(always)]
pub(super) fn forget(place: u64, claim: &Claim) {
    let mark = gate::mark(SEED.load(), place, claim);
    if let Some(bucket) = maps::gate_bucket(mark.bucket) {
        gate::forget(bucket, &mark);
    }
}
