//! A source read in large steps into one buffer that is used again.

use std::io::{self, Read};

/// One step of reading, bytes. Larger than a block may be, so that growing is never needed.
const CAPACITY: usize = 1 << 20;

/// A window on a source.
pub(super) struct Buffer<R> {
    source: R,
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    offset: u64,
    ended: bool,
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, bytes: vec![0; CAPACITY].into_boxed_slice(), start: 0, end: 0, offset: 0, ended: false }
    }

    /// Where the window starts, bytes from the start of the source.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes are at hand: after `peek` said `None`, all that is left of the source.
    pub(super) fn rest(&self) -> usize {
        self.end - self.start
    }

    /// The next `len` bytes (at most [`CAPACITY`]), or `None` when the source ends before.
    #[inline]
    pub(super) fn peek(&mut self, len: usize) -> io::Result<Option<&[u8]>> {
        if self.rest() < len {
            self.fill(len)?;
        }
        Ok(self.bytes[self.start..self.end].get(..len))
    }

    /// Moves past `len` bytes that were seen by `peek`.
    #[inline]
    pub(super) fn consume(&mut self, len: usize) {
        self.start += len;
        self.offset += len as u64;
    }

    /// Moves past `len` bytes, seen or not; `false` when the source ends before.
    pub(super) fn skip(&mut self, mut len: u64) -> io::Result<bool> {
        while len > 0 {
            if self.rest() == 0 && self.peek(1)?.is_none() {
                return Ok(false);
            }
            let step = usize::try_from(len).unwrap_or(usize::MAX).min(self.rest());
            self.consume(step);
            len -= step as u64;
        }
        Ok(true)
    }

    #[cold]
    fn fill(&mut self, len: usize) -> io::Result<()> {
        debug_assert!(len <= CAPACITY, "callers bound what they ask for");
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < len && !self.ended {
            match self.source.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    // What comes after an error is not asked for again: a gzip stream would start to lie.
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// So that a decompressor can read on where the magic number was looked at.
impl<R: Read> Read for Buffer<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.rest() == 0 {
            self.peek(1)?;
        }
        let len = self.rest().min(into.len());
        into[..len].copy_from_slice(&self.bytes[self.start..self.start + len]);
        self.consume(len);
        Ok(len)
    }
}
