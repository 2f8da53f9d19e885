//! What the XDP program and user space agree on: classes, ring records, counters. Nothing here decides anything.
//!
//! **The object.** Programs:
//! - `sensor_host` passes every frame, `sensor_mirror` drops every frame; both are `xdp.frags` programs.
//! - `bare_pass` and `bare_drop` do nothing else; the bench compares with them.
//!
//! Maps that user space reads or writes:
//! - `RING`: the ring buffer with the records, each a [`Header`] and its body.
//! - `COUNTERS` (per CPU, one value): the words of [`Counters`].
//! - `CLOCK` (per CPU, one value): the jiffy in which the boot-time clock was read last, and what it showed,
//!   nanoseconds.
//! - `GATE` ([`crate::gate`]), `PRESENCE` (per CPU, [`crate::presence`]).
//! - `WATCH` (one value): [`crate::watched::Table`].
//!
//! Maps of the program alone: `POLICE` ([`crate::police`]), `SCAN` ([`crate::scan`]), `FOUND` and `SCRATCH` (per CPU).
//!
//! Globals that are set at load:
//! - `SEED` (`u64`): random and secret.
//! - `KEYS` ([`crate::presence::Keys`]): [`crate::presence::keys`] of the seed.
//! - `REFRESH` (`u64`): the gate's refresh interval, [`crate::gate::ticks`]; 0 switches the gate off.
//! - `INTERVAL` (`u32`): the refresh interval of [`crate::presence`], in its ticks.
//! - `POLICING` (`u32`): 0 switches policing off.
//!
//! **Counting.** A frame counts as its class, with one exception: a frame of a watched class ([`Class::is_watched`])
//! whose source is in no watched prefix counts as `Other`. A frame of a known sender that says nothing new counts as
//! `gated`.
//!
//! **Waking the reader.** A wake-up for each record would cost more than all other work together. So the program wakes
//! the reader at most once in [`WAKE_INTERVAL_NS`], or once in [`WEIGH_INTERVAL_NS`] while the ring is at least half
//! full. The first record after a quiet period therefore wakes the reader at once; records that follow within the
//! interval do not. The reader drains the ring until it is empty when it is woken, again 20 ms after each drain that
//! found something, and once a second in any case. No record then waits longer than 20 ms.

/// What the classifier makes of a frame. The numbers are in ring records and counter tables: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Nothing that is harvested (sent to user space).
    Other = 0,
    /// Looks like a harvested protocol but breaks its header's rules.
    Malformed = 1,
    /// An IP fragment of a protocol that is harvested. Honest senders never fragment the messages harvested here.
    Fragment = 2,
    /// More VLAN tags or IPv6 extension headers than the kernel reads, or IP in 802.2 frames. It is harvested whole, and
    /// user space reads on ([`crate::classify::read_on`]).
    Deep = 3,
    /// ARP over Ethernet for IPv4, request or reply (RFC 826).
    Arp = 4,
    /// NDP: RS, RA, NS, NA, redirect (RFC 4861).
    Ndp = 5,
    /// DHCPv4 between ports 67 and 68 (RFC 2131).
    Dhcp = 6,
    /// mDNS to port 5353: questions, and responses from that port (RFC 6762).
    Mdns = 7,
    /// DHCPv6 between ports 546 and 547 (RFC 8415).
    Dhcpv6 = 8,
    /// LLMNR from or to port 5355 (RFC 4795).
    Llmnr = 9,
    /// NetBIOS name service from or to port 137 (RFC 1002).
    Nbns = 10,
    /// SSDP from or to port 1900 (UPnP Device Architecture, section 1).
    Ssdp = 11,
    /// WS-Discovery from or to port 3702 (OASIS WS-Discovery 1.1).
    Wsd = 12,
    /// LLDP (IEEE 802.1AB).
    Lldp = 13,
    /// Cisco Discovery Protocol.
    Cdp = 14,
    /// Spanning tree: STP, RSTP, MSTP (IEEE 802.1Q, clause 14), PVST+.
    Stp = 15,
    /// Group membership: IGMP (RFC 3376) and MLD (RFC 3810) of any version.
    Membership = 16,
    /// First-hop redundancy: VRRP (RFC 9568), CARP, HSRP (RFC 2281), GLBP.
    Redundancy = 17,
    /// A TCP SYN: its headers with options.
    Syn = 18,
    /// A TCP SYN-ACK: its headers with options.
    SynAck = 19,
    /// A datagram from a well-known service's port that may be an answer: DNS (53), NTP (123), SNMP (161).
    Served = 20,
    /// Any other IP packet: only its sender is of interest.
    Traffic = 21,
    /// An ICMP redirect (RFC 792): its head, and that of the packet that it is about.
    Redirect = 22,
}

impl Class {
    /// How many classes there are: the length of counter tables.
    pub const COUNT: usize = 23;
    /// Every class, in the order of its number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Other,
        Self::Malformed,
        Self::Fragment,
        Self::Deep,
        Self::Arp,
        Self::Ndp,
        Self::Dhcp,
        Self::Mdns,
        Self::Dhcpv6,
        Self::Llmnr,
        Self::Nbns,
        Self::Ssdp,
        Self::Wsd,
        Self::Lldp,
        Self::Cdp,
        Self::Stp,
        Self::Membership,
        Self::Redundancy,
        Self::Syn,
        Self::SynAck,
        Self::Served,
        Self::Traffic,
        Self::Redirect,
    ];

    /// The class with this number, as in ring records; `None` for a number that is not in use.
    pub const fn from_number(number: u8) -> Option<Self> {
        if (number as usize) < Self::COUNT { Some(Self::ALL[number as usize]) } else { None }
    }

    /// Whether frames of this class are sent to user space.
    pub const fn is_harvested(self) -> bool {
        self as u8 >= Self::Deep as u8
    }

    /// Whether frames of this class are sent to user space only when their source is in a watched prefix.
    pub const fn is_watched(self) -> bool {
        matches!(self, Self::Syn | Self::SynAck | Self::Served | Self::Traffic)
    }

    /// The name of the class in counters and status lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Malformed => "malformed",
            Self::Fragment => "fragment",
            Self::Deep => "deep",
            Self::Arp => "arp",
            Self::Ndp => "ndp",
            Self::Dhcp => "dhcp",
            Self::Mdns => "mdns",
            Self::Dhcpv6 => "dhcpv6",
            Self::Llmnr => "llmnr",
            Self::Nbns => "nbns",
            Self::Ssdp => "ssdp",
            Self::Wsd => "wsd",
            Self::Lldp => "lldp",
            Self::Cdp => "cdp",
            Self::Stp => "stp",
            Self::Membership => "membership",
            Self::Redundancy => "redundancy",
            Self::Syn => "syn",
            Self::SynAck => "syn-ack",
            Self::Served => "served",
            Self::Traffic => "traffic",
            Self::Redirect => "redirect",
        }
    }
}

/// The shortest time between two wake-ups of the reader while the ring is less than half full, nanoseconds.
pub const WAKE_INTERVAL_NS: u64 = 8_000_000;
/// The shortest time between two checks whether the ring is half full, nanoseconds.
pub const WEIGH_INTERVAL_NS: u64 = 1_000_000;
/// Length of the body of an ARP record, bytes (RFC 826, Ethernet and IPv4).
pub const ARP_BODY: usize = 28;
/// Bytes of a frame that are harvested at most, counted from its Ethernet header.
pub const FRAME_MAX: usize = 1500;
/// Length of the body of a small record (ARP, NDP without RA, ICMP redirects), bytes: a neighbour message and four 8-byte
/// options.
pub const SMALL_BODY: usize = 56;
/// Bytes of a datagram from a service's port that are harvested: enough to tell an answer from a question.
pub const SERVED_BODY: usize = SMALL_BODY;
/// `Header::flags`: the end of the body is missing.
pub const FLAG_CUT: u8 = 1;
/// `Header::flags`: `source` and `destination` hold IPv4 addresses in their first four bytes.
pub const FLAG_IPV4: u8 = 2;
/// `Header::flags`: `source` and `destination` hold IPv6 addresses.
pub const FLAG_IPV6: u8 = 4;
/// `Header::flags`: the sender exceeds its share ([`crate::police`]). Set on one record a minute.
pub const FLAG_FLOOD: u8 = 8;
/// `Header::flags`: the sender is scanning ([`crate::scan`]). Set on about one record a minute.
pub const FLAG_SCAN: u8 = 16;

/// The encapsulation in which a frame reached the sensor. The numbers are in ring records: append only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TunnelKind {
    /// No encapsulation.
    #[default]
    None = 0,
    /// A PPPoE session (RFC 2516); its id has 16 bits.
    Pppoe = 1,
    /// Ethernet in GRE (RFC 2784, RFC 2890); its id is the key, 32 bits, or 0.
    Gre = 2,
    /// ERSPAN, type II or III (draft-foschiano-erspan-03); its id is the session, 10 bits. Type I has none: 0.
    Erspan = 3,
    /// VXLAN (RFC 7348); its id has 24 bits.
    Vxlan = 4,
    /// Geneve (RFC 8926); its id has 24 bits.
    Geneve = 5,
}

impl TunnelKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 6] = [Self::None, Self::Pppoe, Self::Gre, Self::Erspan, Self::Vxlan, Self::Geneve];

    /// The name of the kind, as part of a segment's name; empty for `None`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Pppoe => "pppoe",
            Self::Gre => "gre",
            Self::Erspan => "erspan",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
        }
    }

    /// The kind with this number, as in ring records; `None` for a number that is not in use.
    pub const fn from_number(number: u8) -> Option<Self> {
        if (number as usize) < Self::ALL.len() { Some(Self::ALL[number as usize]) } else { None }
    }
}

/// The fixed header of a ring record; `body_len` bytes of body follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Header {
    /// `CLOCK_BOOTTIME`, nanoseconds (`bpf_ktime_get_boot_ns`, Linux 5.8).
    pub at_ns: u64,
    /// The number of the interface at the time of capture.
    pub ifindex: u32,
    /// The number of a [`Class`].
    pub class: u8,
    /// The `FLAG_*` bits.
    pub flags: u8,
    /// IPv6 hop limit or IPv4 time to live; 0 without an IP header.
    pub hop_limit: u8,
    /// Number of VLAN ids in `vlans`. Priority tags (id 0) are not counted.
    pub vlan_count: u8,
    /// VLAN ids (1 to 4095), outer first; unused elements are 0.
    pub vlans: [u16; 2],
    /// Ethernet source address.
    pub source_mac: [u8; 6],
    /// Ethernet destination address.
    pub destination_mac: [u8; 6],
    /// Bytes of body that follow this header.
    pub body_len: u16,
    /// Transport ports, source and destination; zeros where there are none.
    pub ports: [u16; 2],
    /// IP protocol or IPv6 next header of the transport; 0 without an IP header.
    pub protocol: u8,
    /// The number of a [`TunnelKind`].
    pub tunnel_kind: u8,
    /// IP source address; zeros without an IP header.
    pub source: [u8; 16],
    /// IP destination address; zeros without an IP header.
    pub destination: [u8; 16],
    /// VNI, key or session of the tunnel in which the frame was carried; 0 without a tunnel.
    pub tunnel_id: u32,
    /// Always zero.
    pub reserved: [u8; 4],
}

/// `size_of::<Header>()`, bytes: a multiple of 8, so that bodies start aligned.
pub const HEADER_LEN: usize = 80;
const _: () = assert!(core::mem::size_of::<Header>() == HEADER_LEN);

impl Header {
    /// Splits a ring record into header and body. Numbers are in native byte order: kernel and user space are one
    /// machine. `None` when `record` is shorter than a header, or than the header and its `body_len`.
    pub fn split(record: &[u8]) -> Option<(Self, &[u8])> {
        let (head, body) = record.split_first_chunk::<HEADER_LEN>()?;
        let header = Self::from_bytes(head);
        Some((header, body.get(..header.body_len as usize)?))
    }

    /// The bytes of the header in its memory layout.
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut b = [0; HEADER_LEN];
        b[0..8].copy_from_slice(&self.at_ns.to_ne_bytes());
        b[8..12].copy_from_slice(&self.ifindex.to_ne_bytes());
        b[12..16].copy_from_slice(&[self.class, self.flags, self.hop_limit, self.vlan_count]);
        b[16..18].copy_from_slice(&self.vlans[0].to_ne_bytes());
        b[18..20].copy_from_slice(&self.vlans[1].to_ne_bytes());
        b[20..26].copy_from_slice(&self.source_mac);
        b[26..32].copy_from_slice(&self.destination_mac);
        b[32..34].copy_from_slice(&self.body_len.to_ne_bytes());
        b[34..36].copy_from_slice(&self.ports[0].to_ne_bytes());
        b[36..38].copy_from_slice(&self.ports[1].to_ne_bytes());
        b[38..40].copy_from_slice(&[self.protocol, self.tunnel_kind]);
        b[40..56].copy_from_slice(&self.source);
        b[56..72].copy_from_slice(&self.destination);
        b[72..76].copy_from_slice(&self.tunnel_id.to_ne_bytes());
        b[76..80].copy_from_slice(&self.reserved);
        b
    }

    /// The inverse of [`Header::to_bytes`].
    pub fn from_bytes(b: &[u8; HEADER_LEN]) -> Self {
        Self {
            at_ns: u64::from_ne_bytes(take(b, 0)),
            ifindex: u32::from_ne_bytes(take(b, 8)),
            class: b[12],
            flags: b[13],
            hop_limit: b[14],
            vlan_count: b[15],
            vlans: [u16::from_ne_bytes(take(b, 16)), u16::from_ne_bytes(take(b, 18))],
            source_mac: take(b, 20),
            destination_mac: take(b, 26),
            body_len: u16::from_ne_bytes(take(b, 32)),
            ports: [u16::from_ne_bytes(take(b, 34)), u16::from_ne_bytes(take(b, 36))],
            protocol: b[38],
            tunnel_kind: b[39],
            source: take(b, 40),
            destination: take(b, 56),
            tunnel_id: u32::from_ne_bytes(take(b, 72)),
            reserved: take(b, 76),
        }
    }
}

fn take<const N: usize>(bytes: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// The counters of one CPU since the program was loaded. For each harvested class,
/// `seen = passed + gated + policed + lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counters {
    /// Frames seen, by class.
    pub seen: [u64; Class::COUNT],
    /// Frames written to the ring, by class.
    pub passed: [u64; Class::COUNT],
    /// Frames that were not written because they say nothing new, by class.
    pub gated: [u64; Class::COUNT],
    /// Frames that were not written because the ring was full, by class.
    pub lost: [u64; Class::COUNT],
    /// Frames written without the end of their body, by class. They are counted in `passed` too.
    pub cut: [u64; Class::COUNT],
    /// Frames that were not written because their sender exceeds its share, by class.
    pub policed: [u64; Class::COUNT],
    /// Slots of the gate that were given to another address while still in use.
    pub gate_evictions: u64,
    /// Slots of the presence table that were given to another station while still in use.
    pub presence_evictions: u64,
}

/// The number of 8-byte words in [`Counters`]; user space reads the map's value as an array of them.
pub const COUNTER_WORDS: usize = Class::COUNT * 6 + 2;
const _: () = assert!(core::mem::size_of::<Counters>() == COUNTER_WORDS * 8);

impl Counters {
    /// The counters in a value of the map.
    pub fn from_words(words: &[u64; COUNTER_WORDS]) -> Self {
        let (tables, rest) = words.as_chunks::<{ Class::COUNT }>();
        Self {
            seen: tables[0],
            passed: tables[1],
            gated: tables[2],
            lost: tables[3],
            cut: tables[4],
            policed: tables[5],
            gate_evictions: rest[0],
            presence_evictions: rest[1],
        }
    }

    /// Adds the counters of another CPU.
    pub fn add(&mut self, other: &Self) {
        for class in 0..Class::COUNT {
            self.seen[class] += other.seen[class];
            self.passed[class] += other.passed[class];
            self.gated[class] += other.gated[class];
            self.lost[class] += other.lost[class];
            self.cut[class] += other.cut[class];
            self.policed[class] += other.policed[class];
        }
        self.gate_evictions += other.gate_evictions;
        self.presence_evictions += other.presence_evictions;
    }
}
