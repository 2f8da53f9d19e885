//! A switch that learns no addresses: every frame goes out at every port, so that a listener at one port hears all, as
//! at a mirror port. Hosts make their own link-local addresses.

use ipnet::IpNet;
use sensor_core::types::Mac;

use super::namespace::{Namespace, sweep};

/// The hub and its listener.
pub struct Hub {
    /// The listener's namespace; its interface is [`IFACE`].
    pub listener: Namespace,
    switch: Namespace,
}

/// The interface of the listener and of every host.
pub const IFACE: &str = "eth0";

impl Hub {
    /// Builds the hub with the listener only. Needs root.
    pub fn build() -> anyhow::Result<Self> {
        sweep();
        let switch = Namespace::new("hub")?;
        switch.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")?;
        switch.sh("ip link add br0 type bridge stp_state 0 mcast_snooping 0 ageing_time 0 && ip link set br0 up")?;
        let listener = Namespace::new("listener")?;
        listener.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")?;
        let hub = Self { listener, switch };
        hub.connect(&hub.listener, "port0")?;
        hub.listener.sh(&format!("ip link set lo up && ip link set {IFACE} up"))?;
        Ok(hub)
    }

    /// A host of its own, with these addresses.
    pub fn plug_in(&self, name: &str, mac: Mac, addresses: &[IpNet]) -> anyhow::Result<Namespace> {
        let namespace = Namespace::new(name)?;
        // No other host has its addresses, so duplicate address detection is left out.
        namespace
            .sh("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0; ip link set lo up")?;
        self.connect(&namespace, &format!("p{}", mac.to_string().replace(':', "")))?;
        namespace.sh(&format!("ip link set {IFACE} address {mac} && ip link set {IFACE} up"))?;
        for address in addresses {
            let nodad = if matches!(address, IpNet::V6(_)) { "nodad" } else { "" };
            namespace.sh(&format!("ip addr add {address} brd + dev {IFACE} {nodad} 2>/dev/null || ip addr add {address} dev {IFACE} {nodad}"))?;
        }
        Ok(namespace)
    }

    fn connect(&self, namespace: &Namespace, port: &str) -> anyhow::Result<()> {
        self.switch.sh(&format!("ip link add {port} type veth peer name {IFACE} netns {}", namespace.name()))?;
        self.switch.sh(&format!("ip link set {port} master br0 up"))
    }
}
