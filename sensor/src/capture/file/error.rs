//! Why a capture file cannot be read, or not to its end.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::capture::file::link;

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

/// Why reading ended before the file's end.
pub(super) enum Stop {
    /// Nothing can be read.
    Error(Unreadable),
    /// The block or packet at the source's offset breaks a rule.
    Damaged(Damage),
    /// It is not all there.
    Truncated(Damage),
    /// The source failed.
    Read(io::Error),
}

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
