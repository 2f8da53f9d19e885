//! The NetBIOS name service (RFC 1002, section 4.2): the node status question and its answer.

use super::WireError;
use crate::types::{Mac, Text};

/// What a node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its names.
    pub names: Vec<NodeName>,
    /// Unit id: the adapter's MAC; `None` when the node does not tell it (zeros).
    pub unit_id: Option<Mac>,
}

/// One of a node's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    /// Fifteen bytes, less the blanks at the end.
    pub name: Text,
    /// The sixteenth: what the name is for (00 workstation or domain, 20 server, ...).
    pub suffix: u8,
    /// The name is a group's.
    pub group: bool,
    /// The name is in use.
    pub active: bool,
}

impl NodeStatus {
    /// The computer's name: the unique one for the workstation service.
    pub fn computer(&self) -> Option<&Text> {
        self.names.iter().find(|name| name.suffix == 0 && !name.group && name.active).map(|name| &name.name)
    }

    /// The domain or workgroup.
    pub fn group(&self) -> Option<&Text> {
        self.names.iter().find(|name| name.suffix == 0 && name.group && name.active).map(|name| &name.name)
    }
}

const NBSTAT: u16 = 0x21;
const ENTRY: usize = 18;

/// "Who are you?" (RFC 1002, section 4.2.17): the name `*`, first-level encoded.
pub fn node_status_request(id: u16) -> [u8; 50] {
    let mut request = [b'A'; 50];
    request[..2].copy_from_slice(&id.to_be_bytes());
    request[2..13].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x20]);
    // '*' is 0x2a, each half of which is added to 'A'.
    request[13..15].copy_from_slice(b"CK");
    request[45..].copy_from_slice(&[0, 0, 0x21, 0, 1]);
    request
}

/// Reads the answer to the request of that id. `Ok(None)`: another message.
pub fn parse_node_status(id: u16, body: &[u8]) -> Result<Option<NodeStatus>, WireError> {
    let head: &[u8; 12] = body.first_chunk().ok_or(WireError::Truncated)?;
    let is_answer = head[..2] == id.to_be_bytes() && head[2] & 0xf8 == 0x80 && head[3] & 0xf == 0;
    if !is_answer || head[6..8] != [0, 1] {
        return Ok(None);
    }
    // The owner: one label of 32 bytes and the root, or a pointer.
    let owner_len = match body.get(12) {
        Some(len) if len & 0xc0 == 0xc0 => 2,
        Some(32) => 34,
        Some(_) => return Err(WireError::BadName),
        None => return Err(WireError::Truncated),
    };
    let record = body.get(12 + owner_len..).ok_or(WireError::Truncated)?;
    let fixed: &[u8; 11] = record.first_chunk().ok_or(WireError::Truncated)?;
    if fixed[..2] != NBSTAT.to_be_bytes() {
        return Ok(None);
    }
    let count = usize::from(fixed[10]);
    let entries = record.get(11..11 + count * ENTRY).ok_or(WireError::Truncated)?;
    let names = entries.chunks_exact(ENTRY).map(|entry| NodeName {
        name: Text::new(trimmed(&entry[..15])),
        suffix: entry[15],
        group: entry[16] & 0x80 != 0,
        active: entry[16] & 0x04 != 0,
    });
    let unit_id = record.get(11 + count * ENTRY..).and_then(<[u8]>::first_chunk::<6>).map(|mac| Mac(*mac));
    Ok(Some(NodeStatus { names: names.collect(), unit_id: unit_id.filter(|mac| mac.is_station()) }))
}

fn trimmed(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|&b| b != b' ' && b != 0).map_or(0, |last| last + 1);
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Vec<u8> {
        let mut body = vec![0x12, 0x34, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x20];
        body.extend_from_slice(&node_status_request(0)[13..45]);
        body.extend_from_slice(&[0, 0, 0x21, 0, 1, 0, 0, 0, 0, 0, 47, 2]);
        for (name, suffix, flags) in [(b"NAS            ", 0, 0x04), (b"WORKGROUP      ", 0, 0x84)] {
            body.extend_from_slice(name);
            body.extend_from_slice(&[suffix, flags, 0]);
        }
        body.extend_from_slice(&[0, 0x11, 0x32, 1, 2, 3]);
        body.extend_from_slice(&[0; 40]);
        body
    }

    #[test]
    fn a_node_tells_its_names() {
        let status = parse_node_status(0x1234, &answer()).expect("sound").expect("an answer");
        assert_eq!(status.computer().map(Text::as_bytes), Some(&b"NAS"[..]));
        assert_eq!(status.group().map(Text::as_bytes), Some(&b"WORKGROUP"[..]));
        assert_eq!(status.unit_id, Some(Mac([0, 0x11, 0x32, 1, 2, 3])));
    }

    #[test]
    fn other_messages_are_not_ours() {
        assert_eq!(parse_node_status(0x1235, &answer()), Ok(None));
        let mut question = answer();
        question[2] = 0;
        assert_eq!(parse_node_status(0x1234, &question), Ok(None));
    }

    #[test]
    fn every_truncation_is_told() {
        let whole = answer();
        let names_end = whole.len() - 46;
        for len in 0..whole.len() {
            let parsed = parse_node_status(0x1234, &whole[..len]);
            assert_eq!(parsed.is_err(), len < names_end, "{len}");
        }
        let mut many = answer();
        many[56] = 255;
        assert_eq!(parse_node_status(0x1234, &many), Err(WireError::Truncated));
    }

    #[test]
    fn the_question_is_of_the_rfcs_form() {
        let request = node_status_request(0xabcd);
        assert_eq!(&request[..15], b"\xab\xcd\0\0\0\x01\0\0\0\0\0\0\x20CK");
        assert_eq!((&request[15..45], &request[45..]), (&[b'A'; 30][..], &[0, 0, 0x21, 0, 1][..]));
    }
}
