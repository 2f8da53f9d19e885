//! The incident of a game: what the attacker is after, whatever else it does, and which of its frames are that.

use std::fmt;
use std::net::Ipv4Addr;

use sensor_core::inventory::event::Reason;
use sensor_core::inventory::sighting::Sighting;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::DhcpMessage;
use sensor_core::inventory::sighting::ndp::NdpClaim;
use sensor_core::types::Mac;

use super::cast::{Cast, DESKTOP, DUID, GATEWAY, RESIDENTS, Resident, SERVER, named, whose};
use super::deeds::{Deed, Move, Sort};
use super::frames;
use super::moves;
use crate::simulation::rng::Rng;
use crate::simulation::week::words;

/// What the attacker is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Incident {
    /// It claims the gateway's address.
    GatewayTaken,
    /// It claims another host's address.
    HostTaken,
    /// A station that was never heard comes.
    NewHost,
    /// It answers DHCP clients.
    RogueDhcp,
    /// It advertises itself as a router.
    RogueAdvert,
    /// It looks for hosts or ports.
    Scan,
    /// A station that was never heard comes with the desktop's identifiers, while the desktop is there.
    Clone,
}

/// Every incident.
pub const ALL: [Incident; 7] = [
    Incident::GatewayTaken,
    Incident::HostTaken,
    Incident::NewHost,
    Incident::RogueDhcp,
    Incident::RogueAdvert,
    Incident::Scan,
    Incident::Clone,
];

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GatewayTaken => "gateway taken",
            Self::HostTaken => "host taken",
            Self::NewHost => "new host",
            Self::RogueDhcp => "rogue DHCP server",
            Self::RogueAdvert => "rogue router advertisement",
            Self::Scan => "scan",
            Self::Clone => "clone",
        })
    }
}

/// An incident, and what must be told of it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which.
    pub incident: Incident,
    /// The attacker's MACs of which one must be told.
    pub culprits: Vec<Mac>,
    /// Whose address is taken, where one is.
    pub victim: Option<Resident>,
    /// Whether the victim is off from the begin of the game.
    pub is_off: bool,
    /// Its moves, in order.
    pub moves: Vec<Move>,
}

/// An incident of this sort.
pub fn plan(incident: Incident, cast: &Cast, rng: &mut Rng) -> Plan {
    let actor = cast.stations[0];
    let mut plan = Plan { incident, culprits: vec![actor.mac], victim: None, is_off: false, moves: Vec::new() };
    let repeats = 1 + rng.below(3);
    match incident {
        Incident::GatewayTaken => take(&mut plan, RESIDENTS[GATEWAY], cast, rng),
        Incident::HostTaken => take(&mut plan, RESIDENTS[*rng.pick(&[DESKTOP, SERVER])], cast, rng),
        Incident::NewHost => come(&mut plan, cast, rng),
        Incident::RogueDhcp => {
            let mut said = moves::any_offer(cast, rng);
            (said.frame_mac, said.relay) = (actor.mac, None);
            // Who answers itself serves nobody.
            if said.client == actor.mac {
                said.client = RESIDENTS[DESKTOP].mac;
            }
            plan.moves = vec![one(moves::offer_words(&said), frames::offer(&said))];
        }
        Incident::RogueAdvert => {
            let six = if rng.one_in(3) { RESIDENTS[GATEWAY].six } else { actor.six };
            let lifetime_s = *rng.pick(&[1, 1800, u16::MAX]);
            plan.moves = vec![moves::advert_of(actor.mac, six, lifetime_s, rng, Sort::Incident)];
        }
        Incident::Scan => {
            let reason = *rng.pick(&[Reason::ArpScan, Reason::PortScan]);
            let words = format!("{} scans ({})", named(actor.mac), reason.name());
            let request = words::arp(actor.mac, ArpOperation::Request, actor.ip, Ipv4Addr::new(10, 0, 0, 77));
            let mut scan = one(words, request);
            scan.deeds.push((5, Deed::Scan(actor.mac, reason)));
            plan.moves = vec![scan];
        }
        Incident::Clone => copy(&mut plan, cast, rng),
    }
    if incident != Incident::Clone && incident != Incident::NewHost {
        for _ in 1..repeats {
            let again = plan.moves[0].clone();
            plan.moves.push(again);
        }
    }
    plan
}

/// The actor, or a pair of its stations, claims the victim's address.
fn take(plan: &mut Plan, victim: Resident, cast: &Cast, rng: &mut Rng) {
    use ArpOperation::{Gratuitous, Reply, Request};
    let operation = *rng.pick(&[Gratuitous, Reply, Request]);
    let target = *rng.pick(&[Ipv4Addr::new(10, 0, 0, 2), RESIDENTS[DESKTOP].ip, victim.ip]);
    let mac = cast.stations[0].mac;
    // A mismatch is an alarm where the address is a gateway's; elsewhere bridges and access points make it on purpose.
    let is_gateway = victim == RESIDENTS[GATEWAY];
    let frame_mac = match rng.below(10) {
        0 if is_gateway => victim.mac,
        1 | 2 if is_gateway => cast.stations[cast.stations.len() - 1].mac,
        _ => mac,
    };
    plan.culprits = if frame_mac == victim.mac { vec![mac] } else { vec![mac, frame_mac] };
    plan.victim = Some(victim);
    // Who is off may be a station that sleeps, or has another MAC now. A gateway is neither.
    plan.is_off = is_gateway && rng.one_in(6);
    if rng.one_in(4) {
        let words = format!("neighbour advertisement of {} at {}", whose(victim.six.into()), named(mac));
        let claim = moves::neighbour_advert(rng.one_in(2), rng.one_in(2));
        plan.culprits = vec![mac];
        plan.moves = vec![one(words, words::ndp(mac, victim.six, claim))];
        return;
    }
    let words =
        format!("ARP {operation:?} of {} at {}, frame of {}", whose(victim.ip.into()), named(mac), named(frame_mac));
    let mut claim = one(words, frames::from(frame_mac, words::arp(mac, operation, victim.ip, target)));
    if rng.one_in(2) {
        claim.words += "; it answers for it";
        claim.deeds.push((0, Deed::Answer(mac, victim.ip.into(), true)));
    }
    plan.moves = vec![claim];
}

/// A station that was never heard comes.
fn come(plan: &mut Plan, cast: &Cast, rng: &mut Rng) {
    let fresh = cast.fresh;
    plan.culprits = vec![fresh.mac];
    let (what, frames) = match rng.below(6) {
        0 => ("an announcement", vec![words::announcement(fresh.mac, fresh.ip)]),
        1 => ("a request for an address", vec![frames::client(fresh.mac, DhcpMessage::Discover, None, false)]),
        2 => ("a frame", vec![words::frame(fresh.mac, fresh.ip.into())]),
        3 => ("an address check", vec![words::conflict_check(fresh.mac, fresh.ip)]),
        4 => ("SSDP", vec![frames::ssdp(fresh.mac, fresh.ip, "upnp:rootdevice", "uuid:1")]),
        _ => ("an IPv6 address check", vec![words::ndp(fresh.mac, fresh.six, NdpClaim::Dad)]),
    };
    let mut comes = Move::of(Sort::Incident, format!("{} comes with {what}", named(fresh.mac)), frames);
    // Who sends one frame of traffic is no host before the second one.
    if what == "a frame" {
        comes.deeds.push((600, Deed::Send(Box::new(words::frame(fresh.mac, fresh.ip.into())))));
    }
    plan.moves = vec![comes];
}

/// A station that was never heard comes with the identifiers of the desktop, which is there.
fn copy(plan: &mut Plan, cast: &Cast, rng: &mut Rng) {
    let fresh = cast.fresh;
    plan.culprits = vec![fresh.mac];
    let is_six = rng.one_in(2);
    let (what, said) = if is_six {
        ("DUID", frames::client_six(fresh.mac, fresh.six, DUID))
    } else {
        ("client identifier", frames::client(fresh.mac, DhcpMessage::Discover, None, true))
    };
    let mut frames = vec![said];
    if rng.one_in(2) {
        frames.push(words::announcement(fresh.mac, fresh.ip));
    }
    plan.moves =
        vec![Move::of(Sort::Incident, format!("{} comes with the desktop's {what}", named(fresh.mac)), frames)];
    plan.victim = Some(RESIDENTS[DESKTOP]);
}

fn one(words: String, frame: Sighting) -> Move {
    Move::of(Sort::Incident, words, vec![frame])
}
