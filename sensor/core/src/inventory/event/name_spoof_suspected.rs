//! `name-spoof-suspected`: a station answers for names that belong to others or to nobody.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "b3721923a74b438da1e6345f9146bc47",
    rule: "A station answers by LLMNR, NetBIOS or mDNS, with an address of its own, for names that it never announced (by \
           DHCP, NetBIOS registration, or mDNS unasked) and was not called by for a day or before the sensor's restart. Any of these within an hour: \
           `wpad` or `isatap`, announced or not; names of two other hosts, or of one where the station has announced another name for \
           itself (a counter at its end makes no other), where a name that the other one gives to DHCP counts even if \
           this one announced it as well; 4 names that two stations asked for, or 8 names, of which those \
           answered by mDNS alone count half. A name is a host's that it gave last by its protocol, a minute ago or \
           more, while the host was heard in the last ten minutes. `names` lists up to 16, `askers` counts who asked for \
           them, `old_mac` is the host whose name it is. Alert where that is a router, DHCP server or name server; \
           these themselves are told only of others' names. Not seen: answers that give another station's address, as \
           reflectors and sleep proxies send, and group, domain and user names of NetBIOS. LLMNR and NetBIOS answers \
           are sent to the asker alone, so that a host port shows only those of mDNS. Once for a station until an hour \
           after the last, and once more when it becomes an alert.",
    fields: &["ip", "mac", "old_mac"],
    details: &["askers", "names"],
    catalog: Catalog {
        subject: "@SENSOR_MAC@ answers for names that are not its own",
        text: "On @SENSOR_SEGMENT@ the station @SENSOR_MAC@ (@SENSOR_IP@) answers when others look
for names that it never announced; the message above lists them.

Tools that collect passwords do so: a client that mistyped a server's name, or looks for
a web proxy (wpad), is sent to them and logs in there. A host that was given several
names by hand, none of which was heard announced, is the harmless reason.

Find @SENSOR_MAC@ in the switch's forwarding table. Switch off LLMNR and NetBIOS over
TCP/IP on clients, and give wpad a record in the DNS.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let whose = facts.old_mac.map_or(String::new(), |_| format!(", of which one is {}'s", facts.old_station()));
    format!(
        "{} at {}{} answers for names that are not its own{whose}{}",
        facts.who(),
        facts.station(),
        facts.on(),
        facts.list(": ", "names")
    )
}
