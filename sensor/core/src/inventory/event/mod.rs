//! An event: a change worth reporting. Its kinds, with one file each, their severities and reasons.
//!
//! # Rules common to all
//!
//! - Frames from or about the sensor's own stations (`Settings::own_macs`) are ignored, but for those that the sensor cannot
//!   have sent: they speak for addresses that it does not have (`correlator/own.rs`). MACs that no station can own (group
//!   addresses, zeros) make no station, and a claim by one is dropped.
//! - *Claims* move addresses from one station to another: ARP requests, replies and announcements; NDP solicitations,
//!   advertisements and router messages. *Hints* only bind addresses that are free and refresh
//!   bindings: the address of a DHCP ACK, `ciaddr` of a client's own message (not of RELEASE or DECLINE), the IP source
//!   of mDNS. *Questions* (ARP conflict check, DAD) do neither, but make the station known.
//! - A claim is checked in arpwatch's order, and the first check that makes an event is the last: `bogon`,
//!   `mac-mismatch`, then the binding.
//! - 0/8, 127/8, 224/4, 255.255.255.255, `::`, `::1` and ff00::/8 are never bound, nor is the network or broadcast address
//!   of a known IPv4 network (see `bogon`).
//! - `at` is the time of the sighting that shows the event; for a host that settled (see `new-host`), of its first
//!   sighting, and for a move that was explained (see `changed-mac`), of the claim; so there `at` goes back by up to
//!   three seconds while ids rise.
//! - What excuses an event stands on evidence that the newcomer alone cannot give: see `correlator/belief.rs`, and the manual's
//!   chapter on belief. Whoever answers the sensor's question keeps the address.
//! - A station that is new as more than 6 routers or DHCP servers makes them up: that is one `flood`.
//! - A gateway's address (on the allow list of routers, advertised by a router, told by DHCP's option 3, or a
//!   redundancy group's) with another station is an alarm: `changed-mac` (but with reasons `dhcp` and `failover`, and
//!   `proxy-arp` where the old station does not answer), `ip-conflict`, `flip-flop`, `reused-mac`, and `mac-mismatch`
//!   where neither MAC is the gateway's have severity alert and the detail `role` = `gateway`. `flip-flop` and
//!   `reused-mac` are so only when nothing was reported of these two stations for an hour. Not between stations of one
//!   host or redundancy group.
//! - What was evicted because a table was full is forgotten, and new when it comes back. With `Settings::history`, what
//!   the restored rows already say of a time makes no events.

use std::net::IpAddr;

use crate::inventory::event::sentence::Facts;
use crate::inventory::event::texts::{Catalog, Texts};
use crate::inventory::event::whole::Whole;
use crate::inventory::model::host::HostId;
use crate::types::{Mac, Segment, Timestamp};

/// The parts of the sentences in which events are told.
pub mod sentence;
/// What is said of a kind wherever kinds are explained.
pub mod texts;
/// What else an event's host has.
pub mod whole;

// One file a kind.
mod bogon;
mod changed_mac;
mod dhcp_changed;
mod flip_flop;
mod flood;
mod host_back;
mod host_gone;
mod ip_conflict;
mod mac_mismatch;
mod mac_rotated;
mod name_changed;
mod name_spoof_suspected;
mod new_address;
mod new_dhcp_server;
mod new_host;
mod new_router;
mod redirect;
mod reused_mac;
mod rogue_dhcp_server;
mod rogue_router;
mod scan_detected;
mod sensor_blind;
mod sensor_loss;
mod sensor_started;
mod sensor_stopped;
mod service_closed;
mod service_opened;

/// A change worth reporting.
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
    /// The segment on which it happened; absent for events of the sensor itself.
    pub segment: Option<Segment>,
    /// The address it is about.
    pub ip: Option<IpAddr>,
    /// The station it is about.
    pub mac: Option<Mac>,
    /// The station that had the address or the role before.
    pub old_mac: Option<Mac>,
    /// The host's best name, escaped.
    pub hostname: Option<String>,
    /// The host that it is about.
    pub host: Option<HostId>,
    /// Why, for kinds that have several rules.
    pub reason: Option<Reason>,
    /// How sure the sensor is of `reason`, or that it is the same host, percent.
    pub confidence: Option<u8>,
    /// Further facts by name, in a fixed order for each kind; see [`Kind::details`].
    pub details: Vec<(&'static str, Detail)>,
    /// What else the host has; empty where the event is about no host.
    pub whole: Whole,
}

/// The value of a further fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A number; its unit is in the name (`_s`, `_ms`).
    Number(u64),
    /// A text, escaped.
    Text(String),
    /// Several texts, each escaped.
    Texts(Vec<String>),
}

/// Makes [`Kind`] from the table of kinds.
macro_rules! kinds {
    ($($(#[$doc:meta])+ $kind:ident: $name:literal, $severity:ident, $module:ident;)+) => {
        /// What happened. In alphabetical order of the written names. The rule of each, with units and limits, is
        /// [`Kind::rule`]; which further facts it gives, [`Kind::details`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])+ $kind,)+
        }

        impl Kind {
            /// Every kind, in alphabetical order.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$kind),+];

            /// The kind in every written form.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// How much it matters, unless the rule says otherwise: in the learning period, for some reasons.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$kind => Severity::$severity,)+
                }
            }

            const fn texts(self) -> &'static Texts {
                match self {
                    $(Self::$kind => &$module::TEXTS,)+
                }
            }
        }
    };
}

// The one table of kinds: name, severity, and the file with everything else that is said of the kind. A new kind is a
// line here, its file, and the code that finds it; `SENSOR_UPDATE=1 cargo test -p sensor export` then makes the catalog
// and the manual's chapter anew.
kinds! {
    /// A sender foreign to the segment.
    Bogon: "bogon", Info, bogon;
    /// An address passed to a MAC that never held it.
    ChangedMac: "changed-mac", Warning, changed_mac;
    /// A known DHCP server hands out another router or name server.
    DhcpChanged: "dhcp-changed", Warning, dhcp_changed;
    /// An address passed back to the MAC before the present one.
    FlipFlop: "flip-flop", Warning, flip_flop;
    /// A station sends more news of one class than the kernel lets through.
    Flood: "flood", Warning, flood;
    /// A host that was gone was heard again.
    HostBack: "host-back", Info, host_back;
    /// A host is gone.
    HostGone: "host-gone", Notice, host_gone;
    /// Two stations claim one address at the same time.
    IpConflict: "ip-conflict", Warning, ip_conflict;
    /// The ARP or ND payload's MAC is not the frame's.
    MacMismatch: "mac-mismatch", Info, mac_mismatch;
    /// A known host is back with another MAC.
    MacRotated: "mac-rotated", Info, mac_rotated;
    /// The name of a host changed at its own source.
    NameChanged: "name-changed", Info, name_changed;
    /// A station answers for names that belong to others or to nobody.
    NameSpoofSuspected: "name-spoof-suspected", Warning, name_spoof_suspected;
    /// A host that was told holds an address that nobody held before.
    NewAddress: "new-address", Info, new_address;
    /// A DHCP server never seen before.
    NewDhcpServer: "new-dhcp-server", Notice, new_dhcp_server;
    /// A host never seen before.
    NewHost: "new-host", Notice, new_host;
    /// A router never seen before.
    NewRouter: "new-router", Notice, new_router;
    /// A station tells hosts of another first hop.
    Redirect: "redirect", Warning, redirect;
    /// An address passed back to a MAC that held it before the one before.
    ReusedMac: "reused-mac", Warning, reused_mac;
    /// A DHCP server that is not allowed.
    RogueDhcpServer: "rogue-dhcp-server", Alert, rogue_dhcp_server;
    /// A router that is not allowed.
    RogueRouter: "rogue-router", Alert, rogue_router;
    /// A station asks for very many addresses or ports.
    ScanDetected: "scan-detected", Warning, scan_detected;
    /// A port hears nothing, or too much is lost to judge who is gone.
    SensorBlind: "sensor-blind", Warning, sensor_blind;
    /// Frames were lost.
    SensorLoss: "sensor-loss", Warning, sensor_loss;
    /// The sensor started.
    SensorStarted: "sensor-started", Info, sensor_started;
    /// The sensor stopped.
    SensorStopped: "sensor-stopped", Info, sensor_stopped;
    /// A TCP port that was open is closed.
    ServiceClosed: "service-closed", Info, service_closed;
    /// A TCP port that was closed is open.
    ServiceOpened: "service-opened", Notice, service_opened;
}

impl Kind {
    /// The reverse of [`Kind::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// arpwatch's name for it, where it has one.
    pub const fn arpwatch(self) -> Option<&'static str> {
        self.texts().arpwatch
    }

    /// The journal's `MESSAGE_ID` for it, under which the catalog explains it: 32 hexadecimal digits, fixed for ever.
    pub const fn message_id(self) -> &'static str {
        self.texts().message_id
    }

    /// When it is reported and when not, with units, windows and limits, in prose for the operator.
    pub const fn rule(self) -> &'static str {
        self.texts().rule
    }

    /// What its record may have besides `id`, `at`, `kind`, `severity`, `segment`, `iface`, `vlan`, `vendor`,
    /// `old_vendor`, `hostname`, `host`, `details`, `message`, `arpwatch` and `sensor`, which every kind has where they
    /// are known.
    pub const fn fields(self) -> &'static [&'static str] {
        self.texts().fields
    }

    /// The names of its details, sorted; `*` stands for the class of a frame.
    pub const fn details(self) -> &'static [&'static str] {
        self.texts().details
    }

    /// Whether its record may have a detail of this name.
    pub fn has_detail(self, name: &str) -> bool {
        self.details().iter().any(|known| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => *known == name,
        })
    }

    /// Whether it tells of nothing but the host's own life, and accuses nobody.
    pub const fn is_of_life(self) -> bool {
        matches!(
            self,
            Self::HostBack
                | Self::HostGone
                | Self::MacRotated
                | Self::NameChanged
                | Self::NewAddress
                | Self::NewHost
                | Self::ServiceClosed
                | Self::ServiceOpened
        )
    }

    /// Whether it tells what is done with the address that it names, by whomever.
    pub const fn is_of_address(self) -> bool {
        matches!(
            self,
            Self::Bogon | Self::ChangedMac | Self::FlipFlop | Self::IpConflict | Self::MacMismatch | Self::ReusedMac
        )
    }

    /// Its entry in the journal's catalog.
    pub const fn catalog(self) -> Catalog {
        self.texts().catalog
    }

    /// An event of this kind as one sentence for a person, without a full stop.
    pub fn sentence(self, facts: &Facts<'_>) -> String {
        (self.texts().sentence)(facts)
    }
}

/// How much an event matters, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For the record only.
    Info,
    /// Normal, but worth knowing.
    Notice,
    /// Look at it.
    Warning,
    /// Act now.
    Alert,
}

impl Severity {
    /// Every severity, least first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Notice, Self::Warning, Self::Alert];

    /// The severity in every written form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Alert => "alert",
        }
    }

    /// The reverse of [`Severity::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.name() == name)
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
    /// Two stations that are there at the same time tell DHCP servers one client id.
    Cloned,
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
    /// Very many stations come at once of which nothing is heard but one frame.
    NewHosts,
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
    pub const ALL: [Self; 20] = [
        Self::ArpScan,
        Self::Cloned,
        Self::Conflict,
        Self::Declined,
        Self::Defended,
        Self::Dhcp,
        Self::DhcpStarvation,
        Self::Failover,
        Self::ForeignDns,
        Self::ForeignPrefix,
        Self::Leased,
        Self::NewHosts,
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
            Self::Cloned => "cloned",
            Self::Conflict => "conflict",
            Self::Declined => "declined",
            Self::Defended => "defended",
            Self::Dhcp => "dhcp",
            Self::DhcpStarvation => "dhcp-starvation",
            Self::Failover => "failover",
            Self::ForeignDns => "foreign-dns",
            Self::ForeignPrefix => "foreign-prefix",
            Self::Leased => "leased",
            Self::NewHosts => "new-hosts",
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
