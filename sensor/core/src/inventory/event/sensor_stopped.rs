//! `sensor-stopped`: the sensor stopped.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "a4059bcc4a6549589c0dc42b2dda7872",
    rule: "The sensor stopped: what became of all frames, by outcome and class.",
    fields: &[],
    details: &["cut_*", "gate_evictions", "gated_*", "lost_*", "passed_*", "policed_*", "seen_*"],
    catalog: Catalog {
        subject: "The sensor stopped",
        text: r#"The sensor was asked to stop and saved what it knew. Until it starts again nobody
watches: "systemctl start sensor"."#,
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    format!("the sensor stopped; frames: {} seen, {} lost", facts.sum("seen_"), facts.sum("lost_"))
}
