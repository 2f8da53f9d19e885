//! `service-opened`: a TCP port that was closed is open.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "8b6137a48bd244b185b85b24c4b9d3d0",
    rule: "A TCP port that was asked before and refused is open: it accepts when it is asked again. It is asked at once \
           when a SYN-ACK of the host comes from it, since a frame alone may be forged; else with the next look at the \
           host. A port that never refused, because it was never asked or the host was not there, is learned \
           without an event: passive FTP, RPC and the like open new ones for each client. `banner`: where it greeted.",
    fields: &["ip", "mac"],
    details: &["banner", "port"],
    catalog: Catalog {
        subject: "A service on @SENSOR_IP@ opened",
        text: "A TCP port of @SENSOR_IP@ on @SENSOR_SEGMENT@ that was closed when it was asked
before accepts connections now. The message above names the port and what it greets
with.

If nobody installed it on purpose, find out what it is: remote access and file
sharing that appear by themselves are how intruders stay.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let banner = facts.details.text("banner").map_or(String::new(), |banner| format!(", greets with {banner}"));
    format!("{} of {} is open now{}{banner}", facts.tcp_port(), facts.who(), facts.on())
}
