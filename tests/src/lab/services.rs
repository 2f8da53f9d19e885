//! Hosts that describe themselves: real daemons, each in a namespace of its own on a crowd's switch.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use ipnet::IpNet;
use sensor_core::types::Mac;
use tempfile::TempDir;

use super::crowd::{Crowd, IFACE};
use super::namespace::Namespace;
use super::shell::sh;
use super::wait;

/// Hosts with daemons; dropping it ends them.
pub struct Services {
    /// Each with its address and MAC, in the order of [`Service`].
    pub hosts: Vec<ServiceHost>,
    /// Files of the daemons, and room for those of a test.
    pub folder: TempDir,
    processes: Vec<Child>,
    /// Never read.
    _dead_dns: UdpSocket,
}

/// A host with one daemon.
pub struct ServiceHost {
    /// What runs on it.
    pub service: Service,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its MAC.
    pub mac: Mac,
    /// Its namespace.
    pub namespace: Namespace,
}

/// What runs on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// dnsmasq: the network's name server.
    Dns,
    /// avahi-daemon: answers to [`MDNS_NAME`].
    Mdns,
    /// samba's nmbd: answers to [`NETBIOS_NAME`].
    Netbios,
    /// snmpd: version 2c with [`COMMUNITY`], version 3 with [`SNMP_USER`].
    Snmp,
    /// OpenSSH.
    Ssh,
    /// A name server that receives queries and never answers.
    SilentDns,
    /// `openssl s_server` with a certificate for [`TLS_NAMES`].
    Tls,
    /// nginx with a page called [`TITLE`].
    Web,
}

/// In the order of the last octets, from [`FIRST`] on.
const SERVICES: [Service; 8] = [
    Service::Dns,
    Service::Mdns,
    Service::Netbios,
    Service::Snmp,
    Service::Ssh,
    Service::SilentDns,
    Service::Tls,
    Service::Web,
];
/// The last octet of the first of them.
pub const FIRST: u8 = 201;
/// The vendor part of their MACs.
pub const VENDOR: [u8; 3] = [0x3c, 0xd9, 0x2b];
/// The network's DNS domain.
pub const DOMAIN: &str = "crowd.test";
/// The mDNS name, with `.local` behind it on the wire.
pub const MDNS_NAME: &str = "speaker";
/// The NetBIOS name.
pub const NETBIOS_NAME: &str = "FILESERVER";
/// The community of SNMP version 2c.
pub const COMMUNITY: &str = "lab-community";
/// The user of SNMP version 3, with SHA-1 and AES-128.
pub const SNMP_USER: &str = "lab-user";
/// That user's pass phrase, for authentication and for privacy.
pub const SNMP_PASSWORD: &str = "lab-password";
/// The system name of snmpd.
pub const SYS_NAME: &str = "rack-switch-7";
/// The system description of snmpd.
pub const SYS_DESCR: &str = "A switch of the lab";
/// The web page's title.
pub const TITLE: &str = "Welcome to the lab";
/// The subject of the certificate, and its other name.
pub const TLS_NAMES: [&str; 2] = ["secure.crowd.test", "also.crowd.test"];

impl Services {
    /// Plugs the hosts into the crowd's switch and starts their daemons; returns when all listen.
    pub fn start(crowd: &Crowd) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let mut hosts = Vec::new();
        for (octet, service) in (FIRST..).zip(SERVICES) {
            let [a, b, c, _] = crowd.prefix.network().octets();
            let (ip, mac) = (Ipv4Addr::new(a, b, c, octet), Mac([VENDOR[0], VENDOR[1], VENDOR[2], b, c, octet]));
            let address: IpNet = format!("{ip}/{}", crowd.prefix.prefix_len()).parse()?;
            let namespace = crowd.plug_in(&format!("{service:?}").to_lowercase(), mac, &[address])?;
            hosts.push(ServiceHost { service, ip, mac, namespace });
        }
        let silent = hosts.iter().find(|host| host.service == Service::SilentDns).context("a silent name server")?;
        let dead_dns = silent.namespace.enter(|| Ok(UdpSocket::bind((silent.ip, 53))?))?;
        let mut services = Self { hosts, folder, processes: Vec::new(), _dead_dns: dead_dns };
        for (number, service) in SERVICES.iter().enumerate() {
            services.run(number, crowd).with_context(|| format!("{service:?}"))?;
        }
        Ok(services)
    }

    /// The host that runs the service.
    pub fn host(&self, service: Service) -> &ServiceHost {
        self.hosts.iter().find(|host| host.service == service).expect("every service has a host")
    }

    /// The name of its address in the network's DNS.
    pub fn dns_name(service: Service) -> String {
        format!("{service:?}.{DOMAIN}").to_lowercase()
    }

    fn run(&mut self, number: usize, crowd: &Crowd) -> anyhow::Result<()> {
        let host = &self.hosts[number];
        let folder = self.folder.path().join(format!("{:?}", host.service));
        std::fs::create_dir(&folder)?;
        let (command, port) = match host.service {
            Service::Dns => (dns(host, &self.hosts), "udp :53"),
            Service::Mdns => (mdns(host, &folder)?, "udp :5353"),
            Service::Netbios => (netbios(host, &folder, crowd)?, "udp :137"),
            Service::Snmp => (snmp(host, &folder)?, "udp :161"),
            Service::Ssh => (ssh(host, &folder)?, "tcp :22"),
            Service::SilentDns => return Ok(()),
            Service::Tls => (tls(host, &folder)?, "tcp :443"),
            Service::Web => (web(host, &folder)?, "tcp :80"),
        };
        let process = start(command, &folder)?;
        self.processes.push(process);
        let (protocol, port) = port.split_once(' ').expect("a protocol and a port");
        let flag = if protocol == "udp" { "u" } else { "t" };
        let listens =
            || Ok(host.namespace.output(&format!("ss -Hln{flag} sport = {port}"))?.contains(port).then_some(()));
        wait::until(&format!("{:?} to listen", host.service), listens)
            .with_context(|| std::fs::read_to_string(folder.join("output")).unwrap_or_default())
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // An error means that it has ended already.
            drop(process.kill());
            drop(process.wait());
        }
    }
}

fn start(mut command: Command, folder: &Path) -> anyhow::Result<Child> {
    let output = std::fs::File::create(folder.join("output"))?;
    command.env("PATH", PATH).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    command.spawn().context("it cannot be started")
}

/// The search path of daemons, with the administrator's folders.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A command with folders of its own where the machine has shared ones, by a mount namespace.
fn with_own(host: &ServiceHost, folders: &[&str], script: &str) -> Command {
    let mounts: String = folders
        .iter()
        .map(|folder| format!("mkdir -p {folder} && mount -t tmpfs -o mode=755 none {folder} && "))
        .collect();
    let mut command = host.namespace.command("unshare");
    command.args(["--mount", "sh", "-c", &format!("{mounts}{script}")]);
    command
}

fn dns(host: &ServiceHost, hosts: &[ServiceHost]) -> Command {
    let mut command = host.namespace.command("dnsmasq");
    command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--no-resolv", "--no-hosts"]);
    command.args([&format!("--interface={IFACE}"), "--bind-interfaces", "--pid-file=", &format!("--local=/{DOMAIN}/")]);
    // As home routers answer: a private address without a name does not exist, rather than being refused.
    command.arg("--bogus-priv");
    // A name and its reverse entry in one option.
    command.args(hosts.iter().map(|host| format!("--host-record={},{}", Services::dns_name(host.service), host.ip)));
    command
}

fn mdns(host: &ServiceHost, folder: &Path) -> anyhow::Result<Command> {
    let config = folder.join("avahi.conf");
    std::fs::write(
        &config,
        format!(
            "[server]\nhost-name={MDNS_NAME}\nallow-interfaces={IFACE}\nenable-dbus=no\nuse-ipv4=yes\nuse-ipv6=no\n\
             [publish]\npublish-workstation=no\npublish-hinfo=no\n"
        ),
    )?;
    let script = format!("exec avahi-daemon -f {} --no-drop-root --no-chroot --no-rlimits", config.display());
    Ok(with_own(host, &["/run/avahi-daemon", "/etc/avahi/services"], &script))
}

fn netbios(host: &ServiceHost, folder: &Path, crowd: &Crowd) -> anyhow::Result<Command> {
    let config = folder.join("smb.conf");
    let own = folder.display();
    std::fs::write(
        &config,
        format!(
            "[global]\nnetbios name = {NETBIOS_NAME}\nworkgroup = LAB\ninterfaces = {}/{}\nbind interfaces only = yes\n\
             lock directory = {own}\nstate directory = {own}\ncache directory = {own}\npid directory = {own}\n\
             private dir = {own}\nlog file = {own}/log\n",
            host.ip,
            crowd.prefix.prefix_len()
        ),
    )?;
    let script = format!("exec nmbd --foreground --no-process-group --configfile={}", config.display());
    Ok(with_own(host, &["/run/samba"], &script))
}

fn snmp(host: &ServiceHost, folder: &Path) -> anyhow::Result<Command> {
    let config = folder.join("snmpd.conf");
    std::fs::write(
        &config,
        format!(
            "agentAddress udp:{}:161\nrocommunity {COMMUNITY}\nsysName {SYS_NAME}\nsysDescr {SYS_DESCR}\n\
             createUser {SNMP_USER} SHA {SNMP_PASSWORD} AES {SNMP_PASSWORD}\nrouser {SNMP_USER} priv\n",
            host.ip
        ),
    )?;
    let mut command = host.namespace.command("snmpd");
    command.args(["-f", "-Le", "-C", "-c"]).arg(&config).env("SNMP_PERSISTENT_DIR", folder);
    Ok(command)
}

fn ssh(host: &ServiceHost, folder: &Path) -> anyhow::Result<Command> {
    let key = folder.join("key");
    sh(&format!("ssh-keygen -q -t ed25519 -N '' -f {}", key.display()))?;
    let script = format!("exec /usr/sbin/sshd -D -e -f /dev/null -p 22 -o PidFile=none -h {}", key.display());
    Ok(with_own(host, &["/run/sshd"], &script))
}

fn tls(host: &ServiceHost, folder: &Path) -> anyhow::Result<Command> {
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let [subject, other] = TLS_NAMES;
    sh(&format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN={subject} \
         -addext subjectAltName=DNS:{subject},DNS:{other} -keyout {} -out {}",
        key.display(),
        certificate.display()
    ))?;
    let mut command = host.namespace.command("openssl");
    command.args(["s_server", "-accept", "443", "-www", "-quiet", "-key"]).arg(key).arg("-cert").arg(certificate);
    Ok(command)
}

fn web(host: &ServiceHost, folder: &Path) -> anyhow::Result<Command> {
    let (config, own) = (folder.join("nginx.conf"), folder.display());
    std::fs::write(
        &config,
        format!(
            "daemon off; user root; pid {own}/pid; error_log stderr; events {{ }}\nhttp {{ access_log off;\n\
             client_body_temp_path {own}/a; proxy_temp_path {own}/b; fastcgi_temp_path {own}/c; uwsgi_temp_path {own}/d; \
             scgi_temp_path {own}/e;\nserver {{ listen 80; root {own}; default_type text/html; }} }}\n"
        ),
    )?;
    std::fs::write(folder.join("index.html"), format!("<html><head><title>{TITLE}</title></head></html>\n"))?;
    let mut command = host.namespace.command("nginx");
    command.args(["-e", "stderr", "-c"]).arg(config);
    Ok(command)
}
