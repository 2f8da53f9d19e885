//! `sensor-blind`: a port hears nothing, or too much is lost to judge who is gone.

use crate::inventory::event::sentence::{Facts, span};
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "0c5a2f7d6be14d6b9f0d2a86f5c31e47",
    rule: "A port has heard nothing at all for longer than a minute, because it is down, gone or not attached: told \
           once, until it hears again. `cause` is `down`, `no carrier`, `removed` or `not attached: ...`; `deaf_s`: \
           seconds. Without `port`: for longer than `gone_after` it could not be judged who is gone, because one frame \
           in 100 or more was lost within a minute (`frames are lost`; of those that the kernel hands over, of ARP and \
           NDP alone, or of packet sockets), or `questions cannot be sent`, again and again; told once for such a time.",
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
    let deaf = facts.details.number("deaf_s").map_or(String::new(), |s| format!(", for {}", span(s)));
    if let (None, Some(cause)) = (facts.details.text("port"), facts.details.text("cause")) {
        return format!("the sensor cannot judge who is gone: {cause}{deaf}");
    }
    let port = facts.details.text("port").unwrap_or("a port");
    let cause = facts.details.text("cause").map_or(String::new(), |cause| format!(": {cause}"));
    let since = facts.details.text("since").map_or(String::new(), |since| format!(", since {since}"));
    format!("the sensor is blind on {port}{cause}{since}")
}
