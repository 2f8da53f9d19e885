//! The journal's catalog, `systemd/sensor.catalog`, made of what the table of kinds says of each. Its tests also keep
//! the words of the events' JSON Schema equal to the table.

use std::fmt::Write as _;

use sensor_core::inventory::event::Kind;
use sensor_core::inventory::event::texts::Catalog;

const HEAD: &str = "\
# What `journalctl -x` says below an event of the sensor. Goes to /usr/lib/systemd/catalog/, followed by
# `journalctl --update-catalog`. A text names only fields that every event of its kind has: journalctl writes the bare
# name of an absent one.
";

/// The whole file: an entry a kind.
pub fn catalog() -> String {
    let mut out = HEAD.to_owned();
    for kind in Kind::ALL {
        let (name, id, Catalog { subject, text }) = (kind.name(), kind.message_id(), kind.catalog());
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\n# {name}\n-- {id}\nSubject: {subject}\nDefined-By: sensor\n\n{text}");
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_catalog_file_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd/sensor.catalog");
        if std::env::var_os("SENSOR_UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(path, catalog()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap();
        assert_eq!(found, catalog(), "`SENSOR_UPDATE=1 cargo test -p sensor export` makes it anew");
    }

    /// A member's list of words in the JSON Schema of events, one a line.
    fn schema_words(member: &str, words: &[&str]) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/export/schema/event.schema.json");
        let schema = std::fs::read_to_string(path).unwrap();
        let start = schema.find(&format!("\n    \"{member}\": {{")).unwrap();
        let start = start + schema[start..].find("\"enum\": [").unwrap();
        let end = start + schema[start..].find(']').unwrap();
        let words: Vec<_> = words.iter().map(|word| format!("\n        \"{word}\"")).collect();
        let expected = format!("{}\"enum\": [{}\n      {}", &schema[..start], words.join(","), &schema[end..]);
        if std::env::var_os("SENSOR_UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(path, expected).unwrap();
        } else {
            assert_eq!(schema, expected, "`SENSOR_UPDATE=1 cargo test -p sensor export` makes it anew");
        }
    }

    #[test]
    fn the_schema_lists_the_kinds() {
        schema_words("kind", &Kind::ALL.map(Kind::name));
        let arpwatch: BTreeSet<_> = Kind::ALL.into_iter().filter_map(Kind::arpwatch).collect();
        schema_words("arpwatch", &arpwatch.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn every_kind_has_its_own_id() {
        let ids: BTreeSet<_> = Kind::ALL.into_iter().map(Kind::message_id).collect();
        assert_eq!(ids.len(), Kind::ALL.len());
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))));
    }

    #[test]
    fn every_entry_explains() {
        for kind in Kind::ALL {
            let Catalog { subject, text } = kind.catalog();
            assert!(!subject.is_empty() && !subject.contains('\n'), "{}: '{subject}'", kind.name());
            assert!(text.len() > 100 && !text.starts_with('\n') && !text.ends_with('\n'), "{}: '{text}'", kind.name());
        }
    }
}
