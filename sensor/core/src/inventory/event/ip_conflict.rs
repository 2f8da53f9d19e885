//! `ip-conflict`: two stations claim one address at the same time.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "53ef458f65a34b1e8812c92c51844771",
    rule: "Two stations want one address: `mac` is the newcomer, `old_mac` who has it, where that is known. Once for \
           (segment, address, both MACs) until a day after the last sign of it, whichever `reason` was first. \
           `conflict`: `mac` claimed the address, and both answered a conflict check (RFC 5227, section 2.1.1), or \
           `old_mac` spoke by it meanwhile. The address stays with `old_mac`, and their claims are not told again \
           until one is silent for ten minutes; details as of `changed-mac`. So it is where `old_mac` is this box \
           itself and still has the address three seconds later: on host ports as well, and nobody is asked (info in the learning period). `cloned`: \
           both tell DHCP servers one client id, which names one interface of one machine (RFC 2131, section 4.2), and are \
           heard by turns, three times within ten minutes each, without asking for an address as a laptop does that is \
           docked; then they are two hosts, whatever joined them. `ip` is an address of `mac`. Once a day for a client id; \
           not by one that is a MAC, nor for a DUID alone, which a machine's interfaces share. `declined`: `mac` sent \
           DHCPDECLINE for it. \
           `defended`: `mac` asked everybody for it (ARP conflict check by broadcast, or DAD) and `old_mac` answered \
           within 3 seconds (`after_ms`) by ARP reply, announcement or neighbour advertisement; told at once when \
           `mac` has a lease of it, else after ten seconds, and not when `mac` only asks: it checked 4 addresses (16 \
           of IPv6) within ten minutes, is a switch, access point or DHCP server, had the address before, looks for \
           its gateway, or got another lease in the ten seconds before. \
           `leased`: a DHCP server gave it to `mac`, and `old_mac`, which has no lease of it as far as was heard, was \
           heard with it by ARP in the half hour before and again in the five minutes after, or claims it then for \
           the first time, while `mac` was not heard with it; not where both tell DHCP the same client id or name, \
           nor where the lease of `old_mac` ended less than a minute before it was last heard. The last two not when \
           `old_mac` answers for others (an established router, or a holder of 4 IPv4 addresses), unless the address is a gateway's. \
           Never between stations of one host or of one redundancy or balancing group, nor when one is virtual. Alert \
           when the address is a gateway's (`role`).",
    fields: &["ip", "mac", "old_mac", "reason", "confidence"],
    details: &["after_ms", "dhcp_server", "evidence", "new_addresses", "new_answered", "old_answered", "previous_age_s", "role"],
    catalog: Catalog {
        subject: "Two stations claim @SENSOR_IP@",
        text: "On @SENSOR_SEGMENT@ both @SENSOR_OLD_MAC@ and @SENSOR_MAC@ want @SENSOR_IP@. Reason:
@SENSOR_REASON@. Both answered when each was asked alone (conflict, RFC 5227); one asked whether the address is free and the other answered (defended); a
DHCP client declined the address (declined); a DHCP server gave it to one while the
other uses it (leased); both tell DHCP servers the client id of one machine (cloned). Connections to it go to the one or the other by chance.

Two machines configured by hand with one address are the usual reason, or a static
address inside a DHCP range; somebody who answers in another's name is the worse one.
With severity alert the address is a gateway's: then act at once.
Find both in the switch's forwarding table and give one of them another address.
It is told once while both go on. Of two that are cloned, one is mostly a copy of the
other's disk: give it an identity of its own (on Linux /etc/machine-id); if you copied
none, somebody gives himself out for the other.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (address, old, new) = (facts.address(), facts.old_station(), facts.station());
    let server = facts.details.text("dhcp_server");
    let server = server.map_or("a DHCP server".to_owned(), |server| format!("DHCP server {server}"));
    let has = if facts.old_mac.is_some() { format!("{old} has it") } else { "somebody has it".to_owned() };
    let what = match facts.reason {
        Some("cloned") => format!("{new} and {old} are both here and tell DHCP servers one client id: one is a copy"),
        Some("declined") => format!("{address} was declined by {new}, to which {server} gave it: {has}"),
        Some("defended") => format!("{address} is wanted by {new}, and {old} answers that it has it"),
        Some("leased") => format!("{address} was given to {new} by {server} while {old} uses it"),
        _ => format!("{} is claimed by two stations: {old} and {new}", facts.who()),
    };
    what + &facts.on()
}
