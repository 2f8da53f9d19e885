//! Values as Python has them: equality, order, truth, written form. What Python refuses is an error here, and so is what
//! it leaves open (the order of a set).

use std::cmp::Ordering;
use std::rc::Rc;

use anyhow::bail;

/// A value of an expression. Cheap to copy.
#[derive(Clone, Debug)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(Rc<str>),
    /// A list.
    List(Rc<[Value]>),
    /// A tuple.
    Tuple(Rc<[Value]>),
    /// A set: no two of its values are equal.
    Set(Rc<[Value]>),
    /// A dictionary whose keys are strings, in the order in which they came.
    Dict(Rc<[(Rc<str>, Value)]>),
}

impl Value {
    /// A set of these values, each once.
    pub fn set(values: Vec<Value>) -> anyhow::Result<Self> {
        let mut kept: Vec<Value> = Vec::new();
        for value in values {
            value.check_hashable()?;
            if !kept.contains(&value) {
                kept.push(value);
            }
        }
        Ok(Self::Set(kept.into()))
    }

    fn check_hashable(&self) -> anyhow::Result<()> {
        match self {
            Self::List(_) | Self::Set(_) | Self::Dict(_) => bail!("a {} cannot be in a set", self.kind()),
            Self::Tuple(values) => values.iter().try_for_each(Self::check_hashable),
            _ => Ok(()),
        }
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Float(_) => "number",
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::Dict(_) => "dictionary",
        }
    }

    /// Whether `if` takes it for true.
    pub fn is_true(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(values) | Self::Tuple(values) | Self::Set(values) => !values.is_empty(),
            Self::Dict(pairs) => !pairs.is_empty(),
        }
    }

    /// The whole number that it is; a truth value is 0 or 1.
    pub fn int(&self) -> Option<i128> {
        match self {
            Self::Bool(value) => Some(i128::from(*value)),
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            _ => self.int().map(|value| value as f64),
        }
    }

    /// What a dictionary has under a key.
    pub fn field(&self, key: &str) -> Option<&Value> {
        let Self::Dict(pairs) = self else { return None };
        pairs.iter().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }

    /// What a loop over it goes through.
    pub fn items(&self) -> anyhow::Result<Vec<Value>> {
        match self {
            Self::List(values) | Self::Tuple(values) | Self::Set(values) => Ok(values.to_vec()),
            Self::Dict(pairs) => Ok(pairs.iter().map(|(key, _)| Self::Text(key.clone())).collect()),
            Self::Text(text) => Ok(text.chars().map(|c| Self::Text(c.to_string().into())).collect()),
            _ => bail!("a {} has no items", self.kind()),
        }
    }

    /// How many items it has.
    pub fn length(&self) -> anyhow::Result<usize> {
        match self {
            Self::Text(text) => Ok(text.chars().count()),
            Self::List(values) | Self::Tuple(values) | Self::Set(values) => Ok(values.len()),
            Self::Dict(pairs) => Ok(pairs.len()),
            _ => bail!("a {} has no length", self.kind()),
        }
    }

    /// `item in self`.
    pub fn contains(&self, item: &Value) -> anyhow::Result<bool> {
        match (self, item) {
            (Self::Text(text), Self::Text(part)) => Ok(text.contains(&**part)),
            (Self::Text(_), _) => bail!("a {} cannot be in a string", item.kind()),
            (Self::List(values) | Self::Tuple(values), _) => Ok(values.contains(item)),
            (Self::Set(values), _) => {
                item.check_hashable()?;
                Ok(values.contains(item))
            }
            (Self::Dict(_), Self::Text(key)) => Ok(self.field(key).is_some()),
            _ => bail!("whether a {} is in a {} cannot be asked", item.kind(), self.kind()),
        }
    }

    /// How it stands to another value; `None` for sets of which neither holds the other. Sets are ordered by inclusion.
    pub fn compare(&self, other: &Value) -> anyhow::Result<Option<Ordering>> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Ok(Some(a.cmp(b))),
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => {
                match a.iter().zip(b.iter()).find(|(a, b)| a != b) {
                    Some((a, b)) => a.compare(b),
                    None => Ok(Some(a.len().cmp(&b.len()))),
                }
            }
            (Self::Set(a), Self::Set(b)) => {
                let (below, above) = (a.iter().all(|x| b.contains(x)), b.iter().all(|x| a.contains(x)));
                Ok(match (below, above) {
                    (true, true) => Some(Ordering::Equal),
                    (true, false) => Some(Ordering::Less),
                    (false, true) => Some(Ordering::Greater),
                    (false, false) => None,
                })
            }
            _ => match (self.int(), other.int(), self.float(), other.float()) {
                (Some(a), Some(b), ..) => Ok(Some(a.cmp(&b))),
                (.., Some(a), Some(b)) => Ok(a.partial_cmp(&b)),
                _ => bail!("a {} and a {} have no order", self.kind(), other.kind()),
            },
        }
    }

    /// `str(self)`.
    pub fn text(&self) -> anyhow::Result<String> {
        match self {
            Self::Text(text) => Ok(text.to_string()),
            _ => self.written(),
        }
    }

    /// How it is written as a part of something larger.
    fn written(&self) -> anyhow::Result<String> {
        let joined = |values: &[Value]| {
            let parts: anyhow::Result<Vec<String>> = values.iter().map(Self::written).collect();
            parts.map(|parts| parts.join(", "))
        };
        Ok(match self {
            Self::None => "None".to_owned(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) if *value == 0.0 || (1e-4..1e16).contains(&value.abs()) => format!("{value:?}"),
            Self::Float(value) => bail!("how Python writes {value} is not known here"),
            Self::Text(text) => quoted(text),
            Self::List(values) => format!("[{}]", joined(values)?),
            Self::Tuple(values) if values.len() == 1 => format!("({},)", joined(values)?),
            Self::Tuple(values) => format!("({})", joined(values)?),
            Self::Set(values) if values.is_empty() => "set()".to_owned(),
            Self::Set(values) if values.len() == 1 => format!("{{{}}}", joined(values)?),
            Self::Set(_) => bail!("a set of several values is written in any order"),
            Self::Dict(pairs) => {
                let parts: anyhow::Result<Vec<String>> =
                    pairs.iter().map(|(key, value)| Ok(format!("{}: {}", quoted(key), value.written()?))).collect();
                format!("{{{}}}", parts?.join(", "))
            }
        })
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => a == b,
            (Self::Set(a), Self::Set(b)) => a.len() == b.len() && a.iter().all(|value| b.contains(value)),
            (Self::Dict(a), Self::Dict(b)) => {
                a.len() == b.len() && a.iter().all(|(key, value)| other.field(key) == Some(value))
            }
            _ => match (self.int(), other.int(), self.float(), other.float()) {
                (Some(a), Some(b), ..) => a == b,
                (.., Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => {
                let int = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
                int.map_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN)), Self::Int)
            }
            serde_json::Value::String(text) => Self::Text(text.as_str().into()),
            serde_json::Value::Array(values) => Self::List(values.iter().map(Self::from).collect()),
            serde_json::Value::Object(pairs) => {
                Self::Dict(pairs.iter().map(|(key, value)| (key.as_str().into(), Self::from(value))).collect())
            }
        }
    }
}

/// Whether Python shows a character as it is.
pub fn is_printable(c: char) -> bool {
    // Rust's table is made of the same categories; behind a letter, a mark that joins it is shown too.
    let escaped = format!("a{c}").escape_debug().nth(1) == Some('\\');
    !escaped || matches!(c, '\\' | '\'' | '"')
}

/// A string as a literal.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => out.push_str(&match u32::from(c) {
                code @ ..=0xff => format!("\\x{code:02x}"),
                code @ ..=0xffff => format!("\\u{code:04x}"),
                code => format!("\\U{code:08x}"),
            }),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    /// How Python writes this JSON.
    fn check(json: &str, expected: &str) {
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(Value::from(&json).text().unwrap(), expected);
    }

    #[test]
    fn values_are_written_as_python_writes_them() {
        check("null", "None");
        check("[true, 1, 1.5, \"a\"]", "[True, 1, 1.5, 'a']");
        check("{\"b\": {\"a\": []}, \"a\": -1}", "{'b': {'a': []}, 'a': -1}");
        check("18446744073709551615", "18446744073709551615");
    }

    #[test]
    fn strings_in_values_are_quoted() {
        check(r#""it's \\ \n""#, "it's \\ \n");
        check(r#"["it's"]"#, r#"["it's"]"#);
        check(r#"["it's \"x\""]"#, r#"['it\'s "x"']"#);
        check(r#"["\\ \n\r\t\u0000\u001b\u007f\u00a0\u00ad"]"#, r"['\\ \n\r\t\x00\x1b\x7f\xa0\xad']");
        check(r#"["Büro e\u0301 \u200b \u2028 \ud83d\ude00"]"#, "['Büro e\u{301} \\u200b \\u2028 😀']");
        check(r#"["\udb40\udc01"]"#, r"['\U000e0001']");
    }

    #[test]
    fn what_python_leaves_open_is_an_error() {
        let set = Value::set(vec![Value::Int(1), Value::Int(2)]).unwrap();
        assert!(set.text().is_err());
        assert!(Value::Float(1e300).text().is_err());
    }
}
