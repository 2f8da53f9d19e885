//! Stories of machines that announce themselves: DHCPv6, LLMNR, NetBIOS, SSDP, WS-Discovery, group membership, and how
//! they open and accept connections.

use std::net::IpAddr;

use sensor_core::inventory::event::Kind;
use sensor_core::inventory::fingerprint::p0f;
use sensor_core::inventory::model::host::HostRole;
use sensor_core::inventory::model::role::Role;
use sensor_core::inventory::model::source::Source;
use sensor_core::inventory::sighting::Claim;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::DhcpClaim;
use sensor_core::inventory::sighting::dhcpv6::Dhcpv6Claim;
use sensor_core::inventory::sighting::heard::Heard;
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::nbns::NbnsClaim;
use sensor_core::inventory::sighting::traffic::{ServedClaim, TrafficClaim};
use sensor_core::inventory::sighting::wsd::WsdClaim;
use sensor_core::types::Text;
use sensor_core::wire::{dhcpv6, membership, nbns, ssdp, wsd};

use super::known::Service;
use super::link::word;
use super::teller::{Someone, Teller, four, solicit};

/// How Windows opens a connection.
const WINDOWS: &str = "4:128+0:0:1460:64240,8:mss,nop,ws,nop,nop,sok:df,id+:0";
/// How Linux accepts one.
const LINUX: &str = "4:64+0:0:1460:65160,7:mss,sok,ts,nop,ws:df:0";
/// How something small accepts one.
const SMALL: &str = "4:64+0:0:1460:5840,0:mss:df:0";

impl Teller {
    /// A Windows computer: it announces its name by every protocol that it has, changes its address, and is renamed.
    pub(super) fn workstation(&mut self, server: &Someone) -> bool {
        let host = self.someone();
        let (name, upper) = (word("ws", &host), word("WS", &host));
        let words = DhcpClaim {
            hostname: Some(Text::new(name.as_bytes())),
            vendor_class: Some(Text::new(b"MSFT 5.0")),
            parameters: Some(vec![1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252]),
            client_id: Some(Text::new(&[&[1], &host.mac.0[..]].concat())),
            ..DhcpClaim::default()
        };
        self.taken_for(host.mac, Some("Windows"), Some("computer"));
        let six = self.rng.one_in(2).then(|| self.six_server());
        self.lease_to(&host, host.ip, server, &words, 600);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        self.named(&host, &name);
        if let Some(six) = six {
            self.six_lease(&host, &six, &name);
        }
        self.introduces_itself(&host, host.ip, &name, &upper);
        self.called(host.mac, Source::Nbns, &[&upper]);
        self.called(host.mac, Source::Llmnr, &[&name]);
        self.is_for(host.mac, HostRole::Workstation);
        for (port, source) in [(137, Source::Nbns), (3702, Source::Wsd), (5355, Source::Llmnr)] {
            self.answers(host.mac, "udp", port, source);
        }
        let mut ip = host.ip;
        if self.rng.one_in(2) {
            ip = self.someone().ip;
            self.pause(1_000, 20_000);
            self.lease_to(&host, ip, server, &words, 600);
            self.tell(Kind::NewAddress, ip, host.mac);
            self.holds(ip, host.mac);
            self.introduces_itself(&host, ip, &name, &upper);
        }
        if self.rng.one_in(2) {
            let renamed = word("RE", &host);
            // A second name within a minute is an alias.
            self.pause(61_000, 90_000);
            self.netbios(&host, ip, &renamed, 0);
            self.tell(Kind::NameChanged, host.ip, host.mac);
            self.called(host.mac, Source::Nbns, &[&renamed, &upper]);
        }
        true
    }

    /// A printer announces itself; after a reboot it has another address, and in the end it leaves.
    pub(super) fn printer(&mut self) {
        let host = self.someone();
        let name = word("prn", &host);
        self.arp(host.mac, host.ip, ArpOperation::Gratuitous);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        let (local, instance) = (format!("{name}.local"), format!("{name}._pdl-datastream._tcp.local"));
        let [owner, service] = [&local, &instance].map(|name| Text::new(name.as_bytes()));
        self.mdns(&host, MdnsClaim::Address { name: owner.clone(), addr: host.ip });
        self.mdns(&host, MdnsClaim::Srv { name: service, target: owner, port: 9100 });
        self.called(host.mac, Source::Mdns, &[&name]);
        let services = self.known.services.entry((self.segment, host.mac)).or_default();
        services.insert(Service { instance, port: 9100, closed: false });
        self.ssdp(&host, host.ip, "ssdp:alive");
        self.wsd(&host, host.ip, wsd::MessageKind::Hello, "wprt:PrintDeviceType");
        self.serves(&host, "tcp", 9100, Some(SMALL));
        self.serves(&host, "udp", 161, None);
        for (port, source) in [(1900, Source::Ssdp), (3702, Source::Wsd), (5353, Source::Mdns)] {
            self.answers(host.mac, "udp", port, source);
        }
        self.is_for(host.mac, HostRole::Printer);
        self.taken_for(host.mac, Some("Linux"), Some("printer"));
        let mut ip = host.ip;
        if self.rng.one_in(2) {
            ip = self.someone().ip;
            self.pause(1_000, 30_000);
            self.arp(host.mac, ip, ArpOperation::Gratuitous);
            self.tell(Kind::NewAddress, ip, host.mac);
            self.holds(ip, host.mac);
            self.ssdp(&host, ip, "ssdp:alive");
        }
        if self.rng.one_in(2) {
            self.ssdp(&host, ip, "ssdp:byebye");
            self.wsd(&host, ip, wsd::MessageKind::Bye, "wprt:PrintDeviceType");
        }
    }

    /// A server of which only answers from its ports are seen.
    pub(super) fn busy_server(&mut self) {
        let host = self.someone();
        self.arp(host.mac, host.ip, ArpOperation::Request);
        self.tell(Kind::NewHost, host.ip, host.mac);
        self.holds(host.ip, host.mac);
        self.serves(&host, "tcp", 22, Some(LINUX));
        self.serves(&host, "udp", 53, None);
        self.serves(&host, "udp", 123, None);
        self.taken_for(host.mac, Some("Linux"), None);
        for _ in 0..self.rng.below(4) {
            self.pause(1, 9_000);
            let counted = TrafficClaim { hop_limit: None, frames: 1 + self.rng.below(9_999), bytes: 0 };
            self.burst(host.mac, Some(host.ip), Claim::Traffic(counted));
        }
        self.listens(&host, host.ip, membership::Operation::Query);
    }

    // What these stories are made of.

    /// A DHCPv6 server that is known already.
    fn six_server(&mut self) -> Someone {
        let server = self.someone();
        self.ndp(server.mac, Some(server.link_local), solicit());
        self.tell(Kind::NewHost, server.link_local, server.mac);
        self.holds(server.link_local, server.mac);
        self.pause(4_000, 9_000);
        server
    }

    /// A whole DHCPv6 conversation.
    fn six_lease(&mut self, host: &Someone, server: &Someone, name: &str) {
        let IpAddr::V6(given) = host.global else { return };
        let duid = [&[0, 3, 0, 1], &host.mac.0[..]].concat();
        let message = |kind| dhcpv6::Message {
            kind,
            client_duid: Some(Text::new(&duid)),
            fqdn: Some(Text::new(format!("{name}.example").as_bytes())),
            ..dhcpv6::Message::default()
        };
        let claim = |message, from_server| {
            Claim::Dhcpv6(Box::new(Dhcpv6Claim { message, from_server, client: Some(host.mac), is_near: true }))
        };
        self.burst(host.mac, Some(host.link_local), claim(message(1), false));
        self.tell(Kind::NewAddress, host.link_local, host.mac);
        self.holds(host.link_local, host.mac);
        self.burst(server.mac, Some(server.link_local), claim(message(Dhcpv6Claim::ADVERTISE), true));
        self.tell(Kind::NewDhcpServer, server.link_local, server.mac);
        self.known.roles.insert((self.segment, Role::DhcpServer, server.link_local, server.mac));
        self.is_for(server.mac, HostRole::DhcpServer);
        self.burst(host.mac, Some(host.link_local), claim(message(3), false));
        let address = dhcpv6::Address { ip: given, preferred_s: 3600, valid_s: 7200 };
        let reply = dhcpv6::Message { addresses: vec![address], ..message(Dhcpv6Claim::REPLY) };
        self.send(server.mac, server.mac, Some(server.link_local), claim(reply, true));
        self.heard(host.mac);
        self.tell(Kind::NewAddress, host.global, host.mac);
        self.holds(host.global, host.mac);
        self.called(host.mac, Source::Dhcpv6, &[name]);
        self.pause(1, 300);
    }

    /// By every protocol that a Windows computer has.
    fn introduces_itself(&mut self, host: &Someone, ip: IpAddr, name: &str, upper: &str) {
        self.opens(host, ip, WINDOWS);
        self.netbios(host, ip, upper, 0);
        self.netbios(host, ip, upper, 0x20);
        self.listens(host, ip, membership::Operation::Report);
        let said = MdnsClaim::Query { name: Text::new(b"wpad") };
        self.burst(host.mac, Some(ip), Claim::Llmnr(Box::new(Heard { said, is_near: true, port: 50_000 })));
        // An answer is unicast, with a hop limit that does not show how far it came.
        let said = MdnsClaim::Address { name: Text::new(name.as_bytes()), addr: ip };
        self.burst(host.mac, Some(ip), Claim::Llmnr(Box::new(Heard { said, is_near: false, port: 5355 })));
        self.wsd(host, ip, wsd::MessageKind::Hello, "pub:Computer");
        let said = device("", ssdp::MessageKind::Search, host);
        self.burst(host.mac, Some(ip), Claim::Ssdp(Box::new(Heard { said, is_near: true, port: 50_001 })));
    }

    fn netbios(&mut self, host: &Someone, ip: IpAddr, name: &str, suffix: u8) {
        let Some(addr) = four(ip) else { return };
        let name = nbns::Name { name: Text::new(name.as_bytes()), suffix };
        let group = nbns::Name { name: Text::new(b"WORKGROUP"), suffix: 0 };
        for (name, group) in [(name, false), (group, true)] {
            let said = NbnsClaim::Address { name, group, addr, is_answer: false };
            self.burst(host.mac, Some(ip), Claim::Nbns(Box::new(Heard { said, is_near: true, port: 137 })));
        }
    }

    fn listens(&mut self, host: &Someone, ip: IpAddr, operation: membership::Operation) {
        let protocol = membership::Protocol::Igmp;
        let groups = vec![IpAddr::from([239, 255, 255, 250])];
        let message = membership::Message { protocol, operation, groups, left: Vec::new() };
        self.burst(host.mac, Some(ip), Claim::Membership(Box::new(message)));
    }

    fn ssdp(&mut self, host: &Someone, ip: IpAddr, what: &str) {
        let said = device(what, ssdp::MessageKind::Notify, host);
        self.burst(host.mac, Some(ip), Claim::Ssdp(Box::new(Heard { said, is_near: true, port: 1900 })));
    }

    fn wsd(&mut self, host: &Someone, ip: IpAddr, kind: wsd::MessageKind, word: &str) {
        let types = vec![Text::new(b"wsdp:Device"), Text::new(word.as_bytes())];
        let said = WsdClaim { kind, target: wsd::Target { types, ..wsd::Target::default() } };
        self.burst(host.mac, Some(ip), Claim::Wsd(Box::new(Heard { said, is_near: true, port: 3702 })));
    }

    /// A port answers; a TCP port also shows the fingerprint of its SYN-ACK.
    fn serves(&mut self, host: &Someone, protocol: &'static str, port: u16, print: Option<&str>) {
        let served = ServedClaim { protocol, port, hop_limit: Some(64) };
        self.burst(host.mac, Some(host.ip), Claim::Served(served));
        self.shows(host, host.ip, print, true);
        self.answers(host.mac, protocol, port, Source::Traffic);
    }

    /// It opens a connection.
    fn opens(&mut self, host: &Someone, ip: IpAddr, print: &str) {
        let frame = TrafficClaim { hop_limit: Some(128), frames: 1, bytes: 0 };
        self.burst(host.mac, Some(ip), Claim::Traffic(frame));
        self.shows(host, ip, Some(print), false);
    }

    fn shows(&mut self, host: &Someone, ip: IpAddr, print: Option<&str>, is_answer: bool) {
        let Some(print) = print else { return };
        let syn = p0f::signature::observed(print, is_answer).expect("a notation that is read");
        // The sender's presence was counted with the same frame before.
        self.send_on(host.mac, host.mac, Some(ip), Claim::Syn(Box::new(syn)));
    }
}

/// The SSDP message of a printer, or of a client that looks for one.
fn device(what: &str, kind: ssdp::MessageKind, host: &Someone) -> ssdp::Message {
    let text = |text: &str| Some(Text::new(text.as_bytes()));
    let [.., high, low] = host.mac.0;
    let is_notice = kind == ssdp::MessageKind::Notify;
    let of_device = |words: Option<Text>| words.filter(|_| is_notice);
    ssdp::Message {
        kind,
        server: of_device(text("Linux/4.9 UPnP/1.1 Jet/2.0")),
        location: None,
        usn: of_device(text(&format!("uuid:12345678-1234-1234-1234-52540000{high:02x}{low:02x}::upnp:rootdevice"))),
        nt: of_device(text("urn:schemas-upnp-org:device:Printer:1")),
        nts: of_device(text(what)),
        st: text("ssdp:all").filter(|_| !is_notice),
        user_agent: None,
    }
}
