//! The DNS message (RFC 1035, section 4) as far as link-local naming needs it: questions and records of the answer and
//! additional sections. The authority section is skipped: in mDNS it holds the names that a host wants to use, not
//! facts (RFC 6762, section 8.2). Names are bytes: labels joined by `.`, nothing escaped, no final dot; the root is
//! `.`.

use std::net::IpAddr;

use crate::types::Text;
use crate::wire::error::WireError;

/// A DNS message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// QR: whether it is an answer.
    pub is_response: bool,
    /// Operation code; 0 is a standard query.
    pub opcode: u8,
    /// The names of the question section.
    pub questions: Vec<Text>,
    /// Records of the answer and additional sections that were read.
    pub records: Vec<Record>,
    /// Whether something in the message could not be read; what came before it is kept.
    pub is_damaged: bool,
}

/// A resource record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The owner's name.
    pub name: Text,
    /// Time to live, seconds; 0 is a goodbye (RFC 6762, section 10.1).
    pub ttl_s: u32,
    /// The record's data.
    pub data: Data,
}

/// A record's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// A or AAAA: an address.
    Address(IpAddr),
    /// PTR: another name.
    Pointer(Text),
    /// SRV (RFC 2782): where a service is.
    Service {
        /// The name of the host.
        target: Text,
        /// The service's port.
        port: u16,
    },
    /// TXT: strings, each up to 255 bytes.
    Texts(Vec<Text>),
}

/// Questions and records of one message that are read at most. A jumbo mDNS message has room for a few hundred.
pub const RECORDS_MAX: usize = 512;
/// The longest text of a name, bytes: 255 octets on the wire, less the first length and the root (RFC 1035, section
/// 2.3.4).
pub const NAME_MAX: usize = 253;
/// Labels of one name at most.
pub const LABELS_MAX: usize = 128;

/// Reads a message. A record that cannot be read ends it, and the message is marked; what came before is kept.
pub fn parse(body: &[u8]) -> Result<Message, WireError> {
    let head: &[u8; 12] = body.first_chunk().ok_or(WireError::Truncated)?;
    let count = |at: usize| usize::from(u16::from_be_bytes([head[at], head[at + 1]]));
    let [questions, answers, authorities, additionals] = [4, 6, 8, 10].map(count);
    let mut message = Message { is_response: head[2] & 0x80 != 0, opcode: head[2] >> 3 & 0xf, ..Message::default() };
    let mut reader = Reader { body, at: 12, pointers_left: POINTERS_MAX };
    message.is_damaged = message.read(&mut reader, questions, answers, authorities, additionals).is_err();
    Ok(message)
}

/// A question to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// The name: labels joined by `.`, no final dot.
    name: &'a [u8],
    kind: u16,
}

impl<'a> Question<'a> {
    /// A question for the PTR records of a name.
    pub fn pointer(name: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self { name: name.as_ref(), kind: PTR }
    }
}

/// A query of these questions, each asking for a unicast answer (RFC 6762, section 5.4). `None`: one of the names is
/// invalid.
pub fn query(id: u16, questions: &[Question<'_>]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(64 * questions.len());
    out.extend(id.to_be_bytes());
    out.extend([0, 0]);
    out.extend(u16::try_from(questions.len()).ok()?.to_be_bytes());
    out.extend([0; 6]);
    for question in questions {
        if question.name.is_empty() || question.name.len() > NAME_MAX {
            return None;
        }
        for label in question.name.split(|&b| b == b'.') {
            out.push(u8::try_from(label.len()).ok().filter(|len| (1..64).contains(len))?);
            out.extend(label);
        }
        out.push(0);
        out.extend(question.kind.to_be_bytes());
        out.extend((UNICAST | IN).to_be_bytes());
    }
    Some(out)
}

/// The address's name below `in-addr.arpa` (RFC 1035, section 3.5) or `ip6.arpa` (RFC 3596, section 2.5).
pub fn reverse_name(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().rev().map(|byte| format!("{:x}.{:x}.", byte & 0xf, byte >> 4));
            nibbles.chain(["ip6.arpa".to_owned()]).collect()
        }
    }
}

const IN: u16 = 1;
/// The top bit of a question's class (RFC 6762, section 18.12).
const UNICAST: u16 = 0x8000;

impl Message {
    fn read(
        &mut self,
        reader: &mut Reader<'_>,
        questions: usize,
        answers: usize,
        authorities: usize,
        additionals: usize,
    ) -> Result<(), WireError> {
        for number in 0..questions {
            if number == RECORDS_MAX {
                return Err(WireError::BadValue);
            }
            let name = reader.name()?;
            reader.take(4)?;
            self.questions.push(name);
        }
        let authority = answers..answers + authorities;
        for number in 0..answers + authorities + additionals {
            if number == RECORDS_MAX {
                return Err(WireError::BadValue);
            }
            let record = reader.record()?;
            if let Some(record) = record.filter(|_| !authority.contains(&number)) {
                self.records.push(record);
            }
        }
        Ok(())
    }
}

const A: u16 = 1;
const PTR: u16 = 12;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;
/// Compression pointers that are followed in one message at most: a name can use one for each label.
const POINTERS_MAX: usize = 4096;

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    pointers_left: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let bytes = self.body.get(self.at..self.at + len).ok_or(WireError::Truncated)?;
        self.at += len;
        Ok(bytes)
    }

    fn u16(&mut self) -> Result<u16, WireError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A record; `None` when its type or class is not read, or when its own data are wrong.
    fn record(&mut self) -> Result<Option<Record>, WireError> {
        let name = self.name()?;
        let kind = self.u16()?;
        // The top bit of the class is mDNS's cache-flush bit (RFC 6762, section 10.2).
        let class = self.u16()? & 0x7fff;
        let ttl = self.take(4)?;
        let ttl_s = u32::from_be_bytes([ttl[0], ttl[1], ttl[2], ttl[3]]);
        let len = usize::from(self.u16()?);
        let start = self.at;
        let data = self.take(len)?;
        if class != 1 {
            return Ok(None);
        }
        let end = self.at;
        self.at = start;
        let data = self.data(kind, data, end);
        self.at = end;
        match data {
            Ok(data) => Ok(data.map(|data| Record { name, ttl_s, data })),
            // Its length still tells where the next record begins.
            Err(_) => Ok(None),
        }
    }

    fn data(&mut self, kind: u16, data: &[u8], end: usize) -> Result<Option<Data>, WireError> {
        let data = match kind {
            A => Data::Address(IpAddr::from(<[u8; 4]>::try_from(data).map_err(|_| WireError::BadValue)?)),
            AAAA => Data::Address(IpAddr::from(<[u8; 16]>::try_from(data).map_err(|_| WireError::BadValue)?)),
            PTR => Data::Pointer(self.name()?),
            SRV => {
                self.take(4)?;
                let port = self.u16()?;
                Data::Service { target: self.name()?, port }
            }
            TXT => return texts(data).map(|texts| Some(Data::Texts(texts))),
            _ => return Ok(None),
        };
        if self.at > end { Err(WireError::BadValue) } else { Ok(Some(data)) }
    }

    /// A name; compression pointers must point strictly backwards, so that no name can loop.
    fn name(&mut self) -> Result<Text, WireError> {
        let mut bytes = Vec::new();
        let mut at = self.at;
        let mut after_first_pointer = None;
        let mut lowest = self.at;
        for _ in 0..=LABELS_MAX {
            let &len = self.body.get(at).ok_or(WireError::Truncated)?;
            match len {
                0 => {
                    self.at = after_first_pointer.unwrap_or(at + 1);
                    if bytes.is_empty() {
                        bytes.push(b'.');
                    }
                    return Ok(Text::new(&bytes));
                }
                1..=63 => {
                    let label = self.body.get(at + 1..at + 1 + usize::from(len)).ok_or(WireError::Truncated)?;
                    if !bytes.is_empty() {
                        bytes.push(b'.');
                    }
                    bytes.extend_from_slice(label);
                    if bytes.len() > NAME_MAX {
                        return Err(WireError::BadName);
                    }
                    at += 1 + usize::from(len);
                }
                0xc0.. => {
                    let &low = self.body.get(at + 1).ok_or(WireError::Truncated)?;
                    let to = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                    self.pointers_left = self.pointers_left.checked_sub(1).ok_or(WireError::BadName)?;
                    if to >= lowest {
                        return Err(WireError::BadName);
                    }
                    after_first_pointer.get_or_insert(at + 2);
                    lowest = to;
                    at = to;
                }
                _ => return Err(WireError::BadName),
            }
        }
        Err(WireError::BadName)
    }
}

/// TXT strings (RFC 1035, section 3.3.14); an empty one says nothing (RFC 6763, section 6.1) and is kept as it is.
fn texts(mut data: &[u8]) -> Result<Vec<Text>, WireError> {
    let mut texts = Vec::new();
    while let [len, rest @ ..] = data {
        let (text, after) = rest.split_at_checked(usize::from(*len)).ok_or(WireError::Truncated)?;
        texts.push(Text::new(text));
        data = after;
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn a_query_is_read_as_it_was_meant() {
        let questions =
            [super::Question::pointer("5.0.0.10.in-addr.arpa"), super::Question::pointer(b"_ipp._tcp.local")];
        let message = super::parse(&super::query(7, &questions).expect("two names")).expect("sound");
        let names: Vec<_> = message.questions.iter().map(|name| name.escaped()).collect();
        assert_eq!(names, ["5.0.0.10.in-addr.arpa", "_ipp._tcp.local"]);
        assert!(!message.is_response && !message.is_damaged);
        assert_eq!(super::query(7, &[super::Question::pointer("a..b")]), None);
        assert_eq!(super::query(7, &[super::Question::pointer(&[b'a'; 64])]), None);
        assert_eq!(super::query(7, &[super::Question::pointer("")]), None);
    }

    #[test]
    fn reverse_names() {
        let name = |ip: &str| super::reverse_name(ip.parse().expect("an address"));
        assert_eq!(name("192.0.2.1"), "1.2.0.192.in-addr.arpa");
        assert_eq!(name("2001:db8::1"), format!("1.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(23)));
    }

    /// A response with `answers` records whose bytes follow the header.
    fn message(answers: u16, records: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0x84, 0, 0, 0];
        bytes.extend_from_slice(&answers.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(records);
        bytes
    }

    fn check(answers: u16, records: &[u8], expected: &str) {
        let message = parse(&message(answers, records)).unwrap();
        let mut got: Vec<String> =
            message.records.iter().map(|record| format!("{} {:?}", record.name.escaped(), record.data)).collect();
        if message.is_damaged {
            got.push("damaged".to_owned());
        }
        assert_eq!(got.join("; "), expected);
    }

    #[test]
    fn records_of_every_kind() {
        check(1, b"\x01a\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\x0a\0\0\x01", "a.local Address(10.0.0.1)");
        check(
            2,
            b"\x01a\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\x0a\0\0\x01\xc0\x0c\0\x21\0\x01\0\0\0\x78\0\x09\0\0\0\0\0\x50\x01b\0",
            "a.local Address(10.0.0.1); a.local Service { target: \"b\", port: 80 }",
        );
        check(1, b"\0\0\x10\0\x01\0\0\0\x78\0\x06\x03a=1\x01b", ". Texts([\"a=1\", \"b\"])");
        check(1, b"\x01a\0\0\x2f\0\x01\0\0\0\x78\0\x02\xc0\xff", "");
    }

    #[test]
    fn a_record_with_wrong_data_costs_only_itself() {
        check(
            2,
            b"\x01a\0\0\x01\0\x01\0\0\0\x78\0\x03\x0a\0\0\x01b\0\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x02",
            "b Address(10.0.0.2)",
        );
        check(2, b"\x01a\0\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x01\x01b\0\0\x01", "a Address(10.0.0.1); damaged");
    }

    #[test]
    fn pointers_point_backwards_or_the_name_is_refused() {
        check(1, b"\xc0\x0c\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x01", "damaged");
        check(1, b"\xc0\x0e\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x01", "damaged");
        check(1, b"\x01a\xc0\x0c\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x01", "damaged");
        check(1, b"\x80\0\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x01", "damaged");
    }

    #[test]
    fn long_names_are_refused() {
        let long = [&[63; 64][..], &[63; 64], &[63; 64], &[63; 64], b"\0\0\x01\0\x01\0\0\0\0\0\0"].concat();
        check(1, &long, "damaged");
        let many = [&b"\x01a".repeat(200)[..], b"\0\0\x01\0\x01\0\0\0\0\0\0"].concat();
        check(1, &many, "damaged");
    }

    #[test]
    fn counts_promise_nothing() {
        check(0xffff, b"", "damaged");
        assert_eq!(parse(&[0; 11]), Err(WireError::Truncated));
        let bomb = message(0xffff, &b"\0\0\x01\0\x01\0\0\0\0\0\0".repeat(9000));
        assert!(parse(&bomb).unwrap().is_damaged);
    }

    /// Each name follows every pointer before it, so that the work would grow with the square of the message.
    #[test]
    fn a_chain_of_pointers_is_bounded() {
        // Questions: a root, then pointers, each to the one before.
        let mut bytes = vec![0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
        let mut to = 12_u16;
        for at in (17_u16..).step_by(6).take(0x1ff) {
            bytes.extend((0xc000 | to).to_be_bytes());
            bytes.extend([0, 1, 0, 1]);
            to = at;
        }
        let message = parse(&bytes).unwrap();
        assert!(message.is_damaged);
        // 0 + 1 + 2 + .. pointers, until the chain is longer than a name has labels or the message's share is used up.
        assert!(message.questions.len() <= LABELS_MAX, "{}", message.questions.len());
    }

    #[test]
    fn questions_and_the_authority_section() {
        // One question with the unicast bit, one record in the authority section, one in the additional.
        let record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x01";
        let head = [0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1];
        let message = parse(&[&head[..], b"\x01a\0\0\xff\x80\x01", record, record].concat()).unwrap();
        assert!(!message.is_response && !message.is_damaged);
        assert_eq!((message.questions, message.records.len()), (vec![Text::new(b"a")], 1));
    }

    #[test]
    fn names_keep_their_bytes() {
        check(1, b"\x03a.b\x02\xff\x1b\0\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x01", "a.b.\\xff\\x1b Address(10.0.0.1)");
        let label = [&[63][..], &[b'a'; 63]].concat();
        let longest = [&label.repeat(3)[..], &[61], &[b'a'; 61], &[0]].concat();
        assert_eq!(longest.len(), 255);
        let tail = b"\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x01";
        let read = parse(&message(1, &[&longest[..], tail].concat())).unwrap();
        assert_eq!(read.records[0].name.as_bytes().len(), NAME_MAX);
        let longer = [&label.repeat(3)[..], &[62], &[b'a'; 62], &[0], tail].concat();
        check(1, &longer, "damaged");
    }

    #[test]
    fn data_that_reach_past_their_length() {
        let next = b"\x01b\0\0\x01\0\x01\0\0\0\x78\0\x04\x0a\0\0\x02";
        // A pointer record whose name goes on in the next record; a service of six bytes; a text past the end.
        check(2, &[&b"\0\0\x0c\0\x01\0\0\0\x78\0\x01"[..], b"\x01", next].concat(), "b Address(10.0.0.2)");
        check(2, &[&b"\0\0\x0c\0\x01\0\0\0\x78\0\0"[..], next].concat(), "b Address(10.0.0.2)");
        check(2, &[&b"\0\0\x21\0\x01\0\0\0\x78\0\x06\0\0\0\0\0\x50"[..], next].concat(), "b Address(10.0.0.2)");
        check(2, &[&b"\0\0\x10\0\x01\0\0\0\x78\0\x02\x05a"[..], next].concat(), "b Address(10.0.0.2)");
        check(1, b"\0\0\x01\0\x01\0\0\0\x78\xff\xff\x0a\0\0\x01", "damaged");
    }

    #[test]
    fn other_classes_are_stepped_over() {
        check(1, b"\0\0\x01\0\xff\0\0\0\x78\0\x04\x0a\0\0\x01", "");
    }
}
