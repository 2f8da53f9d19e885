//! What a neighbour discovery message claims (RFC 4861).

use crate::inventory::sighting::redirect::Redirect;
use crate::types::{Frame, Mac, Text};
use crate::wire::ndp;
use std::net::{IpAddr, Ipv6Addr};

/// NDP's claim; `Sighting::ip` is the address that the link-layer option (or, without one, the frame's source) belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NdpClaim {
    /// Neighbour advertisement: the target is held by `Sighting::mac`.
    Advert {
        /// The R flag: the sender says that it is a router.
        router: bool,
        /// The S flag: the message answers a solicitation.
        solicited: bool,
        /// Whether it answers a probe of the sensor.
        asked: bool,
    },
    /// Solicitation from `::`: "does anybody hold this address?" (RFC 4862, section 5.4). Binds nothing.
    Dad,
    /// Redirect (RFC 4861, section 4.5); the sighting is about the router in whose name it is sent, and binds nothing.
    Redirect(Redirect),
    /// Router advertisement. Boxed because it is rare.
    RouterAdvert(Box<RouterAdvert>),
    /// Router solicitation.
    RouterSolicit,
    /// Neighbour solicitation.
    Solicit {
        /// The address asked for.
        target: IpAddr,
    },
}

/// What a router advertisement says (RFC 4861, section 4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterAdvert {
    /// Router lifetime, seconds; 0: not a default router.
    pub lifetime_s: u16,
    /// Hop limit that hosts are to use; 0: not said.
    pub hop_limit: u8,
    /// M flag: addresses come from DHCPv6.
    pub managed: bool,
    /// O flag: other settings come from DHCPv6.
    pub other: bool,
    /// Against other routers (RFC 4191).
    pub preference: ndp::Preference,
    /// Prefixes with their flags and lifetimes.
    pub prefixes: Vec<ndp::Prefix>,
    /// MTU, bytes.
    pub mtu: Option<u32>,
    /// Routes (RFC 4191).
    pub routes: Vec<ndp::Route>,
    /// Name servers (RFC 8106).
    pub rdnss: Vec<Ipv6Addr>,
    /// Search domains (RFC 8106).
    pub dnssl: Vec<Text>,
}

/// What the message claims, and of which station and address. `None` where no station or address can be meant. An option
/// with a MAC that no station has (zero, a group's) is a claim nonetheless: hosts take it.
pub(super) fn claim(frame: &Frame<'_>, message: &ndp::Message) -> Option<(Mac, IpAddr, NdpClaim)> {
    let source = message.source;
    let holdable = |address: Ipv6Addr| !address.is_unspecified() && !address.is_multicast();
    let (mac, ip, claim) = match message.kind {
        ndp::MessageKind::Solicit { target } if source.is_unspecified() => {
            (Some(frame.source_mac), target, NdpClaim::Dad)
        }
        ndp::MessageKind::Solicit { target } => {
            (message.source_mac, source, NdpClaim::Solicit { target: target.into() })
        }
        ndp::MessageKind::Advert { target, router, solicited } => {
            // Without the option the target is the frame's source, if it answers for itself (RFC 4861, section 4.4).
            let own = (target == source).then_some(frame.source_mac);
            (message.target_mac.or(own), target, NdpClaim::Advert { router, solicited, asked: false })
        }
        ndp::MessageKind::RouterSolicit => (message.source_mac, source, NdpClaim::RouterSolicit),
        ndp::MessageKind::RouterAdvert(router) => {
            let advert = RouterAdvert {
                lifetime_s: router.lifetime_s,
                hop_limit: router.hop_limit,
                managed: router.managed,
                other: router.other,
                preference: router.preference,
                prefixes: message.prefixes.clone(),
                mtu: message.mtu,
                routes: message.routes.clone(),
                rdnss: message.rdnss.clone(),
                dnssl: message.dnssl.clone(),
            };
            // Whatever its option says, it is its sender who advertises itself.
            let mac = message.source_mac.filter(|mac| mac.is_station()).or(Some(frame.source_mac));
            (mac, source, NdpClaim::RouterAdvert(Box::new(advert)))
        }
        // Its link-layer option is the target's: the router that sends it is the frame's source.
        ndp::MessageKind::Redirect { target, destination } => (
            Some(frame.source_mac),
            source,
            NdpClaim::Redirect(Redirect {
                hop: target.into(),
                hop_mac: message.target_mac,
                destination: destination.into(),
            }),
        ),
    };
    let mac = mac.filter(|_| holdable(ip))?;
    Some((mac, ip.into(), claim))
}
