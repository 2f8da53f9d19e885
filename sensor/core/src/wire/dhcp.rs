//! DHCPv4 (RFC 2131) and its options (RFC 2132; 77: RFC 3004, 81: RFC 4702, 82: RFC 3046), with option overload and
//! long options (RFC 3396). BOOTP without options is a message too. A message whose options
//! end early is still a message: what came before is kept, and it is marked.

use std::net::Ipv4Addr;

use crate::types::{Mac, Text};
use crate::wire::arp::{ETHERNET, IEEE_802};
use crate::wire::error::WireError;

/// A DHCPv4 message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `op`: 1 from a client, 2 from a server.
    pub from_server: bool,
    /// `chaddr`: the client's hardware address.
    pub client: Option<Mac>,
    /// `ciaddr`: the address that the client has.
    pub ciaddr: Ipv4Addr,
    /// `yiaddr`: the address that it is to have.
    pub yiaddr: Ipv4Addr,
    /// `giaddr`: the relay.
    pub giaddr: Ipv4Addr,
    /// Options by number, each joined from all its parts.
    options: Vec<(u8, Vec<u8>)>,
    /// Whether the options ended early or exceeded the message.
    pub is_truncated: bool,
}

/// Reads a message. `Ok(None)`: neither request nor reply, or not for an Ethernet client.
pub fn parse(body: &[u8]) -> Result<Option<Message>, WireError> {
    let fixed: &[u8; FIXED_LEN] = body.first_chunk().ok_or(WireError::Truncated)?;
    // The hardware types are ARP's (RFC 2131, section 2).
    let [op @ (1 | 2), ETHERNET | IEEE_802, 6, ..] = *fixed else { return Ok(None) };
    let ipv4 = |at: usize| Ipv4Addr::new(fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]);
    let mut message = Message {
        from_server: op == 2,
        client: fixed[28..34].first_chunk().map(|octets| Mac(*octets)),
        ciaddr: ipv4(12),
        yiaddr: ipv4(16),
        giaddr: ipv4(24),
        options: Vec::new(),
        is_truncated: false,
    };
    let (cookie, options) = body[FIXED_LEN..].split_at_checked(4).unwrap_or_default();
    if cookie == COOKIE {
        message.is_truncated |= !message.read_options(options);
        // "If the 'file' field is used, it MUST be interpreted next, followed by the 'sname' field." (RFC 2131, 4.1)
        let overload = message.option(OVERLOAD).and_then(|value| value.first().copied()).unwrap_or(0);
        if overload & 1 != 0 {
            message.is_truncated |= !message.read_options(&fixed[108..236]);
        }
        if overload & 2 != 0 {
            message.is_truncated |= !message.read_options(&fixed[44..108]);
        }
    }
    Ok(Some(message))
}

impl Message {
    /// An option's value, joined from all its parts (RFC 3396), at most [`OPTION_MAX`] bytes.
    pub fn option(&self, number: u8) -> Option<&[u8]> {
        self.options.iter().find(|(found, _)| *found == number).map(|(_, value)| value.as_slice())
    }

    /// The options that are there, in the order of their first appearance, at most [`NUMBERS_MAX`].
    pub fn numbers(&self) -> Vec<u8> {
        self.options.iter().map(|(number, _)| *number).take(NUMBERS_MAX).collect()
    }

    /// An option as text, without the NULs that some clients end it with.
    pub fn text(&self, number: u8) -> Option<Text> {
        Some(Text::new(without_nuls(self.option(number)?)))
    }

    /// Option 12. It is text (RFC 2132, section 3.14), but some clients write it as DNS does.
    pub fn host_name(&self) -> Option<Text> {
        self.option(HOST_NAME).map(plain_name)
    }

    /// An option that is one IPv4 address.
    pub fn ipv4(&self, number: u8) -> Option<Ipv4Addr> {
        self.option(number)?.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets))
    }

    /// An option that is a list of IPv4 addresses. Bytes that are left over are ignored.
    pub fn ipv4s(&self, number: u8) -> Vec<Ipv4Addr> {
        let (addresses, _) = self.option(number).unwrap_or_default().as_chunks::<4>();
        addresses.iter().map(|octets| Ipv4Addr::from(*octets)).collect()
    }

    /// Option 81: the name, from either of its forms (RFC 4702, section 2.3.1). The flags' E bit tells them apart, but some
    /// clients set it wrongly.
    pub fn fqdn(&self) -> Option<Text> {
        let [flags, _, _, name @ ..] = self.option(FQDN)? else { return None };
        if flags & 4 == 0 {
            return Some(plain_name(name));
        }
        let (labels, _) = labels(name);
        // Text begins with a letter or digit, which is no length of a label that is there.
        let is_text = labels.is_empty() && name.first().is_some_and(u8::is_ascii_alphanumeric);
        Some(if is_text { plain_name(name) } else { Text::new(&labels.join(&b'.')) })
    }

    /// Reads one field of options; false when it ends inside one.
    fn read_options(&mut self, mut rest: &[u8]) -> bool {
        loop {
            match rest {
                // A message may end without the end option; many do.
                [] | [END, ..] => return true,
                [PAD, after @ ..] => rest = after,
                [number, len, after @ ..] => {
                    let Some((value, after)) = after.split_at_checked(usize::from(*len)) else { return false };
                    self.join(*number, value);
                    rest = after;
                }
                [_] => return false,
            }
        }
    }

    fn join(&mut self, number: u8, value: &[u8]) {
        match self.options.iter_mut().find(|(found, _)| *found == number) {
            Some((_, joined)) => {
                let room = OPTION_MAX.saturating_sub(joined.len());
                joined.extend_from_slice(&value[..value.len().min(room)]);
            }
            None => self.options.push((number, value.to_vec())),
        }
    }
}

fn without_nuls(value: &[u8]) -> &[u8] {
    let len = value.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &value[..len]
}

/// A name that should be text. One that is none, and that labels fill exactly, is in DNS form.
fn plain_name(value: &[u8]) -> Text {
    let text = Text::new(without_nuls(value));
    if text.as_clean().is_some() {
        return text;
    }
    let (labels, rest) = labels(value);
    let is_dns = !labels.is_empty() && rest.iter().all(|&byte| byte == 0);
    if is_dns { Text::new(&labels.join(&b'.')) } else { text }
}

/// The labels that a name in DNS form begins with, and what follows them.
fn labels(name: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut labels = Vec::new();
    let mut rest = name;
    while let [len @ 1..=63, after @ ..] = rest {
        let Some((label, after)) = after.split_at_checked(usize::from(*len)) else { break };
        labels.push(label);
        rest = after;
    }
    (labels, rest)
}

/// Option 12: the client's host name.
pub const HOST_NAME: u8 = 12;
/// Routers on the client's subnet (RFC 2132, section 3.5).
pub const ROUTERS: u8 = 3;
/// Name servers (RFC 2132, section 3.8).
pub const NAME_SERVERS: u8 = 6;
/// Subnet mask (RFC 2132, section 3.3).
pub const SUBNET_MASK: u8 = 1;
/// Option 43: vendor-specific information.
pub const VENDOR_SPECIFIC: u8 = 43;
/// Option 50: the address that the client asks for.
pub const REQUESTED_ADDRESS: u8 = 50;
/// Option 51: the lease time, seconds.
pub const LEASE_TIME: u8 = 51;
/// Option 52: option overload.
pub const OVERLOAD: u8 = 52;
/// Option 53: the message's type.
pub const MESSAGE_TYPE: u8 = 53;
/// Option 54: the server's identifier.
pub const SERVER: u8 = 54;
/// Option 55: the options that the client asks for.
pub const PARAMETERS: u8 = 55;
/// Option 57: the maximum message size.
pub const MAX_MESSAGE_SIZE: u8 = 57;
/// Option 60: the vendor class.
pub const VENDOR_CLASS: u8 = 60;
/// Option 61: the client's identifier.
pub const CLIENT_ID: u8 = 61;
/// Option 77: the user class (RFC 3004).
pub const USER_CLASS: u8 = 77;
/// Option 81: the client's fully qualified name (RFC 4702).
pub const FQDN: u8 = 81;
/// Option 82: the relay agent's information (RFC 3046).
pub const RELAY_INFO: u8 = 82;
/// Options that are listed at most; clients send about twenty.
pub const NUMBERS_MAX: usize = 64;
/// The longest joined option that is kept, bytes.
pub const OPTION_MAX: usize = 4096;

const FIXED_LEN: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const PAD: u8 = 0;
const END: u8 = 255;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn message(options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; FIXED_LEN];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        bytes.extend_from_slice(&COOKIE);
        bytes.extend_from_slice(options);
        bytes
    }

    fn check(bytes: &[u8], number: u8, expected: Option<&[u8]>, truncated: bool) {
        let message = parse(bytes).unwrap().unwrap();
        assert_eq!((message.option(number), message.is_truncated), (expected, truncated));
    }

    #[test]
    fn options_in_order_and_in_parts() {
        check(&message(&[0, 12, 1, b'a', 255, 12, 1, b'b']), 12, Some(b"a"), false);
        check(&message(&[12, 1, b'a', 53, 1, 1, 12, 1, b'b', 255]), 12, Some(b"ab"), false);
        check(&message(&[12, 0, 255]), 12, Some(b""), false);
        check(&message(&[]), 12, None, false);
    }

    #[test]
    fn damage_keeps_what_came_before() {
        check(&message(&[12, 1, b'a', 60, 200, b'x']), 12, Some(b"a"), true);
        check(&message(&[12, 1, b'a', 60]), 12, Some(b"a"), true);
        check(&message(&[12, 1, b'a', 60, 200, b'x']), 60, None, true);
    }

    #[test]
    fn overload_reads_file_then_sname() {
        let mut bytes = message(&[52, 1, 3, 12, 1, b'a', 255]);
        bytes[108..112].copy_from_slice(&[12, 1, b'b', 255]);
        bytes[44..48].copy_from_slice(&[12, 1, b'c', 255]);
        check(&bytes, 12, Some(b"abc"), false);
        bytes[44..47].copy_from_slice(&[12, 200, b'c']);
        check(&bytes, 12, Some(b"ab"), true);
    }

    #[test]
    fn joined_options_are_bounded() {
        let part = [&[43, 255][..], &[7; 255]].concat();
        let message = parse(&message(&part.repeat(20))).unwrap().unwrap();
        assert_eq!(message.option(43).map(<[u8]>::len), Some(OPTION_MAX));
    }

    fn check_fqdn(option: &[u8], expected: Option<&str>) {
        let bytes = message(&[&[81, option.len() as u8][..], option].concat());
        assert_eq!(parse(&bytes).unwrap().unwrap().fqdn().map(|name| name.escaped()).as_deref(), expected);
    }

    #[test]
    fn both_forms_of_the_full_name() {
        check_fqdn(b"\0\0\0pc.example\0", Some("pc.example"));
        check_fqdn(b"\x04\0\0\x02pc\x07example\0", Some("pc.example"));
        check_fqdn(b"\x04\0\0\x02pc\x3f", Some("pc"));
        check_fqdn(b"\0\0", None);
    }

    #[test]
    fn names_in_the_wrong_form() {
        check_fqdn(b"\x04\0\0pc.example", Some("pc.example"));
        check_fqdn(b"\x04\0\x001st-pc", Some("1st-pc"));
        check_fqdn(b"\0\0\0\x02pc\x07example\0", Some("pc.example"));
        let check_host_name = |option: &[u8], expected: &str| {
            let bytes = message(&[&[12, option.len() as u8][..], option].concat());
            let name = parse(&bytes).unwrap().unwrap().host_name();
            assert_eq!(name.map(|name| name.escaped()).as_deref(), Some(expected));
        };
        check_host_name(b"\x07us-west\0", "us-west");
        check_host_name(b"\x02pc\x03lan", "pc.lan");
        check_host_name(b"pc\0\0", "pc");
        check_host_name("Büro".as_bytes(), "Büro");
        // Neither form.
        check_host_name(b"\x07pc", "\\x07pc");
    }

    #[test]
    fn both_hardware_types_of_ethernet_count() {
        for (hardware, is_ours) in [(1, true), (6, true), (32, false)] {
            let mut bytes = message(&[]);
            bytes[1] = hardware;
            assert_eq!(parse(&bytes).unwrap().is_some(), is_ours, "{hardware}");
        }
    }

    #[test]
    fn not_ours_and_too_short() {
        assert_eq!(parse(&[1; 235]), Err(WireError::Truncated));
        assert_eq!(parse(&[3; 300]), Ok(None));
        let mut bootp = vec![0; 236];
        bootp[..3].copy_from_slice(&[2, 1, 6]);
        assert!(parse(&bootp).unwrap().unwrap().from_server);
    }
}
