//! What a WS-Discovery message claims.

use crate::types::Text;
use crate::wire::wsd;

/// What a WS-Discovery message says of one target, or asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsdClaim {
    /// The kind of message.
    pub kind: wsd::MessageKind,
    /// The target that it is about.
    pub target: wsd::Target,
}

/// What the message claims, one claim a target. One without a target claims that its sender is there: matches that list no
/// target are still an answer.
pub(super) fn claims(message: &wsd::Message) -> Vec<WsdClaim> {
    let claim = |target: &wsd::Target| WsdClaim { kind: message.kind, target: target.clone() };
    match message.targets.as_slice() {
        [] => vec![claim(&wsd::Target::default())],
        targets => targets.iter().map(claim).collect(),
    }
}

/// The name that an ONVIF device gives itself in its scopes (ONVIF Core Specification, section 7.3.2.2), percent signs
/// decoded.
pub(crate) fn onvif_name(scopes: &[Text]) -> Option<Text> {
    let prefix = b"onvif://www.onvif.org/name/";
    let name = scopes.iter().find_map(|scope| scope.as_bytes().strip_prefix(prefix))?;
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [first, after @ ..] = rest {
        let digits = after.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    (!decoded.is_empty()).then(|| Text::new(&decoded))
}
