//! `mac-rotated`: a known host is back with another MAC.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "8278cc3e4b044654bc385a3f72fe1680",
    rule: "A known host is back with another locally administered MAC (`mac`; `old_mac` is the one before): not a new \
           host. Told in place of `new-host` and of `new-address`, at the new station's first address, or 3 seconds \
           after its first frame. `confidence` is what the `evidence` adds up to: `client-id` and `duid` are made to tell \
           machines apart, but anybody can repeat them: the other station must have fallen silent, and `ssdp-uuid`, `hostname+dhcp-fingerprint`, `hostname+model`, `snmp`, \
           `netbios-name+dhcp-fingerprint` and `interface-id` are likeness, and count only where one of the MACs is a \
           changing one and the host fell silent before. Evidence that several hosts share, a vendor, and a name \
           alone count for nothing. When both MACs turn out to speak in turns (three times within ten minutes each), \
           they are parted again, and the newcomer is told as `new-host`; so they are when the \
           earlier one is heard within two minutes.",
    fields: &["ip", "mac", "old_mac", "confidence"],
    details: &["evidence"],
    catalog: Catalog {
        subject: "A known host at @SENSOR_IP@ uses another MAC",
        text: "A host that was known on @SENSOR_SEGMENT@ by @SENSOR_OLD_MAC@ came back as
@SENSOR_MAC@, a locally administered address. What it says of itself is the same as
before; the message above names the evidence.

Phones and laptops change their MAC by themselves, to be harder to follow. If these
are two machines, part them: sensor host split.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (who, on, station, old) = (facts.who(), facts.on(), facts.station(), facts.old_station());
    let evidence = facts.list(": same ", "evidence");
    format!("known host {who} is back with another MAC{on}: {station}, before {old}{evidence}")
}
