//! Protocols that carry another frame: PPPoE, GRE, ERSPAN, VXLAN, Geneve. The inner frame is not read here; `Found`
//! says where it starts.

use super::bounds::INNER_MAX;
use super::ethertype;
use crate::abi::{Class, TunnelKind};
use crate::found::{Found, Tunnel};
use crate::packet::{Packet, u16_at, u32_at};

/// Length of the PPPoE header and of PPP's protocol number (RFC 2516, sections 4 and 7), bytes.
pub(super) const PPPOE_LEN: usize = 8;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// UDP ports of VXLAN: the assigned one (RFC 7348, section 5), and the one that Linux used before.
const PORTS_VXLAN: [u16; 2] = [4789, 8472];
/// UDP port of Geneve (RFC 8926, section 3.3).
const PORT_GENEVE: u16 = 6081;

/// Flags of GRE (RFC 2784, RFC 2890): a checksum, a key or a sequence number follows. All other bits of the word, the
/// version among them, must be zero.
const GRE_CHECKSUM: u16 = 0x8000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;

/// Whether datagrams to the port may carry frames.
#[inline(always)]
pub(super) fn is_port(port: u16) -> bool {
    PORTS_VXLAN.contains(&port) || port == PORT_GENEVE
}

/// The packet of a PPPoE session, which has no Ethernet header of its own: sets the tunnel, answers the ethertype.
#[inline(always)]
pub(super) fn pppoe<P: Packet>(packet: &P, found: &mut Found, at: usize) -> Result<u16, Class> {
    let head: [u8; PPPOE_LEN] = packet.bytes(at).ok_or(Class::Malformed)?;
    // Version 1, type 1, code 0: session data.
    if head[0] != 0x11 || head[1] != 0 {
        return Err(Class::Other);
    }
    let ethertype = match u16_at(&head, 6) {
        PPP_IPV4 => ethertype::IPV4,
        PPP_IPV6 => ethertype::IPV6,
        _ => return Err(Class::Other),
    };
    found.tunnel = Tunnel { kind: TunnelKind::Pppoe, id: u32::from(u16_at(&head, 2)), vlan: 0 };
    Ok(ethertype)
}

/// A GRE packet whose header starts at `at`.
#[inline(always)]
pub(super) fn gre<P: Packet>(packet: &P, found: &mut Found, at: usize) -> Result<(), Class> {
    found.class = Class::Traffic;
    let Some(head) = packet.bytes::<4>(at) else { return Ok(()) };
    let (flags, protocol) = (u16_at(&head, 0), u16_at(&head, 2));
    if flags & !(GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE) != 0 {
        return Ok(());
    }
    let mut inner = at + 4;
    if flags & GRE_CHECKSUM != 0 {
        inner += 4;
    }
    let mut key = 0;
    if flags & GRE_KEY != 0 {
        let Some(bytes) = packet.bytes::<4>(inner) else { return Ok(()) };
        key = u32_at(&bytes, 0);
        inner += 4;
    }
    let has_sequence = flags & GRE_SEQUENCE != 0;
    if has_sequence {
        inner += 4;
    }
    match protocol {
        ethertype::ETHERNET => carries(found, inner, Tunnel { kind: TunnelKind::Gre, id: key, vlan: 0 }),
        // Type I, which has no ERSPAN header: GRE has no sequence number then (draft-foschiano-erspan-03, section 4.1).
        ethertype::ERSPAN_2 if !has_sequence => {
            carries(found, inner, Tunnel { kind: TunnelKind::Erspan, id: 0, vlan: 0 });
        }
        ethertype::ERSPAN_2 => {
            if let Some(tunnel) = erspan(packet, inner) {
                carries(found, inner + 8, tunnel);
            }
        }
        ethertype::ERSPAN_3 => {
            if let Some(tunnel) = erspan(packet, inner) {
                let Some(last) = packet.bytes::<2>(inner + 10) else { return Ok(()) };
                // The lowest bit says that a platform-specific subheader of 8 bytes follows.
                carries(found, inner + 12 + usize::from(last[1] & 1) * 8, tunnel);
            }
        }
        _ => {}
    }
    Ok(())
}

/// The first word of an ERSPAN header: version, VLAN, class of service, encapsulation, session.
#[inline(always)]
fn erspan<P: Packet>(packet: &P, at: usize) -> Option<Tunnel> {
    let word = u32_at(&packet.bytes::<4>(at)?, 0);
    Some(Tunnel { kind: TunnelKind::Erspan, id: word & 0x3ff, vlan: (word >> 16) as u16 & 0xfff })
}

/// A VXLAN or Geneve header that starts at `at`, in a datagram to this port.
#[inline(always)]
pub(super) fn over_udp<P: Packet>(packet: &P, found: &mut Found, at: usize, port: u16) {
    let Some(head) = packet.bytes::<8>(at) else { return };
    let id = u32_at(&head, 4) >> 8;
    if port != PORT_GENEVE {
        // Only the flag "VNI is valid" is set (RFC 7348, section 5).
        if head[0] == 8 {
            carries(found, at + 8, Tunnel { kind: TunnelKind::Vxlan, id, vlan: 0 });
        }
    } else if head[0] >> 6 == 0 && u16_at(&head, 2) == ethertype::ETHERNET {
        let options_len = usize::from(head[0] & 0x3f) * 4;
        carries(found, at + 8 + options_len, Tunnel { kind: TunnelKind::Geneve, id, vlan: 0 });
    }
}

#[inline(always)]
fn carries(found: &mut Found, at: usize, tunnel: Tunnel) {
    if at < INNER_MAX {
        found.inner_at = at;
        found.inner = tunnel;
    }
}
