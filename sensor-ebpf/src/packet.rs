//! How the classifier reads a frame: by value, through one trait, so that the same source serves the XDP program
//! (where the verifier wants each read checked against the packet's end) and native code.

/// A frame that may be shorter than its headers promise.
pub trait Packet {
    /// The frame's length on the wire, bytes.
    fn wire_len(&self) -> usize;
    /// How many bytes of it can be read.
    fn len(&self) -> usize;
    /// `N` bytes from `offset`, or `None` when they are not all there.
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
    #[inline(always)]
    fn wire_len(&self) -> usize {
        self.wire_len
    }

    #[inline(always)]
    fn len(&self) -> usize {
        self.bytes.len()
    }

    #[inline(always)]
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset..)?.first_chunk().copied()
    }
}
