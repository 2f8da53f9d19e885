//! A p0f signature: reading its notation, and how well a segment fits it.

use crate::wire::syn::layout::{END, Layout, OPTION_NAMES, OPTIONS_MAX};
use crate::wire::syn::quirks::Quirks;
use crate::wire::syn::{DISTANCE_MAX, Multiple, Syn};

/// A signature; what is `None` fits anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    ip_version: Option<u8>,
    /// The first time to live.
    pub(super) ttl: u8,
    /// The first time to live is not known: anything up to `ttl` fits.
    pub(super) is_ttl_open: bool,
    ip_options_len: u16,
    mss: Option<u16>,
    window: WindowForm,
    scale: Option<u8>,
    layout: Layout,
    quirks: Quirks,
    has_payload: Option<bool>,
}

/// How well a signature fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// In every respect.
    Exact,
    /// In every respect but the time to live or the quirks `df`, `id+`, `id-`, `ecn`, which routers and tunnels change.
    Fuzzy,
}

/// The window, as a signature describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WindowForm {
    Any,
    Modulo(u16),
    Mss(u16),
    Mtu(u16),
    Number(u16),
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
        // A signature for both IP versions includes quirks that only the other version can have.
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

impl WindowForm {
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

/// Reads a segment back from its own notation, in the alternate form, in which evidence is stored.
pub fn observed(text: &str, is_answer: bool) -> Option<Syn> {
    let [version, ttl, ..] = fields(text).ok()?;
    // A segment from too far away has no distance.
    let signature = Signature::parse(&text.replacen("+?:", ":", 1)).ok()?;
    let WindowForm::Number(window) = signature.window else { return None };
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

fn read_window(text: &str) -> Result<WindowForm, String> {
    let count = |text: &str| {
        number::<u16>(text, "window").and_then(|count| match count {
            0 => Err(format!("'{text}' is no window")),
            count => Ok(count),
        })
    };
    if text == "*" {
        return Ok(WindowForm::Any);
    }
    if let Some(text) = text.strip_prefix('%') {
        return count(text).map(WindowForm::Modulo);
    }
    match text.split_once('*') {
        Some(("mss", text)) => count(text).map(WindowForm::Mss),
        Some(("mtu", text)) => count(text).map(WindowForm::Mtu),
        _ => number(text, "window").map(WindowForm::Number),
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
