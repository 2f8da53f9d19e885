//! DHCP's messages.

use std::net::Ipv4Addr;

use serde_json::{Map, Value};

use crate::export::sightings::fields::{put, put_some, text};
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::types::hex;

pub(super) fn dhcp(line: &mut Map<String, Value>, claim: &DhcpClaim) {
    put(line, "type", dhcp_type(claim.message));
    let address = |address: Option<Ipv4Addr>| address.map(|address| address.to_string());
    put_some(line, "hostname", claim.hostname.as_ref().map(text));
    put_some(line, "vendor_class", claim.vendor_class.as_ref().map(text));
    put_some(line, "parameters", claim.parameters.clone());
    put_some(line, "requested_ip", address(claim.requested_ip));
    put_some(line, "server", address(claim.server));
    put_some(line, "client_id", claim.client_id.as_ref().map(|id| hex(id.as_bytes())));
    put_some(line, "fqdn", claim.fqdn.as_ref().map(text));
    put_some(line, "ciaddr", address(claim.ciaddr));
    put_some(line, "yiaddr", address(claim.yiaddr).filter(|_| claim.message == DhcpMessage::Ack));
    put_some(line, "giaddr", address(claim.giaddr));
}

fn dhcp_type(message: DhcpMessage) -> Value {
    match message {
        DhcpMessage::Bootp => "bootp".into(),
        DhcpMessage::Discover => "discover".into(),
        DhcpMessage::Offer => "offer".into(),
        DhcpMessage::Request => "request".into(),
        DhcpMessage::Decline => "decline".into(),
        DhcpMessage::Ack => "ack".into(),
        DhcpMessage::Nak => "nak".into(),
        DhcpMessage::Release => "release".into(),
        DhcpMessage::Inform => "inform".into(),
        DhcpMessage::Unknown(number) => number.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sightings::fixture::check;
    use sensor_core::inventory::sighting::Claim;
    use sensor_core::types::Text;

    #[track_caller]
    fn check_dhcp(claim: DhcpClaim, expected: &str) {
        check("dhcp", Claim::Dhcp(Box::new(claim)), expected);
    }

    #[test]
    fn dhcp_types() {
        let types = [
            (DhcpMessage::Bootp, r#""bootp""#),
            (DhcpMessage::Discover, r#""discover""#),
            (DhcpMessage::Offer, r#""offer""#),
            (DhcpMessage::Request, r#""request""#),
            (DhcpMessage::Decline, r#""decline""#),
            (DhcpMessage::Ack, r#""ack""#),
            (DhcpMessage::Nak, r#""nak""#),
            (DhcpMessage::Release, r#""release""#),
            (DhcpMessage::Inform, r#""inform""#),
            (DhcpMessage::Unknown(13), "13"),
        ];
        for (message, expected) in types {
            check_dhcp(DhcpClaim { message, ..DhcpClaim::default() }, &format!(r#""type":{expected}"#));
        }
    }

    #[test]
    fn dhcp_with_everything() {
        let claim = |message| DhcpClaim {
            message,
            hostname: Some(Text::new(b"nas")),
            fqdn: Some(Text::new(b"nas.lan")),
            vendor_class: Some(Text::new(b"MSFT\n")),
            parameters: Some(vec![1, 3]),
            client_id: Some(Text::new(&[1, 0xff])),
            requested_ip: Some([10, 0, 0, 5].into()),
            server: Some([10, 0, 0, 1].into()),
            ciaddr: Some([10, 0, 0, 6].into()),
            yiaddr: Some([10, 0, 0, 7].into()),
            giaddr: Some([10, 0, 0, 8].into()),
            ..DhcpClaim::default()
        };
        let before = concat!(
            r#""hostname":"nas","vendor_class":{"hex":"4d5346540a"},"parameters":[1,3],"requested_ip":"10.0.0.5","#,
            r#""server":"10.0.0.1","client_id":"01ff","fqdn":"nas.lan","ciaddr":"10.0.0.6","#
        );
        let after = r#""giaddr":"10.0.0.8""#;
        check_dhcp(claim(DhcpMessage::Ack), &format!(r#""type":"ack",{before}"yiaddr":"10.0.0.7",{after}"#));
        // Only an ACK promises it.
        check_dhcp(claim(DhcpMessage::Offer), &format!(r#""type":"offer",{before}{after}"#));
    }
}
