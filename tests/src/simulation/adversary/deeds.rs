//! What a move is: frames that are sent, and what changes with the attacker's stations.

use std::net::IpAddr;

use sensor_core::inventory::event::Reason;
use sensor_core::inventory::sighting::Sighting;
use sensor_core::types::{Class, Mac};

/// One thing that the attacker does.
#[derive(Clone, Debug)]
pub enum Deed {
    /// From now on its station with this MAC answers questions for the address, or does not any more.
    Answer(Mac, IpAddr, bool),
    /// The kernel says that the station sends more than its share.
    Flood(Mac, Class),
    /// The kernel says that the station scans.
    Scan(Mac, Reason),
    /// It sends a frame.
    Send(Box<Sighting>),
    /// From now on its station with this MAC answers nothing, or does again.
    Silence(Mac, bool),
}

/// What sort of move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// ARP of one address.
    Arp,
    /// ARP of several addresses.
    ManyArp,
    /// NDP that is no router's.
    Ndp,
    /// Of a DHCP client.
    DhcpClient,
    /// Of a DHCP server.
    DhcpServer,
    /// The real DHCP server is asked, and gives an address.
    Leased,
    /// A router advertisement.
    Advert,
    /// A hello of a group of routers.
    Hello,
    /// LLDP or spanning tree.
    Switch,
    /// Names, services and copied identifiers.
    Names,
    /// Frames of any kind.
    Traffic,
    /// Whether it answers.
    Answering,
    /// Very many frames.
    Crowd,
    /// Nothing for a while.
    Wait,
    /// What the incident is made of.
    Incident,
}

/// A move.
#[derive(Clone, Debug)]
pub struct Move {
    /// What sort it is.
    pub sort: Sort,
    /// What it is, in words.
    pub words: String,
    /// What is done, and how many milliseconds after the move's begin.
    pub deeds: Vec<(u64, Deed)>,
    /// How long it lasts, in milliseconds.
    pub lasts_ms: u64,
}

impl Move {
    /// A move of these frames, ten milliseconds apart.
    pub fn of(sort: Sort, words: String, frames: Vec<Sighting>) -> Self {
        let deeds: Vec<_> =
            frames.into_iter().zip(0..).map(|(frame, number)| (number * 10, Deed::Send(Box::new(frame)))).collect();
        let lasts_ms = 10 * deeds.len() as u64 + 10;
        Self { sort, words, deeds, lasts_ms }
    }

    /// The frames that are sent, and how many milliseconds after the move's begin.
    pub fn sent(&self) -> impl Iterator<Item = (u64, &Sighting)> {
        self.deeds.iter().filter_map(|(ms, deed)| match deed {
            Deed::Send(sighting) => Some((*ms, &**sighting)),
            _ => None,
        })
    }

    /// The frames that are sent.
    pub fn frames(&self) -> impl Iterator<Item = &Sighting> {
        self.sent().map(|(_, frame)| frame)
    }
}
