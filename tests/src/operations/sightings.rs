//! Sightings made of arbitrary bytes: few stations, addresses and names, so that they meet.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use sensor_core::inventory::fingerprint::p0f;
use sensor_core::inventory::sighting::answer::{Answer, PortState};
use sensor_core::inventory::sighting::arp::{ArpClaim, ArpOperation};
use sensor_core::inventory::sighting::dhcp::{DhcpClaim, DhcpMessage};
use sensor_core::inventory::sighting::dhcpv6::Dhcpv6Claim;
use sensor_core::inventory::sighting::heard::Heard;
use sensor_core::inventory::sighting::mdns::MdnsClaim;
use sensor_core::inventory::sighting::nbns::NbnsClaim;
use sensor_core::inventory::sighting::ndp::{NdpClaim, RouterAdvert};
use sensor_core::inventory::sighting::redirect::Redirect;
use sensor_core::inventory::sighting::traffic::{ServedClaim, TrafficClaim};
use sensor_core::inventory::sighting::wsd::WsdClaim;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Iface, Mac, Segment, Text, Timestamp, Vlans};
use sensor_core::wire::ndp::Prefix;
use sensor_core::wire::syn::Syn;
use sensor_core::wire::{cdp, dhcpv6, lldp, membership, nbns, redundancy, ssdp, stp, wsd};

/// The sensor's own station.
pub(super) const OWN: Mac = Mac([2, 0, 0, 0, 0, 0xee]);

pub(super) fn sighting(bytes: &mut Unstructured<'_>, now: Timestamp) -> Result<Sighting> {
    let late = Duration::from_millis(bytes.int_in_range(0..=4)? * 700);
    let at = Timestamp::from_nanos(now.as_nanos() - i64::try_from(late.as_nanos()).expect("a few seconds"));
    let segment = segment(bytes)?;
    if bytes.ratio(1, 4)? {
        let (ip, claim) = (Some(ip(bytes)?), answer(bytes)?);
        return Ok(Sighting { at, segment, frame_mac: Mac::ZERO, mac: Mac::ZERO, ip, claim });
    }
    let mac = mac(bytes)?;
    let frame_mac = if bytes.ratio(1, 6)? { self::mac(bytes)? } else { mac };
    let (ip, claim) = claim(bytes)?;
    Ok(Sighting { at, segment, frame_mac, mac, ip, claim })
}

pub(super) fn segment(bytes: &mut Unstructured<'_>) -> Result<Segment> {
    let vlans = Vlans::new([*bytes.choose(&[0, 0, 30])?, 0]);
    Ok(Segment::tagged(Iface::new("eth1").expect("a short name"), vlans))
}

/// What a host answers through a socket.
fn answer(bytes: &mut Unstructured<'_>) -> Result<Claim> {
    let rtt = Duration::from_millis(bytes.int_in_range(0..=9)?);
    let some = |bytes: &mut Unstructured<'_>| Ok(if bytes.ratio(3, 4)? { Some(text(bytes)?) } else { None });
    Ok(Claim::Answer(Box::new(match bytes.int_in_range(0..=6)? {
        0 => Answer::Echo { rtt, hop_limit: None },
        1 => Answer::Nbns { name: some(bytes)?, group: None, mac: None },
        2 => Answer::Ptr { name: some(bytes)?, confirmed: true },
        3 => Answer::Snmp { name: some(bytes)?, description: some(bytes)?, object_id: None },
        4 => return Ok(Claim::Mdns(MdnsClaim::Address { name: text(bytes)?, addr: ip(bytes)? })),
        _ => Answer::Port {
            port: bytes.int_in_range(1..=4)?,
            state: *bytes.choose(&[PortState::Closed, PortState::Open, PortState::Silent])?,
            banner: some(bytes)?,
            rtt,
        },
    })))
}

fn opening(bytes: &mut Unstructured<'_>) -> Result<Syn> {
    let is_answer = bytes.ratio(1, 2)?;
    let text =
        *bytes.choose(&["4:64+0:0:1460:64240,7:mss,sok,ts,nop,ws:df,id+:0", "4:128+0:0:1460:8192,8:mss:df:0"])?;
    Ok(p0f::signature::observed(text, is_answer).expect("a notation that is read"))
}

/// As sent, by a router on the way, and only counted.
fn hop_limit(bytes: &mut Unstructured<'_>) -> Result<Option<u8>> {
    Ok(*bytes.choose(&[Some(64), Some(64), Some(63), None])?)
}

/// What SSDP says, near or far.
fn device(bytes: &mut Unstructured<'_>) -> Result<Claim> {
    let word = |word: &[u8]| Some(Text::new(word));
    let said = ssdp::Message {
        kind: *bytes.choose(&[ssdp::MessageKind::Notify, ssdp::MessageKind::Response, ssdp::MessageKind::Search])?,
        server: Some(text(bytes)?),
        location: None,
        usn: word(bytes.choose(&[&b"uuid:0123456789abcdef0123456789abcdef::x"[..], b"uuid:short", b"x"])?),
        nt: word(bytes.choose(&[&b"urn:schemas-upnp-org:device:InternetGatewayDevice:1"[..], b"x"])?),
        nts: word(bytes.choose(&[&b"ssdp:alive"[..], b"ssdp:byebye"])?),
        st: Some(text(bytes)?),
        user_agent: None,
    };
    Ok(Claim::Ssdp(Box::new(Heard { said, is_near: bytes.ratio(2, 3)?, port: *bytes.choose(&[1900, 50_000])? })))
}

/// What WS-Discovery says, near or far.
fn target_service(bytes: &mut Unstructured<'_>) -> Result<Claim> {
    let types = vec![Text::new(bytes.choose(&[&b"pub:Computer"[..], b"x:PrintDeviceType", b"x"])?)];
    let scopes = vec![Text::new(bytes.choose(&[&b"onvif://www.onvif.org/name/a%20b"[..], b"x"])?)];
    let target = wsd::Target { types, scopes, ..wsd::Target::default() };
    let kind = *bytes.choose(&[
        wsd::MessageKind::Hello,
        wsd::MessageKind::Bye,
        wsd::MessageKind::Probe,
        wsd::MessageKind::ResolveMatches,
    ])?;
    let said = WsdClaim { kind, target };
    Ok(Claim::Wsd(Box::new(Heard { said, is_near: bytes.ratio(2, 3)?, port: *bytes.choose(&[3702, 50_000])? })))
}

/// What LLMNR or NetBIOS says, near or far.
fn announced(bytes: &mut Unstructured<'_>, ip: IpAddr) -> Result<Claim> {
    let (is_near, port) = (bytes.ratio(2, 3)?, *bytes.choose(&[137, 5355])?);
    let word = text(bytes)?;
    let name = nbns::Name { name: word.clone(), suffix: 0 };
    let addr = Ipv4Addr::new(10, 0, 0, 1);
    let said = match bytes.int_in_range(0..=6)? {
        0 | 1 => {
            let said = if bytes.ratio(3, 4)? {
                MdnsClaim::Address { name: word, addr: ip }
            } else {
                MdnsClaim::Query { name: word }
            };
            return Ok(Claim::Llmnr(Box::new(Heard { said, is_near, port })));
        }
        2 => NbnsClaim::Goodbye { name, group: false, addr },
        3 => NbnsClaim::Query { name },
        4 | 5 => NbnsClaim::Address { name, group: bytes.ratio(1, 4)?, addr },
        _ => NbnsClaim::Status { name, group: bytes.ratio(1, 4)?, active: true },
    };
    Ok(Claim::Nbns(Box::new(Heard { said, is_near, port })))
}

fn claim(bytes: &mut Unstructured<'_>) -> Result<(Option<IpAddr>, Claim)> {
    let target = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let ip = ip(bytes)?;
    let ndp = |claim| Ok((Some(ip), Claim::Ndp(claim)));
    let mdns = |claim| Ok((Some(ip), Claim::Mdns(claim)));
    if bytes.ratio(1, 3)? {
        return Ok((Some(ip), link(bytes, ip)?));
    }
    match bytes.int_in_range(0..=28)? {
        15 => Ok((Some(ip), Claim::Syn(Box::new(opening(bytes)?)))),
        16 => {
            let txt = vec![Text::new(bytes.choose(&[&b"model=A"[..], b"model=B", b"x"])?)];
            mdns(MdnsClaim::Txt { name: Text::new(b"a._device-info._tcp.local"), txt })
        }
        0 => ndp(NdpClaim::Dad),
        1 => ndp(NdpClaim::Redirect(Redirect { hop: ip, hop_mac: None, destination: target })),
        28 => Ok((Some(ip), Claim::Redirect(Redirect { hop: target, hop_mac: None, destination: ip }))),

        2 => {
            let lifetime_s = *bytes.choose(&[0, 9])?;
            let prefixes = vec![Prefix::new(std::net::Ipv6Addr::UNSPECIFIED, bytes.int_in_range(0..=255)?)];
            ndp(NdpClaim::RouterAdvert(Box::new(RouterAdvert { lifetime_s, prefixes, ..RouterAdvert::default() })))
        }
        3 => Ok((None, Claim::Ndp(NdpClaim::RouterSolicit))),
        4 => ndp(NdpClaim::Advert { router: false, solicited: true, asked: bytes.ratio(1, 3)? }),
        5 => mdns(MdnsClaim::Address { name: text(bytes)?, addr: ip }),
        6 => mdns(MdnsClaim::Srv { name: instance(bytes)?, target: text(bytes)?, port: bytes.int_in_range(1..=2)? }),
        7 => {
            let record = MdnsClaim::Srv { name: instance(bytes)?, target: text(bytes)?, port: 0 };
            mdns(MdnsClaim::Goodbye { record: Box::new(record) })
        }
        8..=10 => dhcp(bytes),
        17 => {
            let IpAddr::V6(address) = ip else { return Ok((Some(ip), announced(bytes, ip)?)) };
            let address = dhcpv6::Address { ip: address, preferred_s: 1, valid_s: bytes.int_in_range(0..=1)? };
            let kind = *bytes.choose(&[Dhcpv6Claim::ADVERTISE, 5, Dhcpv6Claim::REPLY])?;
            let from_server = kind != 5;
            let client = if bytes.ratio(1, 2)? { Some(mac(bytes)?) } else { None };
            let (addresses, fqdn) = (vec![address], Some(text(bytes)?));
            let message = dhcpv6::Message { kind, addresses, fqdn, ..dhcpv6::Message::default() };
            let is_near = bytes.ratio(2, 3)?;
            Ok((Some(ip), Claim::Dhcpv6(Box::new(Dhcpv6Claim { message, from_server, client, is_near }))))
        }
        18..=20 => Ok((Some(ip), announced(bytes, ip)?)),
        21 => Ok((Some(ip), device(bytes)?)),
        22 => Ok((Some(ip), target_service(bytes)?)),
        23 => {
            let (protocol, port) = *bytes.choose(&[("tcp", 22), ("udp", 53)])?;
            Ok((Some(ip), Claim::Served(ServedClaim { protocol, port, hop_limit: hop_limit(bytes)? })))
        }
        24 | 25 => Ok((Some(ip), Claim::Traffic(TrafficClaim { hop_limit: hop_limit(bytes)?, frames: 1, bytes: 60 }))),
        26 => mdns(match bytes.int_in_range(0..=3)? {
            0 => MdnsClaim::Query { name: text(bytes)? },
            1 => MdnsClaim::Reverse { name: text(bytes)?, target: text(bytes)? },
            2 => MdnsClaim::Service { name: text(bytes)?, instance: instance(bytes)? },
            _ => MdnsClaim::Type { name: text(bytes)? },
        }),
        27 => {
            let claim = ArpClaim { operation: ArpOperation::PresenceCheck, target: Ipv4Addr::LOCALHOST, asked: false };
            Ok((Some(ip), Claim::Arp(claim)))
        }
        operation => {
            let operation = match operation {
                11 => ArpOperation::ConflictCheck,
                12 => ArpOperation::Gratuitous,
                13 => ArpOperation::Reply,
                _ => ArpOperation::Request,
            };
            Ok((Some(ip), Claim::Arp(ArpClaim { operation, target: Ipv4Addr::LOCALHOST, asked: bytes.ratio(1, 3)? })))
        }
    }
}

/// What switches and routers tell each other.
fn link(bytes: &mut Unstructured<'_>, ip: IpAddr) -> Result<Claim> {
    Ok(match bytes.int_in_range(0..=4)? {
        0 => {
            let chassis = match bytes.int_in_range(0..=2)? {
                0 => lldp::Value::Mac(mac(bytes)?),
                1 => lldp::Value::Ip(self::ip(bytes)?),
                _ => lldp::Value::Text(text(bytes)?),
            };
            Claim::Lldp(Box::new(lldp::Message {
                chassis: lldp::Id { subtype: 4, value: chassis },
                port: lldp::Id { subtype: 7, value: lldp::Value::Text(text(bytes)?) },
                ttl_s: bytes.int_in_range(0..=9)?,
                port_description: None,
                system_name: if bytes.ratio(1, 2)? { Some(text(bytes)?) } else { None },
                system_description: None,
                capabilities: Some(lldp::Capabilities { supported: 0, enabled: bytes.int_in_range(0..=63)? }),
                management: vec![ip],
                port_vlan: None,
                med: None,
            }))
        }
        1 => Claim::Cdp(Box::new(cdp::Message {
            ttl_s: bytes.int_in_range(0..=9)?,
            device_id: Some(text(bytes)?),
            port: Some(text(bytes)?),
            addresses: vec![ip],
            capabilities: Some(bytes.int_in_range(0..=255)?),
            ..cdp::Message::default()
        })),
        2 => {
            let bridge = stp::BridgeId { priority: 0, mac: mac(bytes)? };
            let port = bytes.int_in_range(0..=2)?;
            let configuration = stp::Configuration { flags: 0, root: bridge, root_cost: 0, bridge, port };
            Claim::Stp(stp::Message { version: 0, configuration: Some(configuration) })
        }
        3 => Claim::Membership(Box::new(membership::Message {
            protocol: membership::Protocol::Mld,
            operation: membership::Operation::Report,
            groups: Vec::new(),
            left: Vec::new(),
        })),
        _ => {
            use redundancy::Protocol::{Carp, Glbp, Hsrp, Vrrp};
            let (protocol, station) = *bytes.choose(&[
                (Vrrp, [0, 0, 0x5e, 0, 2, 1]),
                (Carp, [0, 0, 0x5e, 0, 2, 1]),
                (Hsrp, [0, 0, 0x0c, 7, 0xac, 1]),
                (Glbp, [0, 7, 0xb4, 0, 1, 1]),
            ])?;
            Claim::Redundancy(Box::new(redundancy::Message {
                protocol,
                group: bytes.int_in_range(0..=20)?,
                state: None,
                priority: None,
                addresses: vec![self::ip(bytes)?],
                virtual_macs: vec![Mac(station)],
            }))
        }
    })
}

fn dhcp(bytes: &mut Unstructured<'_>) -> Result<(Option<IpAddr>, Claim)> {
    use DhcpMessage::{Ack, Bootp, Decline, Discover, Inform, Nak, Offer, Release, Request, Unknown};
    let four = |bytes: &mut Unstructured<'_>| {
        Ok(match ip(bytes)? {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        })
    };
    let claim = DhcpClaim {
        message: *bytes.choose(&[
            Ack,
            Ack,
            Bootp,
            Decline,
            Discover,
            Inform,
            Nak,
            Offer,
            Release,
            Request,
            Unknown(9),
        ])?,
        from_server: bytes.ratio(1, 2)?,
        client_is_here: !bytes.ratio(1, 6)?,
        hostname: if bytes.ratio(1, 2)? { Some(text(bytes)?) } else { None },
        fqdn: if bytes.ratio(1, 2)? { Some(text(bytes)?) } else { None },
        server: four(bytes)?,
        lease_s: *bytes.choose(&[None, Some(0), Some(5), Some(u32::MAX)])?,
        ciaddr: four(bytes)?,
        yiaddr: four(bytes)?,
        source: Some(ip(bytes)?),
        ..DhcpClaim::default()
    };
    Ok((claim.yiaddr.or(claim.ciaddr).map(IpAddr::V4), Claim::Dhcp(Box::new(claim))))
}

pub(super) fn mac(bytes: &mut Unstructured<'_>) -> Result<Mac> {
    Ok(match bytes.int_in_range(0..=9)? {
        0 => Mac::BROADCAST,
        1 => Mac::ZERO,
        2 => OWN,
        3 => Mac(*bytes.choose(&[[0, 0, 0x5e, 0, 2, 1], [0, 7, 0xb4, 0, 1, 1], [0, 7, 0xb4, 0, 1, 2]])?),
        last => Mac([2, 0, 0, 0, 0, last]),
    })
}

pub(super) fn ip(bytes: &mut Unstructured<'_>) -> Result<IpAddr> {
    const IPS: [&str; 12] = [
        "0.0.0.0",
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.9",
        "224.0.0.1",
        "::",
        "fe80::1",
        "fe80::2",
        "2001:db8::1",
        "2001:db8::2",
        "2001:db8::3",
    ];
    Ok(bytes.choose(&IPS)?.parse().expect("an address"))
}

fn text(bytes: &mut Unstructured<'_>) -> Result<Text> {
    const TEXTS: [&[u8]; 9] = [b"", b".", b".local", b"a.local", b"A", b"b", b"c.local", b"\0\0", b"\xff\x1b.local"];
    Ok(Text::new(bytes.choose(&TEXTS)?))
}

fn instance(bytes: &mut Unstructured<'_>) -> Result<Text> {
    const INSTANCES: [&[u8]; 4] = [b"x._ipp._tcp.local", b"y.z._tftp._UDP.local", b"nothing", b"_tcp"];
    Ok(Text::new(bytes.choose(&INSTANCES)?))
}
