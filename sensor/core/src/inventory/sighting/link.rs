//! LLDP, CDP, spanning tree, group membership and first-hop redundancy: one sighting a message, of the station that sent
//! its frame. The sender's address stands with those that have one; what the others say of addresses is their claim.

use crate::inventory::sighting::{Claim, Sighting, sighting};
use crate::types::Frame;
use crate::wire::Message;

/// Reads one of those messages. Others are none of this file's: they make a sighting elsewhere.
pub(super) fn of(frame: &Frame<'_>, message: &Message) -> Option<Sighting> {
    let source = frame.packet.map(|packet| packet.source).filter(|ip| !ip.is_unspecified() && !ip.is_multicast());
    let (ip, claim) = match message {
        Message::Cdp(message) => (None, Claim::Cdp(message.clone())),
        Message::Lldp(message) => (None, Claim::Lldp(message.clone())),
        Message::Membership(message) => (source, Claim::Membership(Box::new(message.clone()))),
        Message::Redundancy(message) => (source, Claim::Redundancy(Box::new(message.clone()))),
        Message::Stp(message) => (None, Claim::Stp(*message)),
        _ => return None,
    };
    Some(sighting(frame, frame.source_mac, ip, claim))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use crate::inventory::sighting::{Sighting, sightings};
    use crate::types::{Class, Frame, Iface, Mac, Packet, Segment, Timestamp};
    use crate::wire;

    fn facts(class: Class, protocol: u8, source: &str, body: &[u8]) -> Vec<Sighting> {
        let source: IpAddr = source.parse().expect("an address");
        let ports = [1985; 2];
        let frame = Frame {
            at: Timestamp::EPOCH,
            segment: Segment::untagged(Iface::new("eth1").expect("a short name")),
            class,
            cut: false,
            source_mac: Mac([2, 0, 0, 0, 0, 1]),
            destination_mac: Mac::BROADCAST,
            packet: Some(Packet { source, destination: [224, 0, 0, 2].into(), hop_limit: 1, protocol, ports }),
            body,
            flood: false,
            scan: false,
        };
        let mut facts = Vec::new();
        let message = wire::dissect(&frame).expect("sound").expect("ours");
        sightings(&frame, &message, &mut facts);
        facts
    }

    #[track_caller]
    fn check(class: Class, protocol: u8, source: &str, body: &[u8], ip: Option<&str>) {
        let facts = facts(class, protocol, source, body);
        let [fact] = facts.as_slice() else { panic!("one fact: {facts:?}") };
        assert_eq!((fact.mac, fact.frame_mac), (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 1])));
        assert_eq!(fact.ip.map(|ip| ip.to_string()).as_deref(), ip);
    }

    #[test]
    fn one_fact_a_message() {
        let lldp = [2, 2, 7, b'x', 4, 2, 7, b'y', 6, 2, 0, 9, 0, 0];
        check(Class::Lldp, 0, "10.0.0.1", &lldp, None);
        check(Class::Cdp, 0, "10.0.0.1", &[2, 9, 0, 0], None);
        check(Class::Stp, 0, "10.0.0.1", &[0, 0, 0, 0x80], None);
        check(Class::Membership, 2, "10.0.0.1", &[0x16, 0, 0, 0, 239, 1, 1, 1], Some("10.0.0.1"));
        check(Class::Membership, 2, "0.0.0.0", &[0x16, 0, 0, 0, 239, 1, 1, 1], None);
        check(Class::Redundancy, 17, "10.0.0.1", &[0; 20], Some("10.0.0.1"));
    }
}
