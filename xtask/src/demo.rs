//! The sensor at work, without a network of one's own: the lab comes up behind a mirror port, hosts join and misbehave,
//! and the sensor's lines appear as it tells them.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use sensor_core::types::Mac;
use sensor_tests::lab::{Lab, MIRROR, NOBODY, interrupt, sender, wait};

use crate::{run, setup};

/// The subcommand's arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A sensor that is built already: by this it is handed on to root, who may have no compiler
    #[arg(long, hide = true, value_name = "FILE")]
    built: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    // Built as whoever asked; run as root.
    let sensor = match &args.built {
        Some(built) => built.clone(),
        None => run::build_release()?,
    };
    if !run::is_root() {
        return run::again_as_root(&["demo".as_ref(), "--built".as_ref(), sensor.as_os_str()]);
    }
    setup::install_test_packages()?;
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
    say("somebody takes the static host's address");
    lab.change_mac("static", new, address)?;
    told("changed-mac", 1)?;
    say("and it goes back");
    lab.change_mac("static", old, address)?;
    told("flip-flop", 1)?;
    say("a hundred thousand repeats of one ARP request: nothing to tell but the host");
    let frame = sender::arp_request(Mac([0x00, 0x50, 0x56, 0, 2, 1]), Ipv4Addr::new(10, 77, 0, 61), NOBODY, &[]);
    sender::storm(&lab.host("static").namespace, "eth0", &[frame], 100_000)?;
    told("new-host", hosts + 1)?;
    say("the end: SIGTERM");
    Command::new("kill").arg(listening.id().to_string()).status()?;
    listening.wait()?;
    say("what it found (sensor hosts)");
    Command::new(&sensor).args(["hosts", "--db"]).arg(&database).status()?;
    Ok(())
}

fn say(what: &str) {
    println!("\n── {what}");
}
