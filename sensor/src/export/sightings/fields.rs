//! How single fields of a line are written.

use serde_json::{Map, Value, json};

use sensor_core::types::{Text, hex};

/// Sets a field of the line.
pub(super) fn put(line: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    line.insert(key.to_owned(), value.into());
}

/// Sets the field where there is a value.
pub(super) fn put_some(line: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        put(line, key, value);
    }
}

/// A string where the text is clean, else `{"hex": ".."}`.
pub(super) fn text(text: &Text) -> Value {
    text.as_clean().map_or_else(|| json!({ "hex": hex(text.as_bytes()) }), Value::from)
}
