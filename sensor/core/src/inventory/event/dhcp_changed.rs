//! `dhcp-changed`: a known DHCP server hands out another router or name server.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "1a104c97b4334e4fb3a43a5a2a7c225c",
    rule: "A DHCP server that was known for a minute, and had handed out a router (option 3) or name servers (option 6), \
           hands out one that no server of the segment handed out before: `routers`, `name_servers`. Once for each. Not \
           inside the learning period.",
    fields: &["ip", "mac"],
    details: &["name_servers", "routers"],
    catalog: Catalog {
        subject: "DHCP server @SENSOR_IP@ hands out other addresses",
        text: "On @SENSOR_SEGMENT@ the DHCP server @SENSOR_IP@, heard from @SENSOR_MAC@, tells its
clients to use a router or name server that it never named before; the message above
names it.

The clients' traffic will go there. If nobody changed the server's configuration,
somebody speaks in its name or has taken it over: find @SENSOR_MAC@ in the switch's
forwarding table, and look at the server.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let told =
        ["routers", "name_servers"].map(|key| facts.details.texts(key)).into_iter().filter(|told| !told.is_empty());
    let (server, told) = (facts.address(), told.collect::<Vec<_>>().join(", "));
    format!(
        "DHCP server {server} at {}{} hands out other addresses than before: {told}{}",
        facts.station(),
        facts.named(),
        facts.on()
    )
}
