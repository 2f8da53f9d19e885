//! Capture files: pcap and pcapng, plain or gzip, of Ethernet and Linux cooked frames.
//!
//! Nothing in a file is trusted. What is whole is read; where it ends or breaks is a warning that names the place.

pub mod buffer;
pub mod link;
pub mod pcap;
pub mod pcapng;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sensor_ebpf::abi::Counters;
use thiserror::Error;

use crate::capture::file::buffer::Buffer;
use crate::capture::file::link::{Cooked, Link};
use crate::capture::harvest::harvest;
use crate::capture::sieve::Sieve;
use sensor_core::types::{Frame, Iface, Timestamp};

/// What was read of a capture file.
#[derive(Debug, Default)]
pub struct Summary {
    /// Frames of link types that are read, harvested or not.
    pub frames: u64,
    /// The classifier's verdicts on them.
    pub counters: Counters,
    /// Packets of link types that are not read (a pcapng file may mix them).
    pub unsupported: u64,
    /// The first damage that was met; what was whole has been delivered.
    pub warning: Option<FileError>,
    /// The time of the last frame read.
    pub last_at: Option<Timestamp>,
}

/// Why a capture file cannot be read, or not to its end. Offsets are bytes of the uncompressed file.
#[derive(Debug, Error)]
pub enum FileError {
    /// A block or packet breaks the format's rules.
    #[error("{path}: damaged at byte {offset}: {reason}; what came before was read")]
    Damaged {
        /// The file.
        path: String,
        /// Where the block or packet starts.
        offset: u64,
        /// Which rule.
        reason: Damage,
    },
    /// It is a directory.
    #[error("{path} is a directory; name a capture file in it")]
    Directory {
        /// The directory.
        path: String,
    },
    /// All of the file is of a link type that is not read.
    #[error("{path}: link type {link_type} is not read; capture on an Ethernet interface or on `any`")]
    LinkType {
        /// The file.
        path: String,
        /// Its name, or its number.
        link_type: String,
    },
    /// It does not start like a capture file.
    #[error("{path} is not a capture file ({reason}); pcap and pcapng are read, plain or gzip")]
    NotCapture {
        /// The file.
        path: String,
        /// What is wrong with its start.
        reason: Damage,
    },
    /// It cannot be opened.
    #[error("{path} cannot be opened: {source}; check the name and its permissions")]
    Open {
        /// The file.
        path: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Reading failed.
    #[error("{path}: reading failed at byte {offset}: {source}; what came before was read")]
    Read {
        /// The file.
        path: String,
        /// How far reading got.
        offset: u64,
        /// The system's or the decompressor's answer.
        source: io::Error,
    },
    /// The file ends inside a block or packet.
    #[error("{path}: cut short at byte {offset}: {reason}; what came before was read")]
    Truncated {
        /// The file.
        path: String,
        /// Where the unfinished block or packet starts.
        offset: u64,
        /// What is missing.
        reason: Damage,
    },
}

/// A broken rule of a capture format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A block is too short for its kind.
    BlockShort,
    /// A block's two lengths differ.
    BlockLengths,
    /// The section's byte order mark is neither order.
    ByteOrder,
    /// The file is empty.
    Empty,
    /// The end of a block is missing.
    EndOfBlock,
    /// The end of the file's header is missing.
    EndOfHeader,
    /// The end of a packet is missing.
    EndOfPacket,
    /// A packet names an interface that was not described.
    Interface(u32),
    /// More interfaces than [`pcapng::INTERFACES_MAX`].
    Interfaces,
    /// No magic number of a capture format.
    Magic,
    /// A packet larger than [`PACKET_MAX`].
    PacketLong(u32),
    /// A packet reaches past its block.
    PacketPastBlock,
    /// A version of the format that is not known.
    Version(u16),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlockShort => f.write_str("a block is too short for its kind"),
            Self::BlockLengths => f.write_str("a block's two lengths differ"),
            Self::ByteOrder => f.write_str("a section's byte order mark is wrong"),
            Self::Empty => f.write_str("it is empty"),
            Self::EndOfBlock => f.write_str("a block's end is missing"),
            Self::EndOfHeader => f.write_str("its header's end is missing"),
            Self::EndOfPacket => f.write_str("a packet's end is missing"),
            Self::Interface(number) => write!(f, "a packet of interface {number}, which is not described"),
            Self::Interfaces => f.write_str("too many interfaces"),
            Self::Magic => f.write_str("its first bytes are of no known format"),
            Self::PacketLong(len) => write!(f, "a packet of {len} bytes"),
            Self::PacketPastBlock => f.write_str("a packet reaches past its block"),
            Self::Version(major) => write!(f, "format version {major}"),
        }
    }
}

/// No packet is larger, bytes: what libpcap calls `MAXIMUM_SNAPLEN`.
pub const PACKET_MAX: u32 = 256 << 10;

/// Reads a capture file (`-` is standard input) and hands its harvested frames on, in the file's order and on its
/// clock. An error means that no frame was delivered; damage further on is the summary's warning.
pub fn read<F: FnMut(Frame<'_>)>(path: &Path, sink: F) -> Result<Summary, FileError> {
    if path == Path::new("-") {
        return read_from("standard input", io::stdin().lock(), sink);
    }
    let name = path.display().to_string();
    let open = |source| FileError::Open { path: name.clone(), source };
    if path.metadata().map_err(open)?.is_dir() {
        return Err(FileError::Directory { path: name });
    }
    let file = File::open(path).map_err(open)?;
    read_from(&name, file, sink)
}

/// As [`read`], from anything that can be read; `path` is what errors call it.
pub fn read_from<R: Read, F: FnMut(Frame<'_>)>(path: &str, source: R, sink: F) -> Result<Summary, FileError> {
    let fail = |source| FileError::Read { path: path.to_owned(), offset: 0, source };
    let mut plain = Buffer::new(source);
    match plain.peek(2).map_err(fail)? {
        Some([0x1f, 0x8b]) => read_plain(path, Buffer::new(MultiGzDecoder::new(plain)), sink),
        _ => read_plain(path, plain, sink),
    }
}

fn read_plain<R: Read, F: FnMut(Frame<'_>)>(path: &str, mut source: Buffer<R>, sink: F) -> Result<Summary, FileError> {
    let mut output = Output {
        path: path.to_owned(),
        sink,
        summary: Summary::default(),
        cooked: Cooked::default(),
        sieve: Sieve::of_file(),
    };
    let not_capture = |reason| Stop::Error(Refusal::NotCapture(reason));
    let magic = source.peek(4).map(|magic| magic.and_then(|magic| magic.first_chunk::<4>().copied()));
    let end = match magic {
        Err(error) => Err(Stop::from(error)),
        Ok(None) if source.rest() == 0 => Err(not_capture(Damage::Empty)),
        Ok(None) => Err(not_capture(Damage::Magic)),
        Ok(Some(pcapng::MAGIC)) => pcapng::read(&mut source, &mut output),
        Ok(Some(magic)) => match pcap::Format::of_magic(magic) {
            Some(format) => pcap::read(format, &mut source, &mut output),
            None => Err(not_capture(Damage::Magic)),
        },
    };
    let path = path.to_owned();
    match end {
        Ok(()) => {}
        Err(Stop::Error(Refusal::NotCapture(reason))) => return Err(FileError::NotCapture { path, reason }),
        Err(Stop::Error(Refusal::LinkType(link))) => {
            return Err(FileError::LinkType { path, link_type: link::name(link) });
        }
        Err(stop) => {
            let warning = stop.warning(path, source.offset());
            if source.offset() == 0 {
                return Err(warning);
            }
            output.summary.warning.get_or_insert(warning);
        }
    }
    output.summary.counters = output.sieve.counters;
    Ok(output.summary)
}

/// Where frames go.
struct Output<F> {
    path: String,
    sink: F,
    summary: Summary,
    cooked: Cooked,
    sieve: Sieve,
}

impl<F: FnMut(Frame<'_>)> Output<F> {
    #[inline]
    fn packet(&mut self, link: Link, bytes: &[u8], wire_len: usize, at: Timestamp, iface: Iface) {
        let Some((bytes, wire_len)) = (match link {
            Link::Ethernet => Some((bytes, wire_len)),
            Link::CookedV1 => self.cooked.v1(bytes, wire_len),
            Link::CookedV2 => self.cooked.v2(bytes, wire_len),
            Link::Other(_) => {
                self.summary.unsupported += 1;
                return;
            }
        }) else {
            // Too short for its cooked header: as an Ethernet frame it would be too short as well.
            self.summary.frames += 1;
            self.summary.last_at = Some(at);
            self.sieve.counters.seen[sensor_ebpf::abi::Class::Malformed as usize] += 1;
            return;
        };
        self.summary.frames += 1;
        self.summary.last_at = Some(at);
        harvest(bytes, wire_len, at, iface, &mut self.sieve, &mut self.sink);
    }
}

/// Why reading ended before the file's end.
enum Stop {
    /// Nothing can be read.
    Error(Refusal),
    /// The block or packet at the source's offset breaks a rule.
    Damaged(Damage),
    /// It is not all there.
    Truncated(Damage),
    /// The source failed.
    Read(io::Error),
}

enum Refusal {
    LinkType(u32),
    NotCapture(Damage),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl Stop {
    fn warning(self, path: String, offset: u64) -> FileError {
        match self {
            Self::Error(Refusal::LinkType(link)) => FileError::LinkType { path, link_type: link::name(link) },
            Self::Error(Refusal::NotCapture(reason)) => FileError::NotCapture { path, reason },
            Self::Damaged(reason) => FileError::Damaged { path, offset, reason },
            Self::Truncated(reason) => FileError::Truncated { path, offset, reason },
            Self::Read(source) => FileError::Read { path, offset, source },
        }
    }
}

/// Byte order of a file or section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl Order {
    #[inline]
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = [bytes[at], bytes[at + 1]];
        match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        }
    }

    #[inline]
    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        }
    }
}

/// The name of a file's interface `number`: `file`, `file1`, `file2`, ...
fn iface(number: u32) -> Iface {
    let name = if number == 0 { "file".to_owned() } else { format!("file{number}") };
    Iface::new(&name).expect("four letters and at most ten digits are a name")
}

#[cfg(test)]
mod tests;
