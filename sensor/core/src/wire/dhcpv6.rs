//! DHCPv6 (RFC 8415) as far as it tells who is there: the message's type, both DUIDs, the addresses and prefixes of its
//! identity associations, the client's name (option 39, RFC 4704), vendor class and what it asks for. Of a relayed
//! message the one inside is read, up to the RFC's limit of hops. A message whose options end early is still a message:
//! what came before is kept, and it is marked.

use std::net::Ipv6Addr;

use crate::types::Text;
use crate::wire::error::WireError;

/// A DHCPv6 message; of a relayed one, the message inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The type (RFC 8415, section 7.3).
    pub kind: u8,
    /// The relay nearest to the client, when the message was relayed.
    pub relay: Option<Relay>,
    /// Option 1: the client's DUID, raw.
    pub client_duid: Option<Text>,
    /// Option 2: the server's DUID, raw.
    pub server_duid: Option<Text>,
    /// Option 39: the client's name, labels joined by `.`.
    pub fqdn: Option<Text>,
    /// Option 16: the vendor class, raw: enterprise number and data.
    pub vendor_class: Option<Text>,
    /// Option 6: the options asked for, in order; at most [`REQUESTED_MAX`].
    pub requested: Vec<u16>,
    /// Addresses of IA_NA and IA_TA; at most [`ADDRESSES_MAX`].
    pub addresses: Vec<Address>,
    /// Prefixes of IA_PD; at most [`ADDRESSES_MAX`].
    pub prefixes: Vec<Delegated>,
    /// Whether the options ended early or exceeded the message.
    pub is_truncated: bool,
}

/// The outer message of a relay (RFC 8415, section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Whether it is on its way to the client (Relay-reply).
    pub is_reply: bool,
    /// An address that tells the client's link, or `::`.
    pub link: Ipv6Addr,
    /// The client or relay that the relay heard, or sends to.
    pub peer: Ipv6Addr,
}

/// An address of an identity association (section 21.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: Ipv6Addr,
    /// Preferred lifetime, seconds; all ones is infinity.
    pub preferred_s: u32,
    /// Valid lifetime, seconds; all ones is infinity, 0 ends it.
    pub valid_s: u32,
}

/// A delegated prefix (section 21.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delegated {
    /// The prefix's address.
    pub ip: Ipv6Addr,
    /// Its length (0..=128).
    pub length: u8,
    /// Preferred lifetime, seconds; all ones is infinity.
    pub preferred_s: u32,
    /// Valid lifetime, seconds; all ones is infinity, 0 ends it.
    pub valid_s: u32,
}

/// Addresses, and prefixes, that are kept at most: more than a client is given.
pub const ADDRESSES_MAX: usize = 16;
/// Options asked for that are kept at most: more than a client asks for.
pub const REQUESTED_MAX: usize = 128;

/// Reads a message. `Ok(None)`: a relay's message without a message inside.
pub fn parse(body: &[u8]) -> Result<Option<Message>, WireError> {
    let mut message = Message::default();
    let mut rest = body;
    for _ in 0..=HOPS_MAX {
        match *rest {
            [number @ (RELAY_FORWARD | RELAY_REPLY), ..] => {
                let envelope: &[u8; ENVELOPE] = rest.first_chunk().ok_or(WireError::Truncated)?;
                let (link, peer) = (address(&envelope[2..18]), address(&envelope[18..34]));
                message.relay = Some(Relay { is_reply: number == RELAY_REPLY, link, peer });
                let mut inner = None;
                message.is_truncated |= !each_option(&rest[ENVELOPE..], |number, value| {
                    if number == RELAY_MESSAGE {
                        inner.get_or_insert(value);
                    }
                });
                let Some(inner) = inner else { return Ok(None) };
                rest = inner;
            }
            [kind, _, _, _, ref options @ ..] => {
                message.kind = kind;
                message.read_options(options);
                return Ok(Some(message));
            }
            _ => return Err(WireError::Truncated),
        }
    }
    // "HOP_COUNT_LIMIT 8: Max hop count in a Relay-forward message" (section 7.6)
    Err(WireError::BadValue)
}

impl Message {
    fn read_options(&mut self, options: &[u8]) {
        let mut is_whole = true;
        is_whole &= each_option(options, |number, value| match number {
            CLIENT_DUID => set(&mut self.client_duid, value),
            SERVER_DUID => set(&mut self.server_duid, value),
            VENDOR_CLASS => set(&mut self.vendor_class, value),
            FQDN => set(&mut self.fqdn, &name(value)),
            OPTION_REQUEST => {
                let room = REQUESTED_MAX.saturating_sub(self.requested.len());
                let (numbers, _) = value.as_chunks::<2>();
                self.requested.extend(numbers.iter().take(room).map(|number| u16::from_be_bytes(*number)));
            }
            IA_NA | IA_PD => self.is_truncated |= !self.association(value, 12),
            IA_TA => self.is_truncated |= !self.association(value, 4),
            _ => {}
        });
        self.is_truncated |= !is_whole;
    }

    /// What an identity association holds behind its fixed part; false when it ends inside.
    fn association(&mut self, value: &[u8], fixed_len: usize) -> bool {
        let Some(options) = value.get(fixed_len..) else { return false };
        let mut is_whole = true;
        let ends_well = each_option(options, |number, value| match number {
            IA_ADDRESS if self.addresses.len() < ADDRESSES_MAX => match value.first_chunk::<24>() {
                Some(fixed) => self.addresses.push(Address {
                    ip: address(&fixed[..16]),
                    preferred_s: u32_at(fixed, 16),
                    valid_s: u32_at(fixed, 20),
                }),
                None => is_whole = false,
            },
            IA_PREFIX if self.prefixes.len() < ADDRESSES_MAX => match value.first_chunk::<25>() {
                Some(fixed) if fixed[8] <= 128 => self.prefixes.push(Delegated {
                    preferred_s: u32_at(fixed, 0),
                    valid_s: u32_at(fixed, 4),
                    length: fixed[8],
                    ip: address(&fixed[9..]),
                }),
                _ => is_whole = false,
            },
            _ => {}
        });
        ends_well && is_whole
    }
}

/// Each option's number and value, in order; false when the field ends inside one.
fn each_option<'a>(mut rest: &'a [u8], mut take: impl FnMut(u16, &'a [u8])) -> bool {
    while let [n0, n1, l0, l1, after @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*l0, *l1]));
        let Some((value, after)) = after.split_at_checked(len) else { return false };
        take(u16::from_be_bytes([*n0, *n1]), value);
        rest = after;
    }
    rest.is_empty()
}

/// The first option of its number counts.
fn set(field: &mut Option<Text>, value: &[u8]) {
    field.get_or_insert_with(|| Text::new(value));
}

/// The name behind the flags of option 39, whole or only its first labels (RFC 4704, section 4.2).
fn name(value: &[u8]) -> Vec<u8> {
    let mut labels: Vec<&[u8]> = Vec::new();
    let mut rest = value.get(1..).unwrap_or_default();
    while let [len @ 1..=63, after @ ..] = rest {
        let Some((label, after)) = after.split_at_checked(usize::from(*len)) else { break };
        labels.push(label);
        rest = after;
    }
    labels.join(&b'.')
}

fn address(bytes: &[u8]) -> Ipv6Addr {
    bytes.first_chunk::<16>().map_or(Ipv6Addr::UNSPECIFIED, |octets| Ipv6Addr::from(*octets))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// HOP_COUNT_LIMIT (section 7.6).
const HOPS_MAX: usize = 8;
/// Type, hop count, link and peer address (section 9).
const ENVELOPE: usize = 34;
const RELAY_FORWARD: u8 = 12;
const RELAY_REPLY: u8 = 13;
const CLIENT_DUID: u16 = 1;
const SERVER_DUID: u16 = 2;
const IA_NA: u16 = 3;
const IA_TA: u16 = 4;
const IA_ADDRESS: u16 = 5;
const OPTION_REQUEST: u16 = 6;
const RELAY_MESSAGE: u16 = 9;
const VENDOR_CLASS: u16 = 16;
const IA_PD: u16 = 25;
const IA_PREFIX: u16 = 26;
const FQDN: u16 = 39;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    const IP: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5);

    fn option(number: u16, value: &[u8]) -> Vec<u8> {
        [&number.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
    }

    fn message(kind: u8, options: &[Vec<u8>]) -> Vec<u8> {
        [&[kind, 1, 2, 3][..], &options.concat()].concat()
    }

    fn ia_address(valid_s: u32) -> Vec<u8> {
        option(IA_ADDRESS, &[&IP.octets()[..], &[0, 0, 0, 60], &valid_s.to_be_bytes()].concat())
    }

    fn relayed(number: u8, inner: &[u8]) -> Vec<u8> {
        let head = [&[number, 0][..], &IP.octets(), &IP.octets()].concat();
        [head, option(18, b"eth0"), option(RELAY_MESSAGE, inner)].concat()
    }

    /// A client's request with everything that is read.
    fn whole() -> Vec<u8> {
        message(
            3,
            &[
                option(CLIENT_DUID, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1]),
                option(SERVER_DUID, b"server"),
                option(OPTION_REQUEST, &[0, 23, 0, 24]),
                option(VENDOR_CLASS, b"\0\0\x01\x37\0\x04MSFT"),
                option(FQDN, b"\0\x02pc\x03lan\0"),
                option(IA_NA, &[&[0; 12][..], &ia_address(120)].concat()),
                option(IA_TA, &[&[0; 4][..], &ia_address(7)].concat()),
                option(
                    IA_PD,
                    &[&[0; 12][..], &option(IA_PREFIX, &[&[0, 0, 0, 1, 0, 0, 0, 2, 56][..], &IP.octets()].concat())]
                        .concat(),
                ),
            ],
        )
    }

    #[test]
    fn everything_that_is_read() {
        let message = parse(&whole()).unwrap().unwrap();
        assert_eq!(message.client_duid, Some(Text::new(&[0, 3, 0, 1, 2, 0, 0, 0, 0, 1])));
        assert_eq!(message.server_duid, Some(Text::new(b"server")));
        assert_eq!(message.fqdn, Some(Text::new(b"pc.lan")));
        assert_eq!(message.vendor_class, Some(Text::new(b"\0\0\x01\x37\0\x04MSFT")));
        assert_eq!(message.requested, [23, 24]);
        let valid = |valid_s| Address { ip: IP, preferred_s: 60, valid_s };
        assert_eq!(message.addresses, [valid(120), valid(7)]);
        assert_eq!(message.prefixes, [Delegated { ip: IP, length: 56, preferred_s: 1, valid_s: 2 }]);
        assert!(message.kind == 3 && message.relay.is_none() && !message.is_truncated);
    }

    #[test]
    fn a_relays_envelope_is_opened() {
        let message = parse(&relayed(RELAY_FORWARD, &relayed(RELAY_FORWARD, &whole()))).unwrap().unwrap();
        assert_eq!(message.relay, Some(Relay { is_reply: false, link: IP, peer: IP }));
        assert_eq!((message.kind, message.fqdn), (3, Some(Text::new(b"pc.lan"))));
        let reply = parse(&relayed(RELAY_REPLY, &message_of(7))).unwrap().unwrap();
        assert!(reply.kind == 7 && reply.relay.is_some_and(|relay| relay.is_reply));
        assert_eq!(parse(&[&[RELAY_FORWARD, 0][..], &[0; 32]].concat()), Ok(None));
    }

    fn message_of(kind: u8) -> Vec<u8> {
        message(kind, &[])
    }

    #[test]
    fn envelopes_have_a_limit() {
        let nested = |hops| (0..hops).fold(whole(), |inner, _| relayed(RELAY_FORWARD, &inner));
        assert!(parse(&nested(HOPS_MAX)).unwrap().is_some());
        assert_eq!(parse(&nested(HOPS_MAX + 1)), Err(WireError::BadValue));
    }

    #[test]
    fn every_truncation_is_told() {
        for whole in [whole(), relayed(RELAY_FORWARD, &whole())] {
            let mut was_whole = 0;
            for len in 0..whole.len() {
                match parse(&whole[..len]) {
                    Ok(Some(message)) => was_whole += usize::from(!message.is_truncated),
                    Ok(None) => {}
                    Err(error) => assert_eq!(error, WireError::Truncated),
                }
            }
            // Only where one option ends and the next has not begun can nobody tell.
            assert!(was_whole <= 8, "{was_whole}");
        }
    }

    #[test]
    fn tables_have_their_limits() {
        let many = option(IA_NA, &[&[0; 12][..], &ia_address(1).repeat(40)].concat());
        let requests = option(OPTION_REQUEST, &[0, 1].repeat(1000));
        let message = parse(&message(7, &[many.clone(), many, requests])).unwrap().unwrap();
        assert_eq!((message.addresses.len(), message.requested.len()), (ADDRESSES_MAX, REQUESTED_MAX));
    }

    fn check_damage(options: &[Vec<u8>]) {
        let message = parse(&message(7, &[&[option(CLIENT_DUID, b"x")], options].concat())).unwrap().unwrap();
        assert!(message.is_truncated && message.client_duid.is_some(), "{message:?}");
    }

    #[test]
    fn damage_keeps_what_came_before() {
        check_damage(&[vec![0, 2, 0, 9, 1]]);
        check_damage(&[vec![0]]);
        check_damage(&[option(IA_NA, &[0; 11])]);
        check_damage(&[option(IA_NA, &[&[0; 12][..], &option(IA_ADDRESS, &[0; 23])].concat())]);
        check_damage(&[option(IA_PD, &[&[0; 12][..], &option(IA_PREFIX, &[200; 25])].concat())]);
    }

    #[test]
    fn names_that_lie() {
        let fqdn = |value: &[u8]| parse(&message(1, &[option(FQDN, value)])).unwrap().unwrap().fqdn;
        assert_eq!(fqdn(b"\0\x02pc"), Some(Text::new(b"pc")));
        assert_eq!(fqdn(b"\0\x02pc\x3fx"), Some(Text::new(b"pc")));
        assert_eq!(fqdn(b""), Some(Text::new(b"")));
    }
}
