//! `reused-mac`: an address passed back to a MAC that held it before the one before.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: Some("reused old ethernet address"),
    message_id: "dbef057a78a947a992f09adf3ce7ba5e",
    rule: "An address passed back to a MAC that held it before the one before. Alert as `flip-flop`.",
    fields: &["ip", "mac", "old_mac", "reason", "confidence"],
    details: &["previous_age_s", "role"],
    catalog: Catalog {
        subject: "@SENSOR_IP@ returned to an earlier MAC address",
        text: "On @SENSOR_SEGMENT@ the address @SENSOR_IP@ passed from @SENSOR_OLD_MAC@
to @SENSOR_MAC@, which held it some time ago, with others in between.

A small DHCP range whose addresses go round does that, and so do clusters with more
than two members. For an address that should stay in one place, treat it like a
changed MAC address: find both stations in the switch's forwarding table.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (who, old, heard) = (facts.who(), facts.old_station(), facts.heard_before());
    format!("{who} returned from {old}{heard}, to {}, which held it earlier{}", facts.station(), facts.on())
}
