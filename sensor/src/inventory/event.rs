//! An event: a change worth telling. Its kinds with the rule of each, their severities, and arpwatch's words for them.
//!
//! # Rules common to all
//!
//! - The sensor's own stations (`Settings::own_macs`), in the frame or in its payload, cause nothing at all. MACs that
//!   no station can own (group addresses, zeros) make no station, and a claim by one is dropped.
//! - *Claims* move addresses: ARP requests, replies and announcements; NDP solicitations, advertisements, router
//!   messages, and a redirect's sender. *Hints* only fill and refresh: the address of a DHCP ACK, `ciaddr` of a client's
//!   own message (not of RELEASE or DECLINE), the IP source of mDNS. *Questions* (ARP conflict check, DAD) do neither,
//!   but make the station known.
//! - Checks of a claim stand in arpwatch's order, and one that fires ends it: `bogon`, `mac-mismatch`, then the binding.
//! - 0/8, 127/8, 224/4, 255.255.255.255, `::`, `::1` and ff00::/8 are never bound.
//! - `at` is the time of the sighting that shows the event; for a host that settled (see `new-host`), of its first
//!   sighting, and for a move that was explained (see `changed-mac`), of the claim; so there `at` goes back by up to
//!   three seconds while ids rise.
//! - What limits evict is forgotten, and new when it comes back. With `Settings::history`, what restored rows already
//!   say of a time is no news.

use std::net::IpAddr;

use super::state::HostId;
use crate::types::{Mac, Segment, Timestamp};

/// A change worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Rising, never reused within a database.
    pub id: u64,
    /// When it happened: the time of the sighting that shows it.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// Where.
    pub segment: Option<Segment>,
    /// The address it is about.
    pub ip: Option<IpAddr>,
    /// The station it is about.
    pub mac: Option<Mac>,
    /// The station before.
    pub old_mac: Option<Mac>,
    /// The host's best name, escaped.
    pub hostname: Option<String>,
    /// The host.
    pub host: Option<HostId>,
    /// Why, for kinds that have several rules.
    pub reason: Option<Reason>,
    /// How sure, in percent.
    pub confidence: Option<u8>,
    /// Further facts, in a fixed order.
    pub details: Vec<(&'static str, Detail)>,
}

/// A further fact's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A number.
    Number(u64),
    /// A text, escaped.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

/// What happened. In alphabetical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A sender foreign to the segment: the address of an ARP or NDP claim lies in none of the segment's prefixes, and
    /// there are some of its family (`Settings::prefixes`); link-local addresses never. Once for (segment, address, MAC)
    /// while remembered (`Limits::told_max`). Binds nothing. No details.
    Bogon,
    /// An address passed to a MAC that never held it, as far as remembered (`Limits::holders_max`). `old_mac` is the
    /// holder before. `reason` (see [`Reason`]) is found in this order: a lease that has not ended names the new MAC
    /// (`dhcp`, info); either MAC is a virtual router's (`failover`, info); else both stations are asked, where the
    /// sensor may ask, and the event waits for their answers, at most `Settings::explain`. Meanwhile the address stays
    /// with the old MAC; with `spoof-suspected` (alert) it goes on to. Details: `previous_age_s` (whole seconds since the
    /// holder before was last heard with it; 0 when time went back), `dhcp_server` (with reason `dhcp`, where the ACK
    /// named it), and where both were asked `old_answered` and `new_answered` (`yes` or `no`) and `new_addresses` (how
    /// many IPv4 addresses the new MAC holds).
    ChangedMac,
    /// An address passed back to the MAC before the present one, however long ago. Details: `previous_age_s`.
    FlipFlop,
    /// A station sends so much news of one class that the kernel holds back its surplus, and nobody else's
    /// (`sensor_ebpf::police`: after a burst of 8,192 messages of ARP or NDP, or 512 of any other class, 256 a second).
    /// Once for (segment, MAC, class) until ten minutes after the last surplus. Details: `class`.
    Flood,
    /// A host that was gone was heard again, by any frame or answer. Details: `gone_s` (since `host-gone`).
    HostBack,
    /// A host is gone: nothing was heard of it, by any protocol, for `gone_after`, and questions by at least two
    /// techniques stayed unanswered. Not while the sensor itself did not hear well for as long: since its start, since
    /// frames were lost, since the interface was down (`Correlator::set_deaf`). Once, until it is back. `ip` is the address
    /// that was asked. Details: `unheard_s`, `unanswered` (techniques).
    HostGone,
    /// Two stations claim one address at the same time: both answered a conflict check (RFC 5227, section 2.1.1) after it
    /// passed from `old_mac` to `mac`. While both go on, their claims neither move the address nor are told again.
    /// Details as of `changed-mac`.
    IpConflict,
    /// The ARP or ND payload's MAC (`mac`) is not the frame's; not for NDP where either is a virtual router's. Once for
    /// (segment, address, both MACs) while remembered (`Limits::told_max`). Binds nothing, and makes no host of the
    /// payload's MAC: `host` and `hostname` are the frame's. Details: `frame_mac`.
    MacMismatch,
    /// A known host is back with another locally administered MAC (`mac`; `old_mac` is the one before): not a new host.
    /// Told in place of `new-host` and of `new-address`, at the new station's first address, or when `Settings::settle`
    /// has passed. `confidence` is what the evidence adds up to. Details: `evidence`.
    MacRotated,
    /// The name of a host changed at its own source: DHCP (the client's option 12, else the first label of 81) or mDNS
    /// (owner of an address record for the sender's own address, without `.local`). Not for the first name of a source,
    /// nor for one that it gave before (the last `Limits::names_max` are remembered), compared without ASCII case.
    /// A goodbye changes nothing. `ip` is the host's best address. Details: `new_name`, `old_name`, `source`.
    NameChanged,
    /// A host that was told holds an address that nobody held before; by claim or hint. No details.
    /// A station holds at most `Limits::bindings_per_station_max` IPv6 addresses: the one unseen for longest is forgotten.
    NewAddress,
    /// A DHCP server never seen before on this segment: OFFER, ACK or NAK; `ip` is option 54, else the IP source; `mac` is
    /// the frame's, so a relay's where there is one. Info inside the learning period. No details.
    NewDhcpServer,
    /// A host never seen before on this segment: once per host, at its first IPv4 address at once, else when
    /// `Settings::settle` has passed since its first sighting, when the clock went back to more than one second before it,
    /// or when the input ends. `ip` is its best address then: IPv4, global IPv6, link-local. Info when it was first seen
    /// inside the learning period (`Settings::learning_until`). No details.
    NewHost,
    /// A router never seen before on this segment: a router advertisement with a lifetime that is not 0; `mac` is the
    /// frame's. Info inside the learning period. Details: `lifetime_s`, `prefixes`.
    NewRouter,
    /// An address passed back to a MAC that held it before the one before. Details: `previous_age_s`.
    ReusedMac,
    /// As `new-dhcp-server`, of a server that is not on its segment's allow list, where there is one (`Settings::allow`).
    /// Once for (segment, address, MAC) while remembered (`Limits::told_max`), in place of `new-dhcp-server`. No details.
    RogueDhcpServer,
    /// As `new-router`, of a router that is not on its segment's allow list, where there is one. Once as
    /// `rogue-dhcp-server`, in place of `new-router`. Details as of `new-router`.
    RogueRouter,
    /// A station asks for very many addresses or ports within 64 s, as `reason` says (`sensor_ebpf::scan`: distinct ones
    /// are estimated by linear counting with 64 bits). `arp-scan`: of neighbours, by ARP request (with or without a
    /// sender) or neighbour solicitation, to a group: 50 bits, about 97. `port-scan`: of ports below 32,768 of one
    /// destination, by TCP SYN: 40 bits, about 63; of stations in watched prefixes. Not of whoever asks for others: what
    /// forwards, routes or is a group's virtual station. Once for (segment, MAC, reason) until ten minutes after the
    /// last, also across restarts. `ip` is the station's best address. Details: `target` (of a port scan).
    ScanDetected,
    /// A port has heard nothing at all for longer than a minute, because it is down, gone or not attached: told once,
    /// until it hears again. Details: `port`, `cause` (`down`, `no carrier`, `removed`, `not attached: ...`), `since`,
    /// `deaf_s`.
    SensorBlind,
    /// Frames were lost.
    SensorLoss,
    /// The sensor started.
    SensorStarted,
    /// The sensor stopped.
    SensorStopped,
    /// A TCP port of a living host that was open was found closed, and two confirmations agreed. Details: `port`.
    ServiceClosed,
    /// A TCP port that was asked before and was closed is open. Details: `port`, `banner` (where it greeted).
    ServiceOpened,
}

impl Kind {
    /// Every kind, in alphabetical order.
    pub const ALL: [Self; 24] = [
        Self::Bogon,
        Self::ChangedMac,
        Self::FlipFlop,
        Self::Flood,
        Self::HostBack,
        Self::HostGone,
        Self::IpConflict,
        Self::MacMismatch,
        Self::MacRotated,
        Self::NameChanged,
        Self::NewAddress,
        Self::NewDhcpServer,
        Self::NewHost,
        Self::NewRouter,
        Self::ReusedMac,
        Self::RogueDhcpServer,
        Self::RogueRouter,
        Self::ScanDetected,
        Self::SensorBlind,
        Self::SensorLoss,
        Self::SensorStarted,
        Self::SensorStopped,
        Self::ServiceClosed,
        Self::ServiceOpened,
    ];

    /// The kind in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bogon => "bogon",
            Self::ChangedMac => "changed-mac",
            Self::FlipFlop => "flip-flop",
            Self::Flood => "flood",
            Self::HostBack => "host-back",
            Self::HostGone => "host-gone",
            Self::IpConflict => "ip-conflict",
            Self::MacMismatch => "mac-mismatch",
            Self::MacRotated => "mac-rotated",
            Self::NameChanged => "name-changed",
            Self::NewAddress => "new-address",
            Self::NewDhcpServer => "new-dhcp-server",
            Self::NewHost => "new-host",
            Self::NewRouter => "new-router",
            Self::ReusedMac => "reused-mac",
            Self::RogueDhcpServer => "rogue-dhcp-server",
            Self::RogueRouter => "rogue-router",
            Self::ScanDetected => "scan-detected",
            Self::SensorBlind => "sensor-blind",
            Self::SensorLoss => "sensor-loss",
            Self::SensorStarted => "sensor-started",
            Self::SensorStopped => "sensor-stopped",
            Self::ServiceClosed => "service-closed",
            Self::ServiceOpened => "service-opened",
        }
    }

    /// The reverse of [`Kind::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// arpwatch's name for it, where it has one (arpwatch 2.1a15, `db.c` and `arpwatch.c`).
    pub const fn arpwatch(self) -> Option<&'static str> {
        match self {
            Self::Bogon => Some("bogon"),
            Self::ChangedMac => Some("changed ethernet address"),
            Self::FlipFlop => Some("flip flop"),
            Self::MacMismatch => Some("ethernet mismatch"),
            Self::NewHost => Some("new station"),
            Self::ReusedMac => Some("reused old ethernet address"),
            _ => None,
        }
    }

    /// How much it matters outside the learning period.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Bogon
            | Self::HostBack
            | Self::MacMismatch
            | Self::MacRotated
            | Self::NameChanged
            | Self::NewAddress
            | Self::SensorStarted
            | Self::SensorStopped
            | Self::ServiceClosed => Severity::Info,
            Self::HostGone | Self::NewDhcpServer | Self::NewHost | Self::NewRouter | Self::ServiceOpened => {
                Severity::Notice
            }
            Self::ChangedMac
            | Self::FlipFlop
            | Self::Flood
            | Self::IpConflict
            | Self::ReusedMac
            | Self::ScanDetected
            | Self::SensorBlind
            | Self::SensorLoss => Severity::Warning,
            Self::RogueDhcpServer | Self::RogueRouter => Severity::Alert,
        }
    }
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For the record.
    Info,
    /// Normal but significant.
    Notice,
    /// Look at it.
    Warning,
    /// Act now.
    Alert,
}

impl Severity {
    /// The severity in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Alert => "alert",
        }
    }

    /// syslog's number (RFC 5424, section 6.2.1).
    pub const fn priority(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Notice => 5,
            Self::Warning => 4,
            Self::Alert => 1,
        }
    }
}

/// Why: what explains a move, or which of its kind's rules an event follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Very many addresses were asked for by ARP or NDP.
    ArpScan,
    /// The old and the new station both answer for it.
    Conflict,
    /// A DHCP client declined it: somebody else has it (RFC 2131, section 4.4.1).
    Declined,
    /// Whoever asked whether anybody holds it was answered (RFC 5227, section 2.1.1; RFC 4862, section 5.4.3).
    Defended,
    /// A DHCP server gave it to the new station.
    Dhcp,
    /// Addresses are asked of DHCP servers by very many clients at once.
    DhcpStarvation,
    /// It moved between virtual routers, or between a router and its virtual MAC, or between stations of one host.
    Failover,
    /// Name servers that no router announced before.
    ForeignDns,
    /// A prefix that is not the segment's.
    ForeignPrefix,
    /// A DHCP server gave it to one station while another one uses it.
    Leased,
    /// Very many ports of one address were tried.
    PortScan,
    /// The new station answers for many addresses.
    ProxyArp,
    /// Only the new station answers for it.
    Replaced,
    /// Only the old station answers for it: the new one lied.
    SpoofSuspected,
    /// A station speaks by another one's address.
    Spoofed,
    /// Not explained.
    Unknown,
    /// Not on the allow list.
    Unlisted,
    /// A router takes its service back.
    ZeroLifetime,
}

impl Reason {
    /// Every reason, in alphabetical order of its written name.
    pub const ALL: [Self; 18] = [
        Self::ArpScan,
        Self::Conflict,
        Self::Declined,
        Self::Defended,
        Self::Dhcp,
        Self::DhcpStarvation,
        Self::Failover,
        Self::ForeignDns,
        Self::ForeignPrefix,
        Self::Leased,
        Self::PortScan,
        Self::ProxyArp,
        Self::Replaced,
        Self::SpoofSuspected,
        Self::Spoofed,
        Self::Unknown,
        Self::Unlisted,
        Self::ZeroLifetime,
    ];

    /// The reason in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArpScan => "arp-scan",
            Self::Conflict => "conflict",
            Self::Declined => "declined",
            Self::Defended => "defended",
            Self::Dhcp => "dhcp",
            Self::DhcpStarvation => "dhcp-starvation",
            Self::Failover => "failover",
            Self::ForeignDns => "foreign-dns",
            Self::ForeignPrefix => "foreign-prefix",
            Self::Leased => "leased",
            Self::PortScan => "port-scan",
            Self::ProxyArp => "proxy-arp",
            Self::Replaced => "replaced",
            Self::SpoofSuspected => "spoof-suspected",
            Self::Spoofed => "spoofed",
            Self::Unknown => "unknown",
            Self::Unlisted => "unlisted",
            Self::ZeroLifetime => "zero-lifetime",
        }
    }

    /// How much a `changed-mac` with this reason matters.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Dhcp | Self::Failover => Severity::Info,
            Self::SpoofSuspected => Severity::Alert,
            _ => Severity::Warning,
        }
    }

    /// How sure the verdict is, percent: what one unanswered question, or one forged answer, could change.
    pub const fn confidence(self) -> Option<u8> {
        match self {
            Self::Dhcp | Self::Failover => Some(95),
            Self::Conflict | Self::SpoofSuspected => Some(90),
            Self::Replaced => Some(80),
            Self::ProxyArp => Some(70),
            _ => None,
        }
    }
}
