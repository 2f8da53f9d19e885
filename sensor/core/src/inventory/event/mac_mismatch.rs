//! `mac-mismatch`: the ARP or ND payload's MAC is not the frame's.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: Some("ethernet mismatch"),
    message_id: "4cb5d8ceb6bc47e9bfcfd66be4b4355f",
    rule: "The ARP or ND payload's MAC (`mac`) is not the frame's (`frame_mac`); not for NDP where either is a \
           virtual router's. Once for (segment, address, both MACs) while that is among the last 16,384 oddities. \
           Also where the payload's MAC is one that no station has, a group's or zero, which hosts believe. Binds \
           nothing, and makes no host of the payload's MAC: `host` and `hostname` are the frame's. Alert when the \
           address is a gateway's (`role`) and the payload's MAC is not, whatever the frame's is.",
    fields: &["ip", "mac"],
    details: &["frame_mac", "role"],
    catalog: Catalog {
        subject: "A frame contradicts itself about @SENSOR_IP@",
        text: "On @SENSOR_SEGMENT@ a frame says in its ARP or NDP part that @SENSOR_IP@ is at
@SENSOR_MAC@, but another MAC address sent it; the message above names both.

Bridges, access points, hypervisors and proxy ARP do that on purpose. Where none of
them stands in between it is forged: somebody redirects the traffic of
@SENSOR_IP@.

Find the sender in the switch's forwarding table. The claim was not believed: the
sensor's inventory is unchanged.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (address, station, on) = (facts.address(), facts.station(), facts.on());
    let sender = facts.details.text("frame_mac").unwrap_or("another station");
    format!("{address} is claimed for {station} in a frame sent by {sender}{on}")
}
