//! Group membership: IGMP versions 1 to 3 (RFC 1112, RFC 2236, RFC 3376) and MLD versions 1 and 2 (RFC 2710, RFC 3810).
//! Which groups a host joins and leaves, and who queries; lists of sources are skipped. The checksum is not verified.

use std::net::IpAddr;

use crate::types::Frame;
use crate::wire::error::WireError;

/// A membership message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// IGMP or MLD.
    pub protocol: Protocol,
    /// What the message does.
    pub operation: Operation,
    /// Groups that are joined or listened to, or the one that is queried; at most [`GROUPS_MAX`].
    pub groups: Vec<IpAddr>,
    /// Groups that are left; at most [`GROUPS_MAX`].
    pub left: Vec<IpAddr>,
}

/// The protocol of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// IGMP, of IPv4.
    Igmp,
    /// MLD, of IPv6.
    Mld,
}

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Leaves groups and joins none.
    Leave,
    /// Queries who listens: the sender is the querier.
    Query,
    /// Joins groups, or reports that it still listens.
    Report,
}

/// Groups of one message that are kept at most; the rest is skipped.
pub const GROUPS_MAX: usize = 64;

/// Reads a frame's IGMP or MLD message. `Ok(None)`: of a type that is not known.
pub fn parse(frame: &Frame<'_>) -> Result<Option<Message>, WireError> {
    let packet = frame.packet.ok_or(WireError::BadValue)?;
    match packet.protocol {
        IGMP => igmp(frame.body),
        // "All MLD messages are sent with [...] an IPv6 Hop Limit of 1" (RFC 3810, section 5).
        ICMPV6 if packet.hop_limit == 1 => mld(frame.body),
        _ => Err(WireError::BadValue),
    }
}

const IGMP: u8 = 2;
const ICMPV6: u8 = 58;

fn igmp(body: &[u8]) -> Result<Option<Message>, WireError> {
    let head: &[u8; 8] = body.first_chunk().ok_or(WireError::Truncated)?;
    let group = ipv4(&head[4..]);
    let message = |operation, group: Option<IpAddr>| one(Protocol::Igmp, operation, group);
    Ok(Some(match head[0] {
        0x11 => message(Operation::Query, group),
        0x12 | 0x16 => message(Operation::Report, group),
        0x17 => message(Operation::Leave, group),
        0x22 => records(Protocol::Igmp, [head[6], head[7]], &body[8..])?,
        _ => return Ok(None),
    }))
}

fn mld(body: &[u8]) -> Result<Option<Message>, WireError> {
    let head: &[u8; 8] = body.first_chunk().ok_or(WireError::Truncated)?;
    if head[0] == 143 {
        return records(Protocol::Mld, [head[6], head[7]], &body[8..]).map(Some);
    }
    let operation = match head[0] {
        130 => Operation::Query,
        131 => Operation::Report,
        132 => Operation::Leave,
        _ => return Ok(None),
    };
    let group = ipv6(body.get(8..24).ok_or(WireError::Truncated)?);
    Ok(Some(one(Protocol::Mld, operation, group)))
}

fn one(protocol: Protocol, operation: Operation, group: Option<IpAddr>) -> Message {
    let mut message = Message { protocol, operation, groups: Vec::new(), left: Vec::new() };
    let list = if operation == Operation::Leave { &mut message.left } else { &mut message.groups };
    list.extend(group);
    message
}

/// Group records (RFC 3376, section 4.2.4; RFC 3810, section 5.2.5): type, length of what is appended in words of 4
/// bytes, number of sources, group, sources.
fn records(protocol: Protocol, count: [u8; 2], mut rest: &[u8]) -> Result<Message, WireError> {
    let address_len = if protocol == Protocol::Igmp { 4 } else { 16 };
    let mut message = one(protocol, Operation::Report, None);
    for _ in 0..u16::from_be_bytes(count) {
        let &[kind, appended, high, low] = rest.first_chunk().ok_or(WireError::Truncated)?;
        let sources = usize::from(u16::from_be_bytes([high, low]));
        let len = 4 + address_len * (1 + sources) + usize::from(appended) * 4;
        let address = rest.get(4..4 + address_len).ok_or(WireError::Truncated)?;
        let group = if protocol == Protocol::Igmp { ipv4(address) } else { ipv6(address) };
        rest = rest.get(len..).ok_or(WireError::Truncated)?;
        let list = match (kind, sources) {
            // "Include these sources" with no sources means to leave the group.
            (TO_INCLUDE, 0) => &mut message.left,
            (IS_INCLUDE | ALLOW, 0) | (BLOCK, _) => continue,
            _ => &mut message.groups,
        };
        list.extend(group.filter(|_| list.len() < GROUPS_MAX));
    }
    if message.groups.is_empty() && !message.left.is_empty() {
        message.operation = Operation::Leave;
    }
    Ok(message)
}

const IS_INCLUDE: u8 = 1;
const TO_INCLUDE: u8 = 3;
const ALLOW: u8 = 5;
const BLOCK: u8 = 6;

/// `None` for what is no group: a general query has none.
fn ipv4(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from).filter(IpAddr::is_multicast)
}

fn ipv6(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from).filter(IpAddr::is_multicast)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Class, Iface, Mac, Packet, Segment, Timestamp};

    fn read(protocol: u8, hop_limit: u8, body: &[u8]) -> Result<Option<Message>, WireError> {
        let address = IpAddr::from([10, 0, 0, 1]);
        parse(&Frame {
            at: Timestamp::EPOCH,
            segment: Segment::untagged(Iface::new("eth1").expect("a short name")),
            class: Class::Membership,
            cut: false,
            source_mac: Mac::ZERO,
            destination_mac: Mac::ZERO,
            packet: Some(Packet { source: address, destination: address, hop_limit, protocol, ports: [0; 2] }),
            body,
            flood: false,
            scan: false,
        })
    }

    fn check(protocol: u8, body: &[u8], expected: &str) {
        let Message { operation, groups, left, .. } = read(protocol, 1, body).expect("sound").expect("ours");
        assert_eq!(format!("{operation:?} {groups:?} {left:?}"), expected);
    }

    fn mld_group(last: u8) -> [u8; 16] {
        let mut group = [0; 16];
        (group[0], group[1], group[15]) = (0xff, 2, last);
        group
    }

    fn igmp_records() -> Vec<u8> {
        let joined = [4, 0, 0, 0, 239, 1, 1, 1];
        let some_sources = [1, 1, 0, 2, 239, 1, 1, 2, 10, 0, 0, 1, 10, 0, 0, 2, 9, 9, 9, 9];
        let left = [3, 0, 0, 0, 239, 1, 1, 3];
        [&[0x22, 0, 0, 0, 0, 0, 0, 3][..], &joined, &some_sources, &left].concat()
    }

    #[test]
    fn igmp() {
        check(IGMP, &[0x11, 100, 0, 0, 0, 0, 0, 0], "Query [] []");
        check(IGMP, &[0x11, 100, 0, 0, 239, 1, 1, 1, 2, 125, 0, 0], "Query [239.1.1.1] []");
        check(IGMP, &[0x16, 0, 0, 0, 239, 1, 1, 1], "Report [239.1.1.1] []");
        check(IGMP, &[0x17, 0, 0, 0, 239, 1, 1, 1], "Leave [] [239.1.1.1]");
        check(IGMP, &igmp_records(), "Report [239.1.1.1, 239.1.1.2] [239.1.1.3]");
        check(IGMP, &[0x22, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 239, 1, 1, 3], "Leave [] [239.1.1.3]");
        // No group at all.
        check(IGMP, &[0x16, 0, 0, 0, 10, 1, 1, 1], "Report [] []");
        assert_eq!(read(IGMP, 1, &[0x13, 0, 0, 0, 0, 0, 0, 0]), Ok(None));
    }

    #[test]
    fn mld() {
        let fixed = |kind: u8| [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &mld_group(0xfb)].concat();
        check(ICMPV6, &fixed(130), "Query [ff02::fb] []");
        check(ICMPV6, &fixed(131), "Report [ff02::fb] []");
        check(ICMPV6, &fixed(132), "Leave [] [ff02::fb]");
        let records = [&[143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0][..], &mld_group(7)].concat();
        check(ICMPV6, &records, "Report [ff02::7] []");
        assert_eq!(read(ICMPV6, 255, &records), Err(WireError::BadValue), "from beyond the link");
        assert_eq!(read(6, 1, &records), Err(WireError::BadValue));
    }

    #[test]
    fn every_truncation_is_told() {
        let bytes = igmp_records();
        for len in 0..bytes.len() {
            assert_eq!(read(IGMP, 1, &bytes[..len]), Err(WireError::Truncated), "{len}");
        }
        let bytes = [&[130, 0, 0, 0, 0, 0, 0, 0][..], &mld_group(7)].concat();
        for len in 0..bytes.len() {
            assert_eq!(read(ICMPV6, 1, &bytes[..len]), Err(WireError::Truncated), "{len}");
        }
    }

    #[test]
    fn hostile_numbers_are_bounded() {
        let sources = [0x22, 0, 0, 0, 0, 0, 0xff, 0xff, 4, 0xff, 0xff, 0xff, 239, 1, 1, 1];
        assert_eq!(read(IGMP, 1, &sources), Err(WireError::Truncated));
        let many = [&[0x22, 0, 0, 0, 0, 0, 0, 150][..], &[4, 0, 0, 0, 239, 1, 1, 1].repeat(150)].concat();
        assert_eq!(read(IGMP, 1, &many).map(|message| message.map(|m| m.groups.len())), Ok(Some(GROUPS_MAX)));
    }
}
