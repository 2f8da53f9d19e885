//! Messages of each kind, sound and not.

use super::*;
use crate::types::{Class, Iface, Packet, Segment, Timestamp, Vlans};

const HOST: Mac = Mac([2, 0, 0, 0, 0, 1]);
const TARGET: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const WHOLE: bool = false;
const CUT: bool = true;

const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

fn read(body: &[u8], hop_limit: u8, cut: bool) -> Result<Option<Message>, WireError> {
    let destination = if body.first() == Some(&ADVERT) { TARGET } else { GROUP };
    read_from(SOURCE, destination, body, hop_limit, cut)
}

fn read_from(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    body: &[u8],
    hop_limit: u8,
    cut: bool,
) -> Result<Option<Message>, WireError> {
    let (source, destination) = (IpAddr::V6(source), IpAddr::V6(destination));
    parse(&Frame {
        at: Timestamp::EPOCH,
        segment: Segment::tagged(Iface::new("eth0").expect("a name"), Vlans::default()),
        class: Class::Ndp,
        cut,
        flood: false,
        scan: false,
        source_mac: HOST,
        destination_mac: Mac::BROADCAST,
        packet: Some(Packet { source, destination, hop_limit, protocol: 58, ports: [0; 2] }),
        body,
    })
}

/// A message of `number` with its four bytes after the checksum, what follows them, and options.
fn message(number: u8, word: [u8; 4], fixed: &[u8], options: &[&[u8]]) -> Vec<u8> {
    [&[number, 0, 0, 0][..], &word, fixed, &options.concat()].concat()
}

fn link_layer(number: u8, last: u8) -> [u8; 8] {
    [number, 1, 2, 0, 0, 0, 0, last]
}

fn prefix(length: u8) -> [u8; 32] {
    let mut option = [0; 32];
    option[..3].copy_from_slice(&[PREFIX, 4, length]);
    option[16..20].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    option
}

fn check_kind(body: &[u8], expected: Result<Option<MessageKind>, WireError>) {
    assert_eq!(read(body, 255, WHOLE).map(|message| message.map(|message| message.kind)), expected, "{body:?}");
}

#[test]
fn fixed_parts() {
    let target = TARGET.octets();
    let router = message(ROUTER_ADVERT, [64, 0xc8, 7, 8], &[0; 8], &[]);
    let redirect = message(REDIRECT, [0; 4], &[target, target].concat(), &[]);
    check_kind(&message(ROUTER_SOLICIT, [0; 4], &[], &[]), Ok(Some(MessageKind::RouterSolicit)));
    check_kind(
        &router,
        Ok(Some(MessageKind::RouterAdvert(Router {
            lifetime_s: 1800,
            hop_limit: 64,
            managed: true,
            other: true,
            preference: Preference::High,
        }))),
    );
    check_kind(&message(SOLICIT, [0; 4], &target, &[]), Ok(Some(MessageKind::Solicit { target: TARGET })));
    let advert = |router, solicited| Ok(Some(MessageKind::Advert { target: TARGET, router, solicited }));
    check_kind(&message(ADVERT, [0x60, 0, 0, 0], &target, &[]), advert(false, true));
    check_kind(&message(ADVERT, [0xa0, 0, 0, 0], &target, &[]), advert(true, false));
    check_kind(&redirect, Ok(Some(MessageKind::Redirect { target: TARGET, destination: TARGET })));
    check_kind(&[128, 0, 0, 0, 0, 0, 0, 0], Ok(None));
}

#[test]
fn every_shorter_message_is_truncated() {
    let fixed = [(ROUTER_SOLICIT, 8), (ROUTER_ADVERT, 16), (SOLICIT, 24), (ADVERT, 24), (REDIRECT, 40)];
    for (number, len) in fixed {
        let body = message(number, [0; 4], &[0; 32], &[]);
        (0..len).for_each(|short| assert_eq!(read(&body[..short], 255, WHOLE), Err(WireError::Truncated)));
    }
}

#[test]
fn what_the_rfc_discards() {
    let group = message(SOLICIT, [0; 4], &GROUP.octets(), &[]);
    let mut with_code = message(SOLICIT, [0; 4], &TARGET.octets(), &[]);
    with_code[1] = 1;
    check_kind(&group, Err(WireError::BadValue));
    check_kind(&message(ADVERT, [0; 4], &GROUP.octets(), &[]), Err(WireError::BadValue));
    check_kind(&message(REDIRECT, [0; 4], &[TARGET.octets(), GROUP.octets()].concat(), &[]), Err(WireError::BadValue));
    check_kind(&with_code, Err(WireError::BadValue));
    for hop_limit in [0, 1, 254] {
        let body = message(SOLICIT, [0; 4], &TARGET.octets(), &[]);
        assert_eq!(read(&body, hop_limit, WHOLE), Err(WireError::HopLimit));
    }
}

#[test]
fn what_the_rfc_discards_for_its_addresses() {
    let global = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let own_group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 2);
    let none = Ipv6Addr::UNSPECIFIED;
    let target = TARGET.octets();
    let option = link_layer(SOURCE_LINK_LAYER, 5);
    let check = |source, destination, body: &[u8], is_valid: bool| {
        let read = read_from(source, destination, body, 255, WHOLE);
        assert_eq!(read.is_ok(), is_valid, "{source} to {destination}: {body:?}");
    };
    let router = message(ROUTER_ADVERT, [0; 4], &[0; 8], &[]);
    check(SOURCE, GROUP, &router, true);
    check(global, GROUP, &router, false);
    check(none, GROUP, &router, false);
    check(none, GROUP, &message(ROUTER_SOLICIT, [0; 4], &[], &[]), true);
    check(none, GROUP, &message(ROUTER_SOLICIT, [0; 4], &[], &[&option]), false);
    check(global, TARGET, &message(SOLICIT, [0; 4], &target, &[&option]), true);
    check(none, own_group, &message(SOLICIT, [0; 4], &target, &[]), true);
    check(none, own_group, &message(SOLICIT, [0; 4], &target, &[&option]), false);
    check(none, GROUP, &message(SOLICIT, [0; 4], &target, &[]), false);
    check(global, GROUP, &message(ADVERT, [0x20, 0, 0, 0], &target, &[]), true);
    check(global, GROUP, &message(ADVERT, [0x60, 0, 0, 0], &target, &[]), false);
    let redirect = |target: Ipv6Addr| message(REDIRECT, [0; 4], &[target.octets(), global.octets()].concat(), &[]);
    check(SOURCE, TARGET, &redirect(TARGET), true);
    check(SOURCE, TARGET, &redirect(global), true);
    check(SOURCE, TARGET, &redirect(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)), false);
    check(global, TARGET, &redirect(TARGET), false);
}

/// The last octets of the two link-layer addresses, and the prefixes' lengths.
fn check_options(options: &[&[u8]], cut: bool, expected: Result<&str, WireError>) {
    let got = read(&message(ROUTER_ADVERT, [0; 4], &[0; 8], options), 255, cut).map(|message| {
        let message = message.expect("a router advertisement is ours");
        let last = |mac: Option<Mac>| mac.map_or("-".to_owned(), |mac| mac.0[5].to_string());
        let lengths: Vec<u8> = message.prefixes.iter().map(|prefix| prefix.length).collect();
        format!("{} {} {lengths:?}", last(message.source_mac), last(message.target_mac))
    });
    assert_eq!(got, expected.map(str::to_owned), "{options:?}");
}

#[test]
fn the_first_option_of_a_kind_counts() {
    check_options(&[&link_layer(1, 5), &link_layer(2, 6)], WHOLE, Ok("5 6 []"));
    check_options(&[&link_layer(1, 5), &link_layer(1, 6)], WHOLE, Ok("5 - []"));
    // A hardware address of another size is not Ethernet's; the next one may be.
    let long = [&[1, 2][..], &[0; 14]].concat();
    check_options(&[&long, &link_layer(1, 6)], WHOLE, Ok("6 - []"));
    check_options(&[&[200, 1, 0, 0, 0, 0, 0, 0], &link_layer(1, 6)], WHOLE, Ok("6 - []"));
}

#[test]
fn prefixes() {
    check_options(&[&prefix(64), &prefix(0), &prefix(128)], WHOLE, Ok("- - [64, 0, 128]"));
    check_options(&[&prefix(129), &prefix(255)], WHOLE, Ok("- - []"));
    check_options(&[&[PREFIX, 1, 64, 0, 0, 0, 0, 0]], WHOLE, Ok("- - []"));
    let many = format!("- - {:?}", [64; PREFIXES_MAX]);
    check_options(&[&prefix(64).repeat(PREFIXES_MAX + 3)], WHOLE, Ok(&many));
}

#[test]
fn options_that_lie_about_their_length() {
    check_options(&[&link_layer(1, 5), &[1, 0, 0, 0, 0, 0, 0, 0]], WHOLE, Err(WireError::BadValue));
    check_options(&[&[1, 0]], CUT, Err(WireError::BadValue));
    check_options(&[&link_layer(1, 5), &[3, 4, 64]], WHOLE, Err(WireError::Truncated));
    check_options(&[&[1, 255]], WHOLE, Err(WireError::Truncated));
}

#[test]
fn what_the_harvest_cut_is_no_fault() {
    check_options(&[&link_layer(1, 5), &[3, 4, 64]], CUT, Ok("5 - []"));
    check_options(&[&link_layer(1, 5), &[3]], CUT, Ok("5 - []"));
}

fn router_advert(options: &[&[u8]]) -> Result<Message, WireError> {
    read(&message(ROUTER_ADVERT, [0; 4], &[0; 8], options), 255, WHOLE).map(|message| message.expect("ours"))
}

#[test]
fn what_a_router_tells_of_its_network() {
    let mut lan = prefix(64);
    lan[3..12].copy_from_slice(&[0xc0, 0, 0, 0, 120, 0, 0, 0, 60]);
    let mtu = [MTU, 1, 0, 0, 0, 0, 5, 0xdc];
    let servers = [&[RDNSS, 5, 0, 0, 0, 0, 0, 9][..], &TARGET.octets(), &GROUP.octets()].concat();
    let domains = [&[DNSSL, 3, 0, 0, 0, 0, 0, 9][..], b"\x03lan\0\x01a\x01b\0\0\0\0\0\0\0"].concat();
    let way = [&[ROUTE, 2, 48, 0x18, 0, 0, 0, 7][..], &lan[16..24]].concat();
    let message = router_advert(&[&lan, &mtu, &servers, &domains, &way]).expect("sound");
    let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);
    let on_link = Prefix { address, length: 64, on_link: true, autonomous: true, valid_s: 120, preferred_s: 60 };
    assert_eq!(message.prefixes, [on_link]);
    assert_eq!((message.mtu, &message.rdnss[..]), (Some(1500), &[TARGET, GROUP][..]));
    assert_eq!(message.dnssl, [Text::new(b"lan"), Text::new(b"a.b")]);
    assert_eq!(message.routes, [Route { address, length: 48, preference: Preference::Low, lifetime_s: 7 }]);
}

#[test]
fn options_that_a_router_ends_or_damages() {
    let ended = [&[RDNSS, 3, 0, 0, 0, 0, 0, 0][..], &TARGET.octets()].concat();
    let no_domains = [DNSSL, 2, 0, 0, 0, 0, 0, 9, 200, b'x', 0, 0, 0, 0, 0, 0];
    let short_route = [ROUTE, 1, 64, 0, 0, 0, 0, 7];
    let default_route = [ROUTE, 1, 0, 0, 0, 0, 0, 7];
    let message = router_advert(&[&ended, &no_domains, &short_route, &default_route]).expect("sound");
    assert_eq!((message.rdnss.len(), message.dnssl.len(), message.routes.len()), (0, 0, 1));
    let many = [&[RDNSS, 127, 0, 0, 0, 0, 0, 9][..], &[0x20; 1008]].concat();
    let names = [&[DNSSL, 127, 0, 0, 0, 0, 0, 9][..], &b"\x01a\0".repeat(336)].concat();
    let message = router_advert(&[&many, &many, &names, &names]).expect("sound");
    assert_eq!((message.rdnss.len(), message.dnssl.len()), (SERVERS_MAX, DOMAINS_MAX));
}
