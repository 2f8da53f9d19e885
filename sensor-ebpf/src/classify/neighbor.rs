//! ICMPv6, ICMP and IGMP: neighbour messages, redirects and group membership.

use crate::abi::{Class, SMALL_BODY};
use crate::found::{Claim, Found, kind};
use crate::packet::{Packet, address_at, option, u32_at};
use crate::scan;

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOR_SOLICITATION: u8 = 135;
const REDIRECT: u8 = 137;
/// ICMP's redirect (RFC 792).
const ICMP_REDIRECT: u8 = 5;
/// The length of its head, with the IPv4 header of the packet that it is about, bytes.
const ICMP_REDIRECT_LEN: usize = 8 + 20;
/// MLD: query, report and done of version 1 (RFC 2710); report of version 2 (RFC 3810).
const MLD: [u8; 4] = [130, 131, 132, 143];

/// What the rules of neighbour messages ask of the IPv6 packet that carries them, beside its source.
pub(super) struct Carrier {
    pub(super) hop_limit: u8,
    pub(super) destination: [u64; 2],
    /// Whether it has a fragment header, be it that of an atomic fragment.
    pub(super) is_fragment: bool,
}

/// An ICMPv6 message that starts at `at`, in an IP packet that ends at `end`.
#[inline(always)]
pub(super) fn icmpv6<P: Packet>(
    packet: &P,
    found: &mut Found,
    at: usize,
    end: usize,
    carrier: &Carrier,
) -> Result<(), Class> {
    let icmp: [u8; 8] = packet.bytes(at).ok_or(Class::Malformed)?;
    match icmp[0] {
        // Nodes must ignore them behind a fragment header, an atomic fragment's included (RFC 6980, section 5).
        ROUTER_SOLICITATION..=REDIRECT if carrier.is_fragment => Err(Class::Fragment),
        ROUTER_SOLICITATION..=REDIRECT => {
            found.class = Class::Ndp;
            let is_valid = is_valid(&icmp, found.source, carrier);
            ndp(packet, found, at, &icmp, end, is_valid)
        }
        message if MLD.contains(&message) => membership(packet, found, at, end),
        _ => {
            found.class = Class::Traffic;
            Ok(())
        }
    }
}

/// An ICMP message that starts at `at`, in an IPv4 packet that ends at `end`. Redirects are harvested, without the end of the
/// packet that they are about.
#[inline(always)]
pub(super) fn icmp<P: Packet>(packet: &P, found: &mut Found, at: usize, end: usize) -> Result<(), Class> {
    found.class = Class::Traffic;
    let Some(icmp) = packet.bytes::<8>(at) else { return Ok(()) };
    if icmp[0] != ICMP_REDIRECT {
        return Ok(());
    }
    if end < at + ICMP_REDIRECT_LEN || end > packet.wire_len() {
        return Err(Class::Malformed);
    }
    found.class = Class::Redirect;
    found.take_body(packet, at, end.min(at + SMALL_BODY));
    let Some(about) = packet.bytes::<20>(at + 8) else { return Ok(()) };
    // One that hosts discard claims nothing: codes are 0 to 3, and an IPv4 header starts with 0x45 or more.
    if icmp[1] <= 3 && about[0] >> 4 == 4 && about[0] & 0xf >= 5 {
        let (gateway, destination) = (u32_at(&icmp, 4), u32_at(&about, 16));
        let kind = if gateway == destination { kind::REDIRECT_ON_LINK } else { kind::REDIRECT };
        let address = [found.source[0] | u64::from(gateway) << 32, 0];
        found.claim = Some(Claim { kind, address, mac: found.frame_mac, frame_mac: found.frame_mac });
    }
    Ok(())
}

/// An IGMP message that starts at `at`, in an IP packet that ends at `end`.
#[inline(always)]
pub(super) fn igmp<P: Packet>(packet: &P, found: &mut Found, at: usize, end: usize) -> Result<(), Class> {
    membership(packet, found, at, end)
}

#[inline(always)]
fn membership<P: Packet>(packet: &P, found: &mut Found, at: usize, end: usize) -> Result<(), Class> {
    if end < at + 8 || end > packet.wire_len() {
        return Err(Class::Malformed);
    }
    found.class = Class::Membership;
    found.take_body(packet, at, end);
    Ok(())
}

/// Whether hosts take a neighbour message of this header, source and carrier (RFC 4861, sections 6.1, 7.1 and 8.1). One
/// that they discard claims nothing, so that the gate does not hold back its valid repeat; user space refuses it.
#[inline(always)]
fn is_valid(icmp: &[u8; 8], source: [u64; 2], carrier: &Carrier) -> bool {
    let [high, low] = carrier.destination;
    let is_link_local = source[0] >> 54 == 0xfe80 >> 6;
    carrier.hop_limit == 255
        && match icmp[0] {
            ROUTER_ADVERTISEMENT | REDIRECT => is_link_local,
            ROUTER_SOLICITATION => true,
            NEIGHBOR_SOLICITATION => source != [0, 0] || high == 0xff02 << 48 && low >> 24 == 0x1ff,
            // To a group it answers nobody's solicitation.
            _ => high >> 56 != 0xff || icmp[4] & 0x40 == 0,
        }
}

/// A neighbour message whose ICMPv6 header starts at `at`, in an IP packet that ends at `end`.
#[inline(always)]
fn ndp<P: Packet>(
    packet: &P,
    found: &mut Found,
    at: usize,
    icmp: &[u8; 8],
    end: usize,
    is_valid: bool,
) -> Result<(), Class> {
    let message = icmp[0];
    let fixed_len = match message {
        ROUTER_SOLICITATION => 8,
        ROUTER_ADVERTISEMENT => 16,
        REDIRECT => 40,
        _ => 24,
    };
    if icmp[1] != 0 || end < at + fixed_len || end > packet.wire_len() {
        return Err(Class::Malformed);
    }
    // Hosts read all options, in any order. A message with more of them than fit into a small record is harvested and
    // compared as a whole, as a router advertisement is. So is a redirect, which has the start of a packet in it.
    let is_whole = matches!(message, ROUTER_ADVERTISEMENT | REDIRECT) || end > at + SMALL_BODY;
    found.take_body(packet, at, end);
    if matches!(message, ROUTER_ADVERTISEMENT | REDIRECT) || !is_valid {
        return Ok(());
    }
    // Solicitations carry the link-layer address of their sender (option 1), advertisements that of their target
    // (option 2).
    let wanted = if message == ROUTER_SOLICITATION || message == NEIGHBOR_SOLICITATION { 1 } else { 2 };
    let options_end = end.min(at + SMALL_BODY);
    let frame_mac = found.frame_mac;
    let mac = match packet.link_layer_option(at + fixed_len, options_end, wanted) {
        option::ABSENT => frame_mac,
        option::NOT_CAPTURED => return Ok(()),
        option::MALFORMED => return Err(Class::Malformed),
        mac => mac ^ option::IS_MAC,
    };
    let source = found.source;
    let (kind, address) = if message == ROUTER_SOLICITATION {
        (kind::ROUTER_SOLICITATION, source)
    } else {
        let Some(target) = address_at(packet, at + 8) else { return Ok(()) };
        if message == NEIGHBOR_SOLICITATION && found.is_to_group {
            found.asks = scan::fold(target);
        }
        match message {
            NEIGHBOR_SOLICITATION if source == [0, 0] => (kind::DUPLICATE_ADDRESS_DETECTION, target),
            NEIGHBOR_SOLICITATION => (kind::NEIGHBOR_SOLICITATION, source),
            _ => (kind::NEIGHBOR_ADVERTISEMENT + (icmp[4] >> 7) + (icmp[4] >> 4 & 2), target),
        }
    };
    if !is_whole {
        found.claim = Some(Claim { kind, address, mac, frame_mac });
    }
    Ok(())
}
