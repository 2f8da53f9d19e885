//! A sighting, or a frame that could not be read, as one line of JSON.

use serde_json::{Map, Value};

use crate::export::record::text::rfc3339;
use crate::export::sightings::fields::{put, put_some};
use crate::export::sightings::{answer, arp, dhcp, link, mdns, names};
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Class, Frame, Mac, Segment, Timestamp};

/// One sighting as JSON, without a newline.
pub fn sighting_line(sighting: &Sighting) -> String {
    let source = match &sighting.claim {
        Claim::Answer(answer) => answer::source(answer),
        Claim::Arp(_) => "arp",
        Claim::Cdp(_) => "cdp",
        Claim::Dhcp(_) => "dhcp",
        Claim::Lldp(_) => "lldp",
        Claim::Mdns(_) => "mdns",
        Claim::Membership(message) => link::membership_source(message.protocol),
        Claim::Dhcpv6(_) => "dhcpv6",
        Claim::Llmnr(_) => "llmnr",
        Claim::Nbns(_) => "nbns",
        Claim::Ndp(_) => "ndp",
        Claim::Redirect(_) => "redirect",
        Claim::Redundancy(message) => message.protocol.name(),
        Claim::Stp(_) => "stp",
        Claim::Served(_) => "served",
        Claim::Traffic(_) => "traffic",
        Claim::Syn(syn) if syn.is_answer => "syn-ack",
        Claim::Syn(_) => "syn",
        Claim::Ssdp(_) => "ssdp",
        Claim::Wsd(_) => "wsd",
    };
    let mut line = head(sighting.at, sighting.segment, source, sighting.mac);
    if sighting.frame_mac != sighting.mac {
        put(&mut line, "frame_mac", sighting.frame_mac.to_string());
    }
    put_some(&mut line, "ip", sighting.ip.map(|ip| ip.to_string()));
    if let Claim::Answer(_) = &sighting.claim {
        // A socket does not show the MAC that its answers come from.
        line.shift_remove("mac");
    }
    match &sighting.claim {
        Claim::Answer(claim) => answer::answer(&mut line, claim),
        Claim::Arp(claim) => arp::arp(&mut line, claim),
        Claim::Cdp(message) => link::cdp(&mut line, message),
        Claim::Dhcp(claim) => dhcp::dhcp(&mut line, claim),
        Claim::Lldp(message) => link::lldp(&mut line, message),
        Claim::Mdns(claim) => mdns::mdns(&mut line, claim),
        Claim::Membership(message) => link::membership(&mut line, message),
        Claim::Dhcpv6(claim) => names::dhcpv6(&mut line, claim),
        Claim::Llmnr(heard) => mdns::mdns(&mut line, &heard.said),
        Claim::Nbns(heard) => names::nbns(&mut line, &heard.said),
        Claim::Ndp(claim) => arp::ndp(&mut line, claim),
        Claim::Redirect(redirect) => arp::redirect(&mut line, redirect),
        Claim::Redundancy(message) => link::redundancy(&mut line, message),
        Claim::Stp(message) => link::stp(&mut line, message),
        Claim::Served(claim) => {
            put(&mut line, "protocol", claim.protocol);
            put(&mut line, "port", claim.port);
        }
        Claim::Traffic(claim) => {
            put(&mut line, "frames", claim.frames);
            put_some(&mut line, "hop_limit", claim.hop_limit);
        }
        Claim::Syn(syn) => put(&mut line, "signature", syn.to_string()),
        Claim::Ssdp(heard) => names::ssdp(&mut line, &heard.said),
        Claim::Wsd(heard) => names::wsd(&mut line, &heard.said),
    }
    Value::Object(line).to_string()
}

/// A frame that could not be read, as JSON without a newline; `mac` is the frame's.
pub fn malformed_line(frame: &Frame<'_>, reason: impl std::fmt::Display) -> String {
    let source = match frame.class {
        Class::Membership | Class::Redundancy => link::source_of(frame.packet.as_ref()),
        Class::Deep | Class::Fragment | Class::Malformed | Class::Other | Class::Served | Class::Traffic => "traffic",
        class => class.name(),
    };
    let mut line = head(frame.at, frame.segment, source, frame.source_mac);
    put(&mut line, "malformed", reason.to_string());
    Value::Object(line).to_string()
}

fn head(at: Timestamp, segment: Segment, source: &str, mac: Mac) -> Map<String, Value> {
    let mut line = Map::new();
    put(&mut line, "at", rfc3339(at));
    put(&mut line, "segment", segment.to_string());
    put(&mut line, "iface", segment.iface.as_str());
    put(&mut line, "vlan", segment.vlans.ids());
    put(&mut line, "source", source);
    put(&mut line, "mac", mac.to_string());
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::export::hostile;
    use crate::export::sightings::fixture::{AT, MAC, check_mdns, segment, sighting};
    use sensor_core::inventory::sighting::mdns::MdnsClaim;
    use sensor_core::inventory::sighting::ndp::NdpClaim;
    use sensor_core::types::Text;
    use sensor_core::wire::error::WireError;

    #[track_caller]
    fn check_text(bytes: &[u8], expected: &str) {
        check_mdns(MdnsClaim::Query { name: Text::new(bytes) }, &format!(r#""record":"query","name":{expected}"#));
    }

    #[test]
    fn texts_are_clean_or_hex() {
        check_text("Büro \"1\"".as_bytes(), r#""Büro \"1\"""#);
        check_text(b"", r#""""#);
        check_text(b"a\0", r#"{"hex":"6100"}"#);
        check_text(b"a\nb", r#"{"hex":"610a62"}"#);
        check_text(b"\x1b[2J", r#"{"hex":"1b5b324a"}"#);
        check_text("\u{9b}".as_bytes(), r#"{"hex":"c29b"}"#);
        check_text("\u{202e}".as_bytes(), r#"{"hex":"e280ae"}"#);
        check_text(&[0xc3], r#"{"hex":"c3"}"#);
    }

    #[test]
    fn hostile_texts_stay_in_their_line() {
        for text in hostile::TEXTS {
            let claim = Claim::Mdns(MdnsClaim::Query { name: Text::new(text.as_bytes()) });
            let line = sighting_line(&sighting(claim)) + "\n";
            hostile::assert_lines(line.as_bytes(), 1);
            assert_eq!(serde_json::from_str::<Map<String, Value>>(&line).unwrap().len(), 9);
        }
    }

    #[test]
    fn the_frames_own_mac_where_it_differs() {
        let frame_mac = Mac([2, 0, 0, 0, 0, 9]);
        let stranger = Sighting { frame_mac, ip: None, ..sighting(Claim::Ndp(NdpClaim::Dad)) };
        assert_eq!(
            sighting_line(&stranger),
            format!(r#"{{{AT},"source":"ndp","mac":"00:00:5e:00:53:01","frame_mac":"02:00:00:00:00:09","op":"dad"}}"#)
        );
    }

    #[test]
    fn malformed_frames() {
        let frame = |class| Frame {
            at: Timestamp::from_secs(1),
            segment: segment(),
            class,
            cut: false,
            flood: false,
            scan: false,
            source_mac: MAC,
            destination_mac: Mac::BROADCAST,
            packet: None,
            body: &[],
        };
        let classes = [
            (Class::Arp, "arp"),
            (Class::Ndp, "ndp"),
            (Class::Dhcp, "dhcp"),
            (Class::Mdns, "mdns"),
            (Class::Dhcpv6, "dhcpv6"),
            (Class::Llmnr, "llmnr"),
            (Class::Nbns, "nbns"),
            (Class::Ssdp, "ssdp"),
            (Class::Wsd, "wsd"),
            (Class::Other, "traffic"),
        ];
        for (class, source) in classes {
            assert_eq!(
                malformed_line(&frame(class), WireError::Truncated),
                format!(r#"{{{AT},"source":"{source}","mac":"00:00:5e:00:53:01","malformed":"truncated"}}"#)
            );
        }
    }
}
