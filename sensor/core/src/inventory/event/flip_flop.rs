//! `flip-flop`: an address passed back to the MAC before the present one.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: Some("flip flop"),
    message_id: "16c3bdb6e9bf48978e518b0ef3bca6b0",
    rule: "An address passed back to the MAC before the present one, however long ago. Asked about and \
           explained as `changed-mac`. Info with `dhcp`, `failover`, `proxy-arp` (a sleep proxy's) or `conflict` (told \
           of these stations within a day) as `reason`. Alert when it is a gateway's (`role`), unless the two stations were told of within the hour.",
    fields: &["ip", "mac", "old_mac", "reason", "confidence"],
    details: &["previous_age_s", "role"],
    catalog: Catalog {
        subject: "@SENSOR_IP@ flips between two MAC addresses",
        text: "On @SENSOR_SEGMENT@ the address @SENSOR_IP@ passed from @SENSOR_OLD_MAC@
back to @SENSOR_MAC@, which held it just before.

Once may be a machine that changed between cable and radio, or a cluster that failed
over and back. Again and again within minutes, it is two machines with one address,
or somebody who answers for the other (ARP or NDP spoofing).

Look at both stations in the switch's forwarding table. Two static addresses: change
one. A static address inside a DHCP range: exclude it there.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (who, old, heard) = (facts.who(), facts.old_station(), facts.heard_before());
    format!("{who} flipped back from {old}{heard}, to {}{}", facts.station(), facts.on())
}
