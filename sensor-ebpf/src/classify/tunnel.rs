//! What carries another frame: PPPoE, GRE, ERSPAN, VXLAN, Geneve. Nothing is opened here; where the inner frame
//! starts is told.

use super::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, Found, INNER_MAX, Tunnel, u16_at, u32_at};
use crate::abi::{Class, TunnelKind};
use crate::packet::Packet;

/// PPPoE's header and PPP's protocol number (RFC 2516, sections 4 and 7).
pub(super) const PPPOE_LEN: usize = 8;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;

/// VXLAN (RFC 7348, section 5), and where Linux put it before that.
const PORTS_VXLAN: [u16; 2] = [4789, 8472];
/// RFC 8926, section 3.3.
const PORT_GENEVE: u16 = 6081;

const ETHERTYPE_ETHERNET: u16 = 0x6558;
const ETHERTYPE_ERSPAN_2: u16 = 0x88be;
const ETHERTYPE_ERSPAN_3: u16 = 0x22eb;

/// GRE's flags (RFC 2784, RFC 2890): a checksum, a key, a sequence number; and all that must be zero, among it the
/// version.
const GRE_CHECKSUM: u16 = 0x8000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;

/// Whether datagrams to the port may carry frames.
#[inline(always)]
pub(super) fn is_port(port: u16) -> bool {
    PORTS_VXLAN.contains(&port) || port == PORT_GENEVE
}

/// A PPPoE session's packet, which has no Ethernet header of its own: its ethertype.
#[inline(always)]
pub(super) fn pppoe<P: Packet>(packet: &P, found: &mut Found, at: usize) -> Result<u16, Class> {
    let head: [u8; PPPOE_LEN] = packet.bytes(at).ok_or(Class::Malformed)?;
    // Version 1, type 1, code 0: session data.
    if head[0] != 0x11 || head[1] != 0 {
        return Err(Class::Other);
    }
    let ethertype = match u16_at(&head, 6) {
        PPP_IPV4 => ETHERTYPE_IPV4,
        PPP_IPV6 => ETHERTYPE_IPV6,
        _ => return Err(Class::Other),
    };
    found.tunnel = Tunnel { kind: TunnelKind::Pppoe, id: u32::from(u16_at(&head, 2)), vlan: 0 };
    Ok(ethertype)
}

/// GRE, whose header starts at `at`.
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
        ETHERTYPE_ETHERNET => carries(found, inner, Tunnel { kind: TunnelKind::Gre, id: key, vlan: 0 }),
        // Type I has no header, and no sequence number tells it (draft-foschiano-erspan-03, section 4.1).
        ETHERTYPE_ERSPAN_2 if !has_sequence => {
            carries(found, inner, Tunnel { kind: TunnelKind::Erspan, id: 0, vlan: 0 });
        }
        ETHERTYPE_ERSPAN_2 => {
            if let Some(tunnel) = erspan(packet, inner) {
                carries(found, inner + 8, tunnel);
            }
        }
        ETHERTYPE_ERSPAN_3 => {
            if let Some(tunnel) = erspan(packet, inner) {
                let Some(last) = packet.bytes::<2>(inner + 10) else { return Ok(()) };
                // The lowest bit: a platform's own part follows, of 8 bytes.
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

/// VXLAN or Geneve, whose header starts at `at`.
#[inline(always)]
pub(super) fn over_udp<P: Packet>(packet: &P, found: &mut Found, at: usize, port: u16) {
    let Some(head) = packet.bytes::<8>(at) else { return };
    let id = u32_at(&head, 4) >> 8;
    if port != PORT_GENEVE {
        // The VNI is valid, and no other flag is set (RFC 7348, section 5).
        if head[0] == 8 {
            carries(found, at + 8, Tunnel { kind: TunnelKind::Vxlan, id, vlan: 0 });
        }
    } else if head[0] >> 6 == 0 && u16_at(&head, 2) == ETHERTYPE_ETHERNET {
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
