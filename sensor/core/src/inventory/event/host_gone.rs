//! `host-gone`: a host is gone.

use crate::inventory::event::sentence::{Facts, span};
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "98755c1ae46a4b1eb5d212121e4a6280",
    rule: "A host is gone: nothing was heard of it, by any protocol, for `gone_after` (an hour, unless configured), \
           and questions by at least two techniques stayed unanswered. Not while the sensor itself did not hear well \
           for as long: since its start, since one frame in 100 was lost within a minute, since \
           the interface was down. Info where the host \
           had not been here for 24 hours: what comes and goes is no news when it goes. Once, until it is back. `ip` \
           is the host's best address, or the one that `always_on` lists; `unheard_s`: seconds; `unanswered`: techniques.",
    fields: &["ip", "mac"],
    details: &["unanswered", "unheard_s"],
    catalog: Catalog {
        subject: "@SENSOR_IP@ is gone from @SENSOR_SEGMENT@",
        text: "Nothing at all was heard of the host for the configured time (gone_after), and it
left questions by at least two techniques unanswered; the message above says since
when. The sensor itself was listening without a break all that time.

A machine that was switched off or carried away does that, and so does a pulled
cable. If the host should always be there, look at its switch port first.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let unheard = facts.details.number("unheard_s").map_or(String::new(), |s| format!(", unheard for {}", span(s)));
    let silent = facts.list(", no answer by ", "unanswered");
    format!("{} is gone{}{unheard}{silent}", facts.who(), facts.on())
}
