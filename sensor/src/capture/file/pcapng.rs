//! The pcapng format (draft-ietf-opsawg-pcapng). Blocks without packets are skipped, whatever their length.

use std::io::Read;

use crate::capture::file::buffer::Buffer;
use crate::capture::file::error::{Damage, FileError, PACKET_MAX, Stop, Unreadable};
use crate::capture::file::link::LinkType;
use crate::capture::file::order::ByteOrder;
use crate::capture::file::output::{Output, iface};
use sensor_core::types::{Frame, Iface, Timestamp};

/// The block type of a section header; it is the same in both byte orders.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// Maximum number of interfaces in a section; a capture on all interfaces of a large machine has hundreds.
pub(super) const INTERFACES_MAX: usize = 4096;
/// Maximum length of a block with a packet, in bytes: the packet and as much again for headers and options.
const BLOCK_MAX: u32 = 2 * PACKET_MAX;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const OPTION_END: u16 = 0;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

struct FileInterface {
    link: LinkType,
    name: Iface,
    /// Maximum length of its captured packets in bytes; 0 means no limit.
    snap_len: u32,
    clock: InterfaceClock,
}

/// Unit and offset of an interface's timestamps.
struct InterfaceClock {
    resolution: u8,
    offset_s: i64,
}

pub(super) fn read<R: Read, F: FnMut(Frame<'_>)>(source: &mut Buffer<R>, output: &mut Output<F>) -> Result<(), Stop> {
    let mut reader = BlockReader {
        order: ByteOrder::Little,
        interfaces: Vec::new(),
        last_at: Timestamp::EPOCH,
        refused: None,
        reads: false,
    };
    let end = reader.blocks(source, output);
    match reader.refused {
        // For a damaged file with an unsupported link type, the link type is the more useful error.
        Some(link) if !reader.reads && output.summary.unsupported > 0 => Err(Stop::Error(Unreadable::LinkType(link))),
        _ => end,
    }
}

struct BlockReader {
    order: ByteOrder,
    interfaces: Vec<FileInterface>,
    last_at: Timestamp,
    /// The first unsupported link type.
    refused: Option<u32>,
    /// Whether there was an interface of a supported link type.
    reads: bool,
}

impl BlockReader {
    fn blocks<R: Read, F: FnMut(Frame<'_>)>(
        &mut self,
        source: &mut Buffer<R>,
        output: &mut Output<F>,
    ) -> Result<(), Stop> {
        loop {
            let Some(head) = source.peek(8)? else {
                return if source.rest() == 0 { Ok(()) } else { Err(Stop::Truncated(Damage::EndOfBlock)) };
            };
            let mut kind = self.order.u32(head, 0);
            if head[..4] == MAGIC {
                kind = SECTION;
                self.section(source)?;
            }
            let Some(head) = source.peek(8)? else { return Err(Stop::Truncated(Damage::EndOfBlock)) };
            // "Block Total Length MUST be a multiple of 4": some writers give another length, but pad the block
            // nevertheless.
            let len = self.order.u32(head, 4);
            let Some(len) = len.checked_next_multiple_of(4).filter(|&len| len >= 12) else {
                return Err(Stop::Damaged(Damage::BlockShort));
            };
            if !matches!(kind, INTERFACE | PACKET | SIMPLE_PACKET | ENHANCED_PACKET) {
                skip(source, len)?;
                continue;
            }
            if len > BLOCK_MAX {
                return Err(Stop::Damaged(Damage::PacketLong(len)));
            }
            let offset = source.offset();
            let Some(block) = source.peek(len as usize)? else { return Err(Stop::Truncated(Damage::EndOfBlock)) };
            let body_end = block.len() - 4;
            if block[body_end..] != block[4..8] {
                return Err(Stop::Damaged(Damage::BlockLengths));
            }
            let body = &block[8..body_end];
            let done = match kind {
                INTERFACE => self.interface(body),
                PACKET => self.packet(body, output),
                SIMPLE_PACKET => self.simple_packet(body, output),
                _ => self.enhanced_packet(body, output),
            };
            // The block's boundaries are valid, so reading continues after it.
            if let Err(reason) = done {
                let path = output.path.clone();
                output.summary.warning.get_or_insert(FileError::Damaged { path, offset, reason });
            }
            source.consume(len as usize);
        }
    }

    /// Begins a section: sets its byte order and forgets the interfaces of the previous section.
    fn section<R: Read>(&mut self, source: &mut Buffer<R>) -> Result<(), Stop> {
        let first = source.offset() == 0;
        let stop = |reason| match first {
            true => Stop::Error(Unreadable::NotCapture(reason)),
            false => Stop::Damaged(reason),
        };
        let Some(head) = source.peek(16)? else {
            return Err(if first { stop(Damage::EndOfHeader) } else { Stop::Truncated(Damage::EndOfBlock) });
        };
        self.order = match head[8..12] {
            [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
            [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
            _ => return Err(stop(Damage::ByteOrder)),
        };
        let major = self.order.u16(head, 12);
        if major != 1 {
            return Err(stop(Damage::Version(major)));
        }
        self.interfaces.clear();
        Ok(())
    }

    fn interface(&mut self, body: &[u8]) -> Result<(), Damage> {
        let Some((head, options)) = body.split_first_chunk::<8>() else { return Err(Damage::BlockShort) };
        if self.interfaces.len() == INTERFACES_MAX {
            return Err(Damage::Interfaces);
        }
        let link = LinkType::of_number(u32::from(self.order.u16(head, 0)));
        match link {
            LinkType::Other(number) => self.refused = self.refused.or(Some(number)),
            _ => self.reads = true,
        }
        let name = iface(self.interfaces.len() as u32);
        let clock = InterfaceClock::of_options(options, self.order);
        self.interfaces.push(FileInterface { link, name, snap_len: self.order.u32(head, 4), clock });
        Ok(())
    }

    #[inline]
    fn enhanced_packet<F: FnMut(Frame<'_>)>(&mut self, body: &[u8], output: &mut Output<F>) -> Result<(), Damage> {
        let Some((head, data)) = body.split_first_chunk::<20>() else { return Err(Damage::BlockShort) };
        let number = self.order.u32(head, 0);
        self.timed(number, head, data, output)
    }

    /// The obsolete packet block: a 16-bit interface number and a drop count in place of the 32-bit number.
    fn packet<F: FnMut(Frame<'_>)>(&mut self, body: &[u8], output: &mut Output<F>) -> Result<(), Damage> {
        let Some((head, data)) = body.split_first_chunk::<20>() else { return Err(Damage::BlockShort) };
        let number = u32::from(self.order.u16(head, 0));
        self.timed(number, head, data, output)
    }

    #[inline]
    fn timed<F: FnMut(Frame<'_>)>(
        &mut self,
        number: u32,
        head: &[u8; 20],
        data: &[u8],
        output: &mut Output<F>,
    ) -> Result<(), Damage> {
        let interface = self.interfaces.get(number as usize).ok_or(Damage::Interface(number))?;
        let (high, low) = (self.order.u32(head, 4), self.order.u32(head, 8));
        let (len, wire_len) = (self.order.u32(head, 12), self.order.u32(head, 16));
        if len > PACKET_MAX {
            return Err(Damage::PacketLong(len));
        }
        let bytes = data.get(..len as usize).ok_or(Damage::PacketPastBlock)?;
        self.last_at = interface.clock.at(u64::from(high) << 32 | u64::from(low));
        output.packet(interface.link, bytes, wire_len as usize, self.last_at, interface.name);
        Ok(())
    }

    /// A simple packet has no timestamp and belongs to the first interface; it gets the timestamp of the previous
    /// packet.
    fn simple_packet<F: FnMut(Frame<'_>)>(&mut self, body: &[u8], output: &mut Output<F>) -> Result<(), Damage> {
        let Some((head, data)) = body.split_first_chunk::<4>() else { return Err(Damage::BlockShort) };
        let interface = self.interfaces.first().ok_or(Damage::Interface(0))?;
        let wire_len = self.order.u32(head, 0);
        let snap_len = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
        let len = (wire_len.min(snap_len) as usize).min(data.len());
        if len > PACKET_MAX as usize {
            return Err(Damage::PacketLong(wire_len));
        }
        output.packet(interface.link, &data[..len], wire_len as usize, self.last_at, interface.name);
        Ok(())
    }
}

/// Skips a block. Its trailing length is checked only when the block fits into the buffer.
fn skip<R: Read>(source: &mut Buffer<R>, len: u32) -> Result<(), Stop> {
    if len <= BLOCK_MAX {
        let Some(block) = source.peek(len as usize)? else { return Err(Stop::Truncated(Damage::EndOfBlock)) };
        if block[block.len() - 4..] != block[4..8] {
            return Err(Stop::Damaged(Damage::BlockLengths));
        }
        source.consume(len as usize);
        return Ok(());
    }
    if source.skip(u64::from(len))? { Ok(()) } else { Err(Stop::Truncated(Damage::EndOfBlock)) }
}

impl InterfaceClock {
    /// From an interface's options. Truncated options and options of a wrong length are ignored.
    fn of_options(mut options: &[u8], order: ByteOrder) -> Self {
        let mut clock = Self { resolution: 6, offset_s: 0 };
        while let Some((head, rest)) = options.split_first_chunk::<4>() {
            let (code, len) = (order.u16(head, 0), usize::from(order.u16(head, 2)));
            let Some(value) = rest.get(..len) else { break };
            match (code, value) {
                (OPTION_END, _) => break,
                (OPTION_TSRESOL, &[resolution]) => clock.resolution = resolution,
                (OPTION_TSOFFSET, value) if len == 8 => {
                    let (first, second) = (u64::from(order.u32(value, 0)), u64::from(order.u32(value, 4)));
                    let (high, low) = if order == ByteOrder::Big { (first, second) } else { (second, first) };
                    clock.offset_s = (high << 32 | low).cast_signed();
                }
                _ => {}
            }
            options = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        clock
    }

    /// if_tsresol: "If the Most Significant Bit is equal to zero, the remaining bits indicate the resolution of the
    /// timestamp as a negative power of 10 ... If equal to one, ... as negative power of 2."
    #[inline]
    fn at(&self, ticks: u64) -> Timestamp {
        let ns = match self.resolution {
            9 => u128::from(ticks),
            6 => u128::from(ticks) * 1000,
            exponent @ 0..=8 => u128::from(ticks) * 10_u128.pow(9 - u32::from(exponent)),
            exponent @ 10..=127 => 10_u128.checked_pow(u32::from(exponent) - 9).map_or(0, |n| u128::from(ticks) / n),
            exponent => (u128::from(ticks) * 1_000_000_000) >> (exponent & 0x7f),
        };
        let offset_ns = i128::from(self.offset_s) * 1_000_000_000;
        let ns = i128::try_from(ns).unwrap_or(i128::MAX).saturating_add(offset_ns);
        Timestamp::from_nanos(ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}
