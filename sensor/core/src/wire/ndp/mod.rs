//! Neighbour Discovery (RFC 4861, section 4): RS, RA, NS, NA, redirect, with the link-layer options; of a router
//! advertisement also its flags and its options about prefixes, MTU, routes (RFC 4191) and name service (RFC 8106).
//! Other options are skipped. The ICMPv6 checksum is not verified: on virtual links it is often left to hardware that
//! does not exist, so that a valid message looks damaged.

use std::net::{IpAddr, Ipv6Addr};

use sensor_ebpf::abi::FRAME_MAX;

use crate::types::{Frame, Mac, Text};
use crate::wire::error::WireError;

/// A neighbour discovery message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The IP source address.
    pub source: Ipv6Addr,
    /// Which message it is, with its fixed part.
    pub kind: MessageKind,
    /// Source link-layer address option (the first one).
    pub source_mac: Option<Mac>,
    /// Target link-layer address option (the first one).
    pub target_mac: Option<Mac>,
    /// Prefix information options; at most [`PREFIXES_MAX`].
    pub prefixes: Vec<Prefix>,
    /// MTU option, bytes.
    pub mtu: Option<u32>,
    /// Route information options (RFC 4191, section 2.3); at most [`ROUTES_MAX`].
    pub routes: Vec<Route>,
    /// Name servers (RFC 8106, section 5.1), without those of lifetime 0; at most [`SERVERS_MAX`].
    pub rdnss: Vec<Ipv6Addr>,
    /// Search domains (RFC 8106, section 5.2), without those of lifetime 0; at most [`DOMAINS_MAX`].
    pub dnssl: Vec<Text>,
}

/// A prefix information option (RFC 4861, section 4.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix's address.
    pub address: Ipv6Addr,
    /// Its length (0..=128).
    pub length: u8,
    /// L flag: its addresses are neighbours.
    pub on_link: bool,
    /// A flag: hosts may form addresses from it (RFC 4862).
    pub autonomous: bool,
    /// Valid lifetime, seconds; all ones is infinity.
    pub valid_s: u32,
    /// Preferred lifetime, seconds; all ones is infinity.
    pub preferred_s: u32,
}

impl Prefix {
    /// An on-link prefix for autoconfiguration with infinite lifetimes.
    pub fn new(address: Ipv6Addr, length: u8) -> Self {
        let (valid_s, preferred_s) = (u32::MAX, u32::MAX);
        Self { address, length, on_link: true, autonomous: true, valid_s, preferred_s }
    }
}

/// A route information option (RFC 4191, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destination's prefix.
    pub address: Ipv6Addr,
    /// Its length (0..=128).
    pub length: u8,
    /// Preference over other routers' routes.
    pub preference: Preference,
    /// Lifetime, seconds; all ones is infinity.
    pub lifetime_s: u32,
}

/// The preference of a router or route (RFC 4191, section 2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// Written 01.
    High,
    /// Written 11.
    Low,
    /// Written 00; the reserved 10 counts as 00 (section 2.2).
    #[default]
    Medium,
}

/// What a router advertisement's fixed part says (RFC 4861, section 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Router {
    /// Router lifetime, seconds; 0: not a default router.
    pub lifetime_s: u16,
    /// Hop limit that hosts are to use; 0: not specified.
    pub hop_limit: u8,
    /// M flag: addresses come from DHCPv6.
    pub managed: bool,
    /// O flag: other settings come from DHCPv6.
    pub other: bool,
    /// Router preference (RFC 4191, section 2.2).
    pub preference: Preference,
}

/// Which message, and its fixed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Neighbour advertisement (section 4.4).
    Advert {
        /// The address that is advertised.
        target: Ipv6Addr,
        /// R flag: the sender is a router.
        router: bool,
        /// S flag: it answers a solicitation.
        solicited: bool,
    },
    /// Redirect (section 4.5).
    Redirect {
        /// The better first hop.
        target: Ipv6Addr,
        /// The destination for which it is better.
        destination: Ipv6Addr,
    },
    /// Router advertisement (section 4.2).
    RouterAdvert(Router),
    /// Router solicitation (section 4.1).
    RouterSolicit,
    /// Neighbour solicitation (section 4.3).
    Solicit {
        /// The address that is asked for.
        target: Ipv6Addr,
    },
}

/// Prefixes that are kept at most. Hosts read all options of a message, so the bounds are what fits into a frame.
pub const PREFIXES_MAX: usize = FRAME_MAX / 32;
/// Routes that are kept at most.
pub const ROUTES_MAX: usize = FRAME_MAX / 8;
/// Name servers that are kept at most.
pub const SERVERS_MAX: usize = FRAME_MAX / 16;
/// Search domains that are kept at most.
pub const DOMAINS_MAX: usize = FRAME_MAX / 3;

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
        ROUTER_SOLICIT => MessageKind::RouterSolicit,
        ROUTER_ADVERT => MessageKind::RouterAdvert(Router {
            lifetime_s: u16::from_be_bytes([fixed[6], fixed[7]]),
            hop_limit: fixed[4],
            managed: fixed[5] & 0x80 != 0,
            other: fixed[5] & 0x40 != 0,
            preference: preference(fixed[5]),
        }),
        SOLICIT => MessageKind::Solicit { target: unicast(&fixed[8..24])? },
        ADVERT => MessageKind::Advert {
            target: unicast(&fixed[8..24])?,
            router: fixed[4] & 0x80 != 0,
            solicited: fixed[4] & 0x40 != 0,
        },
        _ => MessageKind::Redirect { target: address(&fixed[8..24]), destination: unicast(&fixed[24..40])? },
    };
    let mut message = Message {
        source,
        kind,
        source_mac: None,
        target_mac: None,
        prefixes: Vec::new(),
        mtu: None,
        routes: Vec::new(),
        rdnss: Vec::new(),
        dnssl: Vec::new(),
    };
    message.read_options(&body[fixed_len..], frame.cut)?;
    if !message.is_valid(packet.destination) {
        return Err(WireError::BadValue);
    }
    Ok(Some(message))
}

impl Message {
    /// Whether hosts take the message, by its addresses and what it says (sections 6.1, 7.1 and 8.1).
    fn is_valid(&self, destination: IpAddr) -> bool {
        let IpAddr::V6(destination) = destination else { return false };
        let has_source = !self.source.is_unspecified();
        match self.kind {
            MessageKind::RouterSolicit => has_source || self.source_mac.is_none(),
            MessageKind::RouterAdvert(_) => self.source.is_unicast_link_local(),
            // Duplicate address detection goes to the address's own group.
            MessageKind::Solicit { .. } => has_source || self.source_mac.is_none() && is_solicited_node(destination),
            // To a group it answers nobody's solicitation.
            MessageKind::Advert { solicited, .. } => !(solicited && destination.is_multicast()),
            MessageKind::Redirect { target, destination: of } => {
                self.source.is_unicast_link_local() && (target.is_unicast_link_local() || target == of)
            }
        }
    }

    fn read_options(&mut self, mut rest: &[u8], is_cut: bool) -> Result<(), WireError> {
        while let &[number, units, ..] = rest {
            // "Nodes MUST silently discard an ND packet that contains an option with length zero." (section 4.6)
            if units == 0 {
                return Err(WireError::BadValue);
            }
            let Some((option, after)) = rest.split_at_checked(usize::from(units) * 8) else {
                // Only the start of a long message is captured; a missing end is not the sender's fault.
                return if is_cut { Ok(()) } else { Err(WireError::Truncated) };
            };
            match number {
                SOURCE_LINK_LAYER => self.source_mac = self.source_mac.or_else(|| mac(option)),
                TARGET_LINK_LAYER => self.target_mac = self.target_mac.or_else(|| mac(option)),
                PREFIX if option.len() >= 32 && option[2] <= 128 && self.prefixes.len() < PREFIXES_MAX => {
                    self.prefixes.push(Prefix {
                        address: address(&option[16..32]),
                        length: option[2],
                        on_link: option[3] & 0x80 != 0,
                        autonomous: option[3] & 0x40 != 0,
                        valid_s: u32_at(option, 4),
                        preferred_s: u32_at(option, 8),
                    });
                }
                MTU => self.mtu = self.mtu.or(Some(u32_at(option, 4))),
                ROUTE => self.routes.extend(route(option).filter(|_| self.routes.len() < ROUTES_MAX)),
                RDNSS if u32_at(option, 4) > 0 => {
                    let (servers, _) = option[8..].as_chunks::<16>();
                    let room = SERVERS_MAX - self.rdnss.len();
                    self.rdnss.extend(servers.iter().take(room).map(|octets| Ipv6Addr::from(*octets)));
                }
                DNSSL if u32_at(option, 4) > 0 => self.read_domains(&option[8..]),
                _ => {}
            }
            rest = after;
        }
        Ok(())
    }

    /// Names one behind the other, none of them compressed, padded with zeros (RFC 8106, section 5.2).
    fn read_domains(&mut self, mut rest: &[u8]) {
        let mut labels: Vec<&[u8]> = Vec::new();
        let mut len = 0;
        while let [size, after @ ..] = rest
            && self.dnssl.len() < DOMAINS_MAX
        {
            if *size == 0 {
                if !labels.is_empty() {
                    self.dnssl.push(Text::new(&labels.join(&b'.')));
                }
                labels.clear();
                len = 0;
                rest = after;
                continue;
            }
            len += 1 + usize::from(*size);
            let Some((label, after)) = after.split_at_checked(usize::from(*size)).filter(|_| *size < 64 && len < 255)
            else {
                return;
            };
            labels.push(label);
            rest = after;
        }
    }
}

/// The prefix takes 0, 8 or 16 bytes, depending on its length.
fn route(option: &[u8]) -> Option<Route> {
    let &[_, units, length @ 0..=128, flags, ..] = option else { return None };
    let mut octets = [0; 16];
    let given = option.get(8..option.len().min(24))?;
    octets[..given.len()].copy_from_slice(given);
    let is_sound = units <= 3 && usize::from(length).div_ceil(64) * 8 <= given.len();
    is_sound.then(|| Route {
        address: octets.into(),
        length,
        preference: preference(flags),
        lifetime_s: u32_at(option, 4),
    })
}

fn preference(flags: u8) -> Preference {
    match flags >> 3 & 3 {
        1 => Preference::High,
        3 => Preference::Low,
        _ => Preference::Medium,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

const ROUTER_SOLICIT: u8 = 133;
const ROUTER_ADVERT: u8 = 134;
const SOLICIT: u8 = 135;
const ADVERT: u8 = 136;
const REDIRECT: u8 = 137;
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
const PREFIX: u8 = 3;
const MTU: u8 = 5;
const ROUTE: u8 = 24;
const RDNSS: u8 = 25;
const DNSSL: u8 = 31;

/// `None` unless an Ethernet address fills the option exactly (RFC 2464, section 6).
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

/// Whether it is a solicited-node multicast address, ff02::1:ff00:0/104 (RFC 4291, section 2.7.1).
fn is_solicited_node(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0xff02, 0, 0, 0, 0, 1, 0xff00..=0xffff, _])
}

#[cfg(test)]
mod tests;
