//! Events and records of a run, and how a check counts them.

use anyhow::{Context as _, bail};

use super::value::Value;

/// Least first.
const SEVERITIES: [&str; 4] = ["info", "notice", "warning", "alert"];

/// What a run said.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All events, in their order.
    pub events: Vec<Value>,
    /// All records, in their order.
    pub records: Vec<Value>,
    /// Standard error.
    pub out: String,
    /// The exit code; `None` when a signal ended the run.
    pub code: Option<i32>,
}

impl Outcome {
    /// The names by which an expression takes it as a whole.
    pub const NAMES: [&str; 4] = ["events", "records", "out", "code"];

    /// What one of these names stands for.
    pub fn named(&self, name: &str) -> Option<Value> {
        Some(match name {
            "events" => Value::List(self.events.clone().into()),
            "records" => Value::List(self.records.clone().into()),
            "out" => Value::Text(self.out.as_str().into()),
            "code" => self.code.map_or(Value::None, |code| Value::Int(code.into())),
            _ => return None,
        })
    }

    /// Events of notice and above, without the sensor's own.
    pub fn loud(&self) -> anyhow::Result<Vec<Value>> {
        let mut loud = Vec::new();
        for event in &self.events {
            let field = |name| event.field(name).with_context(|| format!("an event without `{name}`"));
            let (kind, severity) = (field("kind")?.text()?, field("severity")?.text()?);
            if !kind.starts_with("sensor-") && severity != "info" {
                loud.push(event.clone());
            }
        }
        Ok(loud)
    }
}

/// Those that match. `wanted` are names with what each may be: a value, or several. A name with dots looks deeper;
/// `least` is the lowest severity that counts.
pub fn matching(items: &[Value], wanted: &[(String, Value)]) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    for item in items {
        if fits(item, wanted)? {
            found.push(item.clone());
        }
    }
    Ok(found)
}

fn fits(item: &Value, wanted: &[(String, Value)]) -> anyhow::Result<bool> {
    for (name, value) in wanted {
        let fits = if name == "least" {
            rank(item.field("severity").unwrap_or(&Value::Text("info".into())))? >= rank(value)?
        } else {
            let have = name.split('.').try_fold(item, |item, part| item.field(part)).unwrap_or(&Value::None);
            match value {
                Value::List(several) | Value::Tuple(several) | Value::Set(several) => several.contains(have),
                _ => have == value,
            }
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

fn rank(severity: &Value) -> anyhow::Result<usize> {
    match SEVERITIES.into_iter().position(|name| *severity == Value::Text(name.into())) {
        Some(rank) => Ok(rank),
        None => bail!("there is no severity {}", severity.text()?),
    }
}
