//! ARP over Ethernet for IPv4 (RFC 826, RFC 5227), also with the hardware type of IEEE 802 networks, whose addresses are
//! the same and which hosts take alike (RFC 1042): the 28 bytes of the message. RARP and other address families are
//! left to the classifier, which does not harvest them.

use std::net::Ipv4Addr;

use crate::types::Mac;
use crate::wire::error::WireError;

/// An ARP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The purpose for which it is sent.
    pub purpose: Purpose,
    /// The sender's hardware address.
    pub sender_mac: Mac,
    /// The sender's address; 0.0.0.0 in a conflict check.
    pub sender_ip: Ipv4Addr,
    /// The target's hardware address, which means nothing in a request.
    pub target_mac: Mac,
    /// The target's address.
    pub target_ip: Ipv4Addr,
}

/// What an ARP message is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// RFC 5227's "ARP Probe": a request whose sender has no address yet.
    ConflictCheck,
    /// Sender and target address are the same: RFC 5227's "ARP Announcement".
    Gratuitous,
    /// A reply.
    Reply,
    /// A request.
    Request,
}

/// Reads the message. `Ok(None)`: neither a request nor a reply, or not Ethernet and IPv4.
pub fn parse(body: &[u8]) -> Result<Option<Message>, WireError> {
    let bytes: &[u8; LEN] = body.first_chunk().ok_or(WireError::Truncated)?;
    let (head, addresses) = bytes.split_at(8);
    let is_reply = match head {
        [0, ETHERNET | IEEE_802, 8, 0, 6, 4, 0, operation @ (REQUEST | REPLY)] => *operation == REPLY,
        _ => return Ok(None),
    };
    let sender_ip = ipv4(&addresses[6..10]);
    let target_ip = ipv4(&addresses[16..20]);
    Ok(Some(Message {
        // "A host probes to see if an address is already in use by broadcasting an ARP Request for the desired
        // address. [...] the 'sender IP address' field [...] MUST be set to all zeroes" (RFC 5227, section 2.1.1).
        purpose: match (sender_ip.is_unspecified(), is_reply) {
            (true, false) => Purpose::ConflictCheck,
            _ if sender_ip == target_ip => Purpose::Gratuitous,
            (_, true) => Purpose::Reply,
            (_, false) => Purpose::Request,
        },
        sender_mac: mac(&addresses[..6]),
        sender_ip,
        target_mac: mac(&addresses[10..16]),
        target_ip,
    }))
}

const LEN: usize = 28;
/// Hardware type of Ethernet, here and in DHCP.
pub(super) const ETHERNET: u8 = 1;
/// Hardware type of IEEE 802 networks.
pub(super) const IEEE_802: u8 = 6;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;

fn mac(bytes: &[u8]) -> Mac {
    bytes.first_chunk().map_or(Mac::ZERO, |octets| Mac(*octets))
}

fn ipv4(bytes: &[u8]) -> Ipv4Addr {
    bytes.first_chunk().map_or(Ipv4Addr::UNSPECIFIED, |octets| Ipv4Addr::from(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(operation: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1];
        bytes.extend_from_slice(&sender);
        bytes.extend_from_slice(&[0; 6]);
        bytes.extend_from_slice(&target);
        bytes
    }

    fn check(bytes: &[u8], expected: Result<Option<Purpose>, WireError>) {
        assert_eq!(parse(bytes).map(|message| message.map(|message| message.purpose)), expected, "{bytes:?}");
    }

    #[test]
    fn purposes() {
        check(&message(1, [10, 0, 0, 1], [10, 0, 0, 2]), Ok(Some(Purpose::Request)));
        check(&message(2, [10, 0, 0, 1], [10, 0, 0, 2]), Ok(Some(Purpose::Reply)));
        check(&message(1, [0; 4], [10, 0, 0, 2]), Ok(Some(Purpose::ConflictCheck)));
        check(&message(1, [10, 0, 0, 2], [10, 0, 0, 2]), Ok(Some(Purpose::Gratuitous)));
        check(&message(2, [10, 0, 0, 2], [10, 0, 0, 2]), Ok(Some(Purpose::Gratuitous)));
    }

    #[test]
    fn both_hardware_types_of_ethernet_count() {
        for (hardware, expected) in [(1, Some(Purpose::Reply)), (6, Some(Purpose::Reply)), (7, None)] {
            let mut bytes = message(2, [10, 0, 0, 1], [10, 0, 0, 2]);
            bytes[1] = hardware;
            check(&bytes, Ok(expected));
        }
    }

    #[test]
    fn not_ours_and_too_short() {
        check(&message(3, [10, 0, 0, 1], [10, 0, 0, 2]), Ok(None));
        let mut foreign = message(1, [10, 0, 0, 1], [10, 0, 0, 2]);
        foreign[4] = 0;
        check(&foreign, Ok(None));
        check(&message(1, [10, 0, 0, 1], [10, 0, 0, 2])[..27], Err(WireError::Truncated));
        check(&[], Err(WireError::Truncated));
    }

    #[test]
    fn addresses() {
        let parsed = parse(&message(2, [10, 0, 0, 1], [10, 0, 0, 2]));
        let expected = Message {
            purpose: Purpose::Reply,
            sender_mac: Mac([2, 0, 0, 0, 0, 1]),
            sender_ip: Ipv4Addr::new(10, 0, 0, 1),
            target_mac: Mac::ZERO,
            target_ip: Ipv4Addr::new(10, 0, 0, 2),
        };
        assert_eq!(parsed, Ok(Some(expected)));
    }
}
