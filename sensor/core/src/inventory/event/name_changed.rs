//! `name-changed`: the name of a host changed at its own source.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "5fc168545a5e4996a9a405816c98cd28",
    rule: "The name of a host changed at its own source: DHCP (the client's option 12, else the first label of 81), \
           DHCPv6, mDNS (owner of an address record for the sender's own address, without `.local`), or another \
           protocol by which a host names itself. Not for the first name of a source, nor for one that it gave before \
           (the last 8 are remembered), compared without ASCII case. A goodbye changes nothing. `ip` is the host's \
           best address.",
    fields: &["ip", "mac"],
    details: &["new_name", "old_name", "source"],
    catalog: Catalog {
        subject: "A host calls itself @SENSOR_HOSTNAME@ now",
        text: r#"The host at @SENSOR_MAC@ on @SENSOR_SEGMENT@ gave another name for itself than
it used to, by the same protocol as before; the message above names both.

A machine that was renamed or set up anew does that. Another machine with a copied
MAC address does it too: compare with "sensor hosts" and with the switch's port."#,
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let host = if facts.ip.is_some() { facts.address() } else { "a host".to_owned() };
    let new = facts.details.text("new_name").or(facts.hostname).unwrap_or("differently");
    let old = facts.details.text("old_name").map_or(String::new(), |name| format!(", no longer {name}"));
    let by = facts.details.text("source").map_or(String::new(), |source| format!(", says {source}"));
    format!("{host} at {} is now named {new}{old}{}{by}", facts.station(), facts.on())
}
