//! What the tests of this room share: a sighting about 10.0.0.5, and what its line begins with.

use crate::export::sightings::line::sighting_line;
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Iface, Mac, Segment, Timestamp, Vlans};

pub(super) const MAC: Mac = Mac([0, 0, 0x5e, 0, 0x53, 1]);
pub(super) const AT: &str =
    r#""at":"1970-01-01T00:00:01.000000Z","segment":"eth1.100.30","iface":"eth1","vlan":[100,30]"#;

/// The line without its head, of a claim by MAC about 10.0.0.5.
#[track_caller]
pub(super) fn check(source: &str, claim: Claim, expected: &str) {
    let head = format!(r#"{{{AT},"source":"{source}","mac":"00:00:5e:00:53:01","ip":"10.0.0.5","#);
    assert_eq!(sighting_line(&sighting(claim)), format!("{head}{expected}}}"));
}

#[track_caller]
pub(super) fn check_mdns(claim: MdnsClaim, expected: &str) {
    check("mdns", Claim::Mdns(claim), expected);
}

pub(super) fn sighting(claim: Claim) -> Sighting {
    let ip = Some([10, 0, 0, 5].into());
    Sighting { at: Timestamp::from_secs(1), segment: segment(), frame_mac: MAC, mac: MAC, ip, claim }
}

pub(super) fn segment() -> Segment {
    Segment::tagged(Iface::new("eth1").unwrap(), Vlans::new([100, 30]))
}
