//! The lab's network, kept for looking around.

use std::io::BufRead as _;

use anyhow::Context as _;
use sensor_tests::lab::{HostKind, Lab, MIRROR};

use crate::{run, setup};

/// The subcommand's arguments.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> anyhow::Result<()> {
    if !run::is_root() {
        return run::again_as_root();
    }
    setup::install_test_packages()?;
    let mut lab = Lab::build().context("the lab cannot be built")?;
    lab.start_hosts()?;
    println!("A switch with a mirror port; its end is {MIRROR} in {}.\n", lab.probe.name());
    for host in &lab.hosts {
        println!("  {:10} {}  {:28} {}", host.name, host.mac, describe(host.kind), host.namespace.name());
    }
    println!("\nTo listen:       ip netns exec {} sensor run --mirror {MIRROR} --db /tmp/lab.db", lab.probe.name());
    println!("To be a host:    ip netns exec {} sh", lab.host("desk-1").namespace.name());
    println!("Enter ends it and removes everything.");
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

/// How a host comes to its addresses, in words.
pub(crate) fn describe(kind: HostKind) -> String {
    match kind {
        HostKind::Announcing => "DHCP, announces a printer".to_owned(),
        HostKind::Dhcp => "DHCP".to_owned(),
        HostKind::Ipv6Only(address) => format!("IPv6 only: {address}"),
        HostKind::Server(address) => format!("DHCP server {address}"),
        HostKind::Static(address) => format!("static {address}"),
        HostKind::Tagged(address, [outer, inner]) => format!("{address} in VLAN {outer}.{inner}"),
    }
}
