//! A body with `{{field}}` in it: fields of the record, `{{details.port}}` for one inside. Values come out as the inside
//! of a JSON string; `{{field|html}}` also writes `&`, `<` and `>` as entities, which chat services read as plain text
//! and not as their markup.

use serde_json::Value;

use crate::watch::entry::Event;

/// Fills in the template. What the event does not have is empty.
pub fn fill(template: &str, event: &Event) -> String {
    let mut out = String::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, behind)) = after.split_once("}}") else { break };
        out.push_str(before);
        let (name, entities) = match name.split_once('|') {
            Some((name, filter)) => (name, filter.trim() == "html"),
            None => (name, false),
        };
        let mut text = value(name.trim(), event);
        if entities {
            text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        }
        let quoted = Value::String(text).to_string();
        out.push_str(&quoted[1..quoted.len() - 1]);
        rest = behind;
    }
    out + rest
}

fn value(name: &str, event: &Event) -> String {
    if name == "record" {
        return event.json();
    }
    let mut parts = name.split('.');
    let found = parts.next().and_then(|first| event.record.get(first));
    match parts.try_fold(found, |value, part| Some(value?.get(part))).flatten() {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::entry::fixture::event;

    #[track_caller]
    fn check(template: &str, expected: &str) {
        let mut event = event(7, "new-host", "10.0.0.5");
        event.record.insert("hostname".to_owned(), "a\"},{\\<!channel>&\u{1}".into());
        event.record.insert("details".to_owned(), serde_json::json!({"port": 22, "deep": {"x": "y"}}));
        assert_eq!(fill(template, &event), expected);
    }

    #[test]
    fn fields_are_filled_in() {
        check("{\"text\": \"{{kind}} {{ ip }}\"}", "{\"text\": \"new-host 10.0.0.5\"}");
        check("{{id}} {{details.port}} {{details.deep.x}}", "7 22 y");
        check("[{{vlan}}{{none}}{{details.none.x}}]", "[]");
        check("{{", "{{");
        check("{{kind", "{{kind");
        check("a{{}}b", "ab");
        check("", "");
    }

    #[test]
    fn names_stay_in_their_string() {
        check("\"{{hostname}}\"", r#""a\"},{\\<!channel>&\u0001""#);
        check("\"{{hostname|html}}\"", r#""a\"},{\\&lt;!channel&gt;&amp;\u0001""#);
        let mut event = event(7, "new-host", "{{message}}");
        event.record.insert("message".to_owned(), "twice".into());
        assert_eq!(fill("{{ip}}", &event), "{{message}}");
    }
}
