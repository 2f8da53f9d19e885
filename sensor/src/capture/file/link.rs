//! Link types (<https://www.tcpdump.org/linktypes.html>), and cooked frames turned into Ethernet.

use sensor_ebpf::abi::FRAME_MAX;

/// What a packet of a file starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// An Ethernet header.
    Ethernet,
    /// `LINKTYPE_LINUX_SLL`: captured on `any`.
    CookedV1,
    /// `LINKTYPE_LINUX_SLL2`.
    CookedV2,
    /// Something that is not read.
    Other(u32),
}

impl Link {
    /// From the number in a file; flags in its upper bits (FCS length) are left out.
    pub(super) fn of_number(number: u32) -> Self {
        match number & 0x03ff_ffff {
            1 => Self::Ethernet,
            113 => Self::CookedV1,
            276 => Self::CookedV2,
            other => Self::Other(other),
        }
    }
}

/// A link type as an operator knows it.
pub(super) fn name(number: u32) -> String {
    let name = match number {
        0 => "BSD loopback",
        6 => "Token Ring",
        8 => "SLIP",
        9 | 50 | 51 => "PPP",
        10 => "FDDI",
        12 | 14 | 101 => "raw IP",
        104 => "Cisco HDLC",
        105 => "IEEE 802.11",
        107 => "Frame Relay",
        108 => "OpenBSD loopback",
        117 => "OpenBSD pflog",
        119 => "IEEE 802.11 with Prism header",
        127 => "IEEE 802.11 with radiotap header",
        147..=162 => "private use",
        163 => "IEEE 802.11 with AVS header",
        187 | 201 | 251 | 254..=256 => "Bluetooth",
        189 | 220 | 249 => "USB",
        192 => "PPI",
        195 | 215 | 230 => "IEEE 802.15.4",
        227 => "SocketCAN",
        228 => "raw IPv4",
        229 => "raw IPv6",
        239 => "netfilter log",
        240 => "netANALYZER",
        253 => "netlink",
        _ => return number.to_string(),
    };
    format!("{number} ({name})")
}

/// Makes Ethernet frames of cooked ones, so that the one classifier reads them.
#[derive(Default)]
pub(super) struct Cooked {
    frame: Vec<u8>,
}

const ETHERNET: usize = 14;
const BROADCAST: u16 = 1;
/// `ETH_P_802_2`.
const LLC: u16 = 4;
/// A number below this is a length (IEEE 802.3, section 3.2.6).
const LENGTH_END: u16 = 0x600;

impl Cooked {
    /// Version 1: packet type, ARPHRD, address length, address (8), protocol. `None` when the header is not whole.
    pub(super) fn v1(&mut self, packet: &[u8], wire_len: usize) -> Option<(&[u8], usize)> {
        let (head, payload) = packet.split_first_chunk::<16>()?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let len = u16::from_be_bytes([head[4], head[5]]);
        Some(self.ethernet(kind, len, &head[6..12], [head[14], head[15]], payload, wire_len.saturating_sub(head.len())))
    }

    /// Version 2: protocol, reserved (2), interface (4), ARPHRD, packet type (1), address length (1), address (8).
    pub(super) fn v2(&mut self, packet: &[u8], wire_len: usize) -> Option<(&[u8], usize)> {
        let (head, payload) = packet.split_first_chunk::<20>()?;
        let (kind, len) = (u16::from(head[10]), u16::from(head[11]));
        Some(self.ethernet(kind, len, &head[12..18], [head[0], head[1]], payload, wire_len.saturating_sub(head.len())))
    }

    /// The destination is not in a cooked header: only whether it was broadcast.
    fn ethernet(
        &mut self,
        kind: u16,
        address_len: u16,
        address: &[u8],
        protocol: [u8; 2],
        payload: &[u8],
        payload_wire_len: usize,
    ) -> (&[u8], usize) {
        self.frame.clear();
        self.frame.extend_from_slice(&[if kind == BROADCAST { 0xff } else { 0 }; 6]);
        self.frame.extend_from_slice(if address_len == 6 { address } else { &[0; 6] });
        // In a cooked header this protocol means 802.2: in an Ethernet frame the length stands there.
        let payload_wire_len = payload_wire_len.max(payload.len());
        let is_llc = u16::from_be_bytes(protocol) == LLC;
        let length = u16::try_from(payload_wire_len).ok().filter(|length| is_llc && *length < LENGTH_END);
        self.frame.extend_from_slice(&length.map_or(protocol, u16::to_be_bytes));
        // Nothing past this is harvested.
        self.frame.extend_from_slice(&payload[..payload.len().min(FRAME_MAX)]);
        (&self.frame, ETHERNET + payload_wire_len)
    }
}
