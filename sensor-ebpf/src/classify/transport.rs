//! UDP, whose ports tell the protocol; TCP, of which only SYN and SYN-ACK are harvested; and VRRP. Ports that are asked
//! for are counted as well ([`crate::scan`]).

use super::tunnel;
use crate::abi::{Class, FLAG_IPV4, SERVED_BODY};
use crate::found::{Claim, Found, kind};
use crate::packet::{Packet, u16_at, u32_at};
use crate::scan;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

const MDNS: u16 = 5353;

/// The harvested class of datagrams from or to a port; `Traffic` for any other port.
#[inline(always)]
fn class_of(port: u16, is_ipv4: bool) -> Class {
    match port {
        67 | 68 if is_ipv4 => Class::Dhcp,
        137 => Class::Nbns,
        546 | 547 if !is_ipv4 => Class::Dhcpv6,
        1900 => Class::Ssdp,
        // HSRP over IPv4, HSRP over IPv6, GLBP.
        1985 | 2029 | 3222 => Class::Redundancy,
        3702 => Class::Wsd,
        MDNS => Class::Mdns,
        5355 => Class::Llmnr,
        _ => Class::Traffic,
    }
}

/// Whether a port is that of a service whose answers are harvested.
#[inline(always)]
fn serves(port: u16) -> bool {
    matches!(port, 53 | 123 | 161)
}

/// Whether a datagram with these ports and this length is neither of a harvested class, nor part of a tunnel, nor counted
/// as asking for a port.
#[inline(always)]
pub(super) fn is_plain(source: u16, destination: u16, len: u16, is_ipv4: bool) -> bool {
    class_of(source, is_ipv4) as u8 == Class::Traffic as u8
        && class_of(destination, is_ipv4) as u8 == Class::Traffic as u8
        && !serves(source)
        && !tunnel::is_port(destination)
        && !scan::counts_datagram(destination, len)
}

/// Whether TCP flags are those of a segment within a connection: neither a SYN nor a SYN-ACK, and not one that no connection
/// has.
#[inline(always)]
pub(super) fn is_of_connection(flags: u8) -> bool {
    is_no_syn(flags) && !is_stray(flags)
}

/// Whether TCP flags are those of neither a SYN nor a SYN-ACK.
#[inline(always)]
fn is_no_syn(flags: u8) -> bool {
    flags & (SYN | RST | FIN) != SYN
}

/// Whether TCP flags are those of a segment that no connection has: one that opens none, and lacks ACK, which "is always
/// sent" once a connection is established (RFC 9293, section 3.1). A reset needs no ACK (section 3.10.7.1). Scanners send
/// such segments with no flag at all, with FIN, with FIN, PSH and URG, and with SYN and FIN.
#[inline(always)]
fn is_stray(flags: u8) -> bool {
    flags & (ACK | RST) == 0 && is_no_syn(flags)
}

/// A datagram whose UDP header starts at `at`, in an IP packet that ends at `end`.
#[inline(always)]
pub(super) fn udp<P: Packet>(packet: &P, found: &mut Found, at: usize, end: usize) -> Result<(), Class> {
    let udp: [u8; 8] = packet.bytes(at).ok_or(Class::Malformed)?;
    let (source, destination) = (u16_at(&udp, 0), u16_at(&udp, 2));
    let is_ipv4 = found.flags & FLAG_IPV4 != 0;
    found.ports = [source, destination];
    let mut class = class_of(destination, is_ipv4);
    // Compared as numbers: LLVM would compare the enums of a `match` by a table, which BPF does not support.
    if class as u8 == Class::Traffic as u8 || class_of(source, is_ipv4) as u8 == Class::Dhcp as u8 {
        class = class_of(source, is_ipv4);
    }
    if class as u8 == Class::Mdns as u8 && !is_mdns(packet, found.ports, at + 8) {
        class = Class::Traffic;
    }
    if class as u8 == Class::Traffic as u8 {
        if tunnel::is_port(destination) {
            tunnel::over_udp(packet, found, at + 8, destination);
        }
        found.class = Class::Traffic;
        if scan::counts_datagram(destination, u16_at(&udp, 4)) {
            found.asks = u64::from(destination);
        }
        if serves(source) {
            return served(packet, found, at, end, &udp);
        }
        return Ok(());
    }
    found.class = class;
    let len = usize::from(u16_at(&udp, 4));
    if len < 8 || at + len > end || end > packet.wire_len() {
        return Err(Class::Malformed);
    }
    found.take_body(packet, at + 8, at + len);
    if class as u8 == Class::Redundancy as u8 {
        found.claim = redundancy(packet, found, at + 8);
    }
    Ok(())
}

/// Whether a datagram with these ports, one of which is that of mDNS, is mDNS. Questions go to its port and may come
/// from any (RFC 6762, section 5.1); a response from another port "MUST be silently ignored" (section 6).
#[inline(always)]
fn is_mdns<P: Packet>(packet: &P, ports: [u16; 2], at: usize) -> bool {
    ports[1] == MDNS && (ports[0] == MDNS || packet.bytes::<4>(at).is_some_and(|head| head[2] & 0x80 == 0))
}

/// A datagram from the port of a service: the body is enough of it to tell an answer from a question.
#[inline(always)]
fn served<P: Packet>(packet: &P, found: &mut Found, at: usize, end: usize, udp: &[u8; 8]) -> Result<(), Class> {
    let len = usize::from(u16_at(udp, 4));
    if len < 8 || at + len > end || end > packet.wire_len() {
        return Ok(());
    }
    found.class = Class::Served;
    let taken_to = (at + len).min(at + 8 + SERVED_BODY).min(packet.captured_len());
    found.body_at = at + 8;
    found.body_len = taken_to.saturating_sub(at + 8) as u16;
    found.claim = Some(with_port(found, kind::SERVED));
    Ok(())
}

/// A segment whose TCP header starts at `at`, in an IP packet that ends at `end`. The body of a SYN starts with the IP
/// header, because fields of it are part of the fingerprint.
#[inline(always)]
pub(super) fn tcp<P: Packet>(packet: &P, found: &mut Found, at: usize, end: usize) -> Result<(), Class> {
    found.class = Class::Traffic;
    let Some(tcp) = packet.bytes::<14>(at) else { return Ok(()) };
    found.ports = [u16_at(&tcp, 0), u16_at(&tcp, 2)];
    let flags = tcp[13];
    let header_len = usize::from(tcp[12] >> 4) * 4;
    let is_counted = found.ports[1] < scan::PORTS_END;
    if is_stray(flags) && is_counted {
        found.asks = u64::from(found.ports[1]);
    }
    if is_no_syn(flags) || header_len < 20 || at + header_len > end || end > packet.wire_len() {
        return Ok(());
    }
    let kind = if flags & ACK == 0 {
        found.class = Class::Syn;
        if is_counted {
            found.asks = u64::from(found.ports[1]);
        }
        kind::SYN
    } else {
        found.class = Class::SynAck;
        kind::SYN_ACK
    };
    found.take_body(packet, found.ip_at, at + header_len);
    found.claim = Some(if kind == kind::SYN { of_source(found, kind) } else { with_port(found, kind) });
    Ok(())
}

/// A VRRP or CARP message that starts at `at`, in an IP packet that ends at `end`.
#[inline(always)]
pub(super) fn vrrp<P: Packet>(packet: &P, found: &mut Found, at: usize, end: usize) -> Result<(), Class> {
    if end < at + 8 || end > packet.wire_len() {
        return Err(Class::Malformed);
    }
    found.class = Class::Redundancy;
    found.take_body(packet, at, end);
    found.claim = redundancy(packet, found, at);
    Ok(())
}

/// The claim is made of the first four bytes: in each of these protocols they hold version, group, state and priority.
/// Counters and signatures, which differ in each message, come later.
#[inline(always)]
fn redundancy<P: Packet>(packet: &P, found: &Found, at: usize) -> Option<Claim> {
    let said = u64::from(u32_at(&packet.bytes::<4>(at)?, 0));
    let source = found.source;
    let frame_mac = found.frame_mac;
    let mac = said << 32 ^ source[0] ^ source[1].rotate_left(13);
    Some(Claim { kind: kind::REDUNDANCY, address: [frame_mac, u64::from(found.ports[1])], mac, frame_mac })
}

#[inline(always)]
fn of_source(found: &Found, kind: u8) -> Claim {
    Claim { kind, address: found.source, mac: found.frame_mac, frame_mac: found.frame_mac }
}

#[inline(always)]
fn with_port(found: &Found, kind: u8) -> Claim {
    let mut claim = of_source(found, kind);
    claim.address[0] ^= u64::from(found.ports[0]) << 40;
    claim
}
