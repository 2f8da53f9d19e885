//! Reading the frame: in its first buffer, in a carried frame, or gathered from several buffers.

use core::hint::black_box;

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::{bpf_xdp_get_buff_len, bpf_xdp_load_bytes};
use aya_ebpf::programs::XdpContext;
use sensor_ebpf::packet::{Packet, READ_MAX, option};

use super::maps::{self, BODY_WORDS, GATHERED_LEN};

/// The number of the interface that received the frame.
#[inline(always)]
pub(super) fn ifindex(ctx: *mut xdp_md) -> u32 {
    XdpContext::new(ctx).ingress_ifindex() as u32
}

/// Copies bytes of the frame from `at` on, in whichever buffers they are. Answers whether they were all there; `to`
/// must not be empty.
#[inline(always)]
pub(super) fn load(ctx: *mut xdp_md, at: usize, to: &mut [u8]) -> bool {
    // SAFETY: `ctx` is the context of this program, and the helper writes as many bytes as `to` has.
    unsafe { bpf_xdp_load_bytes(ctx, at as u32, to.as_mut_ptr().cast(), to.len() as u32) == 0 }
}

/// The bytes of whole words.
#[inline(always)]
pub(super) fn bytes_of(words: &mut [u64]) -> &mut [u8] {
    // SAFETY: the same memory, which is aligned for bytes; any bytes make a word.
    unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len() * 8) }
}

/// Length of the frame, bytes, in all its buffers.
#[inline(always)]
fn wire_len(ctx: *mut xdp_md) -> usize {
    // SAFETY: `ctx` is the context of this program.
    unsafe { bpf_xdp_get_buff_len(ctx) as usize }
}

/// The first buffer of the frame, read in place. It holds the whole frame, unless that is a jumbo frame in several
/// buffers.
pub(super) struct Linear {
    ctx: *mut xdp_md,
    data: usize,
    end: usize,
}

impl Linear {
    #[inline(always)]
    pub(super) fn new(ctx: *mut xdp_md) -> Self {
        let context = XdpContext::new(ctx);
        Self { ctx, data: context.data(), end: context.data_end() }
    }

    /// Bytes in the first buffer.
    #[inline(always)]
    pub(super) fn len(&self) -> u64 {
        (self.end - self.data) as u64
    }

    /// Whether the first buffer is so short that headers may be in the next one.
    #[inline(always)]
    pub(super) fn is_partial(&self) -> bool {
        let len = self.end - self.data;
        len < READ_MAX && len < self.wire_len()
    }
}

impl Packet for Linear {
    #[inline(always)]
    fn wire_len(&self) -> usize {
        wire_len(self.ctx)
    }

    #[inline(always)]
    fn captured_len(&self) -> usize {
        self.wire_len()
    }

    #[inline(always)]
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > READ_MAX - N {
            return None;
        }
        let start = self.data + offset;
        if start + N > self.end {
            return None;
        }
        // SAFETY: `start + N` was compared with the end of the buffer, in the form in which the verifier wants it.
        Some(unsafe { (start as *const [u8; N]).read_unaligned() })
    }

    #[inline(always)]
    fn link_layer_option(&self, at: usize, end: usize, wanted: u8) -> u64 {
        option_in_linear(self.ctx, at as u64, end as u64, wanted.into())
    }
}

/// A carried frame in the first buffer. Its start is known only at run time, and the verifier forgets what a comparison
/// proved about a pointer that is computed again. So each read computes its own pointer, behind a `black_box` that
/// keeps LLVM from joining them.
pub(super) struct Inner(pub(super) Linear);

impl Packet for Inner {
    #[inline(always)]
    fn wire_len(&self) -> usize {
        self.0.wire_len()
    }

    #[inline(always)]
    fn captured_len(&self) -> usize {
        self.0.captured_len()
    }

    #[inline(always)]
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.bytes(black_box(offset))
    }

    #[inline(always)]
    fn link_layer_option(&self, at: usize, end: usize, wanted: u8) -> u64 {
        self.0.link_layer_option(at, end, wanted)
    }
}

/// The first bytes of a frame whose headers are spread over several buffers, gathered in the scratch memory. This is
/// slow, and rare.
pub(super) struct Gathered {
    bytes: &'static [u8; GATHERED_LEN],
    len: usize,
    wire_len: usize,
}

impl Gathered {
    #[inline(always)]
    pub(super) fn new(ctx: *mut xdp_md) -> Option<Self> {
        let bytes = bytes_of(&mut maps::scratch()?.words[BODY_WORDS..]).first_chunk_mut()?;
        let wire_len = wire_len(ctx);
        let len = wire_len.min(READ_MAX);
        let failed = len == 0 || !load(ctx, 0, bytes.get_mut(..len)?);
        (!failed).then_some(Self { bytes, len, wire_len })
    }
}

impl Packet for Gathered {
    #[inline(always)]
    fn wire_len(&self) -> usize {
        self.wire_len
    }

    #[inline(always)]
    fn captured_len(&self) -> usize {
        self.wire_len
    }

    #[inline(always)]
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > READ_MAX - N || offset + N > self.len {
            return None;
        }
        // The verifier forgets the comparison. A mask that LLVM cannot see to be needless bounds the offset once more,
        // and with it LLVM sees that the slice is in bounds.
        let offset = black_box(offset) & MASK;
        self.bytes[offset..].first_chunk().copied()
    }

    #[inline(always)]
    fn link_layer_option(&self, at: usize, end: usize, wanted: u8) -> u64 {
        option_in_gathered(self.len as u64, at as u64, end as u64, wanted.into())
    }
}

/// As [`Packet::link_layer_option`], in the first buffer.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn option_in_linear(ctx: *mut xdp_md, at: u64, end: u64, wanted: u64) -> u64 {
    option::search(&Inner(Linear::new(ctx)), at as usize, end as usize, wanted as u8)
}

/// As [`Packet::link_layer_option`], in `len` bytes that were gathered.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn option_in_gathered(len: u64, at: u64, end: u64, wanted: u64) -> u64 {
    let words = maps::scratch().map(|scratch| bytes_of(&mut scratch.words[BODY_WORDS..]));
    let Some(bytes) = words.and_then(|bytes| bytes.first_chunk_mut()) else { return option::NOT_CAPTURED };
    let packet = Gathered { bytes, len: len as usize, wire_len: len as usize };
    option::search(&packet, at as usize, end as usize, wanted as u8)
}

const MASK: usize = READ_MAX.next_power_of_two() - 1;
const _: () = assert!(MASK + READ_MAX <= GATHERED_LEN);
