//! What an announced service says of its host's role. One table a protocol; names that many kinds of machines use say
//! nothing and are not here. No role is better than a wrong one.

use crate::inventory::model::host::HostRole;
use crate::inventory::sighting::wsd::WsdClaim;
use crate::types::Text;
use crate::wire::ssdp;
use crate::wire::wsd;

/// A role, and the announced text that shows it, escaped.
pub(super) type AnnouncedRole = (HostRole, String);

/// DNS-SD service types (RFC 6763; names of the IANA registry and of their vendors), without `.local`.
const MDNS: [(&str, HostRole); 18] = [
    ("_airplay._tcp", HostRole::MediaPlayer),
    ("_amzn-alexa._tcp", HostRole::Speaker),
    ("_androidtvremote2._tcp", HostRole::Tv),
    ("_appletv-v2._tcp", HostRole::Tv),
    ("_axis-video._tcp", HostRole::Camera),
    ("_googlecast._tcp", HostRole::MediaPlayer),
    ("_hap._tcp", HostRole::SmartHome),
    ("_hue._tcp", HostRole::SmartHome),
    ("_ipp._tcp", HostRole::Printer),
    ("_ipps._tcp", HostRole::Printer),
    ("_matter._tcp", HostRole::SmartHome),
    ("_pdl-datastream._tcp", HostRole::Printer),
    ("_printer._tcp", HostRole::Printer),
    ("_roap._tcp", HostRole::MediaPlayer),
    ("_scanner._tcp", HostRole::Scanner),
    ("_sonos._tcp", HostRole::Speaker),
    ("_uscan._tcp", HostRole::Scanner),
    ("_uscans._tcp", HostRole::Scanner),
];

/// UPnP device types and DIAL's service, without their version.
const SSDP: [(&str, HostRole); 7] = [
    ("urn:dial-multiscreen-org:service:dial", HostRole::MediaPlayer),
    ("urn:schemas-sonos-com:device:ZonePlayer", HostRole::Speaker),
    ("urn:schemas-upnp-org:device:InternetGatewayDevice", HostRole::Router),
    ("urn:schemas-upnp-org:device:MediaRenderer", HostRole::MediaPlayer),
    ("urn:schemas-upnp-org:device:MediaServer", HostRole::MediaServer),
    ("urn:schemas-upnp-org:device:Printer", HostRole::Printer),
    ("urn:schemas-upnp-org:device:WLANAccessPointDevice", HostRole::AccessPoint),
];

/// Local parts of WS-Discovery's types: the prefix is the sender's own.
const WSD: [(&str, HostRole); 5] = [
    ("Computer", HostRole::Workstation),
    ("NetworkVideoTransmitter", HostRole::Camera),
    ("PrintDeviceType", HostRole::Printer),
    ("ScanDeviceType", HostRole::Scanner),
    ("VideoConferencing", HostRole::Conference),
];

/// The role of a host with this DNS-SD service type or instance: `_ipp._tcp.local`, `Office._ipp._tcp.local`.
pub(super) fn of_mdns(service: &Text) -> Option<AnnouncedRole> {
    let bytes = service.as_bytes();
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    let at = bytes.len().checked_sub(LOCAL.len()).filter(|at| bytes[*at..].eq_ignore_ascii_case(LOCAL))?;
    let known = |(kind, _): &&(&str, HostRole)| ends_with_labels(&bytes[..at], kind.as_bytes());
    MDNS.iter().find(known).map(|(kind, role)| (*role, format!("mdns {kind}")))
}

/// The role of a device that announces itself or answers; not of one that searches or leaves.
pub(super) fn of_ssdp(message: &ssdp::Message) -> Option<AnnouncedRole> {
    let is_leaving = message.nts.as_ref().is_some_and(|nts| nts.as_bytes() == b"ssdp:byebye");
    let kind = match message.kind {
        ssdp::MessageKind::Notify if !is_leaving => message.nt.as_ref(),
        ssdp::MessageKind::Response => message.st.as_ref(),
        ssdp::MessageKind::Notify | ssdp::MessageKind::Search => None,
    }?;
    let known = |(urn, _): &&(&str, HostRole)| {
        let rest = kind.as_bytes().strip_prefix(urn.as_bytes());
        rest.is_some_and(|version| matches!(version, [] | [b':', ..]))
    };
    SSDP.iter().find(known).map(|(urn, role)| (*role, format!("ssdp {urn}")))
}

/// The role of a target that announces itself, by the first of its types that shows one.
pub(super) fn of_wsd(claim: &WsdClaim) -> Option<AnnouncedRole> {
    if !matches!(
        claim.kind,
        wsd::MessageKind::Hello | wsd::MessageKind::ProbeMatches | wsd::MessageKind::ResolveMatches
    ) {
        return None;
    }
    let local = |kind: &Text| kind.as_bytes().rsplit(|&byte| byte == b':').next().map(<[u8]>::to_vec);
    let types: Vec<Vec<u8>> = claim.target.types.iter().filter_map(local).collect();
    // A printer that is a scanner too is a printer, and a camera is one before it is anything else.
    let known = |(kind, _): &&(&str, HostRole)| types.iter().any(|found| found == kind.as_bytes());
    WSD.iter().find(known).map(|(kind, role)| (*role, format!("wsd {kind}")))
}

const LOCAL: &[u8] = b".local";

/// Whether a name is these labels, or ends in them.
fn ends_with_labels(name: &[u8], labels: &[u8]) -> bool {
    let Some(at) = name.len().checked_sub(labels.len()) else { return false };
    name[at..].eq_ignore_ascii_case(labels) && (at == 0 || name[at - 1] == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: Option<AnnouncedRole>, expected: Option<(&str, &str)>) {
        assert_eq!(found.as_ref().map(|(role, evidence)| (role.name(), evidence.as_str())), expected);
    }

    fn check_mdns(service: &str, expected: Option<(&str, &str)>) {
        check(of_mdns(&Text::new(service.as_bytes())), expected);
    }

    #[test]
    fn service_types() {
        check_mdns("_ipp._tcp.local", Some(("printer", "mdns _ipp._tcp")));
        check_mdns("Office 2.1._IPP._tcp.Local", Some(("printer", "mdns _ipp._tcp")));
        check_mdns("_ssh._tcp.local", None);
        check_mdns("x_ipp._tcp.local", None);
        check_mdns("_ipp._tcp.example", None);
        check_mdns("", None);
    }

    fn ssdp(head: &str) -> Option<AnnouncedRole> {
        let parsed = ssdp::parse(format!("{head}\r\n\r\n").as_bytes()).expect("text");
        of_ssdp(&parsed.expect("ours"))
    }

    #[test]
    fn device_types() {
        let gateway = "urn:schemas-upnp-org:device:InternetGatewayDevice";
        let router = Some(("router", "ssdp urn:schemas-upnp-org:device:InternetGatewayDevice"));
        check(ssdp(&format!("NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\nNT: {gateway}:2")), router);
        check(ssdp(&format!("HTTP/1.1 200 OK\r\nST: {gateway}:1")), router);
        check(ssdp(&format!("NOTIFY * HTTP/1.1\r\nNTS: ssdp:byebye\r\nNT: {gateway}:1")), None);
        check(ssdp(&format!("M-SEARCH * HTTP/1.1\r\nST: {gateway}:1")), None);
        check(ssdp(&format!("NOTIFY * HTTP/1.1\r\nNT: {gateway}Else:1")), None);
        check(ssdp("NOTIFY * HTTP/1.1\r\nNT: upnp:rootdevice"), None);
    }

    fn wsd(kind: wsd::MessageKind, types: &[&str]) -> Option<AnnouncedRole> {
        let types = types.iter().map(|kind| Text::new(kind.as_bytes())).collect();
        of_wsd(&WsdClaim { kind, target: wsd::Target { types, ..wsd::Target::default() } })
    }

    #[test]
    fn target_types() {
        let printer = Some(("printer", "wsd PrintDeviceType"));
        check(wsd(wsd::MessageKind::Hello, &["wsdp:Device", "x:ScanDeviceType", "y:PrintDeviceType"]), printer);
        check(wsd(wsd::MessageKind::ProbeMatches, &["PrintDeviceType"]), printer);
        check(wsd(wsd::MessageKind::Probe, &["wprt:PrintDeviceType"]), None);
        check(wsd(wsd::MessageKind::Hello, &["wsdp:Device"]), None);
    }

    #[test]
    fn tables_list_nothing_twice() {
        for table in [&MDNS[..], &SSDP, &WSD] {
            let mut words: Vec<&str> = table.iter().map(|(word, _)| *word).collect();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), table.len());
        }
    }
}
