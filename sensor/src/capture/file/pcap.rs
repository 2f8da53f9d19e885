//! The pcap format (draft-ietf-opsawg-pcap), and Kuznetzov's with 24-byte packet headers.

use std::io::Read;

use crate::capture::file::buffer::Buffer;
use crate::capture::file::error::{Damage, PACKET_MAX, Stop, Unreadable};
use crate::capture::file::link::LinkType;
use crate::capture::file::order::ByteOrder;
use crate::capture::file::output::{Output, iface};
use sensor_core::types::{Frame, Timestamp};

/// Properties of the file that the magic number gives.
#[derive(Clone, Copy)]
pub(super) struct PcapFormat {
    order: ByteOrder,
    /// Nanoseconds in one unit of a timestamp's fraction.
    unit_ns: i64,
    /// Length of a packet header in bytes.
    packet_header: usize,
}

const FILE_HEADER: usize = 24;

impl PcapFormat {
    pub(super) fn of_magic(magic: [u8; 4]) -> Option<Self> {
        let of = |order, number| match number {
            0xa1b2_c3d4_u32 => Some(Self { order, unit_ns: 1000, packet_header: 16 }),
            0xa1b2_3c4d => Some(Self { order, unit_ns: 1, packet_header: 16 }),
            0xa1b2_cd34 => Some(Self { order, unit_ns: 1000, packet_header: 24 }),
            _ => None,
        };
        of(ByteOrder::Big, u32::from_be_bytes(magic)).or_else(|| of(ByteOrder::Little, u32::from_le_bytes(magic)))
    }
}

pub(super) fn read<R: Read, F: FnMut(Frame<'_>)>(
    format: PcapFormat,
    source: &mut Buffer<R>,
    output: &mut Output<F>,
) -> Result<(), Stop> {
    let order = format.order;
    let Some(header) = source.peek(FILE_HEADER)? else {
        return Err(Stop::Error(Unreadable::NotCapture(Damage::EndOfHeader)));
    };
    let (major, minor) = (order.u16(header, 4), order.u16(header, 6));
    if major != 2 {
        return Err(Stop::Error(Unreadable::NotCapture(Damage::Version(major))));
    }
    let link = LinkType::of_number(order.u32(header, 20));
    if let LinkType::Other(number) = link {
        return Err(Stop::Error(Unreadable::LinkType(number)));
    }
    source.consume(FILE_HEADER);
    let iface = iface(0);
    loop {
        let Some(header) = source.peek(format.packet_header)? else {
            return if source.rest() == 0 { Ok(()) } else { Err(Stop::Truncated(Damage::EndOfPacket)) };
        };
        let (s, fraction) = (order.u32(header, 0), order.u32(header, 4));
        let (mut len, mut wire_len) = (order.u32(header, 8), order.u32(header, 12));
        // Before version 2.3 the two lengths were in the opposite order, in 2.3 in either order.
        if minor < 3 || minor == 3 && len > wire_len {
            (len, wire_len) = (wire_len, len);
        }
        if len > PACKET_MAX {
            return Err(Stop::Damaged(Damage::PacketLong(len)));
        }
        let whole = format.packet_header + len as usize;
        let Some(packet) = source.peek(whole)? else { return Err(Stop::Truncated(Damage::EndOfPacket)) };
        let at = Timestamp::from_nanos(i64::from(s) * 1_000_000_000 + i64::from(fraction) * format.unit_ns);
        output.packet(link, &packet[format.packet_header..], wire_len as usize, at, iface);
        source.consume(whole);
    }
}
