//! What a person or a tool must never receive as it is: control and direction-changing characters.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::types::is_unsafe;

/// The text with every unsafe character written as `\xNN` or `\u{..}`. Text that is escaped already stays as it is.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        match u32::from(c) {
            _ if !is_unsafe(c) => out.push(c),
            code if code < 0x100 => drop(write!(out, "\\x{code:02x}")),
            code => drop(write!(out, "\\u{{{code:x}}}")),
        }
    }
    Cow::Owned(out)
}
