//! `service-closed`: a TCP port that was open is closed.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "97105847004845eda89d1f2c98121a72",
    rule: "A TCP port of a living host that was open was found closed, and two confirmations agreed.",
    fields: &["ip", "mac"],
    details: &["port"],
    catalog: Catalog {
        subject: "A service on @SENSOR_IP@ closed",
        text: "A TCP port of @SENSOR_IP@ on @SENSOR_SEGMENT@ that used to be open is closed: three
questions in a row found it so, while the host itself was alive. The message above
names the port.

A stopped or crashed service, or a firewall that was turned on, does that.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    format!("{} of {} is closed now{}", facts.tcp_port(), facts.who(), facts.on())
}
