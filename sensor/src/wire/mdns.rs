//! Multicast DNS (RFC 6762): a DNS message from or to port 5353. Operation codes other than 0 are not ours
//! (section 18.3); response codes are not looked at, because an answer's records are what they are.

use super::{WireError, dns};

/// Reads a message. `Ok(None)`: another operation than a query.
pub fn parse(body: &[u8]) -> Result<Option<dns::Message>, WireError> {
    let message = dns::parse(body)?;
    Ok(Some(message).filter(|message| message.opcode == 0))
}
