//! Frames that say what their sender has no right to: redirects in a router's name, and what comes with the sensor's own MAC.

use std::net::Ipv4Addr;

use sensor_core::types::Mac;
use sensor_tests::lab::hub::{Hub, IFACE};
use sensor_tests::lab::sender::{self, arp_request};
use sensor_tests::lab::sensor_process::{SensorProcess, of_kind};
use sensor_tests::{frames, lab};
use serde_json::Value;
use tempfile::TempDir;

const FLAGS: [&str; 5] = ["--mirror", IFACE, "--learning", "0", "--passive"];
const ROUTER: Mac = Mac([0, 0x0c, 0x29, 0x5c, 1, 1]);
const LIAR: Mac = Mac([0, 0x0c, 0x29, 0x5c, 1, 66]);
const ROUTER_IP: [u8; 4] = [10, 93, 0, 254];
const LIAR_IP: [u8; 4] = [10, 93, 0, 66];

/// An ICMP redirect in the router's name: what goes to 198.51.100.7 is to go to the liar.
fn redirect() -> Vec<u8> {
    let about = frames::ipv4([10, 93, 0, 5], [198, 51, 100, 7], 1, 0, &[8, 0, 0, 0, 0, 1, 0, 1]);
    let message = [&[5, 1, 0, 0][..], &LIAR_IP, &about[14..]].concat();
    let mut frame = from(LIAR, frames::ipv4(ROUTER_IP, [10, 93, 0, 5], 1, 0, &message));
    // A bridge that filters drops packets without it (RFC 791, section 3.1).
    let sum: u32 = frame[14..34].chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    frame[24..26].copy_from_slice(&(!u16::try_from(folded).unwrap()).to_be_bytes());
    frame
}

/// The same by ICMPv6.
fn redirect6() -> Vec<u8> {
    let [router, liar] = [254, 66].map(frames::link_local);
    let far = [0x20, 1, 0x0d, 0xb8, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    let message = frames::ndp(137, 0, &[liar, far], &frames::link_layer_option(2, LIAR.0));
    from(LIAR, frames::ipv6(router, frames::link_local(5), 58, 255, &message))
}

fn from(mac: Mac, mut frame: Vec<u8>) -> Vec<u8> {
    frame[6..12].copy_from_slice(&mac.0);
    frame
}

/// `kind reason mac old_mac` of the events of two kinds, sorted.
fn told(events: &[Value]) -> Vec<String> {
    let word = |event: &Value, key: &str| event[key].as_str().unwrap_or("-").to_owned();
    let kinds = ["changed-mac", "redirect", "scan-detected"];
    let all = kinds.iter().flat_map(|kind| of_kind(events, kind));
    let mut all: Vec<String> = all
        .map(|event| ["kind", "ip", "reason", "mac", "old_mac", "severity"].map(|key| word(event, key)).join(" "))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn redirects_and_what_comes_with_the_sensors_own_mac_are_told() {
    if !lab::possible() {
        return;
    }
    let (hub, folder) = (Hub::build().unwrap(), TempDir::new().unwrap());
    hub.listener.sh(&format!("ip addr add 10.93.0.1/24 dev {IFACE}")).unwrap();
    let own = hub.listener.macs().unwrap()[0];
    let sensor = SensorProcess::start(&hub.listener, folder.path(), &FLAGS).unwrap();
    let liar = hub.plug_in("liar", LIAR, &["10.93.0.66/24".parse().unwrap()]).unwrap();
    let [router_ip, sensor_ip] = [ROUTER_IP, [10, 93, 0, 1]].map(Ipv4Addr::from);
    let solicitation = frames::ndp(135, 0, &[frames::link_local(9)], &frames::link_layer_option(1, ROUTER.0));
    let solicitation = frames::ipv6(frames::link_local(254), frames::link_local(9), 58, 255, &solicitation);
    let routers = [arp_request(ROUTER, router_ip, sensor_ip, &[]), from(ROUTER, solicitation)];
    sender::send(&liar, IFACE, &routers).unwrap();
    sensor.wait_for("the router", |events| !of_kind(events, "new-host").is_empty()).unwrap();

    // What the sensor's machine says itself, as a mirror port would bring it back.
    let itself = [arp_request(own, sensor_ip, router_ip, &[]), arp_request(own, Ipv4Addr::UNSPECIFIED, router_ip, &[])];
    sender::send(&liar, IFACE, &itself).unwrap();
    sender::send(&liar, IFACE, &[redirect(), redirect6(), redirect(), redirect6()]).unwrap();
    sender::send(&liar, IFACE, &[arp_request(own, router_ip, router_ip, &[])]).unwrap();
    let sweep = (0..=255).map(|n| arp_request(own, sensor_ip, Ipv4Addr::new(10, 93, 0, n), &[]));
    sender::send(&liar, IFACE, &sweep.collect::<Vec<_>>()).unwrap();
    let events = sensor.wait_for("the scan", |events| !of_kind(events, "scan-detected").is_empty()).unwrap();
    assert_eq!(
        told(&events),
        [
            format!("changed-mac 10.93.0.254 spoof-suspected {own} {ROUTER} alert"),
            format!("redirect 10.93.0.254 spoofed {LIAR} {ROUTER} warning"),
            format!("redirect fe80::fe spoofed {LIAR} {ROUTER} warning"),
            format!("scan-detected - arp-scan {own} - warning"),
        ]
    );
    let own = own.to_string();
    assert!(of_kind(&events, "new-host").iter().all(|event| event["mac"] != own.as_str()), "{events:#?}");
    assert!(sensor.stop().unwrap().success());
}
