//! SSDP (UPnP Device Architecture 2.0, section 1): the header lines of NOTIFY, M-SEARCH and of the answer to one. Names
//! of headers are compared without case, the first header of a name counts, and other lines are skipped. A LOCATION is
//! recorded and never fetched: otherwise anybody who forges one could make the sensor connect to any address.

use crate::types::Text;
use crate::wire::error::WireError;

/// An SSDP message; texts are as sent, without the blanks around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which message it is.
    pub kind: MessageKind,
    /// `SERVER`: operating system, UPnP version, product.
    pub server: Option<Text>,
    /// `LOCATION`: where the device's description is.
    pub location: Option<Text>,
    /// `USN`: unique service name.
    pub usn: Option<Text>,
    /// `NT`: what a NOTIFY is about.
    pub nt: Option<Text>,
    /// `NTS`: `ssdp:alive`, `ssdp:byebye`, `ssdp:update`.
    pub nts: Option<Text>,
    /// `ST`: what is searched for, or what answers.
    pub st: Option<Text>,
    /// `USER-AGENT`: who searches.
    pub user_agent: Option<Text>,
}

/// Which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// `NOTIFY`: a device announces itself or says goodbye.
    Notify,
    /// An answer to a search (`HTTP/1.1 200 OK`).
    Response,
    /// A search (`M-SEARCH`).
    Search,
}

/// Lines of one message that are read at most.
pub const LINES_MAX: usize = 64;

/// Reads a message. `Ok(None)`: another method, or no text at all.
pub fn parse(body: &[u8]) -> Result<Option<Message>, WireError> {
    if body.is_empty() {
        return Err(WireError::Truncated);
    }
    let mut lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.next().unwrap_or_default();
    let kind = match first {
        [b'N', b'O', b'T', b'I', b'F', b'Y', ..] => MessageKind::Notify,
        [b'M', b'-', b'S', b'E', b'A', b'R', b'C', b'H', ..] => MessageKind::Search,
        [b'H', b'T', b'T', b'P', b'/', ..] => MessageKind::Response,
        _ => return Ok(None),
    };
    let (server, location, usn, nt, nts, st, user_agent) = (None, None, None, None, None, None, None);
    let mut message = Message { kind, server, location, usn, nt, nts, st, user_agent };
    // An empty line ends the headers.
    for line in lines.take_while(|line| !line.is_empty()).take(LINES_MAX) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if let Some(field) = message.field(name) {
            field.get_or_insert_with(|| Text::new(value));
        }
    }
    Ok(Some(message))
}

impl Message {
    fn field(&mut self, name: &[u8]) -> Option<&mut Option<Text>> {
        let fields: [(&[u8], _); 7] = [
            (b"server", &mut self.server),
            (b"location", &mut self.location),
            (b"usn", &mut self.usn),
            (b"nt", &mut self.nt),
            (b"nts", &mut self.nts),
            (b"st", &mut self.st),
            (b"user-agent", &mut self.user_agent),
        ];
        fields.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, field)| field)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    const NOTIFY: &[u8] = b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nnt:upnp:rootdevice\r\n\
        NTS : ssdp:alive \r\nUSN: uuid:1::upnp:rootdevice\r\nLocation:\thttp://10.0.0.1:5000/x.xml\r\n\
        SERVER: Linux/5 UPnP/1.0 x/1\r\n\r\n";

    fn check(body: &[u8], field: impl Fn(&Message) -> &Option<Text>, expected: Option<&[u8]>) {
        let message = parse(body).unwrap().unwrap();
        assert_eq!(field(&message).as_ref().map(Text::as_bytes), expected);
    }

    #[test]
    fn header_lines() {
        assert_eq!(parse(NOTIFY).unwrap().unwrap().kind, MessageKind::Notify);
        check(NOTIFY, |m| &m.nt, Some(b"upnp:rootdevice"));
        check(NOTIFY, |m| &m.nts, Some(b"ssdp:alive"));
        check(NOTIFY, |m| &m.usn, Some(b"uuid:1::upnp:rootdevice"));
        check(NOTIFY, |m| &m.location, Some(b"http://10.0.0.1:5000/x.xml"));
        check(NOTIFY, |m| &m.server, Some(b"Linux/5 UPnP/1.0 x/1"));
        check(NOTIFY, |m| &m.st, None);
    }

    #[test]
    fn every_kind() {
        let kind = |body: &[u8]| parse(body).unwrap().map(|message| message.kind);
        assert_eq!(kind(b"M-SEARCH * HTTP/1.1\nST: ssdp:all\nUSER-AGENT: x\n\n"), Some(MessageKind::Search));
        assert_eq!(kind(b"HTTP/1.1 200 OK\r\nST: x\r\n\r\n"), Some(MessageKind::Response));
        assert_eq!(kind(b"GET / HTTP/1.1\r\n\r\n"), None);
        assert_eq!(kind(&[0xff; 40]), None);
        assert_eq!(parse(b""), Err(WireError::Truncated));
    }

    #[test]
    fn the_first_of_a_name_counts_and_the_head_ends() {
        check(b"NOTIFY *\r\nNT: a\r\nnt: b\r\n\r\n", |m| &m.nt, Some(b"a"));
        check(b"NOTIFY *\r\n\r\nNT: a\r\n", |m| &m.nt, None);
        check(b"NOTIFY *\r\nno header\r\nNT:\r\n\r\n", |m| &m.nt, Some(b""));
    }

    #[test]
    fn a_cut_message_keeps_what_came_before() {
        for len in 1..NOTIFY.len() {
            let Ok(message) = parse(&NOTIFY[..len]) else { panic!("{len}") };
            assert_eq!(message.is_some(), len >= 6, "{len}");
        }
    }

    #[test]
    fn long_and_many_lines_have_their_limits() {
        let long = [b"NOTIFY *\r\nSERVER: ".as_slice(), &[b'x'; 5000]].concat();
        check(&long, |m| &m.server, Some(&[b'x'; 255]));
        let many = [b"NOTIFY *\r\n".to_vec(), b"X: y\r\n".repeat(LINES_MAX), b"NT: late\r\n".to_vec()].concat();
        check(&many, |m| &m.nt, None);
    }

    #[test]
    fn hostile_bytes_are_kept_as_they_are() {
        check(b"NOTIFY *\r\nSERVER: \x1b[2J\0\xff\r\n\r\n", |m| &m.server, Some(b"\x1b[2J\0\xff"));
    }
}
