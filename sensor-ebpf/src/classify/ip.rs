//! IPv4 and IPv6, up to the transport header.

use super::protocol::{GRE, ICMP, ICMPV6, IGMP, TCP, UDP, VRRP};
use super::{neighbor, transport, tunnel};
use crate::abi::{Class, FLAG_IPV4, FLAG_IPV6};
use crate::found::Found;
use crate::packet::{Packet, u16_at, u32_at, u64_at};

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

#[inline(always)]
pub(super) fn ipv4<P: Packet>(packet: &P, found: &mut Found, ip_at: usize) -> Result<(), Class> {
    let ip: [u8; 20] = packet.bytes(ip_at).ok_or(Class::Malformed)?;
    let header_len = usize::from(ip[0] & 0xf) * 4;
    if ip[0] >> 4 != 4 || header_len < 20 {
        return Err(Class::Malformed);
    }
    found.flags = FLAG_IPV4;
    found.ip_at = ip_at;
    found.source = [u64::from(u32_at(&ip, 12)), 0];
    found.protocol = ip[9];
    // The flag "more fragments", or an offset.
    if u16_at(&ip, 6) & 0x3fff != 0 {
        if may_be_harvested(ip[9]) {
            return Err(Class::Fragment);
        }
        found.class = Class::Traffic;
        return Ok(());
    }
    above(packet, found, ip_at + header_len, ip_at + usize::from(u16_at(&ip, 2)))
}

#[inline(always)]
pub(super) fn ipv6<P: Packet>(packet: &P, found: &mut Found, ip_at: usize) -> Result<(), Class> {
    let ip: [u8; 40] = packet.bytes(ip_at).ok_or(Class::Malformed)?;
    let mut at = ip_at + 40;
    if ip[0] >> 4 != 6 {
        return Err(Class::Malformed);
    }
    let mut next = ip[6];
    let mut is_fragment = false;
    for _ in 0..P::REACH.extensions {
        if !is_extension(next) {
            break;
        }
        if at > found.start + P::REACH.headers {
            return Err(Class::Deep);
        }
        let extension: [u8; 4] = packet.bytes(at).ok_or(Class::Malformed)?;
        at += match next {
            // An atomic fragment is the whole packet (RFC 6946).
            FRAGMENT if u16_at(&extension, 2) & 0xfff9 != 0 => {
                let next = extension[0];
                return Err(if may_say_something(next) { Class::Fragment } else { Class::Other });
            }
            FRAGMENT => {
                is_fragment = true;
                8
            }
            AUTHENTICATION => (usize::from(extension[1]) + 2) * 4,
            _ => (usize::from(extension[1]) + 1) * 8,
        };
        next = extension[0];
    }
    if is_extension(next) || at > found.start + P::REACH.headers {
        return Err(Class::Deep);
    }
    found.flags = FLAG_IPV6;
    found.source = [u64_at(&ip, 8), u64_at(&ip, 16)];
    found.ip_at = ip_at;
    found.protocol = next;
    let end = ip_at + 40 + usize::from(u16_at(&ip, 4));
    if next == ICMPV6 {
        let carrier =
            neighbor::Carrier { hop_limit: ip[7], destination: [u64_at(&ip, 24), u64_at(&ip, 32)], is_fragment };
        neighbor::icmpv6(packet, found, at, end, &carrier)
    } else {
        above(packet, found, at, end)
    }
}

/// Whether the packet of an IP protocol, or with such a header, may be harvested for more than its sender.
#[inline(always)]
pub(super) fn may_say_something(protocol: u8) -> bool {
    may_be_harvested(protocol) || protocol == ICMP || is_extension(protocol)
}

/// Reads the protocol above IP, whose header starts at `at`, in a packet that ends at `end`.
#[inline(always)]
fn above<P: Packet>(packet: &P, found: &mut Found, at: usize, end: usize) -> Result<(), Class> {
    match found.protocol {
        TCP => transport::tcp(packet, found, at, end),
        UDP => transport::udp(packet, found, at, end),
        GRE => tunnel::gre(packet, found, at),
        VRRP => transport::vrrp(packet, found, at, end),
        ICMP if found.flags == FLAG_IPV4 => neighbor::icmp(packet, found, at, end),
        IGMP if found.flags == FLAG_IPV4 => neighbor::igmp(packet, found, at, end),
        _ => {
            found.class = Class::Traffic;
            Ok(())
        }
    }
}

/// Whether a fragment of the protocol may belong to a harvested message.
#[inline(always)]
fn may_be_harvested(protocol: u8) -> bool {
    matches!(protocol, UDP | ICMPV6)
}

#[inline(always)]
fn is_extension(header: u8) -> bool {
    matches!(header, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS)
}
