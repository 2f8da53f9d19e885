//! `new-host`: a host never seen before.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: Some("new station"),
    message_id: "079d919f182941389c510b0ab6b42931",
    rule: "A host never seen before on this segment: once per host, at its first IPv4 address at once, else when 3 \
           seconds have passed since its first sighting, when the clock went back to more than one second before it, \
           or when the input ends. `ip` is its best address then: IPv4, global IPv6, link-local. Info when it was \
           first seen inside the learning period, and where its MAC is a changing one and hosts with other such MACs \
           (`alike`: how many), which were there for a day or since the learning period, and fell silent before, said the same of themselves, though not enough to tell \
           which it is (a maker's name). `again`, of who is present and not on the owner's list of known hosts: how \
           often it was told again (`renotify_h`).",
    fields: &["ip", "mac"],
    details: &["again", "alike"],
    catalog: Catalog {
        subject: "New host on @SENSOR_SEGMENT@",
        text: r#"A host that was never seen before is on @SENSOR_SEGMENT@; the message above has its
addresses and name as far as they are known. One that is asked through a router has
no MAC address here.

If you do not expect it, find its port in the switch's forwarding table. A locally
administered MAC address (second digit 2, 6, a or e) is mostly a telephone or laptop
with a random address, or a virtual machine, and says nothing about its maker.

"sensor hosts" shows what is known of it by now."#,
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (station, named, on) = (facts.station(), facts.named(), facts.on());
    // A host without an address has its MAC only.
    let address = facts.ip.map_or(String::new(), |ip| format!(" {ip}"));
    if facts.details.number("again").is_some() {
        format!("host{address} at {station}{named}{on} is still here and is not known")
    } else if facts.mac.is_none() && facts.ip.is_some() {
        format!("new host{address}{named}{on}")
    } else {
        format!("new host{address} at {station}{named}{on}")
    }
}
