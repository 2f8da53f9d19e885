//! `new-router`: a router never seen before.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "2b8cc3af38324a859e2fccc34a390995",
    rule: "A router never seen before on this segment: a router advertisement with a lifetime that is not 0; `mac` is \
           the frame's. Info inside the learning period. `lifetime_s`: seconds.",
    fields: &["ip", "mac"],
    details: &["lifetime_s", "prefixes"],
    catalog: Catalog {
        subject: "New IPv6 router @SENSOR_IP@",
        text: "The station @SENSOR_MAC@ on @SENSOR_SEGMENT@ announces itself as a default router
by router advertisements from @SENSOR_IP@, which it never did before.

Every machine with IPv6 will send its traffic there, whether or not you use IPv6. If
nobody set it up on purpose, act at once: find @SENSOR_MAC@ in the switch's
forwarding table and shut its port. Machines that share their connection do it by
accident; RA guard on the switch (RFC 6105) keeps them out for good.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (station, named, on) = (facts.station(), facts.named(), facts.on());
    format!("new router {} at {station}{named}{on}{}", facts.address(), facts.list(", advertises ", "prefixes"))
}
