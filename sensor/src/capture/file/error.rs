//! Errors of reading a capture file.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::capture::file::link;

/// Why a capture file cannot be read, or only in part. Offsets are in bytes of the uncompressed file.
#[derive(Debug, Error)]
pub enum FileError {
    /// A block or packet breaks the format's rules.
    #[error("{path}: damaged at byte {offset}: {reason}; what came before was read")]
    Damaged {
        /// The file.
        path: String,
        /// Where the block or packet starts.
        offset: u64,
        /// What is wrong.
        reason: Damage,
    },
    /// The path is a directory.
    #[error("{path} is a directory; name a capture file in it")]
    Directory {
        /// The directory.
        path: String,
    },
    /// All packets of the file have an unsupported link type.
    #[error("{path}: link type {link_type} is not read; capture on an Ethernet interface or on `any`")]
    LinkType {
        /// The file.
        path: String,
        /// The link type's number, with its name where it is known.
        link_type: String,
    },
    /// It does not start as a capture file does.
    #[error("{path} is not a capture file ({reason}); pcap and pcapng are read, plain or gzip")]
    NotCapture {
        /// The file.
        path: String,
        /// What is wrong with its start.
        reason: Damage,
    },
    /// The file cannot be opened.
    #[error("{path} cannot be opened: {source}; check the name and its permissions")]
    Open {
        /// The file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// Reading failed.
    #[error("{path}: reading failed at byte {offset}: {source}; what came before was read")]
    Read {
        /// The file.
        path: String,
        /// Where reading failed.
        offset: u64,
        /// The system's or the decompressor's error.
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

/// What is wrong with a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A block is too short for its kind.
    BlockShort,
    /// A block's two lengths differ.
    BlockLengths,
    /// The section's byte order mark is invalid.
    ByteOrder,
    /// The file is empty.
    Empty,
    /// The end of a block is missing.
    EndOfBlock,
    /// The end of the file's header is missing.
    EndOfHeader,
    /// The end of a packet is missing.
    EndOfPacket,
    /// A packet refers to an interface that is not described; its number.
    Interface(u32),
    /// A section has more than 4096 interfaces.
    Interfaces,
    /// No magic number of a capture format.
    Magic,
    /// A packet is larger than [`PACKET_MAX`]; its length in bytes.
    PacketLong(u32),
    /// A packet extends past the end of its block.
    PacketPastBlock,
    /// An unknown version of the format; its major number.
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

/// Maximum length of a packet in bytes (libpcap's `MAXIMUM_SNAPLEN`).
pub const PACKET_MAX: u32 = 256 << 10;

/// Why reading stopped before the end of the file.
pub(super) enum Stop {
    /// No packet can be read.
    Error(Unreadable),
    /// The block or packet at the source's offset is invalid.
    Damaged(Damage),
    /// The block or packet at the source's offset is incomplete.
    Truncated(Damage),
    /// Reading from the source failed.
    Read(io::Error),
}

/// Why no packet of a file can be read.
pub(super) enum Unreadable {
    LinkType(u32),
    NotCapture(Damage),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl Stop {
    pub(super) fn warning(self, path: String, offset: u64) -> FileError {
        match self {
            Self::Error(Unreadable::LinkType(link)) => FileError::LinkType { path, link_type: link::name(link) },
            Self::Error(Unreadable::NotCapture(reason)) => FileError::NotCapture { path, reason },
            Self::Damaged(reason) => FileError::Damaged { path, offset, reason },
            Self::Truncated(reason) => FileError::Truncated { path, offset, reason },
            Self::Read(source) => FileError::Read { path, offset, source },
        }
    }
}
