//! What tells that two hosts are one machine: the evidence that a host shows, as keys by which hosts that share it find
//! each other.
//!
//! Hard evidence is made to tell machines apart, and holds whatever the two MACs are. Soft evidence is likeness: it merges
//! two hosts only where one of them has a random MAC (locally administered, and not a hypervisor's), and where the one fell
//! silent before the other came. A vendor or a name alone is no evidence.

use std::collections::BTreeSet;

use crate::inventory::model::evidence::Evidence;
use crate::inventory::model::host::{Host, Name};
use crate::inventory::model::identity::words_id;
use crate::inventory::model::join::JoinEvidence;
use crate::inventory::model::source::Source;
use crate::types::{Mac, hex};

/// A piece of evidence that hosts may share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MergeKey {
    /// Its sort; `None`: a likeness (such as a common name) that merges nothing but is reported with a new host.
    pub(crate) evidence: Option<JoinEvidence>,
    /// A hash of the sort and the texts.
    pub(crate) hash: u64,
}

/// The evidence that a host of these stations shows.
pub(crate) fn keys(host: &Host, macs: &BTreeSet<Mac>) -> Vec<MergeKey> {
    let mut keys = Vec::new();
    let mut add = |evidence: Option<JoinEvidence>, words: &[&[u8]]| {
        let sort = evidence.map_or("like", JoinEvidence::name).as_bytes();
        let words: Vec<&[u8]> = [sort].into_iter().chain(words.iter().copied()).collect();
        keys.push(MergeKey { evidence, hash: words_id(&words) });
    };
    let prints = |evidence| host.prints.iter().filter(move |p| p.evidence == evidence).map(|p| p.value.as_bytes());
    prints(Evidence::Duid).for_each(|duid| add(Some(JoinEvidence::Duid), &[duid]));
    prints(Evidence::SnmpSystem).for_each(|system| add(Some(JoinEvidence::Snmp), &[system]));
    prints(Evidence::SsdpUuid).for_each(|uuid| add(Some(JoinEvidence::SsdpUuid), &[uuid]));
    if let Some(dhcp) = &host.dhcp {
        match client(&dhcp.client_id, macs) {
            Client::Duid(duid) => add(Some(JoinEvidence::Duid), &[hex(duid).as_bytes()]),
            Client::Id(id) => add(Some(JoinEvidence::ClientId), &[id]),
            Client::None => {}
        }
        if !dhcp.parameters.is_empty() {
            let class = dhcp.vendor_class.as_deref().unwrap_or_default().as_bytes();
            let name = dhcp.hostname.as_deref().unwrap_or_default().to_ascii_lowercase();
            let evidence = (!is_generic(&name)).then_some(JoinEvidence::HostnameAndDhcp);
            add(evidence, &[name.as_bytes(), &dhcp.parameters, class]);
            if let Some(name) = name_by(host, Source::Nbns).filter(|name| !is_generic(name)) {
                add(Some(JoinEvidence::NetbiosAndDhcp), &[name.as_bytes(), &dhcp.parameters, class]);
            }
        }
    }
    let mut models = prints(Evidence::MdnsModel);
    // Several models behind one MAC: a reflector repeats what other machines announce.
    if let (Some(model), None) = (models.next(), models.next())
        && let Some(name) = name_by(host, Source::Mdns).filter(|name| !is_generic(name))
    {
        add(Some(JoinEvidence::HostnameAndModel), &[name.as_bytes(), model]);
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The last name from this source, in lower case.
fn name_by(host: &Host, source: Source) -> Option<String> {
    let name: &Name = host.names.iter().find(|name| name.source == source)?;
    Some(name.name.to_ascii_lowercase())
}

/// What a DHCP client identifier identifies its client by.
enum Client<'a> {
    None,
    Duid(&'a [u8]),
    Id(&'a [u8]),
}

/// What a client identifier says (RFC 2132, section 9.14; RFC 4361, section 6.1).
fn client<'a>(id: &'a [u8], macs: &BTreeSet<Mac>) -> Client<'a> {
    let is_void = id.len() < CLIENT_ID_MIN || id.iter().skip(1).all(|&byte| byte == 0 || byte == 0xff);
    match id {
        _ if is_void => Client::None,
        [1, mac @ ..] if mac.len() == 6 && macs.iter().any(|own| own.0 == *mac) => Client::None,
        [0xff, _, _, _, _, duid @ ..] if duid.len() >= CLIENT_ID_MIN => Client::Duid(duid),
        _ => Client::Id(id),
    }
}

/// Bytes of an identifier that may be unique; shorter ones are a maker's constant.
const CLIENT_ID_MIN: usize = 6;

/// Whether a name (in lower case) is one that a maker gives to all its machines of a sort.
pub(crate) fn is_generic(name: &str) -> bool {
    const WHOLE: [&str; 40] = [
        "",
        "android",
        "arch",
        "computer",
        "debian",
        "desktop",
        "dhcpcd",
        "esp",
        "espressif",
        "fedora",
        "imac",
        "ipad",
        "iphone",
        "ipod",
        "kali",
        "kindle",
        "laptop",
        "linux",
        "localhost",
        "lwip0",
        "mac",
        "mac-mini",
        "macbook",
        "macbook-air",
        "macbook-pro",
        "mobile",
        "none",
        "null",
        "openwrt",
        "pc",
        "phone",
        "pixel",
        "raspberrypi",
        "tablet",
        "ubuntu",
        "unknown",
        "user",
        "watch",
        "windows",
        "wlan0",
    ];
    const MODELS: [&str; 12] = [
        "galaxy-", "honor", "huawei", "iphone-", "moto", "nokia", "oneplus", "oppo", "pixel-", "redmi", "vivo",
        "xiaomi",
    ];
    WHOLE.contains(&name) || MODELS.iter().any(|model| name.starts_with(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids() {
        let own = BTreeSet::from([Mac([2, 0, 0, 0, 0, 1])]);
        let check = |id: &[u8], expected: &str| {
            let found = match client(id, &own) {
                Client::None => "none",
                Client::Duid(_) => "duid",
                Client::Id(_) => "id",
            };
            assert_eq!(found, expected, "{id:?}");
        };
        check(&[1, 2, 0, 0, 0, 0, 1], "none");
        check(&[1, 2, 0, 0, 0, 0, 9], "id");
        check(&[0xff, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4, 5, 6], "duid");
        check(b"\0station-7", "id");
        check(&[0, 0, 0, 0, 0, 0, 0], "none");
        check(b"RAS ", "none");
    }

    #[test]
    fn names_that_makers_give_are_generic() {
        for name in ["iphone", "galaxy-s21", "", "pixel-8a", "raspberrypi"] {
            assert!(is_generic(name), "{name}");
        }
        for name in ["anna-iphone", "desktop-7f3k2", "annas-galaxy"] {
            assert!(!is_generic(name), "{name}");
        }
    }
}
