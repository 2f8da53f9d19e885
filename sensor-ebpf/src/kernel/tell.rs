//! The steps that decide whether a frame is reported, after it was classified.

use core::hint::black_box;

use aya_ebpf::bindings::xdp_md;
use sensor_ebpf::abi::{Class, FLAG_SCAN, SMALL_BODY};
use sensor_ebpf::found::Found;
use sensor_ebpf::gate;
use sensor_ebpf::packet::Packet;

use super::clock::boot_time;
use super::find::NOTHING;
use super::maps;
use super::read::{Gathered, Linear, ifindex};
use super::record::{POLICED, REPEATED, TOLD, tell_long, tell_small};
use super::sender::{Presence, seen};
use super::tables::{forget, is_repeat, is_scan};

/// Handles a frame that was classified in its first buffer, or is carried there. Answers [`NOTHING`] in any case.
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn tell_linear(ctx: *mut xdp_md) -> u64 {
    if let Some(found) = maps::found() {
        // The bytes of the first buffer only, as on the short way: the length of the rest costs a call.
        let packet = Linear::new(ctx);
        tell(ctx, &packet, found, packet.len());
    }
    NOTHING
}

/// Handles a frame that is spread over several buffers. Answers [`NOTHING`] in any case.
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn tell_spread(ctx: *mut xdp_md) -> u64 {
    if let (Some(found), Some(packet)) = (maps::found(), Gathered::new(ctx)) {
        tell(ctx, &packet, found, packet.wire_len() as u64);
    }
    NOTHING
}

#[inline(always)]
fn tell<P: Packet>(ctx: *mut xdp_md, packet: &P, found: &Found, len: u64) {
    let Some(counters) = maps::counters() else { return };
    // The verifier does not know which numbers a class can have.
    let class = black_box(found.class as usize);
    if class >= Class::COUNT {
        return;
    }
    let place = gate::place(ifindex(ctx), found.vlans, found.tunnel);
    let presence = found.sender().map_or(Presence::OUTSIDE, |address| seen(place, address, found.frame_mac, len));
    let is_watched = found.class.is_watched();
    if is_watched && presence == Presence::OUTSIDE {
        counters.seen[Class::Other as usize] += 1;
        return;
    }
    counters.seen[class] += 1;
    // It says nothing but that its sender is there, and perhaps that its sender asks for a port.
    let is_traffic = found.class as u8 == Class::Traffic as u8;
    if presence == Presence::KNOWN && is_traffic && found.asks == 0 {
        counters.gated[class] += 1;
        return;
    }
    let Some(now_ns) = boot_time() else { return };
    // New to this CPU, and no other CPU has passed it through the gate.
    let is_new = is_watched && presence.is_new() && !is_repeat(place, counters, &found.presence(), now_ns);
    if is_traffic && !is_new && found.asks == 0 {
        counters.gated[class] += 1;
        return;
    }
    // The frame that makes a scan is reported even if its claim is a repeat and its sender exceeds its share.
    let scan = if is_scan(packet, place, found, now_ns) { FLAG_SCAN } else { 0 };
    let is_repeat = is_traffic || found.claim.as_ref().is_some_and(|claim| is_repeat(place, counters, claim, now_ns));
    if is_repeat && !is_new && scan == 0 {
        counters.gated[class] += 1;
        return;
    }
    let outcome = match found.class {
        Class::Arp => tell_small::<P, 28>(ctx, packet, found, now_ns, scan),
        Class::Traffic => tell_small::<P, 0>(ctx, packet, found, now_ns, scan),
        Class::Ndp | Class::Redirect | Class::Served if found.body_len as usize <= SMALL_BODY => {
            tell_small::<P, SMALL_BODY>(ctx, packet, found, now_ns, scan)
        }
        _ => tell_long(ctx, place, now_ns, u32::from(scan)),
    };
    match outcome {
        TOLD => {}
        REPEATED => {
            counters.gated[class] += 1;
            presence.forget();
            return;
        }
        POLICED => {
            counters.policed[class] += 1;
            presence.forget();
            if is_new {
                forget(place, &found.presence());
            }
            return;
        }
        _ => {
            counters.lost[class] += 1;
            presence.forget();
            if let Some(claim) = &found.claim {
                forget(place, claim);
            }
            if is_new {
                forget(place, &found.presence());
            }
            // Only losses are logged, never a frame that was handled well, and only in an object built for logging.
            #[cfg(feature = "log")]
            aya_log_ebpf::warn!(
                &aya_ebpf::programs::XdpContext::new(ctx),
                "a record of class {} found no room in the ring",
                class
            );
            return;
        }
    }
    counters.passed[class] += 1;
    if found.is_cut() {
        counters.cut[class] += 1;
    }
}
