//! Multicast DNS (RFC 6762): a DNS message from or to port 5353. Operation codes other than 0 are not ours
//! (section 18.3); response codes are ignored, because records mean the same whatever the code.

use crate::wire::dns;
use crate::wire::error::WireError;

/// Reads a message. `Ok(None)`: another operation than a query.
pub fn parse(body: &[u8]) -> Result<Option<dns::Message>, WireError> {
    let message = dns::parse(body)?;
    Ok(Some(message).filter(|message| message.opcode == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flags: [u8; 2], expected: Option<bool>) {
        let message = parse(&[&[0, 0][..], &flags, &[0; 8]].concat());
        assert_eq!(message.map(|message| message.map(|message| message.is_response)), Ok(expected), "{flags:?}");
    }

    #[test]
    fn only_the_standard_query_and_its_response() {
        check([0, 0], Some(false));
        check([0x84, 0], Some(true));
        // A response code and bits that mDNS does not use are ignored.
        check([0x87, 0xff], Some(true));
        check([0x08, 0], None);
        check([0xfc, 0], None);
    }

    #[test]
    fn too_short() {
        assert_eq!(parse(&[0; 11]), Err(WireError::Truncated));
    }
}
