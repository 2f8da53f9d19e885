//! Link-local multicast name resolution (RFC 4795): a DNS message from or to port 5355. Operation codes other than 0
//! are not ours (section 2.1.1). The conflict and tentative bits are ignored: they do not change what a record says.

use crate::wire::dns;
use crate::wire::error::WireError;

/// Reads a message. `Ok(None)`: another operation than a query.
pub fn parse(body: &[u8]) -> Result<Option<dns::Message>, WireError> {
    let message = dns::parse(body)?;
    Ok(Some(message).filter(|message| message.opcode == 0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::types::Text;

    /// An answer: `pc` is 10.0.0.5, its name given by a pointer to the question.
    fn answer() -> Vec<u8> {
        let head = [0x12, 0x34, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        let question = b"\x02pc\0\0\x01\0\x01";
        [&head[..], question, &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 0, 0, 5]].concat()
    }

    #[test]
    fn an_answer_names_an_address() {
        let message = parse(&answer()).unwrap().unwrap();
        assert!(message.is_response && !message.is_damaged);
        assert_eq!(message.questions, [Text::new(b"pc")]);
        let [record] = message.records.as_slice() else { panic!("one record: {message:?}") };
        assert_eq!((&record.name, &record.data), (&Text::new(b"pc"), &dns::Data::Address([10, 0, 0, 5].into())));
    }

    #[test]
    fn every_truncation_is_told() {
        let whole = answer();
        for len in 0..whole.len() {
            match parse(&whole[..len]) {
                Ok(message) => assert!(message.unwrap().is_damaged, "{len}"),
                Err(error) => assert!(error == WireError::Truncated && len < 12, "{len}"),
            }
        }
    }

    #[test]
    fn other_operations_are_not_ours() {
        let mut message = answer();
        message[2] |= 0x08;
        assert_eq!(parse(&message), Ok(None));
    }
}
