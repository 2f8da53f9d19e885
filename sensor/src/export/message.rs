//! An event as one sentence for a person, made of its record's members, which are escaped already. The sentences
//! themselves are in the core, in each kind's file (`inventory/event`).

use serde_json::{Map, Value};

use crate::export::record::event::EventRecord;
use sensor_core::inventory::event::Kind;
use sensor_core::inventory::event::sentence::{Details, Facts};

/// The sentence of an event of this kind, from the other members of its record.
pub(super) fn message(kind: Kind, record: &EventRecord) -> String {
    kind.sentence(&Facts {
        ip: record.ip,
        mac: record.mac.as_deref(),
        vendor: record.vendor.as_deref(),
        old_mac: record.old_mac.as_deref(),
        old_vendor: record.old_vendor.as_deref(),
        hostname: record.hostname.as_deref(),
        segment: record.segment.as_deref(),
        reason: record.reason.as_deref(),
        details: &RecordDetails(record.details.as_ref()),
    })
}

/// The details, where there are any.
struct RecordDetails<'a>(Option<&'a Map<String, Value>>);

impl Details for RecordDetails<'_> {
    fn number(&self, name: &str) -> Option<u64> {
        self.0?.get(name)?.as_u64()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0?.get(name)?.as_str()
    }

    fn texts(&self, name: &str) -> String {
        let texts = self.0.and_then(|details| details.get(name)).and_then(Value::as_array);
        texts.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    }

    fn numbers(&self, prefix: &str) -> Vec<(&str, u64)> {
        let details = self.0.into_iter().flatten();
        details.filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value.as_u64()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    /// The sentence about 10.0.0.5, with these details, and again about nothing at all.
    #[track_caller]
    fn check(kind: Kind, details: Value, full: &str, bare: &str) {
        let record = EventRecord {
            segment: Some("eth1.30".to_owned()),
            ip: Some([10, 0, 0, 5].into()),
            mac: Some("aa:00:00:00:00:01".to_owned()),
            old_mac: Some("00:00:5e:00:53:02".to_owned()),
            old_vendor: Some("IANA".to_owned()),
            hostname: Some("nas".to_owned()),
            reason: Some("dhcp".to_owned()),
            details: details.as_object().cloned(),
            ..EventRecord::default()
        };
        assert_eq!(message(kind, &record), full);
        assert_eq!(message(kind, &EventRecord::default()), bare);
    }

    #[test]
    fn bogon() {
        check(
            Kind::Bogon,
            json!({}),
            "10.0.0.5 at aa:00:00:00:00:01 is foreign to eth1.30",
            "an unknown address at an unknown station is foreign to its segment",
        );
    }

    #[test]
    fn changed_mac() {
        check(
            Kind::ChangedMac,
            json!({"previous_age_s": 90, "dhcp_server": "10.0.0.1"}),
            "10.0.0.5 (nas) moved from 00:00:5e:00:53:02 (IANA), last heard there 90 s ago, to aa:00:00:00:00:01 \
             on eth1.30: DHCP server 10.0.0.1 gave it away",
            "an unknown address moved from an unknown station, to an unknown station",
        );
    }

    #[test]
    fn changed_mac_without_a_server() {
        check(
            Kind::ChangedMac,
            json!({}),
            "10.0.0.5 (nas) moved from 00:00:5e:00:53:02 (IANA), to aa:00:00:00:00:01 on eth1.30: a DHCP server gave \
             it away",
            "an unknown address moved from an unknown station, to an unknown station",
        );
    }

    #[test]
    fn flip_flop() {
        check(
            Kind::FlipFlop,
            json!({"previous_age_s": 300}),
            "10.0.0.5 (nas) flipped back from 00:00:5e:00:53:02 (IANA), last heard there 5 min ago, to \
             aa:00:00:00:00:01 on eth1.30",
            "an unknown address flipped back from an unknown station, to an unknown station",
        );
    }

    #[test]
    fn flood() {
        check(
            Kind::Flood,
            json!({"class": "mdns"}),
            "aa:00:00:00:00:01 named nas floods on eth1.30: its mdns messages over the limit are held back",
            "an unknown station floods: its some messages over the limit are held back",
        );
    }

    #[test]
    fn host_back() {
        check(
            Kind::HostBack,
            json!({"gone_s": 7_200}),
            "10.0.0.5 (nas) is back on eth1.30 after 2 h",
            "an unknown address is back",
        );
    }

    #[test]
    fn host_gone() {
        check(
            Kind::HostGone,
            json!({"unanswered": ["arp", "icmp"], "unheard_s": 3_600}),
            "10.0.0.5 (nas) is gone on eth1.30, unheard for 60 min, no answer by arp, icmp",
            "an unknown address is gone",
        );
    }

    #[test]
    fn ip_conflict() {
        check(
            Kind::IpConflict,
            json!({}),
            "10.0.0.5 (nas) is claimed by two stations: 00:00:5e:00:53:02 (IANA) and aa:00:00:00:00:01 on eth1.30",
            "an unknown address is claimed by two stations: an unknown station and an unknown station",
        );
    }

    #[test]
    fn sensor_blind() {
        check(
            Kind::SensorBlind,
            json!({"port": "eth1", "cause": "removed", "since": "2026-11-21T08:00:00Z", "deaf_s": 60}),
            "the sensor is blind on eth1: removed, since 2026-11-21T08:00:00Z",
            "the sensor is blind on a port",
        );
    }

    #[test]
    fn services() {
        check(
            Kind::ServiceOpened,
            json!({"port": 22, "banner": "SSH-2.0-x"}),
            "TCP port 22 of 10.0.0.5 (nas) is open now on eth1.30, greets with SSH-2.0-x",
            "a port of an unknown address is open now",
        );
        check(
            Kind::ServiceClosed,
            json!({"port": 22}),
            "TCP port 22 of 10.0.0.5 (nas) is closed now on eth1.30",
            "a port of an unknown address is closed now",
        );
    }

    #[test]
    fn mac_mismatch() {
        check(
            Kind::MacMismatch,
            json!({"frame_mac": "aa:00:00:00:00:09"}),
            "10.0.0.5 is claimed for aa:00:00:00:00:01 in a frame sent by aa:00:00:00:00:09 on eth1.30",
            "an unknown address is claimed for an unknown station in a frame sent by another station",
        );
    }

    #[test]
    fn name_changed() {
        check(
            Kind::NameChanged,
            json!({"new_name": "nas", "old_name": "disk", "source": "mdns"}),
            "10.0.0.5 at aa:00:00:00:00:01 is now named nas, no longer disk on eth1.30, says mdns",
            "a host at an unknown station is now named differently",
        );
    }

    #[test]
    fn name_spoof_suspected() {
        check(
            Kind::NameSpoofSuspected,
            json!({"names": ["files", "wpad"], "askers": 2}),
            "10.0.0.5 (nas) at aa:00:00:00:00:01 on eth1.30 answers for names that are not its own, of which one is \
             00:00:5e:00:53:02 (IANA)'s: files, wpad",
            "an unknown address at an unknown station answers for names that are not its own",
        );
    }

    #[test]
    fn new_address() {
        check(
            Kind::NewAddress,
            json!({}),
            "known host at aa:00:00:00:00:01 named nas has new address 10.0.0.5 on eth1.30",
            "known host at an unknown station has new address an unknown address",
        );
    }

    #[test]
    fn new_dhcp_server() {
        check(
            Kind::NewDhcpServer,
            json!({}),
            "new DHCP server 10.0.0.5 at aa:00:00:00:00:01 named nas on eth1.30",
            "new DHCP server an unknown address at an unknown station",
        );
    }

    #[test]
    fn new_host() {
        check(
            Kind::NewHost,
            json!({"again": 2}),
            "host 10.0.0.5 at aa:00:00:00:00:01 named nas on eth1.30 is still here and is not known",
            "new host at an unknown station",
        );
        check(
            Kind::NewHost,
            json!({}),
            "new host 10.0.0.5 at aa:00:00:00:00:01 named nas on eth1.30",
            "new host at an unknown station",
        );
    }

    #[test]
    fn new_router() {
        check(
            Kind::NewRouter,
            json!({"lifetime_s": 1800, "prefixes": ["2001:db8::/64", "fd00::/64"]}),
            "new router 10.0.0.5 at aa:00:00:00:00:01 named nas on eth1.30, advertises 2001:db8::/64, fd00::/64",
            "new router an unknown address at an unknown station",
        );
    }

    #[test]
    fn reused_mac() {
        check(
            Kind::ReusedMac,
            json!({"previous_age_s": 172_800}),
            "10.0.0.5 (nas) returned from 00:00:5e:00:53:02 (IANA), last heard there 2 days ago, to \
             aa:00:00:00:00:01, which held it earlier on eth1.30",
            "an unknown address returned from an unknown station, to an unknown station, which held it earlier",
        );
    }

    #[test]
    fn rogues() {
        check(
            Kind::RogueDhcpServer,
            json!({}),
            "DHCP server 10.0.0.5 at aa:00:00:00:00:01 named nas is not allowed on eth1.30",
            "DHCP server an unknown address at an unknown station is not allowed",
        );
        check(
            Kind::RogueRouter,
            json!({"prefixes": ["fd00::/64"]}),
            "router 10.0.0.5 at aa:00:00:00:00:01 named nas is not allowed on eth1.30, advertises fd00::/64",
            "router an unknown address at an unknown station is not allowed",
        );
    }

    #[test]
    fn sensor_loss() {
        check(
            Kind::SensorLoss,
            json!({"lost_arp": 2, "lost_dhcp": 1}),
            "the sensor lost 3 frames on eth1.30: 2 arp, 1 dhcp",
            "the sensor lost 0 frames: ",
        );
    }

    #[test]
    fn sensor_started() {
        check(
            Kind::SensorStarted,
            json!({"version": "0.1.0", "ports": ["eth1 (mirror, driver)", "eth0 (host, packet)"]}),
            "the sensor 0.1.0 started, listening on eth1 (mirror, driver), eth0 (host, packet)",
            "the sensor started",
        );
    }

    #[test]
    fn sensor_stopped() {
        check(
            Kind::SensorStopped,
            json!({"seen_arp": 10, "seen_dhcp": 5, "passed_arp": 3, "lost_arp": 1}),
            "the sensor stopped; frames: 15 seen, 1 lost",
            "the sensor stopped; frames: 0 seen, 0 lost",
        );
    }
}
