//! The NetBIOS name service (RFC 1002, section 4.2): who is asked for, registered, refreshed, released and answered to,
//! with each name's suffix and whether it is a group's; and the node status question and its answer. Names are
//! first-level encoded (RFC 1001, section 14.1); scopes are skipped.

use std::net::Ipv4Addr;

use crate::types::{Mac, Text};
use crate::wire::error::WireError;

/// A NetBIOS name service message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Whether it is an answer.
    pub is_response: bool,
    /// The operation (section 4.2.1.1): 0 query, 5 registration, 6 release, 7 wait, 8 and 9 refresh, 15 multi-homed
    /// registration.
    pub opcode: u8,
    /// The result code of an answer; 0 is success.
    pub rcode: u8,
    /// The names of the question section.
    pub questions: Vec<Name>,
    /// Records of the answer and additional sections.
    pub records: Vec<Record>,
    /// Whether something in the message could not be read; what came before it is kept.
    pub is_damaged: bool,
}

/// A NetBIOS name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The first fifteen bytes without the spaces at the end.
    pub name: Text,
    /// The sixteenth byte: what the name is for (00 workstation or domain, 20 server, ...).
    pub suffix: u8,
}

/// A resource record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// NB: a name's addresses, each with whether the name is a group's there.
    Addresses(Name, Vec<(bool, Ipv4Addr)>),
    /// NBSTAT: what a node says of itself.
    Status(NodeStatus),
}

/// Questions and records of one message that are read at most; ordinary messages have two.
pub const RECORDS_MAX: usize = 16;
/// Addresses of one record that are kept at most; a group on a name server may have 25 (RFC 1001, section 15.1.1).
pub const ADDRESSES_MAX: usize = 32;

/// Reads a message. `Ok(None)`: an operation that is none of the name service's.
pub fn parse(body: &[u8]) -> Result<Option<Message>, WireError> {
    let head: &[u8; 12] = body.first_chunk().ok_or(WireError::Truncated)?;
    let opcode = head[2] >> 3 & 0xf;
    if !matches!(opcode, 0 | 5..=9 | 15) {
        return Ok(None);
    }
    let mut message = Message { is_response: head[2] & 0x80 != 0, opcode, rcode: head[3] & 0xf, ..Message::default() };
    let count = |at: usize| usize::from(u16::from_be_bytes([head[at], head[at + 1]]));
    let counts = [4, 6, 8, 10].map(count);
    message.is_damaged = message.read(body, counts).is_err();
    Ok(Some(message))
}

impl Message {
    fn read(&mut self, body: &[u8], counts: [usize; 4]) -> Result<(), WireError> {
        let [questions, answers, authorities, additionals] = counts;
        let mut at = 12;
        for number in 0..questions {
            if number == RECORDS_MAX {
                return Err(WireError::BadValue);
            }
            let (name, end) = name(body, at)?;
            at = end + 4;
            body.get(end..at).ok_or(WireError::Truncated)?;
            self.questions.push(name);
        }
        for number in 0..answers + authorities + additionals {
            if number == RECORDS_MAX {
                return Err(WireError::BadValue);
            }
            let (name, end) = name(body, at)?;
            let fixed: &[u8; 10] = body.get(end..).and_then(<[u8]>::first_chunk).ok_or(WireError::Truncated)?;
            let len = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
            let data = body.get(end + 10..end + 10 + len).ok_or(WireError::Truncated)?;
            at = end + 10 + len;
            let is_authority = (answers..answers + authorities).contains(&number);
            match u16::from_be_bytes([fixed[0], fixed[1]]) {
                _ if is_authority => {}
                NB => self.records.push(Record::Addresses(name, addresses(data))),
                NBSTAT => self.records.push(Record::Status(status(data)?)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Each entry: flags, whose top bit marks a group, and an address (section 4.2.2).
fn addresses(data: &[u8]) -> Vec<(bool, Ipv4Addr)> {
    let (entries, _) = data.as_chunks::<6>();
    let entry = |&[flags, _, a, b, c, d]: &[u8; 6]| (flags & 0x80 != 0, Ipv4Addr::new(a, b, c, d));
    entries.iter().take(ADDRESSES_MAX).map(entry).collect()
}

/// A name, and where the message goes on after it. A pointer leads to an earlier name, once.
fn name(body: &[u8], at: usize) -> Result<(Name, usize), WireError> {
    match body.get(at) {
        Some(high @ 0xc0..) => {
            let low = body.get(at + 1).ok_or(WireError::Truncated)?;
            let to = usize::from(u16::from_be_bytes([high & 0x3f, *low]));
            if to >= at || body.get(to).is_some_and(|len| *len >= 0xc0) {
                return Err(WireError::BadName);
            }
            Ok((name(body, to)?.0, at + 2))
        }
        Some(32) => {
            let label: &[u8; 32] = body.get(at + 1..).and_then(<[u8]>::first_chunk).ok_or(WireError::Truncated)?;
            Ok((decoded(label)?, after_scope(body, at + 33)?))
        }
        Some(_) => Err(WireError::BadName),
        None => Err(WireError::Truncated),
    }
}

/// Two letters a byte: each half of it is added to `A` (RFC 1001, section 14.1).
fn decoded(label: &[u8; 32]) -> Result<Name, WireError> {
    let mut bytes = [0; 16];
    let (pairs, _) = label.as_chunks::<2>();
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let half = |letter: &u8| letter.checked_sub(b'A').filter(|half| *half < 16).ok_or(WireError::BadName);
        *byte = half(high)? << 4 | half(low)?;
    }
    Ok(Name { name: Text::new(trimmed(&bytes[..15])), suffix: bytes[15] })
}

/// Labels of the scope end with the root or with a pointer.
fn after_scope(body: &[u8], mut at: usize) -> Result<usize, WireError> {
    for _ in 0..SCOPE_LABELS_MAX {
        match body.get(at) {
            Some(0) => return Ok(at + 1),
            Some(0xc0..) => return Ok(at + 2),
            Some(len @ 1..=63) => at += 1 + usize::from(*len),
            Some(_) => return Err(WireError::BadName),
            None => return Err(WireError::Truncated),
        }
    }
    Err(WireError::BadName)
}

/// A whole name has 255 octets (RFC 1002, section 4.1).
const SCOPE_LABELS_MAX: usize = 112;
const NB: u16 = 0x20;

/// Operation 0: query.
pub const QUERY: u8 = 0;
/// Operation 5: registration.
pub const REGISTRATION: u8 = 5;
/// Operation 6: release.
pub const RELEASE: u8 = 6;
/// Operation 8: refresh.
pub const REFRESH: u8 = 8;
/// Operation 9: refresh as well, because RFC 1002 gives both numbers.
pub const REFRESH_OLD: u8 = 9;
/// Operation 15: a registration by a host with several addresses.
pub const MULTIHOMED: u8 = 15;

/// A node's status: what it says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// The node's names.
    pub names: Vec<NodeName>,
    /// Unit id: the adapter's MAC; `None` when it is all zeros, as some nodes send it.
    pub unit_id: Option<Mac>,
}

/// One of a node's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName {
    /// The first fifteen bytes without the spaces at the end.
    pub name: Text,
    /// The sixteenth byte: what the name is for (00 workstation or domain, 20 server, ...).
    pub suffix: u8,
    /// Whether it is a group's name.
    pub group: bool,
    /// Whether the name is in use.
    pub active: bool,
}

impl NodeStatus {
    /// The computer's name: the unique one for the workstation service.
    pub fn computer(&self) -> Option<&Text> {
        self.names.iter().find(|name| name.suffix == 0 && !name.group && name.active).map(|name| &name.name)
    }

    /// The name of its domain or workgroup.
    pub fn group(&self) -> Option<&Text> {
        self.names.iter().find(|name| name.suffix == 0 && name.group && name.active).map(|name| &name.name)
    }
}

const NBSTAT: u16 = 0x21;
const ENTRY: usize = 18;

/// A node status request (RFC 1002, section 4.2.17): the name `*`, first-level encoded.
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
    status(&record[10..]).map(Some)
}

/// The data of an NBSTAT record: a count, so many entries, and the node's statistics, which begin with its unit id.
fn status(data: &[u8]) -> Result<NodeStatus, WireError> {
    let (count, rest) = data.split_first().ok_or(WireError::Truncated)?;
    let len = usize::from(*count) * ENTRY;
    let entries = rest.get(..len).ok_or(WireError::Truncated)?;
    let names = entries.chunks_exact(ENTRY).map(|entry| NodeName {
        name: Text::new(trimmed(&entry[..15])),
        suffix: entry[15],
        group: entry[16] & 0x80 != 0,
        active: entry[16] & 0x04 != 0,
    });
    let unit_id = rest[len..].first_chunk::<6>().map(|mac| Mac(*mac));
    Ok(NodeStatus { names: names.collect(), unit_id: unit_id.filter(|mac| mac.is_station()) })
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

    fn encoded(name: &[u8], suffix: u8) -> Vec<u8> {
        let mut bytes = [b' '; 16];
        bytes[..name.len()].copy_from_slice(name);
        bytes[15] = suffix;
        let letters = bytes.iter().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 0xf)]);
        [32].into_iter().chain(letters).chain([0]).collect()
    }

    /// A registration of `name`: the record's own name points to the question's.
    fn registration(opcode: u8, name: &[u8]) -> Vec<u8> {
        let head = [0, 1, opcode << 3 | 1, 0x10, 0, 1, 0, 0, 0, 0, 0, 1];
        let record = [0xc0, 12, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0x80, 0, 10, 0, 0, 5];
        [&head[..], name, &[0, 0x20, 0, 1], &record].concat()
    }

    /// `response opcode`, the questions, and the records' names with their addresses.
    fn written(message: &Message) -> String {
        let word = |name: &Name| format!("{}<{:02x}>", name.name.escaped(), name.suffix);
        let questions: Vec<String> = message.questions.iter().map(word).collect();
        let records: Vec<String> = message
            .records
            .iter()
            .map(|record| match record {
                Record::Addresses(name, addresses) => format!("{} {addresses:?}", word(name)),
                Record::Status(status) => format!("status {}", status.names.len()),
            })
            .collect();
        format!("{} {} {} | {}", message.is_response, message.opcode, questions.join(","), records.join(","))
    }

    fn check(body: &[u8], expected: &str) {
        let message = parse(body).expect("sound").expect("ours");
        assert_eq!(written(&message), expected);
        assert!(!message.is_damaged);
    }

    #[test]
    fn registrations_and_answers() {
        let pc = encoded(b"PC", 0x20);
        check(&registration(5, &pc), "false 5 PC<20> | PC<20> [(true, 10.0.0.5)]");
        check(&registration(6, &pc), "false 6 PC<20> | PC<20> [(true, 10.0.0.5)]");
        // A scope is skipped.
        let scoped = [&pc[..33], b"\x03abc\0"].concat();
        check(&registration(8, &scoped), "false 8 PC<20> | PC<20> [(true, 10.0.0.5)]");
        check(&answer(), "true 0  | status 2");
        let question = [&[0, 1, 1, 0x10, 0, 1, 0, 0, 0, 0, 0, 0][..], &pc, &[0, 0x20, 0, 1]].concat();
        check(&question, "false 0 PC<20> | ");
        assert_eq!(parse(&[0, 1, 0x58, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Ok(None));
    }

    fn check_damaged(body: &[u8]) {
        assert!(parse(body).expect("it has a head").expect("ours").is_damaged, "{body:?}");
    }

    #[test]
    fn every_shorter_message_is_damaged() {
        // What follows the record's own length is no part of the answer.
        let mut status = answer();
        status.truncate(12 + 34 + 10 + 47);
        for whole in [registration(5, &encoded(b"PC", 0)), status] {
            for len in 0..whole.len() {
                match parse(&whole[..len]) {
                    Ok(message) => assert!(message.expect("ours").is_damaged, "{len}"),
                    Err(error) => assert!(error == WireError::Truncated && len < 12, "{len}"),
                }
            }
        }
    }

    #[test]
    fn names_that_lie() {
        let pc = encoded(b"PC", 0);
        check_damaged(&registration(5, &[&[31][..], &pc[1..]].concat()));
        check_damaged(&registration(5, &[&[32][..], &[b'Z'; 32], &[0]].concat()));
        check_damaged(&registration(5, &[0xc0, 12]));
        check_damaged(&registration(5, &[&pc[..33], &[1, b'x'].repeat(200)[..], &[0]].concat()));
        let mut many = registration(5, &pc);
        many[4..6].copy_from_slice(&[0xff, 0xff]);
        check_damaged(&many);
    }
}
