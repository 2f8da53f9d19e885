//! `rogue-router`: a router that is not allowed.

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};

pub(super) const TEXTS: Texts = Texts {
    arpwatch: None,
    message_id: "98fa3ebca88a423b962e835372e58e28",
    rule: "A router advertisement that does not belong there; inside the learning period only with the first two \
           reasons. `unlisted`: as `new-router`, of a router that is not on its segment's allow list, where there is \
           one (`allow_routers`); once as `rogue-dhcp-server`, in place of `new-router`. `spoofed`: by the address of \
           a router (`old_mac`) whose last advertisement has not run out, from a station that does not hold the \
           address; it binds and changes nothing; not between stations of one host or redundancy group, nor when one \
           is virtual; told again when it was not seen for an hour. `foreign-prefix`: a prefix outside the configured \
           IPv6 prefixes, where there are any (`[[network]]`), once for (segment, prefix, MAC); else a new router (in \
           place of `new-router`), on no allow list, all of whose prefixes are foreign to those of the routers known \
           there; not withdrawn or deprecated prefixes, and not while one of the segment's is deprecated in the same \
           message: it renumbers. `foreign-dns`: a known router, or one of lifetime 0 beside known ones, announces \
           `name_servers` that no router on the segment announced before; not its own addresses, and none whose lower \
           64 bits are those of one that it announced last. `zero-lifetime` (warning; info inside the learning \
           period): a default router says that it is none any more, as routers do that stop; not of redundancy \
           groups; told again when it was not seen for an hour. `lifetime_s`: seconds.",
    fields: &["ip", "mac", "old_mac", "reason"],
    details: &["lifetime_s", "name_servers", "prefixes"],
    catalog: Catalog {
        subject: "IPv6 router @SENSOR_IP@ does not belong on @SENSOR_SEGMENT@",
        text: "The station @SENSOR_MAC@ on @SENSOR_SEGMENT@ sends router advertisements from
@SENSOR_IP@. Reason: @SENSOR_REASON@. It is not on the allow list (unlisted:
allow_routers); it speaks by the address of another router (spoofed); it
announces a prefix or name servers that are not the network's (foreign-prefix,
foreign-dns); it takes its service back (zero-lifetime), as routers do that stop.

Every machine with IPv6 believes what it says. Act at once: find @SENSOR_MAC@ in the
switch's forwarding table and shut its port. If it belongs there, put it on the list.",
    },
    sentence,
};

fn sentence(facts: &Facts<'_>) -> String {
    let (address, station, named, on) = (facts.address(), facts.station(), facts.named(), facts.on());
    let advertised = facts.list(", advertises ", "prefixes");
    let what = match facts.reason {
        Some("foreign-dns") => {
            format!("announces name servers that nobody did before: {}", facts.details.texts("name_servers"))
        }
        Some("foreign-prefix") => "announces a foreign prefix".to_owned(),
        Some("spoofed") => {
            format!("is not the one at {}: it speaks in another router's name", facts.old_station())
        }
        Some("zero-lifetime") => "says that it is no default router any more".to_owned(),
        _ => "is not allowed".to_owned(),
    };
    format!("router {address} at {station}{named} {what}{on}{advertised}")
}
