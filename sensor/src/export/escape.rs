//! Control characters and characters that change the direction of text are never written as they are.

use std::borrow::Cow;
use std::fmt::Write as _;

use sensor_core::types::is_unsafe;

/// The text with every unsafe character written as `\xNN` or `\u{..}`. An escaped text stays as it is.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::hostile;
    use sensor_core::types::Text;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(escape(text), expected);
    }

    #[test]
    fn harmless_texts_are_not_touched() {
        check("", "");
        check("B\u{fc}ro 1 \u{1f5a8} \u{5d0}", "B\u{fc}ro 1 \u{1f5a8} \u{5d0}");
        check(r"a\x0ab", r"a\x0ab");
    }

    #[test]
    fn controls_are_bytes() {
        check("a\nb\r\t\0", r"a\x0ab\x0d\x09\x00");
        check("\x1b]52;c;x\x07", r"\x1b]52;c;x\x07");
        check("\x7f\u{9b}2J", r"\x7f\x9b2J");
    }

    #[test]
    fn turns_of_direction_are_code_points() {
        check("a\u{202e}b\u{2066}\u{61c}\u{200f}", r"a\u{202e}b\u{2066}\u{61c}\u{200f}");
        check("\u{2028}\u{feff}", r"\u{2028}\u{feff}");
    }

    #[test]
    fn nothing_hostile_is_left() {
        for text in hostile::TEXTS {
            hostile::assert_lines(format!("{}\n", escape(text)).as_bytes(), 1);
        }
    }

    #[test]
    fn a_text_that_is_escaped_stays_as_it_is() {
        for text in hostile::TEXTS {
            let escaped = Text::new(text.as_bytes()).escaped();
            assert_eq!(escape(text), escaped);
            assert_eq!(escape(&escaped), escaped);
        }
    }
}
