//! mDNS records, and LLMNR's, which are the same.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::export::sightings::fields::{put, text};
use sensor_core::inventory::sighting::mdns::MdnsClaim;

pub(super) fn mdns(line: &mut Map<String, Value>, claim: &MdnsClaim) {
    let (record, name) = match claim {
        MdnsClaim::Address { name, .. } => ("address", name),
        MdnsClaim::Goodbye { record } => {
            mdns(line, record);
            return put(line, "record", "goodbye");
        }
        MdnsClaim::OfAnother { record, .. } => return mdns(line, record),
        MdnsClaim::Query { name } => ("query", name),
        MdnsClaim::Reverse { name, .. } => ("reverse", name),
        MdnsClaim::Service { name, .. } => ("service", name),
        MdnsClaim::Srv { name, .. } => ("srv", name),
        MdnsClaim::Txt { name, .. } => ("txt", name),
        MdnsClaim::Type { name } => ("type", name),
    };
    put(line, "record", record);
    put(line, "name", text(name));
    match claim {
        MdnsClaim::Address { addr, .. } => put(line, "addr", IpAddr::to_string(addr)),
        MdnsClaim::Reverse { target, .. } => put(line, "target", text(target)),
        MdnsClaim::Service { instance, .. } => put(line, "instance", text(instance)),
        MdnsClaim::Srv { target, port, .. } => {
            put(line, "target", text(target));
            put(line, "port", *port);
        }
        MdnsClaim::Txt { txt, .. } => put(line, "txt", txt.iter().map(text).collect::<Value>()),
        MdnsClaim::Goodbye { .. } | MdnsClaim::OfAnother { .. } | MdnsClaim::Query { .. } | MdnsClaim::Type { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sightings::fixture::check_mdns;
    use sensor_core::types::Text;

    #[test]
    fn mdns() {
        let text = |text: &str| Text::new(text.as_bytes());
        let (name, target) = (text("a.local"), text("b.local"));
        let address = MdnsClaim::Address { name: name.clone(), addr: [10, 0, 0, 9].into() };
        check_mdns(address.clone(), r#""record":"address","name":"a.local","addr":"10.0.0.9""#);
        check_mdns(
            MdnsClaim::Goodbye { record: Box::new(address) },
            r#""record":"goodbye","name":"a.local","addr":"10.0.0.9""#,
        );
        check_mdns(MdnsClaim::Query { name: name.clone() }, r#""record":"query","name":"a.local""#);
        check_mdns(
            MdnsClaim::Reverse { name: name.clone(), target: target.clone() },
            r#""record":"reverse","name":"a.local","target":"b.local""#,
        );
        check_mdns(
            MdnsClaim::Service { name: name.clone(), instance: target.clone() },
            r#""record":"service","name":"a.local","instance":"b.local""#,
        );
        check_mdns(
            MdnsClaim::Srv { name: name.clone(), target, port: 631 },
            r#""record":"srv","name":"a.local","target":"b.local","port":631"#,
        );
        check_mdns(
            MdnsClaim::Txt { name: name.clone(), txt: vec![text("k=v"), Text::new(&[0xff]), text("")] },
            r#""record":"txt","name":"a.local","txt":["k=v",{"hex":"ff"},""]"#,
        );
        check_mdns(MdnsClaim::Type { name }, r#""record":"type","name":"a.local""#);
    }
}
