//! Whether the sensor won: the incident was told in time, not too often, and nobody's address was given away.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use sensor_core::inventory::event::{Detail, Event, Kind, Reason, Severity};
use sensor_core::inventory::sighting::Claim;
use sensor_core::types::Mac;

use super::cast::{named, whose};
use super::deeds::Move;
use super::game::Game;
use super::incident::Incident;
use super::play::{AFTER, Played};

/// An incident is told so soon after its last frame, in milliseconds.
const PROMISE: u64 = 60_000;
/// New hosts are told when they have settled.
const SETTLING: u64 = 3_000;
/// An hour, in milliseconds.
const HOUR: u64 = 3_600_000;
/// The most events of a kind, address and station that an hour may have.
const HANDFUL: usize = 5;

/// How the sensor lost.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// The address of a station that is there was given to this one.
    Stolen(String, IpAddr, Mac),
    /// The incident was not told.
    Untold,
    /// It was told too often.
    Noise(String),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stolen(what, ..) => write!(f, "stolen: {what}"),
            Self::Untold => f.write_str("the incident was not told"),
            Self::Noise(what) => write!(f, "told too often: {what}"),
        }
    }
}

/// Every way in which the sensor lost.
pub fn losses(game: &Game, played: &Played) -> Vec<Loss> {
    let mut losses = Vec::new();
    let limit = match game.plan.incident {
        Incident::NewHost => SETTLING + PROMISE,
        // That both are there shows when the true one is heard again.
        Incident::Clone => game.end_ms + AFTER,
        _ => PROMISE,
    };
    let is_told = |(ms, event): &(u64, Event)| *ms <= game.last_ms + limit && tells(game, event);
    if !played.told.iter().any(is_told) && !is_client_in_crowd(game, played) {
        losses.push(Loss::Untold);
    }
    losses.extend(noise(played));
    if let Some((ms, ip, mac)) = played.stolen {
        let what = format!("{} by {} after {} s", whose(ip), named(mac), ms / 1000);
        losses.push(Loss::Stolen(what, ip, mac));
    }
    losses
}

/// Whether the incident is a client that does nothing but ask, among those that starve a DHCP server: that is an alert, and
/// which of the clients is more than made up shows when it says more.
fn is_client_in_crowd(game: &Game, played: &Played) -> bool {
    let asks_only = || {
        let mut frames = game.plan.moves.iter().flat_map(Move::frames);
        frames.all(|frame| matches!(frame.claim, Claim::Dhcp(_) | Claim::Dhcpv6(_)))
    };
    let is_of = |event: &Event| event.mac.is_some_and(|mac| game.plan.culprits.contains(&mac));
    let tells =
        |kind, holds: &dyn Fn(&Event) -> bool| played.told.iter().any(|(_, event)| event.kind == kind && holds(event));
    matches!(game.plan.incident, Incident::NewHost | Incident::Clone)
        && asks_only()
        && tells(Kind::NewHost, &is_of)
        && tells(Kind::Flood, &|event| event.reason == Some(Reason::DhcpStarvation))
}

/// Whether an event tells the game's incident.
fn tells(game: &Game, event: &Event) -> bool {
    let is_of = |mac: Option<Mac>| mac.is_some_and(|mac| game.plan.culprits.contains(&mac));
    let names = || is_of(event.mac) || is_of(event.old_mac) || is_of(frame_mac(event));
    let is_about_victim = || {
        game.plan.victim.is_some_and(|victim| {
            [IpAddr::V4(victim.ip), IpAddr::V6(victim.six)].iter().any(|ip| event.ip == Some(*ip))
        })
    };
    let takes = matches!(
        event.kind,
        Kind::ChangedMac | Kind::FlipFlop | Kind::IpConflict | Kind::MacMismatch | Kind::ReusedMac
    );
    // The attacker may have taken it before by another MAC of its own.
    let names_before = || {
        let mut taken = game.before().flat_map(|(_, step)| step.frames()).filter(|frame| is_of(Some(frame.frame_mac)));
        taken.any(|frame| frame.ip == event.ip && Some(frame.mac) == event.mac)
    };
    let at_least = |severity| event.severity >= severity;
    match game.plan.incident {
        Incident::GatewayTaken => {
            takes && is_about_victim() && (names() || names_before()) && at_least(Severity::Alert)
        }
        Incident::HostTaken => takes && is_about_victim() && names() && at_least(Severity::Warning),
        Incident::NewHost | Incident::Clone => {
            event.kind == Kind::NewHost && is_of(event.mac) && at_least(Severity::Notice)
        }
        Incident::RogueDhcp => {
            let kinds = [Kind::NewDhcpServer, Kind::RogueDhcpServer, Kind::DhcpChanged];
            kinds.contains(&event.kind) && is_of(event.mac) && at_least(Severity::Notice)
        }
        Incident::RogueAdvert => {
            let kinds = [Kind::NewRouter, Kind::RogueRouter];
            kinds.contains(&event.kind) && is_of(event.mac) && at_least(Severity::Notice)
        }
        Incident::Scan => event.kind == Kind::ScanDetected && is_of(event.mac) && at_least(Severity::Warning),
    }
}

/// The sender of a frame that contradicts itself.
fn frame_mac(event: &Event) -> Option<Mac> {
    event.details.iter().find_map(|detail| match detail {
        ("frame_mac", Detail::Text(text)) => Mac::parse(text),
        _ => None,
    })
}

/// What was told more than a handful of times within an hour.
fn noise(played: &Played) -> Option<Loss> {
    let mut loud: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for (ms, event) in played.told.iter().filter(|(_, event)| event.severity >= Severity::Warning) {
        loud.entry((event.kind, event.ip, event.mac)).or_default().push(*ms);
    }
    let is_many = |at: &Vec<u64>| at.windows(HANDFUL + 1).any(|span| span[HANDFUL] - span[0] < HOUR);
    let ((kind, ip, mac), at) = loud.into_iter().find(|(_, at)| is_many(at))?;
    Some(Loss::Noise(format!("{} {ip:?} {mac:?}, {} times", kind.name(), at.len())))
}

/// An event in words, with seconds since the begin of the game.
pub fn words((ms, event): &(u64, Event)) -> String {
    let word = |key: &str, mac: Option<Mac>| mac.map(|mac| format!(" {key} {}", named(mac))).unwrap_or_default();
    let ip = event.ip.map(|ip| format!(" {}", whose(ip))).unwrap_or_default();
    let reason = event.reason.map(|reason| format!(" ({})", reason.name())).unwrap_or_default();
    let (mac, old) = (word("at", event.mac), word("before", event.old_mac));
    format!("{:9} {} {}{ip}{mac}{old}{reason}", ms / 1000, event.severity.name(), event.kind.name())
}
