//! Hundreds to tens of thousands of hosts of mixed kinds, answered for from one namespace. On a plain link and behind a
//! router the kernel answers for the ordinary ones at full speed, and all of them have one MAC; on a switch each has
//! its own. What no kernel can do, the responder does.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::Context as _;
use ipnet::{IpNet, Ipv4Net};
use sensor_core::types::Mac;
use socket2::{Domain, Socket, Type};

pub use super::kind::{Kind, PAGE, PORT};
use super::namespace::{Namespace, sweep};
use super::responder::{Member, Responder};
use super::tap::Tap;
use super::wait;

/// A prober, and a crowd that it can ask.
pub struct Crowd {
    // Dropped first: the sockets of these threads keep the namespaces alive.
    _listener: Option<Listener>,
    _responder: Option<Responder>,
    /// The namespace that asks; its interface is [`IFACE`].
    pub prober: Namespace,
    /// The addresses of the crowd.
    pub prefix: Ipv4Net,
    /// The addresses that are taken, and how each host behaves.
    pub members: BTreeMap<Ipv4Addr, Kind>,
    way: Way,
    far: Namespace,
    between: Option<Namespace>,
}

/// What is between the prober and the crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A cable; the prober has the last address of the prefix.
    Link,
    /// A router; the prober is outside the prefix.
    Router,
    /// A switch, on which other hosts can be plugged in; the prober has the last address of the prefix.
    Switch,
}

/// The prober's interface, and that of a host on the switch.
pub const IFACE: &str = "eth0";
/// The vendor part of the MACs on the switch.
pub const VENDOR: [u8; 3] = [0x00, 0x14, 0x22];
/// The prober's IPv6 address on a link or a switch whose members speak IPv6.
pub const PROBER_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0xffff, 0xffff);

impl Crowd {
    /// Builds the namespaces; `kind` says who is at each address of the prefix that a host can have. Needs root.
    pub fn build(prefix: Ipv4Net, way: Way, kind: impl Fn(Ipv4Addr) -> Option<Kind>) -> anyhow::Result<Self> {
        sweep();
        let taken = (way != Way::Router).then(|| last(prefix));
        let addresses = prefix.hosts().filter(|ip| Some(*ip) != taken);
        let members: BTreeMap<Ipv4Addr, Kind> = addresses.filter_map(|ip| Some((ip, kind(ip)?))).collect();
        let (prober, far) = (Namespace::new("prober")?, Namespace::new("crowd")?);
        for namespace in [&prober, &far] {
            namespace.sh(&format!("{NO_IPV6} && ip link set lo up"))?;
        }
        let between = match way {
            Way::Link => None,
            Way::Router => Some(Namespace::new("router")?),
            Way::Switch => Some(Namespace::new("switch")?),
        };
        let mut crowd = Self { _listener: None, _responder: None, prober, prefix, members, way, far, between };
        match way {
            Way::Link => crowd.cable()?,
            Way::Router => crowd.route()?,
            Way::Switch => crowd.switch()?,
        }
        crowd.populate()?;
        Ok(crowd)
    }

    /// The prober's own address.
    pub fn prober_address(&self) -> Ipv4Addr {
        match self.way {
            Way::Link | Way::Switch => last(self.prefix),
            Way::Router => ROUTED_PROBER,
        }
    }

    /// The IPv6 address of the host that has this number; [`Kind::NdpOnly`] has only this one.
    pub fn ipv6_of(ip: Ipv4Addr) -> Ipv6Addr {
        let [a, b, c, d] = ip.octets().map(u16::from);
        Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, a << 8 | b, c << 8 | d)
    }

    /// The MAC that answers for an address: one for all, or each its own on a switch.
    pub fn station_of(&self, ip: Ipv4Addr) -> anyhow::Result<Mac> {
        if self.way != Way::Switch {
            return self.far.macs()?.first().copied().context("the crowd has an interface");
        }
        let [_, b, c, d] = ip.octets();
        let [x, y, z] = VENDOR;
        Ok(Mac([x, y, z, b, c, d]))
    }

    /// The MAC of the next hop: of the router, or of the crowd's own interface on a cable.
    pub fn gateway(&self) -> anyhow::Result<Mac> {
        let namespace = self.between.as_ref().unwrap_or(&self.far);
        let text = namespace.output(&format!("ip -o link show dev {IFACE}"))?;
        let (_, mac) = text.split_once("link/ether ").context("the gateway has a MAC")?;
        mac.get(..17).and_then(Mac::parse).context("the gateway has a MAC")
    }

    /// A command that sends the prober a packet five times a second: some programs only look at the clock when a frame
    /// arrives.
    pub fn murmur(&self) -> Command {
        let mut command = self.between.as_ref().unwrap_or(&self.far).command("ping");
        command
            .args(["-q", "-i", "0.2", &self.prober_address().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Records every frame that leaves the prober from now on.
    pub fn tap(&self) -> anyhow::Result<Tap> {
        match &self.between {
            Some(switch) if self.way == Way::Switch => Tap::open(switch, "port0"),
            Some(router) => Tap::open(router, IFACE),
            None => Tap::open(&self.far, IFACE),
        }
    }

    /// A host of its own on the switch, with an interface [`IFACE`] that is up.
    pub fn plug_in(&self, name: &str, mac: Mac, addresses: &[IpNet]) -> anyhow::Result<Namespace> {
        let namespace = Namespace::new(name)?;
        // IPv6 addresses are set by hand: one that the kernel generates would be one more to account for.
        namespace.sh("sysctl -qw net.ipv6.conf.default.addr_gen_mode=1; ip link set lo up")?;
        let port = format!("p{}", mac.to_string().replace(':', ""));
        self.connect(&namespace, &port)?;
        namespace.sh(&format!("ip link set {IFACE} address {mac} && ip link set {IFACE} up"))?;
        self.wait_for_port(&port)?;
        for address in addresses {
            let nodad = if matches!(address, IpNet::V6(_)) { "nodad" } else { "" };
            namespace.sh(&format!("ip addr add {address} dev {IFACE} {nodad}"))?;
        }
        Ok(namespace)
    }

    /// Gives the prober another card on the switch in place of the one that it had; its own frames come back to it.
    pub fn replug_prober(&self, mac: Mac) -> anyhow::Result<()> {
        self.connect(&self.prober, "port0")?;
        self.prober.sh(&format!("ip link set {IFACE} address {mac}"))?;
        self.reflect_prober()?;
        self.attach_prober()?;
        self.wait_for_port("port0")
    }

    /// Makes the switch send the prober's own frames back to it.
    pub fn reflect_prober(&self) -> anyhow::Result<()> {
        let switch = self.between.as_ref().filter(|_| self.way == Way::Switch).context("there is no switch")?;
        switch.sh("ip link set port0 type bridge_slave hairpin on")
    }

    fn cable(&self) -> anyhow::Result<()> {
        self.far.sh(&format!("ip link add {IFACE} type veth peer name {IFACE} netns {}", self.prober.name()))?;
        self.far.sh(&format!("ip link set {IFACE} up"))?;
        self.attach_prober()
    }

    fn switch(&self) -> anyhow::Result<()> {
        let switch = self.between.as_ref().context("a switch")?;
        switch.sh(NO_IPV6)?;
        switch.sh("ip link add br0 type bridge stp_state 0 mcast_snooping 0 && ip link set br0 up")?;
        self.connect(&self.prober, "port0")?;
        self.connect(&self.far, "port1")?;
        self.far.sh(&format!("ip link set {IFACE} up"))?;
        self.attach_prober()?;
        ["port0", "port1"].into_iter().try_for_each(|port| self.wait_for_port(port))
    }

    /// A bridge learns of a cable from another thread of the kernel, which may be busy; until then it drops frames.
    fn wait_for_port(&self, port: &str) -> anyhow::Result<()> {
        let switch = self.between.as_ref().context("a switch")?;
        wait::until("a port of the switch", || {
            let state = switch.output(&format!("bridge -o link show dev {port}"))?;
            Ok(state.contains("state forwarding").then_some(()))
        })
    }

    /// A cable from a namespace to a port of the switch.
    fn connect(&self, namespace: &Namespace, port: &str) -> anyhow::Result<()> {
        let switch = self.between.as_ref().filter(|_| self.way == Way::Switch).context("there is no switch")?;
        switch.sh(&format!("ip link add {port} type veth peer name {IFACE} netns {}", namespace.name()))?;
        switch.sh(&format!("ip link set {port} master br0 up"))
    }

    fn attach_prober(&self) -> anyhow::Result<()> {
        let address = format!("{}/{}", last(self.prefix), self.prefix.prefix_len());
        self.prober.sh(&format!("ip link set {IFACE} up && ip addr add {address} dev {IFACE}"))?;
        if self.members.values().any(|kind| *kind == Kind::NdpOnly) {
            self.prober.sh(&format!(
                "sysctl -qw net.ipv6.conf.{IFACE}.addr_gen_mode=1 net.ipv6.conf.{IFACE}.disable_ipv6=0 && \
                 ip addr add {PROBER_V6}/64 dev {IFACE} nodad"
            ))?;
        }
        Ok(())
    }

    fn route(&self) -> anyhow::Result<()> {
        let router = self.between.as_ref().context("a router")?;
        router.sh(&format!("{NO_IPV6} net.ipv4.ip_forward=1"))?;
        router.sh(&format!("ip link add {IFACE} type veth peer name {IFACE} netns {}", self.prober.name()))?;
        router.sh(&format!("ip link add eth1 type veth peer name {IFACE} netns {}", self.far.name()))?;
        router.sh(&format!("ip addr add {ROUTER_NEAR}/30 dev {IFACE} && ip link set {IFACE} up"))?;
        router.sh(&format!("ip addr add {ROUTER_FAR}/30 dev eth1 && ip link set eth1 up"))?;
        self.prober.sh(&format!("ip addr add {ROUTED_PROBER}/30 dev {IFACE} && ip link set {IFACE} up"))?;
        self.prober.sh(&format!("ip route add default via {ROUTER_NEAR}"))?;
        self.far.sh(&format!("ip addr add {ROUTED_CROWD}/30 dev {IFACE} && ip link set {IFACE} up"))?;
        self.far.sh(&format!("ip route add default via {ROUTER_FAR}"))?;
        // A next hop, not an on-link route: all namespaces share the kernel's neighbour table, which has room for
        // 1,024.
        router.sh(&format!("ip route add {} via {ROUTED_CROWD}", self.prefix))
    }

    /// Gives the crowd its addresses: the kernel those that it answers for, the responder the others.
    fn populate(&mut self) -> anyhow::Result<()> {
        let (kernel, own): (Vec<_>, Vec<_>) =
            self.members.iter().partition(|(_, kind)| **kind == Kind::Full && self.way != Way::Switch);
        if !kernel.is_empty() {
            let blocks = kernel.iter().map(|(ip, _)| Ipv4Net::from(**ip)).collect();
            self.settle(&Ipv4Net::aggregate(&blocks))?;
        }
        let mut members = HashMap::new();
        for (ip, kind) in own {
            let address = if *kind == Kind::NdpOnly { Self::ipv6_of(*ip).into() } else { IpAddr::V4(*ip) };
            members.insert(address, Member::new(*kind, self.station_of(*ip)?));
        }
        let responder = (!members.is_empty()).then(|| Responder::start(&self.far, IFACE, members)).transpose()?;
        let listener = (!kernel.is_empty()).then(|| Listener::start(&self.far)).transpose()?;
        (self._listener, self._responder) = (listener, responder);
        Ok(())
    }

    /// Whole blocks as the kernel's own: it answers ARP, ICMP and TCP for each address of a local route.
    fn settle(&self, blocks: &[Ipv4Net]) -> anyhow::Result<()> {
        self.far.sh("sysctl -qw net.core.somaxconn=65535 net.ipv4.tcp_max_syn_backlog=65535")?;
        if self.way == Way::Link {
            self.far.sh(&format!("ip route add {} dev {IFACE}", self.prefix))?;
            let prober = self.prober.macs()?;
            let mac = prober.first().context("the prober has an interface")?;
            // An ARP request of its own for the prober would show the host alive before it was asked.
            self.far.sh(&format!("ip neigh replace {} lladdr {mac} dev {IFACE} nud permanent", last(self.prefix)))?;
        }
        let lines: String = blocks.iter().map(|block| format!("route add local {block} dev lo\n")).collect();
        let folder = tempfile::TempDir::new()?;
        let path = folder.path().join("routes");
        std::fs::write(&path, lines)?;
        self.far.sh(&format!("ip -batch {}", path.display()))
    }
}

/// The highest address that a host can have.
fn last(prefix: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(prefix.broadcast()) - 1)
}

const NO_IPV6: &str = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1";
const ROUTED_PROBER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ROUTER_NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const ROUTER_FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 5);
const ROUTED_CROWD: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 6);

/// Accepts what comes in at [`PORT`] of any address and closes it; dropping it ends it.
struct Listener {
    socket: Arc<Socket>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(namespace: &Namespace) -> anyhow::Result<Self> {
        let socket = namespace.enter(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.bind(&std::net::SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
            // The handshakes of a whole sweep may wait at the same time.
            socket.listen(65_535)?;
            Ok(Arc::new(socket))
        })?;
        let stop = Arc::new(AtomicBool::new(false));
        let (listening, stopped) = (Arc::clone(&socket), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("listener".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                drop(listening.accept());
            }
        })?;
        Ok(Self { socket, stop, thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that waits in `accept` returns with an error.
        drop(self.socket.shutdown(std::net::Shutdown::Both));
        drop(self.thread.take().map(JoinHandle::join));
    }
}
