//! What a record of multicast DNS (RFC 6762) or LLMNR (RFC 4795) claims.

use crate::inventory::model::prefix;
use crate::types::Text;
use crate::wire::dns;
use std::net::IpAddr;

/// One record of an mDNS message (RFC 6762), or the message's sender where it has none of interest.
/// Names are labels joined by `.`, nothing escaped, no final dot; the root is `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MdnsClaim {
    /// An address record (A or AAAA) of a response.
    Address {
        /// The record's owner.
        name: Text,
        /// The owner's address.
        addr: IpAddr,
    },
    /// A record with TTL 0: what it was, and its owner.
    Goodbye {
        /// The record that ends.
        record: Box<MdnsClaim>,
    },
    /// A record that describes another host than its sender, as reflectors and sleep proxies send: the message gives
    /// addresses, and the sender's is not among them.
    OfAnother {
        /// The record.
        record: Box<MdnsClaim>,
        /// The addresses that the message gives; at most [`ELSEWHERE_MAX`].
        addresses: Vec<IpAddr>,
    },
    /// A question.
    Query {
        /// The name asked for.
        name: Text,
    },
    /// A reverse name: PTR below `in-addr.arpa` or `ip6.arpa`.
    Reverse {
        /// The record's owner.
        name: Text,
        /// The name that it points to.
        target: Text,
    },
    /// An instance of a service type (PTR).
    Service {
        /// The service type.
        name: Text,
        /// The instance.
        instance: Text,
    },
    /// Host and port of an instance (SRV).
    Srv {
        /// The instance.
        name: Text,
        /// The host name.
        target: Text,
        /// The port.
        port: u16,
    },
    /// Attributes of an instance (TXT).
    Txt {
        /// The record's owner.
        name: Text,
        /// Its strings.
        txt: Vec<Text>,
    },
    /// A service type that exists (PTR of `_services._dns-sd._udp`).
    Type {
        /// The service type that exists.
        name: Text,
    },
}

/// Addresses of another host that are kept at most: more than a host has.
pub const ELSEWHERE_MAX: usize = 16;

/// What the message from this address claims: one claim a question, or one a record of a response.
pub(super) fn claims(message: &dns::Message, source: Option<IpAddr>) -> impl Iterator<Item = MdnsClaim> {
    let addresses = source.map_or_else(Vec::new, |source| elsewhere(message, source));
    let claim = move |record: &dns::Record| {
        let claim = match record.ttl_s {
            0 => MdnsClaim::Goodbye { record: Box::new(record_claim(record)) },
            _ => record_claim(record),
        };
        match addresses.is_empty() {
            true => claim,
            false => MdnsClaim::OfAnother { record: Box::new(claim), addresses: addresses.clone() },
        }
    };
    queries(message).chain(answers(message).map(claim))
}

/// The addresses that a response gives, if they are another host's: those of the kind of its sender's address, and that is
/// not among them. A host may leave out its addresses of another kind.
fn elsewhere(message: &dns::Message, source: IpAddr) -> Vec<IpAddr> {
    let is_alike = |addr: &IpAddr| {
        addr.is_ipv4() == source.is_ipv4() && prefix::is_link_local(*addr) == prefix::is_link_local(source)
    };
    let given = answers(message).filter_map(|record| match record.data {
        dns::Data::Address(addr) => Some(addr).filter(is_alike),
        _ => None,
    });
    let given: Vec<IpAddr> = given.collect();
    if given.contains(&source) { Vec::new() } else { given.into_iter().take(ELSEWHERE_MAX).collect() }
}

/// As [`claims`], of an LLMNR message (RFC 4795): a TTL of 0 is no goodbye there.
pub(super) fn llmnr_claims(message: &dns::Message) -> impl Iterator<Item = MdnsClaim> {
    queries(message).chain(answers(message).map(record_claim))
}

/// What a response says, one claim a record; goodbyes are left out.
pub fn live_claims(message: &dns::Message) -> impl Iterator<Item = MdnsClaim> {
    message.records.iter().filter(|record| record.ttl_s > 0).map(record_claim)
}

fn queries(message: &dns::Message) -> impl Iterator<Item = MdnsClaim> {
    let questions = message.questions.iter().filter(|_| !message.is_response);
    questions.map(|name| MdnsClaim::Query { name: name.clone() })
}

fn answers(message: &dns::Message) -> impl Iterator<Item = &dns::Record> {
    message.records.iter().filter(|_| message.is_response)
}

fn record_claim(record: &dns::Record) -> MdnsClaim {
    let name = record.name.clone();
    match &record.data {
        dns::Data::Address(addr) => MdnsClaim::Address { name, addr: *addr },
        dns::Data::Service { target, port } => MdnsClaim::Srv { name, target: target.clone(), port: *port },
        dns::Data::Texts(txt) => MdnsClaim::Txt { name, txt: txt.clone() },
        dns::Data::Pointer(to) => {
            let owner = record.name.as_bytes().to_ascii_lowercase();
            if owner.ends_with(b".in-addr.arpa") || owner.ends_with(b".ip6.arpa") {
                MdnsClaim::Reverse { name, target: to.clone() }
            } else if owner.starts_with(b"_services._dns-sd._udp") {
                MdnsClaim::Type { name: to.clone() }
            } else {
                MdnsClaim::Service { name, instance: to.clone() }
            }
        }
    }
}
