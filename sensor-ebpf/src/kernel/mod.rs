//! The entry points of the program, and the steps from one to the next.
//!
//! Each step is a global function (`extern "C"`, not inlined), which the verifier checks once and by itself. One step
//! passes what it found to the next through the map `FOUND`. So the number of paths that the verifier follows is the
//! sum of the paths through the steps, not their product.

// Reading order, from the steps down to the maps.
/// The short way: traffic of known senders.
mod known;
/// The steps that classify a frame.
mod find;
/// The steps that decide whether a frame is reported, and write its record.
mod tell;
/// What the presence table says about the sender of a frame.
mod sender;
/// What gate, policing and scan detection say about a frame.
mod tables;
/// Ring records.
mod record;
/// The ring buffer and the wake-ups of its reader.
mod ring;
/// Reading the frame.
mod read;
/// Clocks.
mod clock;
/// Maps and globals.
mod maps;
/// The digest of the sources.
mod digest;

use aya_ebpf::bindings::{xdp_action, xdp_md};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;

use self::find::{FOUND_IT, NOTHING, SPREAD, find_inner, find_linear, find_spread};
use self::known::is_known_traffic;
use self::tell::{tell_linear, tell_spread};

/// The kernel lets only programs under the GPL call some of its helpers.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// For a host port: every frame passes.
#[xdp(frags)]
fn sensor_host(ctx: XdpContext) -> u32 {
    observe(ctx.ctx, false);
    xdp_action::XDP_PASS
}

/// For a mirror port: every frame is dropped.
#[xdp(frags)]
fn sensor_mirror(ctx: XdpContext) -> u32 {
    observe(ctx.ctx, true);
    xdp_action::XDP_DROP
}

/// What the bench compares `sensor_host` with.
#[xdp(frags)]
fn bare_pass(_: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

/// What the bench compares `sensor_mirror` with.
#[xdp(frags)]
fn bare_drop(_: XdpContext) -> u32 {
    xdp_action::XDP_DROP
}

/// Counts one frame, and writes a record of it to the ring when it says something new. Tunnels are opened
/// whose senders were named, on a port that is no mirror only those that end at the sensor.
#[inline(always)]
fn observe(ctx: *mut xdp_md, is_mirror: bool) {
    if is_known_traffic(ctx) {
        return;
    }
    match find_linear(ctx, u32::from(is_mirror)) {
        FOUND_IT => drop(tell_linear(ctx)),
        SPREAD => {
            if find_spread(ctx) == FOUND_IT {
                tell_spread(ctx);
            }
        }
        NOTHING => {}
        inner => {
            if find_inner(ctx, inner) == FOUND_IT {
                tell_linear(ctx);
            }
        }
    }
}

/// Never called: nothing in the program can panic, and an object with a call to this does not load. But without it the
/// program does not link.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
