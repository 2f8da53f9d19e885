//! What probes were answered.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::export::sightings::fields::{put, put_some, text};
use sensor_core::inventory::sighting::answer::{Answer, PortState};

/// The protocol that a question was asked by.
pub(super) fn source(answer: &Answer) -> &'static str {
    match answer {
        Answer::Echo { .. } => "icmp",
        Answer::Nbns { .. } => "nbns",
        Answer::Port { .. } => "tcp",
        Answer::Ptr { .. } => "ptr",
        Answer::Snmp { .. } => "snmp",
    }
}

pub(super) fn answer(line: &mut Map<String, Value>, answer: &Answer) {
    match answer {
        Answer::Echo { rtt, hop_limit } => {
            put(line, "rtt_ms", milliseconds(*rtt));
            put_some(line, "hop_limit", *hop_limit);
        }
        Answer::Nbns { name, group, mac } => {
            put_some(line, "name", name.as_ref().map(text));
            put_some(line, "group", group.as_ref().map(text));
            put_some(line, "unit_id", mac.map(|mac| mac.to_string()));
        }
        Answer::Port { port, state, banner, rtt } => {
            put(line, "port", *port);
            put(line, "state", port_state(*state));
            put_some(line, "banner", banner.as_ref().map(text));
            put_some(line, "rtt_ms", Some(milliseconds(*rtt)).filter(|_| *state != PortState::Silent));
        }
        Answer::Ptr { name, confirmed } => {
            put_some(line, "name", name.as_ref().map(text));
            put_some(line, "confirmed", name.as_ref().map(|_| *confirmed));
        }
        Answer::Snmp { name, description, object_id } => {
            put_some(line, "sysName", name.as_ref().map(text));
            put_some(line, "sysDescr", description.as_ref().map(text));
            put_some(line, "sysObjectID", object_id.as_ref().map(text));
        }
    }
}

fn port_state(state: PortState) -> &'static str {
    match state {
        PortState::Closed => "closed",
        PortState::Open => "open",
        PortState::Silent => "silent",
    }
}

fn milliseconds(span: Duration) -> Value {
    Value::from(span.as_micros() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::net::IpAddr;

    use super::*;
    use crate::export::sightings::line::sighting_line;
    use sensor_core::inventory::sighting::{Claim, Sighting};
    use sensor_core::types::{Iface, Mac, Segment, Text, Timestamp};

    #[test]
    fn what_a_socket_answers_names_no_station() {
        let segment = Segment::tagged(Iface::new("eth0").unwrap(), Default::default());
        let claim = Answer::Port {
            port: 22,
            state: PortState::Open,
            banner: Some(Text::new(b"SSH-2.0-x")),
            rtt: Duration::from_micros(1500),
        };
        let sighting = Sighting {
            at: Timestamp::EPOCH,
            segment,
            frame_mac: Mac::ZERO,
            mac: Mac::ZERO,
            ip: Some(IpAddr::from([10, 0, 0, 1])),
            claim: Claim::Answer(Box::new(claim)),
        };
        let expected = r#"{"at":"1970-01-01T00:00:00.000000Z","segment":"eth0","iface":"eth0","vlan":[],"source":"tcp","ip":"10.0.0.1","port":22,"state":"open","banner":"SSH-2.0-x","rtt_ms":1.5}"#;
        assert_eq!(sighting_line(&sighting), expected);
    }
}
