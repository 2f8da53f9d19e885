//! The ethertypes that the classifier knows, and where they begin.

pub(super) const IPV4: u16 = 0x0800;
pub(super) const ARP: u16 = 0x0806;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const PPPOE_SESSION: u16 = 0x8864;
pub(super) const LLDP: u16 = 0x88cc;
/// Ethernet in GRE and Geneve.
pub(super) const ETHERNET: u16 = 0x6558;
/// ERSPAN of type I or II.
pub(super) const ERSPAN_2: u16 = 0x88be;
pub(super) const ERSPAN_3: u16 = 0x22eb;
/// VLAN tags: 802.1Q, 802.1ad, and the number that QinQ used before 802.1ad.
const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// A number below this is not an ethertype but a length (IEEE 802.3, section 3.2.6).
pub(super) const LENGTH_END: u16 = 0x600;

#[inline(always)]
pub(super) fn is_tag(ethertype: u16) -> bool {
    TAGS.contains(&ethertype)
}
