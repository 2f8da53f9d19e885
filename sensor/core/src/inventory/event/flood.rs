//! `flood`: a station sends more news of one class than the kernel lets through.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "de9e5e5dc2eb4b699b7fb41f2f18a954",
    rule: "A station sends so much news of one class that the kernel holds back its surplus, and nobody else's: after \
           a burst of 8,192 messages of ARP or NDP, or 512 of any other class, 256 a second. Once for (segment, MAC, \
           class) until ten minutes after the last surplus. With `reason` `dhcp-starvation` (alert), addresses are \
           asked of DHCP servers (DISCOVER or REQUEST from 0.0.0.0, without `ciaddr` and `giaddr`) within 60 seconds \
           by one frame MAC for more than 32 `clients` besides itself, or by more than 100 stations that were never \
           heard before and of which nothing but DHCP was heard since (no `mac` then). Once for (segment, MAC) until \
           ten minutes after the last; as long, hosts of which nothing but DHCP was heard are new at severity info, until \
           they say more. With `reason` `new-hosts`, frames of more than 1,024 unknown stations \
           (`stations`), of which nothing else was heard, came within a minute; such stations are no hosts until they are \
           heard again. Once for a segment until ten minutes after the last.",
    fields: &["ip", "mac", "reason"],
    details: &["class", "clients", "stations"],
    catalog: Catalog {
        subject: "@SENSOR_MAC@ floods @SENSOR_SEGMENT@",
        text: "The station sends more new messages of one protocol than any honest one does. The
sensor takes a burst of them and a steady share, and holds back the rest of that
station's messages of that protocol; everybody else is heard as before. The message
above names the protocol.

Where the reason is dhcp-starvation, many clients that are none ask DHCP servers for
addresses, until nobody else gets one; often a rogue DHCP server follows.

Where it is new-hosts, somebody sends from made-up addresses.

Find the station's port in the switch's forwarding table. A loop between two switch
ports, a broken network card and somebody who fills tables on purpose look like this.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (station, named, on) = (facts.station(), facts.named(), facts.on());
    if facts.reason == Some("dhcp-starvation") {
        let clients = facts.details.number("clients").unwrap_or(0);
        let by = facts.mac.map_or(String::new(), |_| format!(", all by {station}{named}"));
        return format!("DHCP servers are asked for addresses by {clients} clients within a minute{on}{by}");
    }
    if facts.reason == Some("new-hosts") {
        let stations = facts.details.number("stations").unwrap_or(0);
        return format!("{stations} stations that nobody knows sent a frame each within a minute{on}");
    }
    let class = facts.details.text("class").unwrap_or("some");
    format!("{station}{named} floods{on}: its {class} messages over the limit are held back")
}
