//! LLDP (IEEE 802.1AB-2016, clause 8): the three mandatory TLVs, the basic set, the port's VLAN (IEEE 802.1Q, annex D)
//! and of LLDP-MED (ANSI/TIA-1057, section 10.2) the device class and the inventory. Other organisations' TLVs are
//! skipped. Of a TLV that may occur only once, the first counts.

use std::net::IpAddr;

use crate::types::{Mac, Text};
use crate::wire::error::WireError;

/// An LLDP data unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The chassis: which machine it is.
    pub chassis: Id,
    /// The port that sent it.
    pub port: Id,
    /// How long this is valid, seconds; 0: no longer.
    pub ttl_s: u16,
    /// The port's description.
    pub port_description: Option<Text>,
    /// The system's name.
    pub system_name: Option<Text>,
    /// The system's description.
    pub system_description: Option<Text>,
    /// The system's capabilities.
    pub capabilities: Option<Capabilities>,
    /// Management addresses; at most [`ADDRESSES_MAX`].
    pub management: Vec<IpAddr>,
    /// The port's VLAN for untagged frames; 0: it has none.
    pub port_vlan: Option<u16>,
    /// LLDP-MED; boxed because only phones and the like have it.
    pub med: Option<Box<Med>>,
}

/// A chassis or port identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    /// Its subtype (tables 8-2 and 8-3): of a chassis 4 is a MAC and 5 a network address, of a port 3 and 4.
    pub subtype: u8,
    /// The identifier.
    pub value: Value,
}

/// An identifier's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A network address.
    Ip(IpAddr),
    /// A MAC.
    Mac(Mac),
    /// Anything else, as it was sent.
    Text(Text),
}

impl Value {
    /// In the usual notation of its type.
    pub fn text(&self) -> Text {
        match self {
            Self::Ip(ip) => Text::new(ip.to_string().as_bytes()),
            Self::Mac(mac) => Text::new(mac.to_string().as_bytes()),
            Self::Text(text) => text.clone(),
        }
    }
}

/// System capabilities (table 8-4): one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// What the system could do.
    pub supported: u16,
    /// What it does at present.
    pub enabled: u16,
}

/// Capability: MAC bridge.
pub const BRIDGE: u16 = 1 << 2;
/// Capability: WLAN access point.
pub const ACCESS_POINT: u16 = 1 << 3;
/// Capability: router.
pub const ROUTER: u16 = 1 << 4;
/// Capability: telephone.
pub const TELEPHONE: u16 = 1 << 5;

/// LLDP-MED: what an endpoint says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Med {
    /// Device class: 1 to 3 endpoints (generic, media, communication), 4 a network connectivity device.
    pub class: Option<u8>,
    /// Hardware revision.
    pub hardware: Option<Text>,
    /// Firmware revision.
    pub firmware: Option<Text>,
    /// Software revision.
    pub software: Option<Text>,
    /// Serial number.
    pub serial: Option<Text>,
    /// Manufacturer.
    pub manufacturer: Option<Text>,
    /// Model.
    pub model: Option<Text>,
    /// Asset number.
    pub asset: Option<Text>,
}

/// The device class of telephones and the like.
pub const MED_COMMUNICATION: u8 = 3;

/// Addresses that are kept at most; the rest is skipped.
pub const ADDRESSES_MAX: usize = 16;

/// Reads the data unit, and ignores the frame's padding after it.
pub fn parse(body: &[u8]) -> Result<Option<Message>, WireError> {
    let mut read = Read::default();
    let mut rest = body;
    while let Some((head, after)) = rest.split_first_chunk::<2>() {
        let [kind, len] = [head[0] >> 1, head[1]];
        let len = usize::from(head[0] & 1) << 8 | usize::from(len);
        let value = after.get(..len).ok_or(WireError::Truncated)?;
        rest = &after[len..];
        if kind == END {
            rest = &[];
            break;
        }
        read.tlv(kind, value)?;
    }
    if !rest.is_empty() {
        return Err(WireError::Truncated);
    }
    // "An LLDPDU shall contain [...] exactly one Chassis ID, Port ID and Time To Live TLV" (section 8.2).
    let (Some(chassis), Some(port), Some(ttl_s)) = (read.chassis, read.port, read.ttl_s) else {
        return Err(WireError::Truncated);
    };
    Ok(Some(Message {
        chassis,
        port,
        ttl_s,
        port_description: read.port_description,
        system_name: read.system_name,
        system_description: read.system_description,
        capabilities: read.capabilities,
        management: read.management,
        port_vlan: read.port_vlan,
        med: read.med,
    }))
}

const END: u8 = 0;
const ORGANISATION_8021: [u8; 3] = [0x00, 0x80, 0xc2];
const ORGANISATION_MED: [u8; 3] = [0x00, 0x12, 0xbb];

/// What was read so far.
#[derive(Default)]
struct Read {
    chassis: Option<Id>,
    port: Option<Id>,
    ttl_s: Option<u16>,
    port_description: Option<Text>,
    system_name: Option<Text>,
    system_description: Option<Text>,
    capabilities: Option<Capabilities>,
    management: Vec<IpAddr>,
    port_vlan: Option<u16>,
    med: Option<Box<Med>>,
}

impl Read {
    fn tlv(&mut self, kind: u8, value: &[u8]) -> Result<(), WireError> {
        match kind {
            1 => keep(&mut self.chassis, id(value, 4, 5)?),
            2 => keep(&mut self.port, id(value, 3, 4)?),
            3 => keep(&mut self.ttl_s, u16::from_be_bytes(*value.first_chunk().ok_or(WireError::BadValue)?)),
            4 => keep(&mut self.port_description, Text::new(value)),
            5 => keep(&mut self.system_name, Text::new(value)),
            6 => keep(&mut self.system_description, Text::new(value)),
            7 => {
                let &[a, b, c, d] = value.first_chunk().ok_or(WireError::BadValue)?;
                let [supported, enabled] = [[a, b], [c, d]].map(u16::from_be_bytes);
                keep(&mut self.capabilities, Capabilities { supported, enabled });
            }
            8 => self.management.extend(management(value)?.filter(|_| self.management.len() < ADDRESSES_MAX)),
            127 => self.organisation(value),
            _ => {}
        }
        Ok(())
    }

    /// Reads an organisation's TLV. Damage in it does not make the whole message malformed.
    fn organisation(&mut self, value: &[u8]) {
        let Some((&[a, b, c, subtype], value)) = value.split_first_chunk() else { return };
        match ([a, b, c], subtype) {
            (ORGANISATION_8021, 1) => {
                if let Some(vlan) = value.first_chunk() {
                    keep(&mut self.port_vlan, u16::from_be_bytes(*vlan));
                }
            }
            (ORGANISATION_MED, 1) => {
                if let Some(class) = value.get(2) {
                    keep(&mut self.med.get_or_insert_default().class, *class);
                }
            }
            (ORGANISATION_MED, 5..=11) => {
                let med = self.med.get_or_insert_default();
                let texts = [
                    &mut med.hardware,
                    &mut med.firmware,
                    &mut med.software,
                    &mut med.serial,
                    &mut med.manufacturer,
                    &mut med.model,
                    &mut med.asset,
                ];
                for (number, text) in (5..).zip(texts) {
                    if number == subtype {
                        keep(text, Text::new(value));
                    }
                }
            }
            _ => {}
        }
    }
}

fn keep<T>(kept: &mut Option<T>, value: T) {
    kept.get_or_insert(value);
}

/// A subtype and 1 to 255 bytes (sections 8.5.2 and 8.5.3).
fn id(value: &[u8], of_mac: u8, of_network: u8) -> Result<Id, WireError> {
    let (&subtype, bytes) = value.split_first().ok_or(WireError::BadValue)?;
    if bytes.is_empty() || bytes.len() > 255 {
        return Err(WireError::BadValue);
    }
    // What a TLV has behind its fields is ignored (the rules for all TLVs); a MAC has six octets.
    let as_mac = || bytes.first_chunk().filter(|_| subtype == of_mac).map(|mac| Value::Mac(Mac(*mac)));
    let as_ip = || network_address(bytes).filter(|_| subtype == of_network).map(Value::Ip);
    Ok(Id { subtype, value: as_mac().or_else(as_ip).unwrap_or_else(|| Value::Text(Text::new(bytes))) })
}

/// An address family number and an address, and whatever stands behind it; `None` for families that are not IP's.
fn network_address(bytes: &[u8]) -> Option<IpAddr> {
    let (family, address) = bytes.split_first()?;
    match family {
        1 => address.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        2 => address.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => None,
    }
}

/// Length, family, address; the interface's number and the object that follow are not read (section 8.5.9).
fn management(value: &[u8]) -> Result<Option<IpAddr>, WireError> {
    let (&len, rest) = value.split_first().ok_or(WireError::BadValue)?;
    Ok(network_address(rest.get(..usize::from(len)).ok_or(WireError::BadValue)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TLVs in their order, each a number and its value.
    fn unit(tlvs: &[(u8, &[u8])]) -> Vec<u8> {
        let tlv =
            |(kind, value): &(u8, &[u8])| [&[kind << 1 | (value.len() >> 8) as u8, value.len() as u8], *value].concat();
        tlvs.iter().flat_map(tlv).collect()
    }

    const CHASSIS: (u8, &[u8]) = (1, &[4, 0, 0x11, 0x22, 0x33, 0x44, 0x55]);
    const PORT: (u8, &[u8]) = (2, b"\x05Gi1/0/7");
    const TTL: (u8, &[u8]) = (3, &[0, 120]);

    fn whole() -> Vec<u8> {
        unit(&[
            CHASSIS,
            PORT,
            TTL,
            (4, b"to the roof"),
            (5, b"sw1"),
            (6, b"A switch"),
            (7, &[0, 0x14, 0, 0x04]),
            (8, &[5, 1, 10, 0, 0, 2, 2, 0, 0, 0, 1, 0]),
            (8, &[17, 2, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0]),
            (127, &[0, 0x80, 0xc2, 1, 0, 30]),
            (127, &[0, 0x12, 0x0f, 1, 3, 0, 0, 0, 0]),
            (127, &[0, 0x12, 0xbb, 1, 0, 0x33, 3]),
            (127, b"\x00\x12\xbb\x0aT42"),
        ])
    }

    fn check_refused(tlvs: &[(u8, &[u8])], error: WireError) {
        assert_eq!(parse(&unit(tlvs)), Err(error), "{tlvs:?}");
    }

    #[test]
    fn a_switch_tells_who_and_where_it_is() {
        let mut padded = whole();
        padded.extend([0; 20]);
        let message = parse(&padded).expect("sound").expect("ours");
        assert_eq!(message.chassis, Id { subtype: 4, value: Value::Mac(Mac([0, 0x11, 0x22, 0x33, 0x44, 0x55])) });
        assert_eq!(message.port, Id { subtype: 5, value: Value::Text(Text::new(b"Gi1/0/7")) });
        assert_eq!((message.ttl_s, message.port_vlan), (120, Some(30)));
        let texts = [&message.port_description, &message.system_name, &message.system_description];
        let texts = texts.map(|text| text.as_ref().map(Text::escaped));
        assert_eq!(texts, ["to the roof", "sw1", "A switch"].map(|text| Some(text.to_owned())));
        assert_eq!(message.capabilities, Some(Capabilities { supported: BRIDGE | ROUTER, enabled: BRIDGE }));
        assert_eq!(message.management.iter().map(IpAddr::to_string).collect::<Vec<_>>(), ["10.0.0.2", "fe80::1"]);
        let med = message.med.expect("LLDP-MED");
        assert_eq!((med.class, med.model, med.serial), (Some(MED_COMMUNICATION), Some(Text::new(b"T42")), None));
    }

    #[test]
    fn every_truncation_is_told_or_ends_between_tlvs() {
        let bytes = whole();
        let mut ends = vec![];
        let mut at = 0;
        while at < bytes.len() {
            at += 2 + usize::from(bytes[at + 1]);
            ends.push(at);
        }
        for len in 0..bytes.len() {
            let is_sound = ends.iter().skip(2).any(|end| *end == len);
            assert_eq!(parse(&bytes[..len]).is_ok(), is_sound, "{len}");
        }
    }

    #[test]
    fn what_must_be_there_must_be_sound() {
        check_refused(&[CHASSIS, PORT], WireError::Truncated);
        check_refused(&[PORT, TTL], WireError::Truncated);
        check_refused(&[CHASSIS, PORT, TTL, (0, &[]), (5, b"x")][..2], WireError::Truncated);
        check_refused(&[(1, &[4]), PORT, TTL], WireError::BadValue);
        check_refused(&[CHASSIS, PORT, (3, &[1])], WireError::BadValue);
        check_refused(&[CHASSIS, PORT, TTL, (8, &[5, 1, 10])], WireError::BadValue);
        check_refused(&[CHASSIS, PORT, TTL, (7, &[0, 1])], WireError::BadValue);
    }

    #[test]
    fn the_first_counts_and_hostile_numbers_are_bounded() {
        let address: (u8, &[u8]) = (8, &[5, 1, 10, 0, 0, 2, 2, 0, 0, 0, 1, 0]);
        let mut tlvs = vec![CHASSIS, PORT, TTL, (5, b"first"), (5, b"second"), (127, &[0, 0x80]), (8, &[3, 9, 1, 1])];
        tlvs.extend([address; 100]);
        let message = parse(&unit(&tlvs)).expect("sound").expect("ours");
        assert_eq!(message.system_name, Some(Text::new(b"first")));
        assert_eq!(message.management.len(), ADDRESSES_MAX);
        let long = [7; 511];
        let message = parse(&unit(&[CHASSIS, PORT, TTL, (6, &long)])).expect("sound").expect("ours");
        assert_eq!(message.system_description, Some(Text::new(&long)));
        // What follows the six octets of a MAC is ignored.
        let long = [&[4, 2, 0, 0, 0, 0, 1][..], &[0x80; 21]].concat();
        let message = parse(&unit(&[(1, &long), PORT, TTL])).expect("sound").expect("ours");
        assert_eq!(message.chassis.value, Value::Mac(Mac([2, 0, 0, 0, 0, 1])));
        // A shorter one is kept as a text.
        let message = parse(&unit(&[(1, &[4, 1, 2]), PORT, TTL])).expect("sound").expect("ours");
        assert_eq!(message.chassis.value, Value::Text(Text::new(&[1, 2])));
    }
}
