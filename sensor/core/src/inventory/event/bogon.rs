//! `bogon`: a sender foreign to the segment.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: Some("bogon"),
    message_id: "7a55a7909810455183b7efc43025614c",
    rule: "A sender foreign to the segment: the address of an ARP or NDP claim lies in none of the segment's prefixes \
           (networks that the port is or, since the start, was attached to, and `[[network]]`), and there are some of \
           its family; link-local addresses never, and link-local prefixes do not count. Or it is the network or \
           broadcast address (`address`) of each of the segment's IPv4 prefixes that contain it, which nobody can hold \
           (RFC 1122, section 3.2.1.3; a /31 and a /32 have none, RFC 3021). Once for (segment, address, \
           MAC) while that is among the last 16,384 oddities. Binds nothing.",
    fields: &["ip", "mac"],
    details: &["address"],
    catalog: Catalog {
        subject: "@SENSOR_IP@ is foreign to @SENSOR_SEGMENT@",
        text: "The station @SENSOR_MAC@ speaks for @SENSOR_IP@, which lies in none of the networks
of @SENSOR_SEGMENT@. It is told once for each address and station.

A machine with a static address of another network, a cable in the wrong port or
a missing VLAN tag are the usual reasons; so is an attacker who tries addresses.

If the network is used here on purpose, name it among the networks in
/etc/sensor/sensor.toml. Otherwise find the station by its MAC address in the
switch's forwarding table and give it an address of this segment.

An address that is the network's own or its broadcast address belongs to nobody: a
machine with the wrong netmask, or with a typing error in its address, claims it.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let segment = facts.segment.unwrap_or("its segment");
    if let Some(edge) = facts.details.text("address") {
        return format!("{} at {} is the {edge} address of {segment}", facts.address(), facts.station());
    }
    format!("{} at {} is foreign to {segment}", facts.address(), facts.station())
}
