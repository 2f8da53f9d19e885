//! The opening of a TCP connection, SYN or SYN-ACK, as a fingerprint: RFC 9293 (header), RFC 7323 (scale, timestamps),
//! RFC 2018 (SACK), RFC 3168 (ECN), read in the terms of p0f v3's documentation. The body goes from the start of the
//! IP header to the end of the TCP header; what the segment carries is known by the IP header's length only.

use std::fmt;

use crate::wire::error::WireError;
use crate::wire::syn::layout::{END, Layout, MSS, NOTHING, SACK, SACK_PERMITTED, SCALE, TIMESTAMPS};
use crate::wire::syn::quirks::Quirks;

/// The options of the TCP header.
pub mod layout;
/// What is unusual about the segment.
pub mod quirks;

/// What a SYN or SYN-ACK shows of the stack that sent it. Fixed in size whatever the packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Syn {
    /// Whether it is a SYN-ACK.
    pub is_answer: bool,
    /// IP version: 4 or 6.
    pub ip_version: u8,
    /// Time to live or hop limit, as received.
    pub ttl: u8,
    /// IPv4 options or IPv6 extension headers, bytes.
    pub ip_options_len: u16,
    /// Maximum segment size; 0 without the option.
    pub mss: u16,
    /// Window, unscaled.
    pub window: u16,
    /// Window scale; 0 without the option.
    pub scale: u8,
    /// TCP options in order.
    pub layout: Layout,
    /// What is unusual about it.
    pub quirks: Quirks,
    /// Whether the segment carries data.
    pub has_payload: bool,
    /// IP and TCP header together, bytes.
    pub headers_len: u16,
}

/// A window that is a multiple of the segment size, or of the packet size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiple {
    /// As many maximum segments.
    Mss(u16),
    /// As many packets of maximum size.
    Mtu(u16),
}

/// Routers between sender and receiver, at most; of a segment that seems to come from farther away the distance is
/// unknown.
pub const DISTANCE_MAX: u8 = 35;

/// Reads a body. `Ok(None)`: not an opening segment, or one that also ends the connection.
pub fn parse(body: &[u8]) -> Result<Option<Syn>, WireError> {
    let Some(IpPart { mut syn, tcp, ip_payload_len }) = ip(body)? else { return Ok(None) };
    let fixed: &[u8; TCP_LEN] = tcp.first_chunk().ok_or(WireError::Truncated)?;
    let flags = fixed[13];
    if flags & (FIN | SYN | RST) != SYN {
        return Ok(None);
    }
    let len = usize::from(fixed[12] >> 4) * 4;
    if len < TCP_LEN {
        return Err(WireError::BadValue);
    }
    let options = tcp.get(TCP_LEN..len).ok_or(WireError::Truncated)?;
    let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let is_zero = |at: usize| fixed[at..at + 4] == [0; 4];
    syn.is_answer = flags & ACK != 0;
    syn.window = word(14);
    syn.has_payload = ip_payload_len > len;
    syn.headers_len = syn.headers_len.saturating_add(u16::from(fixed[12] >> 4) * 4);
    syn.quirks.add_if(Quirks::ECN, flags & (ECE | CWR) != 0 || fixed[12] & NONCE != 0);
    syn.quirks.add_if(Quirks::SEQ_ZERO, is_zero(4));
    syn.quirks.add_if(Quirks::ACK_ZERO, syn.is_answer && is_zero(8));
    syn.quirks.add_if(Quirks::ACK_SET, !syn.is_answer && !is_zero(8));
    syn.quirks.add_if(Quirks::URG, flags & URG != 0);
    syn.quirks.add_if(Quirks::URG_POINTER, flags & URG == 0 && word(18) != 0);
    syn.quirks.add_if(Quirks::PUSH, flags & PSH != 0);
    if !read_options(&mut syn, options) {
        syn.quirks.add(Quirks::OPTIONS_BAD);
    }
    Ok(Some(syn))
}

impl Syn {
    /// How many routers lie between, if the sender began with the next usual time to live (32, 64, 128, 255).
    pub fn distance(&self) -> u8 {
        match self.ttl {
            ttl @ 0..=32 => 32 - ttl,
            ttl @ 33..=64 => 64 - ttl,
            ttl @ 65..=128 => 128 - ttl,
            ttl => 255 - ttl,
        }
    }

    /// What the window is a multiple of: the segment size, with or without room for a timestamp, Ethernet's segment
    /// size, or a packet's size.
    pub fn window_multiple(&self) -> Option<Multiple> {
        if self.window == 0 || self.mss < MSS_MIN {
            return None;
        }
        let is_six = self.ip_version == 6;
        let has_time = self.layout.kinds().contains(&TIMESTAMPS) && !self.quirks.has(Quirks::TS1_ZERO);
        let mss = u32::from(self.mss);
        let whole = |size: u32| (size > 0 && u32::from(self.window) % size == 0).then(|| u32::from(self.window) / size);
        let segments = [
            Some(mss),
            has_time.then_some(mss - TIMESTAMP_ROOM),
            Some(ETHERNET - HEADERS_4),
            Some(ETHERNET - HEADERS_4 - TIMESTAMP_ROOM),
            is_six.then_some(ETHERNET - HEADERS_6),
            is_six.then_some(ETHERNET - HEADERS_6 - TIMESTAMP_ROOM),
        ];
        let packets = [
            Some(mss + HEADERS_4),
            Some(mss + u32::from(self.headers_len)),
            is_six.then_some(mss + HEADERS_6),
            Some(ETHERNET),
        ];
        let count = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
        let mss = segments.into_iter().flatten().find_map(whole).map(|n| Multiple::Mss(count(n)));
        mss.or_else(|| packets.into_iter().flatten().find_map(whole).map(|n| Multiple::Mtu(count(n))))
    }
}

/// p0f's raw notation, `version:ttl+distance:olen:mss:window,scale:layout:quirks:payload`; the alternate form has the
/// window as its number.
impl fmt::Display for Syn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}+", self.ip_version, self.ttl)?;
        match self.distance() {
            far if far > DISTANCE_MAX => f.write_str("?")?,
            near => write!(f, "{near}")?,
        }
        write!(f, ":{}:{}:", self.ip_options_len, self.mss)?;
        match self.window_multiple().filter(|_| !f.alternate()) {
            Some(Multiple::Mss(count)) => write!(f, "mss*{count}")?,
            Some(Multiple::Mtu(count)) => write!(f, "mtu*{count}")?,
            None => write!(f, "{}", self.window)?,
        }
        write!(f, ",{}:{}:{}:{}", self.scale, self.layout, self.quirks, if self.has_payload { "+" } else { "0" })
    }
}

/// The IP header's part of the fingerprint, and what follows it.
struct IpPart<'a> {
    syn: Syn,
    tcp: &'a [u8],
    /// TCP header and data, bytes, as the IP header tells.
    ip_payload_len: usize,
}

fn ip(body: &[u8]) -> Result<Option<IpPart<'_>>, WireError> {
    match body.first().ok_or(WireError::Truncated)? >> 4 {
        4 => ipv4(body),
        6 => ipv6(body),
        _ => Ok(None),
    }
}

fn ipv4(body: &[u8]) -> Result<Option<IpPart<'_>>, WireError> {
    let fixed: &[u8; IPV4_LEN] = body.first_chunk().ok_or(WireError::Truncated)?;
    let header_len = u16::from(fixed[0] & 0xf) * 4;
    let options_len = header_len.checked_sub(20).ok_or(WireError::BadValue)?;
    let offset = u16::from_be_bytes([fixed[6], fixed[7]]);
    if fixed[9] != TCP || offset & 0x1fff != 0 {
        return Ok(None);
    }
    let tcp = body.get(usize::from(header_len)..).ok_or(WireError::Truncated)?;
    let has_id = fixed[4..6] != [0, 0];
    let is_whole = offset & DONT_FRAGMENT != 0;
    let mut syn = blank(4, fixed[8], options_len, header_len);
    syn.quirks.add_if(Quirks::ECN, fixed[1] & 3 != 0);
    syn.quirks.add_if(Quirks::MUST_BE_ZERO, offset & RESERVED_FLAG != 0);
    syn.quirks.add_if(Quirks::DF, is_whole);
    syn.quirks.add_if(Quirks::ID_SET, is_whole && has_id);
    syn.quirks.add_if(Quirks::ID_ZERO, !is_whole && !has_id);
    let total_len = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    Ok(Some(IpPart { syn, tcp, ip_payload_len: total_len.saturating_sub(header_len.into()) }))
}

fn ipv6(body: &[u8]) -> Result<Option<IpPart<'_>>, WireError> {
    let fixed: &[u8; IPV6_LEN] = body.first_chunk().ok_or(WireError::Truncated)?;
    let (mut next, mut at) = (fixed[6], IPV6_LEN);
    for _ in 0..EXTENSIONS_MAX {
        if !matches!(next, HOP_BY_HOP | ROUTING | DESTINATION) {
            break;
        }
        let &[following, eights, ..] = body.get(at..).ok_or(WireError::Truncated)? else {
            return Err(WireError::Truncated);
        };
        (next, at) = (following, at + (usize::from(eights) + 1) * 8);
    }
    if next != TCP {
        return Ok(None);
    }
    let tcp = body.get(at..).ok_or(WireError::Truncated)?;
    let extensions_len = at - IPV6_LEN;
    let short = |len: usize| u16::try_from(len).unwrap_or(u16::MAX);
    let mut syn = blank(6, fixed[7], short(extensions_len), short(at));
    syn.quirks.add_if(Quirks::ECN, fixed[1] & 0x30 != 0);
    syn.quirks.add_if(Quirks::FLOW, fixed[1] & 0xf != 0 || fixed[2..4] != [0, 0]);
    let payload_len = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    Ok(Some(IpPart { syn, tcp, ip_payload_len: payload_len.saturating_sub(extensions_len) }))
}

fn blank(ip_version: u8, ttl: u8, ip_options_len: u16, headers_len: u16) -> Syn {
    Syn {
        is_answer: false,
        ip_version,
        ttl,
        ip_options_len,
        mss: 0,
        window: 0,
        scale: 0,
        layout: Layout::default(),
        quirks: Quirks::default(),
        has_payload: false,
        headers_len,
    }
}

/// Whether the options could be read to their end.
fn read_options(syn: &mut Syn, mut rest: &[u8]) -> bool {
    while let [kind, after @ ..] = rest {
        if !syn.layout.push(*kind) {
            return true;
        }
        match *kind {
            END => {
                syn.layout.eol_pad = u8::try_from(after.len()).unwrap_or(u8::MAX);
                syn.quirks.add_if(Quirks::TRAILING, after.iter().any(|&byte| byte != 0));
                return true;
            }
            NOTHING => rest = after,
            kind => {
                let Some(used) = read_option(syn, kind, after) else { return false };
                rest = &after[used..];
            }
        }
    }
    true
}

/// Reads an option that has a length. How many bytes of `after` belong to it; `None`: neither it nor what follows can
/// be read.
fn read_option(syn: &mut Syn, kind: u8, after: &[u8]) -> Option<usize> {
    let (&told, values) = after.split_first()?;
    let fixed = match kind {
        MSS => Some(4),
        SCALE => Some(3),
        SACK_PERMITTED => Some(2),
        TIMESTAMPS => Some(10),
        SACK if !(10..=34).contains(&told) => return None,
        _ => None,
    };
    // An option of a kind with a fixed length has that length, whatever it says.
    let len = fixed.unwrap_or(usize::from(told));
    if !(2..=40).contains(&len) || after.len() < len - 1 {
        return None;
    }
    syn.quirks.add_if(Quirks::OPTIONS_BAD, len != usize::from(told));
    match (kind, values) {
        (MSS, [high, low, ..]) => syn.mss = u16::from_be_bytes([*high, *low]),
        (SCALE, [scale, ..]) => {
            syn.scale = *scale;
            syn.quirks.add_if(Quirks::SCALE_EXCESSIVE, *scale > 14);
        }
        (TIMESTAMPS, [a, b, c, d, e, f, g, h, ..]) => {
            syn.quirks.add_if(Quirks::TS1_ZERO, [a, b, c, d] == [&0; 4]);
            syn.quirks.add_if(Quirks::TS2_SET, !syn.is_answer && [e, f, g, h] != [&0; 4]);
        }
        _ => {}
    }
    Some(len - 1)
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;
const URG: u8 = 32;
const ECE: u8 = 64;
const CWR: u8 = 128;
/// The nonce bit beside the data offset (RFC 3540).
const NONCE: u8 = 1;
const DONT_FRAGMENT: u16 = 0x4000;
const RESERVED_FLAG: u16 = 0x8000;

const TCP: u8 = 6;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const DESTINATION: u8 = 60;
/// IPv6 extension headers that are skipped, as many as the classifier skips.
const EXTENSIONS_MAX: usize = 6;

const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;
const TCP_LEN: usize = 20;
/// IP and TCP header without options, bytes.
const HEADERS_4: u32 = 40;
const HEADERS_6: u32 = 60;
/// Ethernet's packet size.
const ETHERNET: u32 = 1500;
/// A timestamp option with its two bytes of padding.
const TIMESTAMP_ROOM: u32 = 12;
/// Smaller segment sizes are not considered: too many windows are multiples of them.
const MSS_MIN: u16 = 100;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::wire::syn::layout::OPTIONS_MAX;

    /// An IPv4 packet with these flag bits, options and data.
    fn packet(id: u16, offset: u16, flags: u8, window: u16, options: &[u8], data_len: u16) -> Vec<u8> {
        let mut bytes = vec![0x45, 0];
        let tcp_len = 20 + u16::try_from(options.len()).unwrap();
        bytes.extend((20 + tcp_len + data_len).to_be_bytes());
        bytes.extend(id.to_be_bytes());
        bytes.extend(offset.to_be_bytes());
        bytes.extend([64, TCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([0x80, 0, 0, 80, 1, 2, 3, 4]);
        bytes.extend(if flags & ACK == 0 { [0; 4] } else { [9; 4] });
        bytes.extend([u8::try_from(tcp_len / 4).unwrap() << 4, flags]);
        bytes.extend(window.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(options);
        bytes
    }

    const LINUX: [u8; 20] = [2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 1, 1, 1, 0, 0, 0, 0, 1, 3, 3, 7];

    #[track_caller]
    fn check(bytes: &[u8], signature: &str) {
        assert_eq!(parse(bytes).unwrap().unwrap().to_string(), signature);
    }

    #[test]
    fn linux() {
        let bytes = packet(7, DONT_FRAGMENT, SYN, 64240, &LINUX, 0);
        check(&bytes, "4:64+0:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0");
        assert_eq!(
            format!("{:#}", parse(&bytes).unwrap().unwrap()),
            "4:64+0:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0"
        );
    }

    #[test]
    fn windows() {
        let mut bytes = packet(7, DONT_FRAGMENT, SYN, 8192, &[2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2], 0);
        bytes[8] = 120;
        check(&bytes, "4:120+8:0:1460:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0");
    }

    #[test]
    fn what_is_far_is_not_guessed() {
        let mut bytes = packet(7, DONT_FRAGMENT, SYN, 1024, &[], 0);
        bytes[8] = 200;
        check(&bytes, "4:200+?:0:0:1024,0::df,id+:0");
    }

    #[test]
    fn quirks() {
        check(&packet(0, 0, SYN, 1024, &[], 0), "4:64+0:0:0:1024,0::id-:0");
        check(&packet(1, 0, SYN | PSH, 1024, &[], 3), "4:64+0:0:0:1024,0::pushf+:+");
        check(&packet(1, 0x8000, SYN | URG | ECE, 0, &[], 0), "4:64+0:0:0:0,0::ecn,0+,urgf+:0");
        let mut bytes = packet(1, 0, SYN, 1024, &[], 0);
        bytes[24..28].fill(0);
        bytes[28] = 1;
        bytes[39] = 1;
        check(&bytes, "4:64+0:0:0:1024,0::seq-,ack+,uptr+:0");
        let mut bytes = packet(1, 0, SYN | ACK, 1024, &[], 0);
        bytes[28..32].fill(0);
        check(&bytes, "4:64+0:0:0:1024,0::ack-:0");
    }

    #[test]
    fn quirks_of_options() {
        let with = |options: &[u8]| packet(1, 0, SYN, 1024, options, 0);
        check(&with(&[8, 10, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]), "4:64+0:0:0:1024,0:ts,nop,nop:ts1-,ts2+:0");
        check(&with(&[3, 3, 15, 0]), "4:64+0:0:0:1024,15:ws,eol+0:exws:0");
        check(&with(&[1, 0, 0, 1]), "4:64+0:0:0:1024,0:nop,eol+2:opt+:0");
        check(&with(&[2, 8, 5, 0xb4]), "4:64+0:0:1460:1024,0:mss:bad:0");
        check(&with(&[1, 1, 1, 2]), "4:64+0:0:0:1024,0:nop,nop,nop,mss:bad:0");
        check(&with(&[77, 4, 0, 0, 5, 2, 0, 0]), "4:64+0:0:0:1024,0:?77,sack:bad:0");
    }

    #[test]
    fn ipv6_with_a_flow_and_an_extension() {
        let tcp = packet(0, 0, SYN, 64800, &LINUX, 0)[20..].to_vec();
        let mut bytes = vec![0x60, 0, 0, 1, 0, u8::try_from(tcp.len()).unwrap() + 8, 0, 255];
        bytes.extend([0; 32]);
        bytes.extend([TCP, 0, 1, 4, 0, 0, 0, 0]);
        bytes.extend(&tcp);
        bytes[40 + 8 + 20 + 2..][..2].copy_from_slice(&1440_u16.to_be_bytes());
        check(&bytes, "6:255+0:8:1440:mss*45,7:mss,sok,ts,nop,ws:flow:0");
    }

    #[test]
    fn windows_are_told_in_packets_too() {
        let syn = parse(&packet(1, 0, SYN, 4 * 1500, &[2, 4, 4, 0x4c], 0)).unwrap().unwrap();
        assert_eq!(syn.window_multiple(), Some(Multiple::Mtu(4)));
        let syn = parse(&packet(1, 0, SYN, 1448 * 3, &LINUX, 0)).unwrap().unwrap();
        assert_eq!(syn.window_multiple(), Some(Multiple::Mss(3)));
    }

    #[test]
    fn others_are_not_ours() {
        for flags in [0, ACK, SYN | RST, SYN | FIN, RST | ACK] {
            assert_eq!(parse(&packet(1, 0, flags, 1, &[], 0)), Ok(None));
        }
        assert_eq!(parse(&packet(1, 1, SYN, 1, &[], 0)), Ok(None), "a fragment's middle");
    }

    #[test]
    fn every_cut_is_truncated() {
        let bytes = packet(7, DONT_FRAGMENT, SYN, 64240, &LINUX, 0);
        for len in 0..bytes.len() {
            assert_eq!(parse(&bytes[..len]), Err(WireError::Truncated), "{len}");
        }
    }

    #[test]
    fn any_bytes_are_read() {
        let mut seed = 0x5eed;
        let mut ours = 0;
        for round in 0..20_000 {
            let mut bytes: Vec<u8> = (0..random(&mut seed) % 120).map(|_| random(&mut seed).to_le_bytes()[3]).collect();
            // Headers that lead to the options, or any.
            let tcp_at = if round % 2 == 0 { 20 } else { 40 };
            if round % 4 < 3 && bytes.len() > tcp_at + 13 {
                bytes[0] = if tcp_at == 20 { 0x45 } else { 0x60 };
                bytes[if tcp_at == 20 { 9 } else { 6 }] = TCP;
                bytes[6] = if tcp_at == 20 { 0x40 } else { TCP };
                bytes[7] = if tcp_at == 20 { 0 } else { bytes[7] };
                bytes[tcp_at + 12] |= 0x50;
                bytes[tcp_at + 13] = SYN;
            }
            if let Ok(Some(syn)) = parse(&bytes) {
                ours += 1;
                assert!(syn.to_string().len() <= 255 && syn.layout.kinds().len() <= OPTIONS_MAX);
            }
        }
        assert!(ours > 1000, "{ours}");
    }

    /// xorshift64: numbers that are the same in every run.
    fn random(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }
}
