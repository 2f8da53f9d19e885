//! A switch with a mirror port, and hosts on it: real daemons, a DHCP server, clients of several kinds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::Context as _;
use sensor_core::types::Mac;
use tempfile::TempDir;

use super::namespace::{Namespace, sweep};
use super::{sender, wait};

/// A switch, its mirror port, and the hosts on it.
pub struct Lab {
    /// The sensor's namespace; its port is [`MIRROR`].
    pub probe: Namespace,
    /// The hosts, in the order in which they join.
    pub hosts: Vec<Host>,
    /// Files of the daemons, and room for those of a test.
    pub folder: TempDir,
    switch: Namespace,
    processes: Vec<Child>,
}

/// A machine on the switch.
pub struct Host {
    /// Its name, which it also announces.
    pub name: &'static str,
    /// Its namespace; its interface is `eth0`.
    pub namespace: Namespace,
    /// Its MAC.
    pub mac: Mac,
    /// How it gets its addresses.
    pub kind: HostKind,
}

/// How a host gets its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// By DHCP, and announces a service by mDNS.
    Announcing,
    /// By DHCP.
    Dhcp,
    /// Has no IPv4.
    Ipv6Only(Ipv6Addr),
    /// Serves DHCP and DNS.
    Server(Ipv4Addr),
    /// Configured by hand.
    Static(Ipv4Addr),
    /// Speaks behind two VLAN tags, outer first, from a packet socket.
    Tagged(Ipv4Addr, [u16; 2]),
}

/// The sensor's end of the mirror port.
pub const MIRROR: &str = "mir1";
/// The vendor class that DHCP clients send.
pub const VENDOR_CLASS: &str = "lab-client";
/// The DHCP server's address.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// An address that nobody has: a question about it stays unanswered.
pub const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 99);
/// The service that the announcing host announces: its port.
pub const SERVICE_PORT: u16 = 8631;

/// Name, MAC and kind of each host. The first three octets tell the vendor; 02 and 06 are locally administered.
const HOSTS: [(&str, [u8; 6], HostKind); 8] = [
    ("server", [0x00, 0x14, 0x22, 0, 0, 1], HostKind::Server(SERVER)),
    ("desk-1", [0x00, 0x14, 0x22, 0, 0, 0x11], HostKind::Dhcp),
    ("desk-2", [0x3c, 0xd9, 0x2b, 0, 0, 0x12], HostKind::Dhcp),
    ("phone-3", [0x06, 0x5a, 0xc1, 0, 0, 0x13], HostKind::Dhcp),
    ("printer-4", [0x00, 0x1b, 0xa9, 0, 0, 0x14], HostKind::Announcing),
    ("six", [0xb8, 0x27, 0xeb, 0, 0, 6], HostKind::Ipv6Only(Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 6))),
    ("static", [0x00, 0x0c, 0x29, 0, 0, 0x20], HostKind::Static(Ipv4Addr::new(10, 77, 0, 20))),
    ("tagged", [0x00, 0x50, 0x56, 0, 0, 0x30], HostKind::Tagged(Ipv4Addr::new(10, 88, 0, 5), [100, 30])),
];

impl Lab {
    /// Builds the switch, the mirror port and the hosts' cables; no host sends anything yet. Needs root.
    pub fn build() -> anyhow::Result<Self> {
        sweep();
        let switch = Namespace::new("switch")?;
        // The switch itself sends nothing: it has no addresses.
        switch.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")?;
        switch.sh("ip link add br0 type bridge stp_state 0 mcast_snooping 0 && ip link set br0 up")?;
        let probe = Namespace::new("probe")?;
        probe.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")?;
        switch.sh(&format!("ip link add mir0 type veth peer name {MIRROR} netns {}", probe.name()))?;
        // VLAN tags stay in the bytes of the frame, as on a wire.
        switch.sh("ethtool -K mir0 txvlan off tx-vlan-stag-hw-insert off 2>/dev/null || ethtool -K mir0 txvlan off")?;
        switch.sh("ip link set mir0 up")?;
        probe
            .sh(&format!("ethtool -K {MIRROR} rxvlan off >/dev/null; ip link set {MIRROR} up && ip link set lo up"))?;
        let mut lab = Self { probe, hosts: Vec::new(), folder: TempDir::new()?, switch, processes: Vec::new() };
        for (number, (name, mac, kind)) in HOSTS.into_iter().enumerate() {
            let host = lab.plug_in(number, name, Mac(mac), kind)?;
            lab.hosts.push(host);
        }
        Ok(lab)
    }

    /// Starts the hosts, one after the other; each announces itself.
    pub fn start_hosts(&mut self) -> anyhow::Result<()> {
        for number in 0..self.hosts.len() {
            self.start(number).with_context(|| self.hosts[number].name)?;
        }
        Ok(())
    }

    /// A host by its name.
    pub fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name == name).expect("the lab has a host of that name")
    }

    /// The switch's own MACs, which must never be reported.
    pub fn switch_macs(&self) -> anyhow::Result<Vec<Mac>> {
        self.switch.macs()
    }

    /// Gives a host another MAC while it keeps its addresses, and makes it send.
    pub fn change_mac(&self, name: &str, mac: Mac, keeps: Ipv4Addr) -> anyhow::Result<()> {
        let host = self.host(name);
        // IPv6 is switched off: the new MAC would also have a new link-local address.
        host.namespace.sh(&format!(
            "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; ip link set eth0 down && ip link set eth0 address {mac} && \
             ip link set eth0 up && (ip addr replace {keeps}/24 dev eth0)"
        ))?;
        self.ping(name, IpAddr::V4(SERVER))
    }

    /// Pings, so that the host resolves its neighbour and is resolved.
    pub fn ping(&self, name: &str, target: IpAddr) -> anyhow::Result<()> {
        let host = self.host(name);
        host.namespace.sh(&format!("ip neigh flush dev eth0; ping -n -q -c 2 -i 0.2 -W 3 {target} >/dev/null"))
    }

    /// The IPv4 address that a host has now.
    pub fn ipv4_of(&self, name: &str) -> anyhow::Result<Ipv4Addr> {
        let text = self.host(name).namespace.output("ip -4 -o addr show dev eth0")?;
        let word = text.split_whitespace().skip_while(|word| *word != "inet").nth(1).context("it has none yet")?;
        Ok(word.split('/').next().unwrap_or_default().parse()?)
    }

    /// The IPv6 addresses that a host has now.
    pub fn ipv6_of(&self, name: &str) -> anyhow::Result<Vec<Ipv6Addr>> {
        let text = self.host(name).namespace.output("ip -6 -o addr show dev eth0")?;
        let words = text.lines().filter_map(|line| line.split_whitespace().skip_while(|word| *word != "inet6").nth(1));
        words.map(|word| Ok(word.split('/').next().unwrap_or_default().parse()?)).collect()
    }

    /// Unplugs every host: from here on nothing crosses the switch.
    pub fn unplug(&self) -> anyhow::Result<()> {
        (0..self.hosts.len()).try_for_each(|number| self.switch.sh(&format!("ip link set port{number} down")))
    }

    /// Frames that the switch sent to its mirror port so far, and those that it dropped there.
    pub fn mirrored(&self) -> anyhow::Result<(u64, u64)> {
        let count = |counter| {
            let text = self.switch.output("ip -s -j link show dev mir0")?;
            let links: serde_json::Value = serde_json::from_str(&text)?;
            links[0]["stats64"]["tx"][counter].as_u64().context("the link has counters")
        };
        Ok((count("packets")?, count("dropped")?))
    }

    fn plug_in(&self, number: usize, name: &'static str, mac: Mac, kind: HostKind) -> anyhow::Result<Host> {
        let namespace = Namespace::new(name)?;
        let port = format!("port{number}");
        self.switch.sh(&format!("ip link add {port} type veth peer name eth0 netns {}", namespace.name()))?;
        self.switch.sh(&format!("ip link set {port} master br0 up"))?;
        // Frames are copied where they come in, so each is copied once.
        self.switch.sh(&format!(
            "tc qdisc add dev {port} handle ffff: ingress && tc filter add dev {port} parent ffff: protocol all \
             u32 match u32 0 0 action mirred egress mirror dev mir0"
        ))?;
        namespace
            .sh(&format!("ethtool -K eth0 txvlan off >/dev/null; ip link set eth0 address {mac}; ip link set lo up"))?;
        if matches!(kind, HostKind::Tagged(..)) {
            namespace.sh("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1")?;
        }
        Ok(Host { name, namespace, mac, kind })
    }

    fn start(&mut self, number: usize) -> anyhow::Result<()> {
        let host = &self.hosts[number];
        host.namespace.sh("ip link set eth0 up")?;
        match host.kind {
            HostKind::Server(address) => {
                host.namespace.sh(&format!(
                    "ip addr add {address}/24 dev eth0 && ip addr add 2001:db8:77::1/64 dev eth0 nodad"
                ))?;
                let daemon = self.dnsmasq(number)?;
                self.processes.push(daemon);
            }
            HostKind::Dhcp => self.dhclient(number)?,
            HostKind::Announcing => {
                self.dhclient(number)?;
                let daemon = self.avahi(number)?;
                self.processes.push(daemon);
            }
            HostKind::Ipv6Only(address) => {
                host.namespace.sh(&format!("ip addr add {address}/64 dev eth0 nodad"))?;
                self.ping(host.name, "2001:db8:77::1".parse()?)?;
            }
            HostKind::Static(address) => {
                host.namespace.sh(&format!("ip addr add {address}/24 dev eth0"))?;
                self.ping(host.name, IpAddr::V4(SERVER))?;
            }
            HostKind::Tagged(address, vlans) => {
                let frame = sender::arp_request(host.mac, address, Ipv4Addr::new(10, 88, 0, 1), &vlans);
                sender::send(&host.namespace, "eth0", &[frame])?;
            }
        }
        Ok(())
    }

    fn dnsmasq(&self, number: usize) -> anyhow::Result<Child> {
        let leases = self.path("dnsmasq.leases");
        let daemon = self.hosts[number]
            .namespace
            .command("dnsmasq")
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--user=root",
                "--no-ping",
                "--no-resolv",
                "--no-hosts",
            ])
            .args(["--interface=eth0", "--bind-interfaces", "--pid-file=", "--address=/lab/10.77.0.1"])
            .args(["--dhcp-range=10.77.0.100,10.77.0.150,255.255.255.0,120", "--dhcp-authoritative"])
            .arg(format!("--dhcp-leasefile={}", leases.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("dnsmasq")?;
        // It is ready when its socket is there.
        wait::until("dnsmasq to listen", || {
            Ok(self.hosts[number].namespace.output("ss -Hlun sport = :67")?.contains(":67").then_some(()))
        })?;
        Ok(daemon)
    }

    /// Returns when the client has its address; it goes on in the background and renews.
    fn dhclient(&mut self, number: usize) -> anyhow::Result<()> {
        let host = &self.hosts[number];
        let name = host.name;
        let (config, script) = (self.path(&format!("{name}.conf")), self.path("dhclient-script"));
        std::fs::write(
            &config,
            format!(
                "send host-name \"{name}\";\nsend vendor-class-identifier \"{VENDOR_CLASS}\";\n\
                 request subnet-mask, broadcast-address, routers, domain-name-servers;\n"
            ),
        )?;
        // Debian's own script would write the machine's resolv.conf.
        std::fs::write(
            &script,
            "#!/bin/sh\ncase $reason in BOUND|RENEW|REBIND|REBOOT) ip addr replace $new_ip_address/24 dev $interface ;; esac\n",
        )?;
        make_executable(&script)?;
        let client = host
            .namespace
            .command("dhclient")
            .args(["-d", "-4", "-q", "-cf"])
            .arg(&config)
            .arg("-sf")
            .arg(&script)
            .arg("-lf")
            .arg(self.path(&format!("{name}.leases")))
            .arg("-pf")
            .arg(self.path(&format!("{name}.pid")))
            .arg("eth0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("dhclient")?;
        self.processes.push(client);
        wait::until(&format!("{name} to get its address"), || Ok(self.ipv4_of(name).ok()))?;
        self.ping(name, IpAddr::V4(SERVER))
    }

    fn avahi(&self, number: usize) -> anyhow::Result<Child> {
        let host = &self.hosts[number];
        let (config, services) = (self.path("avahi.conf"), self.path("services"));
        std::fs::create_dir_all(&services)?;
        std::fs::write(
            &config,
            format!(
                "[server]\nhost-name={}\nallow-interfaces=eth0\nenable-dbus=no\nuse-ipv4=yes\nuse-ipv6=yes\n\
                 [publish]\npublish-workstation=no\npublish-hinfo=no\n",
                host.name
            ),
        )?;
        std::fs::write(
            services.join("printer.service"),
            format!(
                "<?xml version=\"1.0\" standalone='no'?><!DOCTYPE service-group SYSTEM \"avahi-service.dtd\">\
                 <service-group><name>Lab printer</name><service><type>_ipp._tcp</type><port>{SERVICE_PORT}</port>\
                 </service></service-group>\n"
            ),
        )?;
        // A mount namespace gives it its own folders for services and for its socket.
        let script = format!(
            "mkdir -p /run/avahi-daemon /etc/avahi/services && mount -t tmpfs none /run/avahi-daemon && \
             mount --bind {} /etc/avahi/services && exec avahi-daemon -f {} --no-drop-root --no-chroot --no-rlimits",
            services.display(),
            config.display()
        );
        host.namespace
            .command("unshare")
            .args(["--mount", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("avahi-daemon")
    }

    /// A path in the lab's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // An error means that it has ended already.
            drop(process.kill());
            drop(process.wait());
        }
    }
}

fn make_executable(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?)
}
