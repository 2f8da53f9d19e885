//! Builds the lab's network and keeps it, so that one can work in it.

use std::io::BufRead as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context as _;
use sensor_tests::lab::{HostKind, Lab, MIRROR, interrupt};
use xtask::packages;

fn main() -> anyhow::Result<()> {
    packages::install_test_packages()?;
    interrupt::catch();
    let mut lab = Lab::build().context("the lab cannot be built")?;
    lab.start_hosts()?;
    println!("A switch with a mirror port; its end is {MIRROR} in {}.\n", lab.probe.name());
    for host in &lab.hosts {
        println!("  {:10} {}  {:28} {}", host.name, host.mac, describe(host.kind), host.namespace.name());
    }
    println!("\nTo listen:       ip netns exec {} sensor run --mirror {MIRROR} --db /tmp/lab.db", lab.probe.name());
    println!("To be a host:    ip netns exec {} sh", lab.host("desk-1").namespace.name());
    println!("Enter or Ctrl-C ends it and removes everything.");
    wait_for_the_end();
    Ok(())
}

/// Enter, Ctrl-C, or the end of the input.
fn wait_for_the_end() {
    let (enter, pressed) = channel();
    std::thread::spawn(move || {
        // An input that cannot be read ends the waiting too.
        std::io::stdin().lock().read_line(&mut String::new()).ok();
        enter.send(()).ok();
    });
    while !interrupt::happened() && pressed.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {}
}

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How a host gets its addresses, in words.
fn describe(kind: HostKind) -> String {
    match kind {
        HostKind::Announcing => "DHCP, announces a printer".to_owned(),
        HostKind::Dhcp => "DHCP".to_owned(),
        HostKind::Ipv6Only(address) => format!("IPv6 only: {address}"),
        HostKind::Server(address) => format!("DHCP server {address}"),
        HostKind::Static(address) => format!("static {address}"),
        HostKind::Tagged(address, [outer, inner]) => format!("{address} in VLAN {outer}.{inner}"),
    }
}
