//! `redirect`: a station tells hosts of another first hop.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "82d441f060ad497985accde353029106",
    rule: "An ICMP redirect (RFC 792), or one of ICMPv6 that hosts take (RFC 4861, section 8.1: hop limit 255, from a \
           link-local address, the hop link-local or the destination itself). `ip` is the router in whose name it is \
           sent, `mac` the frame's source, `hop` the better first hop, `hop_mac` its MAC by the message or as it is \
           known, `destination` what it is for. `spoofed`: another station (`old_mac`) holds the router's address; \
           not where both are one host's or one redundancy group's. `unknown`: the sender is known for less than a \
           minute, or the hop is nobody to whom traffic is led for a known reason. Both are alerts where the router \
           or the hop is a gateway. Info, without a reason: the hop has been known for a minute, is not the sender, \
           has the MAC that the message gives (where it gives one), and is the destination itself or asks for others \
           (as in `scan-detected`) or is on the allow list of routers; or is the destination itself, in a known \
           prefix, without a MAC. Inside the learning period `unknown` is info, and what was seen then is not told \
           again. Once for (segment, hop, sender, holder of the router's address): if innocent, for ever, else \
           until it was not seen for an hour.",
    fields: &["ip", "mac", "old_mac", "reason"],
    details: &["destination", "hop", "hop_mac"],
    catalog: Catalog {
        subject: "@SENSOR_MAC@ redirects traffic on @SENSOR_SEGMENT@",
        text: "In the name of the router @SENSOR_IP@, the station @SENSOR_MAC@ told a host to send
its traffic for some destination to another first hop; the message above names both.
A reason says what is odd about it: the address belongs to another station (spoofed);
or the hop is no router that is known, or the sender has just come (unknown).

Hosts that accept redirects send their traffic there: this is how somebody gets
between two machines. Find @SENSOR_MAC@ in the switch's forwarding table and see who
has the hop's address. Where no redirects are needed, have hosts ignore them
(net.ipv4.conf.all.accept_redirects=0, net.ipv6.conf.all.accept_redirects=0).",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let text = |key, default: &str| facts.details.text(key).unwrap_or(default).to_owned();
    let (destination, hop) = (text("destination", "some destination"), text("hop", "another router"));
    let at = facts.details.text("hop_mac").map_or(String::new(), |mac| format!(" at {mac}"));
    let to = if destination == hop {
        format!("{hop}{at} itself")
    } else {
        format!("{hop}{at} for what goes to {destination}")
    };
    let in_whose_name = match facts.reason {
        Some("spoofed") => format!(" in the name of router {}, which is {}", facts.address(), facts.old_station()),
        _ => format!(" as router {}", facts.address()),
    };
    format!("{}{} directs hosts to {to}{in_whose_name}{}", facts.station(), facts.named(), facts.on())
}
