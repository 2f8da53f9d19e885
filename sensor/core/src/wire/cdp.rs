//! Cisco Discovery Protocol, versions 1 and 2, after the SNAP header: device, port, addresses, capabilities, software,
//! platform and VLANs. The checksum is not verified: versions count an odd last byte differently.

use std::net::IpAddr;

use crate::types::Text;
use crate::wire::error::WireError;

/// A CDP message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// How long the message is valid, seconds.
    pub ttl_s: u8,
    /// The device's identifier: its name, or a serial number.
    pub device_id: Option<Text>,
    /// The port that sent the message, by name.
    pub port: Option<Text>,
    /// The device's addresses on this port; at most [`ADDRESSES_MAX`].
    pub addresses: Vec<IpAddr>,
    /// Its management addresses; at most [`ADDRESSES_MAX`].
    pub management: Vec<IpAddr>,
    /// Its capabilities: one bit each, see [`CAPABILITIES`].
    pub capabilities: Option<u32>,
    /// The version of its software.
    pub software: Option<Text>,
    /// Its model.
    pub platform: Option<Text>,
    /// The port's VLAN for untagged frames.
    pub native_vlan: Option<u16>,
    /// The VLAN that a phone is told to use.
    pub voip_vlan: Option<u16>,
}

/// Capability: router.
pub const ROUTER: u32 = 1;
/// Capability: transparent bridge.
pub const TRANSPARENT_BRIDGE: u32 = 2;
/// Capability: source-route bridge.
pub const SOURCE_BRIDGE: u32 = 4;
/// Capability: switch.
pub const SWITCH: u32 = 8;
/// Capability: telephone.
pub const PHONE: u32 = 0x80;

/// The names of the capabilities' bits, the lowest first.
pub const CAPABILITIES: [&str; 11] = [
    "Router",
    "Trans-Bridge",
    "Source-Route-Bridge",
    "Switch",
    "Host",
    "IGMP",
    "Repeater",
    "Phone",
    "Remotely-Managed",
    "CVTA",
    "Two-port-Mac-Relay",
];

/// Addresses that are kept at most; the rest is skipped.
pub const ADDRESSES_MAX: usize = 16;

/// Reads the message. `Ok(None)`: another version.
pub fn parse(body: &[u8]) -> Result<Option<Message>, WireError> {
    let (&[version, ttl_s, ..], mut rest) = body.split_first_chunk::<4>().ok_or(WireError::Truncated)?;
    if !matches!(version, 1 | 2) {
        return Ok(None);
    }
    let mut message = Message { ttl_s, ..Message::default() };
    while !rest.is_empty() {
        let &[kind_high, kind_low, len_high, len_low] = rest.first_chunk().ok_or(WireError::Truncated)?;
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let value = rest.get(4..len.max(4)).ok_or(WireError::Truncated)?;
        // The length includes type and length.
        if len < 4 {
            return Err(WireError::BadValue);
        }
        tlv(&mut message, u16::from_be_bytes([kind_high, kind_low]), value)?;
        rest = &rest[len..];
    }
    Ok(Some(message))
}

fn tlv(message: &mut Message, kind: u16, value: &[u8]) -> Result<(), WireError> {
    match kind {
        0x01 => message.device_id = Some(Text::new(value)),
        0x02 => addresses(value, &mut message.addresses)?,
        0x03 => message.port = Some(Text::new(value)),
        0x04 => message.capabilities = Some(u32::from_be_bytes(*value.first_chunk().ok_or(WireError::BadValue)?)),
        0x05 => message.software = Some(Text::new(value)),
        0x06 => message.platform = Some(Text::new(value)),
        0x0a => message.native_vlan = Some(u16::from_be_bytes(*value.first_chunk().ok_or(WireError::BadValue)?)),
        // The appliance's id precedes the VLAN.
        0x0e => message.voip_vlan = value.get(1..).and_then(<[u8]>::first_chunk).map(|vlan| u16::from_be_bytes(*vlan)),
        0x16 => addresses(value, &mut message.management)?,
        _ => {}
    }
    Ok(())
}

/// A count, and for each address its protocol's type, length and number, its own length and itself.
fn addresses(value: &[u8], out: &mut Vec<IpAddr>) -> Result<(), WireError> {
    let (count, mut rest) = value.split_first_chunk::<4>().ok_or(WireError::BadValue)?;
    for _ in 0..u32::from_be_bytes(*count) {
        let &[protocol_type, protocol_len] = rest.first_chunk().ok_or(WireError::BadValue)?;
        let protocol_end = 2 + usize::from(protocol_len);
        let protocol = rest.get(2..protocol_end).ok_or(WireError::BadValue)?;
        let len = rest.get(protocol_end..).and_then(<[u8]>::first_chunk).ok_or(WireError::BadValue)?;
        let end = protocol_end + 2 + usize::from(u16::from_be_bytes(*len));
        let address = rest.get(protocol_end + 2..end).ok_or(WireError::BadValue)?;
        rest = &rest[end..];
        let address = match (protocol_type, protocol) {
            (1, [0xcc]) => <[u8; 4]>::try_from(address).ok().map(IpAddr::from),
            (2, [0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd]) => <[u8; 16]>::try_from(address).ok().map(IpAddr::from),
            _ => None,
        };
        out.extend(address.filter(|_| out.len() < ADDRESSES_MAX));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPV4: [u8; 9] = [1, 1, 0xcc, 0, 4, 10, 0, 0, 2];

    fn message(tlvs: &[(u16, &[u8])]) -> Vec<u8> {
        let tlv = |(kind, value): &(u16, &[u8])| {
            [&kind.to_be_bytes()[..], &(value.len() as u16 + 4).to_be_bytes(), value].concat()
        };
        [2, 180, 0xab, 0xcd].into_iter().chain(tlvs.iter().flat_map(tlv)).collect()
    }

    fn whole() -> Vec<u8> {
        let ipv6 = [&[2, 8, 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd, 0, 16, 0xfe, 0x80][..], &[0; 13], &[1]].concat();
        message(&[
            (1, b"sw1.example"),
            (2, &[&[0, 0, 0, 2][..], &IPV4, &ipv6].concat()),
            (3, b"GigabitEthernet1/0/7"),
            (4, &[0, 0, 0, 0x29]),
            (5, b"IOS"),
            (6, b"cisco WS-C2960"),
            (9, b"vtp"),
            (10, &[0, 30]),
            (14, &[1, 0, 40]),
            (22, &[&[0, 0, 0, 1][..], &IPV4].concat()),
        ])
    }

    fn check_refused(bytes: &[u8], error: WireError) {
        assert_eq!(parse(bytes), Err(error), "{bytes:?}");
    }

    #[test]
    fn a_switch_tells_who_and_where_it_is() {
        let message = parse(&whole()).expect("sound").expect("ours");
        let text = |text: &str| Some(Text::new(text.as_bytes()));
        let expected = Message {
            ttl_s: 180,
            device_id: text("sw1.example"),
            port: text("GigabitEthernet1/0/7"),
            addresses: vec!["10.0.0.2".parse().expect("v4"), "fe80::1".parse().expect("v6")],
            management: vec!["10.0.0.2".parse().expect("v4")],
            capabilities: Some(ROUTER | SWITCH | 0x20),
            software: text("IOS"),
            platform: text("cisco WS-C2960"),
            native_vlan: Some(30),
            voip_vlan: Some(40),
        };
        assert_eq!(message, expected);
    }

    #[test]
    fn every_truncation_is_told_or_ends_between_tlvs() {
        let bytes = whole();
        let (mut ends, mut at) = (vec![4], 4);
        while at < bytes.len() {
            at += usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            ends.push(at);
        }
        for len in 0..bytes.len() {
            assert_eq!(parse(&bytes[..len]).is_ok(), ends.contains(&len), "{len}");
        }
    }

    #[test]
    fn hostile_numbers_are_bounded() {
        check_refused(&[2, 180, 0, 0, 0, 1, 0, 3, 0], WireError::BadValue);
        check_refused(&[2, 180, 0, 0, 0, 1, 0xff, 0xff, 0], WireError::Truncated);
        check_refused(&message(&[(2, &[0xff, 0xff, 0xff, 0xff])]), WireError::BadValue);
        check_refused(&message(&[(2, &[0, 0, 0, 1, 1, 1, 0xcc, 0xff, 0xff])]), WireError::BadValue);
        check_refused(&message(&[(10, &[1])]), WireError::BadValue);
        let many = [&[0, 0, 0, 100][..], &IPV4.repeat(100)].concat();
        let parsed = parse(&message(&[(2, &many)])).expect("sound").expect("ours");
        assert_eq!(parsed.addresses.len(), ADDRESSES_MAX);
        assert_eq!(parse(&[3, 180, 0, 0]), Ok(None));
    }
}
