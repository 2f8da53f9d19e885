//! `sensor-started`: the sensor started.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "6ebbec1f416c43aabc516dca1db08ed2",
    rule: "The sensor started.",
    fields: &[],
    details: &["ports", "version"],
    catalog: Catalog {
        subject: "The sensor started",
        text: r#"The sensor listens from now on; the message above names its ports and how it listens
to each: "driver" and "generic" are XDP in the network driver or behind it, "packet"
is a packet socket, which is slower."#,
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let version = facts.details.text("version").map_or(String::new(), |version| format!(" {version}"));
    format!("the sensor{version} started{}", facts.list(", listening on ", "ports"))
}
