//! The types that every room shares: time, MAC, interface, segment, frame, text from the network.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

pub use sensor_ebpf::abi::{Class, TunnelKind};

/// A moment: nanoseconds since the Unix epoch, UTC. Ranges from 1677 to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(ns: i64) -> Self {
        Self(ns)
    }

    /// From whole seconds since the Unix epoch; saturates at the ends of the range.
    pub const fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The moment `span` later; saturates at the end of the range.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A station's 48-bit address (IEEE 802, section 8.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

/// What a MAC address alone tells about its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MacKind {
    /// Locally administered: bit 1 of the first octet is set. It names no vendor.
    Local,
    /// Assigned by its vendor.
    Universal,
    /// Shared by routers: VRRP and CARP (RFC 5798, section 7.3), HSRP, GLBP.
    Virtual,
}

impl Mac {
    /// All ones.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// All zeros: no station has it.
    pub const ZERO: Self = Self([0; 6]);

    /// Whether one station can own it: neither a group address nor all zeros.
    pub fn is_station(self) -> bool {
        self.0[0] & 1 == 0 && self != Self::ZERO
    }

    /// Whether it seems to be chosen at random: locally administered, and of none of the hypervisors and bridges that
    /// number their machines in that range (KVM, Docker, VirtualBox, DECnet).
    pub fn is_random(self) -> bool {
        let is_numbered = matches!(
            self.0,
            [0x52 | 0xfe, 0x54, 0x00, ..] | [0x02, 0x42, ..] | [0x0a, 0x00, 0x27, ..] | [0xaa, 0x00, 0x04, ..]
        );
        self.kind() == MacKind::Local && !is_numbered
    }

    /// Whether a hypervisor gave it: KVM, VMware, VirtualBox, Xen, Hyper-V, Parallels, Docker.
    pub fn is_virtual_machine(self) -> bool {
        matches!(
            self.0,
            [0x52 | 0xfe, 0x54, 0x00, ..]
                | [0x00, 0x50, 0x56, ..]
                | [0x00, 0x0c, 0x29, ..]
                | [0x00, 0x05, 0x69, ..]
                | [0x08, 0x00, 0x27, ..]
                | [0x0a, 0x00, 0x27, ..]
                | [0x00, 0x16, 0x3e, ..]
                | [0x00, 0x15, 0x5d, ..]
                | [0x00, 0x1c, 0x42, ..]
                | [0x02, 0x42, ..]
        )
    }

    /// What it tells about its origin.
    pub fn kind(self) -> MacKind {
        match self.0 {
            // VRRP and CARP v4 and v6, HSRP v1, HSRP v2 v4 and v6, GLBP.
            [0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02, _]
            | [0x00, 0x00, 0x0c, 0x07, 0xac, _]
            | [0x00, 0x00, 0x0c, 0x9f, 0xf0..=0xff, _]
            | [0x00, 0x05, 0x73, 0xa0..=0xaf, _, _]
            | [0x00, 0x07, 0xb4, 0x00..=0x03, _, _] => MacKind::Virtual,
            [first, ..] if first & 2 != 0 => MacKind::Local,
            _ => MacKind::Universal,
        }
    }

    /// From `aa:bb:cc:dd:ee:ff` or `aa-bb-..`, either case, with or without leading zeros.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next()?;
            if part.is_empty() || part.len() > 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            *octet = u8::from_str_radix(part, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(octets))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An interface's name, at most 15 bytes (Linux `IFNAMSIZ`), held inline so that segments are cheap to copy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Iface([u8; 16]);

impl Iface {
    /// `None` when the name is empty, longer than 15 bytes, or has bytes other than printable ASCII.
    pub fn new(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes.len() > 15 || !bytes.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let mut inline = [0; 16];
        inline[..bytes.len()].copy_from_slice(bytes);
        Some(Self(inline))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let len = self.0.iter().position(|&b| b == 0).unwrap_or(15);
        std::str::from_utf8(&self.0[..len]).unwrap_or_default()
    }

    /// The name as one number, which orders as the name does: faster to compare and hash, and every key of the
    /// inventory has an interface in it.
    fn number(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl Ord for Iface {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number().cmp(&other.number())
    }
}

impl PartialOrd for Iface {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Iface {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.number());
    }
}

impl fmt::Display for Iface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Iface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Up to two VLAN ids, outer first. Priority tags (id 0) count as none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vlans([u16; 2]);

impl Vlans {
    /// From the ids in wire order; ids are cut to 12 bits and zeros are left out.
    pub fn new(ids: [u16; 2]) -> Self {
        match [ids[0] & 0xfff, ids[1] & 0xfff] {
            [0, inner] => Self([inner, 0]),
            ids => Self(ids),
        }
    }

    /// The ids, outer first.
    pub fn ids(&self) -> &[u16] {
        let len = self.0.iter().position(|&id| id == 0).unwrap_or(2);
        &self.0[..len]
    }
}

/// The tunnel in which a frame came to the interface, written `vxlan42`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tunnel {
    /// Its protocol; never [`TunnelKind::None`].
    pub kind: TunnelKind,
    /// VNI (24 bits), GRE key (32), ERSPAN session (10) or PPPoE session (16); 0 where it has none.
    pub id: u32,
}

impl Tunnel {
    /// From the numbers of a ring record or of the database.
    pub fn new(kind: u8, id: u32) -> Option<Self> {
        TunnelKind::from_number(kind).filter(|kind| *kind != TunnelKind::None).map(|kind| Self { kind, id })
    }

    /// From `vxlan42`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| c.is_ascii_digit())?;
        let (name, id) = text.split_at(digits);
        let kind = TunnelKind::ALL.into_iter().find(|kind| !name.is_empty() && kind.name() == name)?;
        Some(Self { kind, id: id.parse().ok()? })
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.name(), self.id)
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A broadcast domain: an interface, the tunnel through which its frames come, if any, and a VLAN stack (that of the
/// frames in the tunnel; PPPoE's: around it). Written `eth1`, `eth1.30`, `eth1.100.30`, `eth1/vxlan42.30`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// The interface on which its frames are captured.
    pub iface: Iface,
    /// The tunnel in which its frames come, where they do.
    pub tunnel: Option<Tunnel>,
    /// Its VLAN stack.
    pub vlans: Vlans,
}

impl Segment {
    /// The frames that an interface hears without tags.
    pub fn untagged(iface: Iface) -> Self {
        Self::tagged(iface, Vlans::default())
    }

    /// The frames that an interface hears with these tags.
    pub fn tagged(iface: Iface, vlans: Vlans) -> Self {
        Self { iface, tunnel: None, vlans }
    }
}

impl Hash for Segment {
    /// Hashes two numbers instead of nine values, because every look-up in the inventory does it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { iface, tunnel, vlans: Vlans([outer, inner]) } = *self;
        let tunnel = tunnel.map_or(0, |tunnel| (tunnel.kind as u128) << 32 | u128::from(tunnel.id));
        iface.hash(state);
        state.write_u128(tunnel << 32 | u128::from(outer) << 16 | u128::from(inner));
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iface.as_str())?;
        self.tunnel.iter().try_for_each(|tunnel| write!(f, "/{tunnel}"))?;
        self.vlans.ids().iter().try_for_each(|id| write!(f, ".{id}"))
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A harvested frame: what the classifier found in it, and the part that its protocol's parser reads.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was received.
    pub at: Timestamp,
    /// The segment on which it was received.
    pub segment: Segment,
    /// The classifier's verdict.
    pub class: Class,
    /// Whether `body` lacks its end (capture limit or snap length).
    pub cut: bool,
    /// Whether its sender exceeds the limit, so that further messages of this class are held back.
    pub flood: bool,
    /// Whether with this frame its sender counts as scanning.
    pub scan: bool,
    /// The frame's source address.
    pub source_mac: Mac,
    /// The frame's destination address.
    pub destination_mac: Mac,
    /// The fields of the IP header; `None` for classes that have none (ARP).
    pub packet: Option<Packet>,
    /// ARP: the 28 bytes of RFC 826. NDP, MLD, IGMP: the ICMPv6 or IGMP message. UDP protocols: the payload. VRRP: the
    /// IP payload. LLDP: what follows the ethertype, padding included; STP, CDP: what follows LLC and SNAP. TCP SYN:
    /// from the IP header to the end of TCP's.
    pub body: &'a [u8],
}

/// The fields of an IP header that parsers of messages need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The IP source address.
    pub source: IpAddr,
    /// The IP destination address.
    pub destination: IpAddr,
    /// Hop limit or time to live, as received.
    pub hop_limit: u8,
    /// IP protocol, or IPv6 next header behind the extensions.
    pub protocol: u8,
    /// Transport ports, source and destination; zeros where there are none.
    pub ports: [u16; 2],
}

/// Whether a packet with this time to live or hop limit was forwarded by a router: each subtracts one, and senders
/// start with 32, 64, 128 or 255.
pub const fn is_forwarded(hop_limit: u8) -> bool {
    !matches!(hop_limit, 32 | 64 | 128 | 255)
}

/// Bytes that the network chose: a name, a vendor class, a text. They may be hostile, and are never shown as they are.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Vec<u8>);

/// The longest text that is kept, in bytes: a DNS name's limit (RFC 1035, section 2.3.4).
pub const TEXT_MAX: usize = 255;

impl Text {
    /// Keeps the first [`TEXT_MAX`] bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes[..bytes.len().min(TEXT_MAX)].to_vec())
    }

    /// The bytes as the network sent them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is UTF-8 without control, C1 or direction-changing characters.
    pub fn as_clean(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok().filter(|text| !text.chars().any(is_unsafe))
    }

    /// The text with everything unsafe written as `\xNN` or `\u{..}`: safe for any sink, and nothing of it is lost.
    pub fn escaped(&self) -> String {
        if let Some(clean) = self.as_clean() {
            return clean.to_owned();
        }
        let mut out = String::with_capacity(self.0.len() * 2);
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    c if !is_unsafe(c) => out.push(c),
                    c if u32::from(c) < 0x100 => push_byte(&mut out, u32::from(c)),
                    c => out.extend(c.escape_unicode()),
                }
            }
            for &byte in chunk.invalid() {
                push_byte(&mut out, u32::from(byte));
            }
        }
        out
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.escaped())
    }
}

fn push_byte(out: &mut String, byte: u32) {
    out.push_str("\\x");
    out.extend([byte >> 4, byte & 0xf].into_iter().filter_map(|digit| char::from_digit(digit, 16)));
}

/// Whether a character can move a cursor, end a line or change the reading direction.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Lower-case hexadecimal, two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
