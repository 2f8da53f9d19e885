//! `new-address`: a host that was told holds an address that nobody held before.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "0d959dbe2b274f969f18299a930ccc68",
    rule: "A host that was told holds an address that nobody held before; by claim or hint. Not for one more IPv6 \
           address of a /64 in which the host holds one already. Notice where the \
           station counts to a switch's host only because it announced itself so (LLDP, CDP, spanning tree), more than a \
           minute after the host was first seen and not in the learning period. A station holds at most 64 IPv6 addresses: the one \
           unseen for longest is forgotten, and every one after a week unseen (IPv4: half a year).",
    fields: &["ip", "mac"],
    details: &[],
    catalog: Catalog {
        subject: "A known host has the new address @SENSOR_IP@",
        text: "The host at @SENSOR_MAC@ on @SENSOR_SEGMENT@ holds @SENSOR_IP@, which no
host held before. Most machines have several IPv6 addresses and change some of them
daily; a second IPv4 address is rarer: a container, an alias, or a new lease.

Nothing is to be done, unless the address was meant for somebody else. With severity
notice the station announced itself as a port of a known switch, which anybody can do,
and now has an address: look whether it is the switch's.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (station, named) = (facts.station(), facts.named());
    format!("known host at {station}{named} has new address {}{}", facts.address(), facts.on())
}
