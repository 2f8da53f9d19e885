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
