//! `new-dhcp-server`: a DHCP server never seen before.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "2c7513793e7642d9ac4ff9d2cc68bf24",
    rule: "A DHCP server never seen before on this segment: OFFER, ACK or NAK; `ip` is option 54, else the IP source; \
           `mac` is the frame's, so a relay's where there is one. `protocol`: `dhcpv6`, of such a server. Info inside \
           the learning period, and where `allow_dhcp_servers` names it and it answered the sensor's own search.",
    fields: &["ip", "mac"],
    details: &["protocol"],
    catalog: Catalog {
        subject: "New DHCP server @SENSOR_IP@",
        text: "A DHCP server that was never seen before answers on @SENSOR_SEGMENT@: the server
@SENSOR_IP@, heard through @SENSOR_MAC@ (its own MAC address, or a relay's).

A DHCP server decides which gateway and name server its clients use. If nobody set it
up on purpose, act at once: find @SENSOR_MAC@ in the switch's forwarding table and
shut its port. Home routers with their LAN side in the wall are the usual culprits;
DHCP snooping on the switch keeps them out for good.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    format!("new DHCP server {} at {}{}{}", facts.address(), facts.station(), facts.named(), facts.on())
}
