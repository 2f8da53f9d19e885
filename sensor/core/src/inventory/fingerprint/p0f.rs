//! p0f v3's public signature file: reading it, and finding the signature of a SYN or SYN-ACK as p0f does. Only the TCP
//! sections are used. The file stays with its owner; nothing of it is part of this program.

use crate::inventory::fingerprint::Mistake;
use crate::wire::syn::{DISTANCE_MAX, END, Layout, Multiple, OPTION_NAMES, OPTIONS_MAX, Quirks, Syn};

/// The signatures of a file, with the labels that they share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    labels: Vec<Label>,
    requests: Vec<Record>,
    responses: Vec<Record>,
    /// Signatures of other sections (HTTP, MTU), passed over.
    ignored: usize,
}

/// A system that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// `s:` a certain system; `g:` a generic family.
    pub is_generic: bool,
    /// `win`, `unix`, ..; `None` for a program such as a scanner (`!`), whatever it runs on.
    pub class: Option<String>,
    /// `Linux`, `Windows`, ..
    pub name: String,
    /// `3.11 and newer`, `7 or 8`, ..; empty where none.
    pub flavor: String,
    /// For programs: the systems that they run on.
    pub systems: Vec<String>,
}

/// A signature, with its wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    ip_version: Option<u8>,
    /// The first time to live.
    ttl: u8,
    /// The first time to live is not known: anything up to `ttl` fits.
    is_ttl_open: bool,
    ip_options_len: u16,
    mss: Option<u16>,
    window: Window,
    scale: Option<u8>,
    layout: Layout,
    quirks: Quirks,
    has_payload: Option<bool>,
}

/// What was found for a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The system.
    pub label: &'a Label,
    /// Time to live or quirks differ in what routers and tunnels change.
    pub is_fuzzy: bool,
    /// Routers between.
    pub distance: u8,
}

/// How well a signature fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// In everything.
    Exact,
    /// But for time to live, or `df`, `id+`, `id-`, `ecn`.
    Fuzzy,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    label: usize,
    signature: Signature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    Any,
    Modulo(u16),
    Mss(u16),
    Mtu(u16),
    Number(u16),
}

impl Signatures {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mut reader = Reader::default();
        for (line, text) in (1..).zip(text.lines()) {
            reader.line(text.trim()).map_err(|reason| Mistake { line, reason })?;
        }
        Ok(reader.signatures)
    }

    /// The best signature for a segment, in p0f's order: exact, then generic, then fuzzy.
    pub fn find(&self, syn: &Syn) -> Option<Match<'_>> {
        let records = if syn.is_answer { &self.responses } else { &self.requests };
        let (mut generic, mut fuzzy) = (None, None);
        for record in records {
            let label = &self.labels[record.label];
            let slot = match record.signature.fit(syn) {
                None => continue,
                Some(Fit::Exact) if !label.is_generic => return Some(found(record, label, false, syn)),
                Some(Fit::Exact) => &mut generic,
                Some(Fit::Fuzzy) => &mut fuzzy,
            };
            slot.get_or_insert((record, label));
        }
        // A program's signature says nothing when it fits only roughly.
        let fuzzy = fuzzy.filter(|(_, label)| label.class.is_some());
        let generic = generic.map(|(record, label)| found(record, label, false, syn));
        generic.or_else(|| fuzzy.map(|(record, label)| found(record, label, true, syn)))
    }

    /// Signatures of requests, of responses, and those of other sections that were passed over.
    pub fn counts(&self) -> [usize; 3] {
        [self.requests.len(), self.responses.len(), self.ignored]
    }
}

impl Label {
    /// `Linux 3.11 and newer`.
    pub fn text(&self) -> String {
        if self.flavor.is_empty() { self.name.clone() } else { format!("{} {}", self.name, self.flavor) }
    }
}

impl Signature {
    /// Reads `version:ttl:olen:mss:window,scale:layout:quirks:payload`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let [version, ttl, olen, mss, window, layout, quirks, payload] = fields(text)?;
        let ip_version = match version {
            "*" => None,
            "4" => Some(4),
            "6" => Some(6),
            other => return Err(format!("'{other}' is no IP version: 4, 6 or *")),
        };
        let (window, scale) = window.split_once(',').ok_or_else(|| format!("'{window}' lacks the window scale"))?;
        let (ttl, is_ttl_open) = read_ttl(ttl)?;
        Ok(Self {
            ip_version,
            ttl,
            is_ttl_open,
            ip_options_len: number(olen, "length of IP options")?,
            mss: open(mss, "segment size")?,
            window: read_window(window)?,
            scale: open(scale, "window scale")?,
            layout: read_layout(layout)?,
            quirks: read_quirks(quirks)?,
            has_payload: match payload {
                "*" => None,
                "0" => Some(false),
                "+" => Some(true),
                other => return Err(format!("'{other}' is no payload class: 0, + or *")),
            },
        })
    }

    /// Whether a segment has this signature.
    pub fn fit(&self, syn: &Syn) -> Option<Fit> {
        // A signature for both versions has the other one's quirks too.
        let quirks = match (self.ip_version, syn.ip_version) {
            (Some(version), seen) if version != seen => return None,
            (Some(_), _) => self.quirks,
            (None, 4) => self.quirks.without(Quirks::FLOW),
            (None, _) => self.quirks.without(Quirks::DF).without(Quirks::ID_SET).without(Quirks::ID_ZERO),
        };
        let (lost, gained) = (quirks.without(syn.quirks), syn.quirks.without(quirks));
        let is_explained = lost.without(Quirks::DF).without(Quirks::ID_SET).is_empty()
            && gained.without(Quirks::ID_ZERO).without(Quirks::ECN).is_empty();
        let is_far = self.ttl < syn.ttl || self.ttl - syn.ttl > DISTANCE_MAX;
        let fits = is_explained
            && self.layout == syn.layout
            && self.ip_options_len == syn.ip_options_len
            && self.mss.is_none_or(|mss| mss == syn.mss)
            && self.scale.is_none_or(|scale| scale == syn.scale)
            && self.has_payload.is_none_or(|payload| payload == syn.has_payload)
            && (!self.is_ttl_open || self.ttl >= syn.ttl)
            && self.window.fits(syn);
        let is_exact = quirks == syn.quirks && (self.is_ttl_open || !is_far);
        fits.then_some(if is_exact { Fit::Exact } else { Fit::Fuzzy })
    }
}

impl Window {
    fn fits(self, syn: &Syn) -> bool {
        match self {
            Self::Any => true,
            Self::Modulo(of) => syn.window.is_multiple_of(of),
            Self::Mss(count) => syn.window_multiple() == Some(Multiple::Mss(count)),
            Self::Mtu(count) => syn.window_multiple() == Some(Multiple::Mtu(count)),
            Self::Number(window) => syn.window == window,
        }
    }
}

/// A segment from its own notation, alternate form: how evidence is kept.
pub fn observed(text: &str, is_answer: bool) -> Option<Syn> {
    let [version, ttl, ..] = fields(text).ok()?;
    // What is far has no distance.
    let signature = Signature::parse(&text.replacen("+?:", ":", 1)).ok()?;
    let Window::Number(window) = signature.window else { return None };
    let ttl = ttl.split_once('+').map_or(ttl, |(ttl, _)| ttl).parse().ok()?;
    let (ip_version, ip_len) = if version == "6" { (6, 40) } else { (4, 20) };
    let options_len: u16 = signature.layout.kinds().iter().map(|kind| option_len(*kind)).sum();
    let tcp_len = 20 + (options_len + u16::from(signature.layout.eol_pad)).next_multiple_of(4);
    Some(Syn {
        is_answer,
        ip_version,
        ttl,
        ip_options_len: signature.ip_options_len,
        mss: signature.mss?,
        window,
        scale: signature.scale?,
        layout: signature.layout,
        quirks: signature.quirks,
        has_payload: signature.has_payload?,
        headers_len: signature.ip_options_len.saturating_add(ip_len + tcp_len),
    })
}

fn found<'a>(record: &Record, label: &'a Label, is_fuzzy: bool, syn: &Syn) -> Match<'a> {
    let Signature { ttl, is_ttl_open, .. } = record.signature;
    let distance = match ttl.checked_sub(syn.ttl) {
        Some(distance) if is_ttl_open || distance <= DISTANCE_MAX => distance,
        _ => syn.distance(),
    };
    Match { label, is_fuzzy, distance }
}

/// What is read so far.
#[derive(Default)]
struct Reader {
    signatures: Signatures,
    classes: Vec<String>,
    section: Section,
    /// Whether the section has had its label.
    has_label: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Section {
    #[default]
    None,
    Other,
    Request,
    Response,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with(';') {
            return Ok(());
        }
        if let Some(section) = line.strip_prefix('[') {
            let name = section.strip_suffix(']').ok_or_else(|| format!("'{line}' lacks its ']'"))?;
            self.has_label = false;
            self.section = match name {
                "tcp:request" => Section::Request,
                "tcp:response" => Section::Response,
                _ => Section::Other,
            };
            return Ok(());
        }
        let (key, value) =
            line.split_once('=').ok_or_else(|| format!("'{line}' is neither a section nor 'key = value'"))?;
        let (key, value) = (key.trim(), value.trim());
        match (key, self.section) {
            ("classes", Section::None) => {
                self.classes = value.split(',').map(|class| class.trim().to_owned()).collect();
                Ok(())
            }
            ("sig", Section::Other) => {
                self.signatures.ignored += 1;
                Ok(())
            }
            ("label" | "sys" | "ua_os", Section::Other) => Ok(()),
            ("label", Section::Request | Section::Response) => {
                self.signatures.labels.push(self.label(value)?);
                self.has_label = true;
                Ok(())
            }
            ("sys", Section::Request | Section::Response) => {
                let label =
                    self.signatures.labels.last_mut().filter(|_| self.has_label).ok_or("sys before any label")?;
                label.systems = value.split(',').map(|system| system.trim().to_owned()).collect();
                Ok(())
            }
            ("sig", Section::Request | Section::Response) => self.signature(value),
            (key, _) => Err(format!("'{key}' is not known here")),
        }
    }

    fn label(&self, value: &str) -> Result<Label, String> {
        let wrong = || format!("'{value}' is no label: it has the form s:class:name:flavor or g:class:name:flavor");
        let mut parts = value.splitn(4, ':').map(str::trim);
        let is_generic = match parts.next() {
            Some("s") => false,
            Some("g") => true,
            _ => return Err(wrong()),
        };
        let (class, name, flavor) =
            (parts.next().ok_or_else(wrong)?, parts.next().ok_or_else(wrong)?, parts.next().unwrap_or_default());
        if name.is_empty() {
            return Err(wrong());
        }
        let class = match class {
            "!" => None,
            class if self.classes.iter().any(|known| known == class) => Some(class.to_owned()),
            class => return Err(format!("class '{class}' is not among 'classes'")),
        };
        Ok(Label { is_generic, class, name: name.to_owned(), flavor: flavor.to_owned(), systems: Vec::new() })
    }

    fn signature(&mut self, value: &str) -> Result<(), String> {
        let label =
            self.signatures.labels.len().checked_sub(1).filter(|_| self.has_label).ok_or("sig before any label")?;
        let record = Record { label, signature: Signature::parse(value)? };
        match self.section {
            Section::Response => self.signatures.responses.push(record),
            _ => self.signatures.requests.push(record),
        }
        Ok(())
    }
}

fn fields(text: &str) -> Result<[&str; 8], String> {
    let fields: Vec<&str> = text.split(':').map(str::trim).collect();
    fields.try_into().map_err(|fields: Vec<&str>| format!("{} fields where a signature has 8", fields.len()))
}

fn number<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("'{text}' is no {what}"))
}

fn open<T: std::str::FromStr>(text: &str, what: &str) -> Result<Option<T>, String> {
    if text == "*" { Ok(None) } else { number(text, what).map(Some) }
}

/// `64`; `64-`: at most; `54+10`: as seen, and how far.
fn read_ttl(text: &str) -> Result<(u8, bool), String> {
    let first = |text: &str| {
        number::<u8>(text, "time to live").and_then(|ttl| match ttl {
            0 => Err("a time to live of 0".to_owned()),
            ttl => Ok(ttl),
        })
    };
    match (text.strip_suffix('-'), text.split_once('+')) {
        (Some(ttl), _) => Ok((first(ttl)?, true)),
        (None, Some((ttl, distance))) => {
            let sum = number::<u8>(ttl, "time to live")?.checked_add(number(distance, "distance")?);
            Ok((sum.ok_or_else(|| format!("'{text}' is more than 255"))?, false))
        }
        (None, None) => Ok((first(text)?, false)),
    }
}

fn read_window(text: &str) -> Result<Window, String> {
    let count = |text: &str| {
        number::<u16>(text, "window").and_then(|count| match count {
            0 => Err(format!("'{text}' is no window")),
            count => Ok(count),
        })
    };
    if text == "*" {
        return Ok(Window::Any);
    }
    if let Some(text) = text.strip_prefix('%') {
        return count(text).map(Window::Modulo);
    }
    match text.split_once('*') {
        Some(("mss", text)) => count(text).map(Window::Mss),
        Some(("mtu", text)) => count(text).map(Window::Mtu),
        _ => number(text, "window").map(Window::Number),
    }
}

fn read_layout(text: &str) -> Result<Layout, String> {
    let mut layout = Layout::default();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let known = OPTION_NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind);
        let kind = match (known, name.strip_prefix('?'), name.strip_prefix("eol+")) {
            (Some(kind), ..) => kind,
            (None, Some(kind), _) => number(kind, "option")?,
            (None, None, Some(pad)) => {
                layout.eol_pad = number(pad, "number of bytes behind the options' end")?;
                END
            }
            (None, None, None) => return Err(format!("'{name}' is no TCP option")),
        };
        if !layout.push(kind) {
            return Err(format!("more than {OPTIONS_MAX} TCP options"));
        }
    }
    Ok(layout)
}

fn read_quirks(text: &str) -> Result<Quirks, String> {
    let mut quirks = Quirks::default();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let known = Quirks::NAMES.iter().find(|(_, known)| *known == name);
        quirks.add(known.ok_or_else(|| format!("'{name}' is no quirk"))?.0);
    }
    Ok(quirks)
}

/// An option's usual length, bytes (RFC 9293, 2018, 7323).
fn option_len(kind: u8) -> u16 {
    match OPTION_NAMES.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name) {
        Some("mss") => 4,
        Some("ws") => 3,
        Some("sok") => 2,
        Some("ts") => 10,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    /// A file of our own in p0f's syntax.
    const FILE: &str = "\
; a comment
classes = unix,win
[mtu]
label = Wire
sig = 1500
[tcp:request]
label = s:unix:Alpha:2 or newer
sig = *:64:0:*:mss*10,7:mss,sok,ts,nop,ws:df,id+:0
label = g:unix:Alpha:
sig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0
label = s:!:Scanner:fast
sys = @unix
sig = *:64-:0:1460:1024,0:mss::0
[tcp:response]
label = s:win:Beta:
sig = 4:128:0:*:%8192,*:mss,nop,ws:df,id+:*
";

    /// `os`, fuzzy, distance for a segment in its own notation.
    #[track_caller]
    fn check(observation: &str, is_answer: bool, expected: Option<(&str, bool, u8)>) {
        let signatures = Signatures::parse(FILE).unwrap();
        let syn = observed(observation, is_answer).unwrap();
        let found = signatures.find(&syn).map(|found| (found.label.text(), found.is_fuzzy, found.distance));
        assert_eq!(found, expected.map(|(os, fuzzy, distance)| (os.to_owned(), fuzzy, distance)));
    }

    #[track_caller]
    fn check_mistake(text: &str, mistake: &str) {
        assert_eq!(Signatures::parse(text).unwrap_err().to_string(), mistake);
    }

    #[test]
    fn exact_before_generic() {
        check("4:60+4:0:1460:14600,7:mss,sok,ts,nop,ws:df,id+:0", false, Some(("Alpha 2 or newer", false, 4)));
        check("4:60+4:0:1460:999,7:mss,sok,ts,nop,ws:df,id+:0", false, Some(("Alpha", false, 4)));
    }

    #[test]
    fn fuzzy_by_time_to_live_and_by_what_routers_change() {
        check("4:20+12:0:1460:14600,7:mss,sok,ts,nop,ws:df,id+:0", false, Some(("Alpha 2 or newer", true, 12)));
        check("4:64+0:0:1460:14600,7:mss,sok,ts,nop,ws:ecn:0", false, Some(("Alpha 2 or newer", true, 0)));
        check("4:64+0:0:1460:14600,7:mss,sok,ts,nop,ws:df,id+,pushf+:0", false, None);
    }

    #[test]
    fn quirks_of_the_other_version_do_not_count() {
        check("6:64+0:0:1440:14400,7:mss,sok,ts,nop,ws::0", false, Some(("Alpha 2 or newer", false, 0)));
        check("6:64+0:0:1440:14400,7:mss,sok,ts,nop,ws:flow:0", false, None);
    }

    #[test]
    fn programs_fit_exactly_or_not_at_all() {
        check("4:37+27:0:1460:1024,0:mss::0", false, Some(("Scanner fast", false, 27)));
        check("4:37+27:0:1460:1024,0:mss:id-:0", false, None);
    }

    #[test]
    fn responses_have_their_own_signatures() {
        check("4:128+0:0:1460:16384,8:mss,nop,ws:df,id+:+", true, Some(("Beta", false, 0)));
        check("4:128+0:0:1460:16384,8:mss,nop,ws:df,id+:+", false, None);
        check("4:128+0:0:1460:16385,8:mss,nop,ws:df,id+:0", true, None);
    }

    #[test]
    fn other_sections_are_counted() {
        assert_eq!(Signatures::parse(FILE).unwrap().counts(), [3, 1, 1]);
    }

    #[test]
    fn mistakes_name_line_and_reason() {
        check_mistake("x", "line 1: 'x' is neither a section nor 'key = value'");
        check_mistake("classes = a\n[tcp:request]\nsig = 1", "line 3: sig before any label");
        check_mistake("[tcp:request]\nlabel = s:unix:A:", "line 2: class 'unix' is not among 'classes'");
        check_mistake(
            "[tcp:request]\nlabel = A",
            "line 2: 'A' is no label: it has the form s:class:name:flavor or g:class:name:flavor",
        );
        let signature = |text: &str| format!("[tcp:request]\nlabel = s:!:A:\nsig = {text}");
        check_mistake(&signature("4:64"), "line 3: 2 fields where a signature has 8");
        check_mistake(&signature("5:64:0:*:*,*:mss::0"), "line 3: '5' is no IP version: 4, 6 or *");
        check_mistake(&signature("4:0:0:*:*,*:mss::0"), "line 3: a time to live of 0");
        check_mistake(&signature("4:64:0:*:%0,*:mss::0"), "line 3: '0' is no window");
        check_mistake(&signature("4:64:0:*:*:mss::0"), "line 3: '*' lacks the window scale");
        check_mistake(&signature("4:64:0:*:*,*:msz::0"), "line 3: 'msz' is no TCP option");
        check_mistake(&signature("4:64:0:*:*,*:mss:dff:0"), "line 3: 'dff' is no quirk");
        check_mistake(&signature("4:64:0:*:*,*:mss::1"), "line 3: '1' is no payload class: 0, + or *");
        check_mistake(&signature("4:250+9:0:*:*,*:mss::0"), "line 3: '250+9' is more than 255");
    }

    #[test]
    fn what_is_kept_reads_as_what_was_seen() {
        for text in [
            "4:64+0:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0",
            "6:200+?:0:0:1024,0:?77,eol+3:flow,opt+:+",
            "4:128+0:0:1460:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0",
        ] {
            assert_eq!(format!("{:#}", observed(text, false).unwrap()), text);
        }
    }

    #[test]
    fn any_text_is_read_or_refused() {
        let words = [
            "[tcp:request]",
            "[mtu]",
            "\n",
            "label",
            "sig",
            "sys",
            "classes",
            "=",
            "s:!:A:",
            ":",
            "*",
            "4",
            "64",
            "%",
            "mss",
            ",",
            "+",
            "?",
            "!",
        ];
        let mut seed = 0x5eed;
        for _ in 0..20_000 {
            let text: String = (0..random(&mut seed) % 40).map(|_| words[(random(&mut seed) % 19) as usize]).collect();
            drop(Signatures::parse(&text));
            let _ = observed(&text, true);
        }
    }

    #[test]
    fn any_segment_survives_its_notation() {
        let mut seed = 0x5eed;
        let mut ours = 0;
        for _ in 0..20_000 {
            let mut bytes: Vec<u8> = (0..100).map(|_| random(&mut seed).to_le_bytes()[3]).collect();
            (bytes[0], bytes[6], bytes[7], bytes[9], bytes[33]) = (0x45, 0, 0, 6, 2);
            bytes[32] |= 0x50;
            if let Ok(Some(syn)) = crate::wire::syn::parse(&bytes) {
                ours += 1;
                let read = observed(&format!("{syn:#}"), false).unwrap();
                assert_eq!(Syn { headers_len: syn.headers_len, ..read }, syn, "{syn:#}");
            }
        }
        assert!(ours > 1000, "{ours}");
    }

    /// xorshift64: numbers that are the same in every run.
    fn random(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }
}
