//! `rogue-dhcp-server`: a DHCP server that is not allowed.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "bd5f76b585ff4a02a2a0604b65794a19",
    rule: "As `new-dhcp-server`, of a server that is not on its segment's allow list (`unlisted`), where there is one \
           (`allow_dhcp_servers`). Once for (segment, address, MAC) while that is among the last 16,384 oddities, in \
           place of `new-dhcp-server`. Where a relay or router stands between (`relay`: `giaddr`; or the frame's MAC, \
           when the hop limit is not one that senders begin with), the frame's MAC is not the server's: then its \
           address alone counts, and a list with MACs allows it. `spoofed`: a station answers in the name of a server \
           that is known by another MAC (`old_mac`), without a relay, and does not hold the server's address, which \
           somebody holds, or the server was heard within the hour; once an hour for the two.",
    fields: &["ip", "mac", "old_mac", "reason"],
    details: &["protocol", "relay"],
    catalog: Catalog {
        subject: "DHCP server @SENSOR_IP@ is not allowed",
        text: "A DHCP server that is not on the allow list (allow_dhcp_servers) answers on
@SENSOR_SEGMENT@: @SENSOR_IP@, heard through @SENSOR_MAC@ (its own MAC address, or a
relay's).

Its clients use the gateway and the name server that it tells them. Act at once: find
@SENSOR_MAC@ in the switch's forwarding table and shut its port. If it belongs there,
put it on the list.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (address, station, named, on) = (facts.address(), facts.station(), facts.named(), facts.on());
    let relay = facts.details.text("relay").map_or(String::new(), |relay| format!(", heard through {relay}"));
    format!("DHCP server {address} at {station}{named} is not allowed{on}{relay}")
}
