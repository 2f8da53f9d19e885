//! One frame of the mix: a template is copied over the frame at hand, and given a host's addresses. Frames are used
//! again by the kernel, so everything must be overwritten.

use aya_ebpf::bindings::xdp_action;
use aya_ebpf::btf_maps::{Array, ProgramArray};
use aya_ebpf::helpers::{bpf_get_prandom_u32, bpf_redirect, bpf_xdp_adjust_tail, bpf_xdp_store_bytes};
use aya_ebpf::macros::{btf_map, xdp};
use aya_ebpf::programs::XdpContext;
use bench_sender::{DHCP_LEN, FRAME_LEN, HOSTS, Kind, OUT_IFINDEX, SERVERS, STATIONS, Template, digits, ip, mac};

#[btf_map]
static TEMPLATES: Array<Template, { Kind::ALL.len() }> = Array::new();

/// The program that is measured.
#[btf_map]
static MEASURED: ProgramArray<1> = ProgramArray::new();

#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[xdp]
fn bench_send(ctx: XdpContext) -> u32 {
    match send(&ctx) {
        // SAFETY: the helper takes numbers.
        Some(()) => unsafe { bpf_redirect(OUT_IFINDEX, 0) as u32 },
        None => xdp_action::XDP_ABORTED,
    }
}

/// Gives the IPv4 frame another sender, and passes it to the measured program.
#[xdp(frags)]
fn bench_stations(ctx: XdpContext) -> u32 {
    let station = 1 + (random() >> 16) * STATIONS / 65_536;
    if put(&ctx, 6, mac(station)).is_some() && put(&ctx, 26, ip(station)).is_some() {
        // SAFETY: the program that is called takes the same context, and nothing here waits to be dropped.
        unsafe { MEASURED.tail_call(&ctx, 0) };
    }
    xdp_action::XDP_ABORTED
}

#[inline(always)]
fn send(ctx: &XdpContext) -> Option<()> {
    let (draw, port) = (random(), random());
    let kind = Kind::of((draw >> 16) * 1000 >> 16);
    let other = 1 + (random() >> 16) * HOSTS / 65_536;
    let number = 1 + (draw & 0xffff) * HOSTS / 65_536;
    let host = if matches!(kind, Kind::SynAck) { 1 + number % SERVERS } else { number };
    let template = TEMPLATES.get_ptr_mut(kind as u32)?;
    let is_dhcp = matches!(kind, Kind::Dhcp);
    // SAFETY: the template is longer than what is copied, and the frame is made that long before.
    unsafe {
        if is_dhcp {
            if bpf_xdp_adjust_tail(ctx.ctx, (DHCP_LEN - FRAME_LEN) as i32) != 0
                || bpf_xdp_store_bytes(ctx.ctx, 0, template.cast(), DHCP_LEN as u32) != 0
            {
                return None;
            }
        } else if bpf_xdp_store_bytes(ctx.ctx, 0, template.cast(), FRAME_LEN as u32) != 0 {
            return None;
        }
    }
    put(ctx, 6, mac(host))?;
    match kind {
        Kind::Arp => {
            put(ctx, 22, mac(host))?;
            put(ctx, 28, ip(host))?;
            put(ctx, 38, ip(other))
        }
        Kind::Dhcp => {
            address(ctx, host, None)?;
            put(ctx, 46, host.to_be_bytes())?;
            put(ctx, 54, ip(host))?;
            put(ctx, 70, mac(host))?;
            put(ctx, 291, digits(host))?;
            put(ctx, 318, mac(host))
        }
        Kind::Mdns => {
            address(ctx, host, None)?;
            put(ctx, 59, digits(host))?;
            put(ctx, 80, ip(host))?;
            put(ctx, 116, digits(host))
        }
        _ => {
            put(ctx, 0, mac(other))?;
            address(ctx, host, Some(other))?;
            let port = (40_000 + (port & 0x3fff) as u16).to_be_bytes();
            put(ctx, if matches!(kind, Kind::SynAck) { 36 } else { 34 }, port)
        }
    }
}

/// Writes the addresses of an IPv4 header that had none, and adds them to its checksum.
#[inline(always)]
fn address(ctx: &XdpContext, from: u32, to: Option<u32>) -> Option<()> {
    let at = frame(ctx, 24, 10)?;
    // SAFETY: `frame` has compared these bytes with the frame's end.
    let checksum = u16::from_be_bytes(unsafe { at.cast::<[u8; 2]>().read_unaligned() });
    let mut sum = u32::from(!checksum) + words(ip(from));
    put(ctx, 26, ip(from))?;
    if let Some(to) = to {
        sum += words(ip(to));
        put(ctx, 30, ip(to))?;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put(ctx, 24, (!sum as u16).to_be_bytes())
}

#[inline(always)]
fn words([a, b, c, d]: [u8; 4]) -> u32 {
    u32::from(u16::from_be_bytes([a, b])) + u32::from(u16::from_be_bytes([c, d]))
}

#[inline(always)]
fn put<const N: usize>(ctx: &XdpContext, offset: usize, bytes: [u8; N]) -> Option<()> {
    let at = frame(ctx, offset, N)?;
    // SAFETY: `frame` has compared these bytes with the frame's end.
    unsafe { at.cast::<[u8; N]>().write_unaligned(bytes) };
    Some(())
}

#[inline(always)]
fn frame(ctx: &XdpContext, offset: usize, len: usize) -> Option<*mut u8> {
    (ctx.data() + offset + len <= ctx.data_end()).then_some((ctx.data() + offset) as *mut u8)
}

#[inline(always)]
fn random() -> u32 {
    // SAFETY: the helper takes nothing.
    unsafe { bpf_get_prandom_u32() }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
