//! WS-Discovery (OASIS 1.1, and the drafts of 2004 and 2005 before it): Hello, Bye, Probe, Resolve and the matches that
//! answer them, with each target's endpoint, types, scopes and transport addresses. Elements are known by their local
//! names, whatever prefix a sender gives their namespace. Of a message that ends early what came before is kept.
//! Addresses are recorded and never connected to. A document type, which could define entities, is refused, as in SOAP.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::types::Text;
use crate::wire::error::WireError;

/// A WS-Discovery message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which message it is.
    pub kind: MessageKind,
    /// The target services that it is about; at most [`TARGETS_MAX`].
    pub targets: Vec<Target>,
    /// Whether it ended early or is no XML from some point on.
    pub is_damaged: bool,
}

/// Which message (section 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Bye: a target leaves.
    Bye,
    /// Hello: a target joins.
    Hello,
    /// Probe: which targets have these types and scopes?
    Probe,
    /// ProbeMatches: the answer to a Probe.
    ProbeMatches,
    /// Resolve: what are the addresses of this endpoint?
    Resolve,
    /// ResolveMatches: the answer to a Resolve.
    ResolveMatches,
}

/// A target service, or what a search asks of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Endpoint address, often `urn:uuid:`.
    pub endpoint: Option<Text>,
    /// Types, as written (`wsdp:Device pub:Computer`); at most [`WORDS_MAX`].
    pub types: Vec<Text>,
    /// Scopes; at most [`WORDS_MAX`].
    pub scopes: Vec<Text>,
    /// Transport addresses; at most [`WORDS_MAX`].
    pub xaddrs: Vec<Text>,
}

/// Targets of one message that are read at most.
pub const TARGETS_MAX: usize = 8;
/// Words of one list that are read at most; an ONVIF camera has about twelve scopes.
pub const WORDS_MAX: usize = 32;

/// Reads a message. `Ok(None)`: no XML, or another message.
pub fn parse(body: &[u8]) -> Result<Option<Message>, WireError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    match body.first() {
        None => return Err(WireError::Truncated),
        Some(b'<') => {}
        Some(_) => return Ok(None),
    }
    let (text, is_text) = match std::str::from_utf8(body) {
        Ok(text) => (text, true),
        Err(error) => (std::str::from_utf8(&body[..error.valid_up_to()]).unwrap_or_default(), false),
    };
    let mut scan = Scan { kind: None, targets: Vec::new(), place: Place::default(), words: String::new() };
    let end = scan.run(text);
    let is_damaged = !is_text || end != Ok(true);
    match (scan.kind, end) {
        (_, Err(WireError::BadValue)) => Err(WireError::BadValue),
        (Some(kind), _) => Ok(Some(Message { kind, targets: scan.targets, is_damaged })),
        (None, _) if is_damaged => Err(WireError::Truncated),
        (None, _) => Ok(None),
    }
}

/// The state of reading the document, element by element.
struct Scan {
    kind: Option<MessageKind>,
    targets: Vec<Target>,
    place: Place,
    /// Text of the element that is open.
    words: String,
}

/// The elements that are open.
#[derive(Default)]
struct Place {
    depth: usize,
    /// Depth of the body, of the message in it, and of the endpoint reference, while they are open.
    body: Option<usize>,
    message: Option<usize>,
    endpoint: Option<usize>,
}

impl Scan {
    /// Whether the document ended as it should; `Err(BadValue)` for a document type.
    fn run(&mut self, text: &str) -> Result<bool, WireError> {
        let mut reader = Reader::from_str(text);
        let mut has_root = false;
        loop {
            let Ok(event) = reader.read_event() else { return Err(WireError::Truncated) };
            has_root |= matches!(event, Event::Start(_) | Event::Empty(_));
            match event {
                Event::Start(element) => self.open(element.local_name().as_ref().as_bytes()),
                Event::Empty(element) => {
                    self.open(element.local_name().as_ref().as_bytes());
                    self.close(element.local_name().as_ref().as_bytes());
                }
                Event::End(element) => self.close(element.local_name().as_ref().as_bytes()),
                Event::Text(text) => self.add(&text),
                Event::CData(text) => self.add(&text),
                Event::GeneralRef(name) => match name.resolve_char_ref() {
                    Ok(Some(character)) => self.add(character.encode_utf8(&mut [0; 4])),
                    _ => self.add(entity(&name)),
                },
                Event::DocType(_) => return Err(WireError::BadValue),
                Event::Eof => return Ok(self.place.depth == 0 && has_root),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    fn open(&mut self, name: &[u8]) {
        self.place.depth += 1;
        self.words.clear();
        let depth = self.place.depth;
        match name {
            b"Body" if self.place.body.is_none() => self.place.body = Some(depth),
            _ if self.place.body == Some(depth - 1) && self.kind.is_none() => {
                self.kind = kind(name);
                self.place.message = self.kind.map(|_| depth);
                if !matches!(self.kind, None | Some(MessageKind::ProbeMatches | MessageKind::ResolveMatches)) {
                    self.targets.push(Target::default());
                }
            }
            b"ProbeMatch" | b"ResolveMatch" if self.is_in_message() && self.targets.len() < TARGETS_MAX => {
                self.targets.push(Target::default());
            }
            b"EndpointReference" if self.is_in_message() => self.place.endpoint = Some(depth),
            _ => {}
        }
    }

    fn close(&mut self, name: &[u8]) {
        let depth = self.place.depth;
        let is_endpoint = self.place.endpoint == Some(depth.saturating_sub(1));
        if self.is_in_message()
            && let Some(target) = self.targets.last_mut()
        {
            let words = || self.words.split_ascii_whitespace().map(|word| Text::new(word.as_bytes()));
            let fill = |list: &mut Vec<Text>| list.extend(words().take(WORDS_MAX.saturating_sub(list.len())));
            match name {
                b"Address" if is_endpoint => {
                    target.endpoint = target.endpoint.take().or_else(|| words().next());
                }
                b"Types" => fill(&mut target.types),
                b"Scopes" => fill(&mut target.scopes),
                b"XAddrs" => fill(&mut target.xaddrs),
                _ => {}
            }
        }
        self.words.clear();
        for place in [&mut self.place.body, &mut self.place.message, &mut self.place.endpoint] {
            place.take_if(|at| *at == depth);
        }
        self.place.depth = depth.saturating_sub(1);
    }

    fn add(&mut self, text: &str) {
        if self.is_in_message() {
            self.words.push_str(text);
        }
    }

    fn is_in_message(&self) -> bool {
        self.place.message.is_some()
    }
}

fn kind(name: &[u8]) -> Option<MessageKind> {
    Some(match name {
        b"Bye" => MessageKind::Bye,
        b"Hello" => MessageKind::Hello,
        b"Probe" => MessageKind::Probe,
        b"ProbeMatches" => MessageKind::ProbeMatches,
        b"Resolve" => MessageKind::Resolve,
        b"ResolveMatches" => MessageKind::ResolveMatches,
        _ => return None,
    })
}

/// The value of an entity that XML itself defines; others are ignored.
fn entity(name: &str) -> &'static str {
    match name {
        "amp" => "&",
        "apos" => "'",
        "gt" => ">",
        "lt" => "<",
        "quot" => "\"",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn envelope(body: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"s\"><soap:Header>\
             <wsa:ReplyTo><wsa:Address>urn:nobody</wsa:Address></wsa:ReplyTo></soap:Header>\
             <soap:Body>{body}</soap:Body></soap:Envelope>"
        )
    }

    const HELLO: &str = "<wsd:Hello><wsa:EndpointReference><wsa:Address>urn:uuid:1</wsa:Address></wsa:EndpointReference>\
        <wsd:Types>wsdp:Device\n pub:Computer</wsd:Types><wsd:Scopes/><wsd:XAddrs>http://10.0.0.5/x?a=1&amp;b=&#50;\
        </wsd:XAddrs><wsd:MetadataVersion>1</wsd:MetadataVersion></wsd:Hello>";

    /// `kind`, then each target's words with blanks between lists.
    fn check(body: &str, expected: &str) {
        let message = parse(envelope(body).as_bytes()).unwrap().unwrap();
        assert!(!message.is_damaged);
        assert_eq!(written(&message), expected);
    }

    fn written(message: &Message) -> String {
        let list = |list: &[Text]| list.iter().map(Text::escaped).collect::<Vec<_>>().join(",");
        let mut line = format!("{:?}", message.kind);
        for target in &message.targets {
            let endpoint = target.endpoint.as_ref().map_or("-".to_owned(), Text::escaped);
            line +=
                &format!(" {endpoint} [{}] [{}] [{}]", list(&target.types), list(&target.scopes), list(&target.xaddrs));
        }
        line
    }

    #[test]
    fn a_hello_tells_of_one_target() {
        check(HELLO, "Hello urn:uuid:1 [wsdp:Device,pub:Computer] [] [http://10.0.0.5/x?a=1&b=2]");
        check(
            &HELLO.replace("wsd:", "").replace("wsa:", "a:"),
            "Hello urn:uuid:1 [wsdp:Device,pub:Computer] [] [http://10.0.0.5/x?a=1&b=2]",
        );
    }

    #[test]
    fn other_messages() {
        check(
            "<d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe>",
            "Probe - [dn:NetworkVideoTransmitter] [] []",
        );
        check("<d:Probe/>", "Probe - [] [] []");
        check("<d:Bye><a:EndpointReference><a:Address>u</a:Address></a:EndpointReference></d:Bye>", "Bye u [] [] []");
        let found = |name: &str| {
            let one = "<a:EndpointReference><a:Address>u</a:Address></a:EndpointReference><d:Scopes>s t</d:Scopes>";
            format!("<d:{name}es><d:{name}>{one}</d:{name}><d:{name}>{one}</d:{name}></d:{name}es>")
        };
        check(&found("ProbeMatch"), "ProbeMatches u [] [s,t] [] u [] [s,t] []");
        check(&found("ResolveMatch"), "ResolveMatches u [] [s,t] [] u [] [s,t] []");
        check("<d:ProbeMatches/>", "ProbeMatches");
    }

    #[test]
    fn what_is_not_ours() {
        assert_eq!(parse(envelope("<x:Get/>").as_bytes()), Ok(None));
        assert_eq!(parse(b"<html></html>"), Ok(None));
        assert_eq!(parse(b"GET / HTTP/1.1"), Ok(None));
        assert_eq!(parse(b"  "), Err(WireError::Truncated));
    }

    #[test]
    fn a_document_type_is_refused() {
        let bomb = format!("<!DOCTYPE x [<!ENTITY a \"aaaa\">]>{}", envelope(HELLO));
        assert_eq!(parse(bomb.as_bytes()), Err(WireError::BadValue));
    }

    #[test]
    fn every_truncation_is_told() {
        let whole = envelope(HELLO);
        for len in 0..whole.len() {
            match parse(&whole.as_bytes()[..len]) {
                Ok(message) => assert!(message.unwrap().is_damaged, "{len}"),
                Err(error) => assert_eq!(error, WireError::Truncated, "{len}"),
            }
        }
    }

    #[test]
    fn damage_keeps_what_came_before() {
        let whole = envelope(HELLO);
        let (before, after) = whole.split_at(whole.find("<wsd:Scopes").unwrap());
        for damage in [b"\xff\xfe".as_slice(), b"</wrong>", b"<", b"<a b=>"] {
            let message = parse(&[before.as_bytes(), damage, after.as_bytes()].concat()).unwrap().unwrap();
            assert!(message.targets[0].endpoint.is_some() && message.targets[0].types.len() == 2, "{damage:?}");
        }
    }

    #[test]
    fn tables_have_their_limits() {
        let words = "w ".repeat(1000);
        let many = format!("<d:ProbeMatch><d:Types>{words}</d:Types></d:ProbeMatch>").repeat(20);
        let message = parse(envelope(&format!("<d:ProbeMatches>{many}</d:ProbeMatches>")).as_bytes()).unwrap().unwrap();
        assert_eq!(message.targets.len(), TARGETS_MAX);
        assert!(message.targets.iter().all(|target| target.types.len() <= WORDS_MAX));
        let deep = format!("{}{}", "<d:x>".repeat(5000), "</d:x>".repeat(5000));
        assert!(parse(envelope(&format!("<d:Hello>{deep}</d:Hello>")).as_bytes()).unwrap().is_some());
    }
}
