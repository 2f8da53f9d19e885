//! A probe: an active question of the sensor. What is asked, of whom, and by which technique; nothing of how it is
//! sent. The table of techniques is here: a new one is a line of it and its question in this file, and its sender in
//! the sensor's `probe` room.

use std::net::IpAddr;
use std::sync::Arc;

use crate::inventory::planner::cost::{CONNECT, Cost};
use crate::types::{Mac, Segment};

/// One question to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The segment on which the host lives, and to which the answer belongs.
    pub segment: Segment,
    /// The address that is asked about.
    pub ip: IpAddr,
    /// What is asked.
    pub question: Question,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// ICMPv6 echo to all nodes of the segment (RFC 4443, section 4.1); `Probe::ip` is `ff02::1`.
    AllNodes,
    /// "Who has it?" (RFC 826), to everybody or to one station.
    Arp {
        /// The frame's destination.
        to: Mac,
    },
    /// RFC 5227's ARP Probe, to one station: sender address zero, so that nobody's cache changes.
    ConflictCheck {
        /// The frame's destination.
        to: Mac,
    },
    /// TCP connections, one after the other, each closed cleanly after a short wait for the service's greeting.
    Connect {
        /// The ports, in this order.
        ports: Arc<[u16]>,
    },
    /// Which DHCP servers are there? A DISCOVER (RFC 2131, section 4.4.1) to everybody, whose offers are never requested;
    /// `Probe::ip` is 255.255.255.255.
    Discover,
    /// ICMP or ICMPv6 echo.
    Echo,
    /// TCP connections, each closed as soon as it is established: whether the ports are open, and nothing more.
    Knock {
        /// The ports, in this order.
        ports: Arc<[u16]>,
    },
    /// mDNS: which name has this address, asked of the host itself (RFC 6762, section 5.5).
    Mdns,
    /// NetBIOS node status (RFC 1002, section 4.2.17).
    Nbns,
    /// Neighbour solicitation (RFC 4861, section 4.3), to the solicited-node group or to one station.
    Ndp {
        /// The frame's destination, where it is one station.
        to: Option<Mac>,
    },
    /// Reverse DNS, and whether the name leads back to the address.
    Ptr,
    /// SNMP: `sysName`, `sysDescr`, `sysObjectID` (RFC 3418).
    Snmp,
}

/// What the planner has to know of a technique.
#[derive(Clone, Copy, Debug)]
pub struct TechniqueInfo {
    /// The technique in configurations and event details.
    pub name: &'static str,
    /// What one question costs; of TCP, what each port costs.
    pub cost: Cost,
    /// How its answers arrive.
    pub answers_by: AnswerPath,
    /// Of which addresses it can ask.
    pub family: Family,
    /// It reaches only hosts of networks that the sensor is attached to.
    pub link_only: bool,
    /// Its rank among the techniques that show whether an address is in use, where it is one.
    pub presence: Option<usize>,
    /// Its rank in a description of a host, where it is part of one: names before ports, which take longest.
    pub describe: Option<usize>,
}

/// How an answer arrives, which is how answers are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerPath {
    /// As a frame that the capture hears: ARP, DHCP and NDP.
    Wire,
    /// As an echo reply: ICMP and ICMPv6.
    Echo,
    /// Through a socket, by connection or datagram. Several answers to one question are normal.
    Socket,
}

/// Of which addresses a technique can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4 and IPv6.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Whether the address belongs to it.
    pub fn has(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

/// Makes [`Technique`] from the table of techniques.
macro_rules! techniques {
    ($($(#[$doc:meta])+ $technique:ident: $info:expr;)+) => {
        /// A way of asking. In alphabetical order of the names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Technique {
            $($(#[$doc])+ $technique,)+
        }

        impl Technique {
            /// Every technique, in alphabetical order.
            pub const ALL: [Self; [$(Self::$technique),+].len()] = [$(Self::$technique),+];

            /// What the planner has to know of it.
            pub const fn info(self) -> TechniqueInfo {
                match self {
                    $(Self::$technique => $info,)+
                }
            }
        }
    };
}

/// A technique that takes no part in presence or description, with what most have in common.
const PLAIN: TechniqueInfo = TechniqueInfo {
    name: "",
    cost: Cost::both(1),
    answers_by: AnswerPath::Socket,
    family: Family::Any,
    link_only: false,
    presence: None,
    describe: None,
};
/// A technique that asks by frames of the sensor's own making.
const LINK: TechniqueInfo = TechniqueInfo { answers_by: AnswerPath::Wire, link_only: true, ..PLAIN };
/// A question that is asked twice when nothing comes back at first.
const TWICE: TechniqueInfo = TechniqueInfo { cost: Cost::both(2), ..PLAIN };

// The one table of techniques.
techniques! {
    /// ARP.
    Arp: TechniqueInfo { name: "arp", family: Family::V4, presence: Some(0), ..LINK };
    /// DHCP: which servers offer an address.
    Dhcp: TechniqueInfo { name: "dhcp", family: Family::V4, ..LINK };
    /// ICMP and ICMPv6 echo.
    Icmp: TechniqueInfo {
        name: "icmp",
        answers_by: AnswerPath::Echo,
        presence: Some(2),
        describe: Some(0),
        ..PLAIN
    };
    /// mDNS.
    Mdns: TechniqueInfo { name: "mdns", describe: Some(2), ..TWICE };
    /// NetBIOS name service.
    Nbns: TechniqueInfo { name: "nbns", family: Family::V4, describe: Some(3), ..TWICE };
    /// NDP.
    Ndp: TechniqueInfo { name: "ndp", family: Family::V6, presence: Some(1), ..LINK };
    /// Reverse DNS. The name server is asked, not the host: for the name and for the name's address; one that is silent
    /// is asked for the first three times.
    Ptr: TechniqueInfo { name: "ptr", cost: Cost { host: 0, sensor: 3 }, describe: Some(1), ..PLAIN };
    /// SNMP. Version 3 asks for the engine first.
    Snmp: TechniqueInfo { name: "snmp", describe: Some(4), ..TWICE };
    /// TCP connect.
    Tcp: TechniqueInfo {
        name: "tcp",
        cost: Cost::both(CONNECT),
        presence: Some(3),
        describe: Some(5),
        ..PLAIN
    };
}

/// What a description of a host asks, in order.
pub const DESCRIPTION: [Technique; count(&DESCRIBE_RANKS)] = ordered(&DESCRIBE_RANKS);
/// What shows whether an address is in use, in the order of trying.
pub(super) const PRESENCE: [Technique; count(&PRESENCE_RANKS)] = ordered(&PRESENCE_RANKS);

const DESCRIBE_RANKS: [Option<usize>; Technique::ALL.len()] = {
    let mut ranks = [None; Technique::ALL.len()];
    let mut at = 0;
    while at < ranks.len() {
        ranks[at] = Technique::ALL[at].info().describe;
        at += 1;
    }
    ranks
};
const PRESENCE_RANKS: [Option<usize>; Technique::ALL.len()] = {
    let mut ranks = [None; Technique::ALL.len()];
    let mut at = 0;
    while at < ranks.len() {
        ranks[at] = Technique::ALL[at].info().presence;
        at += 1;
    }
    ranks
};

const fn count(ranks: &[Option<usize>]) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < ranks.len() {
        count += ranks[at].is_some() as usize;
        at += 1;
    }
    count
}

/// The techniques by rank. Ranks that are not 0, 1, 2, ... do not compile.
const fn ordered<const N: usize>(ranks: &[Option<usize>; Technique::ALL.len()]) -> [Technique; N] {
    let mut ordered = [None; N];
    let mut at = 0;
    while at < ranks.len() {
        if let Some(rank) = ranks[at] {
            assert!(ordered[rank].is_none(), "two techniques have one rank");
            ordered[rank] = Some(Technique::ALL[at]);
        }
        at += 1;
    }
    let mut all = [Technique::ALL[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = ordered[at].expect("every rank is given once");
        at += 1;
    }
    all
}

impl Technique {
    /// The technique in configurations and event details.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// The reverse of [`Technique::name`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|technique| technique.name() == name)
    }

    /// Its question to one host, by a frame to this station alone where one is given; `None` for TCP, which asks ports, and
    /// for DHCP, which asks everybody.
    pub fn question(self, to: Option<Mac>) -> Option<Question> {
        match self {
            Self::Arp => Some(Question::Arp { to: to.unwrap_or(Mac::BROADCAST) }),
            Self::Icmp => Some(Question::Echo),
            Self::Mdns => Some(Question::Mdns),
            Self::Nbns => Some(Question::Nbns),
            Self::Ndp => Some(Question::Ndp { to }),
            Self::Ptr => Some(Question::Ptr),
            Self::Snmp => Some(Question::Snmp),
            Self::Dhcp | Self::Tcp => None,
        }
    }
}

impl Question {
    /// By which technique it is asked.
    pub const fn technique(&self) -> Technique {
        match self {
            Self::AllNodes | Self::Echo => Technique::Icmp,
            Self::Arp { .. } | Self::ConflictCheck { .. } => Technique::Arp,
            Self::Connect { .. } | Self::Knock { .. } => Technique::Tcp,
            Self::Discover => Technique::Dhcp,
            Self::Mdns => Technique::Mdns,
            Self::Nbns => Technique::Nbns,
            Self::Ndp { .. } => Technique::Ndp,
            Self::Ptr => Technique::Ptr,
            Self::Snmp => Technique::Snmp,
        }
    }

    /// What it costs, in packets that the sensor sends.
    pub fn cost(&self) -> Cost {
        let cost = self.technique().info().cost;
        match self {
            Self::Connect { ports } | Self::Knock { ports } => cost.times(ports.len()),
            _ => cost,
        }
    }

    /// Whether it is a frame of the sensor's own making, answered by another one on the wire, and goes through no
    /// socket.
    pub const fn is_frame(&self) -> bool {
        matches!(self.technique().info().answers_by, AnswerPath::Wire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_read_back() {
        assert!(Technique::ALL.map(Technique::name).is_sorted());
        for technique in Technique::ALL {
            assert_eq!(Technique::parse(technique.name()), Some(technique));
        }
    }

    #[test]
    fn the_orders_of_asking() {
        assert_eq!(DESCRIPTION.map(Technique::name), ["icmp", "ptr", "mdns", "nbns", "snmp", "tcp"]);
        assert_eq!(PRESENCE.map(Technique::name), ["arp", "ndp", "icmp", "tcp"]);
    }

    #[test]
    fn a_technique_asks_by_its_own_question() {
        for technique in Technique::ALL {
            let question = technique.question(None);
            assert!(question.is_none_or(|question| question.technique() == technique), "{technique:?}");
        }
    }

    #[test]
    fn what_questions_cost() {
        let both = |packets| Cost { host: packets, sensor: packets };
        for (question, cost) in [
            (Question::AllNodes, both(1)),
            (Question::Arp { to: Mac::BROADCAST }, both(1)),
            (Question::Connect { ports: [1, 2].into() }, both(8)),
            (Question::Discover, both(1)),
            (Question::Echo, both(1)),
            (Question::Knock { ports: [1].into() }, both(4)),
            (Question::Mdns, both(2)),
            (Question::Nbns, both(2)),
            (Question::Ndp { to: None }, both(1)),
            (Question::Ptr, Cost { host: 0, sensor: 3 }),
            (Question::Snmp, both(2)),
        ] {
            assert_eq!(question.cost(), cost, "{question:?}");
        }
    }
}
