//! A host's stable number. A fixed hash, so that the same network has the same numbers in every run and database.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use crate::inventory::model::host::HostId;
use crate::types::{Mac, Segment};

/// The id of the host first seen as `mac` on `segment`; never zero.
pub fn host_id(segment: Segment, mac: Mac) -> HostId {
    mixed(segment, &mac.0)
}

/// The id of a host that is known by its address only, because it is behind a router; never zero.
pub(crate) fn distant_host_id(segment: Segment, ip: IpAddr) -> HostId {
    match ip {
        IpAddr::V4(ip) => mixed(segment, &ip.octets()),
        IpAddr::V6(ip) => mixed(segment, &ip.octets()),
    }
}

/// The id of a host made of a station that was split from the host which has the station's own id; never zero.
pub(crate) fn parted_host_id(segment: Segment, mac: Mac) -> HostId {
    let [a, b, c, d, e, f] = mac.0;
    mixed(segment, &[a, b, c, d, e, f, 1])
}

fn mixed(segment: Segment, bytes: &[u8]) -> HostId {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    write!(hash, "{segment}").expect("hashing cannot fail");
    hash.add(bytes);
    // FNV's high bits depend little on the last octets: mix them (the finisher of MurmurHash3).
    let mut h = hash.0;
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    HostId((h ^ (h >> 33)).max(1))
}

/// A hash that identifies the machine with this base address.
pub fn unit_id(base: Mac) -> u64 {
    words_id(&[b"mac", &base.0])
}

/// A hash of these texts, each with its length. It makes keys and withstands no forger.
pub(crate) fn words_id(words: &[&[u8]]) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    for word in words {
        hash.add(&word.len().to_be_bytes());
        hash.add(word);
    }
    hash.0
}

/// FNV-1a, 64 bits.
struct Fnv(u64);

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;
    use crate::types::{Iface, Vlans};

    fn check(iface: &str, vlans: [u16; 2], mac: [u8; 6], id: u64) {
        let segment = Segment::tagged(Iface::new(iface).unwrap(), Vlans::new(vlans));
        assert_eq!(format!("{:016x}", host_id(segment, Mac(mac)).0), format!("{id:016x}"));
    }

    /// The numbers are in databases and reports: they must never change.
    #[test]
    fn ids_are_stable() {
        check("eth1", [0, 0], [0x52, 0x54, 0, 0, 0, 1], 0xe44c_fbfb_b6c8_7c3f);
        check("eth1", [30, 0], [0x52, 0x54, 0, 0, 0, 1], 0x40b3_22ad_e8ba_a992);
        check("eth1", [0, 0], [0x52, 0x54, 0, 0, 0, 2], 0xeef9_31d5_c3a8_83c9);
    }
}
