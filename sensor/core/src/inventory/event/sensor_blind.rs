//! `sensor-blind`: a port hears nothing.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "0c5a2f7d6be14d6b9f0d2a86f5c31e47",
    rule: "A port has heard nothing at all for longer than a minute, because it is down, gone or not attached: told \
           once, until it hears again. `cause` is `down`, `no carrier`, `removed` or `not attached: ...`; `deaf_s`: \
           seconds.",
    fields: &[],
    details: &["cause", "deaf_s", "port", "since"],
    catalog: Catalog {
        subject: "The sensor is blind on one of its ports",
        text: r#"Nothing at all was heard on a port for longer than a minute; the message above names
the port, the cause and since when. While it lasts no host is declared gone.

"down": bring the interface up ("ip link set IFACE up"). "no carrier": the cable, the
switch or its port is off. "removed": the interface does not exist; the sensor attaches
by itself when one of that name comes back. "not attached": the sensor tries again at
least once a minute, and "sensor doctor -i IFACE" says what is in its way."#,
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let port = facts.details.text("port").unwrap_or("a port");
    let cause = facts.details.text("cause").map_or(String::new(), |cause| format!(": {cause}"));
    let since = facts.details.text("since").map_or(String::new(), |since| format!(", since {since}"));
    format!("the sensor is blind on {port}{cause}{since}")
}
