//! A line as a list of tokens.

use std::iter::Peekable;
use std::str::Chars;

use anyhow::{Context as _, bail};

/// The smallest part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A name or a keyword.
    Word(String),
    /// A whole number.
    Int(i128),
    /// A string, without its quotes and escapes.
    Text(String),
    /// Punctuation or an operator.
    Sign(&'static str),
}

/// Longer ones before their beginnings.
const SIGNS: [&str; 18] =
    ["**", "==", "!=", "<=", ">=", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "-"];

/// The tokens of a line.
pub fn tokens(line: &str) -> anyhow::Result<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, behind) = match first {
            '"' | '\'' => {
                let mut chars = rest[1..].chars().peekable();
                let text = text(&mut chars, first).with_context(|| format!("in the string at `{rest}`"))?;
                let left: usize = chars.map(char::len_utf8).sum();
                (Token::Text(text), &rest[rest.len() - left..])
            }
            '0'..='9' => {
                let (digits, behind) = split(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
                (Token::Int(digits.parse().with_context(|| format!("`{digits}` is no whole number"))?), behind)
            }
            c if c.is_alphabetic() || c == '_' => {
                let (word, behind) = split(rest, |c| c.is_alphanumeric() || c == '_');
                (Token::Word(word.to_owned()), behind)
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.with_context(|| format!("`{first}` is not understood, at `{rest}`"))?;
                (Token::Sign(sign), &rest[sign.len()..])
            }
        };
        found.push(token);
        rest = behind.trim_start();
    }
    Ok(found)
}

/// What belongs to a token, and what follows.
fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

/// A string up to its closing quote.
fn text(chars: &mut Peekable<Chars<'_>>, quote: char) -> anyhow::Result<String> {
    let mut out = String::new();
    if chars.peek() == Some(&quote) {
        chars.next();
        // Python takes three quotes in a row for the beginning of a longer string.
        return if chars.peek() == Some(&quote) { bail!("three quotes are not understood") } else { Ok(out) };
    }
    loop {
        match chars.next().context("no closing quote")? {
            c if c == quote => return Ok(out),
            '\\' => out.push(match chars.next().context("no closing quote")? {
                c @ ('\\' | '\'' | '"') => c,
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                c => bail!("the escape `\\{c}` is not understood"),
            }),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::Token::{Int, Sign, Text, Word};
    use super::*;

    fn check(line: &str, expected: &[Token]) {
        assert_eq!(tokens(line).unwrap(), expected, "{line}");
    }

    fn check_refused(line: &str, reason: &str) {
        let error = format!("{:#}", tokens(line).unwrap_err());
        assert!(error.contains(reason), "{line}: {error}");
    }

    #[test]
    fn a_line_is_cut_into_tokens() {
        let word = |text: &str| Word(text.to_owned());
        check(
            "n(a_1=[2])>=3",
            &[
                word("n"),
                Sign("("),
                word("a_1"),
                Sign("="),
                Sign("["),
                Int(2),
                Sign("]"),
                Sign(")"),
                Sign(">="),
                Int(3),
            ],
        );
        check("**x.y != ''", &[Sign("**"), word("x"), Sign("."), word("y"), Sign("!="), Text(String::new())]);
        check(r#""ü \\ \" ' \n" in"#, &[Text("ü \\ \" ' \n".to_owned()), word("in")]);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        check_refused("a ? b", "`?` is not understood, at `? b`");
        check_refused("'abc", "no closing quote");
        check_refused(r"'\d'", "the escape `\\d`");
        check_refused("1.5", "`1.5` is no whole number");
        check_refused("'''a'''", "three quotes");
    }
}
