//! Ring records: small ones, of fixed size, are put together in the ring itself; long ones in the scratch memory.

use core::hint::black_box;
use core::mem::offset_of;
use core::{ptr, slice};

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::{bpf_ringbuf_discard, bpf_ringbuf_reserve, bpf_ringbuf_submit};
use sensor_ebpf::abi::{ARP_BODY, FRAME_MAX, HEADER_LEN, Header, SMALL_BODY};
use sensor_ebpf::found::{Addresses, Claim, Found};
use sensor_ebpf::message::{self, Speaker, WORDS_MAX};
use sensor_ebpf::packet::Packet;

use super::maps::{self, BODY_WORDS, REFRESH, SEED};
use super::read::{Gathered, Linear, bytes_of, ifindex, load};
use super::ring::{NO_WAKEUP, output, ring, wake};
use super::tables::{forget, is_repeat, police};

// What became of a record.
/// It is in the ring.
pub(super) const TOLD: u64 = 0;
/// It repeats what its sender said before.
pub(super) const REPEATED: u64 = 1;
/// Its sender exceeds its share.
pub(super) const POLICED: u64 = 2;
/// The ring has no room for it.
pub(super) const LOST: u64 = 3;

/// A record of fixed size, with room for so many bytes of body.
#[repr(C)]
struct Small<const N: usize> {
    header: Header,
    body: [u8; N],
}
const _: () = assert!(offset_of!(Small<SMALL_BODY>, body) == HEADER_LEN && SMALL_BODY % 8 == 0);

/// Writes a small record, unless its sender exceeds its share. Answers what became of it.
#[inline(always)]
pub(super) fn tell_small<P: Packet, const N: usize>(
    ctx: *mut xdp_md,
    packet: &P,
    found: &Found,
    now_ns: u64,
    scan: u8,
) -> u64 {
    let Some(flag) = police(ctx, found, now_ns, scan) else { return POLICED };
    if write::<P, N>(ctx, packet, found, now_ns, flag).is_some() { TOLD } else { LOST }
}

#[inline(always)]
fn write<P: Packet, const N: usize>(ctx: *mut xdp_md, packet: &P, found: &Found, now_ns: u64, flag: u8) -> Option<()> {
    // SAFETY: `ring` is a ring buffer, and the size is a constant.
    let record = unsafe { bpf_ringbuf_reserve(ring(), size_of::<Small<N>>() as u64, 0) }.cast::<Small<N>>();
    if record.is_null() {
        return None;
    }
    // The verifier forgets the bounds of the length where it is computed. LLVM cannot see this value, so it keeps the
    // comparison below.
    let len = black_box(found.body_len as usize);
    // SAFETY: the reserved memory is as large as the record and aligned to 8. Any bytes make a record, and nobody else
    // sees it before it is submitted. A body of `ARP_BODY` bytes has room for `Arp`; any other is whole words, and
    // `len` is compared with its length. On each path the record is given back once, as the last use of it.
    unsafe {
        if write_header(ctx, packet, found, now_ns, flag, &mut (*record).header).is_none() {
            bpf_ringbuf_discard(record.cast(), NO_WAKEUP);
            return None;
        }
        let body = &raw mut (*record).body;
        if N == ARP_BODY {
            if copy_arp(packet, found.body_at, &mut *body.cast()).is_none() {
                bpf_ringbuf_discard(record.cast(), NO_WAKEUP);
                return None;
            }
        } else {
            for word in 0..N / 8 {
                store(&mut *body.cast::<u64>().add(word), 0);
            }
        }
        if N != ARP_BODY && len > 0 && len <= N {
            load(ctx, found.body_at, slice::from_raw_parts_mut(body.cast(), len));
        }
        bpf_ringbuf_submit(record.cast(), wake(now_ns));
    }
    Some(())
}

/// An ARP message in words. (Its alignment makes it 4 bytes longer than the message, and so is the record.)
#[repr(C)]
struct Arp {
    words: [u64; 3],
    end: u32,
}
const _: () =
    assert!(offset_of!(Arp, end) + 4 == ARP_BODY && size_of::<Small<ARP_BODY>>() == HEADER_LEN + size_of::<Arp>());

/// Copies an ARP message word by word. As a whole, LLVM would copy it byte by byte.
#[inline(always)]
fn copy_arp<P: Packet>(packet: &P, at: usize, to: &mut Arp) -> Option<()> {
    let words = [packet.bytes(at)?, packet.bytes(at + 8)?, packet.bytes(at + 16)?];
    let end = packet.bytes(at + 24)?;
    for (to, word) in to.words.iter_mut().zip(words) {
        store(to, u64::from_ne_bytes(word));
    }
    store(&mut to.end, u32::from_ne_bytes(end));
    Some(())
}

/// Writes a record as long as its body, unless the body repeats what its sender said before, or the sender exceeds its
/// share. Answers what became of it.
#[unsafe(no_mangle)]
#[inline(never)]
pub(super) extern "C" fn tell_long(ctx: *mut xdp_md, place: u64, now_ns: u64, scan: u32) -> u64 {
    let (Some(found), Some(scratch), Some(counters)) = (maps::found(), maps::scratch(), maps::counters()) else {
        return LOST;
    };
    let len = black_box(found.body_len as usize);
    if len > 0 && len <= FRAME_MAX {
        // The last word is filled up with zeros.
        scratch.words[(black_box(len - 1) & BODY_MASK) / 8] = 0;
        // SAFETY: `FRAME_MAX` bytes fit into the words.
        load(ctx, found.body_at, unsafe { bytes_of(&mut scratch.words).get_unchecked_mut(..len) });
    }
    let is_compared = scan == 0 && found.claim.is_none() && REFRESH.load() != 0;
    let said = is_compared.then(|| message_claim(found, len));
    if said.as_ref().is_some_and(|claim| is_repeat(place, counters, claim, now_ns)) {
        return REPEATED;
    }
    let Some(flag) = police(ctx, found, now_ns, scan as u8) else { return POLICED };
    let packet = Linear::new(ctx);
    let headed = if packet.is_partial() {
        Gathered::new(ctx).and_then(|packet| write_header(ctx, &packet, found, now_ns, flag, &mut scratch.header))
    } else {
        write_header(ctx, &packet, found, now_ns, flag, &mut scratch.header)
    };
    let len = HEADER_LEN + if len <= FRAME_MAX { len } else { 0 };
    if headed.is_some() && output(scratch, len, wake(now_ns)) {
        return TOLD;
    }
    if let Some(claim) = &said {
        forget(place, claim);
    }
    LOST
}

/// Bounds an offset in a body for the verifier, which forgets the comparison.
const BODY_MASK: usize = FRAME_MAX.next_power_of_two() - 1;

/// What the gate compares for the message in the scratch memory.
#[inline(always)]
fn message_claim(found: &Found, len: usize) -> Claim {
    let speaker = Speaker { class: found.class, frame_mac: found.frame_mac, source: found.source, ports: found.ports };
    let opening = match maps::scratch() {
        Some(scratch) if len > 0 => scratch.words[0],
        _ => 0,
    };
    message::claim(&speaker, opening, body_hash(len as u64))
}

/// The hash of the body in the scratch memory. A global function, so that the verifier follows its loop once.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn body_hash(len: u64) -> u64 {
    let mut hash = message::Hash::new(SEED.load(), len);
    let Some(scratch) = maps::scratch() else { return 0 };
    for word in 0..WORDS_MAX {
        if word as u64 * 8 >= len {
            break;
        }
        hash = hash.and(scratch.words[word]);
    }
    hash.end()
}
const _: () = assert!(WORDS_MAX <= BODY_WORDS);

/// Writes the whole header of a record. `None` when the frame cannot be read any more.
#[inline(always)]
fn write_header<P: Packet>(
    ctx: *mut xdp_md,
    packet: &P,
    found: &Found,
    now_ns: u64,
    flag: u8,
    header: &mut Header,
) -> Option<()> {
    header.at_ns = now_ns;
    header.ifindex = ifindex(ctx);
    found.write_header(packet, header)?;
    header.flags |= flag;
    let addresses = addresses_of(header);
    for word in &mut *addresses {
        store(word, 0);
    }
    match found.addresses() {
        Addresses::Ipv4 { at } => {
            let [a, b, c, d, e, f, g, h] = packet.bytes(at)?;
            store(&mut halves_of(&mut addresses[0])[0], u32::from_ne_bytes([a, b, c, d]));
            store(&mut halves_of(&mut addresses[2])[0], u32::from_ne_bytes([e, f, g, h]));
        }
        Addresses::Ipv6 { at } => {
            load(ctx, at, bytes_of(addresses));
        }
        Addresses::None => {}
    }
    Some(())
}

/// The source and destination of a header as words.
#[inline(always)]
fn addresses_of(header: &mut Header) -> &mut [u64; 4] {
    const AT: usize = offset_of!(Header, source);
    const _: () = assert!(AT % 8 == 0 && offset_of!(Header, destination) == AT + 16);
    // SAFETY: the two arrays of 16 bytes follow each other (`repr(C)`, asserted above), at a multiple of 8 in a header
    // that is aligned to 8.
    unsafe { &mut *(&raw mut *header).byte_add(AT).cast() }
}

/// The halves of a word, in memory order.
#[inline(always)]
fn halves_of(word: &mut u64) -> &mut [u32; 2] {
    // SAFETY: the same memory, which is aligned for halves; any bytes make a word.
    unsafe { &mut *ptr::from_mut(word).cast() }
}

/// Stores a word by one instruction. LLVM would otherwise join several stores to a call that goes byte by byte.
#[inline(always)]
fn store<T>(to: &mut T, value: T) {
    // SAFETY: a reference is valid for writes, and aligned.
    unsafe { ptr::from_mut(to).write_volatile(value) }
}
