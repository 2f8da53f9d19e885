//! Frames with the sensor's own MAC `ee`: its own, which come back by a mirror port, and forged ones.

use crate::inventory::correlator::tests::*;

fn own() -> Settings {
    Settings { own_macs: [mac("ee")].into(), own_ips: ["10.0.0.250".parse().unwrap()].into(), ..settings() }
}

#[test]
fn what_the_sensor_sends_is_ignored() {
    check_with(
        own(),
        Limits::default(),
        &[
            "0 arp 10.0.0.250 ee",
            "1 probe 10.0.0.1 ee",
            "2 announce 10.0.0.250 ee",
            "3 dhcp ack 0c/ee yiaddr=10.0.0.9 server=10.0.0.250 source=10.0.0.250",
            "4 redirect 10.0.0.250 ee 10.0.0.2",
            "5 dad fe80::9 ee",
            "9 finish",
        ],
        &[],
    );
}

#[test]
fn an_address_that_is_said_to_be_the_sensors_is_an_alarm_and_does_not_move() {
    let gateway = "1 dhcp ack 0c/fe yiaddr=10.0.0.9 server=10.0.0.253 source=10.0.0.253 router=10.0.0.1";
    let told = "changed-mac 10.0.0.1 ee old aa spoof-suspected alert";
    check_with(
        own(),
        Limits::default(),
        &[
            "0 arp 10.0.0.1 aa",
            gateway,
            "9 wait",
            "10 announce 10.0.0.1 ee",
            "11 reply 10.0.0.1 ee",
            "12 arp 10.0.0.1 aa",
            "3000 arp 10.0.0.1 ee",
            "6700 arp 10.0.0.1 ee",
            // Nobody has it.
            "6701 announce 10.0.0.77 ee",
        ],
        &["new-host 10.0.0.1 aa", "new-dhcp-server 10.0.0.253 fe", "new-host 10.0.0.9 0c", "new-host fe", told, told],
    );
}

#[test]
fn what_a_forged_frame_says_of_others_is_weighed() {
    let known = ["0 arp 10.0.0.1 aa", "1 ra fe80::1 aa 1800", "2 ns fe80::1 aa", "9 wait"];
    let check_forged = |lines: &[&str], expected: &[&str]| {
        let mut correlator = Correlator::new(own(), Limits::default(), Rows::default(), 1);
        let mut events = Vec::new();
        known.iter().for_each(|line| step(&mut correlator, &own(), Limits::default(), line, &mut events));
        events.clear();
        lines.iter().for_each(|line| step(&mut correlator, &own(), Limits::default(), line, &mut events));
        assert_eq!(events.iter().map(written).collect::<Vec<_>>(), expected, "{lines:?}");
    };
    check_forged(
        &["70 reply 10.0.0.1 bb/ee", "71 na fe80::1 bb/ee"],
        &["mac-mismatch 10.0.0.1 bb", "mac-mismatch fe80::1 bb alert"],
    );
    check_forged(&["70 na fe80::1 ee"], &["changed-mac fe80::1 ee old aa spoof-suspected alert"]);
    check_forged(&["70 ra fe80::1 ee 1800"], &["rogue-router fe80::1 ee old aa spoofed"]);
    check_forged(&["70 ra fe80::66 ee 1800"], &["new-router fe80::66 ee"]);
    check_forged(
        &["70 dhcp offer 0c/ee yiaddr=10.0.0.9 server=10.0.0.66 source=10.0.0.66"],
        &["new-dhcp-server 10.0.0.66 ee"],
    );
    check_forged(&["70 redirect fe80::1 ee fe80::66"], &["redirect fe80::1 ee old aa spoofed alert"]);
    check_forged(&["70 redirect 10.0.0.1 ee 10.0.0.66"], &["redirect 10.0.0.1 ee old aa spoofed"]);
}
