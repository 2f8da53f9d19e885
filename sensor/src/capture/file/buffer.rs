//! Reads a source in large steps into one reused buffer.

use std::io::{self, Read};

/// Size of the buffer in bytes. It is larger than any block may be, so the buffer never grows.
const CAPACITY: usize = 1 << 20;

/// A buffered reader whose unread bytes can be peeked at.
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

    /// Position of the first unread byte, in bytes from the start of the source.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Number of buffered bytes: after `peek` returned `None`, all that is left of the source.
    pub(super) fn rest(&self) -> usize {
        self.end - self.start
    }

    /// The next `len` bytes (at most [`CAPACITY`]); `None` when the source has fewer left.
    #[inline]
    pub(super) fn peek(&mut self, len: usize) -> io::Result<Option<&[u8]>> {
        if self.rest() < len {
            self.fill(len)?;
        }
        Ok(self.bytes[self.start..self.end].get(..len))
    }

    /// Moves past `len` bytes that `peek` has returned.
    #[inline]
    pub(super) fn consume(&mut self, len: usize) {
        self.start += len;
        self.offset += len as u64;
    }

    /// Moves past `len` bytes, buffered or not; `false` when the source has fewer left.
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
                    // No further reads after an error: a gzip decoder could return garbage.
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// Lets a decompressor read from the start, after the magic number was peeked at.
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
