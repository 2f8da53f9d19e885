//! ICMP redirects (RFC 792; RFC 1122, section 3.2.2.2): a router tells a host of a better first hop for a destination. Of
//! the packet that it is about only the IPv4 header is read. The checksum is not verified, as in `ndp`.

use std::net::Ipv4Addr;

use crate::wire::error::WireError;

/// A redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The better first hop.
    pub gateway: Ipv4Addr,
    /// The destination of the packet that it is about. Linux and Windows redirect this address alone, also where the code
    /// names its network.
    pub destination: Ipv4Addr,
}

/// Reads an ICMP message. `Ok(None)`: another ICMP type.
pub fn parse(body: &[u8]) -> Result<Option<Message>, WireError> {
    let &[number, code, ..] = body else { return Err(WireError::Truncated) };
    if number != REDIRECT {
        return Ok(None);
    }
    let [_, _, _, _, gateway @ .., _, _, _, _] = body.first_chunk::<12>().ok_or(WireError::Truncated)?;
    let about: &[u8; 20] = body.get(8..).and_then(<[u8]>::first_chunk).ok_or(WireError::Truncated)?;
    // Network or host, for all types of service or for one.
    if code > 3 || about[0] >> 4 != 4 || about[0] & 0xf < 5 {
        return Err(WireError::BadValue);
    }
    let destination = [about[16], about[17], about[18], about[19]];
    Ok(Some(Message { gateway: Ipv4Addr::from(*gateway), destination: destination.into() }))
}

const REDIRECT: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u8, code: u8, version: u8) -> Vec<u8> {
        let about = [version, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 0, 5, 192, 0, 2, 7];
        [&[number, code, 0, 0, 10, 0, 0, 2][..], &about, &[8, 0, 0, 0, 0, 1, 0, 1]].concat()
    }

    #[test]
    fn the_hop_and_the_destination() {
        let read = Message { gateway: [10, 0, 0, 2].into(), destination: [192, 0, 2, 7].into() };
        assert_eq!(parse(&message(REDIRECT, 1, 0x45)), Ok(Some(read)));
        assert_eq!(parse(&message(REDIRECT, 3, 0x4f)), Ok(Some(read)));
        assert_eq!(parse(&message(3, 1, 0x45)), Ok(None));
    }

    #[test]
    fn what_hosts_discard() {
        for (code, version) in [(4, 0x45), (1, 0x65), (1, 0x44)] {
            assert_eq!(parse(&message(REDIRECT, code, version)), Err(WireError::BadValue));
        }
        let whole = message(REDIRECT, 1, 0x45);
        for len in 0..28 {
            assert_eq!(parse(&whole[..len]), Err(WireError::Truncated), "{len}");
        }
        assert!(parse(&whole[..28]).is_ok_and(|message| message.is_some()));
    }
}
