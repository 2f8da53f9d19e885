//! Neighbour Discovery (RFC 4861, section 4): RS, RA, NS, NA, redirect, with the link-layer and prefix options.
//! Other options are stepped over. The ICMPv6 checksum is not looked at: on virtual links it is often left to
//! hardware that is not there, so that a right message looks wrong.

use std::net::{IpAddr, Ipv6Addr};

use super::WireError;
use crate::types::{Frame, Mac};

/// A neighbour discovery message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// IP source.
    pub source: Ipv6Addr,
    /// Which message, and its fixed part.
    pub kind: Kind,
    /// Source link-layer address option (the first one).
    pub source_mac: Option<Mac>,
    /// Target link-layer address option (the first one).
    pub target_mac: Option<Mac>,
    /// Prefix information options: prefix and length; at most [`PREFIXES_MAX`].
    pub prefixes: Vec<(Ipv6Addr, u8)>,
}

/// Which message, and its fixed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Section 4.4.
    Advert {
        /// Who is spoken for.
        target: Ipv6Addr,
        /// R flag.
        router: bool,
    },
    /// Section 4.5.
    Redirect {
        /// The better first hop.
        target: Ipv6Addr,
        /// For this destination.
        destination: Ipv6Addr,
    },
    /// Section 4.2.
    RouterAdvert {
        /// Router lifetime, seconds.
        lifetime_s: u16,
    },
    /// Section 4.1.
    RouterSolicit,
    /// Section 4.3.
    Solicit {
        /// Who is asked for.
        target: Ipv6Addr,
    },
}

/// More prefixes than a link has; the rest of a message that has them is not read.
pub const PREFIXES_MAX: usize = 32;

/// Reads a frame's ICMPv6 message. `Ok(None)`: another ICMPv6 type.
pub fn parse(frame: &Frame<'_>) -> Result<Option<Message>, WireError> {
    let packet = frame.packet.ok_or(WireError::BadValue)?;
    let IpAddr::V6(source) = packet.source else { return Err(WireError::BadValue) };
    let body = frame.body;
    let &[number, code, ..] = body else { return Err(WireError::Truncated) };
    let fixed_len = match number {
        ROUTER_SOLICIT => 8,
        ROUTER_ADVERT => 16,
        SOLICIT | ADVERT => 24,
        REDIRECT => 40,
        _ => return Ok(None),
    };
    // "The IP Hop Limit field has a value of 255, i.e., the packet could not possibly have been forwarded by a
    // router." and "ICMP Code is 0." (RFC 4861, section 6.1.1 and its siblings)
    if packet.hop_limit != 255 {
        return Err(WireError::HopLimit);
    }
    if code != 0 {
        return Err(WireError::BadValue);
    }
    let fixed = body.get(..fixed_len).ok_or(WireError::Truncated)?;
    let kind = match number {
        ROUTER_SOLICIT => Kind::RouterSolicit,
        ROUTER_ADVERT => Kind::RouterAdvert { lifetime_s: u16::from_be_bytes([fixed[6], fixed[7]]) },
        SOLICIT => Kind::Solicit { target: unicast(&fixed[8..24])? },
        ADVERT => Kind::Advert { target: unicast(&fixed[8..24])?, router: fixed[4] & 0x80 != 0 },
        _ => Kind::Redirect { target: address(&fixed[8..24]), destination: unicast(&fixed[24..40])? },
    };
    let mut message = Message { source, kind, source_mac: None, target_mac: None, prefixes: Vec::new() };
    message.read_options(&body[fixed_len..], frame.cut)?;
    Ok(Some(message))
}

impl Message {
    fn read_options(&mut self, mut rest: &[u8], is_cut: bool) -> Result<(), WireError> {
        while let &[number, units, ..] = rest {
            // "Nodes MUST silently discard an ND packet that contains an option with length zero." (section 4.6)
            if units == 0 {
                return Err(WireError::BadValue);
            }
            let Some((option, after)) = rest.split_at_checked(usize::from(units) * 8) else {
                // The harvest takes only the start of a long message; what it left out is no fault of the sender.
                return if is_cut { Ok(()) } else { Err(WireError::Truncated) };
            };
            match number {
                SOURCE_LINK_LAYER => self.source_mac = self.source_mac.or_else(|| mac(option)),
                TARGET_LINK_LAYER => self.target_mac = self.target_mac.or_else(|| mac(option)),
                PREFIX if option.len() >= 32 && option[2] <= 128 && self.prefixes.len() < PREFIXES_MAX => {
                    self.prefixes.push((address(&option[16..32]), option[2]));
                }
                _ => {}
            }
            rest = after;
        }
        Ok(())
    }
}

const ROUTER_SOLICIT: u8 = 133;
const ROUTER_ADVERT: u8 = 134;
const SOLICIT: u8 = 135;
const ADVERT: u8 = 136;
const REDIRECT: u8 = 137;
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
const PREFIX: u8 = 3;

/// An Ethernet address fills its option exactly (RFC 2464, section 6).
fn mac(option: &[u8]) -> Option<Mac> {
    <&[u8; 8]>::try_from(option).ok().map(|&[_, _, a, b, c, d, e, f]| Mac([a, b, c, d, e, f]))
}

fn address(bytes: &[u8]) -> Ipv6Addr {
    bytes.first_chunk::<16>().map_or(Ipv6Addr::UNSPECIFIED, |octets| Ipv6Addr::from(*octets))
}

/// "Target Address is not a multicast address." (sections 7.1.1, 7.1.2; 8.1 for a redirect's destination)
fn unicast(bytes: &[u8]) -> Result<Ipv6Addr, WireError> {
    Some(address(bytes)).filter(|address| !address.is_multicast()).ok_or(WireError::BadValue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Class, Iface, Packet, Segment, Timestamp, Vlans};

    const HOST: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const TARGET: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
    const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    const WHOLE: bool = false;
    const CUT: bool = true;

    fn read(body: &[u8], hop_limit: u8, cut: bool) -> Result<Option<Message>, WireError> {
        let source = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));
        parse(&Frame {
            at: Timestamp::EPOCH,
            segment: Segment::tagged(Iface::new("eth0").expect("a name"), Vlans::default()),
            class: Class::Ndp,
            cut,
            flood: false,
            source_mac: HOST,
            destination_mac: Mac::BROADCAST,
            packet: Some(Packet { source, destination: IpAddr::V6(GROUP), hop_limit, protocol: 58, ports: [0; 2] }),
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

    fn check_kind(body: &[u8], expected: Result<Option<Kind>, WireError>) {
        assert_eq!(read(body, 255, WHOLE).map(|message| message.map(|message| message.kind)), expected, "{body:?}");
    }

    #[test]
    fn fixed_parts() {
        let target = TARGET.octets();
        let router = message(ROUTER_ADVERT, [64, 0, 7, 8], &[0; 8], &[]);
        let redirect = message(REDIRECT, [0; 4], &[target, target].concat(), &[]);
        check_kind(&message(ROUTER_SOLICIT, [0; 4], &[], &[]), Ok(Some(Kind::RouterSolicit)));
        check_kind(&router, Ok(Some(Kind::RouterAdvert { lifetime_s: 1800 })));
        check_kind(&message(SOLICIT, [0; 4], &target, &[]), Ok(Some(Kind::Solicit { target: TARGET })));
        let advert = |router| Ok(Some(Kind::Advert { target: TARGET, router }));
        check_kind(&message(ADVERT, [0x60, 0, 0, 0], &target, &[]), advert(false));
        check_kind(&message(ADVERT, [0x80, 0, 0, 0], &target, &[]), advert(true));
        check_kind(&redirect, Ok(Some(Kind::Redirect { target: TARGET, destination: TARGET })));
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
        check_kind(
            &message(REDIRECT, [0; 4], &[TARGET.octets(), GROUP.octets()].concat(), &[]),
            Err(WireError::BadValue),
        );
        check_kind(&with_code, Err(WireError::BadValue));
        for hop_limit in [0, 1, 254] {
            let body = message(SOLICIT, [0; 4], &TARGET.octets(), &[]);
            assert_eq!(read(&body, hop_limit, WHOLE), Err(WireError::HopLimit));
        }
    }

    /// The last octets of the two link-layer addresses, and the prefixes' lengths.
    fn check_options(options: &[&[u8]], cut: bool, expected: Result<&str, WireError>) {
        let got = read(&message(ROUTER_ADVERT, [0; 4], &[0; 8], options), 255, cut).map(|message| {
            let message = message.expect("a router advertisement is ours");
            let last = |mac: Option<Mac>| mac.map_or("-".to_owned(), |mac| mac.0[5].to_string());
            let lengths: Vec<u8> = message.prefixes.iter().map(|(_, length)| *length).collect();
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
        check_options(&[&prefix(64).repeat(40)], WHOLE, Ok(&many));
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
}
