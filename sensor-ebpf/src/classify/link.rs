//! Protocols without IP: ARP, LLDP, and those over LLC (spanning tree, CDP).

use super::{ethertype, ip};
use crate::abi::{ARP_BODY, Class};
use crate::found::{Claim, Found, kind};
use crate::packet::{Packet, mac_word, slice, u16_at, u32_at, u64_at};

/// The LLC header of spanning tree: both service access points 0x42, unnumbered information (IEEE 802.1D, section
/// 7.12.3).
const LLC_SPANNING_TREE: [u8; 3] = [0x42, 0x42, 3];
/// The LLC and SNAP headers (IEEE 802, section 9) with Cisco's organisation code.
const SNAP_CISCO: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0x0c];
/// The same with the code that an ethertype follows (RFC 1042). Windows takes such frames, and access points turn them
/// into Ethernet frames and back.
const SNAP_ETHERTYPE: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];
/// Length of both headers, bytes.
pub(super) const SNAP_LEN: usize = 8;
/// The hardware type of Ethernet, and that of IEEE 802 networks, whose addresses are the same (RFC 1042): hosts take
/// both alike.
const ETHERNET: u16 = 1;
const IEEE_802: u16 = 6;
const SNAP_CDP: u16 = 0x2000;
const SNAP_PVST: u16 = 0x010b;

#[inline(always)]
pub(super) fn arp<P: Packet>(packet: &P, found: &mut Found, at: usize) -> Result<(), Class> {
    let body: [u8; ARP_BODY] = packet.bytes(at).ok_or(Class::Malformed)?;
    // Ethernet, IPv4 and their address lengths (RFC 826).
    if !matches!(u16_at(&body, 0), ETHERNET | IEEE_802) || body[2..6] != [8, 0, 6, 4] {
        return Err(Class::Other);
    }
    let sender = u32_at(&body, 14);
    let target = u32_at(&body, 24);
    let kind = match (u16_at(&body, 6), sender == target) {
        (1, _) if sender == 0 => kind::ARP_CONFLICT_CHECK,
        (1, false) => kind::ARP_REQUEST,
        (1, true) => kind::ARP_ANNOUNCEMENT,
        (2, false) => kind::ARP_REPLY,
        (2, true) => kind::ARP_GRATUITOUS_REPLY,
        _ => return Err(Class::Other),
    };
    let address = if kind == kind::ARP_CONFLICT_CHECK { target } else { sender };
    if found.is_to_group && matches!(kind, kind::ARP_REQUEST | kind::ARP_CONFLICT_CHECK) {
        found.asks = u64::from(target);
    }
    found.class = Class::Arp;
    found.body_at = at;
    found.body_len = ARP_BODY as u16;
    let frame_mac = found.frame_mac;
    found.claim = Some(Claim { kind, address: [u64::from(address), 0], mac: mac_word(&slice(&body, 8)), frame_mac });
    Ok(())
}

#[inline(always)]
pub(super) fn lldp<P: Packet>(packet: &P, found: &mut Found, at: usize) -> Result<(), Class> {
    found.class = Class::Lldp;
    found.take_body(packet, at, packet.wire_len());
    Ok(())
}

/// A frame whose length field says that `len` bytes follow, from `at` on.
#[inline(always)]
pub(super) fn llc<P: Packet>(packet: &P, found: &mut Found, at: usize, len: usize) -> Result<(), Class> {
    // Spanning tree's shortest message is seven bytes with this header.
    let Some(head) = packet.bytes::<3>(at) else { return Err(unread(packet, at + 3)) };
    let end = at + len;
    let (class, skip) = if head[..] == LLC_SPANNING_TREE {
        (Class::Stp, 3)
    } else {
        let Some(head) = packet.bytes::<SNAP_LEN>(at) else { return Err(unread(packet, at + SNAP_LEN)) };
        let protocol = u16_at(&head, 6);
        if head[..6] == SNAP_ETHERTYPE {
            return behind_snap(packet, found, at + SNAP_LEN, protocol);
        }
        if head[..6] != SNAP_CISCO {
            return Err(Class::Other);
        }
        match protocol {
            SNAP_CDP => (Class::Cdp, SNAP_LEN),
            SNAP_PVST => (Class::Stp, SNAP_LEN),
            _ => return Err(Class::Other),
        }
    };
    if len < skip || end > packet.wire_len() {
        return Err(Class::Malformed);
    }
    found.class = class;
    found.take_body(packet, at + skip, end);
    if class == Class::Stp {
        found.claim = spanning_tree(packet, found, at + skip);
    }
    Ok(())
}

/// The ethertype behind LLC and SNAP headers that start at `at`, if one follows them.
#[inline(always)]
pub(super) fn snap<P: Packet>(packet: &P, at: usize) -> Option<u16> {
    let head: [u8; SNAP_LEN] = packet.bytes(at)?;
    let ethertype = u16_at(&head, 6);
    (head[..6] == SNAP_ETHERTYPE && ethertype >= ethertype::LENGTH_END).then_some(ethertype)
}

/// A packet of an ethertype behind a SNAP header. ARP is read here; what else may be harvested is left to user space,
/// so that the verifier need not follow IP a second time.
#[inline(always)]
fn behind_snap<P: Packet>(packet: &P, found: &mut Found, at: usize, protocol: u16) -> Result<(), Class> {
    let next = match protocol {
        ethertype::ARP => return arp(packet, found, at),
        ethertype::IPV4 => packet.bytes::<2>(at + 8).map(|bytes| bytes[1]),
        ethertype::IPV6 => packet.bytes::<2>(at + 6).map(|bytes| bytes[0]),
        tag if ethertype::is_tag(tag) => return Err(Class::Deep),
        _ => return Err(Class::Other),
    };
    Err(match next {
        Some(protocol) if ip::may_say_something(protocol) => Class::Deep,
        Some(_) => Class::Other,
        None => unread(packet, at + 10),
    })
}

/// The class of a frame whose bytes up to `end` cannot be read here: it is so short, or they are missing and may be in the
/// next buffer.
#[inline(always)]
fn unread<P: Packet>(packet: &P, end: usize) -> Class {
    if end <= packet.wire_len() { Class::Malformed } else { Class::Other }
}

/// Flags, root, root path cost and bridge: what a configuration message repeats every two seconds.
#[inline(always)]
fn spanning_tree<P: Packet>(packet: &P, found: &Found, at: usize) -> Option<Claim> {
    let body: [u8; 28] = packet.bytes(at)?;
    let frame_mac = found.frame_mac;
    let said = u64_at(&body, 2) ^ u64_at(&body, 10).rotate_left(21) ^ u64_at(&body, 18).rotate_left(42);
    Some(Claim { kind: kind::SPANNING_TREE, address: [frame_mac, 0], mac: said, frame_mac })
}
