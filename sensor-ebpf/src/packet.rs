//! How a frame is read: by value, through one trait, so that the same source serves the XDP program (where the verifier
//! wants each read checked against the end of the packet) and native code. Below the trait: numbers in network order,
//! taken from bytes that were read.

use crate::abi::SMALL_BODY;
use crate::classify::bounds::{FAR, HEADERS_MAX, INNER_MAX, NEAR, OPTIONS_MAX, Reach};

/// No reader in the kernel needs more of a frame than its first `READ_MAX` bytes. A carried frame starts below
/// [`crate::classify::bounds::INNER_MAX`], its headers take up to [`crate::classify::bounds::HEADERS_MAX`] bytes, and
/// then comes a neighbour message with its options.
pub const READ_MAX: usize = 640;
const _: () = assert!(INNER_MAX + HEADERS_MAX + SMALL_BODY + 8 <= READ_MAX);

/// A frame that may be shorter than its headers promise.
pub trait Packet {
    /// How many headers are looked through.
    const REACH: Reach = NEAR;
    /// Length of the frame on the wire, bytes.
    fn wire_len(&self) -> usize;
    /// Bytes of the frame that were captured.
    fn captured_len(&self) -> usize;
    /// `N` bytes from `offset` on. `None` when they are not all there or end behind [`READ_MAX`]. `N` must be at least
    /// 2, because the verifier cannot follow the read of a single byte at a variable offset.
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
    /// The first link-layer address of the `wanted` type among the options of a neighbour message, from `at` to `end`, as a
    /// word of [`option`]. In the kernel it is a function of its own, so that the verifier follows its loop once and not
    /// once for each way that leads to it.
    fn link_layer_option(&self, at: usize, end: usize, wanted: u8) -> u64 {
        option::search(self, at, end, wanted)
    }
}

/// Options of neighbour messages (RFC 4861, section 4.6).
pub mod option {
    use super::{OPTIONS_MAX, Packet, mac_word, slice};

    /// There is none of the wanted type.
    pub const ABSENT: u64 = 0;
    /// The options were not captured that far.
    pub const NOT_CAPTURED: u64 = 1 << 48;
    /// "Nodes MUST silently discard an ND packet that contains an option with length zero." (section 4.6)
    pub const MALFORMED: u64 = 2 << 48;
    /// Set in a word that has a MAC address in its lower 48 bits.
    pub const IS_MAC: u64 = 4 << 48;

    /// Looks at all options, because one of length zero makes the message invalid.
    #[inline(always)]
    pub fn search<P: Packet + ?Sized>(packet: &P, mut at: usize, end: usize, wanted: u8) -> u64 {
        let mut found = ABSENT;
        for _ in 0..OPTIONS_MAX {
            if at + 8 > end {
                break;
            }
            let Some(option) = packet.bytes::<8>(at) else { return NOT_CAPTURED };
            if option[1] == 0 {
                return MALFORMED;
            }
            if option[0] == wanted && option[1] == 1 && found == ABSENT {
                found = IS_MAC | mac_word(&slice(&option, 2));
            }
            at += usize::from(option[1]) * 8;
        }
        found
    }
}

/// A captured frame in memory.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// The bytes that were captured, from the Ethernet header on.
    pub bytes: &'a [u8],
    /// Length of the frame on the wire, bytes: at least `bytes.len()`.
    pub wire_len: usize,
}

impl Packet for Captured<'_> {
    fn wire_len(&self) -> usize {
        self.wire_len
    }

    fn captured_len(&self) -> usize {
        self.bytes.len()
    }

    #[inline(always)]
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset + N > READ_MAX {
            return None;
        }
        self.bytes.get(offset..)?.first_chunk().copied()
    }
}

/// A frame in memory that is read to its end, however many headers it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole<'a>(pub(crate) Captured<'a>);

impl Packet for Whole<'_> {
    const REACH: Reach = FAR;

    fn wire_len(&self) -> usize {
        self.0.wire_len()
    }

    fn captured_len(&self) -> usize {
        self.0.captured_len()
    }

    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.bytes.get(offset..)?.first_chunk().copied()
    }
}

/// An IPv6 address in the frame, as two words.
#[inline(always)]
pub(crate) fn address_at<P: Packet>(packet: &P, at: usize) -> Option<[u64; 2]> {
    let bytes: [u8; 16] = packet.bytes(at)?;
    Some([u64_at(&bytes, 0), u64_at(&bytes, 8)])
}

#[inline(always)]
pub(crate) fn slice<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[inline(always)]
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(slice(bytes, at))
}

#[inline(always)]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(slice(bytes, at))
}

#[inline(always)]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(slice(bytes, at))
}

/// A MAC address as the lower 48 bits of a word.
#[inline(always)]
pub(crate) fn mac_word(mac: &[u8; 6]) -> u64 {
    u64::from(u16_at(mac, 0)) << 32 | u64::from(u32_at(mac, 2))
}
