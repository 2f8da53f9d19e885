//! `scan-detected`: a station asks for very many addresses or ports.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "ee349a6d09f34807a89b67b0a1fa7e9d",
    rule: "A station asks for very many addresses or ports within 64 seconds, as `reason` says (distinct ones are \
           estimated by linear counting with 64 bits). `arp-scan`: of neighbours, by ARP request (with or without a \
           sender) or neighbour solicitation, to a group: 50 bits, about 97. `port-scan`: of ports of one \
           destination (`target`), by stations in watched prefixes; `technique` says how. `tcp-syn` and \
           `tcp-without-ack` (segments that no connection has: with neither SYN, ACK nor RST, or with SYN and FIN; so \
           ask FIN, NULL and Xmas scans): ports below 32,768: 40 bits, about 63. `udp`: datagrams to ports below 512, \
           but for 53, 123, 161 and 443, and empty datagrams to any port: 24 bits, about 30. Not counted are segments \
           with ACK or RST, which connections have too, and other datagrams, whose flows may use any number of ports. \
           Not of whoever \
           asks for others: a gateway by the word of a DHCP server that was there before it; what was a router by its \
           advertisements, a redundancy group's virtual station, or forwarded for 4 senders, since the learning period \
           or for a day; a holder of addresses in 4 IPv4 networks. Of \
           the sensor's own MAC only where the sensor itself did not ask: somebody else sends with it, or another \
           program of this machine scans. Once for (segment, MAC, reason) \
           until ten minutes after the last, also across restarts. `ip` is the station's best address.",
    fields: &["ip", "mac", "reason"],
    details: &["target", "technique"],
    catalog: Catalog {
        subject: "@SENSOR_MAC@ scans @SENSOR_SEGMENT@",
        text: "The station @SENSOR_MAC@ (@SENSOR_IP@) asked for very many addresses, or tried very
many ports of one host, within a minute; SENSOR_REASON says which.

If it is your own scanner or management station, put it on the ignore list. If not,
find out what runs there: that is how an intruder, or a worm, looks around.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let what = match (facts.reason, facts.details.text("target")) {
        (Some("port-scan"), Some(target)) => {
            let protocol = if facts.details.text("technique") == Some("udp") { "UDP ports" } else { "ports" };
            format!("the {protocol} of {target}")
        }
        (Some("port-scan"), None) => "many ports".to_owned(),
        _ => "the addresses of its network".to_owned(),
    };
    let who = facts.ip.map_or(String::new(), |_| format!("{} at ", facts.who()));
    format!("{who}{} scans {what}{}", facts.station(), facts.on())
}
