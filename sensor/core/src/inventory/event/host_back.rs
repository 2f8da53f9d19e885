//! `host-back`: a host that was gone was heard again.

use crate::inventory::event::sentence::{Facts, span};
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "fc111a26b8c946508bca94872d083238",
    rule: "A host that was gone was heard again, by any frame or answer. `gone_s`: seconds since `host-gone`.",
    fields: &["ip", "mac"],
    details: &["gone_s"],
    catalog: Catalog {
        subject: "A host is back on @SENSOR_SEGMENT@",
        text: "A host that was told to be gone was heard again, or answered a question again; the
message above says which and how long it was away. Nothing is to be done.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let gone = facts.details.number("gone_s").map_or(String::new(), |s| format!(" after {}", span(s)));
    format!("{} is back{}{gone}", facts.who(), facts.on())
}
