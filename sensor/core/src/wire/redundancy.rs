//! First-hop redundancy: VRRP versions 2 and 3 (RFC 3768, RFC 9568), CARP (OpenBSD's ip_carp.h), HSRP versions 1 and 2
//! (RFC 2281; version 2 as observed, for want of a document) and GLBP (as observed). Which group, which router leads
//! it, and its virtual addresses; passwords and signatures are not read.

use std::net::IpAddr;

use crate::types::{Frame, Mac, Packet};
use crate::wire::error::WireError;

/// A redundancy message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The protocol.
    pub protocol: Protocol,
    /// The group's number.
    pub group: u16,
    /// The sender's state in the group, where the message tells it.
    pub state: Option<State>,
    /// The sender's priority in the election; CARP has none.
    pub priority: Option<u32>,
    /// The group's virtual addresses; at most [`ADDRESSES_MAX`].
    pub addresses: Vec<IpAddr>,
    /// The group's virtual MACs: one, or with GLBP one for each router.
    pub virtual_macs: Vec<Mac>,
}

/// A first-hop redundancy protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Common Address Redundancy Protocol.
    Carp,
    /// Gateway Load Balancing Protocol.
    Glbp,
    /// Hot Standby Router Protocol.
    Hsrp,
    /// Virtual Router Redundancy Protocol.
    Vrrp,
}

impl Protocol {
    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Carp => "carp",
            Self::Glbp => "glbp",
            Self::Hsrp => "hsrp",
            Self::Vrrp => "vrrp",
        }
    }

    /// The protocol by a packet's IP header; CARP uses VRRP's number.
    pub fn of(packet: &Packet) -> Option<Self> {
        match (packet.protocol, packet.ports[1]) {
            (VRRP, _) => Some(Self::Vrrp),
            (_, HSRP_PORT | HSRP_IPV6_PORT) => Some(Self::Hsrp),
            (_, GLBP_PORT) => Some(Self::Glbp),
            _ => None,
        }
    }
}

/// The state of a router in its group (RFC 2281, section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It forwards for the group.
    Active,
    /// It does not take part.
    Disabled,
    /// It is starting.
    Initial,
    /// It does not know the virtual address yet.
    Learn,
    /// It knows the virtual address, and is neither active nor standby.
    Listen,
    /// It is a candidate for active or standby.
    Speak,
    /// It is the next to become active.
    Standby,
}

impl State {
    /// The state's name in the protocols.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Initial => "initial",
            Self::Learn => "learn",
            Self::Listen => "listen",
            Self::Speak => "speak",
            Self::Standby => "standby",
        }
    }
}

/// Virtual addresses of a group that are kept at most; the rest is skipped.
pub const ADDRESSES_MAX: usize = 16;
/// Virtual MACs of a group that are kept at most: GLBP has up to four forwarders.
pub const MACS_MAX: usize = 4;

const VRRP: u8 = 112;
const HSRP_PORT: u16 = 1985;
const HSRP_IPV6_PORT: u16 = 2029;
const GLBP_PORT: u16 = 3222;

/// Reads a frame's message. `Ok(None)`: another version or kind, or a datagram that only looks like it by its port.
pub fn parse(frame: &Frame<'_>) -> Result<Option<Message>, WireError> {
    let packet = frame.packet.ok_or(WireError::BadValue)?;
    match Protocol::of(&packet) {
        Some(Protocol::Vrrp | Protocol::Carp) => vrrp(&packet, frame.body),
        // Both send to multicast groups; a client may use one of their ports by chance.
        Some(_) if !packet.destination.is_multicast() => Ok(None),
        Some(Protocol::Hsrp) => hsrp(frame.body),
        Some(Protocol::Glbp) => glbp(frame.body),
        None => Ok(None),
    }
}

fn vrrp(packet: &Packet, body: &[u8]) -> Result<Option<Message>, WireError> {
    let (&[kind, group, priority, count, ..], rest) = body.split_first_chunk::<8>().ok_or(WireError::Truncated)?;
    // "MUST verify that the IPv4 TTL/IPv6 Hop Limit is 255" (RFC 9568, section 7.1).
    if packet.hop_limit != 255 {
        return Err(WireError::HopLimit);
    }
    if !matches!(kind, 0x21 | 0x31) {
        return Ok(None);
    }
    // "The Virtual Router Identifier [...] 1 to 255" (RFC 9568, section 5.2.3).
    if group == 0 {
        return Err(WireError::BadValue);
    }
    let of_ipv6 = packet.source.is_ipv6();
    let virtual_macs = vec![Mac([0, 0, 0x5e, 0, if of_ipv6 { 2 } else { 1 }, group])];
    let group = u16::from(group);
    // CARP counts words of its signature where VRRP counts addresses, and seven of those with VRRP's eight bytes of
    // authentication make a longer message.
    if kind == 0x21 && count == CARP_WORDS && body.len() == CARP_LEN {
        let (protocol, addresses) = (Protocol::Carp, Vec::new());
        return Ok(Some(Message { protocol, group, state: None, priority: None, addresses, virtual_macs }));
    }
    let address_len = if of_ipv6 { 16 } else { 4 };
    let addresses = rest.get(..usize::from(count) * address_len).ok_or(WireError::Truncated)?;
    if addresses.is_empty() {
        return Err(WireError::BadValue);
    }
    Ok(Some(Message {
        protocol: Protocol::Vrrp,
        group,
        state: None,
        priority: Some(priority.into()),
        addresses: addresses.chunks_exact(address_len).take(ADDRESSES_MAX).filter_map(address).collect(),
        virtual_macs,
    }))
}

const CARP_WORDS: u8 = 7;
const CARP_LEN: usize = 36;

fn hsrp(body: &[u8]) -> Result<Option<Message>, WireError> {
    match body.first().ok_or(WireError::Truncated)? {
        0 => hsrp_first(body),
        _ => hsrp_second(body),
    }
}

/// RFC 2281, section 5.1.
fn hsrp_first(body: &[u8]) -> Result<Option<Message>, WireError> {
    let fields: &[u8; 20] = body.first_chunk().ok_or(WireError::Truncated)?;
    // Hello, coup, resign; other messages have another form.
    if fields[1] > 2 {
        return Ok(None);
    }
    let state = match fields[2] {
        0 => Some(State::Initial),
        1 => Some(State::Learn),
        2 => Some(State::Listen),
        4 => Some(State::Speak),
        8 => Some(State::Standby),
        16 => Some(State::Active),
        _ => None,
    };
    Ok(Some(Message {
        protocol: Protocol::Hsrp,
        group: fields[6].into(),
        state,
        priority: Some(fields[5].into()),
        addresses: known(address(&fields[16..20])),
        virtual_macs: vec![Mac([0, 0, 0x0c, 7, 0xac, fields[6]])],
    }))
}

/// HSRP version 2: TLVs, of which type 1 is the group's state.
fn hsrp_second(mut rest: &[u8]) -> Result<Option<Message>, WireError> {
    while !rest.is_empty() {
        let &[kind, len] = rest.first_chunk().ok_or(WireError::Truncated)?;
        let value = rest.get(2..2 + usize::from(len)).ok_or(WireError::Truncated)?;
        rest = &rest[2 + usize::from(len)..];
        if kind == 1 {
            let fields: &[u8; 40] = value.first_chunk().ok_or(WireError::BadValue)?;
            return hsrp_group(fields);
        }
    }
    Ok(None)
}

fn hsrp_group(fields: &[u8; 40]) -> Result<Option<Message>, WireError> {
    let state = match fields[2] {
        0 => Some(State::Disabled),
        1 => Some(State::Initial),
        2 => Some(State::Learn),
        3 => Some(State::Listen),
        4 => Some(State::Speak),
        5 => Some(State::Standby),
        6 => Some(State::Active),
        _ => None,
    };
    let [high, low] = [fields[4], fields[5]];
    // "A group's number has twelve bits": four of them stand in a nibble of the virtual MAC.
    let (virtual_mac, address) = match fields[3] {
        4 => ([0, 0, 0x0c, 0x9f, 0xf0 | high & 0xf, low], address(&fields[24..28])),
        6 => ([0, 5, 0x73, 0xa0, high & 0xf, low], address(&fields[24..40])),
        _ => return Err(WireError::BadValue),
    };
    Ok(Some(Message {
        protocol: Protocol::Hsrp,
        group: u16::from_be_bytes([high, low]),
        state,
        priority: Some(u32::from_be_bytes([fields[12], fields[13], fields[14], fields[15]])),
        addresses: known(address),
        virtual_macs: vec![Mac(virtual_mac)],
    }))
}

/// GLBP: a header of 12 bytes, then TLVs whose length includes type and length: 1 the group, 2 a forwarder.
fn glbp(body: &[u8]) -> Result<Option<Message>, WireError> {
    let (head, mut rest) = body.split_first_chunk::<12>().ok_or(WireError::Truncated)?;
    if head[0] != 1 {
        return Ok(None);
    }
    let mut message = Message {
        protocol: Protocol::Glbp,
        group: u16::from_be_bytes([head[2], head[3]]),
        state: None,
        priority: None,
        addresses: Vec::new(),
        virtual_macs: Vec::new(),
    };
    while !rest.is_empty() {
        let &[kind, len] = rest.first_chunk().ok_or(WireError::Truncated)?;
        let len = usize::from(len);
        let value = rest.get(2..len.max(2)).ok_or(WireError::Truncated)?;
        if len < 2 {
            return Err(WireError::BadValue);
        }
        rest = &rest[len..];
        match kind {
            1 => glbp_hello(&mut message, value)?,
            2 => {
                let mac = value.get(12..18).and_then(|mac| mac.try_into().ok()).map(Mac);
                let mac = mac.ok_or(WireError::BadValue)?;
                message.virtual_macs.extend(Some(mac).filter(|_| message.virtual_macs.len() < MACS_MAX));
            }
            _ => {}
        }
    }
    Ok(Some(message))
}

fn glbp_hello(message: &mut Message, value: &[u8]) -> Result<(), WireError> {
    let (fields, rest) = value.split_first_chunk::<22>().ok_or(WireError::BadValue)?;
    message.state = match fields[1] {
        4 => Some(State::Listen),
        8 => Some(State::Speak),
        16 => Some(State::Standby),
        32 => Some(State::Active),
        _ => None,
    };
    message.priority = Some(fields[3].into());
    let virtual_address = rest.get(..usize::from(fields[21])).ok_or(WireError::BadValue)?;
    message.addresses = known(address(virtual_address));
    Ok(())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    four.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

/// `None` for zeros, which a router sends that does not know its group's address yet.
fn known(address: Option<IpAddr>) -> Vec<IpAddr> {
    address.into_iter().filter(|address| !address.is_unspecified()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Class, Iface, Segment, Timestamp};

    const VRRP_2: [u8; 24] = [0x21, 7, 150, 2, 0, 1, 0, 0, 10, 0, 0, 254, 10, 0, 0, 253, 0, 0, 0, 0, 0, 0, 0, 0];
    const HSRP_1: [u8; 20] = [0, 0, 16, 3, 10, 110, 5, 0, b'c', b'i', b's', b'c', b'o', 0, 0, 0, 10, 0, 0, 254];

    fn hsrp_2() -> Vec<u8> {
        let head = [1, 40, 2, 0, 5, 4, 0x01, 0x2c, 2, 0, 0, 0, 0, 9, 0, 0, 0, 100];
        [&head[..], &[0; 8], &[10, 0, 0, 254], &[0; 12], &[3, 8], b"cisco\0\0\0"].concat()
    }

    fn glbp_hello() -> Vec<u8> {
        let group = [1, 28, 0, 32, 0, 100, 0, 0, 0, 0, 11, 184, 0, 0, 39, 16, 2, 88, 56, 64, 0, 0, 1, 4, 10, 0, 0, 254];
        let forwarder = [2, 20, 1, 32, 0, 167, 100, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0xb4, 0, 9, 1];
        [&[1, 0, 0, 9, 0, 0, 2, 0, 0, 0, 0, 9][..], &group, &forwarder].concat()
    }

    fn read(protocol: u8, port: u16, of: &str, hop_limit: u8, body: &[u8]) -> Result<Option<Message>, WireError> {
        let source: IpAddr = of.parse().expect("an address");
        let destination = if source.is_ipv4() { [224, 0, 0, 18].into() } else { IpAddr::from([0xff; 16]) };
        parse(&Frame {
            at: Timestamp::EPOCH,
            segment: Segment::untagged(Iface::new("eth1").expect("a short name")),
            class: Class::Redundancy,
            cut: false,
            source_mac: Mac::ZERO,
            destination_mac: Mac::ZERO,
            packet: Some(Packet { source, destination, hop_limit, protocol, ports: [port; 2] }),
            body,
            flood: false,
            scan: false,
        })
    }

    #[track_caller]
    fn check(protocol: u8, port: u16, of: &str, body: &[u8], expected: &str) {
        let m = read(protocol, port, of, 255, body).expect("sound").expect("ours");
        let state = m.state.map_or("-", State::name);
        let told = format!("{} {} {state} {:?} ", m.protocol.name(), m.group, m.priority);
        assert_eq!(told + &format!("{:?} {:?}", m.addresses, m.virtual_macs), expected);
    }

    #[test]
    fn protocols() {
        check(VRRP, 0, "10.0.0.1", &VRRP_2, "vrrp 7 - Some(150) [10.0.0.254, 10.0.0.253] [00:00:5e:00:01:07]");
        let third = [&[0x31, 7, 100, 1, 0, 100, 0, 0][..], &[0xfe, 0x80], &[0; 13], &[9]].concat();
        check(VRRP, 0, "fe80::1", &third, "vrrp 7 - Some(100) [fe80::9] [00:00:5e:00:02:07]");
        let carp = [&[0x21, 3, 0, 7, 0, 1, 0, 0][..], &[9; 28]].concat();
        check(VRRP, 0, "10.0.0.1", &carp, "carp 3 - None [] [00:00:5e:00:01:03]");
        check(17, 1985, "10.0.0.1", &HSRP_1, "hsrp 5 active Some(110) [10.0.0.254] [00:00:0c:07:ac:05]");
        check(17, 1985, "10.0.0.1", &hsrp_2(), "hsrp 300 standby Some(100) [10.0.0.254] [00:00:0c:9f:f1:2c]");
        let mut sixth = hsrp_2();
        sixth[5] = 6;
        check(17, 2029, "fe80::1", &sixth, "hsrp 300 standby Some(100) [a00:fe::] [00:05:73:a0:01:2c]");
        check(17, 3222, "10.0.0.1", &glbp_hello(), "glbp 9 active Some(100) [10.0.0.254] [00:07:b4:00:09:01]");
    }

    #[test]
    fn every_truncation_is_told() {
        for (protocol, port, body, whole) in [
            (VRRP, 0, VRRP_2.to_vec(), 16),
            (17, 1985, HSRP_1.to_vec(), 20),
            (17, 1985, hsrp_2(), 42),
            (17, 3222, glbp_hello(), 60),
        ] {
            for len in 0..body.len() {
                let read = read(protocol, port, "10.0.0.1", 255, &body[..len]);
                // Each of GLBP's parts is independent of the others.
                let is_sound = len >= whole || port == 3222 && matches!(len, 12 | 40);
                assert_eq!(read.is_ok(), is_sound, "{port} {len}");
            }
        }
    }

    #[test]
    fn what_is_hostile_or_not_ours() {
        let vrrp = |hop_limit, body: &[u8]| read(VRRP, 0, "10.0.0.1", hop_limit, body).map(|message| message.is_some());
        assert_eq!(vrrp(254, &VRRP_2), Err(WireError::HopLimit));
        assert_eq!(vrrp(255, &[0x21, 0, 150, 1, 0, 1, 0, 0, 10, 0, 0, 1]), Err(WireError::BadValue));
        assert_eq!(vrrp(255, &[0x21, 1, 150, 0, 0, 1, 0, 0]), Err(WireError::BadValue));
        assert_eq!(vrrp(255, &[0x21, 1, 150, 255, 0, 1, 0, 0]), Err(WireError::Truncated));
        assert_eq!(vrrp(255, &[0x41, 1, 150, 1, 0, 1, 0, 0]), Ok(false));
        let many = [&[0x21, 1, 150, 255, 0, 1, 0, 0][..], &[10; 1020]].concat();
        let many = read(VRRP, 0, "10.0.0.1", 255, &many).map(|message| message.map(|m| m.addresses.len()));
        assert_eq!(many, Ok(Some(ADDRESSES_MAX)));
        let other = |port, body: &[u8]| read(17, port, "10.0.0.1", 255, body).map(|message| message.is_some());
        assert_eq!(other(443, &HSRP_1), Ok(false));
        assert_eq!(other(1985, &[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Ok(false));
        assert_eq!(other(1985, &[9, 0]), Ok(false));
        assert_eq!(other(3222, &[2; 12]), Ok(false));
        assert_eq!(other(3222, &[1, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]), Err(WireError::BadValue));
        assert_eq!(other(3222, &[1, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]), Err(WireError::Truncated));
    }
}
