//! The watched prefixes, the sensor's own addresses and the tunnels that are opened: one map value, written by user space.
//! The kernel searches it only for addresses that the presence table does not know, and for tunnels.

use crate::abi::TunnelKind;
use crate::found::Tunnel;

/// Watched prefixes that the table has room for.
pub const WATCHES_MAX: usize = 64;
/// Own addresses that the table has room for.
pub const OWN_MAX: usize = 16;
/// Sources of tunnels that the table has room for.
pub const TUNNELS_MAX: usize = 32;
/// Words of one watched prefix: place, address, mask.
const WATCH_WORDS: usize = 5;
/// Words of one source of tunnels: which tunnels (see [`TunnelSource::word`]), address, mask.
const TUNNEL_WORDS: usize = 5;
/// Words of a bitmap that has one bit for each IPv4 /16: whether any address of it is watched. Most addresses that are
/// not watched are recognised by it alone.
const COARSE_WORDS: usize = 0x1_0000 / 64;
/// Words of the map's value: the bitmap, the number of prefixes and the prefixes, the number of own addresses and
/// those, the number of sources of tunnels and those.
pub const WORDS: usize = COARSE_WORDS + 3 + WATCHES_MAX * WATCH_WORDS + OWN_MAX * 2 + TUNNELS_MAX * TUNNEL_WORDS;
/// The map's value.
pub type Table = [u64; WORDS];

const WATCHES_AT: usize = COARSE_WORDS;
const OWN_AT: usize = WATCHES_AT + 1 + WATCHES_MAX * WATCH_WORDS;
const TUNNELS_AT: usize = OWN_AT + 1 + OWN_MAX * 2;

/// A watched prefix, on one segment or on all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watch {
    /// The segment ([`crate::gate::place`]), or 0 for all segments.
    pub place: u64,
    /// The address of the prefix as two words ([`crate::found`]); its host bits are zero.
    pub address: [u64; 2],
    /// The mask of the prefix, as two words likewise.
    pub mask: [u64; 2],
}

/// Where tunnels come from that are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelSource {
    /// The address of the prefix of their senders, as two words; its host bits are zero.
    pub address: [u64; 2],
    /// The mask of the prefix, as two words likewise.
    pub mask: [u64; 2],
    /// Whether the prefix is IPv6.
    pub is_ipv6: bool,
    /// Their kind; `None` of the enum: any.
    pub kind: TunnelKind,
    /// Their id; `None`: any.
    pub id: Option<u32>,
}

/// `TunnelSource::word`: the prefix is IPv6.
const TUNNEL_IPV6: u64 = 1 << 8;
/// `TunnelSource::word`: only tunnels of the id.
const TUNNEL_ID: u64 = 1 << 9;

impl TunnelSource {
    /// The kind (bits 0 to 7), the flags, and the id (bits 32 to 63).
    const fn word(&self) -> u64 {
        let id = match self.id {
            Some(id) => (id as u64) << 32 | TUNNEL_ID,
            None => 0,
        };
        id | if self.is_ipv6 { TUNNEL_IPV6 } else { 0 } | self.kind as u64
    }
}

/// Writes the sources of tunnels that are opened. Those that do not fit are left out.
pub fn set_tunnels(table: &mut Table, sources: &[TunnelSource]) {
    table[TUNNELS_AT] = sources.len().min(TUNNELS_MAX) as u64;
    for (source, words) in sources.iter().zip(table[TUNNELS_AT + 1..].chunks_exact_mut(TUNNEL_WORDS)) {
        words.copy_from_slice(&[source.word(), source.address[0], source.address[1], source.mask[0], source.mask[1]]);
    }
}

/// Whether a tunnel is opened, by who sent it: anybody who can send a datagram here could else make up segments and all
/// that happens there.
#[inline(always)]
pub fn is_tunnel_source(table: &Table, source: [u64; 2], tunnel: &Tunnel) -> bool {
    let is_ipv6 = source[0] >> 32 != 0 || source[1] != 0;
    for n in 0..TUNNELS_MAX {
        if n as u64 >= table[TUNNELS_AT] {
            break;
        }
        let at = TUNNELS_AT + 1 + n * TUNNEL_WORDS;
        let word = table[at];
        let is_kind = word & 0xff == 0 || word & 0xff == tunnel.kind as u64;
        let is_id = word & TUNNEL_ID == 0 || word >> 32 == u64::from(tunnel.id);
        let is_from = source[0] & table[at + 3] == table[at + 1] && source[1] & table[at + 4] == table[at + 2];
        if is_kind && is_id && is_from && (word & TUNNEL_IPV6 != 0) == is_ipv6 {
            return true;
        }
    }
    false
}

/// The map's value for these prefixes and own addresses. Those that do not fit are left out.
pub fn table(watches: &[Watch], own: &[[u64; 2]]) -> Table {
    let mut table = [0; WORDS];
    table[WATCHES_AT] = watches.len().min(WATCHES_MAX) as u64;
    for (watch, words) in watches.iter().zip(table[WATCHES_AT + 1..OWN_AT].chunks_exact_mut(WATCH_WORDS)) {
        words.copy_from_slice(&[watch.place, watch.address[0], watch.address[1], watch.mask[0], watch.mask[1]]);
    }
    for watch in watches.iter().take(WATCHES_MAX).filter(|watch| !is_ipv6(watch)) {
        let (first, mask) = (watch.address[0] >> 16, watch.mask[0] >> 16);
        for net in (0..0x1_0000).filter(|net| net & mask == first) {
            table[net as usize / 64] |= 1 << (net % 64);
        }
    }
    table[OWN_AT] = own.len().min(OWN_MAX) as u64;
    for (address, words) in own.iter().zip(table[OWN_AT + 1..TUNNELS_AT].chunks_exact_mut(2)) {
        words.copy_from_slice(address);
    }
    table
}

/// Whether a prefix is IPv6: its mask then covers the upper half of the first word, which an IPv4 address leaves empty.
const fn is_ipv6(watch: &Watch) -> bool {
    watch.mask[0] >> 32 != 0
}

/// Whether an IPv4 address may be watched, by the bitmap alone: `false` is certain, `true` is not.
#[inline(always)]
pub fn may_be_watched(table: &Table, address: u32) -> bool {
    let net = address >> 16;
    table[(net / 64) as usize & (COARSE_WORDS - 1)] >> (net % 64) & 1 != 0
}

/// Whether an address on a segment is watched.
#[inline(always)]
pub fn is_watched(table: &Table, place: u64, address: [u64; 2]) -> bool {
    let is_ipv6 = address[0] >> 32 != 0 || address[1] != 0;
    for n in 0..WATCHES_MAX {
        if n as u64 >= table[WATCHES_AT] {
            break;
        }
        let at = WATCHES_AT + 1 + n * WATCH_WORDS;
        let there = table[at] == 0 || table[at] == place;
        let same = address[0] & table[at + 3] == table[at + 1] && address[1] & table[at + 4] == table[at + 2];
        let family = (table[at + 3] >> 32 != 0) == is_ipv6;
        if there && same && family {
            return true;
        }
    }
    false
}

/// Whether an address is one of the sensor's own.
#[inline(always)]
pub fn is_own(table: &Table, address: [u64; 2]) -> bool {
    for n in 0..OWN_MAX {
        if n as u64 >= table[OWN_AT] {
            break;
        }
        let at = OWN_AT + 1 + n * 2;
        if table[at] == address[0] && table[at + 1] == address[1] {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const NET_10: Watch = Watch { place: 0, address: [0x0a00_0000, 0], mask: [0xff00_0000, 0] };
    const THERE: Watch = Watch { place: 9, address: [0xc0a8_0100, 0], mask: [0xffff_ff00, 0] };
    const LOCAL: Watch = Watch { place: 0, address: [0xfe80 << 48, 0], mask: [0xffc0 << 48, 0] };

    #[test]
    fn a_prefix_is_watched_on_its_segment_only() {
        let table = table(&[NET_10, THERE, LOCAL], &[]);
        assert!(is_watched(&table, 1, [0x0a01_0203, 0]));
        assert!(!is_watched(&table, 1, [0x0b01_0203, 0]));
        assert!(is_watched(&table, 9, [0xc0a8_0105, 0]));
        assert!(may_be_watched(&table, 0xc0a8_0105) && may_be_watched(&table, 0xc0a8_ff05));
        assert!(may_be_watched(&table, 0x0aff_0000) && !may_be_watched(&table, 0x0b00_0000));
        assert!(!is_watched(&table, 8, [0xc0a8_0105, 0]));
        assert!(is_watched(&table, 1, [0xfe80 << 48, 5]));
        assert!(!is_watched(&table, 1, [0xfd00 << 48, 5]));
        assert!(!is_watched(&table, 1, [0x0a01_0203 | 1 << 40, 0]), "an IPv6 address is in no IPv4 prefix");
    }

    #[test]
    fn a_tunnel_is_opened_by_source_kind_and_id() {
        let any = TunnelSource {
            address: [0xc000_0200, 0],
            mask: [0xffff_ff00, 0],
            is_ipv6: false,
            kind: TunnelKind::None,
            id: None,
        };
        let vxlan = |id| Tunnel { kind: TunnelKind::Vxlan, id, vlan: 0 };
        let check = |sources: &[TunnelSource], source: [u64; 2], tunnel: Tunnel, expected: bool| {
            let mut table = table(&[], &[]);
            set_tunnels(&mut table, sources);
            assert_eq!(is_tunnel_source(&table, source, &tunnel), expected, "{sources:?} {source:x?} {tunnel:?}");
        };
        let (near, far) = ([0xc000_0207, 0], [0xc000_0307, 0]);
        check(&[], near, vxlan(1), false);
        check(&[any], near, vxlan(1), true);
        check(&[any], far, vxlan(1), false);
        check(&[any], [0xc000_0207 | 1 << 40, 0], vxlan(1), false);
        let one = TunnelSource { kind: TunnelKind::Vxlan, id: Some(7), ..any };
        check(&[one], near, vxlan(7), true);
        check(&[one], near, vxlan(8), false);
        check(&[one], near, Tunnel { kind: TunnelKind::Geneve, id: 7, vlan: 0 }, false);
        check(&[TunnelSource { id: Some(0), ..any }], near, vxlan(1), false);
        // Every IPv6 sender, and no IPv4 one.
        let six = TunnelSource { address: [0; 2], mask: [0; 2], is_ipv6: true, ..any };
        check(&[six], [0x2001_0db8 << 32, 1], vxlan(1), true);
        check(&[six], near, vxlan(1), false);
        check(&[far_away(any); 40], near, vxlan(1), false);
        let mut last = [far_away(any); TUNNELS_MAX];
        last[TUNNELS_MAX - 1] = any;
        check(&last, near, vxlan(1), true);
    }

    fn far_away(source: TunnelSource) -> TunnelSource {
        TunnelSource { address: [0x0a00_0000, 0], ..source }
    }

    #[test]
    fn entries_that_do_not_fit_are_left_out() {
        let full = table(&[NET_10; 100], &[[7, 0]; 20]);
        assert!(is_watched(&full, 1, [0x0a01_0203, 0]) && !is_watched(&full, 1, [0x0b01_0203, 0]));
        assert!(is_own(&full, [7, 0]) && !is_own(&full, [8, 0]));
        let empty = table(&[], &[]);
        assert!(!is_watched(&empty, 1, [0, 0]) && !is_own(&empty, [0, 0]));
    }
}
