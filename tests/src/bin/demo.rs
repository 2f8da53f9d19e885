//! Shows the sensor at work without a network of one's own: the lab is built behind a mirror port, hosts join and
//! misbehave, and the sensor prints what it finds.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use sensor_core::types::Mac;
use sensor_tests::binary::sensor_binary;
use sensor_tests::lab::{Lab, MIRROR, NOBODY, interrupt, sender, wait};
use xtask::packages;

fn main() -> anyhow::Result<()> {
    let sensor = sensor_binary();
    packages::install_test_packages()?;
    interrupt::catch();
    let mut lab = Lab::build().context("the lab cannot be built")?;
    let database = lab.path("demo.db");
    say("a switch with a mirror port; the sensor listens on it");
    let mut listening = lab
        .probe
        .command(&sensor)
        .args(["run", "--mirror", MIRROR, "--learning", "0", "--db"])
        .arg(&database)
        .arg("--events")
        .arg(lab.path("events.jsonl"))
        .stdin(Stdio::null())
        .spawn()?;
    let events = lab.path("events.jsonl");
    let told = |kind: &str, times: usize| {
        let word = format!("\"kind\":\"{kind}\"");
        wait::until(kind, || {
            let text = std::fs::read_to_string(&events).unwrap_or_default();
            Ok((text.matches(&word).count() >= times).then_some(()))
        })
    };
    told("sensor-started", 1)?;
    let hosts = lab.hosts.len();
    say("hosts join: a DHCP server, clients, a printer, one by hand, one with IPv6 only, one in a VLAN in a VLAN");
    lab.start_hosts()?;
    told("new-host", hosts)?;
    let (old, new) = (lab.host("static").mac, Mac([0x00, 0x0c, 0x29, 0, 0, 0x99]));
    let address = Ipv4Addr::new(10, 77, 0, 20);
    say("another station takes the address of the static host");
    lab.change_mac("static", new, address)?;
    told("changed-mac", 1)?;
    say("the static host takes it back");
    lab.change_mac("static", old, address)?;
    told("flip-flop", 1)?;
    say("a hundred thousand repeats of one ARP request: only the new host is reported");
    let frame = sender::arp_request(Mac([0x00, 0x50, 0x56, 0, 2, 1]), Ipv4Addr::new(10, 77, 0, 61), NOBODY, &[]);
    sender::storm(&lab.host("static").namespace, "eth0", &[frame], 100_000)?;
    told("new-host", hosts + 1)?;
    say("the sensor is stopped");
    Command::new("kill").arg(listening.id().to_string()).status()?;
    listening.wait()?;
    say("what it found (sensor hosts)");
    Command::new(&sensor).args(["hosts", "--db"]).arg(&database).status()?;
    Ok(())
}

fn say(what: &str) {
    println!("\n── {what}");
}
