//! The rare and loud moves: many claims at once, very many clients of DHCP, more disputes than are kept.

use std::net::Ipv4Addr;

use sensor_core::inventory::sighting::dhcp::DhcpMessage;
use sensor_core::types::{Class, Mac};

use super::cast::{Cast, RESIDENTS, named};
use super::deeds::{Deed, Move, Sort};
use super::frames;
use crate::simulation::rng::Rng;
use crate::simulation::week::words;

/// Any of them.
pub(super) fn any(cast: &Cast, rng: &mut Rng) -> Move {
    match rng.below(120) {
        // It takes a second.
        0 => disputes(cast),
        1..20 => clients(cast, rng),
        20..40 => flood(cast, rng),
        _ => stations(cast, rng),
    }
}

/// Many made-up stations and addresses.
fn stations(cast: &Cast, rng: &mut Rng) -> Move {
    let station = cast.any(rng);
    let count = 20 + u8::try_from(rng.below(40)).unwrap_or(0);
    let made_up = |n: u8| words::announcement(Mac([0x00, 0x1d, 0x09, 0, 1, n]), Ipv4Addr::new(10, 0, 1, n));
    let words = format!("{} announces {count} made-up stations", named(station.mac));
    Move::of(Sort::Crowd, words, (0..count).map(made_up).collect())
}

/// So many claims that the kernel holds back the rest.
fn flood(cast: &Cast, rng: &mut Rng) -> Move {
    let station = cast.any(rng);
    let class = *rng.pick(&[Class::Arp, Class::Ndp, Class::Dhcp]);
    let words = format!("{} floods the network ({})", named(station.mac), class.name());
    let announce = |n: u8| words::announcement(station.mac, Ipv4Addr::new(10, 0, 2, n));
    let mut flood = Move::of(Sort::Crowd, words, (1..60).map(announce).collect());
    flood.deeds.push((500, Deed::Flood(station.mac, class)));
    flood
}

/// Very many clients ask for addresses, each a station of its own or all through one.
fn clients(cast: &Cast, rng: &mut Rng) -> Move {
    let station = cast.any(rng);
    let (count, is_one) = (40 + u8::try_from(rng.below(100)).unwrap_or(0), rng.one_in(2));
    let ask = |n: u8| {
        let said = frames::client(Mac([0x00, 0x1d, 0x0a, 0, 0, n]), DhcpMessage::Discover, None, false);
        if is_one { frames::from(station.mac, said) } else { said }
    };
    let words = format!("{count} clients ask for addresses, {}", if is_one { "through one" } else { "each its own" });
    Move::of(Sort::Crowd, words, (0..count).map(ask).collect())
}

/// More addresses are contested than are kept, and at last the residents' as well.
fn disputes(cast: &Cast) -> Move {
    let (one, other) = (cast.stations[0], cast.fresh_like());
    let ip = |n: u16| Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + 256 + u32::from(n));
    let mut all: Vec<_> = (0..1030).map(|n| words::announcement(one.mac, ip(n))).collect();
    all.extend((0..1030).map(|n| words::announcement(other, ip(n))));
    all.extend(RESIDENTS.iter().map(|victim| words::announcement(one.mac, victim.ip)));
    let mut deeds: Vec<_> = all.into_iter().map(|said| (0, Deed::Send(Box::new(said)))).collect();
    deeds.iter_mut().zip(0..).for_each(|((at, _), number): (_, u64)| *at = number / 20);
    let words = "1030 addresses are claimed by two stations each, then the residents'".to_owned();
    Move { sort: Sort::Crowd, words, lasts_ms: deeds.len() as u64 / 20 + 10, deeds }
}

impl Cast {
    /// A station beside the first one, for moves that need two.
    fn fresh_like(&self) -> Mac {
        self.stations.get(1).map_or(Mac([0x00, 0x1b, 0x21, 0, 0, 0x40]), |station| station.mac)
    }
}
