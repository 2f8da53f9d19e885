//! The grammar of all moves: whatever one station can send, with any content.

use std::net::{Ipv4Addr, Ipv6Addr};

use sensor_core::inventory::sighting::Claim;
use sensor_core::inventory::sighting::arp::ArpOperation;
use sensor_core::inventory::sighting::dhcp::DhcpMessage;
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::ndp::NdpClaim;
use sensor_core::inventory::sighting::redirect::Redirect;
use sensor_core::types::{Mac, Text};
use sensor_core::wire::lldp;
use sensor_core::wire::redundancy::Protocol;

use super::cast::{Cast, DESKTOP, DUID, GATEWAY, NAME, PREFIX, RESIDENTS, UUID, named, virtual_mac, whose};
use super::deeds::{Deed, Move, Sort};
use super::{crowds, frames};
use crate::simulation::rng::Rng;
use crate::simulation::week::words;

/// Any move.
pub fn any(cast: &Cast, rng: &mut Rng) -> Move {
    match rng.below(60) {
        0..8 => arp(cast, rng),
        8..11 => many_arp(cast, rng),
        11..14 => ndp(cast, rng),
        14..17 => dhcp_client(cast, rng),
        17..22 => dhcp_server(cast, rng),
        22..26 => advert(cast, rng),
        26..32 => hello(cast, rng),
        32..36 => switch(cast, rng),
        36..41 => names(cast, rng),
        41..45 => traffic(cast, rng),
        45..48 => answering(cast, rng),
        48 if rng.one_in(3) => crowds::any(cast, rng),
        _ => wait(rng),
    }
}

/// Any ARP message of one address.
fn arp(cast: &Cast, rng: &mut Rng) -> Move {
    use ArpOperation::{ConflictCheck, Gratuitous, PresenceCheck, Reply, Request};
    let operation = *rng.pick(&[ConflictCheck, Gratuitous, Gratuitous, PresenceCheck, Reply, Reply, Request, Request]);
    let (station, ip) = (cast.any(rng), cast.ip(rng));
    let target = *rng.pick(&[Ipv4Addr::new(10, 0, 0, 2), RESIDENTS[DESKTOP].ip, ip, Ipv4Addr::new(10, 0, 0, 99)]);
    let mac = if rng.one_in(4) { cast.mac(rng) } else { station.mac };
    let frame_mac = if rng.one_in(6) { cast.mac(rng) } else { station.mac };
    let words = format!("ARP {operation:?} of {} at {}, frame of {}", whose(ip.into()), named(mac), named(frame_mac));
    Move::of(Sort::Arp, words, vec![frames::from(frame_mac, words::arp(mac, operation, ip, target))])
}

/// Several addresses at once, of one network or of several.
fn many_arp(cast: &Cast, rng: &mut Rng) -> Move {
    let (station, is_wide) = (cast.any(rng), rng.one_in(2));
    let count = 4 + u8::try_from(rng.below(4)).unwrap_or(0);
    let ips = (0..count).map(|n| if is_wide { Ipv4Addr::new(10, 0, n, 70) } else { Ipv4Addr::new(10, 0, 0, 70 + n) });
    let ips: Vec<Ipv4Addr> = ips.collect();
    let words = format!("{} announces {} to {}", named(station.mac), ips[0], ips[ips.len() - 1]);
    let mut many = Move::of(Sort::ManyArp, words, ips.iter().map(|ip| words::announcement(station.mac, *ip)).collect());
    many.deeds.extend(ips.into_iter().map(|ip| (0, Deed::Answer(station.mac, ip.into(), true))));
    many
}

fn ndp(cast: &Cast, rng: &mut Rng) -> Move {
    let station = cast.any(rng);
    let six = if rng.one_in(2) { station.six } else { rng.pick(&RESIDENTS).six };
    let claim = match rng.below(6) {
        0 => NdpClaim::Dad,
        1 => NdpClaim::RouterSolicit,
        2 => NdpClaim::Solicit { target: RESIDENTS[GATEWAY].six.into() },
        3 => {
            let destination = "2001:db8:9::1".parse().expect("an address");
            NdpClaim::Redirect(Redirect { hop: station.six.into(), hop_mac: Some(station.mac), destination })
        }
        _ => NdpClaim::Advert { router: rng.one_in(2), solicited: rng.one_in(2), asked: false },
    };
    let mac = if rng.one_in(4) { cast.mac(rng) } else { station.mac };
    let words = format!("{claim:?} of {} at {}, frame of {}", whose(six.into()), named(mac), named(station.mac));
    Move::of(Sort::Ndp, words, vec![frames::from(station.mac, words::ndp(mac, six, claim))])
}

fn dhcp_client(cast: &Cast, rng: &mut Rng) -> Move {
    if rng.one_in(5) {
        return leased(cast, rng);
    }
    use DhcpMessage::{Decline, Discover, Inform, Release, Request};
    let (station, message) = (cast.any(rng), *rng.pick(&[Decline, Discover, Inform, Release, Request, Request]));
    let own = (message != DhcpMessage::Discover && rng.one_in(2)).then(|| cast.ip(rng));
    let is_copied = rng.one_in(3);
    let mac = if rng.one_in(4) { rng.pick(&RESIDENTS).mac } else { station.mac };
    let frame_mac = *rng.pick(&[mac, mac, station.mac]);
    let mut said = frames::from(frame_mac, frames::client(mac, message, own, is_copied));
    if let Claim::Dhcp(claim) = &mut said.claim {
        claim.requested_ip = rng.one_in(2).then(|| cast.ip(rng));
    }
    let copied = if is_copied { " with the desktop's identifiers" } else { "" };
    let words = format!("DHCP {message:?} of {}, frame of {}, ciaddr {own:?}{copied}", named(mac), named(frame_mac));
    Move::of(Sort::DhcpClient, words, vec![said])
}

/// The gateway itself gives a station a lease: of a free address, or of the desktop's, after a release in the desktop's name.
fn leased(cast: &Cast, rng: &mut Rng) -> Move {
    let (station, [gateway, desktop, _]) = (cast.any(rng), RESIDENTS);
    let is_desktops = rng.one_in(2);
    let given = if is_desktops { desktop.ip } else { station.ip };
    let said = frames::Offer {
        frame_mac: gateway.mac,
        message: DhcpMessage::Ack,
        server: gateway.ip,
        router: Some(gateway.ip),
        name_server: Some(gateway.ip),
        client: station.mac,
        given,
        relay: None,
        lease_s: 3600,
    };
    let mut all = vec![frames::client(station.mac, DhcpMessage::Request, None, false), frames::offer(&said)];
    let mut words = format!("the gateway leases {} to {}", whose(given.into()), named(station.mac));
    if is_desktops {
        let release = frames::client(desktop.mac, DhcpMessage::Release, Some(desktop.ip), true);
        all.insert(0, frames::from(station.mac, release));
        words += ", after a release in the desktop's name";
    }
    Move::of(Sort::Leased, words, all)
}

/// Any message of a DHCP server.
fn dhcp_server(cast: &Cast, rng: &mut Rng) -> Move {
    let said = any_offer(cast, rng);
    Move::of(Sort::DhcpServer, offer_words(&said), vec![frames::offer(&said)])
}

/// What a made-up DHCP server says.
pub fn any_offer(cast: &Cast, rng: &mut Rng) -> frames::Offer {
    let station = cast.any(rng);
    let client = loop {
        let mac = cast.mac(rng);
        if mac.is_station() {
            break mac;
        }
    };
    frames::Offer {
        frame_mac: if rng.one_in(8) { RESIDENTS[GATEWAY].mac } else { station.mac },
        message: *rng.pick(&[DhcpMessage::Ack, DhcpMessage::Ack, DhcpMessage::Offer, DhcpMessage::Nak]),
        server: if rng.one_in(3) { cast.ip(rng) } else { station.ip },
        router: (!rng.one_in(4)).then(|| cast.ip(rng)),
        name_server: rng.one_in(3).then(|| cast.ip(rng)),
        client,
        given: cast.ip(rng),
        relay: rng.one_in(8).then(|| cast.ip(rng)),
        lease_s: *rng.pick(&[60, 3600, u32::MAX]),
    }
}

/// A DHCP server's message in words.
pub fn offer_words(said: &frames::Offer) -> String {
    let frames::Offer { frame_mac, message, server, router, name_server, client, given, relay, lease_s } = *said;
    format!(
        "DHCP {message:?} to {} in a frame of {}: address {}, server {}, router {router:?}, name server {name_server:?}, \
         relay {relay:?}, {lease_s} s",
        named(client),
        named(frame_mac),
        whose(given.into()),
        whose(server.into()),
    )
}

fn advert(cast: &Cast, rng: &mut Rng) -> Move {
    let station = cast.any(rng);
    let six = if rng.one_in(3) { RESIDENTS[GATEWAY].six } else { station.six };
    let lifetime_s = *rng.pick(&[0, 1, 1800, u16::MAX]);
    advert_of(station.mac, six, lifetime_s, rng, Sort::Advert)
}

/// A router advertisement with any prefix and name server.
pub fn advert_of(mac: Mac, six: Ipv6Addr, lifetime_s: u16, rng: &mut Rng, sort: Sort) -> Move {
    let foreign = Ipv6Addr::new(0x2001, 0xdb8, 0x66, 0, 0, 0, 0, 0);
    let prefix = *rng.pick(&[None, Some(PREFIX), Some(foreign)]);
    let dns = *rng.pick(&[None, None, Some(Ipv6Addr::new(0x2001, 0xdb8, 0x66, 0, 0, 0, 0, 0x53))]);
    let words = format!(
        "router advertisement from {} at {}, lifetime {lifetime_s} s, prefix {prefix:?}, name server {dns:?}",
        whose(six.into()),
        named(mac)
    );
    Move::of(sort, words, vec![frames::advert(mac, six, lifetime_s, prefix, dns)])
}

fn hello(cast: &Cast, rng: &mut Rng) -> Move {
    let (station, protocol) =
        (cast.any(rng), *rng.pick(&[Protocol::Vrrp, Protocol::Carp, Protocol::Glbp, Protocol::Hsrp]));
    let group = virtual_mac(rng);
    let number = u16::from(if protocol == Protocol::Glbp { group.0[4] } else { group.0[5] });
    let macs = match rng.below(5) {
        0 => vec![station.mac],
        1 => vec![RESIDENTS[GATEWAY].mac],
        2 => vec![group, station.mac],
        _ => vec![group],
    };
    let frame_mac = match rng.below(6) {
        0 => group,
        1 => RESIDENTS[GATEWAY].mac,
        _ => station.mac,
    };
    let (sender, ip) = (if rng.one_in(4) { cast.ip(rng) } else { station.ip }, cast.ip(rng));
    let mut said = words::redundancy(frame_mac, sender, protocol, number, ip, &macs);
    if protocol == Protocol::Carp
        && let Claim::Redundancy(hello) = &mut said.claim
    {
        hello.addresses.clear();
    }
    let macs: Vec<String> = macs.into_iter().map(named).collect();
    let words = format!(
        "{} hello of group {number} from {} in a frame of {}: address {}, at {}",
        protocol.name(),
        whose(sender.into()),
        named(frame_mac),
        whose(ip.into()),
        macs.join(" and ")
    );
    Move::of(Sort::Hello, words, vec![said])
}

fn switch(cast: &Cast, rng: &mut Rng) -> Move {
    let (station, chassis) = (cast.any(rng), cast.mac(rng));
    let frame_mac = if rng.one_in(5) { rng.pick(&RESIDENTS).mac } else { station.mac };
    if rng.one_in(2) {
        let words = format!("spanning tree of bridge {} in a frame of {}", named(chassis), named(frame_mac));
        return Move::of(Sort::Switch, words, vec![frames::stp(frame_mac, chassis, 0x8001)]);
    }
    let does = *rng.pick(&[lldp::BRIDGE, lldp::ROUTER, lldp::BRIDGE | lldp::ROUTER, lldp::ACCESS_POINT, 0]);
    let ip = cast.ip(rng);
    let words = format!(
        "LLDP of chassis {} in a frame of {}, capabilities {does:#x}, management address {}",
        named(chassis),
        named(frame_mac),
        whose(ip.into())
    );
    Move::of(Sort::Switch, words, vec![frames::lldp(frame_mac, chassis, "1", does, ip)])
}

fn names(cast: &Cast, rng: &mut Rng) -> Move {
    let station = cast.any(rng);
    let ip = if rng.one_in(3) { cast.ip(rng) } else { station.ip };
    let text = |text: &str| Text::new(text.as_bytes());
    let (words, said) = match rng.below(6) {
        0 | 1 => {
            let claim = MdnsClaim::Srv {
                name: text("70-35-60-63 Proxy._sleep-proxy._udp.local"),
                target: text("proxy.local"),
                port: 5000,
            };
            ("offers itself as a sleep proxy", words::mdns(station.mac, ip.into(), claim))
        }
        2 => {
            let claim = MdnsClaim::Address { name: text(&format!("{NAME}.local")), addr: ip.into() };
            ("has the desktop's name", words::mdns(station.mac, ip.into(), claim))
        }
        3 => ("has the server's uuid", frames::ssdp(station.mac, ip, "upnp:rootdevice", UUID)),
        4 => {
            let kind = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";
            ("is a gateway by SSDP", frames::ssdp(station.mac, ip, kind, "uuid:0"))
        }
        _ => ("has the desktop's DUID", frames::client_six(station.mac, station.six, DUID)),
    };
    let words = format!("{} {words}, from {}", named(station.mac), whose(ip.into()));
    Move::of(Sort::Names, words, vec![said])
}

fn traffic(cast: &Cast, rng: &mut Rng) -> Move {
    let station = cast.any(rng);
    let frame_mac = if rng.one_in(3) { rng.pick(&RESIDENTS).mac } else { station.mac };
    if rng.one_in(2) {
        let hop_limit = *rng.pick(&[63, 57, 254]);
        let from = |n: u8| frames::hopped(frame_mac, Ipv4Addr::new(198, 51, 100, n), hop_limit);
        let words = format!("five frames of {} that look forwarded (hop limit {hop_limit})", named(frame_mac));
        return Move::of(Sort::Traffic, words, (0..5).map(from).collect());
    }
    let ip = cast.ip(rng);
    let words = format!("a frame of {} from {}", named(frame_mac), whose(ip.into()));
    Move::of(Sort::Traffic, words, vec![words::frame(frame_mac, ip.into())])
}

fn answering(cast: &Cast, rng: &mut Rng) -> Move {
    let station = cast.any(rng);
    let (deed, words) = match rng.below(4) {
        0 => (Deed::Silence(station.mac, true), "answers nothing any more".to_owned()),
        1 => (Deed::Silence(station.mac, false), "answers again".to_owned()),
        which => {
            let (ip, does) = (cast.ip(rng), which == 2);
            let verb = if does { "answers" } else { "does not answer" };
            (Deed::Answer(station.mac, ip.into(), does), format!("{verb} for {}", whose(ip.into())))
        }
    };
    let words = format!("{} {words}", named(station.mac));
    Move { sort: Sort::Answering, words, deeds: vec![(0, deed)], lasts_ms: 10 }
}

/// Nothing happens for a while.
fn wait(rng: &mut Rng) -> Move {
    let lasts_ms = match rng.below(12) {
        0..6 => 500 + rng.below(30_000),
        6..11 => 60_000 + rng.below(600_000),
        _ => 3_600_000 + rng.below(7_200_000),
    };
    let words = format!("waits {} s", lasts_ms / 1000);
    Move { sort: Sort::Wait, words, deeds: Vec::new(), lasts_ms }
}
