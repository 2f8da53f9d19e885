//! The short way, which nearly all frames of a busy link go: untagged TCP and UDP of known senders. Such a frame is
//! counted after one look at the presence table, and none of the later steps runs.

use aya_ebpf::bindings::xdp_md;
use sensor_ebpf::abi::Class;
use sensor_ebpf::classify::plain_traffic;
use sensor_ebpf::found::Tunnel;
use sensor_ebpf::presence::{self, Look};
use sensor_ebpf::{gate, watched};

use super::clock::ticks;
use super::maps::{self, INTERVAL, KEYS};
use super::read::{Linear, ifindex};
use super::sender::{Presence, pack_slot, unpack_slot};

/// Whether a frame is such traffic; then it is counted.
#[inline(always)]
pub(super) fn is_known_traffic(ctx: *mut xdp_md) -> bool {
    let packet = Linear::new(ctx);
    let Some((address, mac)) = plain_traffic(&packet) else { return false };
    if address[1] == 0
        && let Some(table) = maps::watched()
        && !watched::may_be_watched(table, address[0] as u32)
    {
        return count(Presence::OUTSIDE);
    }
    let mark = presence::mark(&KEYS.load(), gate::place(ifindex(ctx), [0; 2], Tunnel::default()), address, mac);
    let Some(bucket) = maps::presence_bucket(mark.bucket) else { return false };
    match presence::look_first(bucket, &mark, ticks(), INTERVAL.load(), packet.len()) {
        Look::Known => count(Presence::KNOWN),
        Look::Outside => count(Presence::OUTSIDE),
        Look::Back(_) => false,
        Look::Absent => count(Presence(look_further(pack_slot(&mark, packet.len()), mark.fingerprint))),
    }
}

/// Counts such a frame, unless its sender is new. Whether it did.
#[inline(always)]
fn count(presence: Presence) -> bool {
    let Some(counters) = maps::counters() else { return false };
    match presence {
        Presence::KNOWN => {
            counters.seen[Class::Traffic as usize] += 1;
            counters.gated[Class::Traffic as usize] += 1;
            true
        }
        Presence::OUTSIDE => {
            counters.seen[Class::Other as usize] += 1;
            true
        }
        _ => false,
    }
}

/// Looks for a sender in the other slots of its bucket. Few are there, so this is not part of the way that nearly all
/// frames go. Answers a [`Presence`]; for a new sender, any that is neither `KNOWN` nor `OUTSIDE`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn look_further(len_and_slot: u64, fingerprint: u64) -> u64 {
    let (len, mark) = unpack_slot(len_and_slot, fingerprint);
    let Some(bucket) = maps::presence_bucket(mark.bucket) else { return 0 };
    let presence = match presence::look(bucket, &mark, ticks(), INTERVAL.load(), len) {
        Look::Known => Presence::KNOWN,
        Look::Outside => Presence::OUTSIDE,
        _ => Presence(0),
    };
    presence.0
}
