//! Datagrams from the ports of DNS, NTP and SNMP: whether they are answers, from their first bytes. Nothing else is
//! read.

use crate::types::Frame;
use crate::wire::error::WireError;

/// An answer of a UDP service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The transport protocol: `udp`.
    pub protocol: &'static str,
    /// The service's port.
    pub port: u16,
}

/// Reads a datagram from a service's port.
pub fn parse(frame: &Frame<'_>) -> Result<Option<Message>, WireError> {
    let Some(port) = frame.packet.map(|packet| packet.ports[0]) else { return Ok(None) };
    let is_answer = match port {
        53 => is_dns_answer(frame.body),
        123 => is_ntp_answer(frame.body),
        161 => is_snmp_answer(frame.body),
        _ => false,
    };
    Ok(is_answer.then_some(Message { protocol: "udp", port }))
}

/// A response without error, or one that says that there is no such name (RFC 1035, section 4.1.1).
fn is_dns_answer(body: &[u8]) -> bool {
    let Some(header) = body.first_chunk::<12>() else { return false };
    let is_query = header[2] & 0x78 == 0;
    header[2] & 0x80 != 0 && is_query && matches!(header[3] & 0xf, 0 | 3)
}

/// Mode 4, server, of version 1 to 4, from a server whose clock is set (RFC 5905, section 7.3).
fn is_ntp_answer(body: &[u8]) -> bool {
    let Some(&[flags, stratum]) = body.first_chunk::<2>() else { return false };
    flags & 7 == 4 && (1..=4).contains(&(flags >> 3 & 7)) && (1..16).contains(&stratum)
}

/// A sequence of version, community and a response (RFC 3416), or of version 3 (RFC 3412), whose contents after the
/// header may be encrypted.
fn is_snmp_answer(body: &[u8]) -> bool {
    let Some(message) = element(body, 0x30) else { return false };
    let Some((&[0x02, 1, version], rest)) = message.split_first_chunk::<3>() else { return false };
    match version {
        0 | 1 => element_end(rest, 0x04).and_then(|end| rest.get(end)) == Some(&0xa2),
        3 => rest.first() == Some(&0x30),
        _ => false,
    }
}

/// Where the contents of a BER element start, and where they end if all of it is there.
fn span(bytes: &[u8], tag: u8) -> Option<(usize, usize)> {
    match *bytes {
        [first, len @ 0..=0x7f, ..] if first == tag => Some((2, usize::from(len))),
        [first, 0x81, len, ..] if first == tag => Some((3, usize::from(len))),
        [first, 0x82, high, low, ..] if first == tag => Some((4, usize::from(u16::from_be_bytes([high, low])))),
        _ => None,
    }
}

/// An element's contents, as far as the datagram has them.
fn element(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (start, len) = span(bytes, tag)?;
    bytes.get(start..(start + len).min(bytes.len()))
}

fn element_end(bytes: &[u8], tag: u8) -> Option<usize> {
    span(bytes, tag).map(|(start, len)| start + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns() {
        assert!(is_dns_answer(&[0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]));
        assert!(is_dns_answer(&[0, 1, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0]));
        assert!(!is_dns_answer(&[0, 1, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]), "a question");
        assert!(!is_dns_answer(&[0, 1, 0x81, 0x85, 0, 1, 0, 0, 0, 0, 0, 0]), "refused");
        assert!(!is_dns_answer(&[0, 1, 0x81]));
    }

    #[test]
    fn ntp() {
        assert!(is_ntp_answer(&[0x24, 2, 0, 0]));
        assert!(!is_ntp_answer(&[0x23, 0, 0, 0]), "a client");
        assert!(!is_ntp_answer(&[0xe4, 0, 0, 0]), "a server without a clock");
        assert!(!is_ntp_answer(&[]));
    }

    #[test]
    fn snmp() {
        let v2c = |pdu| [&[0x30, 40, 2, 1, 1, 4, 6][..], b"public", &[pdu, 27, 2, 1, 1]].concat();
        assert!(is_snmp_answer(&v2c(0xa2)));
        assert!(!is_snmp_answer(&v2c(0xa0)), "a question");
        assert!(is_snmp_answer(&[0x30, 0x81, 140, 2, 1, 3, 0x30, 14]));
        assert!(!is_snmp_answer(&[0x30, 0x82, 1]));
        assert!(!is_snmp_answer(b"hello"));
    }
}
