//! `changed-mac`: an address passed to a MAC that never held it.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: Some("changed ethernet address"),
    message_id: "1b9d2383a823486a8b6d7d96e11fa4e4",
    rule: "An address passed to a MAC that never held it, as far as remembered (the last 32 holders). `old_mac` is \
           the holder before. Where the sensor may ask, both stations are asked, and the event waits at most 3 seconds \
           for their answers. Who answers, or speaks by the address meanwhile, keeps it, whatever is said for the \
           newcomer: then `spoof-suspected` (alert: only the old one answered) or `proxy-arp` (both, and the new one \
           holds 4 IPv4 addresses); where both answered otherwise it is an `ip-conflict`. Else `reason` is: `dhcp` \
           (info): a lease that has not ended names the new MAC, given by a server that was known before, from its own \
           station; `failover` (info): both stations are of the redundancy group whose address it is, which was known \
           as early as the old one or for a day, or of one machine; `proxy-arp` (info): a sleep proxy answers for a \
           host that is silent; `replaced`: only the new one answered; `unknown`. None but `failover` excuses the \
           address of a gateway, DHCP server or name server. What each needs: the manual's chapter on belief. \
           `previous_age_s`: whole seconds since the holder before was last heard with it, 0 when time went back; \
           `dhcp_server`: with reason `dhcp`, where the ACK named it; where both were asked, `old_answered` and \
           `new_answered` (`yes` or `no`), and `new_addresses`: how many IPv4 addresses the new MAC holds. Not told \
           where one of the stations was joined to the other's host (`mac-rotated`) and the old one is silent. Where \
           the new MAC is the sensor's own and the address is not, it is `spoof-suspected` at once, unasked, and moves \
           nothing; told again when it was not seen for an hour. Alert \
           when the address is a gateway's (`role`) and the reason neither `dhcp` nor `failover`.",
    fields: &["ip", "mac", "old_mac", "reason", "confidence"],
    details: &["dhcp_server", "new_addresses", "new_answered", "old_answered", "previous_age_s", "role"],
    catalog: Catalog {
        subject: "@SENSOR_IP@ has another MAC address",
        text: r#"On @SENSOR_SEGMENT@ the address @SENSOR_IP@ belonged to @SENSOR_OLD_MAC@
and is now claimed by @SENSOR_MAC@, which never held it. Reason: @SENSOR_REASON@.

"dhcp": a DHCP server gave the address to another machine, and "failover": a virtual
router moved; both are normal. For the others both stations were asked. "replaced":
only the new one answers, so a machine or its network card was replaced. "conflict":
both answer. "spoof-suspected": only the old one answers, so somebody pretends to be
it (ARP or NDP spoofing). "proxy-arp": the new one answers for many addresses.
"unknown": nobody answered, or nobody could be asked.

If @SENSOR_IP@ is a gateway or a server and nobody replaced it, find
@SENSOR_MAC@ in the switch's forwarding table and take it off the network first."#,
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (who, old, heard) = (facts.who(), facts.old_station(), facts.heard_before());
    format!("{who} moved from {old}{heard}, to {}{}{}", facts.station(), facts.on(), because(facts))
}

fn because(facts: &Facts<'_>) -> String {
    match (facts.reason, facts.details.text("dhcp_server")) {
        (Some("dhcp"), Some(server)) => format!(": DHCP server {server} gave it away"),
        (Some("dhcp"), None) => ": a DHCP server gave it away".to_owned(),
        (Some("conflict"), _) => ": both answer for it".to_owned(),
        (Some("failover"), _) => ": stations of one machine, or of one virtual router, take turns".to_owned(),
        (Some("proxy-arp"), _) => ": the new one answers for many addresses".to_owned(),
        (Some("replaced"), _) => ": only the new one answers for it".to_owned(),
        (Some("spoof-suspected"), _) => ": only the old one answers for it, so the new one is not believed".to_owned(),
        _ => String::new(),
    }
}
