//! How the classifier reads a frame: by value, through one trait, so that the same source serves the XDP program
//! (where the verifier wants each read checked against the packet's end) and native code.

/// No reader needs to reach further into a frame than this, bytes: the start of a carried frame up to
/// [`crate::classify::INNER_MAX`], its headers up to [`crate::classify::HEADERS_MAX`], then the fixed part and options of a neighbour message.
pub const READ_MAX: usize = 640;

/// A frame that may be shorter than its headers promise.
pub trait Packet {
    /// The frame's length on the wire, bytes.
    fn wire_len(&self) -> usize;
    /// How many bytes of it were captured.
    fn captured_len(&self) -> usize;
    /// `N` bytes (at least 2: the verifier loses track of a single byte at a variable offset) from `offset`,
    /// or `None` when they are not all there or lie past [`READ_MAX`].
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
}

/// A captured frame in memory.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// What was captured.
    pub bytes: &'a [u8],
    /// The length on the wire, at least `bytes.len()`.
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
