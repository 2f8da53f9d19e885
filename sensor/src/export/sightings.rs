//! The sightings log: every sighting as one line of JSON, in the words of its protocol.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::record::{hex, rfc3339};
use crate::inventory::sighting::{ArpOperation, Claim, DhcpClaim, DhcpMessage, MdnsClaim, NdpClaim, Sighting};
use crate::types::{Class, Frame, Mac, Segment, Text, Timestamp};

/// One sighting as JSON, without a newline.
pub fn sighting_line(sighting: &Sighting) -> String {
    let source = match &sighting.claim {
        Claim::Arp(_) => "arp",
        Claim::Dhcp(_) => "dhcp",
        Claim::Mdns(_) => "mdns",
        Claim::Ndp(_) => "ndp",
    };
    let mut line = head(sighting.at, sighting.segment, source, sighting.mac);
    if sighting.frame_mac != sighting.mac {
        put(&mut line, "frame_mac", sighting.frame_mac.to_string());
    }
    if let Some(ip) = sighting.ip {
        put(&mut line, "ip", ip.to_string());
    }
    match &sighting.claim {
        Claim::Arp(claim) => put(&mut line, "op", arp_operation(claim.operation)),
        Claim::Dhcp(claim) => dhcp(&mut line, claim),
        Claim::Mdns(claim) => mdns(&mut line, claim),
        Claim::Ndp(claim) => ndp(&mut line, claim),
    }
    Value::Object(line).to_string()
}

/// A frame that could not be read, as JSON without a newline; `mac` is the frame's.
pub fn malformed_line(frame: &Frame<'_>, reason: impl std::fmt::Display) -> String {
    let source = match frame.class {
        Class::Arp => "arp",
        Class::Ndp => "ndp",
        Class::Dhcp => "dhcp",
        Class::Mdns => "mdns",
        _ => "traffic",
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

fn put(line: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    line.insert(key.to_owned(), value.into());
}

/// A string where it is clean, else `{"hex": ".."}`.
fn text(text: &Text) -> Value {
    text.as_clean().map_or_else(|| json!({ "hex": hex(text.as_bytes()) }), Value::from)
}

fn arp_operation(operation: ArpOperation) -> &'static str {
    match operation {
        ArpOperation::ConflictCheck => "conflict-check",
        ArpOperation::Gratuitous => "gratuitous",
        ArpOperation::Reply => "reply",
        ArpOperation::Request => "request",
    }
}

fn ndp(line: &mut Map<String, Value>, claim: &NdpClaim) {
    let operation = match claim {
        NdpClaim::Advert { .. } => "advert",
        NdpClaim::Dad => "dad",
        NdpClaim::Redirect { .. } => "redirect",
        NdpClaim::RouterAdvert(_) => "router-advert",
        NdpClaim::RouterSolicit | NdpClaim::Solicit { .. } => "solicit",
    };
    put(line, "op", operation);
    if let NdpClaim::RouterAdvert(advert) = claim {
        put(line, "lifetime", advert.lifetime_s);
        let prefixes: Value = advert.prefixes.iter().map(|(address, len)| format!("{address}/{len}")).collect();
        put(line, "prefixes", prefixes);
    }
}

fn dhcp(line: &mut Map<String, Value>, claim: &DhcpClaim) {
    put(line, "type", dhcp_type(claim.message));
    let mut some = |key: &str, value: Option<Value>| value.into_iter().for_each(|value| put(line, key, value));
    let address = |address: Option<std::net::Ipv4Addr>| address.map(|address| Value::from(address.to_string()));
    some("hostname", claim.hostname.as_ref().map(text));
    some("vendor_class", claim.vendor_class.as_ref().map(text));
    some("parameters", claim.parameters.clone().map(Value::from));
    some("requested_ip", address(claim.requested_ip));
    some("server", address(claim.server));
    some("client_id", claim.client_id.as_ref().map(|id| Value::from(hex(id.as_bytes()))));
    some("fqdn", claim.fqdn.as_ref().map(text));
    some("ciaddr", address(claim.ciaddr));
    some("yiaddr", address(claim.yiaddr).filter(|_| claim.message == DhcpMessage::Ack));
    some("giaddr", address(claim.giaddr));
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

fn mdns(line: &mut Map<String, Value>, claim: &MdnsClaim) {
    let (record, name) = match claim {
        MdnsClaim::Address { name, .. } => ("address", name),
        MdnsClaim::Goodbye { record } => {
            mdns(line, record);
            return put(line, "record", "goodbye");
        }
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
        MdnsClaim::Goodbye { .. } | MdnsClaim::Query { .. } | MdnsClaim::Type { .. } => {}
    }
}
