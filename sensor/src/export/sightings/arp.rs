//! ARP's and NDP's operations.

use serde_json::{Map, Value};

use crate::export::sightings::fields::{put, put_some};
use crate::export::sightings::names;
use sensor_core::inventory::sighting::arp::{ArpClaim, ArpOperation};
use sensor_core::inventory::sighting::ndp::NdpClaim;
use sensor_core::inventory::sighting::redirect::Redirect;

pub(super) fn arp(line: &mut Map<String, Value>, claim: &ArpClaim) {
    let operation = match claim.operation {
        ArpOperation::ConflictCheck | ArpOperation::PresenceCheck => "conflict-check",
        ArpOperation::Gratuitous => "gratuitous",
        ArpOperation::Reply => "reply",
        ArpOperation::Request => "request",
    };
    put(line, "op", operation);
}

pub(super) fn ndp(line: &mut Map<String, Value>, claim: &NdpClaim) {
    let operation = match claim {
        NdpClaim::Advert { .. } => "advert",
        NdpClaim::Dad => "dad",
        NdpClaim::Redirect(_) => "redirect",
        NdpClaim::RouterAdvert(_) => "router-advert",
        NdpClaim::RouterSolicit | NdpClaim::Solicit { .. } => "solicit",
    };
    put(line, "op", operation);
    match claim {
        NdpClaim::Redirect(said) => redirect(line, said),
        NdpClaim::RouterAdvert(advert) => names::router(line, advert),
        _ => {}
    }
}

/// A redirect of ICMP or of ICMPv6.
pub(super) fn redirect(line: &mut Map<String, Value>, redirect: &Redirect) {
    put(line, "hop", redirect.hop.to_string());
    put_some(line, "hop_mac", redirect.hop_mac.map(|mac| mac.to_string()));
    put(line, "destination", redirect.destination.to_string());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::export::sightings::fixture::check;
    use sensor_core::inventory::sighting::Claim;
    use sensor_core::inventory::sighting::ndp::RouterAdvert;
    use sensor_core::types::Mac;
    use sensor_core::wire::ndp::Prefix;

    #[track_caller]
    fn check_arp(operation: ArpOperation, expected: &str) {
        let claim = Claim::Arp(ArpClaim { operation, target: Ipv4Addr::UNSPECIFIED, asked: false });
        check("arp", claim, &format!(r#""op":"{expected}""#));
    }

    #[track_caller]
    fn check_ndp(claim: NdpClaim, expected: &str) {
        check("ndp", Claim::Ndp(claim), expected);
    }

    #[test]
    fn arp() {
        check_arp(ArpOperation::ConflictCheck, "conflict-check");
        check_arp(ArpOperation::Gratuitous, "gratuitous");
        check_arp(ArpOperation::Reply, "reply");
        check_arp(ArpOperation::Request, "request");
    }

    #[test]
    fn ndp() {
        let target = IpAddr::from([0; 16]);
        check_ndp(NdpClaim::Advert { router: true, solicited: true, asked: false }, r#""op":"advert""#);
        check_ndp(NdpClaim::Dad, r#""op":"dad""#);
        let redirect = Redirect { hop: target, hop_mac: Some(Mac([2, 0, 0, 0, 0, 9])), destination: target };
        check_ndp(
            NdpClaim::Redirect(redirect),
            r#""op":"redirect","hop":"::","hop_mac":"02:00:00:00:00:09","destination":"::""#,
        );
        check("redirect", Claim::Redirect(Redirect { hop_mac: None, ..redirect }), r#""hop":"::","destination":"::""#);
        check_ndp(NdpClaim::RouterSolicit, r#""op":"solicit""#);
        check_ndp(NdpClaim::Solicit { target }, r#""op":"solicit""#);
        let prefixes = vec![Prefix::new("2001:db8::".parse().unwrap(), 64), Prefix::new("fd00::".parse().unwrap(), 48)];
        check_ndp(
            NdpClaim::RouterAdvert(Box::new(RouterAdvert { lifetime_s: 1800, prefixes, ..RouterAdvert::default() })),
            r#""op":"router-advert","lifetime":1800,"prefixes":["2001:db8::/64","fd00::/48"]"#,
        );
        check_ndp(NdpClaim::RouterAdvert(Box::default()), r#""op":"router-advert","lifetime":0,"prefixes":[]"#);
    }
}
