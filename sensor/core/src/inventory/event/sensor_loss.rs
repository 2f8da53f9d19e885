//! `sensor-loss`: frames were lost.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "daed95f0b7f440eebe9564cc052c5a72",
    rule: "Frames were lost: told at most once a minute, with how many of each class since the last time; within an \
           hour (`fold_s`) of the last one it is counted, whichever classes they are of.",
    fields: &[],
    details: &["lost_*"],
    catalog: Catalog {
        subject: "The sensor lost frames",
        text: "More frames came than could be taken in, and some were dropped unread; the message
above says how many of which kind. What they told is missing from the inventory.

If it happens once, something flooded the network: look at the events around it. If
it goes on, the box is too slow for the port or too busy: give the sensor more of the
processor, or mirror fewer ports to it.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let classes = facts.details.numbers("lost_");
    let classes: Vec<_> = classes.iter().map(|(class, number)| format!("{number} {class}")).collect();
    format!("the sensor lost {} frames{}: {}", facts.sum("lost_"), facts.on(), classes.join(", "))
}
