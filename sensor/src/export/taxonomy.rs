//! The table of events in README.md, made of what the code says of each kind.

use std::fmt::Write as _;

use sensor_core::inventory::event::Kind;

/// Where the table begins in README.md; it ends at [`END`].
pub const BEGIN: &str = "<!-- events: made by `SENSOR_UPDATE=1 cargo test -p sensor taxonomy` -->\n";
/// Where the table ends.
pub const END: &str = "<!-- end of events -->\n";

/// A row a kind, in Markdown.
pub fn table() -> String {
    let mut out =
        "| kind | rule | severity | arpwatch | `MESSAGE_ID` | tells |\n|---|---|---|---|---|---|\n".to_owned();
    for kind in Kind::ALL {
        let fields = kind.fields().iter().map(|name| format!("`{name}`"));
        let details = kind.details().iter().map(|name| format!("`details.{name}`"));
        let tells = fields.chain(details).collect::<Vec<_>>().join(", ");
        let (name, rule, severity) = (kind.name(), kind.rule(), kind.severity().name());
        let (arpwatch, id) = (kind.arpwatch().unwrap_or_default(), kind.message_id());
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| `{name}` | {rule} | {severity} | {arpwatch} | `{id}` | {tells} |");
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::export::message::message;
    use crate::export::record::event::EventRecord;

    #[test]
    fn the_readme_has_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (before, rest) = readme.split_once(BEGIN).unwrap();
        let (found, after) = rest.split_once(END).unwrap();
        if std::env::var_os("SENSOR_UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(path, format!("{before}{BEGIN}\n{}\n{END}{after}", table())).unwrap();
            return;
        }
        assert_eq!(found, format!("\n{}\n", table()), "`SENSOR_UPDATE=1 cargo test -p sensor taxonomy` makes it anew");
    }

    #[test]
    fn every_kind_is_explained_everywhere() {
        for kind in Kind::ALL {
            let name = kind.name();
            let sentence = message(kind, &EventRecord::default());
            assert!(sentence.len() > 10 && !sentence.ends_with('.'), "{name}: '{sentence}'");
            let rule = kind.rule();
            assert!(rule.ends_with('.') && !rule.contains(['|', '\n']), "{name}: '{rule}'");
            assert!(kind.details().is_sorted(), "{name}");
            assert_eq!(Kind::parse(name), Some(kind));
        }
        assert!(Kind::ALL.map(Kind::name).is_sorted());
    }
}
