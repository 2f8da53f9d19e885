//! The steps that classify a frame: in its first buffer, spread over several buffers, or carried in a tunnel. What they
//! find is kept in the map `FOUND` for the next step.

use core::hint::black_box;

use aya_ebpf::bindings::xdp_md;
use sensor_ebpf::abi::{Class, TunnelKind};
use sensor_ebpf::classify::bounds::INNER_MAX;
use sensor_ebpf::classify::{Opening, find, opening};
use sensor_ebpf::found::{Found, Tunnel};
use sensor_ebpf::packet::Packet;

use super::maps;
use super::read::{Gathered, Inner, Linear};

// What a step answers. Any other number is a carried frame (`pack`).
/// What the frame is was written to `FOUND`.
pub(super) const FOUND_IT: u64 = 0;
/// The frame may have headers that are not in the first buffer.
pub(super) const SPREAD: u64 = 1;
/// The frame is counted, and there is nothing to report.
pub(super) const NOTHING: u64 = 2;

/// Classifies the frame in the first buffer. Answers [`FOUND_IT`], [`SPREAD`], [`NOTHING`] or a carried frame
/// ([`pack`]).
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn find_linear(ctx: *mut xdp_md, is_mirror: u32) -> u64 {
    let packet = Linear::new(ctx);
    let found = find(&packet, 0, Tunnel::default(), is_mirror != 0);
    if found.class == Class::Malformed && packet.is_partial() {
        return SPREAD;
    }
    if found.inner_at > 0
        && let Some(table) = maps::watched()
    {
        match opening(&packet, &found, table, is_mirror != 0) {
            Opening::Opened => return pack(&found),
            Opening::Shut => {
                if let Some(counters) = maps::counters() {
                    counters.shut += 1;
                    counters.last_shut = found.shut();
                }
            }
            Opening::Passing => {}
        }
    }
    keep(found)
}

/// Classifies a frame that is spread over several buffers. Answers [`FOUND_IT`] or [`NOTHING`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn find_spread(ctx: *mut xdp_md) -> u64 {
    let Some(packet) = Gathered::new(ctx) else { return NOTHING };
    keep(find(&packet, 0, Tunnel::default(), false))
}

/// Classifies a carried frame ([`pack`]). Answers [`FOUND_IT`] or [`NOTHING`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn find_inner(ctx: *mut xdp_md, inner: u64) -> u64 {
    let packet = Inner(Linear::new(ctx));
    let kind = match (inner >> 8) as u8 {
        kind if kind == TunnelKind::Gre as u8 => TunnelKind::Gre,
        kind if kind == TunnelKind::Erspan as u8 => TunnelKind::Erspan,
        kind if kind == TunnelKind::Vxlan as u8 => TunnelKind::Vxlan,
        _ => TunnelKind::Geneve,
    };
    let tunnel = Tunnel { kind, vlan: (inner >> 16) as u16, id: (inner >> 32) as u32 };
    let start = black_box(inner as usize) & (INNER_MAX - 1);
    keep(find(&packet, start, tunnel, false))
}

/// Counts a frame that is not harvested; keeps what was found in any other for the next step.
#[inline(always)]
fn keep(found: Found) -> u64 {
    if !found.class.is_harvested() {
        if let Some(counters) = maps::counters() {
            counters.seen[found.class as usize] += 1;
        }
        return NOTHING;
    }
    let Some(kept) = maps::found() else { return NOTHING };
    *kept = found;
    FOUND_IT
}

/// A carried frame in one register: its start (bits 0 to 7), and its tunnel's kind (8 to 15), VLAN (16 to 31) and id
/// (32 to 63). It is larger than [`NOTHING`], because the kind is not 0.
#[inline(always)]
fn pack(found: &Found) -> u64 {
    let tunnel = &found.inner;
    found.inner_at as u64 | (tunnel.kind as u64) << 8 | u64::from(tunnel.vlan) << 16 | u64::from(tunnel.id) << 32
}
